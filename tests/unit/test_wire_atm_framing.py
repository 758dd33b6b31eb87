"""Bounded lines out of bytes, however the bytes are cut; and the messages on them."""

import itertools
import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clawdforge.wire import atm
from clawdforge.wire.framing import BoundedLines, TooLong

LIMIT = 12
STREAMS = st.lists(
    st.sampled_from([b"\n", b"\r\n", b" ", b"a", b"\xff", b"\x00", b"nearly long", b"far too long"])
).map(b"".join)
CUTS = st.lists(st.integers(0, 80))


def lines_of(pieces: list[bytes], limit: int = LIMIT) -> list[bytes | TooLong]:
    framer = BoundedLines(limit)
    lines = [line for piece in pieces for line in framer.feed(piece)]
    last = framer.end()
    return lines if last is None else [*lines, last]


def pieces_of(stream: bytes, cuts: list[int]) -> list[bytes]:
    edges = [0, *sorted(min(cut, len(stream)) for cut in cuts), len(stream)]
    return [stream[start:stop] for start, stop in itertools.pairwise(edges)]


def plainly(stream: bytes, limit: int = LIMIT) -> list[bytes | TooLong]:
    """The same, by looking at all of it at once."""
    *whole, last = stream.split(b"\n")
    lines = [line if len(line) + 1 <= limit else TooLong() for line in whole]
    if len(last) > limit:
        lines.append(TooLong())
    return [*lines, last] if last and len(last) <= limit else lines


@given(STREAMS, CUTS)
def test_any_split_gives_the_same_lines(stream: bytes, cuts: list[int]) -> None:
    assert lines_of(pieces_of(stream, cuts)) == plainly(stream)


def test_the_limit_counts_the_line_feed() -> None:
    assert lines_of([b"x" * (atm.MAX_LINE - 1) + b"\n"], atm.MAX_LINE) == [
        b"x" * (atm.MAX_LINE - 1)
    ]
    assert lines_of([b"x" * atm.MAX_LINE + b"\n"], atm.MAX_LINE) == [TooLong()]
    assert lines_of([b"x" * atm.MAX_LINE], atm.MAX_LINE) == [b"x" * atm.MAX_LINE]


def test_a_long_line_is_told_before_its_end_and_only_once() -> None:
    framer = BoundedLines(10)
    assert framer.feed(b"x" * 10) == []
    assert framer.feed(b"x") == [TooLong()]
    assert framer.has_partial
    assert framer.feed(b"x" * 100) == []
    assert framer.feed(b"tail\nnext\n") == [b"next"]
    assert not framer.has_partial


def test_blank_lines_and_carriage_returns_stay() -> None:
    assert lines_of([b"\n \n\r\na\r\n"]) == [b"", b" ", b"\r", b"a\r"]


def test_the_last_line_needs_no_line_feed() -> None:
    framer = BoundedLines(10)
    assert framer.feed(b"one\ntwo") == [b"one"]
    assert framer.has_partial
    assert framer.end() == b"two"
    assert framer.end() is None
    assert not framer.has_partial


@pytest.mark.parametrize("size", [1, 4096, 262_144], ids=lambda size: f"pieces of {size}")
def test_an_endless_line_takes_no_more_memory_than_the_limit(size: int) -> None:
    limit = 16_384
    framer = BoundedLines(limit)
    piece = b"x" * size
    tracemalloc.start()
    try:
        found = [line for _ in range(8 * limit // size + 1) for line in framer.feed(piece)]
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert found == [TooLong()]
    assert peak < 4 * limit + 2 * size


REQUESTS = st.lists(
    st.sampled_from(
        [
            atm.encode_request("connect", client_id="zoë"),
            atm.encode_request("ping", seq=7),
            atm.encode_request("subscribe", session_id="日本"),
            atm.encode_request("status_update", data={"session_id": "s", "cwd": "/é"}),
            atm.encode_request("hook_event", data={"session_id": "s", "hook_event_name": "Stop"}),
            b"\r\n",
            b"{}\n",
        ]
    ),
    max_size=6,
).map(b"".join)


def told(pieces: list[bytes]) -> list[object]:
    said: list[object] = []
    for line in lines_of(pieces, atm.MAX_LINE):
        assert isinstance(line, bytes)
        try:
            said.append(atm.read_request(line))
        except atm.WireError as error:
            said.append((error.code, error.message))
    return said


@given(REQUESTS, st.lists(st.integers(0, 600)))
def test_any_split_gives_the_same_messages(stream: bytes, cuts: list[int]) -> None:
    assert [repr(one) for one in told(pieces_of(stream, cuts))] == [
        repr(one) for one in told([stream])
    ]
