"""What is said in a turn becomes facts, however it is cut into pieces, and its end an outcome."""

import json
from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clawdforge.core.events import (
    Ask,
    AskWithdrawn,
    Background,
    Changed,
    Context,
    Diff,
    Event,
    Exited,
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
    Unknown,
)
from clawdforge.core.sdk_events import sdk_events
from clawdforge.core.session_effects import Fact, TurnOutcome
from clawdforge.core.session_inputs import TurnRequest
from clawdforge.core.session_records import TurnState
from clawdforge.core.turn import MAX_ERROR_CHARS, MAX_HELD_CHARS, OpenTurn, fact_of
from clawdforge.core.usage import Usage


def opened(**more: Any) -> OpenTurn:
    request = TurnRequest(
        ticket=1, prompt="hi", prompt_bytes=2, prompt_sha256="0" * 64, timeout_secs=5
    )
    return OpenTurn(turn=1, turn_id="u1", request=request, began=10.0, **more)


def fed(turn: OpenTurn, events: Iterable[Event], final: str | None = None) -> list[Fact]:
    facts = [fact for event in events for fact in turn.feed(event)]
    return [*facts, *turn.final_text(final)]


def bodies(facts: Sequence[Fact]) -> list[Mapping[str, Any]]:
    return [{"type": fact.type, **fact.body} for fact in facts]


def texts(facts: Sequence[Fact]) -> list[str]:
    return [fact.body["text"] for fact in facts if fact.type == "text"]


# Pieces

PIECES = st.sampled_from(["a", "bc", " ", "\n", "é", "🙂", "x" * 100])
MESSAGES = st.sampled_from([None, "m1", "m2"])
SAID = st.lists(
    st.one_of(
        st.builds(Text, text=st.lists(PIECES, max_size=5).map("".join), message_id=MESSAGES),
        st.builds(Thought, text=st.lists(PIECES, max_size=5).map("".join)),
        st.builds(
            ToolCall,
            call_id=st.sampled_from(["1", "2"]),
            name=st.sampled_from([None, "Bash"]),
            result=st.sampled_from([None, "ok", ["x"]]),
        ),
        st.builds(Context, used=st.integers(0, 9)),
        st.builds(Note, kind=st.just("warning")),
    ),
    max_size=12,
)


@st.composite
def cuts(draw: st.DrawFn, events: Sequence[Event]) -> list[Event | None]:
    """The same, said in smaller pieces; None: what is held back is stored now."""
    found: list[Event | None] = []
    for event in events:
        if isinstance(event, Text | Thought):
            at = sorted(draw(st.lists(st.integers(0, len(event.text)), max_size=3)))
            ends = [0, *at, len(event.text)]
            for begin, end in pairwise(ends):
                kind = type(event)
                found.append(kind(text=event.text[begin:end], message_id=event.message_id))
                if draw(st.booleans()):
                    found.append(None)
        else:
            found.append(event)
    return found


@given(SAID, st.data())
def test_however_it_is_cut_into_pieces_the_reply_is_the_same(
    events: list[Event], data: st.DataObject
) -> None:
    whole, pieces = opened(), opened()
    stored = bodies(fed(whole, events))
    cut: list[Fact] = []
    for event in data.draw(cuts(events)):
        cut += pieces.flush() if event is None else pieces.feed(event)
    cut += pieces.flush()
    assert sdk_events(bodies(cut)) == sdk_events(stored)
    assert sdk_events(pieces.bodies) == sdk_events(stored)  # what is replied is what is stored


@given(SAID)
def test_nothing_that_was_said_is_lost_or_said_twice(events: list[Event]) -> None:
    facts = fed(opened(), events)
    for kind, type_ in (("text", Text), ("thinking", Thought)):
        said = "".join(event.text for event in events if isinstance(event, type_))
        assert "".join(fact.body["text"] for fact in facts if fact.type == kind) == said
    assert all(fact.body["text"] for fact in facts if fact.type in {"text", "thinking"})


