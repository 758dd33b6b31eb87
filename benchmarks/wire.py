"""A small asyncio HTTP client: one request a connection, or one stream, without a library."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

from places import Place


class Wire:
    """Talks to a server with its local token."""

    def __init__(self, place: Place) -> None:
        self._host, port = place.url.removeprefix("http://").split(":")
        self._port = int(port)
        self._token = place.token
        self._idle: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = []

    async def call(self, method: str, path: str, body: Any = None) -> Any:
        """A request and its JSON reply, over a connection that is kept."""
        reader, writer = self._idle.pop() if self._idle else await self._connect()
        writer.write(self._request(method, path, body))
        head = await reader.readuntil(b"\r\n\r\n")
        lines = head.lower().split(b"\r\n")
        length = next(int(line[15:]) for line in lines if line.startswith(b"content-length:"))
        payload = json.loads(await reader.readexactly(length))
        self._idle.append((reader, writer))
        if head[9:10] != b"2":
            raise RuntimeError(payload)
        return payload

    async def events(self, path: str, *, reads: bool = True) -> AsyncIterator[dict[str, Any]]:
        """The data of server-sent events; nothing is ever read without `reads`."""
        reader, writer = await self._connect()
        try:
            writer.write(self._request("GET", path, None, accept="text/event-stream"))
            if not reads:
                await asyncio.Event().wait()
            await reader.readuntil(b"\r\n\r\n")
            while line := await reader.readline():
                if line.startswith(b"data: "):
                    yield json.loads(line[6:])
        finally:
            writer.close()

    def close(self) -> None:
        """Close the kept connections."""
        for _, writer in self._idle:
            writer.close()
        self._idle.clear()

    async def _connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        return await asyncio.open_connection(self._host, self._port, limit=1 << 24)

    def _request(
        self, method: str, path: str, body: Any, accept: str = "application/json"
    ) -> bytes:
        payload = b"" if body is None else json.dumps(body).encode()
        head = (
            f"{method} {path} HTTP/1.1\r\nHost: {self._host}:{self._port}\r\n"
            f"Authorization: Bearer {self._token}\r\nAccept: {accept}\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(payload)}\r\n\r\n"
        )
        return head.encode() + payload
