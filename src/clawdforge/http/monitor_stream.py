"""The monitor's changes as server-sent events, one reader each."""

import asyncio
from collections.abc import AsyncIterator, Iterator

import msgspec
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from clawdforge.http.listener import hang_up
from clawdforge.http.sse import HEARTBEAT, MEDIA_TYPE, PIECE_CHARS, SLOW_READER_SECS
from clawdforge.monitor.feed import Batch, Feed, Position
from clawdforge.tasks import TaskOwner


class MonitorStream(Response):
    """Sends what changes until the reader leaves or the server stops.

    Args:
        feed: Where it comes from.
        after: How far the reader has come; None: it begins with all sessions.
        heartbeat_secs: How often silence is broken.
    """

    media_type = MEDIA_TYPE

    def __init__(self, feed: Feed, *, after: Position | None, heartbeat_secs: float) -> None:
        super().__init__(None, headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"})
        # The length is not known: it ends when the stream ends.
        self.raw_headers = [h for h in self.raw_headers if h[0] != b"content-length"]
        self._feed = feed
        self._after = after
        self._heartbeat_secs = heartbeat_secs

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send, and listen for the reader's leaving."""
        owner = TaskOwner()
        sending = owner.start(self._send(send), name="monitor-sse", awaited=True)
        leaving = owner.start(_gone(receive), name="monitor-sse-reader-gone")
        try:
            await asyncio.wait({sending, leaving}, return_when=asyncio.FIRST_COMPLETED)
            if sending.done() and not sending.result():
                hang_up(scope)
                await asyncio.wait({leaving}, timeout=1)
        finally:
            await owner.cancel()

    async def _send(self, send: Send) -> bool:
        """Whether all could be sent: not to a reader that does not read."""
        await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
        try:
            async for piece in self._pieces():
                async with asyncio.timeout(SLOW_READER_SECS):
                    await send({"type": "http.response.body", "body": piece, "more_body": True})
        except TimeoutError:
            return False
        await send({"type": "http.response.body", "body": b"", "more_body": False})
        return True

    async def _pieces(self) -> AsyncIterator[bytes]:
        owner = TaskOwner()
        batches = self._feed.follow(self._after)
        try:
            while True:
                coming = owner.start(_next(batches), name="monitor-next", awaited=True)
                while not coming.done():
                    await asyncio.wait({coming}, timeout=self._heartbeat_secs)
                    if not coming.done():
                        yield HEARTBEAT
                batch = coming.result()
                if batch is None:
                    yield b"event: stopping\ndata: {}\n\n"
                    return
                for piece in _framed(batch):
                    yield piece
        finally:
            await owner.cancel()


async def _next(batches: AsyncIterator[Batch]) -> Batch | None:
    return await anext(batches, None)


def _framed(batch: Batch) -> Iterator[bytes]:
    """A batch in pieces. Only its last event has the number: half a batch is told again."""
    position = f"id: {batch.position}\n".encode()
    if batch.is_whole:
        views = [view for view in batch.views.values() if view is not None]
        yield b"event: sessions\n" + position + b'data: {"sessions":['
        yield b",".join(views) + b"]}\n\n"
        return
    held = bytearray()
    for session_id, view in batch.views.items():
        if view is None:
            held += b"event: session_removed\ndata: " + _removed(session_id) + b"\n\n"
        else:
            held += b'event: session_updated\ndata: {"session":' + view + b"}\n\n"
        if len(held) >= PIECE_CHARS:
            yield bytes(held)
            held.clear()
    held += b"event: position\n" + position + b"data: {}\n\n"
    yield bytes(held)


def _removed(session_id: str) -> bytes:
    return msgspec.json.encode({"session_id": session_id})


async def _gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
