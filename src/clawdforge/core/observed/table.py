"""The registry's table: which entry a signal is about.

An entry is found by its process and by its id. A process belongs to one entry at most, and an id
too; an entry may have several processes (a session that is open twice) or none (one that only
claims a pid). Signals never carry a process's start time, so who knows it passes it.
"""

from collections import OrderedDict

from clawdforge.core.observed.changes import ChangeLog
from clawdforge.core.observed.deadlines import Deadlines
from clawdforge.core.observed.entry import Entry
from clawdforge.core.observed.links import forget_links, rename_links
from clawdforge.core.observed.signals import Moment, ProcessId
from clawdforge.errors import BusyError

UNVERIFIED_SECS = 3600.0
"""An entry whose process cannot be watched is dropped after so long a silence."""
BUSY_SECS = 60.0
"""One that was heard of within this time is spared when room is needed."""
SPARED = 4
"""So many are spared at most for one new entry."""
BURIED = 1024
"""So many ended processes are remembered."""


class RegistryFullError(BusyError):
    """There are as many sessions as there may be, all of living processes."""

    code = "registry_full"

    def __init__(self, most: int) -> None:
        message = f"Registry error: registry is full (max: {most} sessions)"
        super().__init__(message, retry_after_secs=60)


class Table:
    """Entries by id and by pid, and every change of which is which."""

    def __init__(self, max_sessions: int) -> None:
        self._max_sessions = max_sessions
        self._created = 0
        # Ordered: taking the first out of a plain dict again and again is slow.
        self._unverified: OrderedDict[Entry, None] = OrderedDict()
        self._buried: OrderedDict[ProcessId, str] = OrderedDict()
        self._buried_pids: OrderedDict[int, tuple[ProcessId, float]] = OrderedDict()
        self.entries: dict[Entry, None] = {}
        """All of them, oldest first."""
        self.ids: dict[str, Entry] = {}
        self.pids: dict[int, Entry] = {}
        self.log = ChangeLog()
        self.deadlines = Deadlines()
        self.version = 0
        """Changes whenever other processes or folders are to be watched."""

    # Finding

    def at(self, pid: int, process: ProcessId | None) -> Entry | None:
        """The entry of a process. A pid that is used again is not the same process."""
        entry = self.pids.get(pid)
        if entry is None or process is None:
            return entry
        known = entry.processes[pid]
        if known is not None and known != process:
            self.process_ended(entry, pid, "exited")
            return None
        return entry

    def is_buried(self, process: ProcessId) -> bool:
        """Whether this process is known to have ended."""
        return process in self._buried

    def is_late(self, pid: int, process: ProcessId | None, session_id: str, mono: float) -> bool:
        """Whether this is about a session whose process has ended, or is about to."""
        buried = self._buried_pids.get(pid)
        if buried is None:
            return False
        last, at = buried
        if process is None:
            return mono - at < 10.0
        return process == last and self._buried.get(process) == session_id and mono - at < 2.0

    # Changing

    def create(self, session_id: str, now: Moment, *, always: bool = False) -> Entry:
        """A new entry.

        Raises:
            RegistryFullError: there is no room, and none can be made.
        """
        if len(self.entries) >= self._max_sessions and not always:
            self._make_room(now)
        self._created += 1
        entry = Entry(session_id, self._created, now)
        self.entries[entry] = None
        self.ids[session_id] = entry
        self._unverified[entry] = None
        self.log.updated[entry] = None
        self.deadlines.set(entry, now.mono + UNVERIFIED_SECS)
        return entry

    def attach(self, entry: Entry, pid: int, process: ProcessId | None) -> None:
        """This process, which is nobody's or the entry's, runs the entry's session."""
        if process is None and entry.driven is not None:
            return  # a pid of the agent's own namespace: here it may be anybody's
        if process is not None or pid not in entry.processes:
            entry.processes[pid] = process
            self.pids[pid] = entry
            self.version += 1
        if process is not None:
            self._unverified.pop(entry, None)
        if entry.pid != pid:
            entry.pid = pid
            if entry.record is not None and entry.record.pid != pid:
                entry.record = None

    def vouch(self, entry: Entry) -> None:
        """Somebody will say when it ends."""
        self._unverified.pop(entry, None)

    def detach(self, entry: Entry, pid: int) -> None:
        """This process does not run the entry's session any more."""
        if entry.processes.pop(pid, None) is None and self.pids.get(pid) is not entry:
            return
        self.pids.pop(pid, None)
        self.version += 1
        if entry.record is not None and entry.record.pid == pid:
            entry.record = None
        if entry.pid == pid:
            entry.pid = next(reversed(entry.processes), None)
        if not entry.is_verified:
            self._unverified[entry] = None
            self.deadlines.set(entry, entry.seen.mono + UNVERIFIED_SECS)

    def process_ended(self, entry: Entry, pid: int, reason: str) -> None:
        """A process has ended, and with it its session, unless that is open elsewhere."""
        self.detach(entry, pid)
        if entry.processes or entry.driven is not None:
            self.log.updated[entry] = None
        else:
            self.remove(entry, reason)

    def remove(self, entry: Entry, reason: str) -> None:
        """The session is gone."""
        if entry not in self.entries:
            return
        del self.entries[entry]
        for pid in list(entry.processes):
            del self.pids[pid]
        for name in (entry.id, *entry.agent_ids):
            if self.ids.get(name) is entry:
                del self.ids[name]
        self._unverified.pop(entry, None)
        self.log.updated.pop(entry, None)
        self.log.removed(entry.id, reason)
        self.deadlines.forget(entry)
        forget_links(self.ids, entry)
        self.version += 1

    def rename(self, entry: Entry, session_id: str, mono: float) -> None:
        """The session has another id, which is nobody's."""
        del self.ids[entry.id]
        self.ids[session_id] = entry
        self.log.removed(entry.id, "renamed")
        self.log.updated[entry] = None
        entry.previous_id = entry.id
        rename_links(self.ids, entry, session_id)
        entry.id = entry.told_id = session_id
        entry.switched_at = mono

    def switch(self, entry: Entry, pid: int, session_id: str, now: Moment) -> Entry:
        """The process `pid` of this entry runs the session of another id from now on."""
        process = entry.processes.get(pid)
        other = self.ids.get(session_id)
        entry.ending = None
        if other is None and entry.driven is not None:
            self.alias(entry, session_id)
            return entry
        if other is None and len(entry.processes) < 2:
            self.rename(entry, session_id, now.mono)
            return entry
        self.detach(entry, pid)
        if other is None:
            other = self.create(session_id, now, always=True)
        self.attach(other, pid, process)
        if not entry.processes and entry.driven is None:
            self.remove(entry, "switched")
        return other

    def alias(self, entry: Entry, agent_id: str) -> None:
        """A driven session is also known by the agent's own id."""
        before = self.ids.get(agent_id)
        if before is not None and before is not entry:
            if before.id == agent_id:
                return  # a gateway's own id
            before.agent_ids.discard(agent_id)
        self.ids[agent_id] = entry
        entry.agent_ids.add(agent_id)
        entry.told_id = agent_id

    def bury(self, process: ProcessId, session_id: str, mono: float) -> None:
        """A process has ended, or says that it is about to."""
        self._buried[process] = session_id
        self._buried_pids[process.pid] = (process, mono)
        if len(self._buried) > BURIED:
            self._buried.popitem(last=False)
        if len(self._buried_pids) > BURIED:
            self._buried_pids.popitem(last=False)

    def _make_room(self, now: Moment) -> None:
        for _ in range(SPARED):
            oldest = next(iter(self._unverified), None)
            if oldest is None:
                raise RegistryFullError(self._max_sessions)
            if now.mono - oldest.seen.mono > BUSY_SECS:
                break
            self._unverified.move_to_end(oldest)
        self.remove(next(iter(self._unverified)), "evicted")
