"""What acpx prints, as events; and what it is called with."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clawdforge.agents.acpx.protocol import Decoder
from clawdforge.agents.acpx.script import (
    arguments,
    cancel_line,
    join_id,
    lease_key,
    prompt_line,
    rest_line,
    split_id,
)
from clawdforge.core.events import (
    Changed,
    Context,
    Event,
    Ready,
    Stop,
    Text,
    ToolCall,
    TurnEnded,
    TurnStarted,
    Unknown,
)
from clawdforge.core.usage import Usage

FIXTURES = Path(__file__).parents[1] / "fixtures" / "acpx"
RECORD = "00000000-0000-4000-8000-000000000001"


def decoder(*, resumed: bool = False) -> Decoder:
    made = Decoder()
    made.begin("name", RECORD if resumed else None, resumed=resumed)
    return made


def fed(made: Decoder, *messages: Any) -> list[Event]:
    return [event for message in messages for event in made.feed(json.dumps(message).encode())]


def played(fixture: str, made: Decoder, *, eager: bool = False) -> list[Event]:
    """The events of a recording. Each prompt is handed in when acpx has ended the one before,
    or already when its turn has ended."""
    lines = (FIXTURES / f"{fixture}.ndjson").read_bytes().splitlines()
    turns = [value["id"] for value in map(json.loads, lines) if value.get("clawdforge") == "prompt"]
    events: list[Event] = []
    for line in lines:
        if eager and turns and not made.has_open_turn:
            made.expect(turns.pop(0))
        events += made.feed(line)
        if turns and b"clawdforge" in line and not made.has_open_turn:
            made.expect(turns.pop(0))
    return events


def ends(events: list[Event]) -> list[TurnEnded]:
    return [event for event in events if isinstance(event, TurnEnded)]


def working(*, resumed: bool = False) -> Decoder:
    """A decoder in the middle of a turn, whose prompt has id 3."""
    made = decoder(resumed=resumed)
    made.expect("t")
    fed(made, {"id": 3, "method": "session/prompt", "params": {"prompt": "secret"}})
    return made


def update(kind: str, **more: Any) -> dict[str, Any]:
    return {"method": "session/update", "params": {"update": {"sessionUpdate": kind, **more}}}


def chunk(text: str) -> dict[str, Any]:
    return update("agent_message_chunk", content={"type": "text", "text": text})


def ended(code: int, turn: str = "t") -> dict[str, Any]:
    """The script's line after `acpx prompt`."""
    return {"clawdforge": "prompt", "id": turn, "exit": code}


# Recordings


@pytest.mark.parametrize("eager", [False, True])
def test_a_recorded_conversation(eager: bool) -> None:
    events = played("conversation", decoder(), eager=eager)
    assert [event for event in events if isinstance(event, Ready)] == [
        Ready(agent_session_id=f"name:{RECORD}")
    ]
    assert [(end.turn_id, end.stop, end.reason, end.text) for end in ends(events)] == [
        ("turn-1", Stop.DONE, "end_turn", "answer to hello"),
        ("turn-2", Stop.DONE, "end_turn", "tool said User refused permission to run tool"),
        ("turn-3", Stop.CANCELLED, "cancelled", "word " * 4),
        ("turn-4", Stop.FAILED, None, "Internal error: API Error: 400 no such thing"),
    ]
    assert [event.turn_id for event in events if isinstance(event, TurnStarted)] == [
        "turn-1", "turn-2", "turn-3", "turn-4"
    ]  # fmt: skip
    assert ends(events)[1].usage == Usage(
        input_tokens=20, output_tokens=10, cache_read_tokens=0, cache_write_tokens=0
    )
    assert ends(events)[1].total_cost_microusd == 560
    assert Changed(key="title", value="Scripted") in events
    assert Context(used=15, size=1000000, cost_microusd=140) in events
    assert not [event for event in events if isinstance(event, Unknown)]


