"""Which entry a signal goes to, by the pid and the id that it tells.

The numbers of the cases (S1-S6, H1-H3) are those of the description of atmd 0.2.2's registry.
"""

from clawdforge.core.observed.entry import Entry
from clawdforge.core.observed.signals import Hook, Moment, ProcessId, Record, StatusLine
from clawdforge.core.observed.table import Table

_NOT_SESSIONS = frozenset({"daemon", "daemon-worker"})
_BEGINNINGS = frozenset({"SessionStart", "UserPromptSubmit", "PreToolUse", "Setup"})
"""Hooks that are not stragglers of a session that has ended."""


def seat_line(
    table: Table, line: StatusLine, now: Moment, process: ProcessId | None
) -> Entry | None:
    """The entry of a status line; None: it is to be passed over (S4, S6).

    Raises:
        RegistryFullError: it would be a new one, and there is no room.
    """
    pid = process.pid if process else line.pid
    # First: it may find that the session of this id has ended.
    by_pid = table.at(pid, process) if pid else None
    by_id = table.ids.get(line.session_id)
    if not pid:
        return by_id  # S5, S6
    if by_pid is None:
        if by_id is None:
            if line.model is None:
                return None  # S4
            by_id = table.create(line.session_id, now)  # S3
        table.attach(by_id, pid, process)
        return by_id
    if by_pid is by_id:
        table.attach(by_pid, pid, process)  # S1
        return by_pid
    if by_id is not None and by_id.host is by_pid:
        return by_id
    return table.switch(by_pid, pid, line.session_id, now)  # S2


def seat_hook(table: Table, hook: Hook, now: Moment, process: ProcessId | None) -> Entry | None:
    """The entry of a hook; None: it is to be passed over (H3).

    Raises:
        RegistryFullError: it would be a new one, and there is no room.
    """
    if hook.pid == 0 and process is None:
        return None  # H3
    pid = process.pid if process else hook.pid
    by_pid = table.at(pid, process) if pid is not None else None
    by_id = table.ids.get(hook.session_id)
    if pid is None:
        return by_id  # H3
    if by_pid is None:
        if by_id is None:
            late = hook.hook_event_name not in _BEGINNINGS
            if late and table.is_late(pid, process, hook.session_id, now.mono):
                return None
            by_id = table.create(hook.session_id, now)  # H2
        table.attach(by_id, pid, process)
        return by_id
    if by_pid is by_id:
        table.attach(by_pid, pid, process)  # H1
        return by_pid
    return _seat_stranger(table, by_pid, by_id, pid, hook, now)


def _seat_stranger(
    table: Table, by_pid: Entry, by_id: Entry | None, pid: int, hook: Hook, now: Moment
) -> Entry:
    """A hook with the pid of one session and the id of another.

    Either the process goes on with another session, or an agent runs within this one and its
    hooks were sent by atmd's script, which tells the pid of the outermost agent.
    """
    if by_id is not None and by_id.host is by_pid:
        return by_id
    if _is_switch(by_pid, pid, hook):
        return table.switch(by_pid, pid, hook.session_id, now)
    if by_id is not None:
        return by_id
    if hook.hook_event_name != "SessionStart" and not _vouches(by_pid, pid):
        return by_pid  # H1
    guest = table.create(hook.session_id, now)
    guest.host = by_pid
    return guest


def _is_switch(entry: Entry, pid: int, hook: Hook) -> bool:
    if entry.is_pending or entry.ending == "switched":
        return True
    record = entry.record
    if record is not None and record.pid == pid and record.session_id == hook.session_id:
        return True
    if hook.hook_event_name != "SessionStart":
        return entry.driven is not None and not entry.agent_ids
    if entry.driven is not None or hook.source == "clear":
        return True
    return hook.source in {"resume", "fork"} and not _vouches(entry, pid)


def _vouches(entry: Entry, pid: int) -> bool:
    """Whether Claude Code's own record says that the process runs the entry's session."""
    record = entry.record
    return record is not None and record.pid == pid and record.session_id == entry.told_id


def seat_end(table: Table, hook: Hook, process: ProcessId | None) -> Entry | None:
    """The entry that a SessionEnd is about; None: none, or one that goes on."""
    pid = process.pid if process else hook.pid
    by_pid = table.at(pid, process) if pid is not None else None
    by_id = table.ids.get(hook.session_id)
    if pid is None:
        return by_id
    if by_pid is None:
        return by_id if by_id is not None and not by_id.processes else None
    if by_pid is by_id or by_pid.is_pending:
        return by_pid
    if by_id is not None and by_id.host is by_pid:
        return by_id
    return None  # of an agent within it, or of what it was before


def end_process(table: Table, entry: Entry, pid: int | None, now: Moment) -> None:
    """A process of the entry says that it ends."""
    if pid is None or pid not in entry.processes:
        pid = entry.pid
    known = None if pid is None else entry.processes.get(pid)
    if known is not None:
        table.bury(known, entry.told_id, now.mono)
    if pid is not None:
        table.process_ended(entry, pid, "ended")
    elif entry.driven is None:
        table.remove(entry, "ended")


def seat_record(table: Table, record: Record, now: Moment, switched_secs: float) -> Entry | None:
    """The entry of a record; None: it is none of a session, or of one that has ended.

    Raises:
        RegistryFullError: it would be a new one, and there is no room.
    """
    if record.pid <= 0 or record.kind in _NOT_SESSIONS:
        return None
    start = record.proc_start or ""
    numeric = start.isascii() and start.isdigit() and len(start) < 20
    process = ProcessId(record.pid, int(start)) if numeric else None
    if process is not None and table.is_buried(process):
        return None
    by_pid = table.at(record.pid, process)
    by_id = table.ids.get(record.session_id)
    if by_pid is None:
        if by_id is None:
            by_id = table.create(record.session_id, now)
            if record.started_at is not None:
                by_id.started_utc = min(max(record.started_at / 1000, 0.0), now.utc)
        table.attach(by_id, record.pid, process)
        return by_id
    if process is not None and by_pid.processes[record.pid] is None:
        table.attach(by_pid, record.pid, process)
    if by_pid is by_id:
        return by_pid
    is_old = record.session_id == by_pid.previous_id
    if is_old and now.mono - by_pid.switched_at < switched_secs:
        return by_pid  # written before it was called what it is called now
    return table.switch(by_pid, record.pid, record.session_id, now)
