"""The session machine: every decision about one session, as a pure function over values.

`on` takes an input and the time, and gives the effects to be carried out in order. One turn runs
at a time, the others wait in line. The agent's process comes and goes beneath: it is started for
a turn, kept warm for a while, ended when nobody needs it, and woken again.
"""

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from enum import StrEnum
from typing import Any

from clawdforge.core.asks import Asks
from clawdforge.core.events import (
    Ask,
    AskWithdrawn,
    Background,
    Context,
    Event,
    Exited,
    Note,
    Ready,
    Stop,
    Text,
    Thought,
    ToolCall,
    TurnEnded,
    TurnStarted,
)
from clawdforge.core.permission import Policy
from clawdforge.core.session_io import (
    Answered,
    Arm,
    Audit,
    BeginTurn,
    Begun,
    Broke,
    CancelAsked,
    Change,
    Disarm,
    Effect,
    EndTurn,
    Expired,
    Fact,
    Gone,
    Granted,
    Happened,
    Input,
    LeaveLine,
    Limits,
    Moment,
    OptionsChanged,
    Over,
    Prompted,
    Refused,
    Reply,
    RestAsked,
    Send,
    StartAgent,
    StopAgent,
    StopAsked,
    TellCancel,
    Timer,
    TurnOutcome,
    TurnRequest,
    WantPlace,
    WarmUp,
    Withdrawn,
)
from clawdforge.core.session_records import (
    Claim,
    Session,
    SessionPatch,
    TurnEnd,
    TurnStart,
    TurnState,
)
from clawdforge.core.turn import CANNOT_RESUME, OpenTurn, fact_of, usage_body
from clawdforge.core.usage import Usage
from clawdforge.errors import BusyError, ClawdforgeError, GoneError

UNPROVEN = "unproven:"
"""Before an agent's session id: no turn has ended well, so it may not have been written down."""


class Agent(StrEnum):
    """Where the agent's process stands."""

    NONE = "none"
    WANTED = "wanted"
    """In line for a place."""
    STARTING = "starting"
    UP = "up"
    STOPPING = "stopping"