def test_a_denied_tool_call_is_told_from_its_start_to_its_end() -> None:
    calls = [event for event in played("conversation", decoder()) if isinstance(event, ToolCall)]
    assert {call.call_id for call in calls} == {"toolu_0064_1"}
    assert (calls[0].name, calls[0].kind, calls[0].status) == ("Bash", "execute", "pending")
    assert [call.args["command"] for call in calls if call.args] == ["echo hi > note.txt"]
    assert (calls[-1].status, calls[-1].result) == ("failed", "User refused permission to run tool")


def test_a_resumed_conversation() -> None:
    events = played("resumed", decoder(resumed=True))
    assert events[0] == Ready(agent_session_id=f"name:{RECORD}")
    assert [(end.stop, end.text) for end in ends(events)] == [(Stop.DONE, "answer to hello again")]


@pytest.mark.parametrize(
    ("fixture", "resumed", "stop", "reason", "text", "broken"),
    [
        ("replaced", True, Stop.FAILED, "cannot_resume", "does not know this conversation", True),
        ("no_session", True, Stop.FAILED, "cannot_resume", "does not know this", False),
        ("agent_killed", False, Stop.LOST, None, "agent disconnected", True),
        ("owner_killed", False, Stop.LOST, None, "owner disconnected", True),
        ("timed_out", False, Stop.FAILED, "timeout", "Timed out after 4000ms", False),
        ("not_created", False, Stop.FAILED, None, "native binary not found", False),
    ],
)
def test_a_recorded_failure(
    fixture: str, resumed: bool, stop: Stop, reason: str | None, text: str, broken: bool
) -> None:
    made = decoder(resumed=resumed)
    if fixture == "not_created":
        made.expect("turn-1")
    (end,) = ends(played(fixture, made))
    assert (end.stop, end.reason, made.broken) == (stop, reason, broken)
    assert text in (end.text or "")


# Ids of both directions


def test_an_answer_of_ours_with_the_prompts_id_ends_no_turn() -> None:
    made = working()
    asked = {"id": 3, "method": "session/request_permission", "params": {"toolCall": {}}}
    assert not ends(fed(made, asked, {"id": 3, "result": {"outcome": {"outcome": "cancelled"}}}))
    read = {"id": 3, "method": "fs/read_text_file", "params": {}}
    assert not ends(fed(made, read, {"id": 3, "error": {"code": 1, "message": "no"}}))
    (end,) = ends(fed(made, {"id": 3, "result": {"stopReason": "end_turn"}}))
    assert end.stop is Stop.DONE


def test_a_stop_reason_under_another_id_ends_no_turn() -> None:
    assert not ends(fed(working(), {"id": 4, "result": {"stopReason": "end_turn"}}))


def test_what_follows_the_answer_belongs_to_no_turn() -> None:
    made = working()
    fed(made, {"id": 3, "result": {"stopReason": "end_turn"}})
    made.expect("u")
    late = fed(made, update("session_info_update", title="A title"), ended(5))
    assert late == [Changed(key="title", value="A title")]
    assert made.has_open_turn


# How turns end


@pytest.mark.parametrize(
    ("word", "stop"),
    [
        ("end_turn", Stop.DONE),
        ("max_tokens", Stop.MAX_TOKENS),
        ("max_turn_requests", Stop.MAX_TURNS),
        ("refusal", Stop.REFUSED),
        ("cancelled", Stop.CANCELLED),
        ("something_new", Stop.DONE),
    ],
)
def test_the_agents_own_word_is_passed_on(word: str, stop: Stop) -> None:
    (end,) = ends(fed(working(), {"id": 3, "result": {"stopReason": word}}))
    assert (end.stop, end.reason) == (stop, word)


@pytest.mark.parametrize(
    ("code", "stop", "reason"),
    [
        (0, Stop.FAILED, None),
        (1, Stop.FAILED, None),
        (2, Stop.FAILED, None),
        (3, Stop.FAILED, "timeout"),
        (4, Stop.FAILED, "cannot_resume"),
        (5, Stop.FAILED, None),
        (127, Stop.FAILED, None),
        (130, Stop.LOST, None),
        (137, Stop.LOST, None),
    ],
)
def test_without_an_answer_the_exit_code_tells(code: int, stop: Stop, reason: str | None) -> None:
    made = working()
    (end,) = ends(fed(made, ended(code)))
    assert (end.stop, end.reason) == (stop, reason)
    assert made.broken == (stop is Stop.LOST)


