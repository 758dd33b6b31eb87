"""Claude Code's stream-json, against recorded traffic of the real program."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clawdforge.agents.claude.control import INITIALIZE_ID, initialize, user_message
from clawdforge.agents.claude.launch import arguments
from clawdforge.agents.claude.protocol import Decoder
from clawdforge.agents.driver import SessionSpec
from clawdforge.core.events import (
    Ask,
    Event,
    Ready,
    Retry,
    Stop,
    Text,
    ToolCall,
    TurnEnded,
    TurnStarted,
    Unknown,
)
from clawdforge.core.names import SystemMode

RECORDINGS = Path(__file__).parents[1] / "fixtures" / "claude-stream-json"
TYPES = ["result", "assistant", "user", "system", "stream_event", "command_lifecycle", "x"]
TYPES += ["control_response", "control_request", "control_cancel_request"]
SUBTYPES = ["init", "api_retry", "success", "status", "background_tasks_changed"]
SUBTYPES += ["compact_boundary", "task_started"]
json_value = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=10,
)


def heard(recording: str, turn_id: str = "t1") -> list[Event]:
    decoder = Decoder()
    decoder.expect(turn_id)
    lines = (RECORDINGS / f"{recording}.ndjson").read_bytes().splitlines()
    return [event for line in lines for event in decoder.feed(line)]


def ends(events: list[Event]) -> list[TurnEnded]:
    return [event for event in events if isinstance(event, TurnEnded)]


def texts(events: list[Event]) -> list[str]:
    return [event.text for event in events if isinstance(event, Text)]


def fed(*messages: Any, turn_id: str | None = "t1") -> list[Event]:
    decoder = Decoder()
    if turn_id is not None:
        decoder.expect(turn_id)
    return [event for message in messages for event in decoder.feed(json.dumps(message).encode())]


def test_success() -> None:
    events = heard("permission_allow")
    assert isinstance(events[0], Ready)
    assert (events[0].version, events[0].agent_session_id) == ("2.1.316", None)
    assert isinstance(events[1], TurnStarted)
    assert (events[1].turn_id, events[1].model) == ("t1", "claude-opus-5-5")
    (end,) = ends(events)
    assert end is events[-1]
    assert (end.turn_id, end.stop, end.reason) == ("t1", Stop.DONE, "end_turn")
    assert end.text
    assert texts(events)[-1] == end.text
    assert end.usage.cost_microusd == 1320
    assert (end.usage.input_tokens, end.usage.output_tokens) == (240, 18)
    assert (end.usage.cache_read_tokens, end.usage.cache_write_tokens) == (0, 0)


def test_partial_messages_change_nothing() -> None:
    whole, partial = heard("permission_allow"), heard("permission_allow_partial")
    assert "".join(texts(partial)) == "".join(texts(whole))
    assert len(texts(partial)) > len(texts(whole))
    assert ends(partial) == ends(whole)


def test_an_error_that_calls_itself_a_success() -> None:
    (end,) = ends(heard("api_400"))
    assert (end.turn_id, end.stop, end.text) == ("t1", Stop.FAILED, "API Error: 400 scripted 400")


def test_retries_are_told() -> None:
    events = heard("api_529_retry")
    retries = [event for event in events if isinstance(event, Retry)]
    assert [(retry.attempt, retry.status) for retry in retries] == [(1, 529), (2, 529)]
    assert all(retry.delay_ms and retry.max_attempts for retry in retries)
    assert ends(events)[0].stop is Stop.DONE


@pytest.mark.parametrize(
    ("recording", "word"),
    [("interrupt", "ede_diagnostic"), ("permission_deny_interrupt", "ede_diagnostic")],
)
def test_an_interrupted_turn_failed(recording: str, word: str) -> None:
    (end,) = ends(heard(recording))
    assert (end.turn_id, end.stop) == ("t1", Stop.FAILED)
    assert word in (end.text or "")


def test_a_turn_that_the_agent_started_is_not_ours() -> None:
    events = heard("background_task")
    ours, its_own = ends(events)
    assert (ours.turn_id, ours.text) == ("t1", "started it")
    assert (its_own.turn_id, its_own.text) == (None, "I saw it finish")
    started = [event.turn_id for event in events if isinstance(event, TurnStarted)]
    assert started == ["t1", None]


def test_the_agents_own_turn_before_ours_leaves_ours_open() -> None:
    own = {"type": "result", "subtype": "success", "result": "x", "origin": {"kind": "task"}}
    mine = {"type": "result", "subtype": "success", "result": "y"}
    first, second = fed(own, mine)
    assert isinstance(first, TurnEnded)
    assert isinstance(second, TurnEnded)
    assert (first.turn_id, second.turn_id) == (None, "t1")


def test_what_nobody_can_be_asked_is_refused_at_once() -> None:
    decoder = Decoder()
    events = []
    for line in (RECORDINGS / "permission_allow.ndjson").read_bytes().splitlines():
        events += decoder.feed(line)
    assert not any(isinstance(event, Ask) for event in events)
    (answer,) = map(json.loads, decoder.take_output().splitlines())
    assert answer["response"]["response"]["behavior"] == "deny"


def test_tool_calls_are_told_whole() -> None:
    called, done = (event for event in heard("permission_allow") if isinstance(event, ToolCall))
    assert (called.name, called.kind, called.status) == ("Bash", "execute", "pending")
    assert called.args == {"command": "echo hi > note.txt; ls", "description": "Write a note"}
    assert (done.call_id, done.status) == (called.call_id, "completed")
    assert "note.txt" in done.result


def test_recordings_hold_nothing_unknown() -> None:
    for recording in RECORDINGS.glob("*.ndjson"):
        assert not any(isinstance(event, Unknown) for event in heard(recording.stem)), recording


@pytest.mark.parametrize(
    ("result", "stop"),
    [
        ({"subtype": "success", "stop_reason": "max_tokens"}, Stop.MAX_TOKENS),
        ({"subtype": "success", "stop_reason": "refusal"}, Stop.REFUSED),
        ({"subtype": "error_max_turns", "is_error": True}, Stop.MAX_TURNS),
        ({"subtype": "error_from_the_future"}, Stop.FAILED),
        ({"subtype": "success", "is_error": True}, Stop.FAILED),
        ({}, Stop.FAILED),
        ({"subtype": ["success"], "stop_reason": {"a": 1}}, Stop.FAILED),
    ],
)
def test_stops(result: dict[str, Any], stop: Stop) -> None:
    (end,) = fed({"type": "result", **result})
    assert isinstance(end, TurnEnded)
    assert (end.turn_id, end.stop) == ("t1", stop)


def test_what_a_result_without_text_says() -> None:
    def said(**result: Any) -> str | None:
        (end,) = fed({"type": "result", **result})
        assert isinstance(end, TurnEnded)
        return end.text

    assert said(errors=["a", {"b": 1}]) == "a; {'b': 1}"
    assert said(errors=[], terminal_reason="aborted") == "aborted"
    assert said(subtype="error_max_turns") == "error_max_turns"
    assert said() is None


def test_every_open_prompt_is_lost_once() -> None:
    decoder = Decoder()
    decoder.expect("t1")
    decoder.expect("t2")
    assert [end.turn_id for end in decoder.lost()] == ["t1", "t2"]
    assert decoder.lost() == []


@pytest.mark.parametrize(
    "line",
    [b"text", b"42", b'"a"', b"null", b"true", b"[1]", b"\xff\xfe", b'{"a": ', b"[" * 100_000],
)
def test_garbage_is_skipped_and_counted(line: bytes) -> None:
    decoder = Decoder()
    assert decoder.feed(line) == []
    assert decoder.feed(b"") == decoder.feed(b"  ") == []
    assert decoder.skipped == 1


@pytest.mark.parametrize(
    "count", ["NaN", "Infinity", "-Infinity", "-1", "true", '"9"', "1e999", "1e300"]
)
def test_absurd_numbers_are_no_numbers(count: str) -> None:
    decoder = Decoder()
    decoder.expect("t1")
    usage = f'{{"input_tokens": {count}, "output_tokens": 5}}'
    line = f'{{"type": "result", "usage": {usage}, "total_cost_usd": {count}}}'
    (end,) = decoder.feed(line.encode())
    assert isinstance(end, TurnEnded)
    assert (end.usage.input_tokens, end.usage.output_tokens) == (None, 5)
    assert end.usage.cost_microusd is None


@given(
    st.fixed_dictionaries(
        {"type": st.sampled_from(TYPES)},
        optional={
            "subtype": st.sampled_from(SUBTYPES) | json_value,
            "event": st.fixed_dictionaries({"type": json_value, "delta": json_value}) | json_value,
            "request": st.fixed_dictionaries(
                {"subtype": st.just("can_use_tool"), "input": json_value, "tool_name": json_value}
            )
            | json_value,
            "request_id": json_value,
            "command_uuid": st.just("t1") | json_value,
            "state": st.sampled_from(["queued", "started", "cancelled"]) | json_value,
            "tasks": json_value,
            "user_message_uuids": json_value,
            "modelUsage": json_value,
            "model_usage_since_last_result": json_value,
            "tool_use_result": json_value,
            "parent_tool_use_id": json_value,
            "session_id": json_value,
            "capabilities": json_value,
            "compact_metadata": json_value,
            "permissionMode": json_value,
            "message": st.fixed_dictionaries({"content": json_value}) | json_value,
            "response": st.fixed_dictionaries({"request_id": st.just("initialize")}) | json_value,
            "usage": st.dictionaries(
                st.sampled_from(["input_tokens", "output_tokens"]), json_value
            ),
            "total_cost_usd": json_value,
            "errors": json_value,
            "result": json_value,
            "stop_reason": json_value,
            "origin": json_value,
            "attempt": json_value,
            "model": json_value,
        },
    )
    | json_value
)
def test_no_json_raises(message: Any) -> None:
    line = json.dumps(message).encode()
    for decoder in (Decoder(), Decoder(session_id="s", asks=True, kept=True, resuming=True)):
        decoder.feed(line)
        decoder.expect("t1")
        decoder.feed(line)
        decoder.take_output()
        decoder.lost()


@given(st.binary())
def test_no_bytes_raise(line: bytes) -> None:
    Decoder().feed(line)


@given(st.lists(st.sampled_from(["prompt", "own", "result"])))
def test_every_prompt_ends_exactly_once(steps: list[str]) -> None:
    decoder = Decoder()
    prompts: list[str] = []
    ended: list[str | None] = []
    for number, step in enumerate(steps):
        if step == "prompt":
            prompts.append(str(number))
            decoder.expect(str(number))
            continue
        result = {"type": "result", **({"origin": {}} if step == "own" else {})}
        ended += [end.turn_id for end in ends(decoder.feed(json.dumps(result).encode()))]
    ended += [end.turn_id for end in decoder.lost()]
    assert [turn_id for turn_id in ended if turn_id is not None] == prompts


def flags(**spec: Any) -> list[str]:
    return arguments(SessionSpec(cwd=Path("/w"), tmp=Path("/t"), **spec))


def test_the_flags_of_a_single_turn() -> None:
    plain = flags()
    assert "--model" not in plain
    assert "--no-session-persistence" in plain
    assert "--include-partial-messages" not in plain
    assert "--permission-prompt-tool" not in plain
    full = flags(model="opus", effort="high")
    assert full[len(plain) :] == ["--model", "opus", "--effort", "high"]
    assert not any("dangerous" in flag or "bypass" in flag for flag in full)


@given(st.text(st.characters(codec=None, exclude_categories=())))
def test_what_we_write_is_one_line_each(text: str) -> None:
    line = user_message("an-id", text)
    assert line.count(b"\n") == 1
    assert json.loads(line)["message"] == {"role": "user", "content": text}
    modes: dict[SystemMode, str] = {"append": "appendSystemPrompt", "replace": "systemPrompt"}
    for mode, key in modes.items():
        hello = initialize(text, mode)
        assert hello.count(b"\n") == 1
        value = json.loads(hello)
        assert value["request_id"] == INITIALIZE_ID
        assert value["request"] == {"subtype": "initialize", key: text}
    assert json.loads(initialize(None, "append"))["request"] == {"subtype": "initialize"}
