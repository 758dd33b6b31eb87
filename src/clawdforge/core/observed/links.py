"""Which session was started by which: links between a session and those of its subagents."""

from clawdforge.core.observed.entry import Entry
from clawdforge.core.observed.names import agent_type_name
from clawdforge.core.observed.signals import Hook

PENDING_SECS = 30.0
"""So long a subagent that has begun may take to appear as a process of its own."""
MAX_PENDING = 1000


class Subagents:
    """Subagents that have begun, and that may appear as sessions."""

    def __init__(self) -> None:
        self._pending: list[tuple[float, Entry, str, str | None]] = []

    def hear(self, parent: Entry, hook: Hook, mono: float) -> None:
        """A subagent begins or ends."""
        if hook.agent_id is None:
            return
        if hook.hook_event_name == "SubagentStart":
            self._pending.append((mono, parent, hook.agent_id, hook.agent_type))
            del self._pending[:-MAX_PENDING]
        elif hook.hook_event_name == "SubagentStop":
            self._pending = [one for one in self._pending if one[2] != hook.agent_id]

    def link(self, child: Entry, parents: tuple[int, ...], mono: float) -> None:
        """If one of its ancestors waits for a subagent, a new session is that."""
        if child.parent_id is not None or not self._pending:
            return
        self._pending = [one for one in self._pending if mono - one[0] < PENDING_SECS]
        for one in self._pending:
            _, parent, _, agent_type = one
            if parent is not child and parent.pid in parents:
                self._pending.remove(one)
                child.parent_id = parent.id
                child.agent_type = agent_type_name(agent_type)
                parent.children.append(child.id)
                return


def forget_links(ids: dict[str, Entry], entry: Entry) -> None:
    """A session is gone: nobody is linked to it any more."""
    if entry.parent_id is not None and (parent := ids.get(entry.parent_id)) is not None:
        parent.children = [one for one in parent.children if one != entry.id]
    for child_id in entry.children:
        if (child := ids.get(child_id)) is not None:
            child.parent_id = None


def rename_links(ids: dict[str, Entry], entry: Entry, session_id: str) -> None:
    """A session has another id."""
    if entry.parent_id is not None and (parent := ids.get(entry.parent_id)) is not None:
        parent.children = [session_id if one == entry.id else one for one in parent.children]
    for child_id in entry.children:
        if (child := ids.get(child_id)) is not None:
            child.parent_id = session_id


def drop_broken_links(ids: dict[str, Entry]) -> None:
    """After a restart: forget links to sessions that did not live through it."""
    for entry in ids.values():
        if entry.parent_id not in ids:
            entry.parent_id = None
        entry.children = [one for one in entry.children if one in ids]