@pytest.mark.parametrize("code", [0, 1, 3, 5])
def test_after_an_answer_the_exit_code_tells_nothing(code: int) -> None:
    made = working()
    answer = {"id": 3, "result": {"stopReason": "end_turn"}}
    (end,) = ends(fed(made, answer, ended(code)))
    assert end.stop is Stop.DONE


@pytest.mark.parametrize(
    "last",
    [
        {"id": 3, "result": {"stopReason": "end_turn"}},
        {"id": 3, "result": {"stopReason": "cancelled"}},
        {"id": 3, "error": {"code": -32603, "message": "aborted"}},
        ended(0),
        ended(1),
    ],
)
def test_a_cancelled_turn_is_cancelled_whatever_is_said(last: dict[str, Any]) -> None:
    made = working()
    assert made.cancel("t")
    (end,) = ends(fed(made, last))
    assert end.stop is Stop.CANCELLED
    assert not made.cancel("t")


@pytest.mark.parametrize(
    "data", [{"origin": "queue", "detailCode": "ANY"}, {"detailCode": "AGENT_DISCONNECTED"}]
)
def test_a_turn_that_acpx_lost_sight_of_is_lost_also_when_it_was_cancelled(
    data: dict[str, Any],
) -> None:
    made = working()
    made.cancel("t")
    error = {"id": None, "error": {"code": -32603, "message": "gone", "data": data}}
    (end,) = ends(fed(made, error, ended(1)))
    assert (end.stop, end.text, made.broken) == (Stop.LOST, "gone", True)


def test_a_cancel_for_another_turn_is_none() -> None:
    made = working()
    assert not made.cancel("s")
    (end,) = ends(fed(made, {"id": 3, "result": {"stopReason": "end_turn"}}))
    assert end.stop is Stop.DONE


def test_the_answer_is_what_was_said_after_the_last_tool_call() -> None:
    made = working()
    fed(made, chunk("I look."), update("tool_call", toolCallId="1", title="ls"))
    fed(made, chunk("All is "), chunk("well."))
    (end,) = ends(fed(made, {"id": 3, "result": {"stopReason": "end_turn"}}))
    assert end.text == "All is well."


def test_an_error_says_what_the_agent_gave_as_details() -> None:
    made = working()
    error = {"code": -32603, "message": "Internal error", "data": {"details": "no binary"}}
    (end,) = ends(fed(made, {"id": None, "error": error}, ended(1)))
    assert end.text == "Internal error: no binary"


def test_an_error_counts_only_for_the_call_that_printed_it() -> None:
    made = working()
    error = {"code": 1, "message": "old", "data": {"detailCode": "AGENT_DISCONNECTED"}}
    fed(made, {"id": 3, "error": {"code": 1, "message": "x"}}, {"id": None, "error": error})
    made.expect("u")
    fed(made, ended(1))
    (end,) = ends(fed(made, ended(1, "u")))
    assert (end.stop, made.broken) == (Stop.FAILED, False)
    assert "old" not in (end.text or "")


def test_a_turn_is_lost_with_its_process() -> None:
    made = working()
    assert made.lost() == [TurnEnded(turn_id="t", stop=Stop.LOST)]
    assert made.lost() == []


# A conversation is never replaced without a word


def test_a_conversation_without_a_turn_may_be_made_anew() -> None:
    made = decoder()
    made.expect("t")
    assert fed(made, {"id": 2, "method": "session/new", "params": {}}) == []


def test_a_conversation_with_a_turn_may_not() -> None:
    made = working()
    fed(made, {"id": 3, "result": {"stopReason": "end_turn"}}, ended(0))
    made.expect("u")
    (end,) = ends(fed(made, {"id": 2, "method": "session/new", "params": {}}))
    assert (end.turn_id, end.stop, end.reason) == ("u", Stop.FAILED, "cannot_resume")
    assert made.broken


