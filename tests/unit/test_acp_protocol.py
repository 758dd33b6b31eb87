"""The ACP driver's protocol, with an agent that says what it is told to."""

import itertools
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clawdforge.agents.acp.protocol import Conversation
from clawdforge.agents.driver import Decision, McpServer, SessionSpec
from clawdforge.core.events import (
    Ask,
    AskWithdrawn,
    Changed,
    Event,
    Note,
    Ready,
    Stop,
    Text,
    TurnEnded,
    TurnStarted,
    Unknown,
)
from clawdforge.wire.framing import LineFramer

FIXTURES = Path(__file__).parents[1] / "fixtures" / "acp"
SESSION = "s-1"


def spec(**more: Any) -> SessionSpec:
    return SessionSpec(cwd=Path("/work"), tmp=Path("/tmp"), **{"asks": True, **more})


class Hand:
    """An agent that says what it is told to."""

    def __init__(self, offers: Any = None, opened: Any = None, **more: Any) -> None:
        self.talk = Conversation(
            auth_method=more.pop("auth_method", None), flavour=more.pop("flavour", None)
        )
        self.events: list[Event] = []
        self.sent: list[dict[str, Any]] = []
        can = {"sessionCapabilities": {"resume": {}, "fork": {}}, "loadSession": True}
        self.offers = offers if offers is not None else can
        self.opened = {"sessionId": SESSION} if opened is None else opened
        self.talk.open(spec(**more))
        self.look()

    def look(self) -> list[dict[str, Any]]:
        self.events += self.talk.take_events()
        new = [json.loads(line) for line in self.talk.take_out().splitlines()]
        self.sent += new
        return new

    def say(self, **message: Any) -> list[Event]:
        events = self.talk.feed(json.dumps({"jsonrpc": "2.0", **message}).encode())
        self.events += events
        self.look()
        return events

    def reply(self, result: Any = None, *, error: Any = None) -> list[Event]:
        """Answer the last request."""
        number = [message["id"] for message in self.sent if "method" in message and "id" in message]
        answer = {"error": error} if error is not None else {"result": result}
        return self.say(id=number[-1], **answer)

    def update(self, kind: str, **update: Any) -> list[Event]:
        params = {"sessionId": SESSION, "update": {"sessionUpdate": kind, **update}}
        return self.say(method="session/update", params=params)

    def chunk(self, text: str) -> list[Event]:
        return self.update("agent_message_chunk", content={"type": "text", "text": text})

    def ask(self, number: Any = 0, kinds: tuple[str, ...] = ("allow_once", "reject_once")) -> str:
        options = [{"optionId": f"o-{kind}", "name": kind, "kind": kind} for kind in kinds]
        call = {"toolCallId": "c", "title": "ls", "kind": "execute", "rawInput": {"command": "ls"}}
        params = {"sessionId": SESSION, "toolCall": call, "options": options}
        events = self.say(id=number, method="session/request_permission", params=params)
        return next((event.ask_id for event in events if isinstance(event, Ask)), "")

    def up(self) -> "Hand":
        self.reply({"protocolVersion": 1, "agentCapabilities": self.offers})
        self.reply(self.opened)
        return self

    @property
    def last(self) -> dict[str, Any]:
        return self.sent[-1]

    def of(self, *kinds: type) -> list[Any]:
        return [event for event in self.events if isinstance(event, kinds)]


def test_the_greeting_offers_neither_files_nor_terminals() -> None:
    hand = Hand()
    assert hand.last["method"] == "initialize"
    assert hand.last["params"]["protocolVersion"] == 1
    assert hand.last["params"]["clientCapabilities"] == {}


def test_a_prompt_waits_for_the_session() -> None:
    hand = Hand()
    hand.talk.prompt("t", "hello")
    assert [message["method"] for message in hand.sent] == ["initialize"]
    hand.up()
    assert hand.last["method"] == "session/prompt"
    assert hand.last["params"]["prompt"] == [{"type": "text", "text": "hello"}]
    assert isinstance(hand.events[0], Ready)
    assert hand.events[1] == TurnStarted(turn_id="t")
    hand.reply({"stopReason": "end_turn"})
    assert hand.events[-1] == TurnEnded(turn_id="t", stop=Stop.DONE, reason="end_turn")


