"""The ACP driver's protocol replays what seven real agents said."""

import json
from pathlib import Path
from typing import Any

import pytest

from clawdforge.agents.acp.protocol import Conversation
from clawdforge.agents.driver import Decision, SessionSpec
from clawdforge.core.events import (
    Ask,
    AskWithdrawn,
    Changed,
    Context,
    Event,
    Note,
    Plan,
    Ready,
    Retry,
    Stop,
    Text,
    Thought,
    ToolCall,
    TurnEnded,
    TurnStarted,
    Unknown,
)
from clawdforge.core.usage import Usage

FIXTURES = Path(__file__).parents[1] / "fixtures" / "acp"
RECORDED = sorted(path.stem for path in FIXTURES.glob("*.ndjson"))
OPENINGS = {"session/new", "session/load", "session/resume"}


def spec(**more: Any) -> SessionSpec:
    return SessionSpec(cwd=Path("/work"), tmp=Path("/tmp"), **{"asks": True, **more})


class Replay:
    """Plays the agent's half of a recording, and does as its client did."""

    def __init__(self, name: str, **more: Any) -> None:
        lines = (FIXTURES / f"{name}.ndjson").read_text().splitlines()
        self.recorded = [json.loads(line) for line in lines]
        login = next(
            (line["msg"] for line in self.recorded if line["msg"].get("method") == "authenticate"),
            None,
        )
        method = login["params"]["methodId"] if login and login["id"] == 2 else None
        opening = next(line["msg"] for line in self.recorded if _opens(line["msg"]))
        self.talk = Conversation(auth_method=method)
        self.events: list[Event] = []
        self.sent: list[dict[str, Any]] = []
        self.numbers: dict[Any, Any] = {}
        self.ours: list[tuple[str, int]] = []
        self.prompts = 0
        self.talk.open(spec(resume_id=opening["params"].get("sessionId"), **more))
        self._out()

    def play(self) -> "Replay":
        for line in self.recorded:
            message = line["msg"]
            if line["dir"] == "a2c":
                self._agent(message)
            elif "method" in message:
                self._client(message)
            else:
                self._answer(message)
        return self

    def _agent(self, message: dict[str, Any]) -> None:
        if "method" not in message:
            if message["id"] not in self.numbers:
                return  # to a request that we do not make
            message = {**message, "id": self.numbers.pop(message["id"])}
        self.events += self.talk.feed(json.dumps(message).encode())
        self._out()

    def _client(self, message: dict[str, Any]) -> None:
        match message["method"]:
            case "session/prompt" if not self.talk.has_open_turn:
                self.prompts += 1
                self.talk.prompt(f"t-{self.prompts}", message["params"]["prompt"][0]["text"])
            case "session/cancel":
                self.talk.cancel(f"t-{self.prompts}")
            case "session/set_mode":
                self.talk.set("mode", message["params"]["modeId"])
        self._out()
        for index, (method, number) in enumerate(self.ours):
            if method == message["method"] or {method, message["method"]} <= OPENINGS:
                self.numbers[message.get("id")] = number
                del self.ours[index]
                return

    def _answer(self, message: dict[str, Any]) -> None:
        asks = [event for event in self.events if isinstance(event, Ask)]
        outcome = message.get("result", {}).get("outcome", {})
        if asks:
            chosen = outcome.get("optionId")
            kind = next((o.kind for o in asks[-1].options if o.option_id == chosen), None)
            allow = kind in {"allow_once", "allow_always"}
            self.talk.answer(asks[-1].ask_id, Decision(allow=allow, option_id=chosen))
            self._out()

    def _out(self) -> None:
        self.events += self.talk.take_events()
        for line in self.talk.take_out().splitlines():
            message = json.loads(line)
            self.sent.append(message)
            if "method" in message and "id" in message:
                self.ours.append((message["method"], message["id"]))

    def of(self, *kinds: type) -> list[Any]:
        return [event for event in self.events if isinstance(event, kinds)]

    @property
    def text(self) -> str:
        return "".join(event.text for event in self.of(Text))


def _opens(message: dict[str, Any]) -> bool:
    return message.get("method") in OPENINGS


@pytest.mark.parametrize("name", RECORDED)
def test_recorded_traffic_makes_sense(name: str) -> None:
    replay = Replay(name).play()
    prompted = [f"t-{number}" for number in range(1, replay.prompts + 1)]
    ended = [end.turn_id for end in replay.of(TurnEnded) if end.turn_id is not None]
    ended += [end.turn_id for end in replay.talk.lost() if end.turn_id is not None]
    assert ended == prompted
    assert replay.talk.skipped == 0
    if replay.talk.refusal is None:
        assert len(replay.of(Ready)) == 1
        started = [start.turn_id for start in replay.of(TurnStarted)]
        assert [turn_id for turn_id in started if turn_id is not None] == prompted
    known_by = {event.call_id for event in replay.of(ToolCall)}
    assert {ask.call_id for ask in replay.of(Ask)} <= known_by


@pytest.mark.parametrize("name", sorted(set(RECORDED) - {"claude_session_lifecycle"}))
def test_all_of_it_is_known(name: str) -> None:
    """But for an update of the other session, which the lifecycle forks."""
    assert Replay(name).play().of(Unknown) == []


@pytest.mark.parametrize("name", [name for name in RECORDED if name.endswith("_session")])
def test_every_agent_answers_and_tells_what_it_used(name: str) -> None:
    replay = Replay(name).play()
    if name == "vibe_session":
        assert len(replay.of(Retry)) == 11
        return
    assert "hello there" in replay.text
    first = replay.of(TurnEnded)[0]
    assert (first.stop, first.reason, first.text) == (Stop.DONE, "end_turn", None)
    assert (first.usage.input_tokens, first.usage.output_tokens) == (10, 5)
    assert replay.of(Ready)[0].modes
    assert replay.talk.caps.sets >= {"mode", "model"}


