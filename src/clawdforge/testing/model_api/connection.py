"""One HTTP/1.1 connection: h11 reads and frames, timers pace, the handler decides.

There are no tasks here: a connection is a protocol with at most one timer, so cutting it
is immediate whatever it is doing.
"""

import asyncio
import socket
import struct
from collections import deque
from collections.abc import Callable
from typing import Protocol

import h11

from clawdforge.testing.model_api.exchange import Ending, Exchange, Piece
from clawdforge.testing.model_api.request import HttpCall

_MAX_HEAD_BYTES = 256 * 1024
_READ_SECS = 0.05
"""How long a client gets to read what came before a reset: the reset destroys the rest."""
_NO_LINGER = struct.pack("ii", 1, 0)


class Handler(Protocol):
    """Who answers. Both are called on the server's thread and must not block."""

    def answer(self, call: HttpCall) -> Exchange:
        """Decide what to reply to a call that is complete."""

    def hung_up(self, call: HttpCall) -> None:
        """Learn that the client left before its reply had ended."""


class Connection(asyncio.Protocol):
    """Serves one connection until either side ends it; `living` holds those that are open."""

    def __init__(self, handler: Handler, living: set["Connection"]) -> None:
        self._handler = handler
        self._living = living
        self._http = h11.Connection(h11.SERVER, max_incomplete_event_size=_MAX_HEAD_BYTES)
        self._head: h11.Request | None = None
        self._body = bytearray()
        self._call: HttpCall | None = None
        self._exchange = Exchange()
        self._pieces: deque[Piece] = deque()
        self._timer: asyncio.TimerHandle | None = None
        self._transport: asyncio.Transport | None = None
        self._reset_when_flushed = False
        self.closed: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Called by asyncio: the connection is open."""
        assert isinstance(transport, asyncio.Transport)
        transport.set_write_buffer_limits(high=0)
        self._transport = transport
        self._living.add(self)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002
        """Called by asyncio: the connection is closed, by whichever side."""
        self._stop_timer()
        self._transport = None
        self._living.discard(self)
        self.closed.set_result(None)
        if self._call is not None:
            self._handler.hung_up(self._call)

    def data_received(self, data: bytes) -> None:
        """Called by asyncio: bytes came in."""
        self._http.receive_data(data)
        self._advance()

    def resume_writing(self) -> None:
        """Called by asyncio: everything written is with the kernel."""
        if self._reset_when_flushed:
            self._reset()

    def abort(self) -> None:
        """Cut the connection at once; the client is not told, and nobody hung up."""
        self._call = None
        self._stop_timer()
        if self._transport is not None:
            self._transport.abort()

    def _advance(self) -> None:
        while self._transport is not None and self._call is None:
            try:
                event = self._http.next_event()
            except h11.RemoteProtocolError:
                self._transport.close()
                return
            if event is h11.NEED_DATA:
                if self._http.they_are_waiting_for_100_continue:
                    self._send(h11.InformationalResponse(status_code=100, headers=[]))
                return
            if isinstance(event, h11.Request):
                self._head = event
                self._body.clear()
            elif isinstance(event, h11.Data):
                self._body += event.data
            elif isinstance(event, h11.EndOfMessage):
                self._reply()
            else:
                return

    def _reply(self) -> None:
        assert self._head is not None
        self._call = HttpCall(
            method=self._head.method.decode(),
            target=self._head.target.decode("latin-1"),
            headers={name.decode(): value.decode("latin-1") for name, value in self._head.headers},
            body=bytes(self._body),
        )
        self._exchange = self._handler.answer(self._call)
        self._later(self._exchange.wait_secs, self._begin)

    def _begin(self) -> None:
        exchange = self._exchange
        if exchange.silent:
            self._finish()
            return
        headers = list(exchange.headers.items())
        if exchange.ending is Ending.COMPLETE and len(exchange.pieces) <= 1:
            length = sum(len(piece.data) for piece in exchange.pieces)
            headers.append(("content-length", str(length)))
        self._send(h11.Response(status_code=exchange.status, headers=headers))
        # The reply to HEAD has the headers of GET, and no body.
        wants_body = self._call is not None and self._call.method != "HEAD"
        self._pieces = deque(exchange.pieces if wants_body else ())
        self._next_piece()

    def _next_piece(self) -> None:
        while self._pieces:
            piece = self._pieces.popleft()
            if piece.pause_secs:
                self._pieces.appendleft(Piece(piece.data))
                self._later(piece.pause_secs, self._next_piece)
                return
            self._send(h11.Data(data=piece.data))
        self._finish()

    def _finish(self) -> None:
        if self._exchange.ending is Ending.RESET:
            self._later(0.0 if self._exchange.silent else _READ_SECS, self._reset_once_flushed)
        elif self._exchange.ending is Ending.COMPLETE:
            self._send(h11.EndOfMessage())
            self._call = None
            if self._http.our_state is h11.MUST_CLOSE and self._transport is not None:
                self._transport.close()
                return
            self._http.start_next_cycle()
            self._advance()

    def _reset_once_flushed(self) -> None:
        if self._transport is not None and self._transport.get_write_buffer_size():
            self._reset_when_flushed = True
        else:
            self._reset()

    def _reset(self) -> None:
        if self._transport is not None:
            sock = self._transport.get_extra_info("socket")
            # Without lingering, closing sends RST instead of FIN.
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _NO_LINGER)
            self.abort()

    def _send(self, event: h11.Event) -> None:
        data = self._http.send(event)
        if data and self._transport is not None:
            self._transport.write(data)

    def _later(self, secs: float, act: Callable[[], None]) -> None:
        if secs:
            self._timer = asyncio.get_running_loop().call_later(secs, act)
        else:
            act()

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
