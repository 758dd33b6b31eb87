"""What went wrong with the ledger's file, said so that its operator knows what to do next."""

import errno
import shlex
import sqlite3
from collections.abc import Mapping
from pathlib import Path

from clawdforge.errors import (
    ClawdforgeError,
    ConflictError,
    InputError,
    LedgerCorruptError,
    StorageError,
)

FAULTS = (sqlite3.Error, OSError, ValueError, OverflowError)
"""What `explain` understands: catch these around an access to the database."""

_FULL = (
    "There is no room on the disk for the ledger",
    "Free some space; writes go on by themselves.",
)
_READ_ONLY = ("The ledger cannot be written", "Make its file, its folder and the disk writable.")
_DENIED = (
    "The ledger cannot be opened",
    "Let the user that runs clawdforge read and write the file and its folder.",
)
_NO_FOLDER = ("The ledger's folder is not there", "Create the folder, or configure another one.")
_NOT_A_FILE = (
    "The ledger cannot be opened: there is something at its place that is not a file",
    "Move it away, or configure another data folder.",
)
_LOCKED = (
    "The ledger is locked by another program",
    "Stop the other clawdforge, or the tool that has the file open.",
)
_IO = ("The disk under the ledger fails", "Look at the system's log, and check the disk.")

_BY_ERRNO: Mapping[int | None, tuple[str, str]] = {
    errno.ENOSPC: _FULL,
    errno.EDQUOT: _FULL,
    errno.EROFS: _READ_ONLY,
    errno.EACCES: _DENIED,
    errno.EPERM: _DENIED,
    errno.ENOENT: _NO_FOLDER,
    errno.ENOTDIR: _NO_FOLDER,
    errno.EISDIR: _NOT_A_FILE,
    errno.ELOOP: _NOT_A_FILE,
    errno.ENXIO: _NOT_A_FILE,
    errno.EIO: _IO,
}
_BY_CODE: Mapping[int, tuple[str, str]] = {
    # What SQLite says when there is no room even for the memory that its connections share.
    sqlite3.SQLITE_IOERR_SHMSIZE: _FULL,
    sqlite3.SQLITE_FULL: _FULL,
    sqlite3.SQLITE_READONLY: _READ_ONLY,
    sqlite3.SQLITE_PERM: _DENIED,
    sqlite3.SQLITE_CANTOPEN: _DENIED,
    sqlite3.SQLITE_BUSY: _LOCKED,
    sqlite3.SQLITE_LOCKED: _LOCKED,
    sqlite3.SQLITE_IOERR: _IO,
}
_UNKNOWN = ("The ledger cannot be used", "Look at the cause in the log.")
_DAMAGE = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}


def explain(error: Exception, path: Path) -> ClawdforgeError:
    """The error of ours for one of `FAULTS`, with a hint."""
    match error:
        case UnicodeEncodeError() | OverflowError():
            return InputError(f"The ledger cannot keep this value: {error}.")
        case sqlite3.IntegrityError():
            return ConflictError(f"The ledger has it already ({error}).")
        case sqlite3.Error():
            return _of_sqlite(error, path)
        case OSError():
            return _storage(_BY_ERRNO.get(error.errno, _UNKNOWN), path, error)
        case _:
            return damaged(path, f"a row says what it cannot say: {error}")


def damaged(path: Path, finding: str) -> LedgerCorruptError:
    """The error for a file that is damaged, or never was a ledger."""
    name, aside = shlex.quote(str(path)), shlex.quote(f"{path}.damaged")
    return LedgerCorruptError(
        f"The ledger at {path} is damaged, or is not a ledger ({finding}).",
        hint=f"Stop clawdforge, move it away (mv {name} {aside}; remove its -wal and -shm, if they"
        " are there) and start again: a new ledger is made, in which every app must be created"
        " anew. Better: put back a copy, if you have one. To see what can be saved of the old"
        f" one: sqlite3 {aside} .recover",
    )


def _of_sqlite(error: sqlite3.Error, path: Path) -> StorageError:
    # The low byte is the code; what is above it says where it happened. Errors of the driver
    # itself carry none.
    exact = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR)
    code = exact & 0xFF
    if code in _DAMAGE:
        return damaged(path, str(error))
    return _storage(_BY_CODE.get(exact) or _BY_CODE.get(code, _UNKNOWN), path, error)


def _storage(said: tuple[str, str], path: Path, error: Exception) -> StorageError:
    message, hint = said
    return StorageError(f"{message}: {path} ({error}).", hint=hint)
