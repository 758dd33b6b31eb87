"""What ACP agents say becomes events; JSON-RPC is read without trust."""

import json
from typing import Any

import pytest

from clawdforge.core.events import (
    Ask,
    Changed,
    Context,
    Diff,
    Note,
    Option,
    Plan,
    PlanEntry,
    Stop,
    Text,
    Thought,
    ToolCall,
    Unknown,
)
from clawdforge.core.usage import Usage
from clawdforge.wire import jsonrpc
from clawdforge.wire.acp import (
    Updates,
    failure_kind,
    failure_text,
    options_of,
    stop_of,
    usage_of,
)
from clawdforge.wire.acp_settings import knobs_of, settings_of
from clawdforge.wire.jsonrpc import Answer, Failure, Notification, Request


def one(kind: str, updates: Updates | None = None, /, **update: Any) -> Any:
    """The only event of an update."""
    (event,) = (updates or Updates()).feed({"sessionUpdate": kind, **update})
    return event


def text(value: str) -> dict[str, str]:
    return {"type": "text", "text": value}


# --- messages ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ('{"id": 0, "method": "a"}', Request(id=0, method="a", params={})),
        ('{"id": "x", "method": "a", "params": [1]}', Request(id="x", method="a", params={})),
        ('{"method": "a", "params": {"b": 1}}', Notification(method="a", params={"b": 1})),
        ('{"id": 1, "result": null}', Answer(id=1, result=None)),
        (
            '{"id": null, "error": {"code": 1, "message": "m"}}',
            Failure(id=None, code=1, message="m"),
        ),
        ('{"id": 1, "error": "no"}', Failure(id=1, code=-32603, message="no")),
    ],
)
def test_messages(line: str, message: jsonrpc.Message) -> None:
    assert jsonrpc.read(line.encode()) == message


@pytest.mark.parametrize(
    "line",
    ["x", "1", "[]", "{}", '{"id": 1}', '{"id": true, "method": "a"}', '{"id": {}, "result": 1}'],
)
def test_no_messages(line: str) -> None:
    assert jsonrpc.read(line.encode()) is None


def test_what_is_sent_is_one_line() -> None:
    lines = [
        jsonrpc.request(1, "a", {"text": "two\nlines \ud800"}),
        jsonrpc.notification("a", {}),
        jsonrpc.answer("x", None),
        jsonrpc.failure(1, jsonrpc.METHOD_NOT_FOUND, "no"),
    ]
    for line in lines:
        assert line.count(b"\n") == 1
        assert json.loads(line)["jsonrpc"] == "2.0"


def test_no_message_shows_what_it_says() -> None:
    for line in (
        b'{"id": 1, "method": "a", "params": {"b": "secret"}}',
        b'{"id": 1, "result": "secret"}',
    ):
        assert "secret" not in repr(jsonrpc.read(line))


# --- text -------------------------------------------------------------------------------------


def test_text_and_thoughts() -> None:
    said = one("agent_message_chunk", content=text("a"), messageId="m")
    assert said == Text(text="a", message_id="m")
    assert one("agent_thought_chunk", content=text("b")) == Thought(text="b")
    assert Updates().feed({"sessionUpdate": "agent_message_chunk", "content": text("")}) == []
    assert Updates().feed({"sessionUpdate": "user_message_chunk", "content": text("me")}) == []


def test_what_is_not_text_is_kept() -> None:
    assert isinstance(one("agent_message_chunk", content={"type": "image", "data": ""}), Unknown)
    assert isinstance(one("agent_message_chunk"), Unknown)
    assert isinstance(one("from_the_future"), Unknown)
    assert isinstance(Updates().feed({})[0], Unknown)


def test_notices() -> None:
    meta = {"claudeCode": {"kind": "informational", "level": "warning"}}
    said = one("agent_message_chunk", content=text("careful"), _meta=meta)
    assert said == Note(kind="warning", text="careful")
    assert one("notice", content=text("x")) == Note(kind="notice", text="x")
    assert one("compaction_update", status="in_progress") == Note(
        kind="compaction", text="in_progress"
    )


# --- tools ------------------------------------------------------------------------------------


