"""Claude Code over many turns, against recorded traffic of the real program (2.1.329)."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypeVar

import pytest

from clawdforge.agents.claude.control import OPTIONS, setting
from clawdforge.agents.claude.launch import arguments, mcp_json
from clawdforge.agents.claude.protocol import Decoder
from clawdforge.agents.claude.tools import kind_of, plan_of
from clawdforge.agents.driver import Decision, McpServer, SessionSpec
from clawdforge.core.events import (
    Ask,
    AskWithdrawn,
    Background,
    Changed,
    Context,
    Diff,
    Event,
    Note,
    Plan,
    PlanEntry,
    Ready,
    Retry,
    Stop,
    Text,
    Thought,
    ToolCall,
    TurnEnded,
    TurnStarted,
)

RECORDINGS = Path(__file__).parents[1] / "fixtures" / "claude-stream-json"
ID = "00000000-0000-4000-8000-000000000002"
E = TypeVar("E", bound=Event)


def a_decoder(*turns: str, **options: Any) -> Decoder:
    decoder = Decoder(**{"session_id": ID, "asks": True, "kept": True, **options})
    for turn in turns:
        decoder.expect(turn)
    return decoder


def replayed(recording: str, decoder: Decoder) -> list[Event]:
    lines = (RECORDINGS / f"{recording}.ndjson").read_bytes().splitlines()
    return [event for line in lines for event in decoder.feed(line)]


def said(decoder: Decoder, **message: Any) -> list[Event]:
    return decoder.feed(json.dumps(message).encode())


def written(decoder: Decoder) -> list[dict[str, Any]]:
    return [json.loads(line) for line in decoder.take_output().splitlines()]


def only(kind: type[E], events: Sequence[Event]) -> list[E]:
    return [event for event in events if isinstance(event, kind)]


def answered(request_id: str = "ask", **response: Any) -> dict[str, Any]:
    body = {"subtype": "success", "request_id": request_id, "response": response}
    return {"type": "control_response", "response": body}


def asked(decoder: Decoder, ask_id: str = "ask", **request: Any) -> list[Event]:
    request = {"subtype": "can_use_tool", "tool_name": "Bash", "input": {"command": "x"}} | request
    return said(decoder, type="control_request", request_id=ask_id, request=request)


# Turns


def test_a_prompt_may_be_taken_into_a_turn_of_the_agents_own() -> None:
    decoder = a_decoder("t1", "t2")
    events = replayed("prompt_taken_into_own_turn", decoder)
    turns = [(type(e), e.turn_id) for e in events if isinstance(e, TurnStarted | TurnEnded)]
    assert turns == [
        (TurnStarted, "t1"),
        (TurnEnded, "t1"),
        (TurnStarted, None),
        (TurnEnded, None),
        (TurnStarted, "t2"),
        (TurnEnded, "t2"),
    ]
    assert [event.tasks for event in only(Background, events)] == [("wait a second",), ()]
    assert not decoder.has_open_turn


def test_work_in_the_background_is_something_to_do() -> None:
    decoder = a_decoder()
    task = {"task_id": "b1", "description": "tests"}
    told = said(decoder, type="system", subtype="background_tasks_changed", tasks=[task])
    assert told == [Background(tasks=("tests",))]
    assert decoder.has_open_turn
    said(decoder, type="system", subtype="background_tasks_changed", tasks=[])
    assert not decoder.has_open_turn


def test_a_prompt_in_line_does_not_begin_with_a_turn_of_the_agents_own() -> None:
    decoder = a_decoder("t1")
    queued = {"type": "command_lifecycle", "command_uuid": "t1", "state": "queued"}
    init = {"type": "system", "subtype": "init", "capabilities": ["msg_lifecycle_v1"]}
    assert said(decoder, **queued) == []
    assert said(decoder, **init) == [TurnStarted(turn_id=None)]
    (own,) = only(TurnEnded, said(decoder, type="result", subtype="success"))
    assert own.turn_id is None
    assert said(decoder, **{**queued, "state": "started"}) == []
    assert said(decoder, **init) == [TurnStarted(turn_id="t1")]
    (ours,) = only(TurnEnded, said(decoder, type="result", subtype="success"))
    assert ours.turn_id == "t1"


def test_a_turn_of_the_agents_own_is_lost_with_the_process() -> None:
    decoder = a_decoder("t1")
    said(decoder, type="system", subtype="init", capabilities=["msg_lifecycle_v1"])
    assert [end.turn_id for end in decoder.lost()] == ["t1", None]


def test_an_unknown_conversation_cannot_be_resumed() -> None:
    decoder = a_decoder("t1", resuming=True)
    assert replayed("resume_unknown", decoder) == []
    (end,) = decoder.lost()
    assert (end.turn_id, end.stop, end.reason) == ("t1", Stop.FAILED, "cannot_resume")
    assert "No conversation found" in (end.text or "")


def test_clearing_begins_another_conversation() -> None:
    events = replayed("clear_and_compact", a_decoder("t1", "t2", "t3", "t4", "t5"))
    first, second = only(Ready, events)
    assert first.agent_session_id == ID
    assert "sonnet" in first.models
    assert "plan" in first.modes
    assert second.agent_session_id not in {None, ID}
    assert [note.kind for note in only(Note, events)] == ["conversation_reset", "compacted"]
    assert [end.turn_id for end in only(TurnEnded, events)] == ["t1", "t2", "t3", "t4", "t5"]


# Cost and context


def test_costs_add_up_over_the_process() -> None:
    events = replayed("clear_and_compact", a_decoder("t1", "t2", "t3", "t4", "t5"))
    ends = only(TurnEnded, events)
    assert [end.total_cost_microusd for end in ends] == [140, 140, 280, 560, 700]
    assert {end.usage.cost_microusd for end in ends} == {None}


def test_what_earlier_processes_cost_is_not_counted_again() -> None:
    (end,) = only(TurnEnded, replayed("resumed", a_decoder("t1", resuming=True)))
    assert end.total_cost_microusd == 140
    assert end.usage.input_tokens == 10


def test_the_context_is_that_of_the_last_model_call() -> None:
    (context,) = only(Context, replayed("stream_dropped_then_thinking", a_decoder("t1")))
    assert context == Context(used=15, size=1_000_000, cost_microusd=240)


def test_the_cost_of_a_single_turn_is_the_turns() -> None:
    (end,) = only(TurnEnded, replayed("resumed", Decoder()))
    assert end.total_cost_microusd is None
    assert end.usage.cost_microusd == 280


# Text


def test_a_broken_stream_is_told_and_the_result_is_whole() -> None:
    events = replayed("stream_dropped_then_thinking", a_decoder("t1"))
    pieces = [(text.message_id, text.text) for text in only(Text, events)]
    assert pieces == [
        ("msg_0001", "01234"),
        ("msg_0001", "5678"),
        ("msg_0002", "0123456789"),
        ("msg_0002", "abcdefghij"),
    ]
    assert len(only(Retry, events)) == 1
    assert [thought.text for thought in only(Thought, events)] == ["let me think"]
    assert only(TurnEnded, events)[0].text == "0123456789abcdefghij"


def test_a_subagents_words_are_not_the_answer() -> None:
    events = replayed("subagent", a_decoder("t1"))
    assert [text.text for text in only(Text, events)] == ["all done"]
    assert {call.name for call in only(ToolCall, events)} == {"Task", "Bash", None}
    assert len(only(Ask, events)) == 1


# Cancelling


def test_a_prompt_dropped_from_the_line_ends_without_a_result() -> None:
    decoder = a_decoder("t1")
    decoder.cancel("t1")
    (request,) = written(decoder)
    assert request["request"] == {"subtype": "interrupt", "cancel_queued": True}
    (end,) = only(TurnEnded, replayed("cancelled_in_line", decoder))
    assert (end.turn_id, end.stop) == ("t1", Stop.CANCELLED)
    assert decoder.lost() == []


def test_the_receipt_alone_ends_a_prompt_that_was_dropped() -> None:
    decoder = a_decoder("t1")
    (end,) = said(decoder, **answered("r1", still_queued=[], cancelled=["T1", "other"]))
    assert isinstance(end, TurnEnded)
    assert (end.turn_id, end.stop) == ("t1", Stop.CANCELLED)


def test_an_interrupt_that_came_too_early_is_sent_again() -> None:
    decoder = a_decoder("t1")
    decoder.cancel("t1")
    assert len(written(decoder)) == 1
    said(decoder, **answered("r1", still_queued=[], cancelled=[]))
    assert written(decoder) == []
    said(decoder, type="system", subtype="init")
    assert len(written(decoder)) == 1
    said(decoder, type="system", subtype="init")
    assert written(decoder) == []


def test_a_cancelled_turn_is_cancelled_whatever_the_agent_says() -> None:
    decoder = a_decoder("t1")
    decoder.cancel("t1")
    (end,) = only(TurnEnded, said(decoder, type="result", subtype="success", result="done"))
    assert (end.stop, end.text) == (Stop.CANCELLED, "done")


def test_its_questions_are_withdrawn() -> None:
    decoder = a_decoder("t1")
    decoder.cancel("t1")
    events = replayed("interrupt_while_asking", decoder)
    (ask,) = only(Ask, events)
    assert only(AskWithdrawn, events) == [AskWithdrawn(ask_id=ask.ask_id)]
    (end,) = only(TurnEnded, events)
    assert (end.stop, end.text) == (Stop.CANCELLED, None)


def test_questions_of_agents_in_the_background_stay() -> None:
    decoder = a_decoder("t1")
    asked(decoder, "ours")
    asked(decoder, "theirs", agent_id="a1")
    decoder.cancel("t1")
    events = said(decoder, type="result", subtype="success")
    assert only(AskWithdrawn, events) == [AskWithdrawn(ask_id="ours")]


def test_nothing_is_sent_for_a_turn_that_has_ended() -> None:
    decoder = a_decoder()
    decoder.cancel("t1")
    assert written(decoder) == []


# Questions


def test_a_question_and_what_may_be_answered() -> None:
    (ask,) = only(Ask, replayed("interrupt_while_asking", a_decoder("t1")))
    assert (ask.tool, ask.kind, ask.title) == ("Bash", "execute", "d")
    assert ask.args == {"command": "touch x", "description": "d"}
    assert ask.paths == ("/home/dev/w/x",)
    assert (ask.call_id, ask.options) == ("toolu_0001_1", OPTIONS)


@pytest.mark.parametrize(
    ("decision", "response"),
    [
        (Decision(allow=True), {"behavior": "allow", "updatedInput": {"command": "x"}}),
        (
            Decision(allow=True, args={"command": "y"}, option_id="allow_always"),
            {"behavior": "allow", "updatedInput": {"command": "y"}},
        ),
        (Decision(allow=False), {"behavior": "deny", "message": "This was refused."}),
        (Decision(allow=False, message="no"), {"behavior": "deny", "message": "no"}),
    ],
)
def test_answers(decision: Decision, response: dict[str, Any]) -> None:
    decoder = a_decoder()
    asked(decoder)
    decoder.answer("ask", decision)
    decoder.answer("ask", decision)
    decoder.answer("nobody", decision)
    assert written(decoder) == [answered("ask", **response)]


def test_a_withdrawn_question_takes_no_answer() -> None:
    decoder = a_decoder()
    asked(decoder)
    told = said(decoder, type="control_cancel_request", request_id="ask")
    assert told == [AskWithdrawn(ask_id="ask")]
    assert said(decoder, type="control_cancel_request", request_id="ask") == []
    decoder.answer("ask", Decision(allow=True))
    assert written(decoder) == []


@pytest.mark.parametrize(
    ("subtype", "answer"),
    [
        ("elicitation", {"action": "decline"}),
        ("request_user_dialog", {"behavior": "cancelled"}),
        ("hook_callback", None),
        ("mcp_message", None),
        ("from_the_future", None),
        (None, None),
    ],
)
def test_what_we_do_not_offer_is_declined(subtype: str | None, answer: object) -> None:
    decoder = a_decoder()
    assert said(decoder, type="control_request", request_id="r", request={"subtype": subtype}) == []
    (reply,) = written(decoder)
    assert reply["response"]["request_id"] == "r"
    assert reply["response"].get("response") == answer
    assert (reply["response"]["subtype"] == "error") is (answer is None)


# Settings


def test_settings_as_requests() -> None:
    assert setting("mode", "plan") == {"subtype": "set_permission_mode", "mode": "plan"}
    assert setting("model", "opus") == {"subtype": "set_model", "model": "opus"}
    effort = {"subtype": "apply_flag_settings", "settings": {"effortLevel": "high"}}
    assert setting("effort", "high") == effort
    assert setting("effort", "endless") is None
    assert setting("model", "--help") is None


def test_a_request_finds_its_answer() -> None:
    decoder = a_decoder()
    request_id = decoder.ask({"subtype": "set_model", "model": "opus"})
    (request,) = written(decoder)
    assert request["request_id"] == request_id
    assert decoder.reply(request_id) is None
    failure = {"subtype": "error", "request_id": request_id, "error": "no"}
    said(decoder, type="control_response", response=failure)
    reply = decoder.reply(request_id)
    assert reply is not None
    assert reply.error == "no"
    decoder.drop(request_id)
    assert decoder.reply(request_id) is None


def test_a_mode_is_told_when_the_agent_changes_it_itself() -> None:
    decoder = a_decoder()
    said(decoder, **answered(decoder.ask({"subtype": "set_permission_mode"}), mode="plan"))
    status = {"type": "system", "subtype": "status", "permissionMode": "plan"}
    assert said(decoder, **status) == []
    changed = said(decoder, **{**status, "permissionMode": "default"})
    assert changed == [Changed(key="mode", value="default")]


# Tools


def test_a_plan() -> None:
    todos = [{"content": "a", "status": "completed"}, {"content": "b"}, "c"]
    block = {"type": "tool_use", "id": "c1", "name": "TodoWrite", "input": {"todos": todos}}
    events = said(a_decoder(), type="assistant", message={"id": "m", "content": [block]})
    entries = (PlanEntry(content="a", status="completed"), PlanEntry(content="b"))
    assert only(Plan, events) == [Plan(entries=entries)]
    assert plan_of("TodoWrite", {"todos": 7}) is None


def test_changes_of_files() -> None:
    edit = {"file_path": "/w/a", "old_string": "x", "new_string": "y"}
    block = {"type": "tool_use", "id": "c1", "name": "Edit", "input": edit}
    (call,) = said(a_decoder(), type="assistant", message={"id": "m", "content": [block]})
    assert isinstance(call, ToolCall)
    assert call.diffs == (Diff(path="/w/a", old_text="x", new_text="y"),)
    assert (call.kind, call.paths, call.title) == ("edit", ("/w/a",), "/w/a")

    outcome = {"type": "create", "filePath": "/w/b", "content": "new", "originalFile": None}
    result = {
        "type": "tool_result",
        "tool_use_id": "c2",
        "content": [{"type": "text", "text": "k"}],
    }
    (done,) = said(a_decoder(), type="user", message={"content": [result]}, tool_use_result=outcome)
    assert isinstance(done, ToolCall)
    assert done.diffs == (Diff(path="/w/b", old_text=None, new_text="new"),)
    assert (done.status, done.result) == ("completed", "k")


def test_kinds() -> None:
    kinds = {"Read": "read", "Grep": "search", "Write": "edit", "WebFetch": "fetch"}
    kinds |= {"ExitPlanMode": "switch_mode", "mcp__x__y": "other"}
    assert {tool: kind_of(tool) for tool in kinds} == kinds
    assert kind_of(None) is None


# Starting


def test_the_flags_of_a_conversation() -> None:
    def flags(new_id: str | None = None, **spec: Any) -> str:
        spec = {"cwd": Path("/w"), "tmp": Path("/t"), "kept": True, **spec}
        return " ".join(arguments(SessionSpec(**spec), new_id=new_id, mcp_config=spec.get("mcp")))

    assert "--session-id new" in flags(new_id="new")
    assert "--no-session-persistence" not in flags()
    assert "--resume old --setting-sources user" in flags(resume_id="old")
    forked = flags(resume_id="old", fork=True, new_id="new")
    assert "--resume old --fork-session --session-id new" in forked
    asking = flags(asks=True, streams=True, mode="plan")
    assert "--permission-prompt-tool stdio --include-partial-messages" in asking
    assert "--permission-mode plan" in asking


def test_mcp_servers() -> None:
    servers = [
        McpServer(name="files", command="/bin/x", args=("-a",), env={"KEY": "k"}),
        McpServer(name="far", url="https://x", headers={"Authorization": "b"}),
    ]
    files = {"type": "stdio", "command": "/bin/x", "args": ["-a"], "env": {"KEY": "k"}}
    far = {"type": "http", "url": "https://x", "headers": {"Authorization": "b"}}
    assert json.loads(mcp_json(servers)) == {"mcpServers": {"files": files, "far": far}}
