"""The socket and the HTTP server on it: uvicorn, stopped and announced our way."""

import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import uvicorn
from fastapi import FastAPI

from clawdforge.errors import ConfigError

BACKLOG = 512
SHUTDOWN_SECS = 5
"""How long open connections may take to end once no run is left."""


class HttpServer(uvicorn.Server):
    """uvicorn's server, without its signal handlers (ours know about runs), which tells when."""

    def __init__(self, app: FastAPI, ready: Callable[[], None]) -> None:
        super().__init__(
            uvicorn.Config(
                app,
                http="httptools",
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
