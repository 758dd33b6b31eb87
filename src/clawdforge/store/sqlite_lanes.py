"""The lanes to one SQLite file: one that writes, two that read; opened and closed together."""

# ruff: noqa: D102 - the port says what each method promises

import functools
import os
import sqlite3
import time
from collections.abc import Callable
from contextlib import AsyncExitStack
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

from clawdforge.errors import StorageError
from clawdforge.store import statements as sql
from clawdforge.store import writes
from clawdforge.store.faults import FAULTS, explain
from clawdforge.store.lane import Lane
from clawdforge.store.news import News
from clawdforge.store.opening import open_for_reading, open_for_writing
from clawdforge.store.writer import answer_each, commit_together

T = TypeVar("T")

READERS = 2
_WRITE_BATCH = 256
_WRITE_ROOM = 1024
_READ_BATCH = 8
_READ_ROOM = 256


class SqliteLanes:
    """What the parts of the ledger share: the file, its lanes, its news and its clock.

    Args:
        path: the ledger's file, in a folder that is there. It is made when missing.
        clock: the time that leases are compared with, in seconds since 1970.
    """

    def __init__(self, path: Path, *, clock: Callable[[], float] = time.time) -> None:
        self._path = path
        self._clock = clock
        self._news = News()
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
            # The news last: writes that are finished while closing are still told of.
            stack.callback(self._news.end)
            # The writer first: it makes the file. And so it closes last, and tidies up.
            for lane in (self._writer, *self._readers):
                try:
                    await lane.open()
                except FAULTS as error:
                    raise explain(error, self._path) from error
                stack.push_async_callback(lane.close)
            self._news.begin()
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

    async def _write(
        self,
        work: Callable[[sqlite3.Connection], T],
        then: Callable[[T], object] | None = None,
    ) -> T:
        try:
            return await self._writer.do(work, then)
        except FAULTS as error:
            raise explain(error, self._path) from error

    async def _list(
        self, record_of: Callable[[sqlite3.Row], T], query: str, **values: Any
    ) -> list[T]:
        def work(connection: sqlite3.Connection) -> list[T]:
            return [record_of(row) for row in connection.execute(query, values).fetchall()]

        lane = min(self._readers, key=_load)
        try:
            return await lane.do(work)
        except FAULTS as error:
            raise explain(error, self._path) from error

    async def _find(
        self, record_of: Callable[[sqlite3.Row], T], query: str, **values: Any
    ) -> T | None:
        found = await self._list(record_of, query, **values)
        return found[0] if found else None

    def _now_ms(self) -> int:
        return int(self._clock() * 1000)

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
