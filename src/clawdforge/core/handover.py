"""A conversation changes hands, between the gateway and a person's terminal. Pure.

While somebody else has it, a session has a `Lease`: kept in its row, so that it outlives a restart,
and tied to the process that has it, so that it ends with that process, whatever becomes of it.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from clawdforge.core.events import Event
from clawdforge.core.session_records import TurnState
from clawdforge.core.usage import Usage
from clawdforge.errors import ConflictError

ATTACHED = "session_attached"
"""`code` of the error for whoever wants what somebody in a terminal has."""
_DAY_SECS = 86_400
ORIGIN = "terminal"
"""`TurnStart.origin` of what was said there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lease:
    """Who has a session's conversation instead of its gateway."""

    by: str
    """Who took it, as in the audit."""
    since: int
    """UTC seconds."""
    pid: int | None = None
    """The process that has it; None: none any more, and what it wrote is yet to be read."""
    conversation: str = ""
    """The agent's own name for it."""
    start: int | None = None
    """When that process began, as the system counts it: tells it from a later one of that pid."""
    after: int | None = None
    """How much of what the agent wrote down is known here: an offset in bytes. None: it was not
    handed over yet, so nothing was said elsewhere."""
    spent_microusd: int | None = 0
    """What the conversation had cost by then, as the agent adds it up; None: what was said
    elsewhere is not to count here, for it is a copy."""

    def is_same(self, other: "Lease | None") -> bool:
        """Whether the same process has it since the same time."""
        mine = (self.pid, self.start, self.since)
        return other is not None and mine == (other.pid, other.start, other.since)

    def to_json(self) -> dict[str, Any]:
        """As it is kept."""
        return asdict(self)

    @classmethod
    def of(cls, kept: Mapping[str, Any] | None) -> "Lease | None":
        """From what was kept; keys of a newer version are passed over."""
        if kept is None:
            return None
        return cls(**{name: kept[name] for name in cls.__dataclass_fields__ if name in kept})


@dataclass(frozen=True, slots=True, kw_only=True)
class PastTurn:
    """A turn that somebody had with the agent elsewhere, as the agent wrote it down."""

    started_at: int
    ended_at: int
    """UTC seconds."""
    duration_ms: int
    model: str | None = None
    prompt: str | None = field(default=None, repr=False)
    """None: it was no person's."""
    events: tuple[Event, ...] = field(default=(), repr=False)
    state: TurnState = TurnState.DONE
    stop_reason: str = "end_turn"
    error: str | None = None
    usage: Usage = field(default_factory=Usage)
    context_used: int | None = None
    end: int = 0
    """Where it ends in what the agent wrote: `Lease.after` once it is known here."""
    total_microusd: int | None = None
    """What the conversation had cost by then; None: the agent did not say."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Past:
    """What an agent wrote down of a conversation since some point."""

    turns: tuple[PastTurn, ...] = ()
    skipped: int = 0
    """Older turns beyond those, which are too many."""
    end: int = 0
    """How far was read."""
    total_microusd: int | None = None
    """What the conversation had cost in the end; None: the agent did not say."""


def refusal(lease: Lease) -> ConflictError:
    """The error for whoever wants to use what somebody else has."""
    if lease.pid is None:
        msg = "the session is being taken over from a terminal; try again in a moment"
        return ConflictError(msg, code=ATTACHED)
    minutes, secs = divmod(lease.since % _DAY_SECS, 60)
    since = f"{minutes // 60:02}:{minutes % 60:02}:{secs:02}"
    msg = (
        f"the session is open in a terminal (process {lease.pid}, since {since} UTC, by "
        f"{lease.by}); leave the agent there (/exit), or fork the session"
    )
    return ConflictError(msg, code=ATTACHED)
