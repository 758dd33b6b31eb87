"""Which rows there are: those that need a person, then projects, worktrees, agents, subagents.

Where there are several machines, these stand above the projects.

Pure. A row says which session or group stands in it; what it looks like is `rows`' business.
"""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import PurePath
from typing import Literal, TypeAlias

from clawdforge.core.observed.views import SessionView
from clawdforge.core.texts import one_line
from clawdforge.tui.looks import needs_person
from clawdforge.tui.times import moment

Key: TypeAlias = tuple[str, ...]
"""Which row it is, whatever else changes: folds and the cursor stay with it."""
Kind = Literal["need", "machine", "project", "worktree", "session"]

NEED: Key = ("need",)
OTHER = "other"
HERE = "this machine"
NAME_CHARS = 60
MAX_DEPTH = 20
"""Subagents that are deeper than that stand beside their ancestors."""
_LAST = "\U0010ffff"


@dataclass(frozen=True, slots=True)
class Row:
    """One row of the tree."""

    key: Key
    kind: Kind
    depth: int
    label: str = ""
    """Of a group: its name."""
    place: str = ""
    """Of a group: where it is, of a session among those that need a person: what of."""
    session_id: str | None = None
    members: tuple[str, ...] = ()
    """All sessions in it or below it, not itself."""
    folds: bool = False
    """Whether it has anything to fold."""
    folded: bool = False

    @property
    def machine(self) -> str | None:
        """Of another machine: its name."""
        return self.key[1] if self.kind == "machine" and len(self.key) > 1 else None

    @property
    def is_group(self) -> bool:
        """Whether it is no session."""
        return self.session_id is None


def build(
    views: Iterable[SessionView],
    *,
    folded: Collection[Key] = (),
    wanted: Callable[[SessionView], bool] | None = None,
    machines: Sequence[str] = (),
) -> list[Row]:
    """The rows for these sessions.

    Args:
        views: All sessions.
        folded: The groups and parents whose inside is not shown.
        wanted: Which sessions are shown; None: all. Parents are no exception.
        machines: The other machines; none: there is only this one.
    """
    shown = {v.id: v for v in views if wanted is None or wanted(v)}
    rows = _needing(shown.values())
    children = _children(shown)
    inner = {child for group in children.values() for child in group}
    outer = [view for view in shown.values() if view.id not in inner]
    builder = _Builder(children, shown, folded)
    if not machines:
        builder.projects(outer)
    for machine in (None, *machines) if machines else ():
        builder.machine(machine, [view for view in outer if view.host == machine])
    return rows + builder.rows


def project_name(view: SessionView) -> str:
    """Where a session works, short: its project, and its branch or folder."""
    key = _project_of(view)
    name = _name(key)
    if view.host is not None:
        name = f"{one_line(view.host, NAME_CHARS)}:{name}"
    branch = one_line(view.worktree_branch or "", NAME_CHARS)
    return f"{name}/{branch}" if branch and key[0] == "project" else name


class _Builder:
    def __init__(
        self,
        children: Mapping[str, list[str]],
        shown: Mapping[str, SessionView],
        folded: Collection[Key],
    ) -> None:
        self.rows: list[Row] = []
        self._children = children
        self._shown = shown
        self._folded = folded

    def machine(self, name: str | None, views: list[SessionView]) -> None:
        """A machine with all on it; None: this one. Those of another stand by its name."""
        if name is None and not views:
            return
        key: Key = ("machine",) if name is None else ("machine", name)
        label = HERE if name is None else one_line(name, NAME_CHARS)
        if self._group(Row(key, "machine", 0, label), views):
            self.projects(views, above=key[1:], depth=1)

    def projects(self, views: list[SessionView], *, above: Key = (), depth: int = 0) -> None:
        """The projects of these; `above` is what sets their keys apart from others'."""
        found: dict[Key, list[SessionView]] = {}
        for view in views:
            found.setdefault(_project_of(view), []).append(view)
        names = _names(found)
        for key in sorted(found, key=lambda key: _order(key, names)):
            place = one_line(key[1], 500) if key[0] == "project" else ""
            row = Row((*key, *above), "project", depth, names[key], place)
            if self._group(row, found[key]):
                self._trees(row, found[key])

    def _trees(self, project: Row, views: list[SessionView]) -> None:
        trees = {view.worktree_path for view in views}
        inner = project.depth + 1
        if len(trees) < 2:
            self._sessions(views, inner)
            return
        for tree in sorted(trees, key=lambda tree: tree or _LAST):
            inside = [view for view in views if view.worktree_path == tree]
            key = ("worktree", *project.key, tree or "")
            if self._group(Row(key, "worktree", inner, _tree_name(inside)), inside):
                self._sessions(inside, inner + 1)

    def _group(self, row: Row, views: list[SessionView]) -> bool:
        """Whether its inside is shown."""
        members = tuple(name for view in views for name in (view.id, *self._below(view.id)))
        folded = row.key in self._folded
        self.rows.append(replace(row, members=members, folds=True, folded=folded))
        return not folded

    def _sessions(self, views: list[SessionView], depth: int) -> None:
        for view in sorted(views, key=_newest_first):
            below = self._below(view.id)
            key = ("session", view.id)
            folded = bool(below) and key in self._folded
            self.rows.append(
                Row(
                    key,
                    "session",
                    depth,
                    session_id=view.id,
                    members=below,
                    folds=bool(below),
                    folded=folded,
                )
            )
            if below and not folded:
                kids = [self._shown[name] for name in self._children[view.id]]
                self._sessions(kids, depth + 1)

    def _below(self, name: str) -> tuple[str, ...]:
        if name not in self._children:
            return ()
        found: list[str] = []
        for child in self._children[name]:
            found += (child, *self._below(child))
        return tuple(found)