def test_a_prompt_that_waits_can_be_cancelled() -> None:
    hand = Hand()
    hand.talk.prompt("t", "hello")
    hand.talk.cancel("t")
    hand.up()
    assert "session/prompt" not in [message["method"] for message in hand.sent]
    assert hand.of(TurnEnded) == [TurnEnded(turn_id="t", stop=Stop.CANCELLED)]


def test_logging_in() -> None:
    hand = Hand(auth_method="openai")
    hand.reply({"protocolVersion": 1})
    assert hand.last["method"] == "authenticate"
    assert hand.last["params"] == {"methodId": "openai"}
    hand.reply(error={"code": -32000, "message": "no key"})
    hand.talk.prompt("t", "hello")
    hand.look()
    (end,) = hand.of(TurnEnded)
    assert (end.stop, end.reason) == (Stop.FAILED, "auth_required")
    assert "no key" in end.text


@pytest.mark.parametrize(
    ("offers", "method"),
    [
        ({"sessionCapabilities": {"resume": {}}, "loadSession": True}, "session/resume"),
        ({"loadSession": True}, "session/load"),
    ],
)
def test_going_on_with_a_conversation(offers: Any, method: str) -> None:
    hand = Hand(offers, opened={}, resume_id="old")
    hand.reply({"protocolVersion": 1, "agentCapabilities": offers})
    assert hand.last["method"] == method
    hand.update("agent_message_chunk", content={"type": "text", "text": "said before"})
    hand.reply({})
    assert hand.of(Text, TurnStarted) == []
    assert hand.of(Ready)[0].agent_session_id == "old"
    assert hand.talk.caps.resume


def test_a_resume_that_is_offered_and_not_there() -> None:
    offers = {"sessionCapabilities": {"resume": {}}, "loadSession": True}
    hand = Hand(offers, resume_id="old")
    hand.reply({"protocolVersion": 1, "agentCapabilities": offers})
    hand.reply(error={"code": -32601, "message": "Method not found"})
    assert hand.last["method"] == "session/load"


@pytest.mark.parametrize(
    ("more", "offers", "reason"),
    [
        ({"resume_id": "old"}, {}, "cannot_resume"),
        ({"resume_id": "old", "fork": True}, {"loadSession": True}, "cannot_fork"),
    ],
)
def test_what_the_agent_cannot(more: Any, offers: Any, reason: str) -> None:
    hand = Hand(offers, **more)
    hand.talk.prompt("t", "x")
    hand.reply({"protocolVersion": 1, "agentCapabilities": offers})
    (end,) = hand.of(TurnEnded)
    assert (end.stop, end.reason) == (Stop.FAILED, reason)


def test_a_fork_has_a_name_of_its_own() -> None:
    hand = Hand(opened={"sessionId": "copy"}, resume_id="old", fork=True).up()
    assert hand.last["method"] == "session/fork"
    assert hand.last["params"]["sessionId"] == "old"
    assert hand.of(Ready)[0].agent_session_id == "copy"


OPTIONS = {
    "sessionId": SESSION,
    "configOptions": [
        {"id": "model", "category": "model", "currentValue": "a", "options": [{"value": "a"}]},
        {"id": "effort", "category": "thought_level", "currentValue": "low", "options": []},
        {"id": "mode", "category": "mode", "currentValue": "default", "options": []},
    ],
}


@pytest.mark.parametrize("resume_id", [None, "old"])
def test_settings_are_set_after_each_start(resume_id: str | None) -> None:
    hand = Hand(opened=OPTIONS, model="b", effort="high", mode="plan", resume_id=resume_id).up()
    for value in ("b", "high", "plan"):
        assert hand.last["method"] == "session/set_config_option"
        assert hand.last["params"]["value"] == value
        assert not hand.of(Ready)
        hand.reply({})
    assert hand.of(Ready)


def test_a_setting_that_is_refused_at_the_start() -> None:
    hand = Hand(opened=OPTIONS, mode="nope").up()
    hand.talk.prompt("t", "x")
    hand.reply(error={"code": -32602, "message": "Invalid Mode"})
    (end,) = hand.of(TurnEnded)
    assert (end.stop, end.reason) == (Stop.FAILED, "cannot_set")
    assert "Invalid Mode" in end.text


def test_a_model_as_older_agents_take_it() -> None:
    models = {"currentModelId": "a", "availableModels": [{"modelId": "a"}, {"modelId": "b"}]}
    hand = Hand(opened={"sessionId": SESSION, "models": models}, model="b").up()
    assert hand.last["method"] == "session/set_model"
    assert hand.last["params"] == {"sessionId": SESSION, "modelId": "b"}
    hand.reply({})
    assert hand.of(Ready)[0].models == ("a", "b")


