"""The asyncio client. What its methods take, give and raise stands in `blocking`."""

import asyncio
from collections.abc import Iterable, Mapping
from types import TracebackType
from typing import Any, Literal, NoReturn, Self

import httpx

from clawdforge.client import approval_calls, arguments, calls, session_calls
from clawdforge.client.asynchronous_connection import AsyncConnection
from clawdforge.client.asynchronous_session import AsyncSession
from clawdforge.client.handover_calls import AsyncHandOverCalls
from clawdforge.client.page import PageLink, page_link
from clawdforge.client.results import AppToken, FileToken, RunResult
from clawdforge.client.target import aim
from clawdforge.client.upload import Source, open_part
from clawdforge.core.names import Effort, SystemMode
from clawdforge.wire.forge import AgentInfo, Health, Ready, RunInfo, RunPage, TokenInfo
from clawdforge.wire.forge_approvals import ApprovalInfo
from clawdforge.wire.forge_sessions import (
    PermissionInfo,
    Policy,
    PolicyMode,
    SessionInfo,
    SessionPage,
    Workspace,
)


class AsyncClient(AsyncHandOverCalls):
    """`Client` for asyncio: the same arguments, methods, results and errors, awaited.

        async with AsyncClient() as client:
            print((await client.run("Say hello.")).as_text())

    Any number of calls may be under way at once. A cancelled call closes its connection.
    Making a client may read three small files (see `Client`); after that nothing blocks the
    event loop: uploads are read in a thread.
    """

    def __init__(
        self,
        url: str | None = None,
        token: str | None = None,
        *,
        admin_token: str | None = None,
        timeout_secs: float = 30.0,
        upload_timeout_secs: float = 300.0,
        environ: Mapping[str, str] | None = None,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        target = aim(
            url,
            token,
            admin_token=admin_token,
            timeout_secs=timeout_secs,
            upload_timeout_secs=upload_timeout_secs,
            environ=environ,
        )
        self._connection = AsyncConnection(target, transport)

    @property
    def url(self) -> str:
        """Where the server is, in normal form."""
        return self._connection.target.place.url

    async def healthz(self) -> Health:
        """See `Client.healthz`."""
        return await self._connection.send(calls.healthz())

    async def readyz(self) -> Ready:
        """See `Client.readyz`."""
        return await self._connection.send(calls.readyz())

    async def run(
        self,
        prompt: str,
        *,
        model: str | None = None,
        system: str | None = None,
        system_mode: SystemMode | None = None,
        effort: Effort | None = None,
        files: Iterable[str | FileToken] = (),
        timeout_secs: int | None = None,
        agent: str | None = None,
    ) -> RunResult:
        """See `Client.run`."""
        return await self._connection.send(
            calls.run(
                prompt,
                model=model,
                system=system,
                system_mode=system_mode,
                effort=effort,
                files=files,
                timeout_secs=timeout_secs,
                agent=agent,
            )
        )

    async def upload_file(
        self, source: Source, *, filename: str | None = None, ttl_secs: int | None = None
    ) -> FileToken:
        """See `Client.upload_file`."""
        call = calls.upload(ttl_secs)
        part = await asyncio.to_thread(open_part, source, filename)
        try:
            return await self._connection.send(call, part)
        finally:
            part.close()

    async def runs(self, *, limit: int | None = None, before: str | None = None) -> RunPage:
        """See `Client.runs`."""
        return await self._connection.send(calls.runs(limit, before))

    async def get_run(self, run_id: str) -> RunInfo:
        """See `Client.get_run`."""
        return await self._connection.send(calls.get_run(run_id))

    async def agents(self) -> tuple[AgentInfo, ...]:
        """See `Client.agents`."""
        return await self._connection.send(calls.agents())

    async def create_session(
        self,
        *,
        agent: str | None = None,
        meta: dict[str, Any] | None = None,
        model: str | None = None,
        system: str | None = None,
        system_mode: SystemMode | None = None,
        effort: Effort | None = None,
        mode: str | None = None,
        permissions: PolicyMode | Policy | dict[str, Any] | None = None,
        workspace: Workspace | dict[str, Any] | None = None,
        mcp_servers: Iterable[str] | None = None,
        secrets: Iterable[str] | None = None,
        idempotency_key: str | None = None,
    ) -> AsyncSession:
        """See `Client.create_session`."""
        reply = await self._connection.send(
            session_calls.create(
                idempotency_key,
                agent=agent,
                meta=meta,
                model=model,
                system=system,
                system_mode=system_mode if system else None,
                effort=effort,
                mode=mode,
                permissions=permissions,
                workspace=workspace,
                mcp_servers=mcp_servers,
                secrets=secrets,
            )
        )
        return AsyncSession(self._connection, reply.session_id, reply)

    def session(self, session_id: str) -> AsyncSession:
        """See `Client.session`."""
        return AsyncSession(self._connection, arguments.identifier(session_id, "session"))

    async def list_sessions(
        self, *, include_closed: bool = True, limit: int | None = None, before: str | None = None
    ) -> SessionPage:
        """See `Client.list_sessions`."""
        call = session_calls.listed(include_closed=include_closed, limit=limit, before=before)
        return await self._connection.send(call)

    async def get_session(self, session_id: str) -> SessionInfo:
        """See `Client.get_session`."""
        return await self._connection.send(session_calls.get(session_id))

    async def permissions(
        self, *, state: Literal["pending", "all"] = "pending", limit: int | None = None
    ) -> tuple[PermissionInfo, ...]:
        """See `Client.permissions`."""
        return await self._connection.send(session_calls.permissions(state, limit))

    async def get_permission(self, permission_id: str) -> PermissionInfo:
        """See `Client.get_permission`."""
        return await self._connection.send(session_calls.get_permission(permission_id))

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
        """See `Client.answer_permission`."""
        return await self._connection.send(
            session_calls.answer_call(
                permission_id,
                allow=allow,
                scope=scope,
                message=message,
                option_id=option_id,
                args=args,
            )
        )

    async def approvals(
        self, *, state: Literal["pending", "all"] = "pending", limit: int | None = None
    ) -> tuple[ApprovalInfo, ...]:
        """See `Client.approvals`."""
        return await self._connection.send(approval_calls.listed(state, limit))

    async def answer_approval(
        self,
        approval_id: str,
        *,
        allow: bool,
        scope: Literal["once", "always"] = "once",
        message: str | None = None,
        option_id: str | None = None,
        answers: dict[str, str] | None = None,
        mode: str | None = None,
        interrupt: bool = False,
    ) -> ApprovalInfo:
        """See `Client.answer_approval`."""
        return await self._connection.send(
            approval_calls.answered(
                approval_id,
                allow=allow,
                scope=scope,
                message=message,
                option_id=option_id,
                answers=answers,
                mode=mode,
                interrupt=interrupt or None,
            )
        )

    async def create_token(
        self,
        name: str,
        ip_cidrs: Iterable[str] = (),
        scopes: Iterable[str] | None = None,
        *,
        permissions: PolicyMode | dict[str, Any] | None = None,
    ) -> AppToken:
        """See `Client.create_token`."""
        return await self._connection.send(calls.create_token(name, ip_cidrs, scopes, permissions))

    async def list_tokens(self) -> tuple[TokenInfo, ...]:
        """See `Client.list_tokens`."""
        return await self._connection.send(calls.list_tokens())

    async def revoke_token(self, name: str) -> None:
        """See `Client.revoke_token`."""
        await self._connection.send(calls.revoke_token(name))

    async def page_link(self) -> PageLink:
        """See `Client.page_link`."""
        return await self._connection.send(page_link(self._connection.target.place))

    async def close(self) -> None:
        """Close the connections; sessions stay open on the server. Again: nothing happens."""
        await self._connection.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self._connection.target.describe()}>"

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        msg = "a client cannot be pickled or copied"
        raise TypeError(msg)