def _needing(views: Iterable[SessionView]) -> list[Row]:
    """Those that need a person: who has waited longest stands first."""
    found = sorted((v for v in views if needs_person(v)), key=_waiting_since)
    if not found:
        return []
    members = tuple(view.id for view in found)
    head = Row(NEED, "need", 0, "needs you", members=members)
    return [
        head,
        *(Row(("need", view.id), "session", 1, "", project_name(view), view.id) for view in found),
    ]


def _children(shown: Mapping[str, SessionView]) -> dict[str, list[str]]:
    """The subagents of each session. What would be its own ancestor has no parent."""
    parents: dict[str, str] = {}
    for view in shown.values():
        for child in view.child_session_ids:
            parents.setdefault(child, view.id)
        if view.parent_session_id:
            parents[view.id] = view.parent_session_id
    children: dict[str, list[str]] = {}
    for child in shown:
        parent = parents.get(child)
        if parent in shown and parent is not None and not _is_endless(child, parents):
            children.setdefault(parent, []).append(child)
    return children


def _is_endless(name: str, parents: Mapping[str, str]) -> bool:
    seen = {name}
    above = parents.get(name)
    while above is not None:
        if above in seen:
            return True
        seen.add(above)
        above = parents.get(above)
    return len(seen) > MAX_DEPTH


def _project_of(view: SessionView) -> Key:
    if view.project_root:
        return ("project", view.project_root)
    if view.app:
        return ("app", view.app)
    return ("project", view.cwd) if view.cwd else (OTHER,)


def _name(key: Key) -> str:
    if key[0] == "app":
        return f"app {one_line(key[1], NAME_CHARS)}"
    if key[0] == OTHER:
        return OTHER
    return one_line(PurePath(key[1]).name or key[1], NAME_CHARS)


def _names(keys: Iterable[Key]) -> dict[Key, str]:
    """The groups' names; namesakes are told apart by the folder above."""
    keys = list(keys)
    names = {key: _name(key) for key in keys}
    seen: dict[str, int] = {}
    for name in names.values():
        seen[name] = seen.get(name, 0) + 1
    for key, name in names.items():
        above = PurePath(key[1]).parent.name if key[0] == "project" else ""
        if seen[name] > 1 and above:
            names[key] = f"{one_line(above, NAME_CHARS)}/{name}"
    return names


def _order(key: Key, names: Mapping[Key, str]) -> tuple[int, str, Key]:
    rank = {"project": 0, "app": 1}.get(key[0], 2)
    return rank, names[key].casefold(), key


def _tree_name(views: list[SessionView]) -> str:
    newest = min(views, key=_newest_first)
    named = newest.worktree_branch or PurePath(newest.worktree_path or "").name
    return one_line(named, NAME_CHARS) or "elsewhere"


def _newest_first(view: SessionView) -> tuple[float, str]:
    return -(moment(view.started_at) or 0.0), view.id


def _waiting_since(view: SessionView) -> tuple[float, str]:
    return moment(view.state_since or view.last_activity) or 0.0, view.id
