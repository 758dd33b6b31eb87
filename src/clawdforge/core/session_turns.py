"""The turns of a session: how each begins, what is said in it, how it is ended. Pure."""

from dataclasses import replace

from clawdforge.core.asks import OVER, Asks
from clawdforge.core.events import (
    Ask,
    Background,
    Context,
    Event,
    Note,
    Stop,
    Text,
    Thought,
    ToolCall,
    TurnEnded,
)
from clawdforge.core.session_agent import AgentLife
from clawdforge.core.session_effects import (
    Arm,
    Audit,
    BeginTurn,
    Begun,
    Change,
    Disarm,
    EndTurn,
    Fact,
    Reply,
    Send,
    TellAnswer,
    TellCancel,
    TurnOutcome,
)
from clawdforge.core.session_inputs import Timer, TurnRequest
from clawdforge.core.session_records import SessionPatch, TurnEnd, TurnStart, TurnState
from clawdforge.core.session_state import Agent, SessionState
from clawdforge.core.turn import CANNOT_RESUME, SESSION_LOST, OpenTurn, ended_body, fact_of
from clawdforge.core.usage import added

_FORGOTTEN = "the agent does not know this conversation any more; start a new session"
_ANEW = "the agent kept nothing of the interrupted first turn; the conversation starts anew"
_TOO_LONG = "the agent's own turn took longer than {} s"


