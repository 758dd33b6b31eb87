"""The store of clawdforge 0.2, as its contract tests use it, over our ledger."""

import json
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from clawdforge.core.records import AuditEntry
from clawdforge.store.sqlite import SqliteLedger
from clawdforge.testing.loop_thread import LoopThread

_PREFIX = "session."
_SAME_IDLENESS = """
    UPDATE sessions SET last_used_at = max(created_at, coalesce(last_turn_at, 0))
    WHERE last_used_at <> max(created_at, coalesce(last_turn_at, 0))
"""
"""0.2 knew no column of its own for when a session was used last."""


class ContractStore:
    """`ctx["store"]`: what 0.2 kept, by the names that it had.

    Every statement goes through the ledger's own connection: reading or writing the file by
    another one of this process would drop the locks that SQLite holds on it (POSIX locks belong
    to the process).
    """

    def __init__(self, ledger: SqliteLedger, thread: LoopThread) -> None:
        self._ledger = ledger
        self._thread = thread

    @contextmanager
    def _conn(self) -> Iterator["ContractConnection"]:
        """Statements in SQL on the table `sessions`; what they changed is there for good."""
        yield ContractConnection(self._ledger, self._thread)

    def get_session(self, session_id: str) -> dict[str, Any] | None:
        """A session's row with its `meta` parsed; None when there is none."""
        found = self._thread.submit(self._ledger.session(session_id)).result()
        if found is None:
            return None
        return {
            "session_id": found.session_id,
            "app_name": found.app_name,
            "agent": found.agent,
            "model": found.model,
            "meta": json.loads(json.dumps(found.meta)),
            "created_at": found.created_at,
            "last_turn_at": found.last_turn_at,
            "turn_count": found.turn_count,
            "closed_at": found.closed_at,
        }

    def list_session_events(self, session_id: str) -> list[dict[str, Any]]:
        """The audit of a session, oldest first, also of one that was deleted.

        `event` is `create`, `turn`, `close`, `sweep_close` or `hard_delete`, or of what 0.2 did
        not know.
        """
        entries = self._thread.submit(self._ledger.audit_of(session_id)).result()
        return [_event(session_id, entry) for entry in entries]


class ContractConnection:
    """What `_conn()` gives: `execute`, with `?` for values."""

    def __init__(self, ledger: SqliteLedger, thread: LoopThread) -> None:
        self._ledger = ledger
        self._thread = thread

    def execute(self, sql: str, params: Sequence[Any] = ()) -> "Rows":
        """Carry out one statement and commit it.

        Raises:
            sqlite3.Error: SQLite refused it.
        """

        def work(connection: sqlite3.Connection) -> Rows:
            cursor = connection.execute(sql, tuple(params))
            rows = Rows(cursor.fetchall(), cursor.rowcount)
            connection.execute(_SAME_IDLENESS)
            return rows

        return self._thread.submit(self._ledger._write(work)).result()  # noqa: SLF001


class Rows:
    """What a statement found, as a cursor gives it."""

    def __init__(self, found: Sequence[sqlite3.Row], rowcount: int) -> None:
        self._found = iter(found)
        self.rowcount = rowcount
        """How many rows were changed; -1 where nothing could be."""

    def __iter__(self) -> Iterator[sqlite3.Row]:
        return self._found

    def fetchone(self) -> sqlite3.Row | None:
        """The next row; None: there is none."""
        return next(self._found, None)

    def fetchall(self) -> list[sqlite3.Row]:
        """All that are left."""
        return list(self._found)


def _event(session_id: str, entry: AuditEntry) -> dict[str, Any]:
    return {
        "session_id": session_id,
        "event": entry.action.removeprefix(_PREFIX),
        "at": entry.at,
        "app_name": entry.actor.removeprefix("app:"),
        "meta": dict(entry.detail),
    }
