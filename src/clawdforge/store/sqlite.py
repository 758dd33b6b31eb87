"""The ledger in one SQLite file: one lane that writes, two that read."""

# ruff: noqa: D102 - the port says what each method promises

import functools
import json
import os
import sqlite3
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

from clawdforge.core.records import App, AuditEntry, Run, RunEnd, RunStart, StoredFile
from clawdforge.errors import StorageError
from clawdforge.store import statements as sql
from clawdforge.store import writes
from clawdforge.store.faults import FAULTS, explain
from clawdforge.store.lane import Lane
from clawdforge.store.opening import open_for_reading, open_for_writing
from clawdforge.store.rows import (
    Row,
    app_of,
    app_row,
    audit_of,
    audit_row,
    end_row,
    file_of,
    file_row,
    run_of,
    start_row,
)
from clawdforge.store.writer import answer_each, commit_together

T = TypeVar("T")

READERS = 2
_WRITE_BATCH = 256
_WRITE_ROOM = 1024
_READ_BATCH = 8
_READ_ROOM = 256


class SqliteLedger:
    """The port `Ledger` on SQLite; see there for what each method promises.

    Args:
        path: the ledger's file, in a folder that is there. It is made when missing.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._writer = Lane(
            "ledger-writer",
            self._connect_writer,
            commit_together,
            batch=_WRITE_BATCH,
            room=_WRITE_ROOM,
        )
        self._readers = [
            Lane(
                f"ledger-reader-{number}",
                functools.partial(open_for_reading, path),
                answer_each,
                batch=_READ_BATCH,
                room=_READ_ROOM,
            )
            for number in range(1, READERS + 1)
        ]
        self._closing = AsyncExitStack()

    async def __aenter__(self) -> Self:
        async with AsyncExitStack() as stack:
            # The writer first: it makes the file. And so it closes last, and tidies up.
            for lane in (self._writer, *self._readers):
                try:
                    await lane.open()
                except FAULTS as error:
                    raise explain(error, self._path) from error
                stack.push_async_callback(lane.close)
            self._closing = stack.pop_all()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._closing.aclose()

    async def check(self) -> None:
        await self._write(self._prove_writable)

    async def add_app(self, app: App, audit: AuditEntry) -> None:
        await self._write(functools.partial(writes.add_app, app_row(app), audit_row(audit)))

    async def live_apps(self) -> Sequence[App]:
        return await self._list(app_of, sql.LIVE_APPS)

    async def revoke_app(self, name: str, audit: AuditEntry) -> bool:
        return await self._write(functools.partial(writes.revoke_app, name, audit_row(audit)))

    async def touch_apps(self, last_used: Mapping[str, int]) -> None:
        rows = [{"of_app": app_id, "at": at} for app_id, at in last_used.items()]
        await self._write(functools.partial(writes.execute_many, sql.TOUCH_APP, rows))

    async def add_file(self, file: StoredFile, audit: AuditEntry) -> None:
        await self._write(functools.partial(writes.add_file, file_row(file), audit_row(audit)))

    async def find_files(
        self, app_id: str, digests: Collection[str], now: int
    ) -> Mapping[str, StoredFile]:
        found = await self._list(
            file_of, sql.FIND_FILES, app_id=app_id, digests=json.dumps(list(digests)), now=now
        )
        return {file.token_digest: file for file in found}

    async def expired_files(self, now: int) -> Sequence[StoredFile]:
        return await self._list(file_of, sql.EXPIRED_FILES, now=now)

    async def forget_files(self, digests: Collection[str]) -> None:
        row = {"digests": json.dumps(list(digests))}
        await self._write(functools.partial(writes.execute, sql.FORGET_FILES, row))

    async def file_names(self) -> Collection[str]:
        return frozenset(await self._list(_first_name, sql.FILE_NAMES))

    async def start_run(self, run: RunStart) -> None:
        await self._write(functools.partial(writes.execute, sql.START_RUN, start_row(run)))

    async def end_run(self, run_id: str, end: RunEnd) -> bool:
        row = end_row(end) | {"of_run": run_id}
        return await self._write(functools.partial(writes.execute, sql.END_RUN, row)) > 0

    async def run(self, app_id: str, run_id: str) -> Run | None:
        found = await self._list(run_of, sql.RUN, app_id=app_id, run_id=run_id)
        return found[0] if found else None

    async def runs(
        self, app_id: str, *, limit: int, before: tuple[int, str] | None = None
    ) -> Sequence[Run]:
        if before is None:
            return await self._list(run_of, sql.RUNS, app_id=app_id, limit=limit)
        started_at, run_id = before
        return await self._list(
            run_of,
            sql.RUNS_BEFORE,
            app_id=app_id,
            limit=limit,
            started_at=started_at,
            run_id=run_id,
        )

    async def interrupt_runs(self, now: int) -> Sequence[str]:
        return await self._write(functools.partial(writes.interrupt_runs, now))

    async def audit(self, entry: AuditEntry) -> None:
        await self._write(functools.partial(writes.execute, sql.ADD_AUDIT, audit_row(entry)))

    async def audit_entries(self, *, limit: int, action: str | None = None) -> Sequence[AuditEntry]:
        if action is None:
            return await self._list(audit_of, sql.AUDIT_ENTRIES, limit=limit)
        return await self._list(audit_of, sql.AUDIT_ENTRIES_OF, limit=limit, action=action)

    async def _write(self, work: Callable[[sqlite3.Connection], T]) -> T:
        try:
            return await self._writer.do(work)
        except FAULTS as error:
            raise explain(error, self._path) from error

    async def _list(self, record_of: Callable[[Row], T], query: str, **values: Any) -> list[T]:
        def work(connection: sqlite3.Connection) -> list[T]:
            return [record_of(row) for row in connection.execute(query, values).fetchall()]

        lane = min(self._readers, key=_load)
        try:
            return await lane.do(work)
        except FAULTS as error:
            raise explain(error, self._path) from error

    def _connect_writer(self) -> sqlite3.Connection:
        connection = open_for_writing(self._path)
        self._opened = self._path.stat()
        return connection

    def _prove_writable(self, connection: sqlite3.Connection) -> None:
        # SQLite goes on writing to a file that was deleted: nobody would find that again.
        if not os.path.samestat(self._path.stat(), self._opened):
            raise StorageError(
                f"The ledger at {self._path} was replaced by another file while it was open.",
                hint="Stop clawdforge, put the right file there and start again.",
            )
        writes.execute(sql.PROVE_WRITABLE, {}, connection)


def _load(lane: Lane) -> int:
    return lane.load


def _first_name(row: Row) -> str:
    name: str = row["stored_name"]
    return name
