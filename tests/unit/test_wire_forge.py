"""The JSON of the HTTP API: strict where it matters, tolerant where servers grow."""

import contextlib
import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from clawdforge.wire import forge, forge_events, forge_json, forge_sessions
from clawdforge.wire.forge_json import MalformedError, decode, decode_error, depth, shown

REPLIES: dict[type[Any], dict[str, Any]] = {
    forge.Health: {"ok": True, "claude_present": False, "claude_version": None},
    forge.Ready: {"ok": False, "problem": "stopping"},
    forge.RunReply: {"ok": True, "result": {"a": [1]}, "duration_ms": 12, "stop_reason": None},
    forge.RunFailureReply: {
        "ok": False,
        "error": "claude exit 1",
        "stderr": "boom",
        "duration_ms": 5,
        "stop_reason": "error",
    },
    forge.FileReply: {"file_token": "ff_aB-_9", "ttl_secs": 3600, "size": 0},
    forge.TokenReply: {"name": "app", "token": "cf_secret", "ip_cidrs": []},
    forge.TokenList: {
        "tokens": [{"name": "app", "ip_cidrs": ["10.0.0.0/8"], "created_at": 1, "token": None}]
    },
    forge.Acknowledged: {"ok": True},
    forge.RunInfo: {"run_id": "r1", "agent": "demo", "state": "running", "started_at": 1},
    forge.RunPage: {"runs": [], "count": 0, "next": None},
    forge.AgentList: {
        "agents": [
            {
                "name": "demo",
                "driver": "demo",
                "default": True,
                "available": True,
                "version": None,
                "detail": None,
            }
        ]
    },
    forge_sessions.SessionReply: {
        "ok": True,
        "session_id": "s1",
        "agent": "demo",
        "created_at": 1,
        "model": None,
    },
    forge_sessions.SessionInfo: {
        "session_id": "s1",
        "agent": "demo",
        "created_at": 1,
        "turn_count": 0,
        "last_turn_at": None,
        "closed_at": None,
        "live": False,
        "meta": None,
    },
    forge_sessions.SessionPage: {"sessions": [], "count": 0, "next": None},
    forge_sessions.ClosedReply: {"ok": True, "already_closed": False},
    forge_sessions.TurnReply: {
        "ok": True,
        "session_id": "s1",
        "turn_index": 1,
        "events": [],
        "stop_reason": "end_turn",
        "duration_ms": 5,
    },
    forge_sessions.TurnFailureReply: {
        "ok": False,
        "error": "agent exit 1",
        "stderr": "",
        "stop_reason": "error",
        "duration_ms": 5,
        "session_id": "s1",
    },
    forge_sessions.TurnInfo: {
        "session_id": "s1",
        "turn_index": 1,
        "state": "running",
        "started_at": 1,
        "ok": None,
        "events": [],
    },
    forge_sessions.TurnPage: {"turns": [], "count": 0, "next": None},
    forge_sessions.Cancelled: {"ok": True, "cancelled": False, "turn_index": None},
    forge_sessions.PermissionInfo: {
        "permission_id": "p1",
        "session_id": "s1",
        "state": "pending",
        "tool": "Bash",
        "asked_at": 1,
        "paths": [],
        "options": [],
        "answer": None,
    },
    forge_sessions.PermissionList: {"permissions": [], "count": 0},
    forge.ServerFile: {"url": "http://127.0.0.1:8800", "pid": 1, "version": "1", "started_at": 1},
}
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)


def encode(value: Any) -> bytes:
    return json.dumps(value).encode()


@pytest.mark.parametrize("kind", REPLIES, ids=lambda kind: kind.__name__)
def test_a_reply_is_decoded_and_unknown_keys_are_ignored(kind: type[Any]) -> None:
    value = decode(encode(REPLIES[kind] | {"new_in_0_9": {"x": 1}}), kind)
    again = json.loads(msgspec.json.encode(value))
    for key, expected in REPLIES[kind].items():
        if isinstance(expected, list) and expected:
            assert again[key][0]["name"] == expected[0]["name"]
        else:
            assert again[key] == expected


