"""What is known of a session that is awake, shared by the parts of its machine. Pure."""

from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from clawdforge.core.handover import Lease
from clawdforge.core.session_effects import Effect, Fact
from clawdforge.core.session_inputs import Limits, Moment, StopAsked, TurnRequest
from clawdforge.core.session_records import Session
from clawdforge.core.turn import OpenTurn

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


@dataclass(slots=True, kw_only=True)
class SessionState:
    """One session that is awake. Changed by the parts of its machine alone."""

    session: Session
    limits: Limits
    new_id: Callable[[], str]
    """Gives a new UUID."""
    agent: Agent = Agent.NONE
    agent_id: str | None = None
    """The agent's own name for the conversation, maybe marked as `UNPROVEN`."""
    current: OpenTurn | None = None
    """The turn that runs."""
    turns: int = 0
    """How many have begun."""
    queue: deque[tuple[TurnRequest, float]] = field(default_factory=deque)
    """Those that wait, and since when."""
    can_resume: bool = False
    """Whether the agent can go on with the conversation in another process."""
    background: tuple[str, ...] = ()
    """What the agent has running beside its turns."""
    warming: bool = False
    """An agent is wanted though there is no prompt yet."""
    place: int = 0
    """The newest place in line that was wanted."""
    resumed: bool = False
    """The agent was started with a conversation to go on with."""
    outdated: bool = False
    """The agent that runs was started with options that have changed since."""
    lease: Lease | None = None
    """Somebody else has the conversation: no agent is started, no turn taken."""
    stop: StopAsked | None = None
    """Everything is to end."""
    now: Moment = field(default_factory=lambda: Moment(utc=0, mono=0))
    out: list[Effect] = field(default_factory=list)
    """The effects of the input that is being dealt with."""

    @property
    def running(self) -> bool:
        """Whether there is a process that takes prompts, or soon will."""
        return self.agent in {Agent.STARTING, Agent.UP}

    @property
    def ready_for_next(self) -> bool:
        """Whether a turn could begin: none runs, or the agent's own, which gives way to one."""
        return self.current is None or (self.current.by_agent and bool(self.queue))

    @property
    def wants_agent(self) -> bool:
        """Whether there is something for an agent to do."""
        return bool(self.queue) or self.current is not None or self.warming

    def do(self, *effects: Effect) -> None:
        """Have this done, after all before."""
        self.out.extend(effects)

    def tell(self, kind: str, body: Mapping[str, object]) -> None:
        """A fact, of the turn that runs if there is one."""
        turn = self.current
        if turn is None:
            self.do(Fact(type=kind, body=body))
        else:
            self.do(*turn.flush(), turn.fact(kind, body))
