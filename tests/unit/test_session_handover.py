"""A session whose conversation somebody has in a terminal, on paper."""

from dataclasses import replace
from typing import Any

import pytest
from session_playbook import (
    CLOSE,
    Book,
    Playbook,
    asking,
    begins_own,
    ended,
    fresh,
    granted,
    idle,
    in_line,
    killing,
    prompt,
    ready,
    running,
    starting,
)

from clawdforge.core.events import Background, Text, ToolCall
from clawdforge.core.handover import Lease, Past, PastTurn, refusal
from clawdforge.core.session_inputs import Gone, Happened, Lend, TakenBack, WarmUp
from clawdforge.core.session_records import TurnState
from clawdforge.core.usage import Usage

LEASE = Lease(by="app:guide", since=1_000_000, pid=7, start=70)
GIVEN = replace(LEASE, conversation="conv", after=100, spent_microusd=50)


def lend(ticket: int = 9, lease: Lease = LEASE) -> Lend:
    return Lend(ticket=ticket, lease=lease)


def said(text: str, end: int, total: int | None = None, **more: Any) -> PastTurn:
    """A turn that somebody had in a terminal."""
    about = {"model": "opus", "usage": Usage(input_tokens=3), "context_used": 30, **more}
    return PastTurn(
        started_at=1_000_100,
        ended_at=1_000_160,
        duration_ms=60_000,
        prompt=text,
        events=(Text(text=f"{text}!"), ToolCall(call_id="c", name="Bash", status="completed")),
        end=end,
        total_microusd=total,
        **about,
    )


def back(*turns: PastTurn, lease: Lease = GIVEN, ticket: int = 10, **more: Any) -> TakenBack:
    total = turns[-1].total_microusd if turns else None
    past = Past(turns=turns, end=turns[-1].end if turns else 0, total_microusd=total)
    return TakenBack(
        ticket=ticket, lease=lease, past=past, agent_session_id="conv" if turns else None, **more
    )


def lent() -> Playbook:
    """In a terminal."""
    playbook = idle()
    playbook.on(lend(), Gone(), lend(lease=GIVEN))
    return playbook


def test_the_agent_ends_before_anybody_else_has_its_conversation() -> None:
    playbook = idle()
    assert playbook.on(lend()) == ["attached", "agent_stopped: attached", "stop agent"]
    assert playbook.on(Gone()) == ["hand over 9"]
    assert playbook.on(lend(ticket=10, lease=GIVEN)) == ["hand over 10"]
    assert playbook.row.attached == GIVEN.to_json()
    (audit,) = [each for each in playbook.book.audit if each.action == "session.attach"]
    assert (audit.actor, audit.detail) == ("app:guide", {"pid": 7})


def test_a_session_without_an_agent_is_handed_over_at_once() -> None:
    assert fresh().on(lend()) == ["attached", "hand over 9"]


@pytest.mark.parametrize("make", [in_line, starting, running, asking, killing])
def test_nothing_is_taken_out_of_a_turn(make: Any) -> None:
    playbook = make()
    assert playbook.on(lend()) == ["refuse 9 session_running"]
    assert playbook.row.attached is None


def test_work_in_the_background_is_not_ended_for_a_terminal() -> None:
    playbook = idle().play(Happened(event=Background(tasks=("sleep",))))
    assert playbook.on(lend()) == ["refuse 9 session_running"]


def test_a_turn_of_the_agents_own_gives_way() -> None:
    playbook = idle().play(begins_own())
    assert "turn 2 done" in playbook.on(lend())
    assert playbook.on(Gone()) == ["hand over 9"]


def test_an_agent_that_is_warmed_up_is_not_started_any_more() -> None:
    playbook = fresh()
    assert playbook.on(WarmUp()) == ["want place"]
    assert playbook.on(lend()) == ["attached", "leave line", "hand over 9"]
    assert playbook.on(WarmUp()) == []


def test_a_closed_session_is_not_handed_over() -> None:
    playbook = fresh().play(CLOSE)
    assert playbook.on(lend())[0] == "refuse 9 session_closed"


def test_who_comes_second_is_told_who_was_first() -> None:
    playbook = lent()
    assert playbook.on(lend(ticket=11, lease=replace(LEASE, pid=8))) == [
        "refuse 11 session_attached"
    ]
    assert playbook.on(prompt(2)) == ["refuse 2 session_attached"]
    told = refusal(GIVEN).message
    assert "process 7, since 13:46:40 UTC, by app:guide" in told
    assert "/exit" in told