@given(SAID)
def test_pieces_of_one_message_that_follow_each_other_are_one_fact(events: list[Event]) -> None:
    facts = fed(opened(), events)
    for one, other in pairwise(facts):
        if one.type in {"text", "thinking"} and one.type == other.type:
            assert one.body.get("message_id") != other.body.get("message_id")


def test_text_is_held_back_only_up_to_a_size() -> None:
    turn = opened()
    facts = list(turn.feed(Text(text="x" * (MAX_HELD_CHARS - 1))))
    assert facts == []
    assert turn.holds
    assert texts(list(turn.feed(Text(text="yz")))) == ["x" * (MAX_HELD_CHARS - 1) + "yz"]
    assert not turn.holds


def test_a_piece_without_text_is_nothing() -> None:
    turn = opened()
    assert list(turn.feed(Text(text=""))) == []
    assert not turn.holds


# Tool calls

PATCHES = st.lists(
    st.builds(
        ToolCall,
        call_id=st.sampled_from(["1", "2", "3"]),
        name=st.sampled_from([None, "Bash", "Read"]),
        title=st.sampled_from([None, "ls"]),
        kind=st.sampled_from([None, "execute"]),
        args=st.sampled_from([None, {"command": "ls"}, []]),
        status=st.sampled_from([None, "pending", "completed"]),
        result=st.sampled_from([None, "", "ok", 0, False]),
    ),
    max_size=10,
)


@given(PATCHES)
def test_news_of_a_tool_call_is_laid_over_what_was_known(patches: list[ToolCall]) -> None:
    known: dict[str, dict[str, Any]] = {}
    for patch in patches:
        call = known.setdefault(patch.call_id, {"name": None, "args": None, "result": None})
        for key in ("name", "title", "kind", "args", "result"):
            if getattr(patch, key) is not None:
                call[key] = getattr(patch, key)
    expected = [
        {
            "type": "tool_call",
            "name": call["name"] or call.get("title") or call.get("kind") or "tool",
            "args": call["args"],
            "result": call["result"],
        }
        for call in known.values()
    ]
    assert sdk_events(bodies(fed(opened(), patches))) == expected


def test_a_patch_tells_only_what_is_new() -> None:
    (fact,) = fed(opened(), [ToolCall(call_id="1", status="completed", result=[])])
    assert fact.body == {"call_id": "1", "status": "completed", "result": []}


# The whole answer

ANSWERS = st.sampled_from(["", "a", "ab", "abc", "one two"])