@pytest.mark.parametrize("kind", REPLIES, ids=lambda kind: kind.__name__)
def test_an_integer_is_an_integer(kind: type[Any]) -> None:
    for key, value in REPLIES[kind].items():
        if type(value) is int:
            for wrong in (True, 1.0, 1.5, "1", [1]):
                with pytest.raises(MalformedError, match="Expected `int"):
                    decode(encode(REPLIES[kind] | {key: wrong}), kind)


@pytest.mark.parametrize("kind", REPLIES, ids=lambda kind: kind.__name__)
def test_a_list_is_never_null_and_a_flag_is_never_a_number(kind: type[Any]) -> None:
    for key, value in REPLIES[kind].items():
        if isinstance(value, list | bool):
            wrongs: tuple[Any, ...] = (None, 1, "x", {})
            for wrong in wrongs:
                with pytest.raises(MalformedError):
                    decode(encode(REPLIES[kind] | {key: wrong}), kind)


@pytest.mark.parametrize(
    ("kind", "key"),
    [(forge.RunReply, "duration_ms"), (forge.FileReply, "size"), (forge.RunInfo, "started_at")],
)
def test_what_is_always_known_is_never_null(kind: type[Any], key: str) -> None:
    with pytest.raises(MalformedError, match=key):
        decode(encode(REPLIES[kind] | {key: None}), kind)


def test_old_servers_may_leave_out_what_came_later() -> None:
    health = decode(encode(REPLIES[forge.Health]), forge.Health)
    assert (health.acpx_present, health.open_sessions) == (None, None)


@pytest.mark.parametrize("token", ["", "xx_1", "ff_", "ff_a/b", "ff_a\n", "ff_" + "a" * 300])
def test_a_file_token_has_its_form(token: str) -> None:
    with pytest.raises(MalformedError):
        decode(encode(REPLIES[forge.FileReply] | {"file_token": token}), forge.FileReply)


def test_requests_leave_out_what_is_not_set() -> None:
    assert json.loads(msgspec.json.encode(forge.RunRequest(prompt="hi"))) == {"prompt": "hi"}
    full = forge.RunRequest(prompt="hi", files=("ff_a",), timeout_secs=5, effort="max")
    assert json.loads(msgspec.json.encode(full)) == {
        "prompt": "hi",
        "files": ["ff_a"],
        "timeout_secs": 5,
        "effort": "max",
    }
    assert json.loads(msgspec.json.encode(forge.TokenRequest(name="a"))) == {"name": "a"}


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"nonsense",
        b"{",
        b'"\xff"',
        b'{"ok": true} x',
        b"NaN",
        b'"\\ud800"',
        b"1e999",
        b"9" * 5000,
        b"[" * 100_000,
        b"\x00",
    ],
)
def test_what_is_not_json_is_malformed(body: bytes) -> None:
    with pytest.raises(MalformedError):
        decode(body, object)


def test_nesting_is_bounded_at_exactly_the_limit() -> None:
    limit = forge_json.MAX_DEPTH
    assert decode(b"[" * limit + b"]" * limit, object)
    with pytest.raises(MalformedError, match="nested"):
        decode(b"[" * (limit + 1) + b"]" * (limit + 1), object)


def test_brackets_in_strings_are_no_nesting() -> None:
    text = "[{" * 500 + '\\"[' * 50
    assert decode(encode({"a": text}), object) == {"a": text}
    assert depth(encode([text, [text]])) == 2


@given(JSON)
def test_depth_is_what_it_is(value: Any) -> None:
    def deep(value: Any) -> int:
        if isinstance(value, dict):
            return 1 + max(map(deep, value.values()), default=0)
        if isinstance(value, list):
            return 1 + max(map(deep, value), default=0)
        return 0

    assert depth(encode(value)) == min(deep(value), forge_json.MAX_DEPTH + 1)


@pytest.mark.parametrize("kind", REPLIES, ids=lambda kind: kind.__name__)
@given(body=JSON.map(encode) | st.binary() | st.text(alphabet='[]{}":,\\ \n0e-tru').map(str.encode))
def test_any_bytes_are_a_value_or_malformed(kind: type[Any], body: bytes) -> None:
    with contextlib.suppress(MalformedError):
        assert isinstance(decode(body, kind), kind)


