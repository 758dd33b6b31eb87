"""A session on paper: its machine, told what a test says, and a ledger that checks what it does.

`Playbook.on` gives the effects as short words, so that a test reads as the conversation that it
checks. `Book` stands for ledger, seat and clients together: it refuses whatever must never be.
"""

import itertools
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from clawdforge.core.events import Ask, AskWithdrawn, Ready, Stop, Text, TurnEnded, TurnStarted
from clawdforge.core.permission import Policy
from clawdforge.core.sdk_events import sdk_events
from clawdforge.core.session import SessionMachine
from clawdforge.core.session_effects import (
    Arm,
    Audit,
    BeginTurn,
    Begun,
    Change,
    Disarm,
    Effect,
    EndTurn,
    Fact,
    HandedOver,
    Keep,
    LeaveLine,
    Over,
    Reply,
    Send,
    Settled,
    StartAgent,
    StopAgent,
    TellAnswer,
    TellCancel,
    WantPlace,
)
from clawdforge.core.session_inputs import (
    Answered,
    CancelAsked,
    Expired,
    Gone,
    Granted,
    Happened,
    Input,
    Limits,
    Moment,
    Prompted,
    Refused,
    StopAsked,
    Timer,
    TurnRequest,
    WarmUp,
)
from clawdforge.core.session_records import (
    Claim,
    Permission,
    PermissionState,
    Session,
    SessionPatch,
    Turn,
)
from clawdforge.core.usage import Usage
from clawdforge.errors import BusyError

CWD = "/w"
START = 1_000_000.0
LIMITS = Limits(start_secs=30, cancel_grace_secs=2, hibernate_after_secs=60, agent_turn_secs=600)
ROW = Session(session_id="aa-bb", app_id="app", app_name="guide", agent="demo", created_at=1)
CLOSE = StopAsked(reason="deleted", close="session.close")
STOP = StopAsked(reason="the server is stopping")
ASKING = Policy(mode="ask")


def prompt(ticket: int = 1, *, secs: int = 120, text: str = "hi") -> Prompted:
    """Somebody wants a turn."""
    return Prompted(
        request=TurnRequest(
            ticket=ticket,
            prompt=text,
            prompt_bytes=len(text),
            prompt_sha256="0" * 64,
            timeout_secs=secs,
        )
    )


def said(text: str) -> Happened:
    """The agent says a piece of text."""
    return Happened(event=Text(text=text))


def ready(known_as: str | None = "conv") -> Happened:
    """The agent takes prompts."""
    return Happened(event=Ready(agent_session_id=known_as))


def ended(turn_id: str | None, stop: Stop = Stop.DONE, **more: Any) -> Happened:
    """The agent says that a turn is over."""
    return Happened(event=TurnEnded(turn_id=turn_id, stop=stop, **more))


def begins_own() -> Happened:
    """The agent begins a turn of its own."""
    return Happened(event=TurnStarted(turn_id=None))


def asks(ask_id: str = "a1", command: str = "rm x") -> Happened:
    """The agent asks whether it may run a command."""
    args = {"command": command}
    return Happened(event=Ask(ask_id=ask_id, tool="Bash", kind="execute", args=args))


def granted(place: int = 1) -> Granted:
    """There is a place."""
    return Granted(place=place)


def refused(place: int = 1, code: str = "line_full") -> Refused:
    """There is no place."""
    return Refused(place=place, error=BusyError("no room", code=code, retry_after_secs=1))


