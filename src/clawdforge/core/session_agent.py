"""The life of a session's agent: its place in line, its start, its name, its end. Pure."""

from clawdforge.core.events import Ready
from clawdforge.core.session_costs import Costs
from clawdforge.core.session_effects import (
    Arm,
    Change,
    Disarm,
    LeaveLine,
    Send,
    StartAgent,
    StopAgent,
    WantPlace,
)
from clawdforge.core.session_inputs import Timer
from clawdforge.core.session_records import SessionPatch
from clawdforge.core.session_state import UNPROVEN, Agent, SessionState
from clawdforge.core.turn import CANNOT_RESUME


class AgentLife:
    """Lets the agent's process come and go. What becomes of a turn is not decided here."""

    def __init__(self, state: SessionState) -> None:
        self._state = state
        self.costs = Costs(state.session.usage.cost_microusd or 0)

    def want(self) -> None:
        """Get in line for a place."""
        self._state.agent = Agent.WANTED
        self._state.place += 1
        self._state.do(WantPlace(place=self._state.place))

    def leave_line(self) -> None:
        """Nobody wants an agent any more."""
        self._state.agent = Agent.NONE
        self._state.do(LeaveLine())

    def waits_for(self, place: int) -> bool:
        """Whether that place in line is wanted; one that was left is not ours any more."""
        return self._state.agent is Agent.WANTED and self._state.place == place

    def granted(self) -> None:
        """There is a place: start, and hand in again what an earlier process did not take."""
        state = self._state
        state.warming = False
        # Before its first turn a conversation is nothing that could be resumed.
        begun = state.turns > 0 or "fork" in state.session.options
        self._start(state.agent_id if begun else None)
        turn = state.current
        if turn is not None and turn.resend and turn.request is not None:
            turn.resend = False
            turn.turn_id = state.new_id()
            state.do(Send(turn_id=turn.turn_id, prompt=turn.request.prompt))

    def ready(self, event: Ready) -> None:
        """The agent takes prompts, and maybe tells its name for the conversation."""
        state = self._state
        known_as = state.agent_id.removeprefix(UNPROVEN) if state.agent_id else None
        if event.agent_session_id is not None and event.agent_session_id != known_as:
            # A copy is another conversation, which the agent has yet to write down.
            proven = known_as is not None and not self.unproven and known_as != self._fork_of
            self._learn(f"{'' if proven else UNPROVEN}{event.agent_session_id}")
        told = {"agent": state.session.agent, "version": event.version, "resumed": state.resumed}
        state.tell("agent_started", told)
        self.up()

    def up(self) -> None:
        """The agent works, or could."""
        state = self._state
        if state.agent is Agent.STARTING:
            state.agent = Agent.UP
            state.do(Disarm(timer=Timer.START))
            self.rest_later()

    def rest_later(self) -> None:
        """Count anew how long the agent has nothing to do for anybody, if that is so."""
        state = self._state
        if state.agent is Agent.UP and (state.current is None or state.current.by_agent):
            state.do(Arm(timer=Timer.IDLE, secs=state.limits.hibernate_after_secs))

    @property
    def unproven(self) -> bool:
        """Whether the agent may not have written the conversation down yet."""
        return (self._state.agent_id or "").startswith(UNPROVEN)

    def prove(self) -> None:
        """A turn has ended well: the agent knows the conversation from now on."""
        if self._state.agent_id is not None and self.unproven:
            self._learn(self._state.agent_id.removeprefix(UNPROVEN))

    def begin_anew(self) -> None:
        """End a process that does not know the conversation, which had hardly begun."""
        self._state.agent_id = self._fork_of  # a copy is made anew
        self.end(CANNOT_RESUME)

    def end(self, reason: str) -> None:
        """End the process."""
        state = self._state
        state.tell("agent_stopped", {"reason": reason})
        state.agent = Agent.STOPPING
        state.do(StopAgent(), *(Disarm(timer=timer) for timer in (Timer.START, Timer.IDLE)))

    def _start(self, known_as: str | None) -> None:
        state = self._state
        state.agent = Agent.STARTING
        self.costs.start()
        resume_id = known_as.removeprefix(UNPROVEN) if known_as else None
        fork = resume_id is not None and resume_id == self._fork_of
        state.resumed, state.outdated = resume_id is not None, False
        state.do(
            StartAgent(
                resume_id=resume_id,
                fork=fork,
                turns=state.turns,
                spent_microusd=self.costs.spent,
            ),
            Arm(timer=Timer.START, secs=state.limits.start_secs),
        )

    @property
    def _fork_of(self) -> str | None:
        """The conversation of which this one is to be a copy."""
        fork = self._state.session.options.get("fork")
        return fork if isinstance(fork, str) else None

    def _learn(self, agent_id: str) -> None:
        self._state.agent_id = agent_id
        self._state.do(Change(patch=SessionPatch(agent_session_id=agent_id)))
