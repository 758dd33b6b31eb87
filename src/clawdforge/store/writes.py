"""What the writing lane does: each function is one job, in a savepoint of its own."""

import sqlite3
from collections.abc import Mapping, Sequence
from typing import Any

from clawdforge.errors import ConflictError
from clawdforge.store import statements as sql
from clawdforge.store.rows import audit_row, end_row, interrupted, interruption

Values = Mapping[str, Any]


def execute(statement: str, values: Values, connection: sqlite3.Connection) -> int:
    """Execute one statement; how many rows it changed."""
    return connection.execute(statement, values).rowcount


def execute_many(statement: str, rows: Sequence[Values], connection: sqlite3.Connection) -> None:
    """Execute one statement for each row."""
    connection.executemany(statement, rows)


def add_app(app: Values, audit: Values, connection: sqlite3.Connection) -> None:
    """Add an app and its audit entry.

    Raises:
        ConflictError: an app of that name is live.
    """
    if connection.execute(sql.LIVE_APP_OF_NAME, {"name": app["name"]}).fetchone():
        raise ConflictError(f"There is an app named {app['name']!r} already.")
    connection.execute(sql.ADD_APP, app)
    connection.execute(sql.ADD_AUDIT, audit)


def revoke_app(name: str, audit: Values, connection: sqlite3.Connection) -> bool:
    """Revoke the live app of that name; without one, write nothing."""
    revoked = execute(sql.REVOKE_APP, {"of_name": name, "at": audit["at"]}, connection) > 0
    if revoked:
        connection.execute(sql.ADD_AUDIT, audit)
    return revoked


def add_file(file: Values, audit: Values, connection: sqlite3.Connection) -> None:
    """Add a file and its audit entry."""
    connection.execute(sql.ADD_FILE, file)
    connection.execute(sql.ADD_AUDIT, audit)


def interrupt_runs(now: int, connection: sqlite3.Connection) -> list[str]:
    """End every running run as interrupted, with an audit entry each; their ids, oldest first."""
    running = connection.execute(sql.RUNNING_RUNS).fetchall()
    connection.executemany(
        sql.END_RUN,
        [
            end_row(interrupted(row["started_at"], now)) | {"of_run": row["run_id"]}
            for row in running
        ],
    )
    connection.executemany(
        sql.ADD_AUDIT,
        [audit_row(interruption(row["run_id"], row["app_name"], now)) for row in running],
    )
    return [row["run_id"] for row in running]
