"""An event loop in a thread of its own, in which something serves until it is told to stop."""

import asyncio
import queue
import threading
from collections.abc import Awaitable, Callable, Coroutine
from concurrent.futures import Future
from typing import Any, TypeVar

T = TypeVar("T")
Serving = Callable[[Callable[[T], None], asyncio.Event], Awaitable[object]]
"""Serves: says by the first argument what is ready, and goes on until the second is set."""

START_SECS = 20.0


class LoopThread:
    """Runs what serves in a thread, so that sync and async tests use it alike."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self._until = asyncio.Event()
        self._news: queue.Queue[Any] = queue.Queue()
        self._thread: threading.Thread | None = None

    def start(self, serving: Serving[T]) -> T:
        """Begin, and wait until it is ready.

        Raises:
            BaseException: whatever kept it from becoming ready.
        """
        self._thread = threading.Thread(
            target=self._work, args=(serving,), name="clawdforge-server"
        )
        self._thread.start()
        news = self._news.get(timeout=START_SECS)
        if isinstance(news, BaseException):
            self._thread.join()
            raise news
        ready: T = news
        return ready

    def submit(self, work: Coroutine[Any, Any, T]) -> "Future[T]":
        """Do something on the loop; from any other thread."""
        return asyncio.run_coroutine_threadsafe(work, self.loop)

    def stop(self) -> None:
        """End it, and wait for it.

        Raises:
            BaseException: whatever it ended with.
        """
        assert self._thread is not None
        self.loop.call_soon_threadsafe(self._until.set)
        self._thread.join()
        if not self._news.empty():
            news = self._news.get()
            if isinstance(news, BaseException):
                raise news

    def _work(self, serving: Serving[Any]) -> None:
        async def main() -> None:
            await serving(self._news.put, self._until)

        with asyncio.Runner(loop_factory=lambda: self.loop) as runner:
            try:
                runner.run(main())
            except Exception as error:  # noqa: BLE001 - handed to the thread that waits
                self._news.put(error)
