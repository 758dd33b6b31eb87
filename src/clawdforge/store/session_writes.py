"""What the writing lane does with sessions: each public function is one job."""

import sqlite3

from clawdforge.core.records import AuditEntry
from clawdforge.core.session_records import Session
from clawdforge.errors import ConflictError
from clawdforge.store import session_statements as sql
from clawdforge.store.history_statements import KEEP_SPENDING
from clawdforge.store.rows import audit_row
from clawdforge.store.session_rows import session_row
from clawdforge.store.statements import ADD_AUDIT


def create_session(
    session: Session, audit: AuditEntry, max_open: int, connection: sqlite3.Connection
) -> bool:
    """Add a session and its audit entry, unless too many are open.

    Raises:
        ConflictError: its id or its key is in use; also when too many are open.
    """
    row = session_row(session)
    if connection.execute(sql.SESSION, row).fetchone():
        raise ConflictError("There is such a session already.")
    of_key = {"app_id": session.app_id, "key": session.idempotency_key}
    if connection.execute(sql.SESSION_OF_KEY, of_key).fetchone():
        raise ConflictError("There is a session of that idempotency key already.")
    if connection.execute(sql.COUNT_OPEN).fetchone()["count"] >= max_open:
        return False
    connection.execute(sql.ADD_SESSION, row)
    connection.execute(ADD_AUDIT, audit_row(audit))
    return True


def delete_session(session_id: str, audit: AuditEntry, connection: sqlite3.Connection) -> bool:
    """Remove a closed session with all that is its own; what it cost stays known."""
    of_session = {"session_id": session_id}
    if not connection.execute(sql.CLOSED_SESSION, of_session).fetchone():
        return False
    connection.execute(KEEP_SPENDING, of_session)
    for statement in sql.DELETE_SESSION:
        connection.execute(statement, of_session)
    connection.execute(ADD_AUDIT, audit_row(audit))
    return True
