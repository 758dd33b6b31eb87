"""Owning tasks: every task has a name and somebody who keeps it and sees its end."""

import asyncio
import logging
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")
log = logging.getLogger(__name__)


class TaskOwner:
    """Keeps background tasks alive, logs those that fail, and ends them all on request."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[Any]] = set()

    def start(
        self, work: Coroutine[Any, Any, T], *, name: str, awaited: bool = False
    ) -> asyncio.Task[T]:
        """Run `work` as a task of this owner.

        Args:
            work: What to run.
            name: For people who look at tasks, and for the log.
            awaited: Somebody awaits the task and deals with its failure: it is not logged.
        """
        task = asyncio.get_running_loop().create_task(work, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard if awaited else self._seen)
        return task

    @property
    def busy(self) -> bool:
        """Whether a task of this owner still runs."""
        return bool(self._tasks)

    async def wait(self) -> None:
        """Wait until no task is left, also those that are started meanwhile."""
        while self._tasks:
            await asyncio.wait(self._tasks)

    async def cancel(self) -> None:
        """Cancel what still runs and wait for its end."""
        for task in self._tasks:
            task.cancel()
        await self.wait()

    def _seen(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("a background task failed", exc_info=error, extra={"task": task.get_name()})


async def finish(task: asyncio.Task[T]) -> T:
    """The result of `task`, awaited to its end however often the caller is cancelled.

    The cancellation is passed on afterwards, so it is never lost: only late.
    """
    cancelled: asyncio.CancelledError | None = None
    while not task.done():
        try:
            await asyncio.wait({task})
        except asyncio.CancelledError as error:
            cancelled = error
    if cancelled is not None:
        if not task.cancelled():
            task.exception()  # retrieved: it must not be reported as never seen
        raise cancelled
    return task.result()
