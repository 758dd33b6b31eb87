"""Sessions of the asyncio client. What the methods take, give and raise: see `blocking_session`."""

from collections.abc import Iterable
from types import TracebackType
from typing import Any, Literal, NoReturn, Self

from clawdforge.client import session_calls as calls
from clawdforge.client.asynchronous_connection import AsyncConnection
from clawdforge.client.asynchronous_stream import (
    AsyncEventStream,
    AsyncOnPermission,
    AsyncTurnStream,
)
from clawdforge.client.errors import ForgeError
from clawdforge.client.following import Following
from clawdforge.client.results import FileToken, TurnResult
from clawdforge.client.session_state import SessionState, new_key
from clawdforge.core.names import Effort, SystemMode
from clawdforge.wire.forge_events import EventPage
from clawdforge.wire.forge_sessions import (
    Cancelled,
    PermissionInfo,
    Policy,
    PolicyMode,
    SessionInfo,
    SessionReply,
    StartedTurn,
    TurnInfo,
    TurnPage,
)


class AsyncSession:
    """`Session` for asyncio. `AsyncClient.create_session` and `AsyncClient.session` make it.

    async with await client.create_session(agent="claude") as session:
        async for event in session.stream("Say hello."):
            ...
    """

    def __init__(
        self, connection: AsyncConnection, session_id: str, reply: SessionReply | None = None
    ) -> None:
        self._connection = connection
        self._id = session_id
        self._reply = reply
        self._state = SessionState()

    @property
    def id(self) -> str:
        """The session's id."""
        return self._id

    @property
    def agent(self) -> str | None:
        """The agent; None where only the id was given: `state` tells."""
        return self._reply.agent if self._reply else None

    @property
    def model(self) -> str | None:
        """The model it was made with; None: the agent's default, or only the id was given."""
        return self._reply.model if self._reply else None

    @property
    def closed(self) -> bool:
        """Whether this object was closed; the server may have closed the session by itself."""
        return self._state.closed

    async def turn(
        self,
        prompt: str,
        *,
        files: Iterable[str | FileToken] = (),
        timeout_secs: int | None = None,
        idempotency_key: str | None = None,
        on_permission: AsyncOnPermission | None = None,
    ) -> TurnResult:
        """See `Session.turn`."""
        if on_permission is not None:
            return await self.stream(
                prompt,
                files=files,
                timeout_secs=timeout_secs,
                idempotency_key=idempotency_key,
                on_permission=on_permission,
            ).result()
        call = calls.turn(
            self._id,
            prompt,
            files=files,
            timeout_secs=timeout_secs,
            idempotency_key=idempotency_key,
        )
        self._state.begin_turn()
        try:
            return await self._connection.send(call)
        finally:
            self._state.end_turn()

    def stream(
        self,
        prompt: str,
        *,
        files: Iterable[str | FileToken] = (),
        timeout_secs: int | None = None,
        idempotency_key: str | None = None,
        on_permission: AsyncOnPermission | None = None,
    ) -> AsyncTurnStream:
        """See `Session.stream`."""
        self._state.check_open()
        call = calls.turn(
            self._id,
            prompt,
            files=files,
            timeout_secs=timeout_secs,
            idempotency_key=new_key() if idempotency_key is None else idempotency_key,
            streamed=True,
        )
        following = Following(self._id, turn=call)
        return AsyncTurnStream(self._connection, following, self._state, on_permission)

    async def start_turn(
        self,
        prompt: str,
        *,
        files: Iterable[str | FileToken] = (),
        timeout_secs: int | None = None,
        idempotency_key: str | None = None,
    ) -> StartedTurn:
        """See `Session.start_turn`."""
        self._state.check_open()
        call = calls.start_turn(
            self._id,
            prompt,
            files=files,
            timeout_secs=timeout_secs,
            idempotency_key=idempotency_key,
        )
        return await self._connection.send(call)

    def events(self, after: int = 0) -> AsyncEventStream:
        """See `Session.events`."""
        calls.event_stream(self._id, after)
        return AsyncEventStream(self._connection, Following(self._id, after=after))

    async def event_page(self, after: int = 0, limit: int | None = None) -> EventPage:
        """See `Session.event_page`."""
        return await self._connection.send(calls.event_page(self._id, after, limit))

    async def cancel(self) -> Cancelled:
        """See `Session.cancel`."""
        self._state.check_open()
        return await self._connection.send(calls.cancel(self._id))

    async def set(
        self,
        *,
        model: str | None = None,
        mode: str | None = None,
        effort: Effort | None = None,
        system: str | None = None,
        system_mode: SystemMode | None = None,
        permissions: PolicyMode | Policy | dict[str, Any] | None = None,
    ) -> SessionInfo:
        """See `Session.set`."""
        self._state.check_open()
        call = calls.change(
            self._id,
            model=model,
            mode=mode,
            effort=effort,
            system=system,
            system_mode=system_mode,
            permissions=permissions,
        )
        return await self._connection.send(call)

    async def state(self) -> SessionInfo:
        """See `Session.state`."""
        return await self._connection.send(calls.get(self._id))

    async def turns(self, *, limit: int | None = None, before: int | None = None) -> TurnPage:
        """See `Session.turns`."""
        return await self._connection.send(calls.turns(self._id, limit, before))

    async def get_turn(self, turn_index: int) -> TurnInfo:
        """See `Session.get_turn`."""
        return await self._connection.send(calls.get_turn(self._id, turn_index))

    async def fork(self, *, meta: dict[str, Any] | None = None) -> "AsyncSession":
        """See `Session.fork`."""
        reply = await self._connection.send(calls.fork(self._id, meta))
        return AsyncSession(self._connection, reply.session_id, reply)

    async def resume(self) -> SessionInfo:
        """See `Session.resume`."""
        info = await self._connection.send(calls.resume(self._id))
        self._state.reopen()
        return info

    async def permissions(self) -> tuple[PermissionInfo, ...]:
        """See `Session.permissions`."""
        found = await self._connection.send(calls.permissions("pending", None))
        return tuple(info for info in found if info.session_id == self._id)

    async def answer_permission(
        self,
        permission_id: str,
        *,
        allow: bool,
        scope: Literal["once", "always"] = "once",
        message: str | None = None,
        option_id: str | None = None,
        args: dict[str, Any] | None = None,
    ) -> PermissionInfo:
        """See `Session.answer_permission`."""
        call = calls.answer_call(
            permission_id,
            allow=allow,
            scope=scope,
            message=message,
            option_id=option_id,
            args=args,
        )
        return await self._connection.send(call)

    async def close(self) -> None:
        """See `Session.close`."""
        if not self._state.begin_close():
            return
        try:
            await self._connection.send(calls.close(self._id))
        except BaseException:
            self._state.reopen()
            raise

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            await self.close()
        except ForgeError:
            if error is None:
                raise

    def __repr__(self) -> str:
        return f"<{type(self).__name__} id={self._id!r} agent={self.agent!r}>"

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        msg = "a session cannot be pickled or copied"
        raise TypeError(msg)
