"""Server-sent events: the same messages whatever the pieces, as the standard has them."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clawdforge.wire.forge_json import MalformedError
from clawdforge.wire.sse import Message, SseParser


def parsed(*pieces: bytes) -> list[Message]:
    parser = SseParser()
    return [message for piece in pieces for message in parser.feed(piece)]


def message(data: bytes, event: str = "message", last_id: str = "") -> Message:
    return Message(event=event, data=data, id=last_id)


@pytest.mark.parametrize(
    ("stream", "expected"),
    [
        (b"", []),
        (b"data: a\n\n", [message(b"a")]),
        (b"data:a\n\n", [message(b"a")]),
        (b"data:  a\n\n", [message(b" a")]),
        (b"data: a\ndata: b\n\n", [message(b"a\nb")]),
        (b"data\n\n", [message(b"")]),
        (b"data: a\n", []),
        (b"data: a", []),
        (b": heartbeat\n\ndata: a\n\n", [message(b"a")]),
        (b"event: x\n\ndata: a\n\n", [message(b"a")]),
        (b"event: text\nid: 7\ndata: {}\n\n", [message(b"{}", "text", "7")]),
        (
            b"id: 7\ndata: a\n\ndata: b\n\n",
            [message(b"a", last_id="7"), message(b"b", last_id="7")],
        ),
        (b"id: 7\ndata: a\n\nid\ndata: b\n\n", [message(b"a", last_id="7"), message(b"b")]),
        (b"id: a\0b\ndata: a\n\n", [message(b"a")]),
        (b"retry: 5\nnobody: knows\ndata: a\n\n", [message(b"a")]),
        (b"data: a: b\n\n", [message(b"a: b")]),
        (b"\xef\xbb\xbfdata: a\n\n", [message(b"a")]),
        (b"data: \xc3\xa4\n\n", [message("ä".encode())]),
        (b"\n\n\ndata: a\n\n\n\n", [message(b"a")]),
    ],
)
@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\r"], ids=["LF", "CRLF", "CR"])
def test_what_the_standard_says(stream: bytes, expected: list[Message], end: bytes) -> None:
    stream = stream.replace(b"\n", end)
    assert parsed(stream) == [message(each.data, each.event, each.id) for each in expected]


LINES = st.lists(
    st.sampled_from(
        [
            b"data: x",
            b"data",
            b"data:y:z",
            b"event: text",
            b"id: 1",
            b"id",
            b": c",
            b"",
            b"",
            b"odd",
        ]
    )
    | st.binary(max_size=20).filter(lambda line: b"\r" not in line and b"\n" not in line),
    max_size=30,
)


@given(
    lines=LINES,
    ends=st.lists(st.sampled_from([b"\n", b"\r\n", b"\r"]), min_size=30, max_size=30),
    cuts=st.lists(st.integers(0, 400)),
)
def test_any_split_of_the_bytes_gives_the_same_messages(
    lines: list[bytes], ends: list[bytes], cuts: list[int]
) -> None:
    stream = b"".join(line + end for line, end in zip(lines, ends, strict=False))
    places = sorted({0, len(stream), *(cut for cut in cuts if cut < len(stream))})
    pieces = [stream[a:b] for a, b in itertools.pairwise(places)]
    whole = parsed(stream)
    assert parsed(*pieces) == whole
    assert parsed(*(bytes([byte]) for byte in stream)) == whole


@given(st.lists(st.binary(max_size=50), max_size=10))
def test_any_bytes_are_read_without_an_error(pieces: list[bytes]) -> None:
    parsed(*pieces)


@pytest.mark.parametrize(
    "stream", [b"data: " + b"x" * 200, b"data: xxxx\n" * 50, b"x" * 200, b"data\n" * 200]
)
def test_a_message_is_bounded(stream: bytes) -> None:
    parser = SseParser(max_message_bytes=100)
    pieces = [stream[start : start + 7] for start in range(0, len(stream), 7)]
    with pytest.raises(MalformedError, match="larger than 100"):
        list(map(parser.feed, pieces))


def test_what_is_passed_over_does_not_count() -> None:
    parser = SseParser(max_message_bytes=100)
    for number in range(100):
        assert parser.feed(b": heartbeat heartbeat heartbeat\n") == []
        assert parser.feed(f"id: {number}\n".encode()) == []
    assert parser.feed(b"data: a\n\n") == [message(b"a", last_id="99")]


def test_a_message_does_not_show_its_data() -> None:
    assert "secret" not in repr(message(b"secret"))
