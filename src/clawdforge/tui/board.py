"""What the dashboard knows and where its cursor is: the state, and how news change it. Pure."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from clawdforge.client.monitor_news import (
    Discovered,
    Everything,
    Lost,
    Machine,
    News,
    Removed,
    Updated,
)
from clawdforge.core.observed.views import SessionView
from clawdforge.tui.filters import Filter, matches
from clawdforge.tui.looks import needs_person
from clawdforge.tui.tree import NEED, Key, Row, build

_SHAPE = (
    "project_root",
    "cwd",
    "app",
    "worktree_path",
    "worktree_branch",
    "parent_session_id",
    "child_session_ids",
    "started_at",
    "stale",
)
"""What decides where in the tree a session stands; and whether it needs a person."""


@dataclass(frozen=True, slots=True)
class Link:
    """How the connection to the monitor stands."""

    live: bool = False
    reason: str = ""
    """Why it was lost; empty: it was not, it only has not begun."""
    retry_at: float = 0.0
    """When the next try is, by the dashboard's clock."""
    tries: int = 0


class Board:
    """The sessions, the rows that show them, the cursor."""

    def __init__(self) -> None:
        self.sessions: dict[str, SessionView] = {}
        self.link = Link()
        self.machines: dict[str, Machine] = {}
        """The other machines that are shown, by name."""
        self.filter = Filter()
        self.search = ""
        self.rows: list[Row] = []
        self.cursor = 0
        """Which row is chosen."""
        self.found: str | None = None
        """What the last look for agents found, in a sentence, until somebody has read it."""
        self.folded: set[Key] = set()
        self._stale = True
        self._moved = False
        """Whether a person has chosen a row."""

    # News

    def take(self, news: Iterable[News], now: float) -> None:
        """Take in what the monitor tells."""
        for one in news:
            match one:
                case Updated(view):
                    old = self.sessions.get(view.id)
                    self.sessions[view.id] = view
                    self._stale = self._stale or old is None or self._differs(old, view)
                case Removed(session_id):
                    self._stale = self.sessions.pop(session_id, None) is not None or self._stale
                case Everything(views):
                    self.sessions = {view.id: view for view in views}
                    self.link = Link(live=True)
                    self._stale = True
                case Lost(reason, retry_secs, tries):
                    self.link = Link(reason=reason, retry_at=now + retry_secs, tries=tries)
                case Discovered(found, failed):
                    self.found = _found_words(found, failed)
                case Machine(name=name):
                    self._stale = self._stale or name not in self.machines
                    self.machines[name] = one

    def _differs(self, old: SessionView, new: SessionView) -> bool:
        """Whether it stands elsewhere now, or may be shown where it was not."""
        if not self.filter.is_empty or needs_person(old) != needs_person(new):
            return True
        return any(getattr(old, name) != getattr(new, name) for name in _SHAPE)

    # Rows

    def refresh(self) -> int | None:
        """Make the rows anew if they have to be.

        Returns:
            By how many rows the one under the cursor has moved; None: nothing was made anew.
        """
        if not self._stale:
            return None
        self._stale = False
        before, key = self.cursor, self.key
        wanted = None if self.filter.is_empty else self.filter
        self.rows = build(
            self.sessions.values(), folded=self.folded, wanted=wanted, machines=[*self.machines]
        )
        self._restore(key)
        return self.cursor - before

    def _restore(self, key: Key | None) -> None:
        """Put the cursor on the row that it was on; else it stays where it is."""
        if key is not None and self._moved:
            for index, row in enumerate(self.rows):
                if row.key == key:
                    self.cursor = index
                    return
        if not self._moved:
            self.cursor = next((i for i, row in enumerate(self.rows) if not row.is_group), 0)
        self._bound()

    def _bound(self) -> None:
        self.cursor = max(0, min(self.cursor, len(self.rows) - 1))

    @property
    def row(self) -> Row | None:
        """The row under the cursor."""
        return self.rows[self.cursor] if self.cursor < len(self.rows) else None

    @property
    def key(self) -> Key | None:
        """Which row that is."""
        row = self.row
        return row.key if row is not None else None

    @property
    def chosen(self) -> SessionView | None:
        """The session under the cursor."""
        row = self.row
        return self.sessions.get(row.session_id) if row is not None and row.session_id else None

    # Moving

    def go(self, index: int) -> None:
        """Choose a row; beyond the ends: the first, the last."""
        self.cursor = index
        self._moved = True
        self._bound()

    def step(self, count: int) -> None:
        """Go down so many rows, or up."""
        self.go(self.cursor + count)

    def hop(self, *, back: bool = False) -> bool:
        """Go to the next row that is searched for, or that needs a person; whether there is one."""
        return self._go_next(self._is_hit, back=back)

    def _go_next(
        self, hit: Callable[[Row], bool], *, back: bool = False, here: bool = False
    ) -> bool:
        count = len(self.rows)
        for offset in range(0 if here else 1, count + 1):
            index = (self.cursor + (-offset if back else offset)) % count
            if hit(self.rows[index]):
                self.go(index)
                return True
        return False

    def _is_hit(self, row: Row) -> bool:
        view = self.sessions.get(row.session_id or "")
        if self.search:
            named = row.label or row.place
            return self.search.casefold() in named.casefold() or (
                view is not None and matches(self.search, view)
            )
        return view is not None and needs_person(view)

    def look_for(self, text: str) -> bool:
        """Search for a text, from the cursor on; whether it is found. Empty: search no more."""
        self.search = text
        return not text or not self.rows or self._go_next(self._is_hit, here=True)

    def narrow(self, text: str) -> None:
        """Show only what fits."""
        self.filter = Filter(text)
        self._stale = True

    # Folding

    def fold(self, *, closed: bool | None = None) -> None:
        """Close or open what is under the cursor; None: the other of both.

        Where nothing is to be closed, what it is in is closed.
        """
        row = self.row
        if row is None or row.key == NEED:
            return
        if closed and (not row.folds or row.folded):
            row = self._above(self.cursor)
        if row is None or not row.folds:
            return
        closing = not row.folded if closed is None else closed
        (self.folded.add if closing else self.folded.discard)(row.key)
        self.go(self.rows.index(row))
        self._stale = True

    def fold_all(self, *, closed: bool) -> None:
        """Close or open everything."""
        if closed:
            row: Row | None = self.row
            everything = build(self.sessions.values(), machines=[*self.machines])
            self.folded = {one.key for one in everything if one.folds}
            while row is not None and row.depth and row.kind != "need":
                row = self._above(self.rows.index(row))
            if row is not None:
                self.go(self.rows.index(row))
        else:
            self.folded = set()
        self._stale = True

    def _above(self, index: int) -> Row | None:
        """The row that this one is in."""
        depth = self.rows[index].depth
        before: Sequence[Row] = self.rows[:index]
        return next(
            (row for row in reversed(before) if row.depth < depth and row.key != NEED), None
        )


def _found_words(found: int, failed: int) -> str:
    agents = "1 agent runs" if found == 1 else f"{found} agents run"
    return f"{agents} on this machine" + (f"; no room for {failed}" if failed else "")
