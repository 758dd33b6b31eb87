"""How a session is ended: by somebody who closes it, or with the server that stops. Pure."""

from dataclasses import replace

from clawdforge.core.session_agent import AgentLife
from clawdforge.core.session_effects import Audit, Change, Fact, Over, Reply
from clawdforge.core.session_inputs import StopAsked
from clawdforge.core.session_records import SessionPatch, TurnState
from clawdforge.core.session_state import Agent, SessionState
from clawdforge.core.session_turns import TurnLife
from clawdforge.errors import BusyError, ClawdforgeError, GoneError


class Ending:
    """Ends the turn, then the agent, then the session's being awake."""

    def __init__(self, state: SessionState, agent: AgentLife, turns: TurnLife) -> None:
        self._state = state
        self._agent = agent
        self._turns = turns

    def begin(self, stop: StopAsked) -> None:
        """Nothing new is taken; what waits is turned away, what runs is ended."""
        if self._state.stop is None or stop.close:
            self._state.stop = stop
        self.turn_away(refusal(stop))
        if self._state.current is not None:
            state = TurnState.CANCELLED if stop.close else TurnState.INTERRUPTED
            self._turns.end(state, stop.reason)

    def go_on(self, stop: StopAsked) -> None:
        """The next step, once the one before is done."""
        state = self._state
        if state.current is not None:
            return
        if state.agent is Agent.WANTED:
            self._agent.leave_line()
        elif state.running:
            self._agent.end(stop.reason)
        if state.agent is not Agent.NONE:
            return
        if stop.close is not None and state.session.closed_at is None:
            self._close(stop.close, stop.reason)
        state.do(Over())

    def turn_away(self, error: ClawdforgeError) -> None:
        """The turns that wait will not begin."""
        state = self._state
        state.do(*(Reply(ticket=request.ticket, error=error) for request, _ in state.queue))
        state.queue.clear()

    def _close(self, action: str, reason: str) -> None:
        state = self._state
        at = int(state.now.utc)
        state.session = replace(state.session, closed_at=at)
        state.do(
            Fact(type="session_closed", body={"reason": reason}),
            Change(patch=SessionPatch(closed_at=at)),
            Audit(action=action, detail={"reason": reason}),
        )


def refusal(stop: StopAsked | None) -> ClawdforgeError:
    """Why no turn is taken any more; without a stop the session was closed before."""
    if stop is None or stop.close is not None:
        return GoneError("the session is closed", code="session_closed")
    return BusyError("the server is stopping", code="stopping", retry_after_secs=5)
