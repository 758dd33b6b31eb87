"""What may be worth telling a person: the values that `attention.py` decides with. Pure."""

from typing import Final, Literal

import msgspec

from clawdforge.core.observed.states import ERROR, INPUT, INTERRUPTED, PERMISSION, State

Kind = Literal["needs_you", "finished"]
KINDS: Final[tuple[Kind, ...]] = ("needs_you", "finished")
Reason = Literal["permission", "question", "error", "died", "done"]
"""Why: it asks whether it may, it asks something else, its turn failed, it ended in the middle of
its work; `done` goes with `finished`."""
Source = Literal["terminal", "background", "gateway"]

NEEDS: Final[dict[State, Reason]] = {PERMISSION: "permission", INPUT: "question", ERROR: "error"}
UNTOLD: Final[frozenset[State]] = frozenset({INTERRUPTED, ERROR})
"""States after work which are not called finished: somebody stopped it, or it failed."""


class Policy(msgspec.Struct, frozen=True, kw_only=True):
    """When to tell. All times are seconds."""

    events: frozenset[Kind] = frozenset(KINDS)
    needs_you_secs: float = 5.0
    """So long a session must have waited for a person."""
    finished_secs: float = 3.0
    """So long it must have been idle after its work."""
    min_work_secs: float = 30.0
    """Shorter work is not worth telling of."""
    cooldown_secs: float = 20.0
    """So long after a notice of a session there is no other; what still holds then, is told."""
    recheck_secs: float = 15.0
    """How often it is looked whether somebody still looks at what needs a person."""
    quiet: bool = True
    """Tell nothing of what somebody looks at."""
    needs_you_of: frozenset[Source] = frozenset({"terminal", "background", "gateway"})
    finished_of: frozenset[Source] = frozenset({"terminal", "background"})
    """The sessions that an app drives end their turns all the time."""


class Subject(msgspec.Struct, frozen=True, kw_only=True):
    """A session as far as its notices are concerned, at the last change."""

    number: int
    """Which session it is, also when it is renamed."""
    session_id: str
    state: State
    since: float
    """Since when it is in that state (seconds since 1970)."""
    approval_id: str | None = None
    """What it asks and may be answered from anywhere."""
    asked: str | None = None
    """That in a line."""
    detail: str | None = None
    """The tool that runs, or that it asks for."""
    source: str = "terminal"
    agent: str = ""
    parent_id: str | None = None
    project: str | None = None
    branch: str | None = None
    cwd: str | None = None
    pane: str | None = None
    pid: int | None = None
    app: str | None = None

    def __repr__(self) -> str:  # without what it asks
        return f"Subject({self.session_id!r} is {self.state!r})"


class Notice(msgspec.Struct, frozen=True, kw_only=True):
    """Something to tell, if nobody looks at it anyhow."""

    kind: Kind
    reason: Reason
    subject: Subject
    since: float
    """Since when it holds (seconds since 1970)."""
    worked_secs: float = 0.0
    """Of `finished`: how long it worked."""
    episode: int = 0
    """Which need of all that there were; for `Attention.settle`."""


class Told(msgspec.Struct, frozen=True, kw_only=True):
    """What was told of a session last; kept for the next start of the monitor."""

    reason: Reason
    at: float
    """Seconds since 1970."""