def test_changing_a_setting() -> None:
    hand = Hand(opened=OPTIONS).up()
    number = hand.talk.set("mode", "plan")
    assert number is not None
    hand.look()
    hand.reply({})
    assert hand.talk.has_outcome(number)
    assert hand.talk.outcome(number) is None
    assert hand.of(Changed) == [Changed(key="mode", value="plan")]
    hand.update("current_mode_update", currentModeId="plan")
    assert len(hand.of(Changed)) == 1, "it was known"


def test_a_system_prompt_where_it_is_taken() -> None:
    offers: dict[str, Any] = {"sessionCapabilities": {"systemPrompt": {"mode": {"override": {}}}}}
    hand = Hand(offers, system="be kind", system_mode="replace").up()
    assert hand.last["params"]["systemPrompt"] == {"mode": "override", "content": "be kind"}
    hand.talk.prompt("t", "hello")
    hand.look()
    assert len(hand.last["params"]["prompt"]) == 1


def test_a_system_prompt_where_it_is_not_taken() -> None:
    hand = Hand(system="be kind").up()
    for turn, expected in (("t1", ["be kind", "hello"]), ("t2", ["hello"])):
        hand.talk.prompt(turn, "hello")
        hand.look()
        assert [block["text"] for block in hand.last["params"]["prompt"]] == expected
        hand.reply({"stopReason": "end_turn"})


@pytest.mark.parametrize(("flavour", "meta"), [("claude", None), (None, {"claudeCode": {}})])
def test_what_claudes_adapter_is_told(flavour: str | None, meta: Any) -> None:
    hand = Hand({"_meta": meta}, flavour=flavour).up()
    options = hand.last["params"]["_meta"]["claudeCode"]["options"]
    assert options["promptSuggestions"] is False
    assert options["settingSources"] == ["user"]
    assert "_meta" not in Hand().up().last["params"]


def test_mcp_servers() -> None:
    servers = (
        McpServer(name="files", command="/bin/files", args=("-x",), env={"A": "b"}),
        McpServer(name="web", url="https://example.org", headers={"H": "v"}),
    )
    hand = Hand({"mcpCapabilities": {"http": True}}, mcp_servers=servers).up()
    env = [{"name": "A", "value": "b"}]
    assert hand.last["params"]["mcpServers"] == [
        {"name": "files", "command": "/bin/files", "args": ["-x"], "env": env},
        {
            "type": "http",
            "name": "web",
            "url": "https://example.org",
            "headers": [{"name": "H", "value": "v"}],
        },
    ]
    without = Hand(mcp_servers=servers).up()
    assert len(without.last["params"]["mcpServers"]) == 1
    assert "web" in without.of(Note)[0].text


@pytest.mark.parametrize(
    ("kinds", "decision", "chosen"),
    [
        (("allow_always", "allow_once", "reject_once"), Decision(allow=True), "o-allow_once"),
        (("allow_always", "reject_once"), Decision(allow=True), None),
        (("allow_once", "reject_always"), Decision(allow=False), "o-reject_always"),
        (("allow_once",), Decision(allow=False), None),
        (
            ("allow_always", "allow_once"),
            Decision(allow=True, option_id="o-allow_always"),
            "o-allow_always",
        ),
        (
            ("allow_once", "reject_once"),
            Decision(allow=False, option_id="o-allow_once"),
            "o-reject_once",
        ),
        (
            ("allow_once", "reject_once"),
            Decision(allow=True, args={"command": "rm"}),
            "o-reject_once",
        ),
        (("allow_once",), Decision(allow=True, args={"command": "ls"}), "o-allow_once"),
    ],
)
def test_options_are_chosen_by_kind(
    kinds: tuple[str, ...], decision: Decision, chosen: str | None
) -> None:
    hand = Hand().up()
    hand.talk.prompt("t", "x")
    hand.look()
    hand.talk.answer(hand.ask(kinds=kinds), decision)
    hand.look()
    outcome = hand.last["result"]["outcome"]
    assert outcome.get("optionId") == chosen
    assert outcome["outcome"] == ("selected" if chosen else "cancelled")