@given(st.sampled_from(list(REPLIES)), st.text(max_size=20), JSON)
def test_any_value_under_any_key_is_a_value_or_malformed(
    kind: type[Any], key: str, value: Any
) -> None:
    for name in (key, *REPLIES[kind]):
        with contextlib.suppress(MalformedError):
            decode(encode(REPLIES[kind] | {name: value}), kind)


@pytest.mark.parametrize(
    ("body", "code", "message"),
    [
        ({"ok": False, "error": {"code": "busy", "message": "Full."}}, "busy", "Full."),
        ({"error": {"code": 7, "message": "Full."}}, None, "Full."),
        ({"error": "claude exit 1", "detail": "other"}, None, "claude exit 1"),
        ({"error": "", "detail": "Not authenticated"}, None, "Not authenticated"),
        ({"error": {"message": ""}, "detail": None}, None, '{"message":""}'),
        ({"error": {"reason": "odd"}}, None, '{"reason":"odd"}'),
        ({"error": {}, "detail": "d"}, None, "d"),
        ({"detail": {"msg": "bad"}}, None, "bad"),
        (
            {"detail": [{"loc": ["body", "prompt"], "msg": "missing"}, {"msg": "b"}]},
            None,
            "body.prompt: missing; b",
        ),
        ({"detail": 7}, None, "7"),
        ({"detail": [None, [], ""]}, None, None),
        ({}, None, None),
        ([1], None, None),
        (None, None, None),
    ],
)
def test_every_shape_of_error_says_something(
    body: Any, code: str | None, message: str | None
) -> None:
    said = decode_error(encode(body))
    assert (said.code, said.message, said.body) == (code, message, body)


def test_an_error_body_that_is_no_json_or_too_large_says_nothing() -> None:
    for body in (b"<html>", b"", b"[" * 1000, b'"' + b"a" * forge_json.MAX_ERROR_BYTES + b'"'):
        assert decode_error(body) == forge_json.ErrorBody()


@given(JSON.map(encode) | st.binary())
def test_an_error_body_never_raises_and_shows_one_short_line(body: bytes) -> None:
    message = decode_error(body).message
    assert message is None or (0 < len(message) <= forge_json.MAX_SHOWN and message.isprintable())


@given(st.text(), st.integers(1, 50))
def test_a_shown_text_is_one_short_line(text: str, limit: int) -> None:
    line = shown(text, limit)
    assert len(line) <= limit
    assert line.isprintable()


def test_a_shown_text_cannot_drive_a_terminal() -> None:
    assert shown("a\x1b[2J\r\nb\u202ec") == "a [2J b c"
    assert shown("x" * 500) == "x" * 199 + "…"


EVENTS: dict[str, dict[str, Any]] = {
    "turn_started": {"origin": "user", "model": None, "waited_ms": 0, "prompt_bytes": 5},
    "agent_started": {"agent": "demo", "version": "1", "resumed": False},
    "agent_stopped": {"reason": "idle"},
    "text": {"text": "hi", "message_id": "m1"},
    "thinking": {"text": "hm"},
    "tool_call": {"call_id": "c1", "name": "Bash", "status": "pending", "args": {"a": [1]}},
    "plan": {"entries": [{"content": "do it", "status": "pending", "priority": None}]},
    "permission_request": {
        "permission_id": "p1",
        "tool": "Bash",
        "paths": ["a"],
        "options": [{"option_id": "o1", "kind": "allow_once", "name": "Yes"}],
        "expires_at": 7,
    },
    "permission_resolved": {"permission_id": None, "state": "denied", "by": "policy"},
    "usage": {"context_used": 5, "context_size": None},
    "retry": {"attempt": 1, "max_attempts": None, "delay_ms": 5, "status": 529},
    "background": {"tasks": ["make"]},
    "setting_changed": {"key": "model", "value": "opus"},
    "note": {"kind": "compacted", "text": ""},
    "unknown": {"raw": {"x": 1}},
    "turn_ended": {
        "state": "done",
        "stop_reason": "end_turn",
        "error": None,
        "duration_ms": 5,
        "usage": {"input_tokens": 1, "output_tokens": None},
    },
    "session_closed": {"reason": "asked"},
    "session_reopened": {},
    "owner_changed": {"epoch": 3},
}
HEAD = {"seq": 3, "turn": 1, "at": 1700000000}


