"""One thread with one database connection, and the crossing between it and the event loop.

The loop hands jobs in, the thread takes whatever waited, does it, and tells the loop once for
all of it. So a busy lane costs one wake-up of the loop for many jobs, an idle one nothing.
"""

import asyncio
import contextlib
import queue
import sqlite3
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from clawdforge.errors import StorageError

T = TypeVar("T")


@dataclass(slots=True, eq=False)
class Job:
    """Something to do with the connection, and what came of it."""

    work: Callable[[sqlite3.Connection], Any]
    reply: asyncio.Future[Any]
    then: Callable[[Any], object] | None = None
    result: Any = None
    error: Exception | None = None


class Lane:
    """A thread that owns a connection, from `open` to `close`; it may be opened again.

    Args:
        name: the thread's name.
        connect: opens the connection, on the lane's thread.
        perform: does some jobs and sets their `result` or `error`. What it raises becomes the
            error of all of them that have none.
        batch: how many jobs `perform` gets at most.
        room: how many jobs may be under way or waiting; who brings more waits for room.
    """

    def __init__(
        self,
        name: str,
        connect: Callable[[], sqlite3.Connection],
        perform: Callable[[sqlite3.Connection, Sequence[Job]], None],
        *,
        batch: int,
        room: int,
    ) -> None:
        self._name = name
        self._connect = connect
        self._perform = perform
        self._batch = batch
        self._size = room
        self._accepting = False
        self._thread: threading.Thread | None = None
        self.load = 0
        """How many jobs are under way or waiting."""

    async def open(self) -> None:
        """Start the thread and wait until it is connected.

        Raises:
            Exception: whatever `connect` raised.
        """
        self._loop = asyncio.get_running_loop()
        self._queue: queue.SimpleQueue[Job | None] = queue.SimpleQueue()
        self._room = asyncio.Semaphore(self._size)
        self._ended = self._loop.create_future()
        opened: asyncio.Future[None] = self._loop.create_future()
        self._thread = threading.Thread(
            target=self._main,
            args=(opened,),
            name=self._name,
            daemon=True,  # an exit without `close` loses nothing that was acknowledged
        )
        self._thread.start()
        try:
            await asyncio.shield(opened)
        except BaseException:
            await self.close()
            raise
        self._accepting = True

    async def close(self) -> None:
        """Finish what was handed in, disconnect and end the thread. Harmless when closed.

        A cancellation is passed on, but only after that.
        """
        if self._thread is None:
            return
        self._accepting = False
        self._queue.put(None)
        await _outlast(self._ended)
        # Not `join`, which would block the loop. The thread has told us with its last act, so
        # it is gone in microseconds, and there is no event for that to wait for.
        while self._thread.is_alive():  # noqa: ASYNC110
            await asyncio.sleep(0)

    async def do(
        self,
        work: Callable[[sqlite3.Connection], T],
        then: Callable[[T], object] | None = None,
    ) -> T:
        """Let the thread do some work, after all that was handed in before.

        When the caller is cancelled meanwhile, the work may still be done.

        Args:
            work: what is done with the connection, on the thread.
            then: called on the loop with what came of it, once it is done for good; also when
                the caller was cancelled meanwhile. It must not raise.

        Raises:
            StorageError: the lane is not open.
            Exception: whatever the work raised.
        """
        self._require_open()
        await self._room.acquire()
        try:
            self._require_open()
        except StorageError:
            self._room.release()
            raise
        job = Job(work, self._loop.create_future(), then)
        self.load += 1
        self._queue.put(job)
        result: T = await job.reply
        return result

    def _require_open(self) -> None:
        if not self._accepting:
            raise StorageError(
                "The ledger is not open.", hint="This is normal while the server stops."
            )

    def _main(self, opened: asyncio.Future[None]) -> None:
        try:
            connection = self._connect()
        except Exception as error:  # noqa: BLE001 - it is raised where the lane is opened
            self._tell(_fail, opened, error)
        else:
            self._tell(opened.set_result, None)
            with contextlib.closing(connection):
                self._serve(connection)
        self._tell(self._ended.set_result, None)

    def _serve(self, connection: sqlite3.Connection) -> None:
        more = True
        while more:
            jobs, more = self._take()
            try:
                self._perform(connection, jobs)
            except Exception as error:  # noqa: BLE001 - it is raised where the job came from
                for job in jobs:
                    job.error = job.error or error
            self._tell(self._settle, jobs)

    def _take(self) -> tuple[list[Job], bool]:
        """Wait for work and take what there is; and whether more may come."""
        jobs: list[Job] = []
        job = self._queue.get()
        while job is not None:
            jobs.append(job)
            if len(jobs) == self._batch:
                return jobs, True
            try:
                job = self._queue.get_nowait()
            except queue.Empty:
                return jobs, True
        return jobs, False

    def _settle(self, jobs: Sequence[Job]) -> None:
        self.load -= len(jobs)
        for job in jobs:
            self._room.release()
            if job.then is not None and job.error is None:
                job.then(job.result)
            if job.reply.done():  # whoever waited was cancelled
                continue
            if job.error is None:
                job.reply.set_result(job.result)
            else:
                job.reply.set_exception(job.error)

    def _tell(self, what: Callable[..., object], *about: Any) -> None:
        # A loop that was closed with the ledger open has nobody left to tell.
        with contextlib.suppress(RuntimeError):
            self._loop.call_soon_threadsafe(what, *about)


def _fail(future: asyncio.Future[None], error: Exception) -> None:
    future.set_exception(error)


async def _outlast(future: asyncio.Future[None]) -> None:
    """Wait for the future even when cancelled meanwhile; be cancelled after that."""
    cancelled: asyncio.CancelledError | None = None
    while not future.done():
        try:
            await asyncio.shield(future)
        except asyncio.CancelledError as error:
            cancelled = error
    if cancelled is not None:
        raise cancelled
