"""What Claude Code writes down, read as turns."""

import json
from pathlib import Path
from typing import Any

from clawdforge.agents.claude.history import History
from clawdforge.core.events import Text, ToolCall
from clawdforge.core.handover import Past, PastTurn
from clawdforge.core.session_records import TurnState

RECORDED = Path(__file__).parent.parent / "fixtures" / "claude-transcript" / "session-excerpt.jsonl"


def read(*lines: dict[str, Any], limit: int = 100) -> Past:
    history, end = History(limit), 0
    for line in lines:
        history.feed(line, end)
        end += 100
    return history.past(end)


def user(said: Any, **more: Any) -> dict[str, Any]:
    message = {"role": "user", "content": said}
    at = "2026-11-21T02:40:10.500Z"
    return {"type": "user", "message": message, "timestamp": at, "promptSource": "typed", **more}


def assistant(text: str, *, message_id: str = "m1", **more: Any) -> dict[str, Any]:
    return {
        "type": "assistant",
        "timestamp": "2026-11-21T02:40:12.000Z",
        "message": {
            "id": message_id,
            "model": "opus",
            "content": [{"type": "text", "text": text}],
            "stop_reason": "end_turn",
            "usage": {"input_tokens": 10, "output_tokens": 1},
        },
        **more,
    }


def only(past: Past) -> PastTurn:
    (turn,) = past.turns
    return turn


def test_a_recorded_day_is_read() -> None:
    history, end = History(1000), 0
    for line in RECORDED.read_bytes().splitlines(keepends=True):
        history.feed(json.loads(line), end)
        end += len(line)
    past = history.past(end)
    states = [turn.state for turn in past.turns]
    assert (len(states), states.count(TurnState.CANCELLED)) == (26, 5)
    assert set(states) == {TurnState.DONE, TurnState.CANCELLED}
    assert sum(turn.prompt is None for turn in past.turns) == 4  # the agent's own
    first = past.turns[0]
    assert first.prompt == "run:bash"
    assert [type(event) for event in first.events] == [Text, ToolCall, ToolCall, Text]
    assert (first.duration_ms, first.model) == (566, "claude-opus-5-5")
    assert first.usage.input_tokens == 960
    ends = [turn.end for turn in past.turns]
    assert ends == sorted(ends)
    assert ends[-1] == past.end == end


def test_a_turn_has_its_times_and_what_it_used_once() -> None:
    turn = only(read(user("hi"), assistant("one"), assistant("two")))  # of one message
    assert (turn.started_at, turn.ended_at, turn.duration_ms) == (1795228810, 1795228812, 1500)
    assert (turn.usage.input_tokens, turn.usage.output_tokens) == (10, 1)
    assert turn.context_used == 11
    assert turn.events == (Text(text="one", message_id="m1"), Text(text="two", message_id="m1"))


def test_the_newest_turns_are_kept() -> None:
    lines = [line for n in range(5) for line in (user(f"say {n}"), assistant(f"{n}"))]
    past = read(*lines, limit=2)
    assert [turn.prompt for turn in past.turns] == ["say 3", "say 4"]
    assert (past.skipped, past.end) == (3, 1000)


def test_what_it_has_cost_is_known_from_its_end_on() -> None:
    def cost(total: float) -> dict[str, Any]:
        return {"type": "cost-state", "totalCostUSD": total}

    past = read(user("a"), assistant("a"), cost(0.5), user("b"), assistant("b"))
    assert [turn.total_microusd for turn in past.turns] == [500_000, None]
    assert past.total_microusd is None  # it was killed then: nobody knows
    assert read(cost(0.5)).total_microusd == 500_000


def test_what_stands_where_prompts_do_is_none() -> None:
    past = read(
        {"type": "user", "message": {"content": "<command-name>/exit</command-name>"}},
        {"type": "user", "message": {"content": "Caveat"}, "isMeta": True},
        user("a summary", isCompactSummary=True),
        user("of a subagent", isSidechain=True),
        assistant("nobody asked"),
    )
    assert past.turns == ()
    older = {"type": "user", "message": {"content": "hello"}}  # had no `promptSource`
    assert only(read(older)).prompt == "hello"


def test_a_turn_without_an_end_was_cut_off_and_one_before_others_was_given_up() -> None:
    past = read(user("one"), user("two"))
    assert [turn.state for turn in past.turns] == [TurnState.CANCELLED, TurnState.INTERRUPTED]
    assert past.turns[1].error is not None


def test_an_error_of_the_model_fails_the_turn() -> None:
    turn = only(read(user("hi"), assistant("API Error: 500", isApiErrorMessage=True)))
    assert (turn.state, turn.error, turn.events) == (TurnState.FAILED, "API Error: 500", ())


def test_lines_that_make_no_sense_are_passed_over() -> None:
    strange: list[dict[str, Any]] = [
        {},
        {"type": 7},
        {"type": "user", "message": None},
        {"type": "user", "message": {"content": [None, {"type": "tool_result"}]}},
        {"type": "assistant", "message": []},
        {"type": "assistant", "message": {"content": "text"}},
        {"type": "system", "subtype": "turn_duration", "durationMs": "long"},
        {"type": "cost-state", "totalCostUSD": "much"},
        {"type": "user", "timestamp": "yesterday", "message": {"content": "<x"}},
    ]
    turn = only(read(user("hi", timestamp="?"), *strange))
    assert turn.started_at == 0
