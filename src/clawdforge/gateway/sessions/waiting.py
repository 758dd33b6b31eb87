"""Who waits for something of a session: told once it is durable, or when nothing comes of it."""

import asyncio
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from clawdforge.core.session_effects import Reply, TurnOutcome
from clawdforge.core.session_inputs import Answered, Input, OptionsChanged
from clawdforge.core.session_records import Permission, TurnState
from clawdforge.errors import ClawdforgeError


@dataclass(frozen=True, slots=True)
class Begin:
    """A turn has begun."""

    turn: int
    first_seq: int
    """The number of its first event."""


@dataclass(slots=True)
class Ticket:
    """Somebody waits for a turn."""

    begun: asyncio.Future[Begin]
    outcome: asyncio.Future[TurnOutcome]

    def fail(self, error: BaseException) -> None:
        """It will not come to anything."""
        for future in (self.begun, self.outcome):
            if not future.done():
                _fail(future, error)


class Waiting:
    """The futures of one actor."""

    def __init__(self) -> None:
        self._tickets: dict[int, Ticket] = {}
        self._last_ticket = 0
        self._answers: dict[str, asyncio.Future[Permission | None]] = {}
        self._ends: list[asyncio.Future[int | None]] = []
        self._changes: deque[asyncio.Future[None]] = deque()
        self._hand_overs: dict[int, asyncio.Future[None]] = {}

    @property
    def turns(self) -> int:
        """How many turns somebody waits for."""
        return len(self._tickets)

    def new_ticket(self) -> tuple[int, Ticket]:
        """A ticket for a turn, and its number."""
        loop = asyncio.get_running_loop()
        self._last_ticket += 1
        ticket = Ticket(loop.create_future(), loop.create_future())
        self._tickets[self._last_ticket] = ticket
        return self._last_ticket, ticket

    def expect_end(self) -> asyncio.Future[int | None]:
        """Done when a turn ends: its number if it was cancelled; None: it ended otherwise."""
        future: asyncio.Future[int | None] = asyncio.get_running_loop().create_future()
        self._ends.append(future)
        return future

    def expect_change(self) -> asyncio.Future[None]:
        """Done when the next `OptionsChanged` is durable."""
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._changes.append(future)
        return future

    def expect_hand_over(self) -> tuple[int, asyncio.Future[None]]:
        """A ticket for the conversation, and what is done once it has changed hands."""
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._last_ticket += 1
        self._hand_overs[self._last_ticket] = future
        return self._last_ticket, future

    def handed_over(self, number: int, error: ClawdforgeError | None) -> None:
        """The conversation has changed hands, or will not."""
        future = self._hand_overs.pop(number, None)
        if future is None or future.done():
            return
        if error is not None:
            _fail(future, error)
        else:
            future.set_result(None)

    def expect_answer(self, permission_id: str) -> asyncio.Future[Permission | None]:
        """The permission once it has its answer; None: it is not open any more."""
        future: asyncio.Future[Permission | None] = asyncio.get_running_loop().create_future()
        self._answers[permission_id] = future
        return future

    def is_being_answered(self, permission_id: str) -> bool:
        """Whether somebody's answer is on its way."""
        return permission_id in self._answers

    def begun(self, number: int, begin: Begin) -> None:
        """A turn has begun."""
        ticket = self._tickets.get(number)
        if ticket is not None:
            _settle(ticket.begun, begin)

    def reply(self, effect: Reply, stderr: str) -> None:
        """A turn has ended, or will not begin."""
        ticket = self._tickets.pop(effect.ticket, None)
        if ticket is None:
            return
        if effect.error is not None:
            ticket.fail(effect.error)
        elif effect.outcome is not None:
            outcome = effect.outcome
            if outcome.state not in {TurnState.DONE, TurnState.CANCELLED}:
                outcome = replace(outcome, stderr=stderr)
            _settle(ticket.outcome, outcome)

    def settled(self, permission: Permission) -> None:
        """A permission has its answer."""
        future = self._answers.pop(permission.permission_id, None)
        if future is not None:
            _settle(future, permission)

    def ended(self, cancelled: int | None) -> None:
        """A turn has ended; the number of one that was cancelled."""
        for future in self._ends:
            _settle(future, cancelled)
        self._ends.clear()

    def acknowledge(self, inputs: Sequence[Input]) -> None:
        """These inputs were dealt with: who waits is told, also when nothing came of them."""
        for input_ in inputs:
            if isinstance(input_, Answered):
                answer = self._answers.pop(input_.permission_id, None)
                if answer is not None:
                    _settle(answer, None)
            elif isinstance(input_, OptionsChanged) and self._changes:
                _settle(self._changes.popleft(), None)

    def close(self, error: ClawdforgeError) -> None:
        """Nothing will come any more."""
        for ticket in self._tickets.values():
            ticket.fail(error)
        self._tickets.clear()
        rest: Sequence[asyncio.Future[Any]] = (*self._answers.values(), *self._ends)
        for future in rest:
            _settle(future, None)
        for change in (*self._changes, *self._hand_overs.values()):
            if not change.done():
                _fail(change, error)


def _fail(future: asyncio.Future[Any], error: BaseException) -> None:
    future.set_exception(error)
    future.exception()  # whoever waits gets it; if nobody does, that is no fault


def _settle(future: asyncio.Future[Any], value: object) -> None:
    if not future.done():
        future.set_result(value)
