"""Group commit: whatever waited while the last commit ran is committed together.

There is no timer. When one caller writes, its write is committed at once; when a hundred do,
they share the one wait for the disk that costs more than all their statements.
"""

import sqlite3
from collections.abc import Sequence

from clawdforge.store.lane import Job


def commit_together(connection: sqlite3.Connection, jobs: Sequence[Job]) -> None:
    """Do the jobs in one transaction. A job that fails leaves nothing, and the others alone.

    Raises:
        sqlite3.Error: none of the jobs was committed.
    """
    connection.execute("BEGIN IMMEDIATE")
    try:
        for job in jobs:
            _attempt(connection, job)
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def _attempt(connection: sqlite3.Connection, job: Job) -> None:
    connection.execute("SAVEPOINT job")
    try:
        job.result = job.work(connection)
    except Exception as error:
        # After some errors (disk full, I/O) SQLite has rolled back the whole transaction, and
        # with it what the jobs before this one wrote.
        if not connection.in_transaction:
            raise
        connection.execute("ROLLBACK TO job")
        job.error = error
    connection.execute("RELEASE job")


def answer_each(connection: sqlite3.Connection, jobs: Sequence[Job]) -> None:
    """Do jobs that only read, each for itself."""
    for job in jobs:
        try:
            job.result = job.work(connection)
        except Exception as error:  # noqa: BLE001 - it is raised where the job came from
            job.error = error
