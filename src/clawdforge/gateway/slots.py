"""The fair line in front of the agents, as something to await."""

import asyncio
import math
from collections.abc import Callable
from dataclasses import dataclass

from clawdforge.core.line import Entry, FairLine
from clawdforge.errors import BusyError

_USUAL_RUN_SECS = 10.0
_MAX_RETRY_SECS = 60


@dataclass(frozen=True, slots=True)
class _Ticket:
    app_id: str
    turn: asyncio.Future[None]


class Slots:
    """At most `places` agents at work; the others wait in a fair line of bounded length.

    Args:
        max_wait_secs: The longest wait; a client's own time-out must outlast it.
        clock: Monotonic seconds.
    """

    def __init__(
        self,
        *,
        places: int,
        max_waiting: int,
        max_wait_secs: float,
        clock: Callable[[], float],
    ) -> None:
        self._line = FairLine(places=places, max_waiting=max_waiting)
        self._places = places
        self._max_wait_secs = max_wait_secs
        self._clock = clock
        self._usual_secs = _USUAL_RUN_SECS
        self.when_waiting: Callable[[], None] = lambda: None
        """Called whenever somebody gets in line: a place might be made for them."""

    @property
    def active(self) -> int:
        """Agents at work."""
        return self._line.active

    @property
    def is_full(self) -> bool:
        """Whether a run or a turn would have to wait."""
        return self.active >= self._places or self.waiting > 0

    @property
    def waiting(self) -> int:
        """Runs in line."""
        return self._line.waiting

    async def acquire(self, app_id: str) -> "Slot":
        """Wait for a free place. A cancelled wait gives the turn to the next.

        Raises:
            BusyError: the line is full (`line_full`), or the wait was too long (`line_wait`).
        """
        ticket = _Ticket(app_id, asyncio.get_running_loop().create_future())
        entry = self._line.enter(app_id, ticket)
        if entry is Entry.FULL:
            msg = f"{self.active} agents are at work and the line is full; try again later"
            raise BusyError(msg, code="line_full", retry_after_secs=self._retry_after())
        if entry is Entry.WAITING:
            self.when_waiting()
            await self._wait(ticket)
        return Slot(self, app_id, self._clock())

    async def _wait(self, ticket: _Ticket) -> None:
        try:
            async with asyncio.timeout(self._max_wait_secs):
                await ticket.turn
        except BaseException as error:
            admitted = ticket.turn.done() and not ticket.turn.cancelled()
            if admitted:
                self._line.leave(ticket.app_id)
                self._call_next()
            else:
                self._line.abandon(ticket.app_id, ticket)
            if isinstance(error, TimeoutError):
                msg = f"no agent became free within {self._max_wait_secs:g} s; try again later"
                raise BusyError(
                    msg, code="line_wait", retry_after_secs=self._retry_after()
                ) from None
            raise

    def release(self, app_id: str, held_secs: float) -> None:
        """A place is free again: call the next in line."""
        self._usual_secs += 0.2 * (held_secs - self._usual_secs)
        self._line.leave(app_id)
        self._call_next()

    def _call_next(self) -> None:
        while (ticket := self._line.admit()) is not None:
            assert isinstance(ticket, _Ticket)
            if not ticket.turn.done():
                ticket.turn.set_result(None)
            else:  # cancelled in this very moment
                self._line.leave(ticket.app_id)

    def _retry_after(self) -> int:
        """When a place is likely to be free, from how long agents have been held lately."""
        secs = self._usual_secs * (self.waiting + 1) / self._places
        return max(1, min(_MAX_RETRY_SECS, math.ceil(secs)))


class Slot:
    """A place among the agents at work. Release it once the agent is gone; twice is harmless."""

    def __init__(self, slots: Slots, app_id: str, since: float) -> None:
        self._slots: Slots | None = slots
        self._app_id = app_id
        self._since = since

    def release(self) -> None:
        """Give the place back."""
        slots, self._slots = self._slots, None
        if slots is not None:
            slots.release(self._app_id, slots._clock() - self._since)  # noqa: SLF001