class SessionMachine:
    """One session. Only `on` changes it.

    Args:
        claim: The session as its owner before left it.
        policy: What the agent may do.
        cwd: The workspace, for the policy.
        limits: The timers.
        new_id: Gives a new UUID.
    """

    def __init__(
        self,
        *,
        claim: Claim,
        policy: Policy,
        cwd: str,
        limits: Limits,
        new_id: Callable[[], str],
    ) -> None:
        self.session: Session = claim.session
        self.agent = Agent.NONE
        self.current: OpenTurn | None = None
        self.can_resume = False
        self._claim = claim
        self._limits = limits
        self._new_id = new_id
        self._turns = claim.session.turn_count
        self._agent_id = claim.session.agent_session_id
        self._queue: deque[tuple[TurnRequest, float]] = deque()
        self._asks = Asks(session=claim.session, epoch=claim.epoch, policy=policy, cwd=cwd)
        self._background: tuple[str, ...] = ()
        self._warming = False
        self._spent = claim.session.usage.cost_microusd or 0
        self._cost_seen = 0
        self._cost_told: int | None = None
        self._stop: StopAsked | None = None
        self._out: list[Effect] = []
        self._now = Moment(utc=0, mono=0)

    @property
    def is_closed(self) -> bool:
        """Whether the session is closed."""
        return self.session.closed_at is not None

    @property
    def options(self) -> Mapping[str, Any]:
        """Its options as they are now, with what was answered for always."""
        return self._asks.options

    @property
    def turns(self) -> int:
        """How many turns have begun."""
        return self._turns

    @property
    def waiting(self) -> int:
        """How many turns wait for the one that runs, or for an agent."""
        return len(self._queue)

    @property
    def idle(self) -> bool:
        """Whether the agent's process is there with nothing to do, and could be woken again."""
        quiet = self.current is None or self.current.by_agent
        resting = self.agent is Agent.UP and quiet and not self._queue
        wakes_again = self.can_resume or self._turns == 0
        return resting and wakes_again and not self._background

    @property
    def holds_text(self) -> bool:
        """Whether text waits to be stored."""
        return self.current is not None and self.current.holds

    @property
    def pending(self) -> int:
        """How many questions wait for a person."""
        return self._asks.pending

    def recover(self, now: Moment) -> Sequence[Effect]:
        """What is to be told of a turn that the owner before left unfinished."""
        self._now, self._out = now, []
        running = self._claim.running
        self._do(*self._asks.left_behind(self._claim.pending, now))
        if running is not None:
            number = running.start.turn
            end = TurnEnd(
                turn=number,
                state=TurnState.INTERRUPTED,
                ended_at=int(now.utc),
                duration_ms=max(0, int(now.utc) - running.start.started_at) * 1000,
                stop_reason="interrupted",
                error="the server ended in the middle of the turn; its outcome is unknown",
            )
            self._do(
                Fact(type="owner_changed", body={"epoch": self._claim.epoch}),
                EndTurn(end=end),
                Fact(type="turn_ended", body=_ended_body(end), turn=number),
                Change(patch=SessionPatch(last_turn_at=int(now.utc))),
                Audit(action="session.turn_interrupted", detail={"turn": number}, actor="server"),
            )
        return self._out

    def on(self, input_: Input, now: Moment) -> Sequence[Effect]:
        """Take an input; what is to be done, in order."""
        self._now, self._out = now, []
        match input_:
            case Prompted(request=request):
                self._prompted(request)
            case Happened(event=event):
                self._happened(event)
            case WarmUp():
                self._warming = self.agent is Agent.NONE
            case Granted():
                self._granted()
            case Refused(error=error):
                self._refused(error)
            case Broke(error=error):
                self._broke(error)
            case Gone():
                self._gone()
            case CancelAsked():
                self._cancel()
            case Withdrawn(ticket=ticket):
                self._queue = deque(item for item in self._queue if item[0].ticket != ticket)
            case Answered():
                self._do(*self._asks.answered(input_, now))
            case Expired(timer=timer, key=key):
                self._expired(timer, key)
            case RestAsked(reason=reason):
                if self.idle:
                    self._rest(reason)
            case StopAsked():
                self._stopped(input_)
            case OptionsChanged():
                self._options_changed(input_)
        self._go_on()
        return self._out

    def _do(self, *effects: Effect) -> None:
        self._out.extend(effects)

    # Turns

    def _prompted(self, request: TurnRequest) -> None:
        if self._stop is not None:
            self._do(Reply(ticket=request.ticket, error=_refusal(self._stop)))
            return
        self._queue.append((request, self._now.mono))

    def _go_on(self) -> None:
        """Whatever can be done next."""
        if self._stop is not None:
            self._finish()
        elif self._queue and (self.current is None or self.current.by_agent):
            if self.agent in {Agent.STARTING, Agent.UP}:
                self._begin()
            elif self.agent is Agent.NONE:
                self.agent = Agent.WANTED
                self._do(WantPlace())
        elif self._warming and self.agent is Agent.NONE:
            self.agent = Agent.WANTED
            self._do(WantPlace())
        elif self.agent is Agent.WANTED and not self._wants_agent():
            self.agent = Agent.NONE
            self._do(LeaveLine())

    def _wants_agent(self) -> bool:
        return bool(self._queue) or self.current is not None or self._warming

    def _granted(self) -> None:
        if self.agent is Agent.NONE:  # nobody wants it any more
            self.agent = Agent.STOPPING
            self._do(StopAgent())
        if self.agent is not Agent.WANTED:
            return
        self._warming = False
        # Before its first turn a conversation is nothing that could be resumed.
        begun = self._turns > 0 or "fork" in self.session.options
        self._start_agent(self._agent_id if begun else None)
        turn = self.current
        if turn is not None and turn.resend and turn.request is not None:
            turn.resend = False
            turn.turn_id = self._new_id()
            self._do(Send(turn_id=turn.turn_id, prompt=turn.request.prompt))

    def _start_agent(self, known_as: str | None) -> None:
        self.agent = Agent.STARTING
        self._cost_seen, self._cost_told = 0, None
        resume_id = known_as.removeprefix(UNPROVEN) if known_as else None
        fork = resume_id is not None and self.session.options.get("fork") == resume_id
        self._do(
            StartAgent(
                resume_id=resume_id,
                fork=fork,
                turns=self._turns,
                spent_microusd=self._spent,
            ),
            Arm(timer=Timer.START, secs=self._limits.start_secs),
        )

    def _begin(self) -> None:
        if self.current is not None:  # the agent's own: what still comes belongs to the new one
            self._conclude(TurnEnded(turn_id=None, stop=Stop.DONE))
        request, since = self._queue.popleft()
        waited_ms = max(0, round((self._now.mono - since) * 1000))
        turn = self._open(request, waited_ms)
        assert turn.turn_id is not None
        self._do(
            Begun(ticket=request.ticket, turn=turn.turn, first_seq=0),
            Send(turn_id=turn.turn_id, prompt=request.prompt),
            Arm(timer=Timer.TURN, secs=request.timeout_secs),
            Disarm(timer=Timer.IDLE),
        )

    def _open(self, request: TurnRequest | None, waited_ms: int = 0) -> OpenTurn:
        self._turns += 1
        turn = self.current = OpenTurn(
            turn=self._turns,
            turn_id=self._new_id() if request else None,
            request=request,
            began=self._now.mono,
        )
        start = TurnStart(
            turn=turn.turn,
            started_at=int(self._now.utc),
            origin="user" if request else "agent",
            model=self.session.model,
            waited_ms=waited_ms,
            timeout_secs=self._limits.agent_turn_secs,
        )
        if request is not None:
            start = replace(
                start,
                prompt_bytes=request.prompt_bytes,
                prompt_sha256=request.prompt_sha256,
                prompt_text=request.prompt_text,
                file_count=request.file_count,
                timeout_secs=request.timeout_secs,
                idempotency_key=request.idempotency_key,
                request_digest=request.request_digest,
            )
        told: dict[str, object] = {"origin": start.origin, "model": start.model}
        told |= {"waited_ms": waited_ms, "prompt_bytes": start.prompt_bytes}
        self._do(BeginTurn(start=start), turn.fact("turn_started", told))
        return turn

    def _conclude(self, event: TurnEnded | None) -> None:
        turn = self.current
        assert turn is not None
        done = event is not None and event.stop not in {Stop.FAILED, Stop.LOST}
        final = event.text if event is not None and done else None
        self._do(*(turn.final_text(final) if turn.ending is None else turn.flush()))
        self._do(*self._asks.withdraw_all(self._now))
        usage = self._usage_of(event)
        outcome = turn.outcome(event, usage=usage, mono=self._now.mono)
        self._record(outcome)
        if outcome.state is TurnState.DONE and self._agent_id is not None:
            self._prove()
        self.current = None
        if turn.request is not None:
            outcome = replace(outcome, bodies=tuple(turn.bodies))
            self._do(Reply(ticket=turn.request.ticket, outcome=outcome))
        self._do(Disarm(timer=Timer.TURN), Disarm(timer=Timer.GRACE))
        if self.agent is Agent.UP:
            self._do(Arm(timer=Timer.IDLE, secs=self._limits.hibernate_after_secs))

    def _record(self, outcome: TurnOutcome) -> None:
        end = TurnEnd(
            turn=outcome.turn,
            state=outcome.state,
            ended_at=int(self._now.utc),
            duration_ms=outcome.duration_ms,
            stop_reason=outcome.stop_reason,
            error=outcome.error,
            usage=outcome.usage,
        )
        detail = {"turn": end.turn, "state": end.state.value}
        detail |= {"duration_ms": end.duration_ms, "stop_reason": end.stop_reason}
        patch = SessionPatch(last_turn_at=end.ended_at, add_usage=outcome.usage)
        assert self.current is not None
        self._do(
            EndTurn(end=end),
            self.current.fact("turn_ended", _ended_body(end)),
            Change(patch=patch),
            Audit(action="session.turn", detail=detail),
        )

    def _usage_of(self, event: TurnEnded | None) -> Usage:
        """What the turn used: agents that add up their cost tell it since their start."""
        usage = event.usage if event is not None else Usage()
        total = event.total_cost_microusd if event is not None else None
        total = self._cost_told if total is None else total
        if usage.cost_microusd is None and total is not None:
            usage = replace(usage, cost_microusd=max(0, total - self._cost_seen))
            self._cost_seen = max(self._cost_seen, total)
        self._spent += usage.cost_microusd or 0
        return usage

    def _prove(self) -> None:
        assert self._agent_id is not None
        if self._agent_id.startswith(UNPROVEN):
            self._agent_id = self._agent_id.removeprefix(UNPROVEN)
            self._do(Change(patch=SessionPatch(agent_session_id=self._agent_id)))

    # The agent

    def _happened(self, event: Event) -> None:
        match event:
            case Ready():
                self._ready(event)
            case TurnStarted(turn_id=None):
                if self.current is None:
                    self._open(None)
            case TurnStarted():
                self._is_up()
            case Ask():
                self._asked(event)
            case AskWithdrawn(ask_id=ask_id):
                self._do(*self._asks.withdrawn(ask_id, self._now))
            case TurnEnded():
                self._turn_ended(event)
            case Exited():
                self._exited(event)
            case _:
                self._said(event)

    def _said(self, event: Event) -> None:
        if isinstance(event, Background):
            self._background = event.tasks
        if isinstance(event, Context):
            self._context(event)
        if self.current is None and isinstance(event, Text | Thought | ToolCall):
            self._open(None)
        if self.current is not None:
            self._do(*self.current.feed(event))
        elif (found := fact_of(event)) is not None:
            self._do(Fact(type=found[0], body=found[1]))
        if self.current is not None and self.current.by_agent:
            # Not every agent tells where such a turn ends: quiet is its end, too.
            self._do(Arm(timer=Timer.IDLE, secs=self._limits.hibernate_after_secs))

    def _asked(self, ask: Ask) -> None:
        turn = self.current or self._open(None)
        self._do(*turn.flush())
        self._do(*self._asks.asked(ask, turn, self._now))

    def _context(self, event: Context) -> None:
        if event.cost_microusd is not None:
            self._cost_told = event.cost_microusd
        if event.used is not None or event.size is not None:
            patch = SessionPatch(context_used=event.used, context_size=event.size)
            self._do(Change(patch=patch))

    def _ready(self, event: Ready) -> None:
        resumed = self._agent_id is not None
        if event.agent_session_id is not None and event.agent_session_id != self._known_id():
            proven = resumed and not (self._agent_id or "").startswith(UNPROVEN)
            mark = "" if proven else UNPROVEN
            self._agent_id = f"{mark}{event.agent_session_id}"
            self._do(Change(patch=SessionPatch(agent_session_id=self._agent_id)))
        told = {"agent": self.session.agent, "version": event.version, "resumed": resumed}
        self._tell("agent_started", told)
        self._is_up()

    def _known_id(self) -> str | None:
        return self._agent_id.removeprefix(UNPROVEN) if self._agent_id else None

    def _is_up(self) -> None:
        if self.agent is Agent.STARTING:
            self.agent = Agent.UP
            self._do(Disarm(timer=Timer.START))
            if self.current is None:
                self._do(Arm(timer=Timer.IDLE, secs=self._limits.hibernate_after_secs))

    def _turn_ended(self, event: TurnEnded) -> None:
        turn = self.current
        if turn is None or event.turn_id != turn.turn_id:
            return
        if event.stop is Stop.LOST:
            turn.lost = event
        elif event.reason == CANNOT_RESUME and self._may_begin_anew():
            self._begin_anew(turn)
        else:
            if event.reason == CANNOT_RESUME:
                turn.error = (
                    "the agent does not know this conversation any more; start a new session"
                )
            self._conclude(event)

    def _may_begin_anew(self) -> bool:
        return (self._agent_id or "").startswith(UNPROVEN)

    def _begin_anew(self, turn: OpenTurn) -> None:
        """The agent had written nothing down, and nothing had been achieved: start over."""
        text = "the agent kept nothing of the interrupted first turn; the conversation starts anew"
        self._do(*turn.feed(Note(kind="conversation_restarted", text=text)))
        self._agent_id = None
        self._do(StopAgent())
        self.agent = Agent.STOPPING
        turn.resend = True

    def _exited(self, event: Exited) -> None:
        turn = self.current
        if turn is not None and not turn.resend:
            if turn.ending is None and turn.error is None:
                turn.error = f"{self.session.agent} {event}: the agent ended in the middle"
            self._conclude(turn.lost)
        if self.agent in {Agent.STARTING, Agent.UP}:
            self._end_agent(str(event))

    def _broke(self, error: ClawdforgeError) -> None:
        turn = self.current
        if turn is not None and turn.ending is None:
            turn.error = f"{error.message}; {error.hint}" if error.hint else error.message
        if turn is not None:
            self._conclude(None)
        if self.agent in {Agent.STARTING, Agent.UP}:
            self._end_agent(error.code)

    def _end_agent(self, reason: str) -> None:
        self._tell("agent_stopped", {"reason": reason})
        self.agent = Agent.STOPPING
        self._do(StopAgent(), *(Disarm(timer=timer) for timer in (Timer.START, Timer.IDLE)))

    def _tell(self, kind: str, body: Mapping[str, object]) -> None:
        turn = self.current
        self._do(turn.fact(kind, body) if turn is not None else Fact(type=kind, body=body))

    def _gone(self) -> None:
        self.agent = Agent.NONE
        self._background = ()
        turn = self.current
        if turn is None:
            return
        if turn.resend and turn.ending is None:
            self.agent = Agent.WANTED
            self._do(WantPlace())
        else:
            self._conclude(turn.lost)

    def _rest(self, reason: str) -> None:
        if self.current is not None:
            self._conclude(TurnEnded(turn_id=None, stop=Stop.DONE))
        self._end_agent(reason)

    def _refused(self, error: ClawdforgeError) -> None:
        self.agent = Agent.NONE
        self._warming = False
        if self.current is not None:
            self.current.error = error.message
            self._conclude(None)
        for request, _ in self._queue:
            self._do(Reply(ticket=request.ticket, error=error))
        self._queue.clear()

    # Being told to stop

    def _cancel(self) -> None:
        if self.current is not None:
            self._end_turn(TurnState.CANCELLED, "cancelled")
        elif self._queue:  # it still waits for an agent: it begins and ends here
            request, since = self._queue.popleft()
            waited_ms = max(0, round((self._now.mono - since) * 1000))
            turn = self._open(request, waited_ms)
            turn.ending = TurnState.CANCELLED
            self._do(Begun(ticket=request.ticket, turn=turn.turn, first_seq=0))
            self._conclude(None)

    def _end_turn(self, state: TurnState, why: str) -> None:
        turn = self.current
        assert turn is not None
        if turn.ending is not None:
            return
        turn.ending, turn.error = state, why
        self._do(Disarm(timer=Timer.TURN))
        if turn.turn_id is None or self.agent not in {Agent.STARTING, Agent.UP}:
            if self.agent in {Agent.STARTING, Agent.UP}:
                self._end_agent(why)  # the agent's own turn has no name to cancel it by
            self._conclude(None)
            return
        self._do(
            TellCancel(turn_id=turn.turn_id),
            Arm(timer=Timer.GRACE, secs=self._limits.cancel_grace_secs),
        )

    def _expired(self, timer: Timer, key: str) -> None:
        turn = self.current
        match timer:
            case Timer.JOIN if turn is not None:
                self._do(*turn.flush())
            case Timer.TURN if turn is not None and turn.request is not None:
                secs = turn.request.timeout_secs
                self._end_turn(TurnState.TIMEOUT, f"no end of the turn within {secs} s")
            case Timer.GRACE if turn is not None and self.agent in {Agent.STARTING, Agent.UP}:
                self._end_agent("it did not stop when it was told to")
            case Timer.START if self.agent is Agent.STARTING:
                secs = int(self._limits.start_secs)
                if turn is not None and turn.ending is None:
                    turn.error = f"{self.session.agent} was not ready within {secs} s"
                self._end_agent("it did not get ready")
            case Timer.IDLE if self.idle:
                self._rest("hibernated")
            case Timer.ASK:
                self._do(*self._asks.expired(key, self._now))

    def _stopped(self, stop: StopAsked) -> None:
        if self._stop is None or stop.close:
            self._stop = stop
        for request, _ in self._queue:
            self._do(Reply(ticket=request.ticket, error=_refusal(stop)))
        self._queue.clear()
        if self.current is not None:
            state = TurnState.CANCELLED if stop.close else TurnState.INTERRUPTED
            self._end_turn(state, stop.reason)

    def _finish(self) -> None:
        if self.current is not None:
            return
        if self.agent is Agent.WANTED:
            self.agent = Agent.NONE
            self._do(LeaveLine())
        elif self.agent in {Agent.STARTING, Agent.UP}:
            assert self._stop is not None
            self._end_agent(self._stop.reason)
        if self.agent is not Agent.NONE:
            return
        assert self._stop is not None
        if self._stop.close is not None and self.session.closed_at is None:
            at = int(self._now.utc)
            self.session = replace(self.session, closed_at=at)
            self._do(
                Fact(type="session_closed", body={"reason": self._stop.reason}),
                Change(patch=SessionPatch(closed_at=at)),
                Audit(action=self._stop.close, detail={"reason": self._stop.reason}),
            )
        self._do(Over())

    def _options_changed(self, change: OptionsChanged) -> None:
        self.session = replace(
            self.session, options=change.options, model=change.model or self.session.model
        )
        self._asks.policy, self._asks.options = change.policy, change.options
        self._do(Change(patch=SessionPatch(options=change.options, model=change.model)))
        for key, value in change.changes:
            self._tell("setting_changed", {"key": key, "value": value})
        if change.restart and self.agent in {Agent.STARTING, Agent.UP} and self.current is None:
            self._end_agent("its options have changed")


def _ended_body(end: TurnEnd) -> dict[str, object]:
    return {
        "state": end.state.value,
        "stop_reason": end.stop_reason,
        "error": end.error,
        "duration_ms": end.duration_ms,
        "usage": dict(usage_body(end.usage)),
    }


def _refusal(stop: StopAsked) -> ClawdforgeError:
    if stop.close is not None:
        return GoneError("the session is closed", code="session_closed")
    return BusyError("the server is stopping", code="stopping", retry_after_secs=5)
