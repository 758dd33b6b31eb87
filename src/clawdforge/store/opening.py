"""Opens the ledger's file: private, sound, up to date, and durable from then on."""

import errno
import os
import sqlite3
import stat
from pathlib import Path

from clawdforge.errors import StorageError
from clawdforge.store.faults import damaged
from clawdforge.store.migrate import revision_of, upgrade

LOCK_TIMEOUT_SECS = 5.0
"""How long to wait for another program that holds the file's lock."""

_WAL_KEPT_BYTES = 64 * 1024 * 1024


def open_for_writing(path: Path) -> sqlite3.Connection:
    """Open the ledger, made and brought up to date where needed; for the calling thread.

    Raises:
        StorageError: it is damaged, is not a ledger, or was written by a newer clawdforge.
        sqlite3.Error: it cannot be opened or written.
        OSError: the file cannot be made.
    """
    _make_private(path)
    connection = _connect(path, "rw")
    try:
        _check(connection, path)
        found = revision_of(connection)
        _make_durable(connection, path)
        upgrade(lambda: _connect(path, "rw"), found)
    except BaseException:
        connection.close()
        raise
    return connection


def open_for_reading(path: Path) -> sqlite3.Connection:
    """Open a ledger that is open for writing already; for the calling thread.

    Raises:
        sqlite3.Error: it cannot be opened.
    """
    connection = _connect(path, "ro")
    connection.execute("PRAGMA query_only=ON")
    return connection


def _connect(path: Path, mode: str) -> sqlite3.Connection:
    # No isolation level: Python begins no transaction behind our back.
    connection = sqlite3.connect(
        f"{path.absolute().as_uri()}?mode={mode}",
        uri=True,
        isolation_level=None,
        timeout=LOCK_TIMEOUT_SECS,
    )
    connection.row_factory = sqlite3.Row
    return connection


def _make_private(path: Path) -> None:
    """Make sure that the file is there, 0600. SQLite gives its side files the same mode."""
    # Not blocking: something else than a file, such as a pipe, must not hold us up.
    file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NONBLOCK, 0o600)
    try:
        if not stat.S_ISREG(os.fstat(file).st_mode):
            raise OSError(errno.ENXIO, os.strerror(errno.ENXIO))
        os.fchmod(file, 0o600)
    finally:
        os.close(file)
    folder = os.open(path.parent, os.O_RDONLY | os.O_CLOEXEC | os.O_DIRECTORY)
    try:
        os.fsync(folder)  # else a power cut may take the new file's name away
    finally:
        os.close(folder)


def _check(connection: sqlite3.Connection, path: Path) -> None:
    (finding,) = connection.execute("PRAGMA quick_check(1)").fetchone()
    if finding != "ok":
        raise damaged(path, finding)


def _make_durable(connection: sqlite3.Connection, path: Path) -> None:
    (mode,) = connection.execute("PRAGMA journal_mode=WAL").fetchone()
    if mode != "wal":
        raise StorageError(
            f"The file system under {path} cannot keep the ledger: it has no shared memory.",
            hint="Put the data folder on a local disk.",
        )
    connection.execute("PRAGMA synchronous=FULL")
    connection.execute("PRAGMA foreign_keys=ON")
    connection.execute(f"PRAGMA journal_size_limit={_WAL_KEPT_BYTES}")