def word(effect: Effect) -> str | None:
    """An effect in short; None: what goes with another effect, or is a matter of the ledger."""
    match effect:
        case Fact():
            return _fact(effect)
        case WantPlace():
            return "want place"
        case LeaveLine():
            return "leave line"
        case StartAgent(resume_id=None):
            return "start agent"
        case StartAgent(resume_id=resume_id, fork=fork):
            return f"{'fork' if fork else 'resume'} {resume_id}"
        case StopAgent():
            return "stop agent"
        case Send(turn_id=turn_id):
            return f"send {turn_id}"
        case TellCancel(turn_id=turn_id):
            return f"cancel {turn_id}"
        case TellAnswer(ask_id=ask_id, allow=allow):
            return f"answer {ask_id} {'yes' if allow else 'no'}"
        case Arm(timer=timer, secs=secs):
            return f"arm {timer} {secs:g}"
        case Begun(ticket=ticket, turn=turn):
            return f"begun {ticket} as {turn}"
        case Reply(ticket=ticket, outcome=None, error=error):
            return f"refuse {ticket} {error.code if error else None}"
        case Reply(ticket=ticket, outcome=outcome):
            return f"reply {ticket} {outcome.state if outcome else None}"
        case Settled(state=state):
            return f"settled {state}"
        case HandedOver(ticket=ticket, error=error):
            return f"refuse {ticket} {error.code}" if error else f"hand over {ticket}"
        case Over():
            return "over"
    return None


def _fact(fact: Fact) -> str:
    body = fact.body
    match fact.type:
        case "turn_started":
            return f"turn {fact.turn} by {body['origin']}"
        case "turn_ended":
            return f"turn {fact.turn} {body['state']}"
        case "text" | "thinking":
            return f"{fact.type} {body['text']}" + (" replaces" if body.get("replaces") else "")
        case "agent_started":
            return "agent_started resumed" if body["resumed"] else "agent_started"
        case "agent_stopped" | "session_closed":
            return f"{fact.type}: {body['reason']}"
        case "permission_resolved":
            return f"permission {body['state']} by {body['by']}"
        case "setting_changed":
            return f"setting_changed {body['key']}"
        case "note":
            return f"note {body['kind']}"
    return fact.type


