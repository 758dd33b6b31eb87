"""What an actor is told: people's wishes at once, an agent's words within bounds, timers."""

import asyncio
import contextlib
from collections import deque
from collections.abc import Sequence

from clawdforge.core.session_effects import Arm
from clawdforge.core.session_inputs import Expired, Granted, Input, Timer

MAX_UNREAD = 1024
"""Inputs that may wait; with more the agent's output is not read for a while."""


class Inbox:
    """Inputs in their order, from all who have any."""

    def __init__(self) -> None:
        self._inputs: deque[Input] = deque()
        self._news = asyncio.Event()
        self._room = asyncio.Event()
        self._room.set()
        self._closed = False
        self._timers: dict[tuple[Timer, str], asyncio.TimerHandle] = {}

    def put(self, input_: Input) -> None:
        """Hand in an input; those of people are few."""
        self._inputs.append(input_)
        self._news.set()

    async def post(self, input_: Input) -> None:
        """Hand in what the agent says; waits while there is much unread."""
        while len(self._inputs) >= MAX_UNREAD and not self._closed:
            self._room.clear()
            await self._room.wait()
        self.put(input_)

    def nudge(self) -> None:
        """Have `take` return, if need be with nothing."""
        self._news.set()

    async def take(self, *, within_secs: float | None) -> Sequence[Input]:
        """All there is; nothing: it took too long, or `nudge` was called."""
        if not self._inputs:
            self._news.clear()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(within_secs):
                    await self._news.wait()
        inputs = tuple(self._inputs)
        self._inputs.clear()
        self._room.set()
        return inputs

    def withdraw_grant(self) -> None:
        """Forget that a place was granted, if nobody has looked at it yet."""
        self._inputs = deque(item for item in self._inputs if not isinstance(item, Granted))

    def is_armed(self, timer: Timer) -> bool:
        """Whether that timer runs."""
        return (timer, "") in self._timers

    def arm(self, effect: Arm) -> None:
        """Start a timer; it replaces a running one of the same name and key."""
        self.disarm(effect.timer, effect.key)
        loop = asyncio.get_running_loop()
        handle = loop.call_later(effect.secs, self._ring, effect.timer, effect.key)
        self._timers[effect.timer, effect.key] = handle

    def disarm(self, timer: Timer, key: str) -> None:
        """Stop a timer, if it runs."""
        handle = self._timers.pop((timer, key), None)
        if handle is not None:
            handle.cancel()

    def close(self) -> None:
        """Stop all timers; nobody has to wait for room any more."""
        self._closed = True
        for handle in self._timers.values():
            handle.cancel()
        self._room.set()

    def _ring(self, timer: Timer, key: str) -> None:
        self._timers.pop((timer, key), None)
        self.put(Expired(timer=timer, key=key))
