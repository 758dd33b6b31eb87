"""Records of the core to rows of the ledger and back. Pure: no database, no clock.

A row that is written is a dict by column name; one that is read may be anything that is
indexed by column name. Reading raises `ValueError` when a row does not say what it should.
"""

import json
from collections.abc import Mapping
from dataclasses import fields
from typing import Any, Protocol, overload

from clawdforge.core.records import App, AuditEntry, Run, RunEnd, RunStart, RunState, StoredFile
from clawdforge.core.usage import Usage


class Row(Protocol):
    """What a database hands back: values by column name."""

    def __getitem__(self, name: str, /) -> Any:
        """The value of a column."""
        ...


def names_of(record: type[Any]) -> tuple[str, ...]:
    """The names of a record's fields."""
    return tuple(field.name for field in fields(record))


APP_COLUMNS = names_of(App)
FILE_COLUMNS = names_of(StoredFile)
START_COLUMNS = names_of(RunStart)
USAGE_COLUMNS = names_of(Usage)
END_COLUMNS = tuple(name for name in names_of(RunEnd) if name != "usage") + USAGE_COLUMNS
AUDIT_COLUMNS = names_of(AuditEntry)

_PLAIN_END = tuple(name for name in names_of(RunEnd) if name not in {"state", "usage"})


def take(row: Row, names: tuple[str, ...]) -> dict[str, Any]:
    """These columns of a row."""
    return {name: row[name] for name in names}


def give(record: object, names: tuple[str, ...]) -> dict[str, Any]:
    """These fields of a record."""
    return {name: getattr(record, name) for name in names}


@overload
def json_text(value: Mapping[str, Any]) -> str: ...
@overload
def json_text(value: Mapping[str, Any] | None) -> str | None: ...
def json_text(value: Mapping[str, Any] | None) -> str | None:
    """A JSON object as text; None stays None."""
    if value is None:
        return None
    return json.dumps(dict(value), separators=(",", ":")) if value else "{}"


def json_value(text: str | None) -> Any:
    """What a JSON text says; None stays None."""
    return None if text is None else json.loads(text)


def app_row(app: App) -> dict[str, Any]:
    """The row of an app."""
    return give(app, APP_COLUMNS) | {
        "ip_cidrs": json.dumps(app.ip_cidrs),
        "scopes": json.dumps(app.scopes),
        "policy": json_text(app.policy),
    }


def app_of(row: Row) -> App:
    """The app of a row."""
    values = take(row, APP_COLUMNS)
    values["ip_cidrs"] = tuple(json.loads(values["ip_cidrs"]))
    values["scopes"] = tuple(json.loads(values["scopes"]))
    values["policy"] = json_value(values["policy"])
    return App(**values)


def file_row(file: StoredFile) -> dict[str, Any]:
    """The row of a file."""
    return give(file, FILE_COLUMNS)


def file_of(row: Row) -> StoredFile:
    """The file of a row."""
    return StoredFile(**take(row, FILE_COLUMNS))


def start_row(start: RunStart) -> dict[str, Any]:
    """The columns of a run that are known when it starts, its state among them."""
    return give(start, START_COLUMNS) | {"state": RunState.RUNNING.value}


def end_row(end: RunEnd) -> dict[str, Any]:
    """The columns of a run that are known when it ends, its state among them."""
    row = give(end, _PLAIN_END) | give(end.usage, USAGE_COLUMNS)
    row["state"] = end.state.value
    return row


def run_of(row: Row) -> Run:
    """The run of a row; without an end while its state is `running`."""
    start = RunStart(**take(row, START_COLUMNS))
    state = RunState(row["state"])
    if state is RunState.RUNNING:
        return Run(start=start)
    usage = Usage(**take(row, USAGE_COLUMNS))
    return Run(start=start, end=RunEnd(state=state, usage=usage, **take(row, _PLAIN_END)))


def audit_row(entry: AuditEntry) -> dict[str, Any]:
    """The row of an audit entry, without the number that the database gives it."""
    return give(entry, AUDIT_COLUMNS) | {"detail": json_text(entry.detail)}


def audit_of(row: Row) -> AuditEntry:
    """The audit entry of a row."""
    values = take(row, AUDIT_COLUMNS)
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
