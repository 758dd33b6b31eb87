"""Every input in every state of a session: what is done about it.

A state is left out of a row's inputs where nothing is done, which is asserted as well. Inputs
that a state cannot meet (words of an agent that is not there) are not tried.
"""

from collections.abc import Callable

import pytest
from session_playbook import (
    CLOSE,
    STOP,
    Playbook,
    asking,
    asks,
    asleep,
    begins_own,
    cancelling,
    closed,
    closing,
    ended,
    fresh,
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
    stopped,
    stopping,
    warm,
    warming,
)

from clawdforge.core.events import AskWithdrawn, Context, Exited, Stop, TurnStarted
from clawdforge.core.permission import Policy
from clawdforge.core.session_inputs import (
    Answered,
    Broke,
    CancelAsked,
    Expired,
    Gone,
    Granted,
    Happened,
    Input,
    OptionsChanged,
    RestAsked,
    Timer,
    WarmUp,
)
from clawdforge.errors import AgentError

State = Callable[[], Playbook]
DENY = Policy(mode="deny")
LOW = {"effort": "low"}


def now(playbook: Playbook) -> str | None:
    """The name of the turn that runs, else of one that has ended."""
    current = playbook.machine.current
    return current.turn_id if current else "u1"


def newest(playbook: Playbook) -> str:
    return [*playbook.book.permissions, "pm"][0]


INPUTS: dict[str, Callable[[Playbook], Input]] = {
    "prompt": lambda _: prompt(9),
    "warm up": lambda _: WarmUp(),
    "granted": lambda at: Granted(place=at.book.place or 1),
    "refused": lambda at: refused(at.book.place or 1),
    "ready": lambda _: ready(),
    "works": lambda at: Happened(event=TurnStarted(turn_id=now(at) or "u1")),
    "begins own turn": lambda _: begins_own(),
    "says": lambda _: said("so"),
    "context": lambda _: Happened(event=Context(used=1, size=2)),
    "asks": lambda _: asks("a9"),
    "takes back a1": lambda _: Happened(event=AskWithdrawn(ask_id="a1")),
    "turn done": lambda at: ended(now(at)),
    "other turn done": lambda _: ended("u0"),
    "turn lost": lambda at: ended(now(at), Stop.LOST),
    "forgets": lambda at: ended(now(at), Stop.FAILED, reason="cannot_resume"),
    "fails": lambda at: ended(now(at), Stop.FAILED, text="no"),
    "loses session": lambda at: ended(now(at), Stop.FAILED, reason="session_lost"),
    "exits": lambda _: Happened(event=Exited(code=1)),
    "breaks": lambda _: Broke(error=AgentError("broken", code="broken")),
    "gone": lambda _: Gone(),
    "cancel": lambda _: CancelAsked(),
    "answer": lambda at: Answered(permission_id=newest(at), allow=True, by="app:a"),
    "start timer": lambda _: Expired(timer=Timer.START),
    "turn timer": lambda at: Expired(timer=Timer.TURN, key=str(at.machine.turns)),
    "grace timer": lambda at: Expired(timer=Timer.GRACE, key=str(at.machine.turns)),
    "old turn timer": lambda _: Expired(timer=Timer.TURN, key="0"),
    "old grace timer": lambda _: Expired(timer=Timer.GRACE, key="0"),
    "idle timer": lambda _: Expired(timer=Timer.IDLE),
    "join timer": lambda _: Expired(timer=Timer.JOIN),
    "ask timer": lambda at: Expired(timer=Timer.ASK, key=newest(at)),
    "rest": lambda _: RestAsked(reason="needed"),
    "stop": lambda _: STOP,
    "close": lambda _: CLOSE,
    "options": lambda _: OptionsChanged(
        options=LOW, policy=DENY, restart=False, changes=(("effort", "low"),)
    ),
    "restart": lambda _: OptionsChanged(options=LOW, policy=DENY, restart=True),
}
OF_AGENTS = {"ready", "works", "begins own turn", "says", "context", "asks", "takes back a1"} | {
    "turn done", "other turn done", "turn lost", "forgets", "fails", "loses session",
    "exits", "breaks",
}  # fmt: skip

