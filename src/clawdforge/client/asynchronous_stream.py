"""Events of the asyncio client, live. What it all does stands in `blocking_stream`."""

import contextlib
import inspect
from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import Self, TypeAlias

from clawdforge.client import session_calls as calls
from clawdforge.client.asynchronous_connection import AsyncConnection, AsyncFollower
from clawdforge.client.errors import ConflictError
from clawdforge.client.following import Following
from clawdforge.client.results import Answer, TurnResult
from clawdforge.client.session_state import SessionState
from clawdforge.wire.forge_events import Event, PermissionRequest, TurnEnded

AsyncOnPermission: TypeAlias = Callable[
    [PermissionRequest], Answer | bool | Awaitable[Answer | bool | None] | None
]
"""`OnPermission`, which may be a coroutine function."""


class AsyncEventStream:
    """`EventStream` for asyncio. An `anext` that is cancelled loses no event."""

    def __init__(self, connection: AsyncConnection, following: Following) -> None:
        self._follower = AsyncFollower(connection, following)
        self._following = following
        self._is_closed = False

    @property
    def after(self) -> int:
        """The newest event so far: where `Session.events(after=…)` would go on."""
        return self._following.newest

    async def close(self) -> None:
        """Hang up. Again: nothing happens."""
        self._is_closed = True
        await self._follower.close()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Event:
        if self._is_closed:
            raise StopAsyncIteration
        try:
            event = await self._next()
        except Exception:
            await self.close()
            raise
        if event is None:
            await self.close()
            raise StopAsyncIteration
        return event

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()

    async def _next(self) -> Event | None:
        return await self._follower.next()


class AsyncTurnStream(AsyncEventStream):
    """`TurnStream` for asyncio: iterate over the events of a turn.

        async with session.stream("Say hello.") as events:
            async for event in events:
                if isinstance(event, Text):
                    print(event.text, end="", flush=True)

    Leaving the loop early without `async with` leaves its connection open until the client is
    closed.
    """

    def __init__(
        self,
        connection: AsyncConnection,
        following: Following,
        state: SessionState,
        on_permission: AsyncOnPermission | None,
    ) -> None:
        super().__init__(connection, following)
        self._connection = connection
        self._state = state
        self._has_turn = False
        self._on_permission = on_permission
        self._asked: PermissionRequest | None = None

    @property
    def turn_index(self) -> int | None:
        """The turn's number; None before its first event."""
        return self._following.turn_index

    @property
    def ended(self) -> TurnEnded | None:
        """How the turn ended; None: it has not, as far as this stream knows."""
        return self._following.ended

    async def result(self) -> TurnResult:
        """What came of the turn, as `Session.turn` gives it; waits for the turn's end.

        Raises:
            TurnFailure: the turn failed.
            ForgeError: anything else that can go wrong.
        """
        async for _ in self:
            pass
        return await self._connection.send(self._following.result_call())

    async def close(self) -> None:
        """Hang up; the turn goes on. Again: nothing happens."""
        await super().close()
        if self._has_turn:
            self._has_turn = False
            self._state.end_turn()

    def __del__(self) -> None:
        if getattr(self, "_has_turn", False):
            self._state.end_turn()

    async def _next(self) -> Event | None:
        if not self._has_turn:
            self._state.begin_turn()
            self._has_turn = True
        asked = self._asked
        if asked is not None and self._on_permission is not None:
            answer = self._on_permission(asked)
            if inspect.isawaitable(answer):
                answer = await answer
            if answer is not None:
                # Somebody else may have been quicker, or the agent does not wait any more.
                with contextlib.suppress(ConflictError):
                    await self._connection.send(calls.answered(asked.permission_id, answer=answer))
        self._asked = None
        event = await self._follower.next()
        if isinstance(event, PermissionRequest):
            self._asked = event  # answered once the caller has seen it
        return event
