"""Records of the core to rows of the ledger and back. Pure: no database, no clock.

A row that is written is a dict by column name; one that is read may be anything that is
indexed by column name. Reading raises `ValueError` when a row does not say what it should.
"""

import json
from collections.abc import Mapping
from dataclasses import fields
from typing import Any, Protocol

from clawdforge.core.records import App, AuditEntry, Run, RunEnd, RunStart, RunState, StoredFile
from clawdforge.core.usage import Usage


class Row(Protocol):
    """What a database hands back: values by column name."""

    def __getitem__(self, name: str, /) -> Any:
        """The value of a column."""
        ...


def _names(record: type[Any]) -> tuple[str, ...]:
    return tuple(field.name for field in fields(record))


APP_COLUMNS = _names(App)
FILE_COLUMNS = _names(StoredFile)
START_COLUMNS = _names(RunStart)
USAGE_COLUMNS = _names(Usage)
END_COLUMNS = tuple(name for name in _names(RunEnd) if name != "usage") + USAGE_COLUMNS
AUDIT_COLUMNS = _names(AuditEntry)

_PLAIN_END = tuple(name for name in _names(RunEnd) if name not in {"state", "usage"})


def _take(row: Row, names: tuple[str, ...]) -> dict[str, Any]:
    return {name: row[name] for name in names}


def _give(record: object, names: tuple[str, ...]) -> dict[str, Any]:
    return {name: getattr(record, name) for name in names}


def app_row(app: App) -> dict[str, Any]:
    """The row of an app."""
    return _give(app, APP_COLUMNS) | {
        "ip_cidrs": json.dumps(app.ip_cidrs),
        "scopes": json.dumps(app.scopes),
    }


def app_of(row: Row) -> App:
    """The app of a row."""
    values = _take(row, APP_COLUMNS)
    values["ip_cidrs"] = tuple(json.loads(values["ip_cidrs"]))
    values["scopes"] = tuple(json.loads(values["scopes"]))
    return App(**values)


def file_row(file: StoredFile) -> dict[str, Any]:
    """The row of a file."""
    return _give(file, FILE_COLUMNS)


def file_of(row: Row) -> StoredFile:
    """The file of a row."""
    return StoredFile(**_take(row, FILE_COLUMNS))


def start_row(start: RunStart) -> dict[str, Any]:
    """The columns of a run that are known when it starts, its state among them."""
    return _give(start, START_COLUMNS) | {"state": RunState.RUNNING.value}


def end_row(end: RunEnd) -> dict[str, Any]:
    """The columns of a run that are known when it ends, its state among them."""
    row = _give(end, _PLAIN_END) | _give(end.usage, USAGE_COLUMNS)
    row["state"] = end.state.value
    return row


def run_of(row: Row) -> Run:
    """The run of a row; without an end while its state is `running`."""
    start = RunStart(**_take(row, START_COLUMNS))
    state = RunState(row["state"])
    if state is RunState.RUNNING:
        return Run(start=start)
    usage = Usage(**_take(row, USAGE_COLUMNS))
    return Run(start=start, end=RunEnd(state=state, usage=usage, **_take(row, _PLAIN_END)))


def audit_row(entry: AuditEntry) -> dict[str, Any]:
    """The row of an audit entry, without the number that the database gives it."""
    return _give(entry, AUDIT_COLUMNS) | {"detail": _object_text(entry.detail)}


def audit_of(row: Row) -> AuditEntry:
    """The audit entry of a row."""
    values = _take(row, AUDIT_COLUMNS)
    values["detail"] = json.loads(values["detail"])
    return AuditEntry(**values)


def interrupted(started_at: int, now: int) -> RunEnd:
    """The end of a run whose server died, as the next server writes it down."""
    return RunEnd(
        state=RunState.INTERRUPTED,
        duration_ms=max(0, now - started_at) * 1000,
        error="The server stopped while the run was under way.",
        ended_at=now,
    )


def interruption(run_id: str, app_name: str, now: int) -> AuditEntry:
    """The audit entry that goes with `interrupted`."""
    return AuditEntry(
        at=now,
        actor="server",
        action="run.interrupted",
        subject=run_id,
        detail={"app": app_name},
    )


def _object_text(value: Mapping[str, Any]) -> str:
    return json.dumps(dict(value), separators=(",", ":")) if value else "{}"
