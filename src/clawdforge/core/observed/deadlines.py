"""When which session has to be looked at again."""

import heapq
import itertools
from collections.abc import Iterator

from clawdforge.core.observed.entry import Entry


class Deadlines:
    """A heap whose items may be out of date: who takes one out looks whether it still holds."""

    def __init__(self) -> None:
        self._heap: list[tuple[float, int, Entry]] = []
        self._numbers = itertools.count()
        self._set: dict[Entry, float] = {}

    @property
    def next(self) -> float | None:
        """The earliest (mono)."""
        return self._heap[0][0] if self._heap else None

    def set(self, entry: Entry, due: float) -> None:
        """Look at it at this time at the latest."""
        if due < self._set.get(entry, float("inf")):
            self._set[entry] = due
            heapq.heappush(self._heap, (due, next(self._numbers), entry))
            self._tidy()

    def forget(self, entry: Entry) -> None:
        """It is gone."""
        self._set.pop(entry, None)
        self._tidy()

    def reached(self, mono: float) -> Iterator[Entry]:
        """Take out those whose time has come."""
        while self._heap and self._heap[0][0] <= mono:
            due, _, entry = heapq.heappop(self._heap)
            if self._set.get(entry) == due:
                del self._set[entry]
                yield entry

    def _tidy(self) -> None:
        if len(self._heap) > 2 * len(self._set) + 64 or not self._set:
            self._heap = [
                (due, number, entry)
                for due, number, entry in self._heap
                if self._set.get(entry) == due
            ]
            heapq.heapify(self._heap)
