"""The socket and the HTTP server on it: uvicorn, stopped and announced our way."""

import http
import json
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import uvicorn
from fastapi import FastAPI
from starlette.types import Scope
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from clawdforge.errors import ConfigError
from clawdforge.http.errors import error_body

BACKLOG = 512
SHUTDOWN_SECS = 5
"""How long open connections may take to end once no run is left."""
MAX_HEAD_BYTES = 64 * 1024
"""The longest request line and headers, beyond a first read; the door bounds the body."""

_HANG_UP = "hang_up"


class _Protocol(HttpToolsProtocol):
    """uvicorn's protocol, with a bound for what is not body, and our shape of errors."""

    _undecided_bytes = 0
    """What has arrived since the last whole head or piece of a body: the parser keeps it."""
    _decided = False

    def on_message_begin(self) -> None:
        """A request begins."""
        self._decided = True
        super().on_message_begin()
        self.scope["state"][_HANG_UP] = self.transport.abort

    def on_headers_complete(self) -> None:
        """Its head is whole."""
        self._decided = True
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """A piece of its body."""
        self._decided = True
        super().on_body(body)

    def data_received(self, data: bytes) -> None:
        """Some bytes, of one request or of several."""
        self._decided = False
        super().data_received(data)
        self._undecided_bytes = 0 if self._decided else self._undecided_bytes + len(data)
        if self._undecided_bytes > MAX_HEAD_BYTES and not self.transport.is_closing():
            message = f"the request's head is larger than {MAX_HEAD_BYTES:,} bytes"
            self._refuse(431, "head_too_large", message)

    def send_400_response(self, msg: str) -> None:
        """It was not HTTP."""
        self._refuse(400, "invalid_http", msg)

    def _refuse(self, status: int, code: str, message: str) -> None:
        body = json.dumps(error_body(code, message)).encode()
        head = (
            f"HTTP/1.1 {status} {http.HTTPStatus(status).phrase}\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n"
            "X-Content-Type-Options: nosniff\r\nCache-Control: no-store\r\n"
            "Connection: close\r\n\r\n"
        )
        self.transport.write(head.encode() + body)
        self.transport.close()


def hang_up(scope: Scope) -> None:
    """Cut a request's connection now: its peer does not read, so that closing it would wait."""
    abort = scope.get("state", {}).get(_HANG_UP)
    if abort is not None:
        abort()


class HttpServer(uvicorn.Server):
    """uvicorn's server, without its signal handlers (ours know about runs), which tells when."""

    def __init__(self, app: FastAPI, ready: Callable[[], None]) -> None:
        super().__init__(
            uvicorn.Config(
                app,
                http=_Protocol,
                loop="asyncio",
                lifespan="off",
                log_config=None,
                access_log=False,
                server_header=False,
                proxy_headers=False,
                backlog=BACKLOG,
                timeout_graceful_shutdown=SHUTDOWN_SECS,
            )
        )
        self._ready = ready

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave the signals alone."""
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start, then tell that it has."""
        await super().startup(sockets)
        if self.started:
            self._ready()


@contextmanager
def listening(host: str, port: int) -> Iterator[socket.socket]:
    """A socket that listens.

    Raises:
        ConfigError: the address is in use, or not ours (`code` `address_unavailable`).
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # The protocol is named because asyncio turns Nagle's algorithm off only then (40 ms a reply).
    with socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((host, port))
            listener.listen(BACKLOG)
        except OSError as error:
            msg = f"cannot listen on {host}:{port}: {error.strerror or error}"
            hint = "stop what uses the port, or choose another with --port (0: any free one)"
            raise ConfigError(msg, code="address_unavailable", hint=hint) from error
        listener.setblocking(False)  # noqa: FBT003 - the standard library's way
        yield listener


def url_of(host: str, listener: socket.socket) -> str:
    """Where this machine's own commands reach the server."""
    local = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(host)  # noqa: S104 - only compared with
    name = local or (f"[{host}]" if ":" in host else host)
    return f"http://{name}:{listener.getsockname()[1]}"