@given(st.lists(ANSWERS, max_size=4), st.booleans(), ANSWERS)
def test_the_reply_ends_with_the_whole_answer(said: list[str], tool: bool, final: str) -> None:
    events: list[Event] = [Text(text=piece) for piece in said]
    if tool:
        events.insert(len(events) // 2, ToolCall(call_id="1", name="Bash"))
    shown = sdk_events(bodies(fed(opened(), events, final)))
    if final:
        assert shown[-1]["type"] == "text"
        assert shown[-1]["content"].endswith(final)
    else:
        assert shown == sdk_events(bodies(fed(opened(), events)))


def test_an_answer_that_was_streamed_in_full_is_not_said_again() -> None:
    facts = fed(opened(), [Text(text="I look. "), Text(text="Done.")], "Done.")
    assert texts(facts) == ["I look. Done."]


def test_an_answer_that_was_streamed_twice_is_replaced() -> None:
    for before, after in (("Hel", "Hello"), ("Hello", "lo"), ("Hello", "")):
        events: list[Event] = [Text(text=before), Retry(attempt=1), Text(text=after)]
        facts = fed(opened(), events, "Hello")
        assert sdk_events(bodies(facts)) == [{"type": "text", "content": "Hello"}]


def test_a_retry_before_a_tool_call_says_nothing_about_the_answer_after_it() -> None:
    begun: list[Event] = [Retry(attempt=1), ToolCall(call_id="1"), Text(text="I saw. ")]
    facts = fed(opened(), [*begun, Text(text="Done.", message_id="m2")], "Done.")
    assert texts(facts) == ["I saw. ", "Done."]


# What events say

SAYS = {
    Text(text="a"): None,
    Ready(): None,
    TurnStarted(turn_id="u1"): None,
    Ask(ask_id="a", tool="Bash"): None,
    AskWithdrawn(ask_id="a"): None,
    Exited(code=0): None,
    TurnEnded(turn_id="u1", stop=Stop.DONE): None,
    ToolCall(call_id="1", diffs=(Diff(path="p", old_text=None, new_text="n"),)): "tool_call",
    Plan(entries=(PlanEntry(content="c"),)): "plan",
    Context(used=1): "usage",
    Retry(attempt=1): "retry",
    Background(tasks=("make",)): "background",
    Changed(key="model", value="big"): "setting_changed",
    Note(kind="warning", text="w"): "note",
}


@pytest.mark.parametrize("event", SAYS, ids=lambda event: type(event).__name__)
def test_what_an_event_says_to_others(event: Event) -> None:
    found = fact_of(event)
    assert (found[0] if found else None) == SAYS[event]
    assert found is None or json.loads(json.dumps(found[1]))


def test_what_nobody_understands_is_kept_as_it_came() -> None:
    assert fact_of(Unknown(raw={"x": [1]})) == ("unknown", {"raw": {"x": [1]}})


# The end


def outcome(turn: OpenTurn, stop: Stop | None, **more: Any) -> TurnOutcome:
    event = TurnEnded(turn_id="u1", stop=stop, **more) if stop is not None else None
    return turn.outcome(event, usage=Usage(), mono=10.5)


@pytest.mark.parametrize(
    ("stop", "state", "reason"),
    [
        (Stop.DONE, TurnState.DONE, "end_turn"),
        (Stop.MAX_TOKENS, TurnState.DONE, "max_tokens"),
        (Stop.MAX_TURNS, TurnState.DONE, "max_turn_requests"),
        (Stop.REFUSED, TurnState.DONE, "refusal"),
        (Stop.CANCELLED, TurnState.CANCELLED, "cancelled"),
        (Stop.FAILED, TurnState.FAILED, "error"),
        (Stop.LOST, TurnState.FAILED, "error"),
        (None, TurnState.FAILED, "error"),
    ],
)
def test_how_a_turn_ends_when_we_did_not_end_it(
    stop: Stop | None, state: TurnState, reason: str
) -> None:
    found = outcome(opened(), stop)
    assert (found.state, found.stop_reason, found.duration_ms) == (state, reason, 500)
    assert (found.error is not None) == (state is TurnState.FAILED)


@pytest.mark.parametrize("stop", [*Stop, None])
@pytest.mark.parametrize(
    ("ending", "reason"),
    [
        (TurnState.TIMEOUT, "timeout"),
        (TurnState.CANCELLED, "cancelled"),
        (TurnState.INTERRUPTED, "interrupted"),
    ],
)
def test_a_turn_that_we_end_is_called_so_whatever_the_agent_says(
    stop: Stop | None, ending: TurnState, reason: str
) -> None:
    found = outcome(opened(ending=ending, error="why"), stop, **({"text": "no"} if stop else {}))
    assert (found.state, found.stop_reason) == (ending, reason)
    assert found.error == (None if ending is TurnState.CANCELLED else "why")


def test_what_the_agent_says_about_a_failure_is_the_error_up_to_a_length() -> None:
    assert outcome(opened(), Stop.FAILED, text="no credit").error == "no credit"
    assert outcome(opened(error="ours"), Stop.FAILED, text="theirs").error == "ours"
    assert outcome(opened(), Stop.FAILED, text="x" * 9999).error == "x" * MAX_ERROR_CHARS


def test_the_agents_own_word_for_a_good_end_is_passed_on() -> None:
    assert outcome(opened(), Stop.DONE, reason="stop_sequence").stop_reason == "stop_sequence"