def test_numbers_of_both_sides_do_not_meet() -> None:
    hand = Hand().up()
    hand.talk.prompt("t", "x")
    hand.look()
    number = hand.last["id"]
    ask_id = hand.ask(number=number)
    hand.talk.answer(ask_id, Decision(allow=True))
    hand.talk.answer(ask_id, Decision(allow=True))
    hand.look()
    answers = [message["id"] for message in hand.sent if "result" in message]
    assert answers == [number]
    assert not hand.of(TurnEnded)
    hand.reply({"stopReason": "end_turn"})
    assert hand.of(TurnEnded)


def test_a_question_that_is_taken_back() -> None:
    hand = Hand().up()
    hand.talk.prompt("t", "x")
    ask_id = hand.ask(number="q")
    hand.say(method="$/cancel_request", params={"requestId": "other"})
    assert not hand.of(AskWithdrawn)
    hand.say(method="$/cancel_request", params={"requestId": "q"})
    assert hand.of(AskWithdrawn) == [AskWithdrawn(ask_id=ask_id)]


def test_what_is_asked_in_a_cancelled_turn_is_refused() -> None:
    hand = Hand().up()
    hand.talk.prompt("t", "x")
    hand.look()
    prompt = hand.last["id"]
    hand.talk.cancel("t")
    assert hand.ask() == ""
    assert hand.last["result"] == {"outcome": {"outcome": "cancelled"}}
    hand.say(id=prompt, result={"stopReason": "end_turn"})
    assert hand.of(TurnEnded)[0].stop is Stop.CANCELLED


@pytest.mark.parametrize("answer", [{"result": {}}, {"error": {"code": -32603, "message": "x"}}])
def test_a_cancelled_turn_is_cancelled_whatever_the_agent_says(answer: Any) -> None:
    hand = Hand().up()
    hand.talk.prompt("t", "x")
    hand.talk.cancel("another")
    hand.talk.cancel("t")
    hand.talk.cancel("t")
    hand.look()
    number = next(message["id"] for message in hand.sent if message["method"] == "session/prompt")
    assert [message["method"] for message in hand.sent].count("session/cancel") == 2
    hand.say(id=number, **answer)
    assert [end.stop for end in hand.of(TurnEnded)] == [Stop.CANCELLED]
    hand.talk.cancel("t")
    assert hand.talk.take_out() == b""


def test_an_own_turn_ends_with_the_next_prompt() -> None:
    hand = Hand().up()
    hand.chunk("by the way")
    assert hand.of(TurnStarted) == [TurnStarted(turn_id=None)]
    hand.talk.prompt("t", "x")
    hand.look()
    assert hand.events[-2:] == [
        TurnEnded(turn_id=None, stop=Stop.DONE),
        TurnStarted(turn_id="t"),
    ]


def test_the_process_ends() -> None:
    hand = Hand().up()
    assert hand.talk.lost() == []
    hand.chunk("by the way")
    assert hand.talk.lost() == [TurnEnded(turn_id=None, stop=Stop.LOST)]
    hand.talk.prompt("t", "x")
    assert hand.talk.lost() == [TurnEnded(turn_id="t", stop=Stop.LOST)]
    assert not hand.talk.has_open_turn


def test_an_agent_that_has_lost_the_session() -> None:
    hand = Hand().up()
    hand.talk.prompt("t", "x")
    hand.look()
    hand.reply(error={"code": -32002, "message": "Resource not found"})
    (end,) = hand.of(TurnEnded)
    assert (end.stop, end.reason) == (Stop.FAILED, "session_lost")
    assert hand.talk.ended_by_agent


@pytest.mark.parametrize(
    ("kept", "offers", "method"),
    [
        (False, {"close": {}, "delete": {}}, "session/delete"),
        (False, {"close": {}}, "session/close"),
        (False, {}, None),
        (True, {"close": {}, "delete": {}}, None),
    ],
)
def test_taking_leave(kept: bool, offers: Any, method: str | None) -> None:
    hand = Hand({"sessionCapabilities": offers}, kept=kept).up()
    hand.talk.take_leave()
    new = hand.look()
    assert [message["method"] for message in new] == ([method] if method else [])


def test_a_request_that_is_not_known_is_refused() -> None:
    hand = Hand().up()
    hand.say(id="q", method="fs/read_text_file", params={"path": "/etc/passwd"})
    assert hand.last["error"]["code"] == -32601
    assert hand.last["id"] == "q"


