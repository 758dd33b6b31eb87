"""Lines out of bytes, however the bytes are cut."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clawdforge.errors import AgentProtocolError
from clawdforge.wire.framing import LineFramer

STREAMS = st.lists(st.sampled_from([b"\n", b"\r", b"a", b"\xff", b"\x00", b"long enough "])).map(
    b"".join
)


def lines_of(pieces: list[bytes], limit: int = 1000) -> list[bytes]:
    framer = LineFramer(limit)
    lines = [line for piece in pieces for line in framer.feed(piece)]
    last = framer.end()
    return lines if last is None else [*lines, last]


@given(STREAMS, st.lists(st.integers(0, 60)))
def test_any_split_gives_the_same_lines(stream: bytes, cuts: list[int]) -> None:
    edges = [0, *sorted(min(cut, len(stream)) for cut in cuts), len(stream)]
    pieces = [stream[start:stop] for start, stop in itertools.pairwise(edges)]
    assert lines_of(pieces) == lines_of([stream])


@given(st.lists(st.binary().map(lambda line: line.replace(b"\n", b"").rstrip(b"\r"))))
def test_what_was_joined_is_split(lines: list[bytes]) -> None:
    assert lines_of([b"".join(line + b"\n" for line in lines)]) == lines
    assert lines_of([b"".join(line + b"\r\n" for line in lines)]) == lines


def test_the_last_line_needs_no_newline() -> None:
    framer = LineFramer()
    assert framer.feed(b"one\ntwo") == [b"one"]
    assert framer.end() == b"two"
    assert framer.end() is None


@pytest.mark.parametrize("size", [1, 7, 1000], ids=lambda size: f"pieces of {size}")
def test_a_line_over_the_limit_is_an_error_before_its_end(size: int) -> None:
    framer = LineFramer(10)
    assert framer.feed(b"x" * 10 + b"\n") == [b"x" * 10]
    pieces = [b"x" * min(size, 11 - start) for start in range(0, 11, size)]
    assert [framer.feed(piece) for piece in pieces[:-1]] == [[]] * (len(pieces) - 1)
    with pytest.raises(AgentProtocolError, match="longer than 10 bytes") as caught:
        framer.feed(pieces[-1])
    assert caught.value.code == "line_too_long"
