"""What comes out of the session machine: effects, carried out in their order.

Those marked * wait until every fact before them is durable: stored, then told.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from clawdforge.core.session_inputs import Timer
from clawdforge.core.session_records import (
    Permission,
    PermissionState,
    SessionPatch,
    TurnEnd,
    TurnStart,
    TurnState,
)
from clawdforge.core.usage import Usage
from clawdforge.errors import ClawdforgeError


@dataclass(frozen=True, slots=True, kw_only=True)
class Fact:
    """An event of the session, to be numbered and stored, then published."""

    type: str
    body: Mapping[str, Any] = field(default_factory=dict, repr=False)
    turn: int = 0
    at: int | None = None
    """UTC seconds, of what is told late; None: now."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BeginTurn:
    """A row of `turns` begins with the fact that follows."""

    start: TurnStart


@dataclass(frozen=True, slots=True, kw_only=True)
class EndTurn:
    """A row of `turns` ends with the fact that follows; the actor adds stderr if it failed."""

    end: TurnEnd


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """The session's row changes."""

    patch: SessionPatch


@dataclass(frozen=True, slots=True, kw_only=True)
class Keep:
    """A permission is new or has changed."""

    permission: Permission


@dataclass(frozen=True, slots=True, kw_only=True)
class Audit:
    """The audit is to say so."""

    action: str
    detail: Mapping[str, Any] = field(default_factory=dict)
    actor: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class WantPlace:
    """Get in line for an agent process; comes back as `Granted` or `Refused`."""

    place: int
    """Names it: what comes back for one that is not wanted any more means nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LeaveLine:
    """No agent process is wanted any more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StartAgent:
    """Start the agent's process."""

    resume_id: str | None
    """Go on with this conversation of the agent's."""
    fork: bool = False
    turns: int = 0
    """How many turns the session has had."""
    spent_microusd: int = 0
    """What they have cost."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Send:
    """* Hand the prompt to the agent."""

    turn_id: str
    prompt: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class TellCancel:
    """Tell the agent to stop working on the turn."""

    turn_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TellAnswer:
    """* Answer the agent's question."""

    ask_id: str
    allow: bool
    option_id: str | None = None
    message: str | None = None
    args: Any = None


@dataclass(frozen=True, slots=True, kw_only=True)
class StopAgent:
    """End the agent's process; comes back as `Gone`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Arm:
    """Start a timer; it replaces a running one of the same name and key."""

    timer: Timer
    secs: float
    key: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Disarm:
    """Stop a timer."""

    timer: Timer
    key: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class TurnOutcome:
    """What came of a turn."""

    turn: int
    state: TurnState
    stop_reason: str
    duration_ms: int
    error: str | None = None
    stderr: str = field(default="", repr=False)
    usage: Usage = field(default_factory=Usage)
    bodies: tuple[Mapping[str, Any], ...] = field(default=(), repr=False)
    """Its events as they were stored, each with its `type`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Begun:
    """* Whoever wanted the turn can be told its number."""

    ticket: int
    turn: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """* Whoever wanted the turn gets what came of it."""

    ticket: int
    outcome: TurnOutcome | None = None
    error: ClawdforgeError | None = None
    """The turn did not begin."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settled:
    """* A permission has its answer."""

    permission: Permission
    state: PermissionState


@dataclass(frozen=True, slots=True, kw_only=True)
class HandedOver:
    """* The conversation has changed hands, or will not."""

    ticket: int
    error: ClawdforgeError | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Over:
    """* Nothing is left to do: the actor ends and gives the session up."""


Effect = (
    Fact
    | BeginTurn
    | EndTurn
    | Change
    | Keep
    | Audit
    | WantPlace
    | LeaveLine
    | StartAgent
    | Send
    | TellCancel
    | TellAnswer
    | StopAgent
    | Arm
    | Disarm
    | Begun
    | Reply
    | Settled
    | HandedOver
    | Over
)