TABLE: dict[State, dict[str, str]] = {
    fresh: {
        "prompt": "want place",
        "warm up": "want place",
        "stop": "over",
        "close": "session_closed: deleted; over",
        "options": "setting_changed effort",
    },
    warming: {
        "granted": "start agent; arm start 30",
        "stop": "leave line; over",
        "close": "leave line; session_closed: deleted; over",
        "options": "setting_changed effort",
    },
    warm: {
        "prompt": "turn 1 by user; arm turn 120; begun 9 as 1; send u1",
        "ready": "agent_started",
        "begins own turn": "turn 1 by agent; arm turn 600; arm idle 60",
        "says": "turn 1 by agent; arm turn 600; arm idle 60; arm idle 60",
        "context": "usage; arm idle 60",
        "asks": ("turn 1 by agent; arm turn 600; arm idle 60; permission_request; arm ask 60"),
        "exits": "agent_stopped: exit 1; stop agent",
        "breaks": "agent_stopped: broken; stop agent",
        "idle timer": "agent_stopped: hibernated; stop agent",
        "rest": "agent_stopped: needed; stop agent",
        "stop": "agent_stopped: the server is stopping; stop agent",
        "close": "agent_stopped: deleted; stop agent",
        "options": "setting_changed effort",
        "restart": "agent_stopped: its options have changed; stop agent",
    },
    in_line: {
        "granted": (
            "start agent; arm start 30; turn 1 by user; arm turn 120; begun 1 as 1; send u1"
        ),
        "refused": "refuse 1 line_full",
        "cancel": (
            "turn 1 by user; arm turn 120; begun 1 as 1; turn 1 cancelled; "
            "reply 1 cancelled; leave line"
        ),
        "stop": "refuse 1 stopping; leave line; over",
        "close": "refuse 1 session_closed; leave line; session_closed: deleted; over",
        "options": "setting_changed effort",
    },
    starting: {
        "ready": "agent_started",
        "context": "usage",
        "asks": "permission_request; arm ask 60",
        "turn done": "turn 1 done; reply 1 done",
        "forgets": ("turn 1 failed; reply 1 failed; agent_stopped: cannot_resume; stop agent"),
        "fails": ("turn 1 failed; reply 1 failed; agent_stopped: it did not get ready; stop agent"),
        "loses session": ("turn 1 failed; reply 1 failed; agent_stopped: session_lost; stop agent"),
        "exits": "turn 1 failed; reply 1 failed; agent_stopped: exit 1; stop agent",
        "breaks": "turn 1 failed; reply 1 failed; agent_stopped: broken; stop agent",
        "cancel": "cancel u1; arm grace 2",
        "start timer": "agent_stopped: it did not get ready; stop agent",
        "turn timer": "cancel u1; arm grace 2",
        "grace timer": "agent_stopped: it did not stop when it was told to; stop agent",
        "stop": "cancel u1; arm grace 2",
        "close": "cancel u1; arm grace 2",
        "options": "setting_changed effort",
    },
    running: {
        "ready": "agent_started",
        "context": "usage",
        "asks": "permission_request; arm ask 60",
        "turn done": "turn 1 done; reply 1 done; arm idle 60",
        "forgets": "note conversation_restarted; agent_stopped: cannot_resume; stop agent",
        "fails": "turn 1 failed; reply 1 failed; arm idle 60",
        "loses session": (
            "turn 1 failed; reply 1 failed; arm idle 60; agent_stopped: session_lost; stop agent"
        ),
        "exits": ("turn 1 failed; reply 1 failed; arm idle 60; agent_stopped: exit 1; stop agent"),
        "breaks": ("turn 1 failed; reply 1 failed; arm idle 60; agent_stopped: broken; stop agent"),
        "cancel": "cancel u1; arm grace 2",
        "turn timer": "cancel u1; arm grace 2",
        "grace timer": "agent_stopped: it did not stop when it was told to; stop agent",
        "stop": "cancel u1; arm grace 2",
        "close": "cancel u1; arm grace 2",
        "options": "setting_changed effort",
    },
    queued: {
        "ready": "agent_started",
        "context": "usage",
        "asks": "permission_request; arm ask 60",
        "turn done": (
            "turn 1 done; reply 1 done; arm idle 60; turn 2 by user; arm turn 120; "
            "begun 2 as 2; send u2"
        ),
        "forgets": "note conversation_restarted; agent_stopped: cannot_resume; stop agent",
        "fails": (
            "turn 1 failed; reply 1 failed; arm idle 60; turn 2 by user; arm turn 120; "
            "begun 2 as 2; send u2"
        ),
        "loses session": (
            "turn 1 failed; reply 1 failed; arm idle 60; agent_stopped: session_lost; stop agent"
        ),
        "exits": ("turn 1 failed; reply 1 failed; arm idle 60; agent_stopped: exit 1; stop agent"),
        "breaks": ("turn 1 failed; reply 1 failed; arm idle 60; agent_stopped: broken; stop agent"),
        "cancel": "cancel u1; arm grace 2",
        "turn timer": "cancel u1; arm grace 2",
        "grace timer": "agent_stopped: it did not stop when it was told to; stop agent",
        "stop": "refuse 2 stopping; cancel u1; arm grace 2",
        "close": "refuse 2 session_closed; cancel u1; arm grace 2",
        "options": "setting_changed effort",
    },
    asking: {
        "ready": "agent_started",
        "context": "usage",
        "asks": "permission_request; arm ask 60",
        "takes back a1": "permission withdrawn by server; settled withdrawn",
        "turn done": (
            "permission withdrawn by server; settled withdrawn; answer a1 no; "
            "turn 1 done; reply 1 done; arm idle 60"
        ),
        "forgets": (
            "note conversation_restarted; permission withdrawn by server; "
            "settled withdrawn; agent_stopped: cannot_resume; stop agent"
        ),
        "fails": (
            "permission withdrawn by server; settled withdrawn; answer a1 no; "
            "turn 1 failed; reply 1 failed; arm idle 60"
        ),
        "loses session": (
            "permission withdrawn by server; settled withdrawn; answer a1 no; "
            "turn 1 failed; reply 1 failed; arm idle 60; agent_stopped: session_lost; "
            "stop agent"
        ),
        "exits": (
            "permission withdrawn by server; settled withdrawn; answer a1 no; "
            "turn 1 failed; reply 1 failed; arm idle 60; agent_stopped: exit 1; "
            "stop agent"
        ),
        "breaks": (
            "permission withdrawn by server; settled withdrawn; answer a1 no; "
            "turn 1 failed; reply 1 failed; arm idle 60; agent_stopped: broken; "
            "stop agent"
        ),
        "cancel": "cancel u1; arm grace 2",
        "answer": "permission allowed by app:a; settled allowed; answer a1 yes",
        "turn timer": "cancel u1; arm grace 2",
        "grace timer": "agent_stopped: it did not stop when it was told to; stop agent",
        "ask timer": "permission expired by server; settled expired; answer a1 no",
        "stop": "cancel u1; arm grace 2",
        "close": "cancel u1; arm grace 2",
        "options": "setting_changed effort",
    },
    cancelling: {
        "ready": "agent_started",
        "context": "usage",
        "asks": "answer a9 no",
        "turn done": "turn 1 cancelled; reply 1 cancelled; arm idle 60",
        "forgets": (
            "turn 1 cancelled; reply 1 cancelled; arm idle 60; "
            "agent_stopped: cannot_resume; stop agent"
        ),
        "fails": "turn 1 cancelled; reply 1 cancelled; arm idle 60",
        "loses session": (
            "turn 1 cancelled; reply 1 cancelled; arm idle 60; "
            "agent_stopped: session_lost; stop agent"
        ),
        "exits": (
            "turn 1 cancelled; reply 1 cancelled; arm idle 60; agent_stopped: exit 1; stop agent"
        ),
        "breaks": (
            "turn 1 cancelled; reply 1 cancelled; arm idle 60; agent_stopped: broken; stop agent"
        ),
        "grace timer": "agent_stopped: it did not stop when it was told to; stop agent",
        "options": "setting_changed effort",
    },
    killing: {
        "context": "usage",
        "turn done": "turn 1 cancelled; reply 1 cancelled",
        "forgets": "turn 1 cancelled; reply 1 cancelled",
        "fails": "turn 1 cancelled; reply 1 cancelled",
        "loses session": "turn 1 cancelled; reply 1 cancelled",
        "exits": "turn 1 cancelled; reply 1 cancelled",
        "breaks": "turn 1 cancelled; reply 1 cancelled",
        "gone": "turn 1 cancelled; reply 1 cancelled",
        "options": "setting_changed effort",
    },
    idle: {
        "prompt": "turn 2 by user; arm turn 120; begun 9 as 2; send u2",
        "ready": "agent_started",
        "begins own turn": "turn 2 by agent; arm turn 600; arm idle 60",
        "says": "turn 2 by agent; arm turn 600; arm idle 60; arm idle 60",
        "context": "usage; arm idle 60",
        "asks": ("turn 2 by agent; arm turn 600; arm idle 60; permission_request; arm ask 60"),
        "exits": "agent_stopped: exit 1; stop agent",
        "breaks": "agent_stopped: broken; stop agent",
        "idle timer": "agent_stopped: hibernated; stop agent",
        "rest": "agent_stopped: needed; stop agent",
        "stop": "agent_stopped: the server is stopping; stop agent",
        "close": "agent_stopped: deleted; stop agent",
        "options": "setting_changed effort",
        "restart": "agent_stopped: its options have changed; stop agent",
    },
    own_turn: {
        "prompt": ("turn 2 done; arm idle 60; turn 3 by user; arm turn 120; begun 9 as 3; send u2"),
        "ready": "agent_started",
        "says": "arm idle 60",
        "context": "usage; arm idle 60",
        "asks": "permission_request; arm ask 60",
        "turn done": "turn 2 done; arm idle 60",
        "forgets": "turn 2 failed; arm idle 60; agent_stopped: cannot_resume; stop agent",
        "fails": "turn 2 failed; arm idle 60",
        "loses session": "turn 2 failed; arm idle 60; agent_stopped: session_lost; stop agent",
        "exits": "turn 2 failed; arm idle 60; agent_stopped: exit 1; stop agent",
        "breaks": "turn 2 failed; arm idle 60; agent_stopped: broken; stop agent",
        "cancel": "agent_stopped: cancelled; stop agent; turn 2 cancelled",
        "turn timer": (
            "agent_stopped: the agent's own turn took longer than 600 s; stop agent; turn 2 timeout"
        ),
        "grace timer": "agent_stopped: it did not stop when it was told to; stop agent",
        "idle timer": "turn 2 done; arm idle 60; agent_stopped: hibernated; stop agent",
        "rest": "turn 2 done; arm idle 60; agent_stopped: needed; stop agent",
        "stop": "agent_stopped: the server is stopping; stop agent; turn 2 interrupted",
        "close": "agent_stopped: deleted; stop agent; turn 2 cancelled",
        "options": "setting_changed effort",
    },
    hibernating: {
        "context": "usage",
        "options": "setting_changed effort",
    },
    asleep: {
        "prompt": "want place",
        "warm up": "want place",
        "stop": "over",
        "close": "session_closed: deleted; over",
        "options": "setting_changed effort",
    },
    restarting: {
        "gone": "want place",
        "cancel": "turn 2 cancelled; reply 2 cancelled",
        "turn timer": "turn 2 timeout; reply 2 timeout",
        "stop": "turn 2 interrupted; reply 2 interrupted",
        "close": "turn 2 cancelled; reply 2 cancelled",
        "options": "setting_changed effort",
    },
    stopping: {
        "prompt": "refuse 9 stopping",
        "ready": "agent_started",
        "context": "usage",
        "asks": "answer a9 no",
        "turn done": (
            "turn 1 interrupted; reply 1 interrupted; arm idle 60; "
            "agent_stopped: the server is stopping; stop agent"
        ),
        "forgets": (
            "turn 1 interrupted; reply 1 interrupted; arm idle 60; "
            "agent_stopped: cannot_resume; stop agent"
        ),
        "fails": (
            "turn 1 interrupted; reply 1 interrupted; arm idle 60; "
            "agent_stopped: the server is stopping; stop agent"
        ),
        "loses session": (
            "turn 1 interrupted; reply 1 interrupted; arm idle 60; "
            "agent_stopped: session_lost; stop agent"
        ),
        "exits": (
            "turn 1 interrupted; reply 1 interrupted; arm idle 60; "
            "agent_stopped: exit 1; stop agent"
        ),
        "breaks": (
            "turn 1 interrupted; reply 1 interrupted; arm idle 60; "
            "agent_stopped: broken; stop agent"
        ),
        "grace timer": "agent_stopped: it did not stop when it was told to; stop agent",
        "options": "setting_changed effort",
    },
    stopped: {
        "prompt": "refuse 9 stopping; over",
        "close": "session_closed: deleted; over",
        "options": "setting_changed effort; over",
    },
    closing: {
        "prompt": "refuse 9 session_closed",
        "ready": "agent_started",
        "context": "usage",
        "asks": "answer a9 no",
        "turn done": (
            "turn 1 cancelled; reply 1 cancelled; arm idle 60; agent_stopped: deleted; stop agent"
        ),
        "forgets": (
            "turn 1 cancelled; reply 1 cancelled; arm idle 60; "
            "agent_stopped: cannot_resume; stop agent"
        ),
        "fails": (
            "turn 1 cancelled; reply 1 cancelled; arm idle 60; agent_stopped: deleted; stop agent"
        ),
        "loses session": (
            "turn 1 cancelled; reply 1 cancelled; arm idle 60; "
            "agent_stopped: session_lost; stop agent"
        ),
        "exits": (
            "turn 1 cancelled; reply 1 cancelled; arm idle 60; agent_stopped: exit 1; stop agent"
        ),
        "breaks": (
            "turn 1 cancelled; reply 1 cancelled; arm idle 60; agent_stopped: broken; stop agent"
        ),
        "grace timer": "agent_stopped: it did not stop when it was told to; stop agent",
        "options": "setting_changed effort",
    },
    closed: {
        "prompt": "refuse 9 session_closed; over",
    },
}
OTHERWISE: dict[State, str] = {stopped: "over", closed: "over"}
"""What is done about all other inputs; elsewhere nothing."""


def could_come(name: str, playbook: Playbook) -> bool:
    """Whether there is a process that the input could come from."""
    seat = playbook.book.seat
    if name == "gone":
        return seat == "ending"
    return name not in OF_AGENTS or seat in {"agent", "ending"}


@pytest.mark.parametrize("state", TABLE, ids=lambda state: state.__name__)
def test_every_input_in_this_state_does_just_what_the_table_says(state: State) -> None:
    done: dict[str, str] = {}
    expected: dict[str, str] = {}
    for name, make in INPUTS.items():
        playbook = state()
        if could_come(name, playbook):
            done[name] = "; ".join(playbook.on(make(playbook)))
            expected[name] = TABLE[state].get(name, OTHERWISE.get(state, ""))
    assert done == expected
    assert TABLE[state].keys() <= done.keys()
