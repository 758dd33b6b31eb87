"""The demo agent's lines."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clawdforge.agents.demo.protocol import Decoder, prompt_line
from clawdforge.core.events import Event, Ready, Stop, Text, TurnEnded, Unknown
from clawdforge.core.usage import Usage

json_value = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=10,
)


def fed(decoder: Decoder, *messages: Any) -> list[Event]:
    return [event for message in messages for event in decoder.feed(json.dumps(message).encode())]


def test_a_turn() -> None:
    decoder = Decoder()
    decoder.expect("t1", "three short words")
    events = fed(
        decoder,
        {"type": "ready", "version": "1"},
        {"type": "text", "text": "a"},
        {"type": "result", "text": "a b", "stop_reason": "end_turn", "usage": {"output_tokens": 2}},
    )
    assert events == [
        Ready(version="1"),
        Text(text="a"),
        TurnEnded(
            turn_id="t1",
            stop=Stop.DONE,
            reason="end_turn",
            text="a b",
            usage=Usage(input_tokens=3, output_tokens=2, cost_microusd=0),
        ),
    ]
    assert decoder.lost() == []


def test_a_failed_turn() -> None:
    decoder = Decoder()
    decoder.expect("t1", "x")
    (event,) = fed(decoder, {"type": "error", "message": "no"})
    assert isinstance(event, TurnEnded)
    assert (event.stop, event.reason, event.text) == (Stop.FAILED, "error", "no")


def test_an_end_without_a_turn_is_unknown() -> None:
    assert isinstance(fed(Decoder(), {"type": "result", "text": "x"})[0], Unknown)


def is_open(decoder: Decoder) -> bool:
    return decoder.has_open_turn


def test_lost() -> None:
    decoder = Decoder()
    assert not is_open(decoder)
    decoder.expect("t1", "x")
    assert is_open(decoder)
    assert decoder.lost() == [TurnEnded(turn_id="t1", stop=Stop.LOST)]
    assert not is_open(decoder)
    assert decoder.lost() == []


@pytest.mark.parametrize(
    "line", [b"text", b"42", b"null", b"[1]", b"\xff\xfe", b'{"a": ', b"[" * 100_000]
)
def test_garbage_is_skipped_and_counted(line: bytes) -> None:
    decoder = Decoder()
    assert decoder.feed(line) == []
    assert decoder.feed(b"  ") == []
    assert decoder.skipped == 1


@pytest.mark.parametrize("count", [-1, True, 1.5, "9", None, 2**60, 10**40])
def test_absurd_counts_are_no_counts(count: Any) -> None:
    decoder = Decoder()
    decoder.expect("t1", "x")
    usage = {"output_tokens": count}
    (event,) = fed(decoder, {"type": "result", "text": "x", "usage": usage})
    assert isinstance(event, TurnEnded)
    assert event.usage.output_tokens in {None, 1}  # True is an integer in a pattern


@given(
    st.sampled_from(["ready", "text", "result", "error", None]),
    st.dictionaries(st.text(), json_value),
)
def test_no_json_raises(kind: str | None, message: dict[str, Any]) -> None:
    decoder = Decoder()
    decoder.expect("t1", "x")
    fed(decoder, {**message, "type": kind})


@given(st.binary())
def test_no_bytes_raise(line: bytes) -> None:
    Decoder().feed(line)


@given(st.text(st.characters(codec=None, exclude_categories=())))
def test_a_prompt_is_one_line(text: str) -> None:
    line = prompt_line(text, model="m", system="s")
    assert line.count(b"\n") == 1
    assert json.loads(line) == {"type": "prompt", "text": text, "model": "m", "system": "s"}