def test_what_was_said_there_becomes_turns() -> None:
    playbook = lent()
    before = playbook.row.usage.cost_microusd or 0
    told = playbook.on(back(said("one", 200, 60), said("two", 300, 90)))
    assert told == [
        "turn 2 by terminal",
        "text one!",
        "tool_call",
        "turn 2 done",
        "turn 3 by terminal",
        "text two!",
        "tool_call",
        "turn 3 done",
        "taken_back",
        "hand over 10",
    ]
    assert playbook.row.attached is None
    assert (playbook.row.usage.cost_microusd or 0) - before == 40
    costs = [turn.end.usage.cost_microusd for turn in playbook.book.turns.values() if turn.end]
    assert costs[1:] == [10, 30]
    assert playbook.body("taken_back") == {
        "turns": 2,
        "first_turn": 2,
        "skipped_turns": 0,
        "cost_microusd": 40,
        "cost_known": True,
    }
    assert playbook.book.facts[-2].at == 1_000_160
    assert playbook.on(prompt(2)) == ["want place"]
    assert playbook.on(granted(2))[0].startswith("resume conv")


def test_a_prompt_is_kept_only_where_the_operator_wants_it() -> None:
    playbook = lent()
    playbook.on(back(said("secret", 200), keep_prompts=False))
    start = playbook.book.turns[2].start
    assert (start.prompt_text, start.prompt_bytes) == (None, 6)
    playbook = lent()
    playbook.on(back(said("no secret", 200), keep_prompts=True))
    assert playbook.book.turns[2].start.prompt_text == "no secret"


def test_what_was_told_before_a_crash_is_not_told_again() -> None:
    playbook = lent()
    book: Book = playbook.book
    playbook.on(back(said("one", 200, 60)))
    book.row = replace(
        book.row, attached=replace(GIVEN, after=200, spent_microusd=60).to_json()
    )  # as if the server had died before the end of it was stored
    playbook.killed()
    told = playbook.on(back(said("one", 200, 60), said("two", 300, 90)))
    assert [each for each in told if each.startswith("turn")] == [
        "turn 3 by terminal",
        "turn 3 done",
    ]
    assert playbook.body("taken_back")["cost_microusd"] == 30


def test_the_lease_outlives_the_server() -> None:
    playbook = lent()
    assert playbook.killed() == []
    assert playbook.on(prompt(2)) == ["refuse 2 session_attached"]
    assert playbook.on(back()) == ["taken_back", "hand over 10"]
    assert playbook.on(prompt(3)) == ["want place"]


def test_what_somebody_else_has_by_now_is_not_taken_back() -> None:
    playbook = lent()
    assert playbook.on(back(lease=replace(GIVEN, start=71))) == ["hand over 10"]
    assert playbook.row.attached is not None
    assert fresh().on(back()) == ["hand over 10"]


def test_a_copy_does_not_count_what_the_original_has_cost() -> None:
    copy = replace(GIVEN, pid=None, start=None, after=0, spent_microusd=None)
    playbook = fresh(attached=copy.to_json(), agent_session_id="conv")
    opening = {"conversation": "theirs", "folder": "/w"}
    told = playbook.on(back(said("one", 200, 60), lease=copy, opening=opening))
    assert told[0] == "adopted"
    assert playbook.body("adopted") == opening
    assert playbook.book.turns[1].end is not None
    assert playbook.book.turns[1].end.usage == Usage()
    assert not playbook.row.usage.cost_microusd
    assert playbook.body("taken_back")["cost_known"] is False
    assert playbook.on(prompt(1), granted(1)) == ["want place", "resume conv", "arm start 30",
                                                  "turn 2 by user", "arm turn 120", "begun 1 as 2",
                                                  "send u1"]  # fmt: skip


def test_a_sum_that_began_anew_is_no_negative_cost() -> None:
    playbook = lent()
    playbook.on(back(said("one", 200, 20)))
    assert playbook.body("taken_back")["cost_microusd"] == 20


def test_a_turn_that_was_cut_off_there_is_told_so() -> None:
    playbook = lent()
    cut = said("one", 200, state=TurnState.INTERRUPTED, stop_reason="interrupted", error="gone")
    told = playbook.on(back(cut))
    assert "turn 2 interrupted" in told
    assert playbook.body("taken_back")["cost_known"] is False


def test_an_unproven_conversation_that_was_written_down_there_is_proven() -> None:
    playbook = starting().play(ready())
    playbook.on(ended("u1", text="no"))
    playbook.on(lend(), Gone(), lend(lease=GIVEN), back(said("one", 200, 60)))
    assert playbook.row.agent_session_id == "conv"


def test_a_lease_of_a_newer_version_is_read() -> None:
    kept = {**GIVEN.to_json(), "host": "elsewhere"}
    assert Lease.of(kept) == GIVEN
    assert Lease.of(None) is None
