"""The end of a stream is kept, and no more of it."""

from hypothesis import given
from hypothesis import strategies as st

from clawdforge.processes.tail import Tail


@given(st.lists(st.binary(max_size=30)), st.integers(1, 20))
def test_the_newest_bytes_are_kept(pieces: list[bytes], limit: int) -> None:
    tail = Tail(limit)
    for piece in pieces:
        tail.feed(piece)
        assert len(tail._kept) <= 2 * limit
    stream = b"".join(pieces)
    assert tail.bytes() == stream[-limit:]
    assert tail.total == len(stream)


def test_text_of_a_cut_character() -> None:
    tail = Tail(2)
    tail.feed("aé".encode() + b"!")
    assert tail.text() == "\N{REPLACEMENT CHARACTER}!"
