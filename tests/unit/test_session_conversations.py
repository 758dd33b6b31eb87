"""Conversations with the session machine: turns, their agent's life, cancelling, and ends."""

from typing import Any

import pytest
from session_playbook import (
    CLOSE,
    LIMITS,
    STOP,
    asking,
    asks,
    asleep,
    begins_own,
    cancelling,
    closed,
    ended,
    fresh,
    granted,
    hibernating,
    idle,
    in_line,
    killing,
    own_turn,
    prompt,
    queued,
    ready,
    refused,
    restarting,
    running,
    said,
    starting,
    warm,
    warming,
)

from clawdforge.core.events import Background, Context, Exited, Stop, ToolCall
from clawdforge.core.permission import Policy
from clawdforge.core.session_inputs import (
    Broke,
    CancelAsked,
    Expired,
    Gone,
    Happened,
    OptionsChanged,
    RestAsked,
    Timer,
    WarmUp,
)
from clawdforge.core.session_records import TurnState
from clawdforge.core.session_state import UNPROVEN
from clawdforge.core.usage import Usage
from clawdforge.errors import AgentError

EXITS = Happened(event=Exited(signal=9))
FORGETS: dict[str, Any] = {"stop": Stop.FAILED, "reason": "cannot_resume"}


# Turns


def test_a_turn_goes_from_its_prompt_to_its_reply() -> None:
    session = fresh()
    assert session.on(prompt(1)) == ["want place"]
    assert session.on(granted(1)) == [
        "start agent",
        "arm start 30",
        "turn 1 by user",
        "arm turn 120",
        "begun 1 as 1",
        "send u1",
    ]
    assert session.on(ready()) == ["agent_started"]
    assert session.on(said("blue")) == []  # held back for the next piece
    assert session.on(ended("u1", reason="end_turn", text="blue")) == [
        "text blue",
        "turn 1 done",
        "reply 1 done",
        "arm idle 60",
    ]
    turn = session.book.turns[1]
    assert turn.end is not None
    assert (turn.end.stop_reason, turn.end.error) == ("end_turn", None)


def test_how_long_a_turn_waited_and_took_is_told() -> None:
    session = in_line()
    session.later(1.5)
    session.on(granted(1))
    session.later(0.25)
    session.on(ended("u1"))
    turn = session.book.turns[1]
    assert turn.end is not None
    assert (turn.start.waited_ms, turn.end.duration_ms) == (1500, 250)


def test_turns_wait_for_the_one_that_runs_and_keep_their_order() -> None:
    session = running().play(prompt(2), prompt(3))
    assert session.machine.waiting == 2
    assert session.on(ended("u1"))[-4:] == [
        "turn 2 by user",
        "arm turn 120",
        "begun 2 as 2",
        "send u2",
    ]
    assert session.on(ended("u2"))[-2:] == ["begun 3 as 3", "send u3"]
    assert session.on(ended("u3"))[-2:] == ["reply 3 done", "arm idle 60"]


def test_a_full_line_refuses_all_turns_that_wait_and_the_session_stays_usable() -> None:
    session = in_line().play(prompt(2))
    assert session.on(refused(1)) == ["refuse 1 line_full", "refuse 2 line_full"]
    assert session.on(prompt(3)) == ["want place"]
    assert session.on(granted(2))[0] == "start agent"


def test_a_failed_turn_leaves_the_agent_for_the_next() -> None:
    session = queued()
    words = session.on(ended("u1", Stop.FAILED, text="no credit"))
    assert words[:2] == ["turn 1 failed", "reply 1 failed"]
    assert words[-1] == "send u2"
    assert session.book.turns[1].end is not None
    assert session.book.turns[1].end.error == "no credit"


@pytest.mark.parametrize(
    ("stop", "reason"),
    [
        (Stop.MAX_TOKENS, "max_tokens"),
        (Stop.MAX_TURNS, "max_turn_requests"),
        (Stop.REFUSED, "refusal"),
    ],
)
def test_an_agent_that_stops_early_has_done_its_turn(stop: Stop, reason: str) -> None:
    session = running()
    assert "turn 1 done" in session.on(ended("u1", stop, reason="its own word"))
    assert session.body("turn_ended")["stop_reason"] == reason