@dataclass
class Book:
    """What is durable of a session, and who was told what. Every method asserts what must hold."""

    row: Session
    epoch: int = 1
    facts: list[Fact] = field(default_factory=list)
    turns: dict[int, Turn] = field(default_factory=dict)
    permissions: dict[str, Permission] = field(default_factory=dict)
    audit: list[Audit] = field(default_factory=list)
    wanted: set[int] = field(default_factory=set)
    """Tickets without a reply."""
    timers: dict[tuple[Timer, str], float] = field(default_factory=dict)
    seat: str = "empty"
    """`empty`, `line`, `granted`, `agent`, or `ending`."""
    place: int = 0
    """The newest that was wanted."""
    prompts: list[str] = field(default_factory=list)
    """Handed to this process, without an end yet."""
    questions: set[str] = field(default_factory=set)
    """Of the agent, without an answer."""
    over: bool = False
    _expected: str | None = None
    """The type of the fact that has to be next."""

    @property
    def running(self) -> int | None:
        """The number of the turn that runs."""
        return next((n for n, turn in self.turns.items() if turn.end is None), None)

    def claim(self) -> Claim:
        """What the next owner finds."""
        self.epoch += 1
        turn = self.running
        pending = tuple(p for p in self.permissions.values() if p.state is PermissionState.PENDING)
        return Claim(
            epoch=self.epoch,
            session=self.row,
            running=self.turns[turn] if turn else None,
            pending=pending,
        )

    def take_input(self, input_: Input) -> None:
        """What the world knows before the machine does."""
        match input_:
            case Prompted(request=request):
                assert request.ticket not in self.wanted
                self.wanted.add(request.ticket)
            case Granted(place=place) if place == self.place and self.seat == "line":
                self.seat = "granted"
            case Refused(place=place) if place == self.place and self.seat == "line":
                self.seat = "empty"
            case Happened(event=TurnEnded(turn_id=str(turn_id))):
                self.prompts = [each for each in self.prompts if each != turn_id]
            case Happened(event=Ask(ask_id=ask_id)):
                self.questions.add(ask_id)
            case Happened(event=AskWithdrawn(ask_id=ask_id)):
                self.questions.discard(ask_id)
            case Gone():
                assert self.seat == "ending"
                self.seat = "empty"
                self.prompts.clear()
                self.questions.clear()
            case Expired(timer=timer, key=key):
                self.timers.pop((timer, key), None)

    def take(self, effects: Iterable[Effect]) -> None:
        """Carry the effects out."""
        for effect in effects:
            if self._expected is not None:
                assert isinstance(effect, Fact)
                assert effect.type == self._expected
                self._expected = None
            self._take(effect)
        assert self._expected is None

    def _take(self, effect: Effect) -> None:
        closed = self.row.closed_at is not None
        match effect:
            case Fact():
                assert not closed or effect.turn, "nothing is said of a closed session"
                self._add(effect)
            case BeginTurn(start=start):
                assert not closed
                assert self.running is None, "one turn at a time"
                assert start.turn == self.row.turn_count + 1, "without gaps"
                assert start.origin != "agent" or self.seat == "agent", "last words are no turn"
                assert (start.origin == "terminal") == (self.row.attached is not None)
                self.turns[start.turn] = Turn(session_id=self.row.session_id, start=start)
                self.row = replace(self.row, turn_count=start.turn)
                self._expected = "turn_started"
            case EndTurn(end=end):
                turn = self.turns[end.turn]
                assert turn.end is None, "a turn ends once"
                self.turns[end.turn] = replace(turn, end=end)
                self._expected = "turn_ended"
            case Change(patch=patch):
                self._change(patch)
            case Keep(permission=permission):
                self._keep(permission)
            case Audit():
                self.audit.append(effect)
            case Begun(ticket=ticket, turn=number):
                assert ticket in self.wanted
                assert self.running == number
            case Reply():
                self._reply(effect)
            case Settled(permission=permission, state=state):
                assert self.permissions[permission.permission_id].state is state
            case HandedOver(error=None):
                assert self.running is None
                assert self.seat == "empty", "two would have the conversation"
            case HandedOver():
                pass
            case Over():
                assert self.running is None
                assert self.seat == "empty"
                self.over = True
            case _:
                assert not closed, f"of a closed session: {effect}"
                self._do(effect)

    def _do(self, effect: Effect) -> None:
        match effect:
            case WantPlace(place=place):
                assert self.seat == "empty"
                assert place > self.place, "no place is wanted twice"
                self.seat, self.place = "line", place
            case LeaveLine():
                assert self.seat in {"line", "granted"}
                self.seat = "empty"
            case StartAgent():
                assert self.row.attached is None, "somebody else has the conversation"
                assert self.seat == "granted"
                self.seat = "agent"
            case StopAgent():
                assert self.seat == "agent"
                self.seat = "ending"
                self.prompts.clear()
            case Send(turn_id=turn_id):
                assert self.seat == "agent"
                assert self.running is not None, "the turn is durable before its prompt is sent"
                assert not self.prompts, "a prompt waits for the end of the one before"
                self.prompts.append(turn_id)
            case TellCancel(turn_id=turn_id):
                assert self.seat == "agent"
            case TellAnswer(ask_id=ask_id):
                assert ask_id in self.questions, "a question is answered once"
                self.questions.remove(ask_id)
            case Arm(timer=timer, key=key, secs=secs):
                assert secs > 0
                self.timers[timer, key] = secs
            case Disarm(timer=timer, key=key):
                self.timers.pop((timer, key), None)
            case _:
                raise AssertionError(effect)

    def _add(self, fact: Fact) -> None:
        json.dumps(fact.body)
        assert fact.type != "agent_started" or self.seat == "agent"
        if fact.turn:
            turn = self.turns[fact.turn]
            newest = [each.turn for each in self.facts if each.turn][-1:]
            assert not newest or fact.turn >= newest[0], "turns do not mix"
            assert (turn.end is None) or fact.type == "turn_ended", "nothing after the end"
        self.facts.append(fact)
        self.row = replace(self.row, last_seq=len(self.facts))

    def _change(self, patch: SessionPatch) -> None:
        given = {
            name: value
            for name in ("agent_session_id", "model", "options", "last_turn_at", "closed_at")
            if (value := getattr(patch, name)) is not None
        }
        if patch.attached is not None:
            given["attached"] = json.loads(json.dumps(patch.attached))
        if patch.detach:
            given["attached"] = None
        if "options" in given:
            given["options"] = json.loads(json.dumps(given["options"]))
        cost = (self.row.usage.cost_microusd or 0) + (patch.add_usage.cost_microusd or 0)
        self.row = replace(self.row, **given, usage=Usage(cost_microusd=cost))

    def _keep(self, permission: Permission) -> None:
        known = self.permissions.get(permission.permission_id)
        if known is None:
            assert permission.state is PermissionState.PENDING
            assert permission.turn == self.running
            assert self.seat == "agent", "nobody could be told the answer"
        else:
            assert known.state is PermissionState.PENDING, "a question is resolved once"
            assert permission.state is not PermissionState.PENDING
        self.permissions[permission.permission_id] = permission

    def _reply(self, reply: Reply) -> None:
        assert reply.ticket in self.wanted, "a reply to nobody, or a second one"
        self.wanted.remove(reply.ticket)
        if reply.outcome is None:
            assert reply.error is not None
            return
        end = self.turns[reply.outcome.turn].end
        assert end is not None, "told before it was stored"
        assert (end.state, end.stop_reason, end.error) == (
            reply.outcome.state,
            reply.outcome.stop_reason,
            reply.outcome.error,
        )
        number = reply.outcome.turn
        stored = [{"type": f.type, **f.body} for f in self.facts if f.turn == number]
        assert sdk_events(reply.outcome.bodies) == sdk_events(stored)