def test_a_tool_call_is_told_in_patches() -> None:
    updates = Updates()
    call = {"toolCallId": "c", "kind": "execute"}
    first = one("tool_call", updates, **call, title="Terminal", rawInput={}, name="Bash")
    assert first == ToolCall(
        call_id="c", name="Bash", title="Terminal", kind="execute", status="pending"
    )
    described = [{"type": "content", "content": text("what it is for")}]
    second = one(
        "tool_call_update", updates, **call, title="ls", rawInput={"c": 1}, content=described
    )
    assert second == ToolCall(call_id="c", title="ls", args={"c": 1})
    assert updates.feed({"sessionUpdate": "tool_call_update", **call, "title": "ls"}) == []
    output = [{"type": "content", "content": text("a")}, {"type": "content", "content": text("b")}]
    last = one("tool_call_update", updates, **call, status="completed", content=output)
    assert last == ToolCall(call_id="c", status="completed", result="a\nb")


def test_raw_output_comes_before_what_is_shown() -> None:
    shown = [{"type": "content", "content": text("shown")}]
    call = one(
        "tool_call_update", toolCallId="c", status="failed", rawOutput={"x": 1}, content=shown
    )
    assert call.result == {"x": 1}
    call = one("tool_call_update", toolCallId="c", status="failed", rawOutput="", content=shown)
    assert call.result == "shown"


def test_diffs_and_paths() -> None:
    diff = {"type": "diff", "path": "/w/a", "oldText": None, "newText": "x"}
    call = one("tool_call", toolCallId="c", content=[diff], locations=[{"path": "/w/a", "line": 3}])
    assert call.diffs == (Diff(path="/w/a", old_text=None, new_text="x"),)
    assert call.paths == ("/w/a",)


@pytest.mark.parametrize(
    ("told", "name"),
    [
        ({"name": "Bash", "title": "x"}, "Bash"),
        ({"_meta": {"claudeCode": {"toolName": "Read"}}}, "Read"),
        ({"_meta": {"goose": {"toolCall": {"toolName": "developer__shell"}}}}, "developer__shell"),
        ({"_meta": {"toolName": "run_shell_command"}}, "run_shell_command"),
        ({"title": "ls"}, "ls"),
        ({}, None),
    ],
)
def test_names_of_tools(told: dict[str, Any], name: str | None) -> None:
    assert one("tool_call", toolCallId="c", **told).name == name


def test_a_call_without_an_id_is_unknown() -> None:
    assert isinstance(one("tool_call", title="x"), Unknown)


def test_a_question_about_a_call_that_is_known() -> None:
    updates = Updates()
    one(
        "tool_call",
        updates,
        toolCallId="c",
        name="Plan",
        rawInput={"plan": "1."},
        status="in_progress",
    )
    params = {"toolCall": {"toolCallId": "c", "rawInput": {}, "status": "pending", "kind": "x"}}
    patch, ask = updates.asked("a", params)
    assert patch == ToolCall(call_id="c", kind="x")
    assert ask == Ask(ask_id="a", tool="Plan", kind="x", args={"plan": "1."}, call_id="c")


def test_a_question_that_comes_first() -> None:
    params = {
        "toolCall": {
            "toolCallId": "c",
            "title": "rm x",
            "kind": "execute",
            "rawInput": {"path": "/w/x"},
            "locations": [{"path": "/w/y"}],
        },
        "options": [{"optionId": "1", "kind": "allow_once", "name": "Yes"}, {"optionId": "2"}, 7],
    }
    patch, ask = Updates().asked("a", params)
    assert isinstance(patch, ToolCall)
    assert isinstance(ask, Ask)
    assert (ask.tool, ask.paths) == ("execute", ("/w/y", "/w/x"))
    assert ask.options == (
        Option(option_id="1", kind="allow_once", name="Yes"),
        Option(option_id="2", kind=None),
    )


@pytest.mark.parametrize("params", [{}, {"toolCall": 7, "options": {}}, {"toolCall": {}}])
def test_a_question_about_nothing(params: dict[str, Any]) -> None:
    (ask,) = Updates().asked("a", params)
    assert ask == Ask(ask_id="a", tool="tool")
    assert list(options_of(params)) == []


# --- the rest ---------------------------------------------------------------------------------


def test_plans() -> None:
    entries = [{"content": "a", "status": "completed", "priority": "high"}, {"content": "b"}, {}, 1]
    told = (PlanEntry(content="a", status="completed", priority="high"), PlanEntry(content="b"))
    assert one("plan", entries=entries) == Plan(entries=told)
    assert isinstance(one("plan"), Unknown)


