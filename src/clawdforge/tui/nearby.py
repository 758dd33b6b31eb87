"""Only the sessions of one place: what the monitor tells, without the others. Pure."""

from collections.abc import Collection, Iterable, Sequence

from clawdforge.client.monitor_news import Everything, News, Removed, Updated
from clawdforge.core.observed.views import SessionView


class Nearby:
    """Lets news through of the sessions that are said to be inside, and of their subagents."""

    def __init__(self) -> None:
        self._all: dict[str, SessionView] = {}
        self._named: frozenset[str] = frozenset()
        self._shown: set[str] = set()
        self.is_stale = True
        """Whether it has to be asked again which are inside: one has come, or another pane."""

    @property
    def everybody(self) -> Sequence[SessionView]:
        """All sessions, inside or not."""
        return tuple(self._all.values())

    def take(self, news: Iterable[News]) -> list[News]:
        """What there is to be told of this."""
        told: list[News] = []
        for one in news:
            match one:
                case Updated(view):
                    old = self._all.get(view.id)
                    self._all[view.id] = view
                    if old is None or old.tmux_pane != view.tmux_pane:
                        self.is_stale = True
                    if self._is_inside(view):
                        self._shown.add(view.id)
                        told.append(one)
                case Removed(session_id):
                    self._all.pop(session_id, None)
                    self._shown.discard(session_id)
                    told.append(one)
                case Everything(views):
                    self._all = {view.id: view for view in views}
                    self.is_stale = True
                    told.append(Everything(self._inside()))
                case _:
                    told.append(one)
        return told

    def settle(self, named: Collection[str]) -> list[News]:
        """These are inside now; what there is to be told of it."""
        self._named = frozenset(named)
        before = set(self._shown)
        inside = self._inside()
        come: list[News] = [Updated(view) for view in inside if view.id not in before]
        gone: list[News] = [Removed(name, "elsewhere") for name in sorted(before - self._shown)]
        return gone + come

    def _inside(self) -> tuple[SessionView, ...]:
        found = tuple(view for view in self._all.values() if self._is_inside(view))
        self._shown = {view.id for view in found}
        return found

    def _is_inside(self, view: SessionView) -> bool:
        seen: set[str] = set()
        one: SessionView | None = view
        while one is not None and one.id not in seen:
            if one.id in self._named:
                return True
            seen.add(one.id)
            one = self._all.get(one.parent_session_id or "")
        return False
