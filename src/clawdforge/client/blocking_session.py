"""Sessions of the blocking client: a conversation and its turns."""

from collections.abc import Iterable
from types import TracebackType
from typing import Any, Literal, NoReturn, Self

from clawdforge.client import session_calls as calls
from clawdforge.client.blocking_connection import Connection
from clawdforge.client.blocking_stream import EventStream, OnPermission, TurnStream
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


class Session:
    """A conversation with one agent. `Client.create_session` and `Client.session` make it.

        with client.create_session(agent="claude") as session:
            session.turn("Remember the word blue.")
            print(session.turn("Which word was it?").text())

    The end of the `with` block closes the session. Without one it stays open, costs nothing
    while it is idle, and is found again by its `id`: `client.session(id)`.

    One turn at a time: a second one is refused here. Other methods may be called meanwhile, also
    from other threads.
    """

    def __init__(
        self, connection: Connection, session_id: str, reply: SessionReply | None = None
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

    def turn(
        self,
        prompt: str,
        *,
        files: Iterable[str | FileToken] = (),
        timeout_secs: int | None = None,
        idempotency_key: str | None = None,
        on_permission: OnPermission | None = None,
    ) -> TurnResult:
        """Say something and wait for all of the answer.

        The turn goes on when nobody waits any more: `cancel`, from another thread, ends it.

        Args:
            prompt: What the agent is told; not blank.
            files: What `upload_file` gave, or `ff_…` tokens.
            timeout_secs: How long the turn may take; None: the server's default.
            idempotency_key: The turn is carried out once, however often it is sent with this
                key: so it can be sent again after a `TransportError`.
            on_permission: Called when the agent asks for permission, with what it asks.

        Raises:
            RequestError: an argument cannot be right, or a turn is under way; nothing was sent.
            ClosedSession: the session was closed; nothing was sent.
            TurnFailure: the agent failed, ran out of time or was interrupted.
            ForgeError: anything else that can go wrong.
        """
        if on_permission is not None:
            return self.stream(
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
            return self._connection.send(call)
        finally:
            self._state.end_turn()

    def stream(
        self,
        prompt: str,
        *,
        files: Iterable[str | FileToken] = (),
        timeout_secs: int | None = None,
        idempotency_key: str | None = None,
        on_permission: OnPermission | None = None,
    ) -> TurnStream:
        """Say something and see the answer while it is given. Arguments: see `turn`.

        Raises:
            RequestError: an argument cannot be right.
            ClosedSession: the session was closed.
        """
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
        return TurnStream(self._connection, following, self._state, on_permission)

    def start_turn(
        self,
        prompt: str,
        *,
        files: Iterable[str | FileToken] = (),
        timeout_secs: int | None = None,
        idempotency_key: str | None = None,
    ) -> StartedTurn:
        """Say something and wait only until the agent has it. Arguments: see `turn`.

        What comes of it: `get_turn` with the turn's number, or `events`.

        Raises:
            RequestError: an argument cannot be right; nothing was sent.
            ClosedSession: the session was closed; nothing was sent.
        """
        self._state.check_open()
        call = calls.start_turn(
            self._id,
            prompt,
            files=files,
            timeout_secs=timeout_secs,
            idempotency_key=idempotency_key,
        )
        return self._connection.send(call)

    def events(self, after: int = 0) -> EventStream:
        """All events after number `after`, then new ones as they happen, until it is closed."""
        calls.event_stream(self._id, after)
        return EventStream(self._connection, Following(self._id, after=after))

    def event_page(self, after: int = 0, limit: int | None = None) -> EventPage:
        """Some of the events after number `after`, as far as there are any now."""
        return self._connection.send(calls.event_page(self._id, after, limit))

    def cancel(self) -> Cancelled:
        """Cancel the running turn, and wait for its end. The session stays usable.

        The cancelled turn ends as usual, with the stop reason `cancelled`.
        """
        self._state.check_open()
        return self._connection.send(calls.cancel(self._id))

    def set(
        self,
        *,
        model: str | None = None,
        mode: str | None = None,
        effort: Effort | None = None,
        system: str | None = None,
        system_mode: SystemMode | None = None,
        permissions: PolicyMode | Policy | dict[str, Any] | None = None,
    ) -> SessionInfo:
        """Change how the conversation goes on. What is None stays as it is.

        Raises:
            ConflictError: a turn is running (`code` `session_running`).
            ApiError: the agent cannot do that (`code` `cannot_set`).
        """
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
        return self._connection.send(call)

    def state(self) -> SessionInfo:
        """What the server knows about the session; also when it is closed."""
        return self._connection.send(calls.get(self._id))

    def turns(self, *, limit: int | None = None, before: int | None = None) -> TurnPage:
        """The turns, newest first; `before` takes the `next` of the page before."""
        return self._connection.send(calls.turns(self._id, limit, before))

    def get_turn(self, turn_index: int) -> TurnInfo:
        """One turn, with its events."""
        return self._connection.send(calls.get_turn(self._id, turn_index))

    def fork(self, *, meta: dict[str, Any] | None = None) -> "Session":
        """A new session that goes on with a copy of this conversation.

        Raises:
            ConflictError: the agent cannot do that (`code` `not_forkable`).
        """
        reply = self._connection.send(calls.fork(self._id, meta))
        return Session(self._connection, reply.session_id, reply)

    def resume(self) -> SessionInfo:
        """Open the session again after it was closed.

        Raises:
            ConflictError: the agent cannot do that (`code` `not_resumable`).
            NotFoundError: it was closed too long ago.
        """
        info = self._connection.send(calls.resume(self._id))
        self._state.reopen()
        return info

    def permissions(self) -> tuple[PermissionInfo, ...]:
        """What the agent of this session asks, and waits for, newest first."""
        found = self._connection.send(calls.permissions("pending", None))
        return tuple(info for info in found if info.session_id == self._id)

    def answer_permission(
        self,
        permission_id: str,
        *,
        allow: bool,
        scope: Literal["once", "always"] = "once",
        message: str | None = None,
        option_id: str | None = None,
        args: dict[str, Any] | None = None,
    ) -> PermissionInfo:
        """See `Client.answer_permission`."""
        call = calls.answer_call(
            permission_id,
            allow=allow,
            scope=scope,
            message=message,
            option_id=option_id,
            args=args,
        )
        return self._connection.send(call)

    def close(self) -> None:
        """Close the session: its agent is ended, its turns stay in the ledger.

        Sends one request, however often it is called; after an error it may be called again.
        """
        if not self._state.begin_close():
            return
        try:
            self._connection.send(calls.close(self._id))
        except BaseException:
            self._state.reopen()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            self.close()
        except ForgeError:
            if error is None:
                raise

    def __repr__(self) -> str:
        return f"<{type(self).__name__} id={self._id!r} agent={self.agent!r}>"

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        msg = "a session cannot be pickled or copied"
        raise TypeError(msg)
