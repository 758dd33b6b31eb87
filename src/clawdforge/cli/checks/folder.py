"""The data folder: there, private, with room, its credentials private, its ledger sound."""

import os
import shutil
import sqlite3
import stat
from collections.abc import Iterator
from pathlib import Path

from clawdforge.cli.checks.finding import Finding, fail, ok, warn
from clawdforge.config import (
    ADMIN_TOKEN_FILE,
    LEDGER_FILE,
    LOCAL_TOKEN_FILE,
    SERVER_FILE,
    read_private_file,
)
from clawdforge.errors import ClawdforgeError, ConfigError

LEAST_FREE_BYTES = 100 * 1024 * 1024
LOW_FREE_BYTES = 1024 * 1024 * 1024


def check_folder(folder: Path) -> Iterator[Finding]:
    """Whether the data folder can be used, and is ours alone."""
    if not folder.exists():
        yield ok("data folder", f"{folder} is made at the first start")
        yield from _check_room(_existing_parent(folder))
        return
    if not folder.is_dir():
        yield fail("data folder", f"{folder} is not a folder", "choose another with --data-dir")
        return
    mode = stat.S_IMODE(folder.stat().st_mode)
    if not os.access(folder, os.R_OK | os.W_OK | os.X_OK):
        yield fail("data folder", f"{folder} cannot be written", f"chmod 700 {folder}")
    elif mode & 0o077:
        yield warn("data folder", f"others may enter {folder} ({mode:o})", f"chmod 700 {folder}")
    else:
        yield ok("data folder", f"{folder} is private and can be written")
    yield from _check_room(folder)


def check_credentials(folder: Path) -> Iterator[Finding]:
    """Whether nobody else can read the credential files."""
    names = [
        name
        for name in (ADMIN_TOKEN_FILE, LOCAL_TOKEN_FILE, SERVER_FILE)
        if (folder / name).exists()
    ]
    well = True
    for name in names:
        try:
            read_private_file(folder / name)
        except ConfigError as error:
            well = False
            yield fail("credentials", error.message, error.hint or f"mend {folder / name}")
    if well:
        yield ok("credentials", "private" if names else "made at the first start")


def check_ledger(folder: Path) -> Iterator[Finding]:
    """Whether the ledger, which no server may have open now, is sound. Changes nothing."""
    from clawdforge.store.faults import FAULTS, damaged, explain

    path = folder / LEDGER_FILE
    if not path.exists() or not path.stat().st_size:
        yield ok("ledger", "made at the first start")
        return
    try:
        runs = _count_runs(path)
    except sqlite3.OperationalError as error:
        # Without tables it is empty, or something else than a ledger.
        found = damaged(path, str(error)) if "no such table" in str(error) else explain(error, path)
        yield _ledger_fault(found)
    except FAULTS as error:
        yield _ledger_fault(explain(error, path))
    except ClawdforgeError as error:
        yield _ledger_fault(error)
    else:
        yield ok("ledger", f"sound, {runs:,} runs in it")


def _count_runs(path: Path) -> int:
    # Without a log nobody has it open, and SQLite need not make side files to read it.
    side = "" if path.with_name(f"{path.name}-wal").exists() else "&immutable=1"
    connection = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro{side}", uri=True)
    try:
        (finding,) = connection.execute("PRAGMA quick_check(1)").fetchone()
        if finding != "ok":
            raise sqlite3.DatabaseError(finding)
        (count,) = connection.execute("SELECT count(*) FROM runs").fetchone()
        return int(count)
    finally:
        connection.close()


def _ledger_fault(error: ClawdforgeError) -> Finding:
    return fail("ledger", error.message, error.hint or "look at the file")


def _check_room(folder: Path) -> Iterator[Finding]:
    free = shutil.disk_usage(folder).free
    said = f"{free / 2**30:.1f} GiB free"
    mend = f"free some space under {folder}"
    if free < LEAST_FREE_BYTES:
        yield fail("disk space", said, mend)
    elif free < LOW_FREE_BYTES:
        yield warn("disk space", said, mend)
    else:
        yield ok("disk space", said)


def _existing_parent(folder: Path) -> Path:
    return next(parent for parent in folder.parents if parent.exists())
