"""The asyncio client. What its methods take, give and raise stands in `blocking`."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Iterable, Iterator, Mapping
from contextlib import aclosing
from types import TracebackType
from typing import NoReturn, Self, TypeVar, cast

import httpx

from clawdforge.client import calls
from clawdforge.client.calls import Call
from clawdforge.client.errors import ClosedError
from clawdforge.client.replies import Reply
from clawdforge.client.results import AppToken, FileToken, RunResult
from clawdforge.client.target import FAILURES, Body, aim, opening
from clawdforge.client.upload import Part, Source, open_part
from clawdforge.core.names import Effort, SystemMode
from clawdforge.wire.forge import AgentInfo, Health, RunInfo, RunPage, TokenInfo

T = TypeVar("T")


class AsyncClient:
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
        self._closed = False
        self._target = aim(
            url,
            token,
            admin_token=admin_token,
            timeout_secs=timeout_secs,
            upload_timeout_secs=upload_timeout_secs,
            environ=environ,
        )
        with opening():
            self._http = httpx.AsyncClient(transport=transport, **self._target.options())

    @property
    def url(self) -> str:
        """Where the server is, in normal form."""
        return self._target.place.url

    async def healthz(self) -> Health:
        """See `Client.healthz`."""
        return await self._send(calls.healthz())

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
        return await self._send(
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
            return await self._send(call, part)
        finally:
            part.close()

    async def runs(self, *, limit: int | None = None, before: str | None = None) -> RunPage:
        """See `Client.runs`."""
        return await self._send(calls.runs(limit, before))

    async def get_run(self, run_id: str) -> RunInfo:
        """See `Client.get_run`."""
        return await self._send(calls.get_run(run_id))

    async def agents(self) -> tuple[AgentInfo, ...]:
        """See `Client.agents`."""
        return await self._send(calls.agents())

    async def create_token(
        self, name: str, ip_cidrs: Iterable[str] = (), scopes: Iterable[str] | None = None
    ) -> AppToken:
        """See `Client.create_token`."""
        return await self._send(calls.create_token(name, ip_cidrs, scopes))

    async def list_tokens(self) -> tuple[TokenInfo, ...]:
        """See `Client.list_tokens`."""
        return await self._send(calls.list_tokens())

    async def revoke_token(self, name: str) -> None:
        """See `Client.revoke_token`."""
        await self._send(calls.revoke_token(name))

    async def close(self) -> None:
        """Close the connections. Again: nothing happens."""
        self._closed = True
        await self._http.aclose()

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
        return f"<{type(self).__name__} {self._target.describe()}>"

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        msg = "a client cannot be pickled or copied"
        raise TypeError(msg)

    async def _send(self, call: Call[T], part: Part | None = None) -> T:
        if self._closed:
            msg = "this client is closed"
            raise ClosedError(msg, hint="make a new one")
        request = self._target.request(call, part)
        if part is not None:
            request.stream = _InThread(cast("httpx.SyncByteStream", request.stream))
        try:
            reply = await self._exchange(request)
        except FAILURES as error:
            failure = self._target.failure(request, error)
        else:
            return call.decode(reply)
        raise failure

    async def _exchange(self, request: httpx.Request) -> Reply:
        response = await self._http.send(request, stream=True)
        try:
            body = Body(response)
            if body.problem is None:
                async with aclosing(
                    cast("AsyncGenerator[bytes, None]", response.aiter_bytes())
                ) as pieces:
                    async for piece in pieces:
                        if not body.add(piece):
                            break
            return self._target.reply(body)
        finally:
            await response.aclose()


class _InThread(httpx.AsyncByteStream):
    """An upload whose file is read off the event loop."""

    def __init__(self, stream: httpx.SyncByteStream) -> None:
        self._stream = stream

    async def __aiter__(self) -> AsyncIterator[bytes]:
        pieces: Iterator[bytes] = iter(self._stream)
        # Not StopIteration, which cannot pass through a future.
        while (piece := await asyncio.to_thread(next, pieces, None)) is not None:
            yield piece