class TurnLife:
    """Begins and ends turns, one at a time."""

    def __init__(self, state: SessionState, agent: AgentLife, asks: Asks) -> None:
        self._state = state
        self._agent = agent
        self._asks = asks

    def begin(self) -> None:
        """The first in line has its turn."""
        state = self._state
        if state.current is not None:  # the agent's own: what still comes belongs to the new one
            self.conclude(TurnEnded(turn_id=None, stop=Stop.DONE))
        turn, request = self._open_next()
        assert turn.turn_id is not None
        state.do(
            Begun(ticket=request.ticket, turn=turn.turn),
            Send(turn_id=turn.turn_id, prompt=request.prompt),
            Disarm(timer=Timer.IDLE),
        )

    def begin_by_agent(self) -> OpenTurn:
        """The agent works on something of its own."""
        turn = self._open(None)
        self._agent.rest_later()
        return turn

    def said(self, event: Event) -> None:
        """The agent said or did something: a fact of the turn, if there is one."""
        state = self._state
        if state.current is not None and state.current.resend:
            return  # of the process that did not know the conversation
        if isinstance(event, Background):
            state.background = event.tasks
        if isinstance(event, Context):
            self._context(event)
        if state.current is None and isinstance(event, Text | Thought | ToolCall):
            if not state.running:
                return  # the last words of a process that is being ended are no turn
            self.begin_by_agent()
        if state.current is not None:
            state.do(*state.current.feed(event))
        elif (found := fact_of(event)) is not None:
            state.do(Fact(type=found[0], body=found[1]))
        # Not every agent tells where a turn of its own ends: quiet is its end, too.
        self._agent.rest_later()

    def asked(self, ask: Ask) -> None:
        """The agent asks whether it may do something."""
        turn = self._state.current or self.begin_by_agent()
        self._state.do(*turn.flush())
        if turn.ending is None:
            self._state.do(*self._asks.asked(ask, turn, self._state.now))
        else:
            self._state.do(TellAnswer(ask_id=ask.ask_id, allow=False, message=OVER))

    def ended(self, event: TurnEnded) -> None:
        """The agent says that a turn is over."""
        turn = self._state.current
        if turn is None or event.turn_id != turn.turn_id or turn.resend:
            return
        if event.stop is Stop.LOST:
            turn.lost = event
        elif event.reason == CANNOT_RESUME:
            self._forgotten(turn, event)
        else:
            self.conclude(event)
            if event.stop is Stop.FAILED:
                self._end_useless(event)

    def cancel(self) -> None:
        """Somebody wants the turn to stop."""
        state = self._state
        if state.current is not None:
            self.end(TurnState.CANCELLED, "cancelled")
        elif state.queue:  # it still waits for an agent: it begins and ends here
            turn, request = self._open_next()
            turn.ending = TurnState.CANCELLED
            state.do(Begun(ticket=request.ticket, turn=turn.turn))
            self.conclude(None)

    def time_out(self) -> None:
        """The turn has taken all the time it had."""
        turn = self._state.current
        assert turn is not None
        if turn.request is None:
            why = _TOO_LONG.format(self._state.limits.agent_turn_secs)
        else:
            why = f"no end of the turn within {turn.request.timeout_secs} s"
        self.end(TurnState.TIMEOUT, why)

    def is_timer_of(self, key: str) -> bool:
        """Whether a timer is of the turn that runs; it may have run out just as one ended."""
        return self._state.current is not None and key == _key(self._state.current)

    def end(self, state: TurnState, why: str) -> None:
        """End the turn that runs: the agent is told, and has some time to obey."""
        turn = self._state.current
        assert turn is not None
        if turn.ending is not None:
            return
        turn.ending, turn.error = state, why
        self._state.do(Disarm(timer=Timer.TURN, key=_key(turn)))
        if turn.turn_id is None or not self._state.running:
            if self._state.running:
                self._agent.end(why)  # the agent's own turn has no name to cancel it by
            self.conclude(None)
            return
        self._state.do(
            TellCancel(turn_id=turn.turn_id),
            Arm(timer=Timer.GRACE, secs=self._state.limits.cancel_grace_secs, key=_key(turn)),
        )

    def conclude(self, event: TurnEnded | None) -> None:
        """The turn that runs is over; None: nobody says how."""
        state, turn = self._state, self._state.current
        assert turn is not None
        done = event is not None and event.stop not in {Stop.FAILED, Stop.LOST}
        final = event.text if event is not None and done else None
        state.do(*(turn.final_text(final) if turn.ending is None else turn.flush()))
        state.do(*self._asks.withdraw_all(state.now, tell=state.running))
        usage = self._agent.costs.of_turn(event)
        outcome = turn.outcome(event, usage=usage, mono=state.now.mono)
        self._record(turn, outcome)
        if outcome.state is TurnState.DONE:
            self._agent.prove()
        state.current = None
        if turn.request is not None:
            outcome = replace(outcome, bodies=tuple(turn.bodies))
            state.do(Reply(ticket=turn.request.ticket, outcome=outcome))
        state.do(*(Disarm(timer=timer, key=_key(turn)) for timer in (Timer.TURN, Timer.GRACE)))
        self._agent.rest_later()

    def _open_next(self) -> tuple[OpenTurn, TurnRequest]:
        request, since = self._state.queue.popleft()
        waited_ms = max(0, round((self._state.now.mono - since) * 1000))
        return self._open(request, waited_ms), request

    def _open(self, request: TurnRequest | None, waited_ms: int = 0) -> OpenTurn:
        state = self._state
        state.turns += 1
        turn = state.current = OpenTurn(
            turn=state.turns,
            turn_id=state.new_id() if request else None,
            request=request,
            began=state.now.mono,
        )
        start = TurnStart(
            turn=turn.turn,
            started_at=int(state.now.utc),
            origin="user" if request else "agent",
            model=state.session.model,
            waited_ms=waited_ms,
            timeout_secs=state.limits.agent_turn_secs,
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
        state.do(
            BeginTurn(start=start),
            turn.fact("turn_started", told),
            Arm(timer=Timer.TURN, secs=start.timeout_secs, key=_key(turn)),
        )
        return turn

    def _end_useless(self, event: TurnEnded) -> None:
        """After such a failure the process is of no use; the next turn tries a new one."""
        if event.reason == SESSION_LOST and self._state.running:
            self._agent.end(SESSION_LOST)
        elif self._state.agent is Agent.STARTING:
            self._agent.end("it did not get ready")

    def _forgotten(self, turn: OpenTurn, event: TurnEnded) -> None:
        """The agent does not know the conversation, and its process is of no use."""
        if turn.ending is None and self._agent.unproven:
            # It had written nothing down, and nothing had been achieved: start over.
            self._state.do(*turn.feed(Note(kind="conversation_restarted", text=_ANEW)))
            self._state.do(*self._asks.withdraw_all(self._state.now, tell=False))
            self._agent.begin_anew()
            turn.resend = True
            return
        if turn.ending is None:
            turn.error = _FORGOTTEN
        self.conclude(event)
        if self._state.running:
            self._agent.end(CANNOT_RESUME)

    def _record(self, turn: OpenTurn, outcome: TurnOutcome) -> None:
        end = TurnEnd(
            turn=outcome.turn,
            state=outcome.state,
            ended_at=int(self._state.now.utc),
            duration_ms=outcome.duration_ms,
            stop_reason=outcome.stop_reason,
            error=outcome.error,
            usage=outcome.usage,
        )
        detail = {"turn": end.turn, "state": end.state.value}
        detail |= {"duration_ms": end.duration_ms, "stop_reason": end.stop_reason}
        patch = SessionPatch(last_turn_at=end.ended_at, add_usage=outcome.usage)
        session = self._state.session
        used = added(session.usage, outcome.usage)
        self._state.session = replace(session, usage=used, last_turn_at=end.ended_at)
        self._state.do(
            EndTurn(end=end),
            turn.fact("turn_ended", ended_body(end)),
            Change(patch=patch),
            Audit(action="session.turn", detail=detail),
        )

    def _context(self, event: Context) -> None:
        if event.cost_microusd is not None:
            self._agent.costs.tell(event.cost_microusd)
        if event.used is not None or event.size is not None:
            patch = SessionPatch(context_used=event.used, context_size=event.size)
            session = self._state.session
            self._state.session = replace(
                session,
                context_used=session.context_used if event.used is None else event.used,
                context_size=session.context_size if event.size is None else event.size,
            )
            self._state.do(Change(patch=patch))


def _key(turn: OpenTurn) -> str:
    """Names the timers of a turn."""
    return str(turn.turn)
