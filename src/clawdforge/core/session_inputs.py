"""What goes into the session machine: inputs, the time, the timers' names and lengths.

The machine (`core.session`) decides, the actor (`gateway.sessions.actor`) carries out. Inputs and
effects (`core.session_effects`) are values, so that a test reads as the conversation it checks.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from clawdforge.core.events import Event
from clawdforge.core.handover import Lease, Past
from clawdforge.core.permission import Policy
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

    place: int
    """Which one, see `WantPlace`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """There is none."""

    place: int
    """Which one, see `WantPlace`."""
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Lend:
    """Somebody else is to have the conversation; again from the same: they have it now."""

    ticket: int
    lease: Lease


@dataclass(frozen=True, slots=True, kw_only=True)
class TakenBack:
    """Who had the conversation has it no more."""

    ticket: int
    lease: Lease
    """Of whom that is known; nothing happens when it is somebody else's by now."""
    past: Past
    """What was said there."""
    agent_session_id: str | None
    """The agent's own name for the conversation; None: nothing was written down."""
    opening: Mapping[str, Any] | None = None
    """What is to be told before, in a session that was made of it."""
    keep_prompts: bool = False
    """The operator wants the text of prompts in the ledger."""


Input = (
    Prompted
    | WarmUp
    | Granted
    | Refused
    | Happened
    | Broke
    | Gone
    | CancelAsked
    | Answered
    | Expired
    | RestAsked
    | StopAsked
    | OptionsChanged
    | Lend
    | TakenBack
)