def test_late_words_about_a_turn_that_ended_change_nothing() -> None:
    session = idle().play(prompt(2))
    assert session.on(ended("u1", Stop.FAILED)) == []
    assert session.on(ended(None)) == []
    assert session.machine.current is not None


def test_a_timer_that_ran_out_as_its_turn_ended_does_not_touch_the_next() -> None:
    late = Expired(timer=Timer.TURN, key="1")
    session = queued()
    session.on(ended("u1"))
    assert session.on(late) == []
    cancelled = cancelling().play(prompt(2), ended("u1", Stop.CANCELLED))
    assert cancelled.on(Expired(timer=Timer.GRACE, key="1")) == []
    assert cancelled.machine.current is not None


# The agent's own turns


def test_what_the_agent_says_unasked_is_a_turn_of_its_own() -> None:
    for first in (said("done now"), Happened(event=ToolCall(call_id="1", name="Bash"))):
        assert idle().on(first)[0] == "turn 2 by agent"


def test_the_agents_own_turn_ends_when_it_says_so() -> None:
    assert own_turn().on(ended(None)) == ["turn 2 done", "arm idle 60"]


def test_the_agents_own_turn_ends_when_it_has_been_quiet_for_a_while() -> None:
    session = own_turn()
    session.later(59)
    assert session.on(said("still")) == ["arm idle 60"]
    assert session.runs_out(Timer.IDLE)[:2] == ["text still", "turn 2 done"]


def test_the_agents_own_turn_has_a_limit() -> None:
    session = own_turn()
    words = session.runs_out(Timer.TURN)
    assert "turn 2 timeout" in words
    assert "stop agent" in words
    assert session.book.turns[2].start.timeout_secs == LIMITS.agent_turn_secs


def test_a_prompt_ends_the_agents_own_turn_and_gets_all_that_comes() -> None:
    session = own_turn()
    assert session.on(prompt(2)) == [
        "turn 2 done",
        "arm idle 60",
        "turn 3 by user",
        "arm turn 120",
        "begun 2 as 3",
        "send u2",
    ]
    assert session.on(begins_own()) == []
    assert session.on(ended(None)) == []
    assert "turn 3 done" in session.on(ended("u2"))


def test_the_last_words_of_an_agent_that_is_ended_are_no_turn() -> None:
    session = hibernating()
    for event in (said("bye"), begins_own(), ready()):
        assert session.on(event) == []
    assert session.on(Gone()) == []
    assert session.machine.turns == 1


# Starting and dying


def test_an_agent_that_does_not_get_ready_fails_the_turn() -> None:
    session = starting()
    assert session.runs_out(Timer.START) == ["agent_stopped: it did not get ready", "stop agent"]
    assert session.on(ended("u1", Stop.LOST), EXITS) == ["turn 1 failed", "reply 1 failed"]
    assert session.body("turn_ended")["error"].startswith("demo was not ready within 30 s")
    assert session.on(Gone()) == []
    assert session.on(prompt(2)) == ["want place"]


def test_an_agent_that_cannot_be_started_fails_the_turn_and_says_what_to_do() -> None:
    session = starting()
    error = AgentError("claude is not installed", code="agent_missing", hint="install it")
    assert session.on(Broke(error=error))[:2] == ["turn 1 failed", "reply 1 failed"]
    assert session.body("turn_ended")["error"] == "claude is not installed; install it"
    assert session.on(Gone(), prompt(2)) == ["want place"]


def test_an_agent_that_dies_in_a_turn_fails_it_and_the_next_turn_wakes_it_again() -> None:
    session = queued()
    session.on(said("half"), ended("u1", Stop.LOST))
    assert session.on(EXITS)[:3] == ["text half", "turn 1 failed", "reply 1 failed"]
    assert "signal 9" in session.body("turn_ended")["error"]
    assert session.on(Gone()) == ["want place"]
    assert session.on(granted(2))[0] == "resume conv"


