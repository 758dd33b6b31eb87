"""What has changed since it was last asked."""

from dataclasses import dataclass, field

from clawdforge.core.observed.entry import Entry


@dataclass(frozen=True, slots=True)
class Changes:
    """What those who watch must be told: first `removed`, then `updated`."""

    removed: list[str]
    """Ids that are gone, in order. A rename is the old id here and the entry in `updated`."""
    updated: list[Entry]
    """Each once; read their newest state."""
    reasons: dict[str, str] = field(default_factory=dict)
    """Why, by removed id: `ended`, `exited`, `renamed`, `expired`, `evicted` …"""


class ChangeLog:
    """Collects changes."""

    def __init__(self) -> None:
        self._removed: dict[str, str] = {}
        self.updated: dict[Entry, None] = {}
        """Entries to be shown anew: the fast path writes here directly."""

    def __bool__(self) -> bool:
        return bool(self.updated or self._removed)

    def removed(self, session_id: str, reason: str) -> None:
        """This id is gone."""
        self._removed.pop(session_id, None)
        self._removed[session_id] = reason

    def take(self) -> Changes:
        """All of it, and forget it."""
        changes = Changes(list(self._removed), list(self.updated), self._removed)
        self._removed, self.updated = {}, {}
        return changes