# Tolerance


def test_the_update_may_stand_directly_in_the_parameters() -> None:
    params = {"sessionUpdate": "agent_message_chunk", "content": {"type": "text", "text": "x"}}
    assert fed(working(), {"method": "session/update", "params": params}) == [Text(text="x")]


def test_what_we_sent_is_not_told_back() -> None:
    made = decoder()
    made.expect("t")
    sent = {"id": 3, "method": "session/prompt", "params": {"prompt": [{"text": "secret"}]}}
    told = fed(made, sent, update("user_message_chunk", content={"type": "text", "text": "secret"}))
    assert told == [TurnStarted(turn_id="t")]


def test_what_is_not_known_is_kept() -> None:
    made = working()
    flat = {"eventVersion": 1, "type": "text", "content": "x"}
    assert fed(made, flat, {"method": "new/thing"}, update("new_thing")) == [
        Unknown(raw=flat),
        Unknown(raw={"method": "new/thing"}),
        Unknown(raw={"sessionUpdate": "new_thing"}),
    ]


def test_lines_that_are_no_objects_are_counted() -> None:
    made = working()
    assert [
        event for line in (b"text", b"[1]", b"5", b"", b"  ") for event in made.feed(line)
    ] == []
    assert made.skipped == 3


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=8,
)
MESSAGES = st.fixed_dictionaries(
    {},
    optional={
        "id": st.sampled_from([None, 3, 4, "t", True]),
        "method": st.sampled_from(["session/update", "session/prompt", "session/new", "fs/x", 7]),
        "params": JSON | st.just({"update": {"sessionUpdate": "tool_call", "toolCallId": "1"}}),
        "result": JSON | st.just({"stopReason": "end_turn"}),
        "error": JSON | st.just({"code": 1, "message": "m", "data": {"acpxCode": "TIMEOUT"}}),
        "clawdforge": st.sampled_from(["prompt", "create", 5]),
        "exit": st.sampled_from([0, 1, 4, 137, "0", None]),
        "action": st.sampled_from(["session_ensured", 1]),
        "acpxRecordId": JSON,
    },
)


@given(st.lists(MESSAGES | JSON, max_size=30))
def test_whatever_comes_a_prompt_has_exactly_one_end(messages: list[Any]) -> None:
    made = decoder()
    made.expect("t")
    events = fed(made, *messages)
    assert len(ends(events)) + len(made.lost()) == 1


# What acpx is called with


def test_the_calls_begin_with_the_flags_and_end_with_the_agent() -> None:
    assert arguments(program=["acpx"], extra=(), cwd="/w", model="sonnet", agent="claude") == [
        "acpx", "--format", "json", "--json-strict", "--cwd", "/w",
        "--approve-reads", "--non-interactive-permissions", "deny",
        "--ttl", "0", "--model", "sonnet", "claude",
    ]  # fmt: skip


def test_the_operators_policy_and_patience_replace_ours() -> None:
    extra = ("--deny-all", "--ttl", "60")
    made = arguments(program=["acpx"], extra=extra, cwd="/w", model=None, agent="codex")
    assert made[-4:] == ["--deny-all", "--ttl", "60", "codex"]
    assert "--approve-reads" not in made
    assert made.count("--ttl") == 1


def test_what_the_script_is_told() -> None:
    assert prompt_line("t") == b"prompt t\n"
    assert cancel_line("t") == b"cancel t\n"
    assert rest_line("a91c0470-df3b-4488-811e-4cdff2200285") == b"rest adf77cc628eccb16ce023ac4\n"
    assert lease_key("a91c0470-df3b-4488-811e-4cdff2200285") == "adf77cc628eccb16ce023ac4"


def test_both_names_of_a_conversation_are_kept_as_one() -> None:
    assert split_id(join_id("name", RECORD)) == ("name", RECORD)
    assert split_id(join_id("name", None)) == ("name", None)
    assert split_id("name:../../etc/passwd") == ("name", None)
    assert split_id("") == ("", None)
