"""Brings a ledger's tables up to date.

Alembic is imported only when there is something to do: a server that starts on a ledger of
its own version does not pay for it.
"""

import sqlite3
import threading
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import create_engine
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import NullPool

from clawdforge.errors import LedgerCorruptError, StorageError

if TYPE_CHECKING:
    from alembic.config import Config
    from sqlalchemy import Connection

HEAD_REVISION = "0004"
"""The newest revision in `migrations/versions`."""

VERSION_TABLE = "ledger_version"
"""Ours and not Alembic's default, so that another program's database is not taken for ours."""

SCRIPTS = Path(__file__).with_name("migrations")

# Alembic hands the context to its scripts through module globals: one migration at a time.
_one_at_a_time = threading.Lock()


def revision_of(connection: sqlite3.Connection) -> str | None:
    """The revision of the tables; None for an empty database.

    Raises:
        LedgerCorruptError: it is the database of some other program.
        sqlite3.Error: it cannot be read.
    """
    tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_schema")}
    if not tables:
        return None
    row = (
        VERSION_TABLE in tables
        and connection.execute(
            f"SELECT version_num FROM {VERSION_TABLE}"  # noqa: S608 - a constant of ours
        ).fetchone()
    )
    if not row:
        raise LedgerCorruptError(
            "This is a database, but not a ledger of clawdforge.",
            hint="Point the data folder somewhere else, or move this file away.",
        )
    return str(row[0])


def upgrade(connect: Callable[[], sqlite3.Connection], found: str | None) -> None:
    """Bring the tables from revision `found` to the newest, all or nothing.

    Args:
        connect: opens a connection in autocommit mode; it is closed here.
        found: what `revision_of` said.

    Raises:
        StorageError: a newer clawdforge wrote the ledger.
        sqlite3.Error: it cannot be written.
    """
    if found == HEAD_REVISION:
        return
    config = scripts_config()
    _refuse_newer(config, found)
    engine = create_engine("sqlite://", creator=connect, poolclass=NullPool)
    try:
        with _one_at_a_time, engine.connect() as connection:
            _run(config, connection)
    except DBAPIError as error:
        if isinstance(error.orig, sqlite3.Error):
            raise error.orig from error
        raise


def scripts_config() -> "Config":
    """Alembic's configuration for the scripts that ship with clawdforge."""
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(SCRIPTS).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    return config


def _refuse_newer(config: "Config", found: str | None) -> None:
    from alembic.script import ScriptDirectory
    from alembic.util import CommandError

    if found is None:
        return
    try:
        ScriptDirectory.from_config(config).get_revision(found)
    except CommandError as error:
        raise StorageError(
            f"The ledger was written by a newer clawdforge: its tables are at revision {found!r},"
            f" this clawdforge knows them up to {HEAD_REVISION!r}.",
            hint="Start the newer clawdforge again, or restore a copy of the ledger from before"
            " the upgrade.",
        ) from error


def _run(config: "Config", connection: "Connection") -> None:
    """Run the scripts in one transaction, which holds off every other writer."""
    from alembic import command

    # The driver is in autocommit mode and SQLAlchemy does not begin by itself then.
    connection.exec_driver_sql("BEGIN IMMEDIATE")
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
    connection.commit()
