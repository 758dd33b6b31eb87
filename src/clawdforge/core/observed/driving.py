"""Sessions that a gateway drives: one entry each, with what their agents' hooks tell."""

from clawdforge.core.observed.entry import Entry
from clawdforge.core.observed.facts import inherit
from clawdforge.core.observed.signals import Driven, Found, Moment, ProcessId
from clawdforge.core.observed.table import Table


def seat_driven(table: Table, driven: Driven, now: Moment) -> Entry:
    """The entry of a driven session, with all that was known of its agent under another name."""
    entry = table.ids.get(driven.session_id)
    if entry is not None and entry.id != driven.session_id:
        # Our id is what some other session's agent calls itself: ours goes before.
        entry.agent_ids.discard(driven.session_id)
        entry = None
    if entry is None:
        entry = table.create(driven.session_id, now, always=True)
    entry.driven = driven
    table.vouch(entry)
    process = driven.process
    for other in _others(table, driven, process):
        if other is not entry and other.driven is None:
            _absorb(table, entry, other)
    if driven.agent_session_id and driven.agent_session_id != entry.id:
        table.alias(entry, driven.agent_session_id)
    _follow(table, entry, process)
    return entry


def driver_of(table: Table, found: Found) -> Entry | None:
    """The driven session whose agent this process is: a wrapper or an adapter has started it."""
    for pid in found.parents:
        entry = table.pids.get(pid)
        if entry is not None:
            is_ours = entry.driven is not None and len(entry.processes) == 1
            return entry if is_ours and not entry.parents else None
    return None


def _others(table: Table, driven: Driven, process: ProcessId | None) -> list[Entry]:
    found = []
    if driven.agent_session_id:
        found.append(table.ids.get(driven.agent_session_id))
    if process is not None:
        found.append(table.at(process.pid, process))
    return [entry for entry in dict.fromkeys(found) if entry is not None]


def _absorb(table: Table, entry: Entry, other: Entry) -> None:
    inherit(entry, other)
    processes = dict(other.processes)
    alias = other.id if not other.is_pending else None
    table.remove(other, "driven")
    for pid, process in processes.items():
        table.attach(entry, pid, process)
    if alias is not None and alias != entry.id:
        table.alias(entry, alias)


def _follow(table: Table, entry: Entry, process: ProcessId | None) -> None:
    """Know the agent's process; without one the session hibernates."""
    if process is None:
        for pid in list(entry.processes):
            table.detach(entry, pid)
        return
    owner = table.at(process.pid, process)
    if owner is not None and owner is not entry:
        table.detach(owner, process.pid)
    table.attach(entry, process.pid, process)
