"""The port of the ledger. Implementations pass `clawdforge.testing.ledger_contract`.

Rules for every implementation:

* A write that returned is durable: it survives `kill -9` and a power cut.
* Nothing blocks the event loop: no disk access on its thread.
* A cancelled write may or may not have happened, but never half.
* Writes from one task happen in the order in which they were awaited.
* Errors of the storage (full, read-only, damaged, gone) are `StorageError`s.
* Ids, token digests and stored names are unique: a second one is a `ConflictError`, and
  nothing is written. A value that cannot be kept, such as text that is no Unicode, is an
  `InputError`.
* Before it was opened and after it was closed, every call is a `StorageError`. Closing twice is
  harmless; what was closed may be opened again, and has everything that was written.
"""

from collections.abc import Collection, Mapping, Sequence
from types import TracebackType
from typing import Protocol, Self

from clawdforge.core.records import App, AuditEntry, Run, RunEnd, RunStart, StoredFile
from clawdforge.store.history import History
from clawdforge.store.session_ledger import SessionLedger


class Ledger(SessionLedger, History, Protocol):
    """Opened and closed by the server, as an async context manager."""

    async def __aenter__(self) -> Self:
        """Open, and bring the tables up to date.

        Raises:
            LedgerCorruptError: the file is damaged, or is not a ledger.
            StorageError: it cannot be opened, or a newer clawdforge wrote it.
        """
        ...

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Finish the writes that were handed in, then close."""
        ...

    async def check(self) -> None:
        """Prove that a write could be made durable now (for readiness).

        Raises:
            StorageError: it could not.
        """
        ...

    # Apps: few, so all are read at once and kept in memory by the gateway.

    async def add_app(self, app: App, audit: AuditEntry) -> None:
        """Add an app and its audit entry, both or neither.

        Raises:
            ConflictError: an app of that name exists and is not revoked.
        """
        ...

    async def live_apps(self) -> Sequence[App]:
        """All apps that are not revoked, by name."""
        ...

    async def revoke_app(self, name: str, audit: AuditEntry) -> bool:
        """Revoke the live app of that name at `audit.at`.

        False, and no audit entry, when there is none.
        """
        ...

    async def touch_apps(self, last_used: Mapping[str, int]) -> None:
        """Note when apps (by `app_id`) were last used; never moves a time backwards.

        Apps that are not known are passed over.
        """
        ...

    # Files

    async def add_file(self, file: StoredFile, audit: AuditEntry) -> None:
        """Add a file and its audit entry, both or neither."""
        ...

    async def find_files(
        self, app_id: str, digests: Collection[str], now: int
    ) -> Mapping[str, StoredFile]:
        """The app's files with these token digests that have not expired, by digest."""
        ...

    async def expired_files(self, now: int) -> Sequence[StoredFile]:
        """Files with `expires_at <= now`, oldest first, at most 1,000."""
        ...

    async def forget_files(self, digests: Collection[str]) -> None:
        """Remove rows, after the files themselves were removed."""
        ...

    async def file_names(self) -> Collection[str]:
        """Every `stored_name`, so that strays on the disk can be told apart."""
        ...

    # Runs

    async def start_run(self, run: RunStart) -> None:
        """Record that a run is under way."""
        ...

    async def end_run(self, run_id: str, end: RunEnd) -> bool:
        """Record how a run ended; False when it had ended already or is unknown."""
        ...

    async def run(self, app_id: str, run_id: str) -> Run | None:
        """One run of the app, or None (also for another app's)."""
        ...

    async def runs(
        self, app_id: str, *, limit: int, before: tuple[int, str] | None = None
    ) -> Sequence[Run]:
        """The app's runs, newest first by (started_at, run_id).

        `before`: only those that sort after this (started_at, run_id), for paging.
        """
        ...

    async def interrupt_runs(self, now: int) -> Sequence[str]:
        """End every run that is still `running` as `interrupted`; their ids, oldest first.

        Called once at start, before any new run: what still runs then was left by a server
        that died. Writes an audit entry `run.interrupted` (actor `server`) for each.
        """
        ...

    # Audit

    async def audit(self, entry: AuditEntry) -> None:
        """Add an entry."""
        ...

    async def audit_entries(self, *, limit: int, action: str | None = None) -> Sequence[AuditEntry]:
        """The newest entries, newest first, optionally of one action."""
        ...
