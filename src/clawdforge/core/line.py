"""The line in front of the agents: fair between apps, first come first served within one.

A free place goes to the waiting app with the fewest agents at work, the longest waiting first
among equals. One app may fill at most half of the line (rounded up), so that it cannot keep the
others out.
"""

from collections import Counter, deque
from collections.abc import Hashable
from enum import Enum


class Entry(Enum):
    """What became of a ticket."""

    ADMITTED = "admitted"
    WAITING = "waiting"
    FULL = "full"


class FairLine:
    """Counts places and orders who waits. Tickets are any distinct hashable things."""

    def __init__(self, *, places: int, max_waiting: int) -> None:
        self._places = places
        self._max_waiting = max_waiting
        self._per_app = (max_waiting + 1) // 2
        self._active: Counter[str] = Counter()
        self._waiting: dict[str, deque[Hashable]] = {}
        self._order: dict[Hashable, int] = {}
        self._arrivals = 0

    @property
    def active(self) -> int:
        """Places taken."""
        return self._active.total()

    @property
    def waiting(self) -> int:
        """Tickets in line."""
        return len(self._order)

    def enter(self, app: str, ticket: Hashable) -> Entry:
        """A ticket arrives: it gets a place, or waits, or is turned away."""
        if self.active < self._places and not self._order:
            self._active[app] += 1
            return Entry.ADMITTED
        queue = self._waiting.get(app, ())
        if self.waiting >= self._max_waiting or len(queue) >= self._per_app:
            return Entry.FULL
        self._waiting.setdefault(app, deque()).append(ticket)
        self._arrivals += 1
        self._order[ticket] = self._arrivals
        return Entry.WAITING

    def abandon(self, app: str, ticket: Hashable) -> None:
        """A waiting ticket goes away."""
        if self._order.pop(ticket, None) is not None:
            self._waiting[app].remove(ticket)
            self._tidy(app)

    def leave(self, app: str) -> None:
        """A place becomes free; see `admit`."""
        self._active[app] -= 1
        if self._active[app] <= 0:
            del self._active[app]

    def admit(self) -> Hashable | None:
        """Give a free place to the ticket whose turn it is; None when there is no place or line."""
        if not self._order or self.active >= self._places:
            return None
        app = min(self._waiting, key=lambda name: (self._active[name], self._first(name)))
        ticket = self._waiting[app].popleft()
        del self._order[ticket]
        self._tidy(app)
        self._active[app] += 1
        return ticket

    def _first(self, app: str) -> int:
        return self._order[self._waiting[app][0]]

    def _tidy(self, app: str) -> None:
        if not self._waiting[app]:
            del self._waiting[app]