def test_a_turn_behind_a_permission() -> None:
    replay = Replay("claude_turn_permission_allow").play()
    (ask,) = replay.of(Ask)
    assert (ask.tool, ask.kind, ask.args["command"]) == (
        "Bash",
        "execute",
        "echo hi > note.txt; ls",
    )
    assert ask.paths == ("/home/dev/demo/note.txt",)
    assert [option.kind for option in ask.options] == ["allow_once", "allow_always", "reject_once"]
    calls = replay.of(ToolCall)
    assert (calls[0].name, calls[0].title, calls[0].args) == ("Bash", "Terminal", None)
    assert calls[-1].status == "completed"
    assert "note.txt" in calls[-1].result
    assert replay.text == "I will write it.The file is there."
    answers = [message["result"] for message in replay.sent if "result" in message]
    assert answers == [{"outcome": {"outcome": "selected", "optionId": "allow-once"}}]
    (end,) = replay.of(TurnEnded)
    assert end.usage == Usage(
        input_tokens=240, output_tokens=18, cache_read_tokens=0, cache_write_tokens=0
    )
    assert end.total_cost_microusd == 1980
    assert replay.of(Changed) == [Changed(key="title", value="Please write a file")]
    assert replay.of(Context)[-1] == Context(used=129, size=1_000_000, cost_microusd=1980)


def test_without_somebody_to_ask_it_is_refused() -> None:
    replay = Replay("claude_turn_permission_reject", asks=False).play()
    assert replay.of(Ask) == []
    answers = [message["result"] for message in replay.sent if "result" in message]
    assert answers == [{"outcome": {"outcome": "selected", "optionId": "reject"}}]
    assert replay.of(ToolCall)[-1].status == "failed"


def test_changes_of_files() -> None:
    replay = Replay("claude_turn_write_read_edit").play()
    diffs = [call.diffs[0] for call in replay.of(ToolCall) if call.diffs]
    assert (diffs[0].path, diffs[0].old_text) == ("/home/dev/demo/new.txt", None)
    assert diffs[0].new_text == "alpha\nbeta\n"
    assert any(call.paths == ("/home/dev/demo/new.txt",) for call in replay.of(ToolCall))
    assert replay.of(Ask)[0].paths == ("/home/dev/demo/new.txt",)


def test_thoughts_and_a_plan() -> None:
    replay = Replay("claude_turn_thinking_plan_parallel_tools").play()
    assert "".join(event.text for event in replay.of(Thought)) == "Let me weigh it."
    plan = replay.of(Plan)[0]
    assert [entry.status for entry in plan.entries] == ["in_progress", "pending"]


@pytest.mark.parametrize(
    "name",
    ["claude_turn_cancel_stream", "claude_turn_cancel_tool", "claude_turn_cancel_permission"],
)
def test_a_cancelled_turn(name: str) -> None:
    replay = Replay(name).play()
    assert replay.of(TurnEnded)[0].stop is Stop.CANCELLED
    assert len(replay.of(Ask)) >= len(replay.of(AskWithdrawn))
    if name.endswith("permission"):
        assert len(replay.of(AskWithdrawn)) == 1
        sent = [message.get("method", message.get("result")) for message in replay.sent]
        refusal = {"outcome": {"outcome": "cancelled"}}
        assert sent.index("session/cancel") < sent.index(refusal)
        assert sent.count(refusal) == 1


def test_a_turn_that_the_agent_begins_by_itself() -> None:
    events = Replay("claude_background_task").play().events
    ended = next(i for i, event in enumerate(events) if isinstance(event, TurnEnded))
    later = [event for event in events[ended + 1 :] if not isinstance(event, Context | Changed)]
    assert later == [
        TurnStarted(turn_id=None),
        Text(text="I saw it finish", message_id="msg_0002"),
        TurnEnded(turn_id=None, stop=Stop.DONE, total_cost_microusd=2640),
    ]


def test_what_was_before_is_not_told_again() -> None:
    replay = Replay("claude_session_load_replay").play()
    assert replay.text == "third reply"
    assert replay.of(ToolCall) == []
    assert replay.of(Ready)[0].agent_session_id == "00000000-0000-4000-8000-000000000001"
    (end,) = replay.of(TurnEnded)
    assert end.stop is Stop.DONE


def test_a_conversation_that_the_agent_does_not_know() -> None:
    replay = Replay("claude_errors_protocol").play()
    assert replay.of(Ready) == []
    (end,) = replay.of(TurnEnded)
    assert (end.stop, end.reason) == (Stop.FAILED, "cannot_resume")
    assert "session/new" not in [message.get("method") for message in replay.sent]


@pytest.mark.parametrize(
    ("name", "reason", "text"),
    [
        ("claude_error_400", "error", "scripted 400"),
        ("claude_error_dropmid", None, None),
    ],
)
def test_failures_of_the_model(name: str, reason: str | None, text: str | None) -> None:
    (end,) = Replay(name).play().of(TurnEnded)
    if text is None:
        assert end.stop is Stop.DONE
    else:
        assert (end.stop, end.reason) == (Stop.FAILED, reason)
        assert text in end.text


def test_notices_are_no_part_of_the_answer() -> None:
    replay = Replay("claude_error_refusal").play()
    assert "safeguards" in replay.of(Note)[0].text
    assert "safeguards" not in replay.text


def test_changes_of_the_mode() -> None:
    replay = Replay("claude_session_lifecycle").play()
    modes = [event.value for event in replay.of(Changed) if event.key == "mode"]
    assert modes[:2] == ["acceptEdits", "plan"]
