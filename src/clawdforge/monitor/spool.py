"""Takes in what hooks left while no monitor was there, in the order in which it happened.

A hook that finds nobody appends its line to a file of this folder (`*.jsonl`). A file is taken by
giving it another name, so that nothing is read twice and nothing is lost between reading and
removing it.
"""

import asyncio
import logging
import os
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from clawdforge.core.observed.registry import RegistryFullError
from clawdforge.core.observed.signals import Hook, StatusLine
from clawdforge.monitor.monitor import Monitor, now
from clawdforge.monitor.sources import procfs
from clawdforge.monitor.sources.inotify import Inotify
from clawdforge.tasks import TaskOwner
from clawdforge.wire import atm

log = logging.getLogger(__name__)

RESCAN_SECS = 10.0
MAX_BYTES = 32 * 1024 * 1024
_TAKEN = ".taken"
_TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class _Heard:
    at: float
    data: StatusLine | Hook


class Spool:
    """Watches the folder.

    Args:
        folder: Where hooks leave their lines; it is made (0700), so that they can.
        monitor: Who is told.
        rescan_secs: How often it is looked into, for what was not told.
    """

    def __init__(self, folder: Path, monitor: Monitor, *, rescan_secs: float = RESCAN_SECS) -> None:
        self._folder = folder
        self._monitor = monitor
        self._rescan_secs = rescan_secs
        self._wanted = asyncio.Event()
        self._inotify = Inotify(self._noticed)
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="monitor-spool")
        self._owner = TaskOwner()

    async def __aenter__(self) -> Self:
        loop = asyncio.get_running_loop()
        await loop.run_in_executor(self._thread, self._make)
        await self._inotify.__aenter__()
        self._inotify.watch(self._folder)
        self._wanted.set()
        self._owner.start(self._work(), name="spool")
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._owner.cancel()
        await self._inotify.__aexit__(kind, error, trace)
        self._thread.shutdown(wait=False, cancel_futures=True)

    def _noticed(self, _: Path, name: str) -> None:
        if name.endswith(".jsonl"):
            self._wanted.set()

    async def _work(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            self._wanted.clear()
            lines = await loop.run_in_executor(self._thread, self._take)
            if lines:
                self._tell(lines)
                await loop.run_in_executor(self._thread, self._remove)
            try:
                async with asyncio.timeout(self._rescan_secs):
                    await self._wanted.wait()
            except TimeoutError:
                continue

    def _tell(self, lines: list[bytes]) -> None:
        heard = [one for line in lines if (one := _read(line)) is not None]
        for one in sorted(heard, key=lambda one: one.at):
            pid = one.data.pid
            if not pid or not _was_there(pid, one.at):
                continue  # whoever said it is gone
            try:
                if isinstance(one.data, StatusLine):
                    self._monitor.status_line(one.data, now())
                else:
                    self._monitor.hook(one.data, now())
            except RegistryFullError:
                break
        self._monitor.changed()
        log.info("told of what happened before", extra={"lines": len(lines)})

    # In the thread

    def _make(self) -> None:
        try:
            self._folder.mkdir(parents=True, mode=0o700, exist_ok=True)
        except OSError as error:
            log.warning("there is no folder for late hooks", extra={"reason": str(error)})

    def _take(self) -> list[bytes]:
        lines: list[bytes] = []
        try:
            found = sorted(self._folder.iterdir())
        except OSError:
            return lines
        for path in found:
            taken = path
            if path.suffix == ".jsonl":
                taken = path.with_name(f"{path.name}.{time.monotonic_ns()}{_TAKEN}")
                path.rename(taken)
            if taken.name.endswith(_TAKEN):
                with taken.open("rb") as file:
                    lines += file.read(MAX_BYTES).splitlines()
        return lines

    def _remove(self) -> None:
        for path in self._folder.iterdir():
            if path.name.endswith(_TAKEN):
                path.unlink(missing_ok=True)


def _read(line: bytes) -> _Heard | None:
    try:
        request = atm.read_request(line)
    except atm.WireError:
        return None
    if not isinstance(request, atm.StatusUpdate | atm.HookEvent):
        return None
    sent_at = getattr(request.data, "sent_at", None)
    at = float(sent_at) if isinstance(sent_at, int | float) else 0.0
    return _Heard(at, request.data)


def _was_there(pid: int, at: float) -> bool:
    """Whether the process that has this pid now is the one that had it then."""
    process = procfs.identity(pid)
    if process is None:
        return False
    started = time.time() - time.clock_gettime(time.CLOCK_BOOTTIME) + process.start / _TICKS
    return at == 0.0 or started <= at + 1.0
