"""What becomes of a session whose agent is lost: it died, broke off, or never came. Pure."""

from clawdforge.core.events import Exited
from clawdforge.core.session_agent import AgentLife
from clawdforge.core.session_ending import Ending
from clawdforge.core.session_state import Agent, SessionState
from clawdforge.core.session_turns import TurnLife
from clawdforge.errors import ClawdforgeError

_TRY_IT = "stderr has what it said, and `clawdforge doctor` tries it out"


class Losses:
    """Ends the turn with a reason; the turns that wait have an agent started anew."""

    def __init__(
        self, state: SessionState, agent: AgentLife, turns: TurnLife, ending: Ending
    ) -> None:
        self._state = state
        self._agent = agent
        self._turns = turns
        self._ending = ending

    def exited(self, event: Exited) -> None:
        """The process has ended by itself, or because it was told to."""
        turn = self._state.current
        if turn is not None and not turn.resend:
            if turn.ending is None and turn.error is None:
                turn.error = self._how(event)
            self._turns.conclude(turn.lost)
        if self._state.running:
            self._agent.end(str(event))

    def _how(self, event: Exited) -> str:
        name = self._state.session.agent
        if self._state.agent is Agent.STARTING:
            return f"{name} ended before it was ready ({event}); {_TRY_IT}"
        return f"{name} ended in the middle of the turn ({event}); the next turn starts it again"

    def broke(self, error: ClawdforgeError) -> None:
        """The conversation cannot go on."""
        turn = self._state.current
        if turn is not None and not turn.resend:
            if turn.ending is None:
                turn.error = f"{error.message}; {error.hint}" if error.hint else error.message
            self._turns.conclude(None)
        if self._state.running:
            self._agent.end(error.code)

    def late(self) -> None:
        """The agent that was started did not get ready in time."""
        state, turn = self._state, self._state.current
        if state.agent is not Agent.STARTING:
            return
        if turn is not None and turn.ending is None:
            secs = f"{state.limits.start_secs:g} s (agent_start_secs)"
            turn.error = f"{state.session.agent} was not ready within {secs}; {_TRY_IT}"
        self._agent.end("it did not get ready")

    def gone(self) -> None:
        """Nothing is left of the process."""
        state = self._state
        state.agent = Agent.NONE
        state.background = ()
        turn = state.current
        if turn is None:
            return
        if turn.resend:
            self._agent.want()
        else:
            self._turns.conclude(turn.lost)

    def refused(self, error: ClawdforgeError) -> None:
        """There is no place for an agent."""
        state = self._state
        state.agent = Agent.NONE
        state.warming = False
        if state.current is not None:
            state.current.error = error.message
            self._turns.conclude(None)
        self._ending.turn_away(error)
