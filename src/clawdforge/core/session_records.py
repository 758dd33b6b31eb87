"""What the ledger keeps of sessions. Times are UTC seconds since 1970, durations milliseconds."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from clawdforge.core.records import AuditEntry
from clawdforge.core.usage import Usage


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """One start of one server. A session's owner is a node that lives."""

    node_id: str
    incarnation: str
    """New at every start, so that a server never inherits what its own ghost owned."""
    url: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """One row of `sessions`."""

    session_id: str
    app_id: str
    app_name: str
    agent: str
    model: str | None = None
    created_at: int
    last_turn_at: int | None = None
    closed_at: int | None = None
    turn_count: int = 0
    meta: Mapping[str, Any] | None = field(default=None, repr=False)
    """The app's own; any JSON object."""
    options: Mapping[str, Any] = field(default_factory=dict, repr=False)
    """How the agent is to be started; see `core.options`. JSON."""
    agent_session_id: str | None = None
    """The agent's own name for the conversation; None before its first turn ended."""
    last_seq: int = 0
    """The newest event's number; 0: none."""
    usage: Usage = field(default_factory=Usage)
    """Of all turns together."""
    context_used: int | None = None
    context_size: int | None = None
    """Tokens in the context, and its size, as last told by the agent."""
    idempotency_key: str | None = None
    request_digest: str | None = None
    """Names what was asked for with that key."""
    forked_from: str | None = None
    attached: Mapping[str, Any] | None = field(default=None, repr=False)
    """Who has the conversation instead of us, see `core.handover.Lease`; JSON. None: nobody."""


class TurnState(StrEnum):
    """Where a turn stands. All but `running` are final."""

    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    TIMEOUT = "timeout"
    CANCELLED = "cancelled"
    INTERRUPTED = "interrupted"
    """The server died or stopped meanwhile; the outcome is unknown."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TurnStart:
    """What is durable before the agent gets to see the prompt."""

    turn: int
    """From 1, without gaps."""
    started_at: int
    origin: str = "user"
    """`user`, `agent` for a turn that it started by itself, `terminal` for one that a person had
    with the agent in a terminal."""
    model: str | None = None
    prompt_bytes: int = 0
    prompt_sha256: str = ""
    prompt_text: str | None = field(default=None, repr=False)
    """Only when the operator turned `store_prompts` on."""
    file_count: int = 0
    timeout_secs: int = 0
    waited_ms: int = 0
    """How long it stood in line for an agent."""
    idempotency_key: str | None = None
    """Unique in the session."""
    request_digest: str | None = None
    first_seq: int = 1
    """The number of its first event."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TurnEnd:
    """How a turn ended. Durable before anybody is told."""

    turn: int
    state: TurnState
    ended_at: int
    duration_ms: int
    stop_reason: str
    error: str | None = None
    """For people; never a prompt, an answer or a secret."""
    stderr: str = field(default="", repr=False)
    usage: Usage = field(default_factory=Usage)
    last_seq: int = 0
    """The number of its last event."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """One row of `turns`: its start and, once it ended, its end."""

    session_id: str
    start: TurnStart
    end: TurnEnd | None = None

    @property
    def state(self) -> TurnState:
        """The state: `running` until there is an end."""
        return self.end.state if self.end else TurnState.RUNNING


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredEvent:
    """An immutable fact of a session."""

    seq: int
    """From 1, without gaps."""
    turn: int
    """The turn that it belongs to; 0: none."""
    at: int
    type: str
    body: str = field(repr=False)
    """A JSON object as text, without `seq`, `turn` and `at`, beginning with its `type`: encoded
    once, and handed on as it is."""


class PermissionState(StrEnum):
    """Where a question stands. All but `pending` are final."""

    PENDING = "pending"
    ALLOWED = "allowed"
    DENIED = "denied"
    EXPIRED = "expired"
    """Nobody answered in time; the agent was told no."""
    WITHDRAWN = "withdrawn"
    """The agent does not wait any more: its turn was cancelled, or it ended."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Permission:
    """An agent's question whether it may do something, that a person is to answer."""

    permission_id: str
    session_id: str
    app_id: str
    turn: int
    state: PermissionState = PermissionState.PENDING
    asked_at: int
    expires_at: int
    request: Mapping[str, Any] = field(repr=False)
    """What would be done: `tool`, `kind`, `title`, `args`, `paths`, `options`. JSON."""
    answered_at: int | None = None
    answered_by: str | None = None
    """The actor, as in the audit; `policy` or `server` when it was not a person."""
    answer: Mapping[str, Any] | None = field(default=None, repr=False)
    """`decision`, `scope`, `message` … JSON."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionPatch:
    """What changes in a session's row. None: unchanged."""

    agent_session_id: str | None = None
    model: str | None = None
    options: Mapping[str, Any] | None = field(default=None, repr=False)
    last_turn_at: int | None = None
    context_used: int | None = None
    context_size: int | None = None
    add_usage: Usage = field(default_factory=Usage)
    """Added to the session's totals; a count that is None adds nothing."""
    closed_at: int | None = None
    reopen: bool = False
    """Open again what was closed."""
    attached: Mapping[str, Any] | None = field(default=None, repr=False)
    """Somebody else has the conversation from now on; see `core.handover.Lease`."""
    detach: bool = False
    """Nobody else has it any more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Append:
    """What the owner of a session adds to it, all or nothing."""

    session_id: str
    epoch: int
    """Of the owner's claim. An older one is fenced: nothing is written."""
    events: tuple[StoredEvent, ...] = ()
    """Numbered on from the newest; those that are there already are passed over."""
    turn_start: TurnStart | None = None
    """Also counts the turn in the session's row."""
    turn_end: TurnEnd | None = None
    """Does nothing to a turn that has ended."""
    patch: SessionPatch | None = None
    permissions: tuple[Permission, ...] = ()
    """Added, or changed when they are there."""
    audit: tuple[AuditEntry, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """A session that is now ours."""

    epoch: int
    """Larger than every epoch before, of all sessions."""
    session: Session
    running: Turn | None = None
    """A turn that the owner before left unfinished."""
    pending: tuple[Permission, ...] = ()
    """Questions that it left unanswered."""
