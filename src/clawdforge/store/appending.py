"""The append: what the owners of sessions add, fenced and idempotent, as one job.

`store.session_ledger` says what an entry does and when it is a repetition.
"""

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass, field

from clawdforge.core.session_records import Append, StoredEvent
from clawdforge.errors import ConflictError
from clawdforge.store import session_statements as sql
from clawdforge.store.rows import audit_row
from clawdforge.store.session_rows import (
    event_of,
    event_row,
    patch_row,
    permission_row,
    turn_end_row,
    turn_of,
    turn_start_row,
)
from clawdforge.store.statements import ADD_AUDIT


@dataclass(slots=True)
class Appended:
    """What came of a batch."""

    accepted: set[str] = field(default_factory=set)
    """Sessions whose entries were written, now or before."""
    news: set[str] = field(default_factory=set)
    """Those of them that have new events."""


def append(batch: Sequence[Append], connection: sqlite3.Connection) -> Appended:
    """Write every entry that is not fenced.

    Raises:
        ConflictError: an entry does not fit to what is there; the caller undoes the others.
    """
    done = Appended()
    fenced: set[str] = set()
    for entry in batch:
        asked = {"session_id": entry.session_id, "epoch": entry.epoch}
        row = connection.execute(sql.FENCE, asked).fetchone()
        if row is None:
            fenced.add(entry.session_id)
            continue
        done.accepted.add(entry.session_id)
        if _write(entry, row["last_seq"], row["turn_count"], connection):
            done.news.add(entry.session_id)
    done.accepted -= fenced
    return done


def _write(entry: Append, last_seq: int, turn_count: int, connection: sqlite3.Connection) -> bool:
    """Write one entry; whether events were added."""
    events = _new_events(entry, last_seq, connection)
    started = _start_turn(entry, turn_count, connection)
    turn_count += started
    ended = _end_turn(entry, turn_count, connection)
    recognisable = bool(entry.events or entry.turn_start or entry.turn_end)
    if recognisable and not (events or started or ended):
        return False  # it was written before, all of it
    if events:
        last_seq = events[-1].seq
        rows = [event_row(entry.session_id, entry.epoch, event) for event in events]
        connection.executemany(sql.ADD_EVENT, rows)
    if entry.patch is None and not started:
        if events:
            moved = {"of_session": entry.session_id, "new_last_seq": last_seq}
            connection.execute(sql.ADVANCE, moved)
    else:
        changes = patch_row(entry.patch, add_usage=ended or entry.turn_end is None)
        changes |= {"new_last_seq": last_seq, "new_turn_count": turn_count}
        connection.execute(sql.PATCH_SESSION, changes | {"of_session": entry.session_id})
    if entry.permissions:
        connection.executemany(sql.PUT_PERMISSION, map(permission_row, entry.permissions))
    if entry.audit:
        connection.executemany(ADD_AUDIT, map(audit_row, entry.audit))
    return bool(events)


def _new_events(
    entry: Append, last_seq: int, connection: sqlite3.Connection
) -> Sequence[StoredEvent]:
    """The entry's events that are not there yet."""
    if not entry.events:
        return ()
    first = entry.events[0].seq
    for place, event in enumerate(entry.events):
        if event.seq != first + place:
            raise ConflictError("The numbers of the events are not in a row.")
    if not 1 <= first <= last_seq + 1:
        raise ConflictError(f"Event {first} does not follow the newest one, {last_seq}.")
    there = last_seq + 1 - first
    for event in entry.events[:there]:
        asked = {"session_id": entry.session_id, "seq": event.seq}
        if event_of(connection.execute(sql.EVENT, asked).fetchone()) != event:
            raise ConflictError(f"There is another event {event.seq} already.")
    return entry.events[there:]


def _start_turn(entry: Append, turn_count: int, connection: sqlite3.Connection) -> bool:
    """Add the entry's turn; whether it was new."""
    start = entry.turn_start
    if start is None:
        return False
    if start.turn <= turn_count:
        row = connection.execute(
            sql.TURN, {"session_id": entry.session_id, "turn": start.turn}
        ).fetchone()
        if row is None or turn_of(row).start != start:
            raise ConflictError(f"There is another turn {start.turn} already.")
        return False
    if start.turn != turn_count + 1:
        raise ConflictError(f"Turn {start.turn} does not follow the newest one, {turn_count}.")
    connection.execute(sql.ADD_TURN, turn_start_row(entry.session_id, start))
    return True


def _end_turn(entry: Append, turn_count: int, connection: sqlite3.Connection) -> bool:
    """End the entry's turn; whether it was running."""
    end = entry.turn_end
    if end is None:
        return False
    if not 1 <= end.turn <= turn_count:
        raise ConflictError(f"There is no turn {end.turn} to end.")
    return connection.execute(sql.END_TURN, turn_end_row(entry.session_id, end)).rowcount > 0
