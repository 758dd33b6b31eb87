"""Every agent session on this machine: a fold of what is heard into one table.

Pure: no I/O and no clock; the time comes with each signal. Nothing here raises, but
`RegistryFullError` where it says so.
"""

from collections.abc import Callable, Iterable

from clawdforge.core.observed import driving, facts, seating, showing
from clawdforge.core.observed.changes import Changes
from clawdforge.core.observed.entry import PENDING, Entry
from clawdforge.core.observed.figures import Figures
from clawdforge.core.observed.fusing import hear_record, settle
from clawdforge.core.observed.hooks import apply_hook
from clawdforge.core.observed.kept import Kept, keep, revive
from clawdforge.core.observed.links import Subagents, drop_broken_links
from clawdforge.core.observed.places import Places
from clawdforge.core.observed.showing import Explanation
from clawdforge.core.observed.signals import (
    Driven,
    Found,
    Hook,
    Moment,
    Place,
    ProcessId,
    Record,
    StatusLine,
)
from clawdforge.core.observed.states import IDLE, STARTING
from clawdforge.core.observed.table import UNVERIFIED_SECS, RegistryFullError, Table
from clawdforge.core.observed.views import SessionView

__all__ = ["Changes", "Entry", "Explanation", "Kept", "Registry", "RegistryFullError"]

ENDING_SECS = 0.5
"""So long after a sign that it ends a session may show that it goes on (seen: 10-190 ms)."""
SWITCHED_SECS = 1.0
"""So long after a switch to another id the old one may still be told."""
SWITCHES = frozenset({"clear", "resume"})
"""Reasons of SessionEnd after which the same process goes on with another session."""


