"""Hands new events to those who watch a session. Publishing never waits for a reader."""

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Callable, Iterator, Sequence
from contextlib import contextmanager
from enum import Enum

from clawdforge.core.session_records import StoredEvent
from clawdforge.errors import BusyError
from clawdforge.store.session_ledger import SessionLedger

MAX_BEHIND = 2048
"""Events that may wait for a reader; with more it is told that it lags, and let go."""
MAX_BEHIND_CHARS = 64 * 1024 * 1024
"""The same for what is in them; one event may be as large."""
PAGE = 500


class End(Enum):
    """Why there is no more to follow."""

    CLOSED = "closed"
    """The session was closed."""
    LAGGED = "lagged"
    STOPPING = "stopping"
    """The server stops."""


class Subscription:
    """What was published since it began, in order."""

    def __init__(self) -> None:
        self._waiting: deque[StoredEvent] = deque()
        self._chars = 0
        self._news = asyncio.Event()
        self.end: End | None = None

    def put(self, events: Sequence[StoredEvent]) -> None:
        """Hand in new events, unless the reader has been let go."""
        if self.end is None:
            self._waiting.extend(events)
            self._chars += sum(len(event.body) for event in events)
            if len(self._waiting) > MAX_BEHIND or self._is_too_much:
                self._waiting.clear()
                self.end = End.LAGGED
            self._news.set()

    def finish(self, end: End) -> None:
        """There will be no more."""
        self.end = self.end or end
        self._news.set()

    async def take(self) -> Sequence[StoredEvent]:
        """Wait for events; empty: it is over, and `end` says why."""
        while not self._waiting and self.end is None:
            self._news.clear()
            await self._news.wait()
        taken = tuple(self._waiting)
        self._waiting.clear()
        self._chars = 0
        return taken

    @property
    def _is_too_much(self) -> bool:
        return self._chars > MAX_BEHIND_CHARS and len(self._waiting) > 1


class Hub:
    """Who watches what, on this server.

    Args:
        max_readers: How many may watch at once.
    """

    def __init__(self, *, max_readers: int) -> None:
        self._max_readers = max_readers
        self.tap: Callable[[str, Sequence[StoredEvent]], None] = lambda _id, _events: None
        """Called with whatever is published; must not wait."""
        self._readers: dict[str, set[Subscription]] = {}
        self._count = 0
        self._stopping = False

    @property
    def readers(self) -> int:
        """How many watch."""
        return self._count

    def publish(self, session_id: str, events: Sequence[StoredEvent]) -> None:
        """Hand out events that are durable."""
        self.tap(session_id, events)
        for reader in self._readers.get(session_id, ()):
            reader.put(events)

    def close(self) -> None:
        """Tell all readers that the server stops."""
        self._stopping = True
        for readers in self._readers.values():
            for reader in readers:
                reader.finish(End.STOPPING)

    def require_room(self) -> None:
        """Refuse when as many watch as may.

        Raises:
            BusyError: they do (`readers_full`).
        """
        if self._count >= self._max_readers:
            msg = f"{self._count} readers follow events already; try again later"
            raise BusyError(msg, code="readers_full", retry_after_secs=10)

    @contextmanager
    def subscribed(self, session_id: str) -> Iterator[Subscription]:
        """Watch a session for the length of a block.

        Raises:
            BusyError: too many watch already.
        """
        self.require_room()
        subscription = Subscription()
        if self._stopping:
            subscription.finish(End.STOPPING)
        readers = self._readers.setdefault(session_id, set())
        readers.add(subscription)
        self._count += 1
        try:
            yield subscription
        finally:
            self._count -= 1
            readers.discard(subscription)
            if not readers:
                self._readers.pop(session_id, None)


async def follow(
    ledger: SessionLedger,
    subscription: Subscription,
    session_id: str,
    after: int,
    *,
    is_closed: bool = False,
) -> AsyncGenerator[Sequence[StoredEvent] | End, None]:
    """The session's events from `after` on, for ever: first what is stored, then what comes.

    No gap and no repeat: the subscription began before the first page is read, and what it
    has in common with the pages is passed over. The last thing that comes is an `End`; it comes
    at once when the session `is_closed` and nothing is stored beyond `after`.
    """
    last = after
    while page := await ledger.read(session_id, after=last, limit=PAGE):
        last, is_closed = page[-1].seq, page[-1].type == "session_closed"
        yield page
        if len(page) < PAGE:
            break
    if is_closed:
        yield End.CLOSED
        return
    while events := await subscription.take():
        fresh = [event for event in events if event.seq > last]
        if not fresh:
            continue
        last = fresh[-1].seq
        yield fresh
        if fresh[-1].type == "session_closed":
            yield End.CLOSED
            return
    yield subscription.end or End.STOPPING
