"""What the operator is told when the ledger's file is in trouble."""

import errno
import os
import sqlite3
from pathlib import Path

import pytest

from clawdforge.errors import ConflictError, InputError, LedgerCorruptError, StorageError
from clawdforge.store.faults import explain

PATH = Path("/data/my ledger.db")


def sqlite_error(code: int) -> sqlite3.OperationalError:
    error = sqlite3.OperationalError("what SQLite says")
    error.sqlite_errorcode = code
    return error


@pytest.mark.parametrize(
    ("error", "says"),
    [
        (sqlite_error(sqlite3.SQLITE_FULL), "no room"),
        (sqlite_error(sqlite3.SQLITE_IOERR_SHMSIZE), "no room"),
        (sqlite_error(sqlite3.SQLITE_READONLY_DBMOVED), "cannot be written"),
        (sqlite_error(sqlite3.SQLITE_CANTOPEN_ISDIR), "cannot be opened"),
        (sqlite_error(sqlite3.SQLITE_BUSY_SNAPSHOT), "locked"),
        (sqlite_error(sqlite3.SQLITE_IOERR_FSYNC), "disk"),
        (sqlite_error(sqlite3.SQLITE_NOMEM), "cannot be used"),
        (sqlite3.OperationalError("the driver's own"), "cannot be used"),
        (OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)), "no room"),
        (OSError(errno.EACCES, os.strerror(errno.EACCES)), "cannot be opened"),
        (OSError(errno.ENOENT, os.strerror(errno.ENOENT)), "folder is not there"),
        (OSError(errno.EMFILE, os.strerror(errno.EMFILE)), "cannot be used"),
    ],
)
def test_storage_in_trouble(error: Exception, says: str) -> None:
    told = explain(error, PATH)
    assert type(told) is StorageError
    assert says in told.message
    assert str(PATH) in told.message
    assert told.hint


@pytest.mark.parametrize(
    "error",
    [
        sqlite_error(sqlite3.SQLITE_CORRUPT_INDEX),
        sqlite_error(sqlite3.SQLITE_NOTADB),
        ValueError("'dreaming' is not a valid RunState"),
    ],
)
def test_damage(error: Exception) -> None:
    told = explain(error, PATH)
    assert isinstance(told, LedgerCorruptError)
    assert told.hint is not None
    assert "mv '/data/my ledger.db' '/data/my ledger.db.damaged'" in told.hint


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (sqlite3.IntegrityError("UNIQUE constraint failed: runs.run_id"), ConflictError),
        (UnicodeEncodeError("utf-8", "\ud800", 0, 1, "surrogates not allowed"), InputError),
        (OverflowError("Python int too large to convert to SQLite INTEGER"), InputError),
    ],
)
def test_what_the_caller_did(error: Exception, kind: type[Exception]) -> None:
    assert type(explain(error, PATH)) is kind