def test_messages_that_are_not_known_are_kept() -> None:
    hand = Hand().up()
    hand.say(method="_news/today", params={"x": 1})
    hand.update("from_the_future", x=1)
    hand.say(method="session/update", params={"sessionId": SESSION})
    hand.say(method="session/update", params={"sessionId": "another", "update": {}})
    assert len(hand.of(Unknown)) == 4
    hand.update("available_commands_update", availableCommands=[])
    hand.say(method="_auth/status_update", params={})
    assert len(hand.of(Unknown)) == 4


@pytest.mark.parametrize(
    "line",
    [
        b"plain text",
        b"42",
        b"null",
        b'"text"',
        b"[1]",
        b'[{"jsonrpc": "2.0", "method": "session/update"}]',
        b"{}",
        b'{"id": 1}',
        b'{"id": null, "result": 1}',
        b'{"id": [], "method": "x"}',
        b'{"method": 7}',
        b"\xff\xfe\x00",
        b'{"a": ',
        b"[" * 100_000,
        b'{"id": 99, "result": {}}',
    ],
)
def test_garbage_is_skipped_and_counted(line: bytes) -> None:
    hand = Hand().up()
    assert hand.talk.feed(line) == []
    assert hand.talk.feed(b"  ") == []
    assert hand.talk.skipped == 1


@pytest.mark.parametrize("answer", [None, 5, "x", [], {}, {"sessionId": 7}])
def test_answers_that_make_no_sense(answer: Any) -> None:
    hand = Hand()
    hand.talk.prompt("t", "x")
    hand.reply(answer)
    hand.reply(answer)
    (end,) = hand.of(TurnEnded)
    assert end.stop is Stop.FAILED


def test_another_version_of_the_protocol() -> None:
    hand = Hand()
    hand.talk.prompt("t", "x")
    hand.reply({"protocolVersion": 2})
    assert "version 2" in hand.of(TurnEnded)[0].text


json_value = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=8,
)
KEYS = (
    "sessionUpdate", "content", "toolCallId", "rawInput", "rawOutput", "locations", "status",
    "entries", "configOptions", "currentModeId", "used", "size", "cost", "_meta", "title", "kind",
)  # fmt: skip
KINDS = (
    "agent_message_chunk", "agent_thought_chunk", "tool_call", "tool_call_update", "plan",
    "usage_update", "current_mode_update", "config_option_update", "session_info_update", "notice",
)  # fmt: skip


@given(st.sampled_from(KINDS), st.dictionaries(st.sampled_from(KEYS), json_value))
def test_no_update_raises(kind: str, update: dict[str, Any]) -> None:
    hand = Hand().up()
    hand.talk.prompt("t", "x")
    hand.update(**{**update, "kind": kind, "sessionUpdate": kind})


@given(st.dictionaries(st.sampled_from(["options", "toolCall", "sessionId"]), json_value))
def test_no_question_raises(params: dict[str, Any]) -> None:
    hand = Hand().up()
    hand.talk.prompt("t", "x")
    hand.say(id=1, method="session/request_permission", params=params)


@given(json_value)
def test_no_answer_raises(answer: Any) -> None:
    hand = Hand(opened=answer).up()
    hand.talk.prompt("t", "x")
    hand.look()
    hand.reply(answer)
    assert len(hand.of(TurnEnded)) == 1


@given(st.binary())
def test_no_bytes_raise(line: bytes) -> None:
    Hand().up().talk.feed(line)


def _said(name: str) -> bytes:
    lines = (FIXTURES / f"{name}.ndjson").read_text().splitlines()
    messages = [json.loads(line) for line in lines]
    said = [line["msg"] for line in messages if line["dir"] == "a2c"]
    return b"".join(json.dumps(message).encode() + b"\n" for message in said)


STREAM = _said("claude_turn_permission_allow")


def _fed(pieces: Iterator[bytes]) -> list[Event]:
    talk = Conversation()
    talk.open(spec())
    talk.prompt("t", "x")
    framer = LineFramer()
    return [event for piece in pieces for line in framer.feed(piece) for event in talk.feed(line)]


@settings(max_examples=50)
@given(st.lists(st.integers(0, len(STREAM)), max_size=40))
def test_the_pieces_it_arrives_in_do_not_matter(cuts: list[int]) -> None:
    edges = [0, *sorted(cuts), len(STREAM)]
    pieces = (STREAM[a:b] for a, b in itertools.pairwise(edges))
    events = _fed(pieces)
    assert events == _fed(iter([STREAM]))
    assert isinstance(events[-1], Changed)