@pytest.mark.parametrize("kind", EVENTS)
def test_every_event_has_a_type_of_its_own(kind: str) -> None:
    raw = {**HEAD, "type": kind, **EVENTS[kind], "new_in_0_9": 1}
    event = forge_events.decode_event(encode(raw))
    assert not isinstance(event, forge_events.Other)
    assert (event.type, event.seq, event.turn, event.at) == (kind, 3, 1, 1700000000)
    shown = json.loads(encode(forge_events.as_json(event)))
    for key, value in (HEAD | EVENTS[kind]).items():
        if key not in {"usage", "message_id"}:
            assert shown[key] == value


def test_an_event_that_nobody_knows_is_kept_whole() -> None:
    raw = {**HEAD, "type": "from_the_future", "x": [1]}
    event = forge_events.decode_event(encode(raw))
    assert isinstance(event, forge_events.Other)
    assert (event.type, event.seq) == ("from_the_future", 3)
    assert forge_events.as_json(event) == raw


@pytest.mark.parametrize(
    "change",
    [{"seq": None}, {"seq": "3"}, {"seq": True}, {"turn": None}, {"type": None}, {"text": 7}],
    ids=str,
)
def test_an_event_that_is_almost_right_is_malformed(change: dict[str, Any]) -> None:
    with pytest.raises(MalformedError):
        forge_events.decode_event(encode({**HEAD, "type": "text", "text": "hi", **change}))


def test_arguments_of_a_tool_may_be_nested_deeply() -> None:
    args: Any = []
    for _ in range(200):
        args = [args]
    raw = {**HEAD, "type": "tool_call", "call_id": "c1", "args": args}
    event = forge_events.decode_event(encode(raw))
    assert isinstance(event, forge_events.ToolCall)
    assert event.args == args
    with pytest.raises(MalformedError):
        forge_events.decode_event(b'{"a":' * 100_000)


def test_a_page_of_events() -> None:
    page = forge_events.decode_page(
        encode({"events": [{**HEAD, "type": "text", "text": "hi"}], "next": 3})
    )
    assert page.next == 3
    assert page.events == (forge_events.Text(seq=3, turn=1, at=1700000000, text="hi"),)
    wrongs: tuple[Any, ...] = ({"events": None}, {"events": [7]}, {}, [], {"events": [{}]})
    for wrong in wrongs:
        with pytest.raises(MalformedError):
            forge_events.decode_page(encode(wrong))


@given(JSON, st.sampled_from(sorted(EVENTS)), st.text(max_size=10))
def test_any_json_is_an_event_or_malformed(value: Any, kind: str, key: str) -> None:
    for raw in (value, {**HEAD, "type": kind, **EVENTS[kind], key: value}):
        with contextlib.suppress(MalformedError):
            assert isinstance(forge_events.decode_event(encode(raw)), forge_events.Event)


def test_session_requests_leave_out_what_is_not_set() -> None:
    assert msgspec.json.encode(forge_sessions.SessionRequest()) == b"{}"
    assert msgspec.json.encode(forge_sessions.SessionChange(model="opus")) == b'{"model":"opus"}'
    assert json.loads(msgspec.json.encode(forge_sessions.TurnRequest(prompt="hi"))) == {
        "prompt": "hi"
    }
    policy = forge_sessions.Policy(
        mode="ask", rules=(forge_sessions.Rule(tool="Bash*", action="deny"),)
    )
    assert json.loads(msgspec.json.encode(policy)) == {
        "mode": "ask",
        "rules": [{"tool": "Bash*", "action": "deny"}],
    }


@pytest.mark.parametrize(
    "wrong", [{"mode": "yes"}, {"mode": "ask", "rulez": []}, {"rules": []}, {"mode": "ask", "x": 1}]
)
def test_a_policy_with_a_misspelt_key_is_no_policy(wrong: dict[str, Any]) -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert(wrong, forge_sessions.Policy)
