"""What agents ask, by session. Pure."""

from collections.abc import Iterable, Sequence

from clawdforge.client import PermissionInfo
from clawdforge.core.observed.views import SessionView


class Questions:
    """All questions that wait for an answer."""

    def __init__(self) -> None:
        self._by_session: dict[str, list[PermissionInfo]] = {}

    def replace(self, found: Iterable[PermissionInfo]) -> None:
        """These are all."""
        self._by_session = {}
        for one in sorted(found, key=lambda one: one.asked_at):
            if one.state == "pending":
                self._by_session.setdefault(one.session_id, []).append(one)

    def drop(self, permission_id: str) -> None:
        """This one is answered."""
        for waiting in self._by_session.values():
            waiting[:] = [one for one in waiting if one.permission_id != permission_id]

    def of(self, view: SessionView) -> Sequence[PermissionInfo]:
        """What a session asks, the oldest first. It may be known by several ids."""
        for name in (view.session, view.id, view.agent_session_id):
            if name and (found := self._by_session.get(name)):
                return found
        return ()

    def tools(self, views: Iterable[SessionView]) -> dict[str, str]:
        """By the view's id: the tool that it asks for."""
        if not self._by_session:
            return {}
        return {view.id: found[0].tool for view in views if (found := self.of(view))}
