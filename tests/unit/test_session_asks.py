"""The questions of an agent: who answers them, when, and what is remembered."""

import pytest
from session_playbook import (
    CLOSE,
    Playbook,
    asking,
    asks,
    cancelling,
    ended,
    granted,
    own_turn,
    prompt,
    ready,
    running,
    said,
)

from clawdforge.core.asks import OVER, REFUSED
from clawdforge.core.events import Ask, AskWithdrawn, Exited, Stop
from clawdforge.core.permission import Policy, parse_policy, within
from clawdforge.core.session_effects import Effect, TellAnswer
from clawdforge.core.session_inputs import Answered, Expired, Happened, Timer
from clawdforge.core.session_records import PermissionState

WITHDRAWN = ["permission withdrawn by server", "settled withdrawn"]


def states(session: Playbook) -> list[PermissionState]:
    return [permission.state for permission in session.book.permissions.values()]


def last_answer(session: Playbook, answer: Answered) -> TellAnswer:
    """What the agent is told, in full."""
    effects: list[Effect] = list(session.machine.on(answer, session.now))
    return next(effect for effect in effects if isinstance(effect, TellAnswer))


def test_a_question_is_told_kept_and_waits_as_long_as_the_policy_says() -> None:
    session = running(policy=Policy(mode="ask", timeout_secs=45))
    assert session.on(said("I ask. "), asks("a1", "rm x")) == [
        "text I ask. ",
        "permission_request",
        "arm ask 45",
    ]
    body = session.body("permission_request")
    assert (body["tool"], body["args"]) == ("Bash", {"command": "rm x"})
    (permission,) = session.book.permissions.values()
    assert (permission.turn, permission.app_id) == (1, "app")
    assert permission.expires_at - permission.asked_at == 45
    assert body["permission_id"] == permission.permission_id


def test_questions_of_different_owners_never_share_a_name() -> None:
    session = asking()
    session.killed()
    session.play(prompt(2), granted(1), ready(), asks("a1"))
    assert list(session.book.permissions) == ["pm_aabb_1_1", "pm_aabb_2_1"]


@pytest.mark.parametrize(
    ("mode", "state", "answer"), [("deny", "denied", "no"), ("allow-all", "allowed", "yes")]
)
def test_the_policy_answers_at_once_and_says_so(mode: str, state: str, answer: str) -> None:
    session = running(policy=parse_policy(mode))
    assert session.on(asks("a1")) == [f"permission {state} by policy", f"answer a1 {answer}"]
    assert session.machine.pending == 0
    assert not session.book.permissions


def test_a_refusal_by_the_policy_says_why_to_the_agent() -> None:
    session = running(policy=Policy(mode="deny"))
    effects = session.machine.on(asks("a1"), session.now)
    answer = next(effect for effect in effects if isinstance(effect, TellAnswer))
    assert answer.message == REFUSED


def test_a_question_to_a_person_is_put_to_one_even_if_all_is_allowed() -> None:
    session = running(policy=Policy(mode="allow-all"))
    question = Happened(event=Ask(ask_id="a1", tool="AskUserQuestion", args={"q": 1}))
    assert session.on(question)[0] == "permission_request"
    refusing = running(policy=Policy(mode="deny"))
    assert refusing.on(question)[-1] == "answer a1 no"


def test_an_answer_is_stored_then_told() -> None:
    session = asking()
    assert session.answers(allow=True) == [
        "permission allowed by app:guide",
        "settled allowed",
        "answer a1 yes",
    ]
    assert states(session) == [PermissionState.ALLOWED]
    assert [entry.action for entry in session.book.audit][-1] == "permission.resolve"
    assert session.answers(allow=False) == []  # too late


def test_an_answer_carries_all_that_the_person_said() -> None:
    session = asking()
    (name,) = session.book.permissions
    told = last_answer(
        session,
        Answered(
            permission_id=name,
            allow=False,
            option_id="no",
            message="not today",
            args={"command": "ls"},
            by="app:guide",
        ),
    )
    assert (told.option_id, told.message, told.args) == ("no", "not today", {"command": "ls"})


def test_what_was_said_meanwhile_is_told_before_the_answer() -> None:
    session = asking().play(said("waiting"))
    assert session.answers()[:2] == ["text waiting", "permission allowed by app:guide"]


