"""The session machine: every decision about one session, as a pure function over values.

`on` takes an input and the time, and gives the effects to be carried out in order. One turn runs
at a time, the others wait in line. The agent's process comes and goes beneath: it is started for
a turn, kept warm for a while, ended when nobody needs it, and woken again.

Here it is decided what an input means for both; what a turn goes through is in
`core.session_turns`, what its agent goes through in `core.session_agent`, what happens without it
in `core.session_losses`, the end of it all in `core.session_ending`, its questions in `core.asks`,
and what it means that somebody has the conversation in a terminal in `core.session_handover`.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from clawdforge.core.asks import Asks
from clawdforge.core.events import (
    Ask,
    AskWithdrawn,
    Event,
    Exited,
    Ready,
    Stop,
    TurnEnded,
    TurnStarted,
)
from clawdforge.core.handover import Lease
from clawdforge.core.handover import refusal as attached
from clawdforge.core.permission import Policy
from clawdforge.core.session_agent import AgentLife
from clawdforge.core.session_effects import Change, Effect, Reply
from clawdforge.core.session_ending import Ending, refusal
from clawdforge.core.session_handover import HandOver
from clawdforge.core.session_inputs import (
    Answered,
    Broke,
    CancelAsked,
    Expired,
    Gone,
    Granted,
    Happened,
    Input,
    Lend,
    Limits,
    Moment,
    OptionsChanged,
    Prompted,
    Refused,
    RestAsked,
    StopAsked,
    TakenBack,
    Timer,
    TurnRequest,
    WarmUp,
)
from clawdforge.core.session_losses import Losses
from clawdforge.core.session_records import Claim, Session, SessionPatch
from clawdforge.core.session_recovery import interrupted
from clawdforge.core.session_state import UNPROVEN, Agent, SessionState
from clawdforge.core.session_turns import TurnLife
from clawdforge.core.turn import OpenTurn


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
        self._claim = claim
        self._state = SessionState(
            session=claim.session,
            limits=limits,
            new_id=new_id,
            agent_id=claim.session.agent_session_id,
            turns=claim.session.turn_count,
            lease=Lease.of(claim.session.attached),
        )
        self._asks = Asks(session=claim.session, epoch=claim.epoch, policy=policy, cwd=cwd)
        self._agent = AgentLife(self._state)
        self._turns = TurnLife(self._state, self._agent, self._asks)
        self._ending = Ending(self._state, self._agent, self._turns)
        self._hands = HandOver(self._state, self._agent, self._turns)
        self._losses = Losses(self._state, self._agent, self._turns, self._ending)

    @property
    def session(self) -> Session:
        """Its row as it was claimed; model, options and whether it is closed are as of now."""
        return self._state.session

    @property
    def agent(self) -> Agent:
        """Where the agent's process stands."""
        return self._state.agent

    @property
    def current(self) -> OpenTurn | None:
        """The turn that runs."""
        return self._state.current

    @property
    def lease(self) -> Lease | None:
        """Who has the conversation instead of us; None: nobody."""
        return self._state.lease

    @property
    def agent_session_id(self) -> str | None:
        """The agent's own name for the conversation, as soon as it is known."""
        known = self._state.agent_id
        return known.removeprefix(UNPROVEN) if known is not None else None

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
        return self._state.turns

    @property
    def waiting(self) -> int:
        """How many turns wait for the one that runs, or for an agent."""
        return len(self._state.queue)

    @property
    def idle(self) -> bool:
        """Whether the agent's process is there with nothing to do, and could be woken again."""
        state, turn = self._state, self.current
        quiet = turn is None or (turn.by_agent and not self.pending)
        resting = state.agent is Agent.UP and quiet and not state.queue
        wakes_again = state.can_resume or state.turns == 0
        return resting and wakes_again and not state.background

    @property
    def holds_text(self) -> bool:
        """Whether text waits to be stored."""
        return self.current is not None and self.current.holds

    @property
    def pending(self) -> int:
        """How many questions wait for a person."""
        return self._asks.pending

    @property
    def can_resume(self) -> bool:
        """Whether the agent can go on with the conversation in another process; told from outside.

        Until it is told, an agent that has had a turn is not put to rest.
        """
        return self._state.can_resume

    @can_resume.setter
    def can_resume(self, can: bool) -> None:
        self._state.can_resume = can

    def recover(self, now: Moment) -> Sequence[Effect]:
        """What is to be told of a turn that the owner before left unfinished."""
        return [
            *self._asks.left_behind(self._claim.pending, now),
            *interrupted(self._claim, now),
        ]

    def on(self, input_: Input, now: Moment) -> Sequence[Effect]:
        """Take an input; what is to be done, in order."""
        state = self._state
        state.now, state.out = now, []
        match input_:
            case Prompted(request=request):
                self._prompted(request)
            case Happened(event=event):
                self._happened(event)
            case WarmUp():
                free = state.lease is None and not self.is_closed
                state.warming |= free and state.agent is Agent.NONE
            case Granted(place=place):
                if self._agent.waits_for(place):
                    self._agent.granted()
            case Refused(place=place, error=error):
                if self._agent.waits_for(place):
                    self._losses.refused(error)
            case Broke(error=error):
                self._losses.broke(error)
            case Gone():
                self._losses.gone()
            case CancelAsked():
                self._turns.cancel()
            case Answered():
                state.do(*self._asks.answered(input_, now))
            case Expired(timer=timer, key=key):
                self._expired(timer, key)
            case RestAsked(reason=reason):
                if self.idle:
                    self._rest(reason)
            case StopAsked():
                self._ending.begin(input_)
            case OptionsChanged():
                self._options_changed(input_)
            case Lend():
                self._hands.lend(input_)
            case TakenBack():
                self._hands.take_back(input_)
        self._go_on()
        return state.out

    def _prompted(self, request: TurnRequest) -> None:
        state = self._state
        if state.stop is not None or self.is_closed:
            state.do(Reply(ticket=request.ticket, error=refusal(state.stop)))
            return
        if state.lease is not None:
            state.do(Reply(ticket=request.ticket, error=attached(state.lease)))
            return
        state.queue.append((request, state.now.mono))

    def _go_on(self) -> None:
        """Whatever can be done next."""
        state = self._state
        self._hands.go_on()
        if state.stop is not None:
            self._ending.go_on(state.stop)
        elif state.outdated and state.running and state.ready_for_next:
            self._rest("its options have changed")
        elif state.queue and state.ready_for_next:
            if state.running:
                self._turns.begin()
            elif state.agent is Agent.NONE:
                self._agent.want()
        elif state.warming and state.agent is Agent.NONE:
            self._agent.want()
        elif state.agent is Agent.WANTED and not state.wants_agent:
            self._agent.leave_line()

    def _happened(self, event: Event) -> None:
        match event:
            case Ready() | TurnStarted() | Ask() if not self._state.running:
                pass  # the last words of a process that is being ended
            case Ready():
                self._agent.ready(event)
            case TurnStarted(turn_id=None):
                if self.current is None:
                    self._turns.begin_by_agent()
            case TurnStarted():
                self._agent.up()
            case Ask():
                self._turns.asked(event)
            case AskWithdrawn(ask_id=ask_id):
                self._state.do(*self._asks.withdrawn(ask_id, self._state.now))
            case TurnEnded():
                self._turns.ended(event)
            case Exited():
                self._losses.exited(event)
            case _:
                self._turns.said(event)

    def _rest(self, reason: str) -> None:
        if self.current is not None:
            self._turns.conclude(TurnEnded(turn_id=None, stop=Stop.DONE))
        self._agent.end(reason)

    def _expired(self, timer: Timer, key: str) -> None:
        state, turn = self._state, self.current
        match timer:
            case Timer.JOIN if turn is not None:
                state.do(*turn.flush())
            case Timer.TURN if self._turns.is_timer_of(key):
                self._turns.time_out()
            case Timer.GRACE if self._turns.is_timer_of(key) and state.running:
                self._agent.end("it did not stop when it was told to")
            case Timer.START:
                self._losses.late()
            case Timer.IDLE if self.idle:
                self._rest("hibernated")
            case Timer.ASK:
                state.do(*self._asks.expired(key, state.now))

    def _options_changed(self, change: OptionsChanged) -> None:
        state = self._state
        if self.is_closed:
            return
        state.session = replace(
            state.session, options=change.options, model=change.model or state.session.model
        )
        self._asks.policy, self._asks.options = change.policy, change.options
        state.do(Change(patch=SessionPatch(options=change.options, model=change.model)))
        for key, value in change.changes:
            state.tell("setting_changed", {"key": key, "value": value})
        state.outdated |= change.restart and state.running