def test_an_agent_that_dies_between_turns_is_started_again_for_the_next() -> None:
    session = idle()
    assert session.on(EXITS) == ["agent_stopped: signal 9", "stop agent"]
    assert session.on(prompt(2)) == []
    assert session.on(Gone()) == ["want place"]
    assert session.on(granted(2))[0] == "resume conv"


def test_a_prompt_to_an_agent_that_has_just_died_fails_with_the_reason() -> None:
    session = idle().play(prompt(2))
    assert "turn 2 failed" in session.on(EXITS)


def test_a_process_that_vanishes_without_a_word_still_ends_its_turn() -> None:
    session = starting()
    session.runs_out(Timer.START)
    assert session.on(Gone()) == ["turn 1 failed", "reply 1 failed"]


def test_a_place_that_was_left_is_not_taken_when_it_is_granted_late() -> None:
    session = in_line()
    assert session.on(CancelAsked())[-1] == "leave line"
    assert session.on(prompt(2)) == ["want place"]
    assert session.on(granted(1)) == []
    assert session.on(refused(1)) == []
    assert session.on(granted(2))[0] == "start agent"


# Cancelling


def test_a_cancelled_turn_ends_as_cancelled_whatever_the_agent_says() -> None:
    for stop in (Stop.CANCELLED, Stop.DONE, Stop.FAILED):
        session = running()
        session.on(said("one "))
        assert session.on(CancelAsked()) == ["cancel u1", "arm grace 2"]
        words = session.on(ended("u1", stop, text="one two"))
        assert words == ["text one ", "turn 1 cancelled", "reply 1 cancelled", "arm idle 60"]
        assert session.body("turn_ended")["stop_reason"] == "cancelled"


def test_an_agent_that_does_not_obey_is_ended() -> None:
    session = cancelling().play(prompt(2))
    assert session.runs_out(Timer.GRACE) == [
        "agent_stopped: it did not stop when it was told to",
        "stop agent",
    ]
    assert session.on(ended("u1", Stop.LOST), EXITS) == ["turn 1 cancelled", "reply 1 cancelled"]
    assert session.on(Gone()) == ["want place"]
    assert session.on(granted(2))[0] == "resume conv"


def test_an_agent_that_leaves_nothing_behind_when_it_is_ended_ends_its_turn() -> None:
    assert killing().on(Gone()) == ["turn 1 cancelled", "reply 1 cancelled"]


def test_a_turn_that_waits_for_an_agent_is_cancelled_at_once() -> None:
    session = in_line()
    session.later(3)
    assert session.on(CancelAsked()) == [
        "turn 1 by user",
        "arm turn 120",
        "begun 1 as 1",
        "turn 1 cancelled",
        "reply 1 cancelled",
        "leave line",
    ]
    assert session.book.turns[1].start.waited_ms == 3000


def test_cancelling_takes_the_turn_that_runs_not_those_that_wait() -> None:
    session = queued()
    assert session.on(CancelAsked()) == ["cancel u1", "arm grace 2"]
    assert "send u2" in session.on(ended("u1", Stop.CANCELLED))


def test_cancelling_while_the_agent_starts_gives_it_the_same_grace() -> None:
    session = starting()
    assert session.on(CancelAsked()) == ["cancel u1", "arm grace 2"]
    assert session.runs_out(Timer.GRACE)[-1] == "stop agent"
    assert session.on(Gone()) == ["turn 1 cancelled", "reply 1 cancelled"]


def test_cancelling_twice_or_when_nothing_runs_does_nothing() -> None:
    assert cancelling().on(CancelAsked()) == []
    assert idle().on(CancelAsked()) == []


def test_a_turn_that_takes_too_long_is_told_to_stop_and_then_ended() -> None:
    session = running()
    assert session.runs_out(Timer.TURN) == ["cancel u1", "arm grace 2"]
    assert session.runs_out(Timer.GRACE)[-1] == "stop agent"
    assert session.on(Gone()) == ["turn 1 timeout", "reply 1 timeout"]
    assert session.body("turn_ended")["error"] == "no end of the turn within 120 s"


# Resting and waking


