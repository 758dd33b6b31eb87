"""The one place where the asyncio client sends and reads."""

import asyncio
import time
from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from contextlib import aclosing
from typing import Any, TypeVar, cast

import httpx

from clawdforge.client.calls import Call
from clawdforge.client.errors import ClosedError, ForgeError, TransportError
from clawdforge.client.following import Following
from clawdforge.client.replies import Reply, turn_index
from clawdforge.client.results import TurnResult
from clawdforge.client.target import FAILURES, Body, Target, is_stream, opening
from clawdforge.client.upload import Part
from clawdforge.wire.forge_events import Event

T = TypeVar("T")


class AsyncConnection:
    """Connections to one server, with the credentials for it."""

    def __init__(self, target: Target, transport: httpx.AsyncBaseTransport | None) -> None:
        self.target = target
        self._closed = False
        with opening():
            options = target.options()
            if transport is None and target.keeps_alive():
                transport = httpx.AsyncHTTPTransport(**target.transport_options())
            self._http = httpx.AsyncClient(transport=transport, **options)

    async def send(self, call: Call[T], part: Part | None = None) -> T:
        """Make a call and decode its reply.

        Raises:
            ForgeError: whatever went wrong.
        """
        request = self._request(call, part)
        if part is not None:
            request.stream = _InThread(cast("httpx.SyncByteStream", request.stream))
        try:
            reply = await self._exchange(request)
        except FAILURES as error:
            failure = self.target.failure(request, error)
        else:
            return call.decode(reply)
        raise failure

    async def open(self, call: Call[T]) -> "AsyncPieces | T":
        """Make a call whose reply is a stream; the value, if it was a whole reply instead.

        Raises:
            ForgeError: whatever went wrong.
        """
        request = self._request(call)
        try:
            response = await self._http.send(request, stream=True)
            if is_stream(response):
                return AsyncPieces(self.target, response)
            reply = await self._whole(response)
        except FAILURES as error:
            failure = self.target.failure(request, error)
        else:
            return call.decode(reply)
        raise failure

    async def close(self) -> None:
        """Close the connections. Again: nothing happens."""
        self._closed = True
        await self._http.aclose()

    def _request(self, call: Call[Any], part: Part | None = None) -> httpx.Request:
        if self._closed:
            msg = "this client is closed"
            raise ClosedError(msg, hint="make a new one")
        return self.target.request(call, part)

    async def _exchange(self, request: httpx.Request) -> Reply:
        return await self._whole(await self._http.send(request, stream=True))

    async def _whole(self, response: httpx.Response) -> Reply:
        try:
            body = Body(response)
            if body.problem is None:
                async with aclosing(
                    cast("AsyncGenerator[bytes, None]", response.aiter_bytes())
                ) as pieces:
                    async for piece in pieces:
                        if not body.add(piece):
                            break
            return self.target.reply(body)
        finally:
            await response.aclose()


class AsyncPieces:
    """The body of a reply that has no end yet."""

    def __init__(self, target: Target, response: httpx.Response) -> None:
        self._target = target
        self._response = response
        self.turn_index = turn_index(response.headers)
        self._pieces = cast("AsyncGenerator[bytes, None]", response.aiter_raw())

    async def read(self) -> bytes:
        """The next piece; empty: it has ended.

        Raises:
            TransportError: it broke.
        """
        try:
            return await anext(self._pieces, b"")
        except FAILURES as error:
            failure = self._target.failure(self._response.request, error)
        raise failure

    async def close(self) -> None:
        """Hang up, or give the connection back if it was read to its end."""
        await self._pieces.aclose()
        await self._response.aclose()


class AsyncFollower:
    """Does what a `Following` asks for."""

    def __init__(self, connection: AsyncConnection, following: Following) -> None:
        self.following = following
        self._connection = connection
        self._pieces: AsyncPieces | None = None

    async def next(self) -> Event | None:
        """The next event; None: nothing more will come. Cancelled, it loses none.

        Raises:
            ForgeError: it cannot go on.
        """
        following = self.following
        try:
            while not following.ready and not following.over:
                if self._pieces is None:
                    await self._open()
                else:
                    await self._read(self._pieces)
        except BaseException:
            await self.close()
            raise
        if following.ready:
            return following.ready.popleft()
        await self.close()
        return None

    async def close(self) -> None:
        """Hang up; another `next` would go on where it stood."""
        pieces, self._pieces = self._pieces, None
        if pieces is not None:
            await pieces.close()

    async def _open(self) -> None:
        following = self.following
        if following.pause_secs:
            await asyncio.sleep(following.pause_secs)
        try:
            opened = await self._connection.open(following.call())
        except ForgeError as error:
            following.failed(error, time.monotonic())
            return
        if isinstance(opened, TurnResult):
            following.answered(opened, time.monotonic())
        else:
            self._pieces = opened
            following.opened(time.monotonic(), opened.turn_index)

    async def _read(self, pieces: AsyncPieces) -> None:
        lost: TransportError | None = None
        try:
            piece = await pieces.read()
        except TransportError as error:
            piece, lost = b"", error
        if piece:
            self.following.feed(piece, time.monotonic())
            return
        await self.close()
        self.following.lost(lost, time.monotonic())


class _InThread(httpx.AsyncByteStream):
    """An upload whose file is read off the event loop."""

    def __init__(self, stream: httpx.SyncByteStream) -> None:
        self._stream = stream

    async def __aiter__(self) -> AsyncIterator[bytes]:
        pieces: Iterator[bytes] = iter(self._stream)
        # Not StopIteration, which cannot pass through a future.
        while (piece := await asyncio.to_thread(next, pieces, None)) is not None:
            yield piece
