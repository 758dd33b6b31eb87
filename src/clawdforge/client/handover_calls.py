"""The calls with which conversations change hands, as values and as methods of both clients."""

from functools import partial
from typing import Any, Literal

from clawdforge.client import arguments, replies
from clawdforge.client.asynchronous_connection import AsyncConnection
from clawdforge.client.blocking_connection import Connection
from clawdforge.client.calls import Call
from clawdforge.client.discovery import Place
from clawdforge.wire import forge_handover as wire
from clawdforge.wire.forge_sessions import Policy, PolicyMode, SessionInfo

PATIENCE_SECS = 120
"""A long history takes its time, and so does an agent that is to end first."""


def adopted(
    place: Place,
    conversation: str,
    *,
    fork: bool = False,
    agent: str | None = None,
    app: str | None = None,
    home: str | None = None,
    permissions: PolicyMode | Policy | None = None,
    meta: dict[str, Any] | None = None,
) -> Call[SessionInfo]:
    """`POST /sessions/adopt`."""
    body = arguments.encode(
        wire.AdoptRequest,
        conversation=conversation,
        fork=fork,
        agent=agent,
        app=app,
        home=home,
        permissions=permissions,
        meta=meta,
    )
    return Call(
        method="POST",
        path="/sessions/adopt",
        credential=_credential(place),
        body=body,
        timeout_secs=PATIENCE_SECS,
        decode=partial(replies.decoded, kind=SessionInfo),
    )


def attached(place: Place, session_id: str, *, pid: int, start: int) -> Call[wire.AttachedReply]:
    """`POST /sessions/{id}/attach`."""
    name = arguments.identifier(session_id, "session")
    return Call(
        method="POST",
        path=f"/sessions/{name}/attach",
        credential=_credential(place),
        body=arguments.encode(wire.AttachRequest, pid=pid, start=start),
        timeout_secs=PATIENCE_SECS,
        decode=partial(replies.decoded, kind=wire.AttachedReply),
    )


class HandOverCalls:
    """Conversations that change hands with a terminal of the server's machine."""

    _connection: Connection

    def adopt_session(
        self,
        conversation: str,
        *,
        fork: bool = False,
        agent: str | None = None,
        app: str | None = None,
        home: str | None = None,
        permissions: PolicyMode | Policy | None = None,
        meta: dict[str, Any] | None = None,
    ) -> SessionInfo:
        """Make a session of a conversation that somebody began in a terminal.

        Needs the admin token, which is used where it is known, or the scope `adopt`.

        Args:
            conversation: The agent's own id of it.
            fork: Take a copy over; it may go on in its terminal.
            agent: Which agent's it is; None: the first that can, which is `claude`.
            app: With the admin token: whose it becomes; None: this machine's own app.
            home: With the admin token: the agent's folder to look into first.
            permissions: What the agent may do.
            meta: Kept, and given back.

        Raises:
            ConflictError: it is open in a terminal (`conversation_in_use`), or a session already
                (`already_driven`).
            NotFoundError: there is no such conversation.
        """
        place = self._connection.target.place
        return self._connection.send(
            adopted(
                place,
                conversation,
                fork=fork,
                agent=agent,
                app=app,
                home=home,
                permissions=permissions,
                meta=meta,
            )
        )

    def attach_session(self, session_id: str, *, pid: int, start: int) -> wire.AttachedReply:
        """Give a session to a process, which has to become what is answered.

        Needs the admin token, which is used where it is known, or the scope `adopt`.

        Args:
            session_id: Which.
            pid: Of a process on the server's machine.
            start: When that began: field 22 of `/proc/PID/stat`.

        Raises:
            ConflictError: a turn runs (`session_running`), or somebody has it
                (`session_attached`, `conversation_in_use`).
        """
        place = self._connection.target.place
        return self._connection.send(attached(place, session_id, pid=pid, start=start))


class AsyncHandOverCalls:
    """The same for asyncio."""

    _connection: AsyncConnection

    async def adopt_session(
        self,
        conversation: str,
        *,
        fork: bool = False,
        agent: str | None = None,
        app: str | None = None,
        home: str | None = None,
        permissions: PolicyMode | Policy | None = None,
        meta: dict[str, Any] | None = None,
    ) -> SessionInfo:
        """See `Client.adopt_session`."""
        place = self._connection.target.place
        return await self._connection.send(
            adopted(
                place,
                conversation,
                fork=fork,
                agent=agent,
                app=app,
                home=home,
                permissions=permissions,
                meta=meta,
            )
        )

    async def attach_session(self, session_id: str, *, pid: int, start: int) -> wire.AttachedReply:
        """See `Client.attach_session`."""
        place = self._connection.target.place
        return await self._connection.send(attached(place, session_id, pid=pid, start=start))


def _credential(place: Place) -> Literal["app", "admin"]:
    return "app" if place.admin_token is None else "admin"