def test_an_idle_agent_rests_and_is_woken_with_its_conversation() -> None:
    session = idle()
    assert session.runs_out(Timer.IDLE) == ["agent_stopped: hibernated", "stop agent"]
    assert session.on(Gone(), prompt(2)) == ["want place"]
    assert session.on(granted(2))[0] == "resume conv"
    assert session.on(ready()) == ["agent_started resumed"]


def test_a_turn_that_comes_while_the_agent_is_ended_waits_for_the_next() -> None:
    session = hibernating()
    assert session.on(prompt(2)) == []
    assert session.on(Gone()) == ["want place"]


def test_an_agent_rests_when_its_place_is_needed_but_not_in_a_turn() -> None:
    rest = RestAsked(reason="its place was needed")
    assert idle().on(rest) == ["agent_stopped: its place was needed", "stop agent"]
    assert running().on(rest) == []


def test_an_agent_that_cannot_resume_never_rests_after_its_first_turn() -> None:
    assert not idle(can_resume=False).machine.idle
    assert idle(can_resume=False).runs_out(Timer.IDLE) == []
    assert warm(can_resume=False).runs_out(Timer.IDLE)[-1] == "stop agent"


def test_work_in_the_background_keeps_the_agent_awake_until_it_is_done() -> None:
    session = idle().play(Happened(event=Background(tasks=("make",))))
    assert session.runs_out(Timer.IDLE) == []
    assert session.on(RestAsked(reason="its place was needed")) == []
    assert session.on(Happened(event=Background(tasks=()))) == ["background", "arm idle 60"]
    assert session.runs_out(Timer.IDLE)[-1] == "stop agent"


def test_work_in_the_background_ends_with_its_process() -> None:
    session = idle().play(Happened(event=Background(tasks=("make",))), EXITS, Gone())
    session.on(prompt(2), granted(2), ready(), ended("u2"))
    assert session.runs_out(Timer.IDLE)[-1] == "stop agent"


def test_a_question_in_the_agents_own_turn_keeps_it_awake() -> None:
    session = own_turn().play(asks("a1"))
    assert session.runs_out(Timer.IDLE) == []
    assert session.on(RestAsked(reason="its place was needed")) == []
    session.answers()
    assert session.on(RestAsked(reason="its place was needed"))[-1] == "stop agent"


def test_an_agent_is_warm_before_the_first_turn_and_its_conversation_is_new() -> None:
    session = warming()
    assert session.on(WarmUp()) == []  # once is enough
    assert session.on(granted(1)) == ["start agent", "arm start 30"]
    assert session.on(ready()) == ["agent_started", "arm idle 60"]
    assert session.runs_out(Timer.IDLE)[-1] == "stop agent"
    session.on(Gone(), prompt(1))
    assert session.on(granted(2))[0] == "start agent"  # nothing to go on with
    assert session.on(ready("conv-2")) == ["agent_started"]


def test_a_warm_agent_takes_the_first_turn_at_once() -> None:
    assert warm().on(prompt(1))[-1] == "send u1"


# The agent's memory


def test_an_agents_conversation_is_proven_by_a_turn_that_was_done() -> None:
    session = running()
    assert session.row.agent_session_id == f"{UNPROVEN}conv"
    session.on(ended("u1", Stop.FAILED))
    assert session.row.agent_session_id == f"{UNPROVEN}conv"
    session.on(prompt(2), ended("u2"))
    assert session.row.agent_session_id == "conv"


def test_an_interrupted_first_turn_that_left_nothing_begins_anew_and_says_so() -> None:
    session = restarting()
    assert "note conversation_restarted" not in session.on(Gone())
    assert session.on(granted(2)) == ["start agent", "arm start 30", "send u3"]
    assert session.on(ready("conv-2")) == ["agent_started"]
    assert "turn 2 done" in session.on(ended("u3"))
    assert session.event_types().count("turn_started") == 2
    assert session.row.agent_session_id == "conv-2"


def test_what_the_forgetful_process_still_says_does_not_touch_the_turn() -> None:
    session = restarting()
    broke = Broke(error=AgentError("too long a line", code="agent_protocol"))
    assert session.on(said("hm"), ended("u2", Stop.LOST), EXITS, broke) == []
    assert session.on(Gone()) == ["want place"]
    assert session.on(granted(2))[-1] == "send u3"


