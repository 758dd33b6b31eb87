"""Sees processes end: at once by a pidfd where the kernel has it, else by looking every 2 s."""

import asyncio
import os
import sys
from collections.abc import Callable
from types import TracebackType
from typing import Self

from clawdforge.core.observed.signals import ProcessId
from clawdforge.monitor.sources import procfs
from clawdforge.tasks import TaskOwner

POLL_SECS = 2.0


class Liveness:
    """Watches processes that are not our children.

    Args:
        died: Called on the event loop, once for each process that has ended.
        poll_secs: How often those are looked at that have no pidfd.
    """

    def __init__(self, died: Callable[[ProcessId], None], *, poll_secs: float = POLL_SECS) -> None:
        self._died = died
        self._poll_secs = poll_secs
        self._fds: dict[ProcessId, int] = {}
        self._polled: set[ProcessId] = set()
        self._polling = False
        self._owner = TaskOwner()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._owner.cancel()
        for process in list(self._fds):
            self.forget(process)

    def watch(self, process: ProcessId) -> None:
        """Begin to watch it; one that has ended already is told of soon. Again: nothing."""
        if process in self._fds or process in self._polled:
            return
        number = _open(process.pid)
        if number is None:
            self._polled.add(process)
            if not self._polling:
                self._polling = True
                self._owner.start(self._poll(), name="liveness")
            return
        self._fds[process] = number
        loop = asyncio.get_running_loop()
        # Only now: the pid may have been given to another process before it was opened.
        if procfs.identity(process.pid) == process:
            loop.add_reader(number, self._ended, process)
        else:
            loop.call_soon(self._ended, process)

    def forget(self, process: ProcessId) -> None:
        """Watch it no longer."""
        self._polled.discard(process)
        number = self._fds.pop(process, None)
        if number is not None:
            asyncio.get_running_loop().remove_reader(number)
            os.close(number)

    def _ended(self, process: ProcessId) -> None:
        if process in self._fds:
            self.forget(process)
            self._died(process)

    async def _poll(self) -> None:
        while self._polled:
            for process in list(self._polled):
                if procfs.identity(process.pid) != process:
                    self._polled.discard(process)
                    self._died(process)
            await asyncio.sleep(self._poll_secs)
        self._polling = False


def _open(pid: int) -> int | None:
    if sys.platform != "linux":
        return None
    try:
        return os.pidfd_open(pid)
    except OSError:  # too old a kernel, too many open files, or gone
        return None
