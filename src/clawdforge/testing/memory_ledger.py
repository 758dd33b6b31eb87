"""A ledger in plain dicts, for tests and for measuring what the real one costs.

It keeps the port's promises but one: nothing is durable beyond the object itself.
"""

# ruff: noqa: D102 - the port says what each method promises

import heapq
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace

from clawdforge.core.records import App, AuditEntry, Run, RunEnd, RunStart, StoredFile
from clawdforge.errors import ConflictError
from clawdforge.store.rows import interrupted, interruption
from clawdforge.testing.memory_base import entry_as_kept, object_as_kept, require_text
from clawdforge.testing.memory_history import MemoryHistory

_EXPIRED_AT_ONCE = 1000


class MemoryLedger(MemoryHistory):
    """The port `Ledger` in memory. Closed and opened again, it still has what was written.

    Args:
        clock: the time that leases are compared with, in seconds since 1970.
    """

    def __init__(self, *, clock: Callable[[], float] = time.time) -> None:
        super().__init__(clock=clock)
        self._apps: dict[str, App] = {}
        self._files: dict[str, StoredFile] = {}

    async def check(self) -> None:
        self._require_open()

    async def add_app(self, app: App, audit: AuditEntry) -> None:
        self._require_open()
        require_text(app)
        entry = entry_as_kept(audit)
        if any(known.name == app.name for known in self._live()):
            raise ConflictError(f"There is an app named {app.name!r} already.")
        taken = any(known.token_digest == app.token_digest for known in self._apps.values())
        if taken or app.app_id in self._apps:
            raise ConflictError("There is such an app already.")
        policy = None if app.policy is None else object_as_kept(app.policy)
        self._apps[app.app_id] = replace(app, policy=policy)
        self._audit.append(entry)

    async def live_apps(self) -> Sequence[App]:
        self._require_open()
        return sorted(self._live(), key=lambda app: app.name)

    async def revoke_app(self, name: str, audit: AuditEntry) -> bool:
        self._require_open()
        entry = entry_as_kept(audit)
        app = next((app for app in self._live() if app.name == name), None)
        if app is None:
            return False
        self._apps[app.app_id] = replace(app, revoked_at=audit.at)
        self._audit.append(entry)
        return True

    async def touch_apps(self, last_used: Mapping[str, int]) -> None:
        self._require_open()
        for app_id, at in last_used.items():
            app = self._apps.get(app_id)
            if app is not None:
                self._apps[app_id] = replace(app, last_used_at=max(app.last_used_at or 0, at))

    async def add_file(self, file: StoredFile, audit: AuditEntry) -> None:
        self._require_open()
        require_text(file)
        entry = entry_as_kept(audit)
        taken = any(known.stored_name == file.stored_name for known in self._files.values())
        if taken or file.token_digest in self._files:
            raise ConflictError("There is such a file already.")
        self._files[file.token_digest] = file
        self._audit.append(entry)

    async def find_files(
        self, app_id: str, digests: Collection[str], now: int
    ) -> Mapping[str, StoredFile]:
        self._require_open()
        found = {digest: self._files[digest] for digest in digests if digest in self._files}
        return {
            digest: file
            for digest, file in found.items()
            if file.app_id == app_id and file.expires_at > now
        }

    async def expired_files(self, now: int) -> Sequence[StoredFile]:
        self._require_open()
        expired = (file for file in self._files.values() if file.expires_at <= now)
        return heapq.nsmallest(
            _EXPIRED_AT_ONCE, expired, key=lambda file: (file.expires_at, file.token_digest)
        )

    async def forget_files(self, digests: Collection[str]) -> None:
        self._require_open()
        for digest in digests:
            self._files.pop(digest, None)

    async def file_names(self) -> Collection[str]:
        self._require_open()
        return frozenset(file.stored_name for file in self._files.values())

    async def start_run(self, run: RunStart) -> None:
        self._require_open()
        require_text(run)
        if run.run_id in self._runs:
            raise ConflictError("There is such a run already.")
        self._runs[run.run_id] = Run(start=run)

    async def end_run(self, run_id: str, end: RunEnd) -> bool:
        self._require_open()
        require_text(end)
        run = self._runs.get(run_id)
        if run is None or run.end is not None:
            return False
        self._runs[run_id] = replace(run, end=end)
        return True

    async def run(self, app_id: str, run_id: str) -> Run | None:
        self._require_open()
        run = self._runs.get(run_id)
        return run if run is not None and run.start.app_id == app_id else None

    async def runs(
        self, app_id: str, *, limit: int, before: tuple[int, str] | None = None
    ) -> Sequence[Run]:
        self._require_open()
        found = (
            run
            for run in self._runs.values()
            if run.start.app_id == app_id and (before is None or _order(run) < before)
        )
        return heapq.nlargest(limit, found, key=_order)

    async def interrupt_runs(self, now: int) -> Sequence[str]:
        self._require_open()
        running = sorted((run for run in self._runs.values() if run.end is None), key=_order)
        for run in running:
            start = run.start
            self._runs[start.run_id] = replace(run, end=interrupted(start.started_at, now))
            self._audit.append(interruption(start.run_id, start.app_name, now))
        return [run.start.run_id for run in running]

    async def audit(self, entry: AuditEntry) -> None:
        self._require_open()
        self._audit.append(entry_as_kept(entry))

    async def audit_entries(self, *, limit: int, action: str | None = None) -> Sequence[AuditEntry]:
        self._require_open()
        found = [entry for entry in self._audit if action is None or entry.action == action]
        return found[::-1][:limit]

    def _live(self) -> list[App]:
        return [app for app in self._apps.values() if app.revoked_at is None]


def _order(run: Run) -> tuple[int, str]:
    return run.start.started_at, run.start.run_id