def test_a_turn_that_begins_anew_can_be_cancelled_on_the_way() -> None:
    session = restarting()
    assert session.on(CancelAsked()) == ["turn 2 cancelled", "reply 2 cancelled"]
    assert session.on(Gone()) == []
    waiting = restarting().play(Gone())
    words = ["turn 2 cancelled", "reply 2 cancelled", "leave line"]
    assert waiting.on(CancelAsked()) == words


def test_an_agent_that_forgot_a_proven_conversation_fails_the_turn_and_begins_no_other() -> None:
    session = asleep().play(prompt(2), granted(2))
    words = session.on(ended("u2", **FORGETS))
    assert words[:2] == ["turn 2 failed", "reply 2 failed"]
    assert words[-1] == "stop agent"  # nothing may be said to a process without memory
    assert "does not know this conversation" in session.body("turn_ended")["error"]
    assert session.on(Gone(), prompt(3)) == ["want place"]
    assert session.on(granted(3))[0] == "resume conv"


def test_a_cancelled_turn_does_not_begin_anew() -> None:
    session = fresh(turn_count=1, agent_session_id=f"{UNPROVEN}conv").play(prompt(1), granted(1))
    assert session.on(CancelAsked()) == ["cancel u1", "arm grace 2"]
    assert session.on(ended("u1", **FORGETS))[:2] == ["turn 2 cancelled", "reply 1 cancelled"]


FORK: dict[str, Any] = {"agent_session_id": "conv", "options": {"fork": "conv"}}


def test_a_copy_begins_with_the_conversation_it_copies_and_then_has_its_own() -> None:
    session = in_line(**FORK)
    assert session.on(granted(1))[0] == "fork conv"
    assert session.on(ready("copy")) == ["agent_started resumed"]
    session.on(ended("u1"))
    assert session.row.agent_session_id == "copy"
    session.on(EXITS, Gone(), prompt(2))
    assert session.on(granted(2))[0] == "resume copy"


def test_a_copy_that_was_not_written_down_is_made_again() -> None:
    session = in_line(**FORK).play(granted(1), ready("copy"))
    session.killed()
    session.on(prompt(2))
    assert session.on(granted(1))[0] == "resume copy"
    session.on(ended("u2", **FORGETS), Gone())
    assert session.on(granted(2))[0] == "fork conv"


def test_a_copy_of_what_is_not_there_any_more_fails_its_turn() -> None:
    session = in_line(**FORK).play(granted(1))
    assert session.on(ended("u1", **FORGETS))[0] == "turn 1 failed"


# Changes between turns


def changed(*, restart: bool, model: str | None = None) -> OptionsChanged:
    return OptionsChanged(
        options={"effort": "low"},
        policy=Policy(mode="deny"),
        restart=restart,
        changes=(("effort", "low"),),
        model=model,
    )


def test_a_change_is_kept_and_told_with_and_without_an_agent() -> None:
    for session in (fresh(), idle(), asleep()):
        assert session.on(changed(restart=False, model="big")) == ["setting_changed effort"]
        assert session.row.options == session.machine.options == {"effort": "low"}
        assert session.row.model == session.machine.session.model == "big"


def test_an_agent_that_cannot_be_told_is_started_anew_with_the_next_turn() -> None:
    session = idle()
    words = ["setting_changed effort", "agent_stopped: its options have changed", "stop agent"]
    assert session.on(changed(restart=True)) == words
    assert session.on(Gone(), prompt(2)) == ["want place"]
    assert session.on(granted(2))[0] == "resume conv"
    assert session.on(ready(), ended("u2"))[-1] == "arm idle 60"  # it knows now


def test_a_change_that_meets_a_turn_takes_effect_after_it() -> None:
    session = queued()
    assert session.on(changed(restart=True)) == ["setting_changed effort"]
    assert session.on(ended("u1"))[-2:] == ["agent_stopped: its options have changed", "stop agent"]
    assert session.on(Gone()) == ["want place"]
    assert session.on(granted(2))[-1] == "send u2"