class Playbook:
    """A session that is awake.

    Args:
        policy: What the agent may do.
        can_resume: Whether the agent can go on in another process.
        book: Of an owner before; None: a new session.
        row: What is different in a new session's row.
    """

    def __init__(
        self,
        *,
        policy: Policy = ASKING,
        can_resume: bool = True,
        book: Book | None = None,
        **row: Any,
    ) -> None:
        self.book = book or Book(row=replace(ROW, **row))
        self.policy = policy
        self.now = Moment(utc=START, mono=0.0)
        self._can_resume = can_resume
        self._ids = map("u{}".format, itertools.count(1))
        self.machine = self._made(self.book.claim() if book else Claim(epoch=1, session=self.row))

    @property
    def row(self) -> Session:
        """The session's row as it is stored."""
        return self.book.row

    def on(self, *inputs: Input) -> list[str]:
        """What is done about these inputs."""
        words: list[str | None] = []
        for input_ in inputs:
            self.book.take_input(input_)
            effects = self.machine.on(input_, self.now)
            self.book.take(effects)
            words += map(word, effects)
        return [each for each in words if each is not None]

    def play(self, *inputs: Input) -> "Playbook":
        """As `on`, where only what comes then matters."""
        self.on(*inputs)
        return self

    def runs_out(self, timer: Timer) -> list[str]:
        """A timer that was armed runs out, after its time."""
        found = [key for key in self.book.timers if key[0] is timer]
        assert len(found) == 1, f"{timer} is not armed: {self.book.timers}"
        self.later(self.book.timers[found[0]])
        return self.on(Expired(timer=timer, key=found[0][1]))

    def later(self, secs: float) -> None:
        """Time passes."""
        self.now = Moment(utc=self.now.utc + secs, mono=self.now.mono + secs)

    def answers(self, *, allow: bool = True, always: bool = False) -> list[str]:
        """A person answers the newest question."""
        newest = list(self.book.permissions)[-1]
        return self.on(Answered(permission_id=newest, allow=allow, always=always, by="app:guide"))

    def killed(self, *, policy: Policy | None = None) -> list[str]:
        """The server died, and another owner takes the session over: what that one tells first."""
        book = self.book
        book.wanted.clear()
        book.timers.clear()
        book.prompts.clear()
        book.questions.clear()
        book.seat, book.place, book.over = "empty", 0, False
        self.policy = policy or self.policy
        self.machine = self._made(book.claim())
        effects = self.machine.recover(self.now)
        book.take(effects)
        return [each for each in map(word, effects) if each is not None]

    def event_types(self) -> list[str]:
        """The types of all facts."""
        return [fact.type for fact in self.book.facts]

    def body(self, kind: str) -> Mapping[str, Any]:
        """The newest fact of a type."""
        return next(fact.body for fact in reversed(self.book.facts) if fact.type == kind)

    def _made(self, claim: Claim) -> SessionMachine:
        machine = SessionMachine(
            claim=claim,
            policy=self.policy,
            cwd=CWD,
            limits=LIMITS,
            new_id=lambda: next(self._ids),
        )
        machine.can_resume = self._can_resume
        return machine


