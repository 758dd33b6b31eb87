"""Server-sent events (WHATWG HTML, section 9.2) of a session, one reader each."""

import asyncio
import json
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from clawdforge.core.session_records import StoredEvent
from clawdforge.gateway.sessions.hub import End, Subscription, follow
from clawdforge.http.listener import hang_up
from clawdforge.store.session_ledger import SessionLedger
from clawdforge.tasks import TaskOwner

MEDIA_TYPE = "text/event-stream"
SLOW_READER_SECS = 30.0
"""How long one piece may take to be sent; a reader that takes longer is let go."""
PIECE_CHARS = 64 * 1024
"""The size of a piece: what a connection holds back is copied for each reader."""
HEARTBEAT = b": heartbeat\n\n"
Following = AsyncGenerator[Sequence[StoredEvent] | End, None]
Until = Callable[[StoredEvent], bool]


def event_value(event: StoredEvent) -> dict[str, Any]:
    """The same as a value."""
    return {"seq": event.seq, "turn": event.turn, "at": event.at, **json.loads(event.body)}


def frame(event: StoredEvent) -> Iterator[bytes]:
    """An event as it goes over the wire, in pieces; its body as it is stored.

    JSON has no raw line breaks.
    """
    named = f"id: {event.seq}\nevent: {event.type}\n"
    yield f'{named}data: {{"seq":{event.seq},"turn":{event.turn},"at":{event.at},'.encode()
    for at in range(1, len(event.body), PIECE_CHARS):
        yield event.body[at : at + PIECE_CHARS].encode()
    yield b"\n\n"


def notice(kind: str, data: Mapping[str, Any]) -> bytes:
    """Something for the reader alone: it has no number, so it is not repeated."""
    return f"event: {kind}\ndata: {json.dumps(data)}\n\n".encode()


class EventStream(Response):
    """Sends a session's events until it is closed, the reader leaves or lags, or `until` says so.

    Args:
        subscribed: The subscription, entered before the response begins; left with it.
        after: The number of the last event that the reader has.
        heartbeat_secs: How often silence is broken.
        is_closed: The session is closed: what is stored of it is all there is.
        until: Says of each event whether it is the last one wanted.
        wanted: Says of each event whether it is wanted at all.
    """

    media_type = MEDIA_TYPE

    def __init__(
        self,
        *,
        ledger: SessionLedger,
        subscribed: AbstractContextManager[Subscription],
        session_id: str,
        after: int,
        heartbeat_secs: float,
        is_closed: bool = False,
        until: Until = lambda _: False,
        wanted: Until = lambda _: True,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(
            None,
            headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no", **(headers or {})},
        )
        # The length is not known: it ends when the stream ends.
        self.raw_headers = [h for h in self.raw_headers if h[0] != b"content-length"]
        self._ledger = ledger
        self._subscribed = subscribed
        self._session_id = session_id
        self._last = after
        self._heartbeat_secs = heartbeat_secs
        self._is_closed = is_closed
        self._until = until
        self._wanted = wanted
        self._over = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send, and listen for the reader's leaving."""
        owner = TaskOwner()
        with self._subscribed as subscription:
            sending = owner.start(self._send(subscription, send), name="sse", awaited=True)
            leaving = owner.start(_gone(receive), name="sse-reader-gone")
            try:
                await asyncio.wait({sending, leaving}, return_when=asyncio.FIRST_COMPLETED)
                if sending.done() and not sending.result():
                    hang_up(scope)
                    await asyncio.wait({leaving}, timeout=1)
            finally:
                await owner.cancel()

    async def _send(self, subscription: Subscription, send: Send) -> bool:
        """Whether all could be sent: not to a reader that does not read."""
        start = {"type": "http.response.start", "status": 200, "headers": self.raw_headers}
        await send(start)
        try:
            async with asyncio.timeout(SLOW_READER_SECS):
                await _put(send, b": connected\n\n")
            async for piece in self._pieces(subscription):
                async with asyncio.timeout(SLOW_READER_SECS):
                    await _put(send, piece)
        except TimeoutError:
            return False
        await send({"type": "http.response.body", "body": b"", "more_body": False})
        return True

    async def _pieces(self, subscription: Subscription) -> AsyncIterator[bytes]:
        owner = TaskOwner()
        found = follow(
            self._ledger,
            subscription,
            self._session_id,
            self._last,
            is_closed=self._is_closed,
        )
        try:
            while True:
                next_one = owner.start(_next(found), name="sse-next", awaited=True)
                while not next_one.done():
                    await asyncio.wait({next_one}, timeout=self._heartbeat_secs)
                    if not next_one.done():
                        yield HEARTBEAT
                events = next_one.result()
                if isinstance(events, End):
                    if (last_word := self._last_word(events)) is not None:
                        yield last_word
                    return
                for piece in self._framed(events):
                    yield piece
                if self._over:
                    return
        finally:
            await owner.cancel()
            await found.aclose()

    def _framed(self, events: Sequence[StoredEvent]) -> Iterator[bytes]:
        held = bytearray()
        for event in events:
            self._last = event.seq
            for part in frame(event) if self._wanted(event) else ():
                held += part
                if len(held) >= PIECE_CHARS:
                    yield bytes(held)
                    held.clear()
            if self._until(event):
                self._over = True
                break
        if held:
            yield bytes(held)

    def _last_word(self, end: End) -> bytes | None:
        match end:
            case End.LAGGED:
                return notice("lagged", {"after": self._last})
            case End.STOPPING:
                return notice("stopping", {"after": self._last})
            case End.CLOSED:
                return None


async def _next(found: Following) -> Sequence[StoredEvent] | End:
    return await anext(found)


async def _put(send: Send, piece: bytes) -> None:
    await send({"type": "http.response.body", "body": piece, "more_body": True})


async def _gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
