"""The ledger in one SQLite file: its apps, files, runs and audit. The sessions are beside it."""

# ruff: noqa: D102 - the port says what each method promises

import functools
import json
from collections.abc import Collection, Mapping, Sequence

from clawdforge.core.records import App, AuditEntry, Run, RunEnd, RunStart, StoredFile
from clawdforge.store import statements as sql
from clawdforge.store import writes
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
from clawdforge.store.sqlite_history import SqliteHistory
from clawdforge.store.sqlite_sessions import SqliteSessions


class SqliteLedger(SqliteSessions, SqliteHistory):
    """The port `Ledger` on SQLite; see there for what each method promises.

    Args:
        path: the ledger's file, in a folder that is there. It is made when missing.
        clock: the time that leases are compared with, in seconds since 1970.
    """

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
        return await self._find(run_of, sql.RUN, app_id=app_id, run_id=run_id)

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


def _first_name(row: Row) -> str:
    name: str = row["stored_name"]
    return name
