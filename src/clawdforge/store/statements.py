"""The SQL of the ledger: built from the tables once, at import, and kept as text.

Compiled text with named parameters goes to the driver as it is. That keeps the column names
in one place (`schema`) and spares every single operation the cost of SQLAlchemy's execution,
which is three times that of the driver's.
"""

from collections.abc import Sequence

from sqlalchemy import (
    ClauseElement,
    ColumnElement,
    Integer,
    Select,
    bindparam,
    delete,
    func,
    insert,
    literal_column,
    select,
    tuple_,
    update,
)
from sqlalchemy.dialects import sqlite

from clawdforge.core.records import RunState
from clawdforge.store.migrate import VERSION_TABLE
from clawdforge.store.rows import (
    APP_COLUMNS,
    AUDIT_COLUMNS,
    END_COLUMNS,
    FILE_COLUMNS,
    START_COLUMNS,
)
from clawdforge.store.schema import apps, audit, files, runs

_DIALECT = sqlite.dialect(paramstyle="named")
# Spelled out, not a parameter: only so does SQLite use the index of the running ones.
_RUNNING: ColumnElement[str] = literal_column(f"'{RunState.RUNNING.value}'")


def compiled(statement: ClauseElement, columns: Sequence[str] | None = None) -> str:
    """The text of a statement, with named parameters; `columns`: those that it sets."""
    return str(statement.compile(dialect=_DIALECT, column_keys=columns))


def _digests() -> Select[tuple[str]]:
    """The list in `:digests` (JSON) as rows: one text for any number of them."""
    return select(func.json_each(bindparam("digests")).table_valued("value").c.value)


LIMIT = bindparam("limit", type_=Integer)
# Else SQLAlchemy adds an offset of its own as a parameter, whose value the text does not carry.
FROM_THE_FIRST: ColumnElement[int] = literal_column("0")
_NOW = bindparam("now", type_=Integer)
_AT = bindparam("at", type_=Integer)

ADD_APP = compiled(insert(apps), APP_COLUMNS)
LIVE_APPS = compiled(select(apps).where(apps.c.revoked_at.is_(None)).order_by(apps.c.name))
LIVE_APP_OF_NAME = compiled(
    select(apps.c.app_id).where(apps.c.name == bindparam("name"), apps.c.revoked_at.is_(None))
)
REVOKE_APP = compiled(
    update(apps)
    .where(apps.c.name == bindparam("of_name"), apps.c.revoked_at.is_(None))
    .values(revoked_at=_AT)
)
TOUCH_APP = compiled(
    update(apps)
    .where(apps.c.app_id == bindparam("of_app"))
    .values(last_used_at=func.max(func.coalesce(apps.c.last_used_at, _AT), _AT))
)

ADD_FILE = compiled(insert(files), FILE_COLUMNS)
FIND_FILES = compiled(
    select(files).where(
        files.c.app_id == bindparam("app_id"),
        files.c.token_digest.in_(_digests()),
        files.c.expires_at > _NOW,
    )
)
EXPIRED_FILES = compiled(
    select(files)
    .where(files.c.expires_at <= _NOW)
    .order_by(files.c.expires_at, files.c.token_digest)
    .limit(literal_column("1000"))
    .offset(FROM_THE_FIRST)
)
FORGET_FILES = compiled(delete(files).where(files.c.token_digest.in_(_digests())))
FILE_NAMES = compiled(select(files.c.stored_name))

START_RUN = compiled(insert(runs), (*START_COLUMNS, "state"))
END_RUN = compiled(
    update(runs).where(runs.c.run_id == bindparam("of_run"), runs.c.state == _RUNNING),
    END_COLUMNS,
)
RUN = compiled(
    select(runs).where(runs.c.run_id == bindparam("run_id"), runs.c.app_id == bindparam("app_id"))
)
_NEWEST_RUNS = (
    select(runs)
    .where(runs.c.app_id == bindparam("app_id"))
    .order_by(runs.c.started_at.desc(), runs.c.run_id.desc())
    .limit(LIMIT)
    .offset(FROM_THE_FIRST)
)
RUNS = compiled(_NEWEST_RUNS)
RUNS_BEFORE = compiled(
    _NEWEST_RUNS.where(
        tuple_(runs.c.started_at, runs.c.run_id)
        < tuple_(bindparam("started_at", type_=Integer), bindparam("run_id"))
    )
)
RUNNING_RUNS = compiled(
    select(runs.c.run_id, runs.c.app_name, runs.c.started_at)
    .where(runs.c.state == _RUNNING)
    .order_by(runs.c.started_at, runs.c.run_id)
)

ADD_AUDIT = compiled(insert(audit), AUDIT_COLUMNS)
_NEWEST_AUDIT = select(audit).order_by(audit.c.id.desc()).limit(LIMIT).offset(FROM_THE_FIRST)
AUDIT_ENTRIES = compiled(_NEWEST_AUDIT)
AUDIT_ABOUT = compiled(
    select(audit)
    .where(audit.c.subject == bindparam("subject"))
    .order_by(audit.c.id)
    .limit(LIMIT)
    .offset(FROM_THE_FIRST)
)
AUDIT_ENTRIES_OF = compiled(_NEWEST_AUDIT.where(audit.c.action == bindparam("action")))

# Changes nothing, but has to reach the disk like any write.
PROVE_WRITABLE = f"UPDATE {VERSION_TABLE} SET version_num = version_num"  # noqa: S608 - a constant