class Registry:
    """The table of sessions.

    Args:
        max_sessions: How many there may be; driven ones are always taken in.
    """

    def __init__(self, *, max_sessions: int = 10_000) -> None:
        self._table = Table(max_sessions)
        self._subagents = Subagents()
        self._places = Places()

    def status_line(self, line: StatusLine, now: Moment, process: ProcessId | None = None) -> None:
        """A status line was told; `process` is the one of its pid, where that could be read.

        Raises:
            RegistryFullError: it is of a new session, and there is no room.
        """
        table = self._table
        entry = None if process is not None else table.pids.get(line.pid or 0)
        if entry is None or entry.told_id != line.session_id or entry.pid != line.pid:
            entry = seating.seat_line(table, line, now, process)
            if entry is None:
                return
        entry.seen = entry.line_at = now
        if facts.take_line(entry, line):
            self._moved(entry)
        if entry.mind.phase == STARTING or entry.ending is not None:
            entry.ending = None
            if entry.mind.phase == STARTING:
                entry.mind.phase = IDLE
            self._settle(entry, now)
        table.log.updated[entry] = None

    def hook(self, hook: Hook, now: Moment, process: ProcessId | None = None) -> None:
        """A hook was told. A new session for which there is no room is passed over."""
        if hook.hook_event_name == "SessionEnd":
            self._session_ends(hook, now, process)
            return
        try:
            entry = seating.seat_hook(self._table, hook, now, process)
        except RegistryFullError:
            return
        if entry is None:
            return
        entry.seen = now
        entry.ending = None
        if facts.take_hook(entry, hook):
            self._moved(entry)
        if apply_hook(entry.mind, hook, now.mono):
            entry.hook_at, entry.hook_name = now, hook.hook_event_name
            entry.hook_group = entry.mind.group
        self._subagents.hear(entry, hook, now.mono)
        if entry.parents:
            self._subagents.link(entry, entry.parents, now.mono)
        self._settle(entry, now)
        self._table.log.updated[entry] = None

    def record(self, record: Record, now: Moment) -> None:
        """A file of Claude Code's own registry was written. The process must be alive."""
        try:
            entry = seating.seat_record(self._table, record, now, SWITCHED_SECS)
        except RegistryFullError:
            return
        if entry is None:
            return
        entry.ending = None
        moved = facts.take_record(entry, record)
        if moved:
            self._moved(entry)
        if hear_record(entry, record, now):
            entry.seen = now
            moved = True
        if self._settle(entry, now) or moved:
            self._table.log.updated[entry] = None

    def record_removed(self, pid: int, now: Moment) -> None:
        """A file of Claude Code's own registry is gone: its process ends, or has ended."""
        entry = self._table.pids.get(pid)
        if entry is None or entry.record is None or entry.record.pid != pid:
            return
        entry.record = None
        if len(entry.processes) > 1:
            self._table.process_ended(entry, pid, "exited")
        elif entry.driven is None:
            self._ends_soon(entry, "exited", now)

    def found(self, found: Found, now: Moment) -> None:
        """A running agent was found.

        Raises:
            RegistryFullError: it is a new one, and there is no room.
        """
        table = self._table
        process = found.process
        if process.pid == 0 or table.is_buried(process):
            return
        pending = f"{PENDING}{process.pid}"
        entry = table.at(process.pid, process) or driving.driver_of(table, found)
        entry = entry or table.ids.get(pending)
        is_new = entry is None
        if entry is None:
            entry = table.create(pending, now)
            entry.agent = found.agent
            entry.mind.phase = IDLE
            self._settle(entry, now)
        before = (entry.pane, entry.cwd)
        table.attach(entry, process.pid, process)
        if facts.take_found(entry, found):
            self._moved(entry)
        self._subagents.link(entry, found.parents, now.mono)
        if is_new or before != (entry.pane, entry.cwd):
            table.log.updated[entry] = None

    def place(self, cwd: str, place: Place, now: Moment) -> None:  # noqa: ARG002 - one shape
        """Git says where a folder belongs."""
        for entry in self._places.hear(cwd, place, self._table.entries):
            self._table.log.updated[entry] = None

    def died(self, process: ProcessId, now: Moment) -> None:
        """A process has ended."""
        entry = self._table.pids.get(process.pid)
        if entry is None or entry.processes[process.pid] not in (None, process):
            self._table.bury(process, "", now.mono)
            return
        self._table.bury(process, entry.told_id, now.mono)
        self._table.process_ended(entry, process.pid, "exited" if entry.ending else "died")

    def driven(self, driven: Driven, now: Moment, *, source: str = "gateway") -> None:
        """How a session stands that a gateway drives; `source` is which gateway."""
        entry = driving.seat_driven(self._table, driven, now)
        entry.driven, entry.driven_by, entry.driven_at = driven, source, now
        entry.seen = now
        if facts.take_driven(entry, driven):
            self._moved(entry)
        self._settle(entry, now)
        self._table.log.updated[entry] = None

    def driven_removed(self, session_id: str, now: Moment) -> None:  # noqa: ARG002 - one shape
        """A gateway drives this session no longer."""
        entry = self._table.ids.get(session_id)
        if entry is not None and entry.driven is not None and entry.id == session_id:
            self._table.remove(entry, "closed")

    def approvable(self, session_id: str, approval: tuple[str, str] | None) -> None:
        """What a session asks and may be answered from anywhere: id and text; None: nothing."""
        entry = self._table.ids.get(session_id)
        if entry is not None and entry.approval != approval:
            entry.approval = approval
            self._table.log.updated[entry] = None

    def tick(self, now: Moment) -> None:
        """Time has passed: to be called at `next_deadline`."""
        table = self._table
        for entry in list(table.deadlines.reached(now.mono)):
            if entry.ending is not None and now.mono >= entry.ending_at:
                self._ended(entry, entry.ending, now)
                continue
            if not entry.is_verified and now.mono >= entry.seen.mono + UNVERIFIED_SECS:
                table.remove(entry, "expired")
                continue
            if self._settle(entry, now):
                table.log.updated[entry] = None

    @property
    def next_deadline(self) -> float | None:
        """When `tick` is wanted next (mono); None: when something is heard."""
        return self._table.deadlines.next

    def knows(self, pid: int) -> bool:
        """Whether this pid needs no look at its process before its signal is told."""
        return pid in self._table.pids

    @property
    def has_changes(self) -> bool:
        """Whether there is something to take."""
        return bool(self._table.log)

    @property
    def version(self) -> int:
        """Changes whenever `folders` or `processes` do."""
        return self._table.version

    def take_changes(self) -> Changes:
        """What has changed since this was called last."""
        return self._table.log.take()

    def view(self, entry: Entry, now: Moment) -> SessionView:
        """A session as it is shown."""
        return showing.view(entry, now)

    @property
    def entries(self) -> Iterable[Entry]:
        """All sessions, oldest first."""
        return self._table.entries

    def views(self, now: Moment) -> list[SessionView]:
        """All sessions, oldest first."""
        return [showing.view(entry, now) for entry in self._table.entries]

    def figures(self) -> Figures:
        """All sessions, counted."""
        return showing.figures(self._table.entries)

    def entry(self, session_id: str) -> Entry | None:
        """The session of this id, or whose agent calls it so."""
        return self._table.ids.get(session_id)

    def explain(self, session_id: str, now: Moment) -> Explanation | None:
        """Why a session is in its state; None: there is no such session."""
        entry = self._table.ids.get(session_id)
        return None if entry is None else showing.explain(entry, now)

    def folders(self) -> set[str]:
        """The folders whose branch is shown."""
        return {entry.cwd for entry in self._table.entries if entry.cwd is not None}

    def processes(self) -> set[ProcessId]:
        """The processes whose end matters."""
        return {
            process
            for entry in self._table.entries
            for process in entry.processes.values()
            if process is not None
        }

    def snapshot(self) -> list[Kept]:
        """What a later registry needs to go on; driven sessions are told again by their gateway."""
        return [keep(entry) for entry in self._table.entries if entry.driven is None]

    def restore(self, kept: list[Kept], alive: Callable[[ProcessId], bool], now: Moment) -> None:
        """Take up what an earlier registry knew, as far as it still lives."""
        for one in kept:
            entry = revive(self._table, one, alive, now)
            if entry is not None:
                self._settle(entry, now)
        drop_broken_links(self._table.ids)

    def _settle(self, entry: Entry, now: Moment) -> bool:
        changed = settle(entry, now)
        due = entry.due
        if entry.ending is not None:
            due = entry.ending_at if due is None else min(due, entry.ending_at)
        if due is None and not entry.is_verified:
            due = entry.seen.mono + UNVERIFIED_SECS
        if due is not None:
            self._table.deadlines.set(entry, due)
        return changed

    def _moved(self, entry: Entry) -> None:
        entry.place = self._places.of(entry.cwd)
        self._table.version += 1

    def _session_ends(self, hook: Hook, now: Moment, process: ProcessId | None) -> None:
        entry = seating.seat_end(self._table, hook, process)
        if entry is None:
            return
        entry.hook_at, entry.hook_name, entry.hook_group = now, hook.hook_event_name, "idle"
        if hook.reason in SWITCHES and len(entry.processes) < 2:
            self._ends_soon(entry, "switched", now)
            return
        seating.end_process(self._table, entry, process.pid if process else hook.pid, now)

    def _ends_soon(self, entry: Entry, reason: str, now: Moment) -> None:
        entry.ending, entry.ending_at = reason, now.mono + ENDING_SECS
        self._settle(entry, now)
        self._table.log.updated[entry] = None

    def _ended(self, entry: Entry, reason: str, now: Moment) -> None:
        entry.ending = None
        if reason == "switched" and (entry.record is not None or entry.driven is not None):
            self._settle(entry, now)  # it lives on, whatever it said
        else:
            self._table.remove(entry, reason)