# Sessions in each of their states.


def fresh(**more: Any) -> Playbook:
    """Nothing has happened yet."""
    return Playbook(**more)


def in_line(**more: Any) -> Playbook:
    """A turn waits for a place."""
    return fresh(**more).play(prompt(1))


def starting(**more: Any) -> Playbook:
    """A turn runs, its agent is being started."""
    return in_line(**more).play(granted(1))


def running(**more: Any) -> Playbook:
    """A turn runs."""
    return starting(**more).play(ready())


def idle(**more: Any) -> Playbook:
    """The agent is there and has nothing to do."""
    return running(**more).play(ended("u1"))


def asking(**more: Any) -> Playbook:
    """A turn runs, and the agent waits for an answer."""
    return running(**more).play(asks("a1"))


def cancelling(**more: Any) -> Playbook:
    """The agent was told to stop working on the turn."""
    return running(**more).play(CancelAsked())


def killing(**more: Any) -> Playbook:
    """It did not obey: its process is being ended."""
    playbook = cancelling(**more)
    playbook.runs_out(Timer.GRACE)
    return playbook


def queued(**more: Any) -> Playbook:
    """A turn runs and another waits."""
    return running(**more).play(prompt(2))


def own_turn(**more: Any) -> Playbook:
    """The agent works on something of its own, after a turn."""
    return idle(**more).play(begins_own())


def warming(**more: Any) -> Playbook:
    """A place is wanted for an agent without a prompt."""
    return fresh(**more).play(WarmUp())


def warm(**more: Any) -> Playbook:
    """The agent is there before the first turn."""
    return warming(**more).play(granted(1), ready())


def hibernating(**more: Any) -> Playbook:
    """The idle agent is being ended."""
    playbook = idle(**more)
    playbook.runs_out(Timer.IDLE)
    return playbook


def asleep(**more: Any) -> Playbook:
    """There was a turn; the agent is gone."""
    return hibernating(**more).play(Gone())


def restarting(**more: Any) -> Playbook:
    """The agent knew nothing of the interrupted first turn: it is ended to begin anew."""
    playbook = starting(**more).play(ready())
    playbook.killed()
    forgets = ended("u2", Stop.FAILED, reason="cannot_resume")
    return playbook.play(prompt(2), granted(1), forgets)


def stopping(**more: Any) -> Playbook:
    """The server stops in the middle of a turn."""
    return running(**more).play(STOP)


def stopped(**more: Any) -> Playbook:
    """The server has stopped the session."""
    return fresh(**more).play(STOP)


def closing(**more: Any) -> Playbook:
    """The session is being closed in the middle of a turn."""
    return running(**more).play(CLOSE)


def closed(**more: Any) -> Playbook:
    """The session is closed."""
    return fresh(**more).play(CLOSE)
