"""What was done and what it cost, of all apps or of one. Times are UTC seconds since 1970."""

from dataclasses import dataclass, field
from typing import Literal

from clawdforge.core.usage import Usage

Kind = Literal["run", "turn"]
WELL = ("done", "cancelled", "running")
"""States of runs and turns that are no failure."""
HOUR_SECS = 3600


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """A run, or a turn of a session: one question to an agent."""

    kind: Kind
    work_id: str
    """Of a run its id; of a turn the session's id, `-`, and the turn's number."""
    session_id: str | None = None
    turn: int | None = None
    app_name: str
    agent: str
    model: str | None = None
    state: str
    started_at: int
    duration_ms: int | None = None
    waited_ms: int = 0
    stop_reason: str | None = None
    error: str | None = None
    prompt_bytes: int = 0
    usage: Usage = field(default_factory=Usage)


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Which runs and turns; None: whatever it is."""

    app_id: str | None = None
    app_name: str | None = None
    agent: str | None = None
    state: str | None = None
    kind: Kind | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Spent:
    """What one app used of one agent in one span of time."""

    begins_at: int
    app_name: str
    agent: str
    runs: int = 0
    turns: int = 0
    failed: int = 0
    """Of both together."""
    duration_ms: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    cache_read_tokens: int = 0
    cache_write_tokens: int = 0
    cost_microusd: int = 0
    """Of what the agents told; those that tell nothing count as nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """A time, cut into equal steps."""

    since: int
    step_secs: int
    offset_secs: int = 0
    """Steps begin where `(time + offset)` is a whole number of them: days of a place."""