def test_context_and_cost() -> None:
    updates = Updates()
    cost = {"amount": 0.25, "currency": "USD"}
    told = one("usage_update", updates, used=10, size=100, cost=cost)
    assert told == Context(used=10, size=100, cost_microusd=250_000)
    one("usage_update", updates, used=11, size=100)
    assert updates.cost_microusd == 250_000
    for other in ({"amount": 1, "currency": "EUR"}, {"amount": -1, "currency": "USD"}, {}, 5):
        assert one("usage_update", used=1, cost=other).cost_microusd is None
    assert Updates().feed({"sessionUpdate": "usage_update", "used": True, "size": 2**60}) == []


def test_settings_are_told_when_they_change() -> None:
    updates = Updates()
    options = [
        {"id": "mode", "category": "mode", "currentValue": "default"},
        {"id": "thinking", "category": "thinking", "currentValue": "high"},
        {"id": "fast", "category": "model_config", "currentValue": "off"},
        {"id": "collaboration_mode", "category": "collaboration_mode", "currentValue": "x"},
        7,
    ]
    updates.adopt({"configOptions": options})
    assert updates.feed({"sessionUpdate": "config_option_update", "configOptions": options}) == []
    options[0] = {"id": "mode", "category": "mode", "currentValue": "plan"}
    change = one("config_option_update", updates, configOptions=options)
    assert change == Changed(key="mode", value="plan")
    assert updates.feed({"sessionUpdate": "current_mode_update", "currentModeId": "plan"}) == []
    title = one("session_info_update", updates, title="T")
    assert title == Changed(key="title", value="T")
    assert updates.feed({"sessionUpdate": "session_info_update", "title": "T"}) == []


def test_what_can_be_set() -> None:
    answer = {
        "modes": {"currentModeId": "a", "availableModes": [{"id": "a"}, {"id": "b"}, 7]},
        "models": {"currentModelId": "m", "availableModels": [{"modelId": "m"}]},
        "configOptions": [
            {
                "id": "model",
                "currentValue": "n",
                "options": [{"options": [{"value": "n"}]}, {"value": "o"}],
            }
        ],
    }
    knobs = knobs_of(answer)
    assert (knobs["mode"].method, knobs["mode"].values) == ("session/set_mode", ("a", "b"))
    assert knobs["model"].method == "session/set_config_option"
    assert knobs["model"].values == ("n", "o")
    assert knobs["model"].params("s", "o") == {"sessionId": "s", "configId": "model", "value": "o"}
    assert settings_of(answer) == {"model": "n", "mode": "a"}
    assert knobs_of(None) == {}


@pytest.mark.parametrize(
    ("reason", "stop"),
    [
        ("end_turn", Stop.DONE),
        ("max_tokens", Stop.MAX_TOKENS),
        ("max_turn_requests", Stop.MAX_TURNS),
        ("refusal", Stop.REFUSED),
        ("cancelled", Stop.CANCELLED),
        ("from_the_future", Stop.DONE),
        (None, Stop.DONE),
        ([], Stop.DONE),
    ],
)
def test_stop_reasons(reason: Any, stop: Stop) -> None:
    assert stop_of(reason) is stop


def test_usage() -> None:
    told = {"inputTokens": 1, "outputTokens": 2, "cachedReadTokens": 3, "cachedWriteTokens": 4}
    assert usage_of({"usage": told}) == Usage(
        input_tokens=1, output_tokens=2, cache_read_tokens=3, cache_write_tokens=4
    )
    gemini = {"_meta": {"quota": {"token_count": {"input_tokens": 5, "output_tokens": 6}}}}
    assert usage_of(gemini) == Usage(input_tokens=5, output_tokens=6)
    for nothing in (None, {}, {"usage": 1}, {"usage": {"inputTokens": -1, "outputTokens": "9"}}):
        assert usage_of(nothing) == Usage()


def test_usage_that_is_told_on_the_way() -> None:
    updates = Updates()
    for _ in range(2):
        meta = {"usage": {"inputTokens": 10, "outputTokens": 5}}
        updates.feed({"sessionUpdate": "agent_message_chunk", "content": text(""), "_meta": meta})
    assert updates.usage({}) == Usage(input_tokens=20, output_tokens=10)
    assert updates.usage({"usage": {"inputTokens": 1}}) == Usage(input_tokens=1)
    updates.begin_turn()
    assert updates.usage({}) == Usage()


def test_failures() -> None:
    assert failure_text("Internal error", {"details": "no disk"}) == "Internal error: no disk"
    assert failure_text("no disk", {"details": "no disk"}) == "no disk"
    assert failure_text("x", None) == "x"
    assert failure_kind({"errorKind": "server_error"}) == "server_error"
    assert failure_kind({"errorKind": "unknown"}) is None
    assert failure_kind(None) is None