def test_an_answer_to_nothing_does_nothing() -> None:
    assert asking().on(Answered(permission_id="pm_x", allow=True, by="app:guide")) == []


@pytest.mark.parametrize(("on_timeout", "told"), [("deny", "no"), ("allow", "yes")])
def test_a_question_that_nobody_answers_is_decided_by_the_policy(
    on_timeout: str, told: str
) -> None:
    session = asking(policy=parse_policy({"mode": "ask", "on_timeout": on_timeout}))
    words = ["permission expired by server", "settled expired", f"answer a1 {told}"]
    assert session.runs_out(Timer.ASK) == words
    assert session.answers() == []


def test_a_timer_that_ran_out_as_the_answer_came_does_nothing() -> None:
    session = asking()
    (name,) = session.book.permissions
    session.answers()
    assert session.on(Expired(timer=Timer.ASK, key=name)) == []


def test_the_agent_may_take_its_question_back() -> None:
    session = asking()
    assert session.on(Happened(event=AskWithdrawn(ask_id="a1"))) == WITHDRAWN
    assert session.on(Happened(event=AskWithdrawn(ask_id="a1"))) == []


def test_the_end_of_a_turn_takes_its_questions_back_and_the_agent_is_told() -> None:
    words = asking().on(ended("u1"))
    assert words[:4] == [*WITHDRAWN, "answer a1 no", "turn 1 done"]


def test_a_prompt_does_not_wait_behind_a_question_of_the_agents_own_turn() -> None:
    session = own_turn().play(asks("a1"))
    words = session.on(prompt(2))
    assert words.index("answer a1 no") < words.index("send u2")
    assert session.machine.pending == 0


def test_the_death_of_the_agent_takes_its_questions_back() -> None:
    session = asking()
    session.on(ended("u1", Stop.LOST), Happened(event=Exited(code=1)))
    assert states(session) == [PermissionState.WITHDRAWN]


def test_a_cancelled_turn_asks_nobody_any_more() -> None:
    session = cancelling()
    effects = session.machine.on(asks("a1"), session.now)
    assert effects == [TellAnswer(ask_id="a1", allow=False, message=OVER)]


def test_a_question_may_be_answered_while_its_turn_is_being_ended() -> None:
    session = asking().play(CLOSE)
    assert session.answers()[-1] == "answer a1 yes"
    assert session.on(ended("u1"))[0] == "turn 1 cancelled"


@pytest.mark.parametrize(("allow", "state"), [(True, "allowed"), (False, "denied")])
def test_an_answer_for_always_holds_for_the_like_and_is_kept(allow: bool, state: str) -> None:
    session = asking()
    session.answers(allow=allow, always=True)
    assert session.on(asks("a2", "rm x"))[0] == f"permission {state} by policy"
    assert session.on(asks("a3", "rm y"))[0] == "permission_request"
    remembered = session.row.options["permissions"]["remembered"]
    assert remembered == [{"tool": "Bash(rm x)", "path": None, "action": remembered[0]["action"]}]
    assert session.machine.options == session.row.options


def test_what_was_answered_for_always_is_known_to_the_next_owner() -> None:
    session = asking()
    session.answers(always=True)
    session.killed(policy=parse_policy(session.row.options["permissions"]))
    assert session.machine.options == session.row.options
    session.play(prompt(2), granted(1), ready())
    assert session.on(asks("a2", "rm x"))[0] == "permission allowed by policy"


def test_what_cannot_be_told_apart_from_other_things_is_not_remembered() -> None:
    session = running()
    session.on(Happened(event=Ask(ask_id="a1", tool="ExitPlanMode", kind="switch_mode")))
    session.answers(always=True)
    assert session.row.options == {}


def test_an_answer_for_always_never_goes_over_the_ceiling() -> None:
    deny = parse_policy({"mode": "ask", "rules": [{"tool": "Bash(rm *)", "action": "deny"}]})
    session = asking(policy=Policy(mode="ask"))
    session.answers(always=True)
    kept = parse_policy(session.row.options["permissions"])
    session.killed(policy=within(kept, deny))
    session.play(prompt(2), granted(1), ready())
    assert session.on(asks("a2", "rm x"))[0] == "permission denied by policy"
