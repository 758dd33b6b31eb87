"""What goes into the session machine and what comes out of it: inputs and effects.

The machine (`core.session`) decides, the actor (`gateway.sessions.actor`) carries out. All of it
are values, so that a test reads as the conversation that it checks.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from clawdforge.core.events import Event
from clawdforge.core.permission import Policy
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
class Moment:
    """Now, by both clocks."""

    utc: float
    """Seconds since 1970."""
    mono: float
    """Seconds that only grow."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TurnRequest:
    """A prompt that was accepted."""

    ticket: int
    """Names it until its turn has a number."""
    prompt: str = field(repr=False)
    """As the agent is to see it, attachments named."""
    prompt_bytes: int
    prompt_sha256: str
    prompt_text: str | None = field(default=None, repr=False)
    file_count: int = 0
    timeout_secs: int
    idempotency_key: str | None = None
    request_digest: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """The machine's timers, in seconds."""

    start_secs: float = 30.0
    """Until an agent that was started is ready."""
    cancel_grace_secs: float = 2.0
    """Until an agent that was told to stop has stopped; then it is killed."""
    hibernate_after_secs: float = 60.0
    agent_turn_secs: int = 600
    """The longest turn that an agent may take by itself."""


# Inputs


@dataclass(frozen=True, slots=True, kw_only=True)
class Prompted:
    """Somebody wants a turn."""

    request: TurnRequest


@dataclass(frozen=True, slots=True, kw_only=True)
class WarmUp:
    """The agent is to be started before there is a prompt, so that the first turn is fast."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Granted:
    """There is a place for an agent process."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """There is none, or the agent cannot be started at all."""

    error: ClawdforgeError


@dataclass(frozen=True, slots=True, kw_only=True)
class Happened:
    """The agent said or did something."""

    event: Event


@dataclass(frozen=True, slots=True, kw_only=True)
class Broke:
    """The conversation with the agent cannot go on: too long a line, no program."""

    error: ClawdforgeError


@dataclass(frozen=True, slots=True, kw_only=True)
class Gone:
    """The agent's process and all its descendants have ended, and its place is free."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CancelAsked:
    """Somebody wants the running turn to stop."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Withdrawn:
    """Who wanted a turn that has not begun does not want it any more."""

    ticket: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered:
    """A permission was answered by a person."""

    permission_id: str
    allow: bool
    always: bool = False
    option_id: str | None = None
    message: str | None = None
    args: Any = None
    by: str
    """The actor, as in the audit."""


class Timer(StrEnum):
    """What can run out."""

    START = "start"
    TURN = "turn"
    GRACE = "grace"
    IDLE = "idle"
    JOIN = "join"
    """Text that was held back is to be stored."""
    ASK = "ask"
    """With the permission's id."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Expired:
    """A timer ran out."""

    timer: Timer
    key: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class RestAsked:
    """The agent's process is to end; the session stays open. Not while a turn runs."""

    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StopAsked:
    """Everything is to end now. The session stays open unless `close` says why it is closed."""

    reason: str
    close: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class OptionsChanged:
    """The session's options are different from now on."""

    options: Mapping[str, Any] = field(repr=False)
    policy: Policy
    restart: bool
    """The agent that runs does not know it: it is ended, and woken with the next turn."""
    changes: tuple[tuple[str, str], ...] = ()
    """What is told to those who watch: key and value."""
    model: str | None = None


Input = (
    Prompted
    | WarmUp
    | Granted
    | Refused
    | Happened
    | Broke
    | Gone
    | CancelAsked
    | Withdrawn
    | Answered
    | Expired
    | RestAsked
    | StopAsked
    | OptionsChanged
)


# Effects: carried out in their order. Those marked * wait until every fact before is durable.


@dataclass(frozen=True, slots=True, kw_only=True)
class Fact:
    """An event of the session, to be numbered and stored, then published."""

    type: str
    body: Mapping[str, Any] = field(default_factory=dict, repr=False)
    turn: int = 0


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
    first_seq: int


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
    | Over
)