def test_a_change_in_the_agents_own_turn_takes_effect_before_the_next_prompt() -> None:
    session = own_turn()
    assert session.on(changed(restart=True)) == ["setting_changed effort"]
    assert session.on(prompt(2))[-1] == "stop agent"
    assert session.on(Gone(), granted(2))[-1] == "send u2"


def test_what_was_said_before_a_change_is_told_before_it() -> None:
    session = running().play(said("so"))
    assert session.on(changed(restart=False)) == ["text so", "setting_changed effort"]
    session.on(said("far"))
    assert session.on(EXITS)[:2] == ["text far", "turn 1 failed"]


# What it costs


def test_a_cost_that_the_agent_adds_up_is_told_for_each_turn() -> None:
    session = idle()
    session.on(prompt(2), Happened(event=Context(cost_microusd=30)), ended("u2"))
    session.on(prompt(3), ended("u3", total_cost_microusd=50))
    session.on(prompt(4), ended("u4", usage=Usage(cost_microusd=7)))
    costs = [t.end.usage.cost_microusd for t in session.book.turns.values() if t.end]
    assert costs == [None, 30, 20, 7]
    assert session.row.usage.cost_microusd == 57


def test_a_new_process_counts_its_cost_from_zero() -> None:
    session = running().play(ended("u1", total_cost_microusd=50), EXITS, Gone(), prompt(2))
    session.on(granted(2), ended("u2", total_cost_microusd=10))
    assert session.row.usage.cost_microusd == 60


# The end


def test_closing_ends_the_turn_the_agent_and_the_session_in_this_order() -> None:
    session = queued()
    assert session.on(CLOSE) == ["refuse 2 session_closed", "cancel u1", "arm grace 2"]
    assert session.on(ended("u1", Stop.CANCELLED))[-3:] == [
        "arm idle 60",
        "agent_stopped: deleted",
        "stop agent",
    ]
    assert session.on(Gone()) == ["session_closed: deleted", "over"]
    assert session.book.turns[1].state is TurnState.CANCELLED
    assert [entry.action for entry in session.book.audit][-1] == "session.close"


def test_stopping_leaves_the_session_open_and_its_turn_interrupted() -> None:
    session = queued()
    assert session.on(STOP)[0] == "refuse 2 stopping"
    session.on(ended("u1", Stop.CANCELLED))
    assert session.on(Gone()) == ["over"]
    assert session.book.turns[1].state is TurnState.INTERRUPTED
    assert not session.machine.is_closed


def test_closing_what_is_being_stopped_closes_it() -> None:
    assert running().play(STOP, CLOSE, ended("u1")).on(Gone())[0] == "session_closed: deleted"
    assert running().play(CLOSE, STOP, ended("u1")).on(Gone())[0] == "session_closed: deleted"


def test_a_closed_session_takes_nothing_any_more() -> None:
    session = closed()
    session.killed()  # woken again by who had not seen that it was closed
    for words in (session.on(prompt(1)), session.on(WarmUp()), session.on(changed(restart=True))):
        assert words in (["refuse 1 session_closed"], [])
    assert session.machine.turns == 0


# Taking over


def test_a_turn_that_the_owner_before_left_is_interrupted_and_never_sent_again() -> None:
    session = running().play(said("half"), Expired(timer=Timer.JOIN))
    session.later(7)
    assert session.killed() == ["owner_changed", "turn 1 interrupted"]
    end = session.book.turns[1].end
    assert end is not None
    assert (end.stop_reason, end.duration_ms) == ("interrupted", 7000)
    assert "text" in session.event_types()
    assert session.on(prompt(2)) == ["want place"]
    words = session.on(granted(1))
    assert words[0] == "resume conv"
    assert [each for each in words if each.startswith("send")] == ["send u2"]


def test_a_question_that_the_owner_before_left_is_withdrawn() -> None:
    session = asking()
    words = ["permission withdrawn by server", "owner_changed", "turn 1 interrupted"]
    assert session.killed() == words
    assert session.machine.pending == 0


def test_taking_over_what_was_finished_tells_nothing() -> None:
    for session in (fresh(), asleep(), idle()):
        before = session.machine
        assert session.killed() == []
        assert session.machine.turns == before.turns
        assert session.machine.options == before.options
