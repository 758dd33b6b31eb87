"""The newest view of each session, numbered, for readers who come, fall behind and come back.

A reader says the last number that it has, and gets what has changed since, each session once.
Nothing is kept for it meanwhile.
"""

import asyncio
import secrets
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import takewhile

from clawdforge.monitor.publishing import Round

UPDATED = b'{"type":"session_updated","session":'
END = b"}\n"
MAX_GONE = 10_000
"""Sessions that are gone and still told of to those who come back."""
MIN_PAUSE_SECS = 0.02
"""Between two batches for one reader: what changes faster is told once."""


@dataclass(frozen=True, slots=True)
class Position:
    """How far a reader has come: the number of the last change, of that monitor's life."""

    epoch: str
    number: int

    def __str__(self) -> str:
        return f"{self.epoch}-{self.number}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """What is new to a reader."""

    position: Position
    views: dict[str, bytes | None] = field(repr=False)
    """By session id: its view as JSON; None when it is gone."""
    is_whole: bool = False
    """These are all sessions there are, whatever was told before."""


def position_of(text: str) -> Position | None:
    """A position from its text; None when it is none."""
    epoch, _, number = text.rpartition("-")
    if epoch and number.isascii() and number.isdecimal() and len(number) <= 18:
        return Position(epoch, int(number))
    return None


class Feed:
    """Follows a monitor, and is followed."""

    def __init__(self) -> None:
        self._epoch = secrets.token_hex(4)
        self._number = 0
        self._views: dict[str, bytes] = {}
        self._changed: dict[str, int] = {}
        """When each last changed, the latest last."""
        self._gone: dict[str, int] = {}
        self._elsewhere: set[str] = set()
        """Those that run on other machines."""
        self._forgotten = 0
        """Up to this number it is not known any more who is gone."""
        self._news = asyncio.Event()
        self._closed = False

    @property
    def position(self) -> Position:
        """Where it stands."""
        return Position(self._epoch, self._number)

    @property
    def count(self) -> int:
        """How many sessions there are."""
        return len(self._views)

    def views(self) -> list[bytes]:
        """All sessions, as JSON."""
        return list(self._views.values())

    def view(self, session_id: str) -> bytes | None:
        """One session, as JSON; None: there is no such session."""
        return self._views.get(session_id)

    # From the monitor

    def publish(self, made: Round) -> None:
        """Something changed: see `Follower`."""
        for session_id, line in made.lines.items():
            self._take(session_id, line)
        self._wake()

    def take(self, session_id: str, line: bytes) -> None:
        """A session has changed, or is gone, as a line of the monitor's socket says."""
        self._take(session_id, line)
        self._wake()

    def replace(self, views: dict[str, bytes]) -> None:
        """These are all sessions there are on this machine."""
        for session_id in self._views.keys() - views.keys() - self._elsewhere:
            self._remove(session_id)
        for session_id, view in views.items():
            if self._views.get(session_id) != view:
                self._update(session_id, view)
        self._wake()

    def put(self, views: Mapping[str, bytes | None]) -> None:
        """These have changed on another machine; None: that one is gone."""
        for session_id, view in views.items():
            if view is not None:
                self._elsewhere.add(session_id)
                self._update(session_id, view)
            elif session_id in self._elsewhere:
                self._elsewhere.discard(session_id)
                self._remove(session_id)
        self._wake()

    def close(self) -> None:
        """There will be no more: readers are let go."""
        self._closed = True
        self._wake()

    # To readers

    async def follow(self, after: Position | None) -> AsyncIterator[Batch]:
        """What has changed since, and then what changes, until it is closed.

        The first batch comes at once. It has all sessions when `after` is None, or of another
        life of the monitor, or too long ago.
        """
        batch = self._since(after)
        yield batch
        while not self._closed:
            if self._number == batch.position.number:
                await self._news.wait()
                continue  # also what came while we paused is news
            batch = self._since(batch.position)
            yield batch
            await asyncio.sleep(MIN_PAUSE_SECS)

    def _since(self, after: Position | None) -> Batch:
        known = (
            after is not None
            and after.epoch == self._epoch
            and self._forgotten <= after.number <= self._number
        )
        if after is None or not known:
            return Batch(position=self.position, views=dict(self._views), is_whole=True)
        news: dict[str, bytes | None] = {}
        for session_id in _later(self._gone, after.number):
            news[session_id] = None
        for session_id in reversed(list(_later(self._changed, after.number))):
            news[session_id] = self._views[session_id]
        return Batch(position=self.position, views=news)

    def _take(self, session_id: str, line: bytes) -> None:
        if line.startswith(UPDATED):
            self._update(session_id, line[len(UPDATED) : -len(END)])
        else:
            self._remove(session_id)

    def _update(self, session_id: str, view: bytes) -> None:
        self._number += 1
        self._views[session_id] = view
        self._changed.pop(session_id, None)
        self._changed[session_id] = self._number
        self._gone.pop(session_id, None)

    def _remove(self, session_id: str) -> None:
        self._number += 1
        self._views.pop(session_id, None)
        self._changed.pop(session_id, None)
        self._gone.pop(session_id, None)
        self._gone[session_id] = self._number
        if len(self._gone) > MAX_GONE:
            oldest = next(iter(self._gone))
            self._forgotten = self._gone.pop(oldest)

    def _wake(self) -> None:
        # Whoever waits now is woken; whoever comes later waits for the next.
        self._news.set()
        self._news = asyncio.Event()
        if self._closed:
            self._news.set()


def _later(numbers: dict[str, int], number: int) -> Iterator[str]:
    """The keys with a greater number, the latest first; they are in order."""
    later = takewhile(lambda item: item[1] > number, reversed(numbers.items()))
    return (key for key, _ in later)
