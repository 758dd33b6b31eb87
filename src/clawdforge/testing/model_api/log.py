"""What happened so far, shared between the server's thread and the test's."""

import threading
from concurrent.futures import Future
from typing import Generic, TypeVar

T = TypeVar("T")


class Log(Generic[T]):
    """A list that only grows, and whose growth can be awaited. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._items: tuple[T, ...] = ()
        self._waiting: list[tuple[int, Future[None]]] = []

    @property
    def items(self) -> tuple[T, ...]:
        """Everything so far, oldest first."""
        return self._items

    def add(self, item: T) -> None:
        """Append; whoever waits for this length is told."""
        with self._lock:
            self._items = (*self._items, item)
            ripe = [future for length, future in self._waiting if length <= len(self._items)]
            self._waiting = [each for each in self._waiting if each[0] > len(self._items)]
        for future in ripe:
            # One that was given up is cancelled, and stays so.
            if future.set_running_or_notify_cancel():
                future.set_result(None)

    def reached(self, length: int) -> Future[None]:
        """A future that is done once there are `length` items. Cancel it to give up."""
        future: Future[None] = Future()
        with self._lock:
            if len(self._items) >= length:
                future.set_result(None)
            else:
                self._waiting.append((length, future))
        return future
