"""A loopback HTTP server on a thread of its own, for sync and async callers alike."""

import asyncio
import contextlib
import socket
import threading
from concurrent.futures import Future

from clawdforge.testing.model_api.connection import Connection, Handler

HOST = "127.0.0.1"


class Server:
    """Serves one handler, once: after `halt` it cannot be launched again."""

    def __init__(self, handler: Handler, port: int) -> None:
        """`port` 0 takes any that is free."""
        self._handler = handler
        self._wanted_port = port
        self._living: set[Connection] = set()
        self._listener: socket.socket | None = None
        self._accepted: asyncio.Queue[socket.socket | None] | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._halt_asked = False
        self._done: Future[None] = Future()
        self._thread = threading.Thread(target=self._run, name="model-api", daemon=True)

    def launch(self) -> int:
        """Listen, and return the port at once: the thread answers as soon as it is up.

        Raises:
            OSError: the port is taken.
            RuntimeError: it was launched before.
        """
        if self._listener is not None:
            msg = "a server is launched only once"
            raise RuntimeError(msg)
        self._listener = socket.create_server((HOST, self._wanted_port))
        self._listener.settimeout(0)
        port = int(self._listener.getsockname()[1])
        # From now on nobody can cancel the future, so that the thread can always set it.
        self._done.set_running_or_notify_cancel()
        self._thread.start()
        return port

    def halt(self) -> Future[None]:
        """Stop listening and cut every connection; the future tells when that is done.

        Idempotent, and does not block. Needs an earlier `launch`.
        """
        self._halt_asked = True
        if self._loop is not None and self._accepted is not None:
            with contextlib.suppress(RuntimeError):  # the loop is closed already
                self._loop.call_soon_threadsafe(self._accepted.put_nowait, None)
        return self._done

    @property
    def gone(self) -> bool:
        """Whether the thread has ended. `halt`'s future is done only moments before."""
        return not self._thread.is_alive()

    def join(self) -> None:
        """Wait for the thread's end, after `halt`."""
        self._thread.join()

    def _run(self) -> None:
        assert self._listener is not None
        try:
            with self._listener:
                asyncio.run(self._serve(self._listener))
        finally:
            self._done.set_result(None)

    async def _serve(self, listener: socket.socket) -> None:
        # Not asyncio's own server: in 3.11 one that closes loses what it is just accepting.
        accepted: asyncio.Queue[socket.socket | None] = asyncio.Queue()
        self._accepted = accepted
        self._loop = loop = asyncio.get_running_loop()
        loop.add_reader(listener, _accept, listener, accepted)
        while not self._halt_asked:
            client = await accepted.get()
            if client is not None:
                await self._connect(client)
        loop.remove_reader(listener)
        while not accepted.empty():
            client = accepted.get_nowait()
            if client is not None:
                client.close()
        for connection in tuple(self._living):
            connection.abort()
            await connection.closed

    async def _connect(self, client: socket.socket) -> None:
        try:
            await asyncio.get_running_loop().connect_accepted_socket(
                lambda: Connection(self._handler, self._living), client
            )
        except OSError:  # it is gone again
            client.close()


def _accept(listener: socket.socket, accepted: "asyncio.Queue[socket.socket | None]") -> None:
    with contextlib.suppress(BlockingIOError, ConnectionAbortedError):
        client, _ = listener.accept()
        client.settimeout(0)
        accepted.put_nowait(client)
