"""Keeps the registry on disk, so that a new start of the monitor knows what the last one knew."""

import asyncio
import logging
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import TracebackType
from typing import Self, TypeVar

import msgspec

from clawdforge.core.observed.kept import Kept
from clawdforge.core.observed.registry import Registry
from clawdforge.monitor.monitor import now
from clawdforge.monitor.sources import procfs
from clawdforge.tasks import TaskOwner

log = logging.getLogger(__name__)

T = TypeVar("T")

EVERY_SECS = 5.0
MAX_BYTES = 256 * 1024 * 1024
VERSION = 1


class _File(msgspec.Struct, frozen=True, kw_only=True):
    version: int
    sessions: list[Kept]


class Snapshot:
    """Writes what has changed now and then, and in the end.

    Args:
        path: The file; its folder is there.
        registry: What is kept.
        every_secs: How often it is looked whether something has changed.
    """

    def __init__(self, path: Path, registry: Registry, *, every_secs: float = EVERY_SECS) -> None:
        self._path = path
        self._registry = registry
        self._every_secs = every_secs
        self._written = b""
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="monitor-snapshot")
        self._owner = TaskOwner()

    async def __aenter__(self) -> Self:
        data = await self._off_loop(self._read)
        if data is not None:
            self._restore(data)
        self._owner.start(self._keep(), name="snapshot")
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._owner.cancel()
        await self._save()
        self._thread.shutdown(wait=False, cancel_futures=True)

    def _restore(self, data: bytes) -> None:
        try:
            kept = msgspec.json.decode(data, type=_File)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            log.warning("the snapshot cannot be read: sessions are found anew")
            return
        if kept.version == VERSION:
            self._registry.restore(
                kept.sessions, lambda process: procfs.identity(process.pid) == process, now()
            )

    async def _keep(self) -> None:
        while True:
            await asyncio.sleep(self._every_secs)
            await self._save()

    async def _save(self) -> None:
        data = msgspec.json.encode(_File(version=VERSION, sessions=self._registry.snapshot()))
        if data != self._written:
            self._written = data
            await self._off_loop(self._write, data)

    def _read(self) -> bytes | None:
        try:
            with self._path.open("rb") as file:
                return file.read(MAX_BYTES)
        except OSError:
            return None

    def _write(self, data: bytes) -> None:
        made = self._path.with_name(f".{self._path.name}.{os.getpid()}")
        try:
            made.unlink(missing_ok=True)
            number = os.open(made, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(number, "wb") as file:
                file.write(data)
            made.replace(self._path)
        except OSError as error:
            log.warning("the snapshot was not written", extra={"reason": str(error)})

    async def _off_loop(self, work: Callable[..., T], *values: object) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, work, *values)
