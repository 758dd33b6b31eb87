"""Every agent session on this machine, live: a client of the monitor (`atmd`, or a server's own).

    async for news in MonitorFeed().follow():
        for one in news:
            if isinstance(one, Updated):
                print(one.session.id_short, one.session.state)

The connection comes back by itself. `monitor_sessions` and `ask_monitor` ask once, and block.
"""

import asyncio
import contextlib
import os
import socket
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from clawdforge.client.errors import ProtocolError, TransportError
from clawdforge.client.monitor_news import (
    MAX_REPLY_BYTES,
    Discovered,
    Everything,
    Lost,
    News,
    Reading,
    Removed,
    Updated,
)
from clawdforge.config import environment
from clawdforge.core.observed.views import SessionView
from clawdforge.errors import ClawdforgeError
from clawdforge.wire import atm

__all__ = [
    "Discovered",
    "Everything",
    "Lost",
    "MonitorFeed",
    "MonitorRefusedError",
    "News",
    "Removed",
    "Updated",
    "ask_monitor",
    "monitor_path",
    "monitor_sessions",
]

SOCKET_VARIABLE = "ATM_SOCKET"
FIRST_PAUSE_SECS = 0.25
LONGEST_PAUSE_SECS = 5.0
"""A socket of this machine costs nothing to try."""
SILENCE_SECS = 10.0
ASK_SECS = 10.0
_READ_BYTES = 256 * 1024
_PING = atm.encode_request("ping", seq=1)
_HINT = "start one with `atmd start -d`, or `clawdforge serve`, which has one"


def monitor_path(environ: Mapping[str, str] | None = None) -> Path:
    """Where the monitor's socket is: `ATM_SOCKET`, else the path that all its clients know."""
    named = (environment() if environ is None else environ).get(SOCKET_VARIABLE)
    return Path(named or atm.DEFAULT_SOCKET)


class MonitorRefusedError(ProtocolError):
    """The monitor does not do what was asked; `code` says why, and `why` in its words."""

    why = ""


Connection: TypeAlias = tuple[asyncio.StreamReader, asyncio.StreamWriter]


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How long a feed waits, in seconds."""

    connect: float
    silence: float
    """A monitor that says nothing for so long is asked; after as long again it is given up."""
    first_pause: float
    longest_pause: float


class MonitorFeed:
    """Follows a monitor.

    Args:
        path: Its socket; None: see `monitor_path`.
        name: Under which the monitor knows us.
        connect: Another way to it than that socket. What it raises is why there is none.
        patience: How long it waits for what.
        heard: Called whenever something comes.
        nobody: What is said, and the hint, when a connection ends before anybody spoke.
    """

    def __init__(
        self,
        path: Path | None = None,
        *,
        name: str = "clawdforge-client",
        connect: Callable[[], Awaitable[Connection]] | None = None,
        patience: Patience | None = None,
        heard: Callable[[], None] | None = None,
        nobody: tuple[str, str] | None = None,
    ) -> None:
        self.path = monitor_path() if path is None else path
        self._name = name
        self._connect = connect or self._connect_here
        self._patience = patience or Patience(
            connect=SILENCE_SECS,
            silence=SILENCE_SECS,
            first_pause=FIRST_PAUSE_SECS,
            longest_pause=LONGEST_PAUSE_SECS,
        )
        self._heard = heard
        self._nobody = nobody
        self._writer: asyncio.StreamWriter | None = None
        self._tries = 0
        self._again = asyncio.Event()

    async def follow(self) -> AsyncGenerator[list[News]]:
        """What happens, for ever; news that came together are told together.

        `Everything` comes first, and again after each `Lost`. Close the generator
        (`contextlib.aclosing`) to hang up.
        """
        while True:
            spoke, hint = False, None
            try:
                async with contextlib.aclosing(self._connection()) as connection:
                    async for news in connection:
                        self._tries, spoke = 0, True
                        yield news
                reason = "the monitor has gone"
            except TimeoutError:
                reason = "the monitor does not answer"
            except OSError as error:
                reason = _reason(error)
            except ClawdforgeError as error:
                spoke, reason, hint = True, error.message, error.hint
            if self._nobody is not None and not spoke:
                reason, hint = self._nobody
            pause = self._patience.first_pause * 2 ** min(self._tries, 8)
            pause = min(pause, self._patience.longest_pause)
            self._tries += 1
            self._again.clear()
            yield [Lost(reason, pause, self._tries, hint)]
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(pause):
                    await self._again.wait()

    def try_now(self) -> None:
        """Where there is no monitor: do not wait for the next try."""
        self._again.set()

    def discover(self) -> bool:
        """Have the monitor look for agents that run; `Discovered` is the answer.

        Returns:
            False: there is no monitor now.
        """
        if self._writer is None or self._writer.is_closing():
            return False
        self._writer.write(atm.encode_request("discover"))
        return True

    async def _connection(self) -> AsyncGenerator[list[News]]:
        async with asyncio.timeout(self._patience.connect):
            reader, writer = await self._connect()
        self._writer = writer
        try:
            hello = atm.encode_request("connect", client_id=self._name)
            writer.write(hello + atm.encode_request("subscribe"))
            reading = Reading()
            while data := await _piece(reader, writer, self._patience.silence):
                if self._heard is not None:
                    self._heard()
                if news := reading.feed(data):
                    yield news
        finally:
            self._writer = None
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()

    async def _connect_here(self) -> Connection:
        return await asyncio.open_unix_connection(self.path)


async def _piece(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, silence_secs: float
) -> bytes:
    """What comes next. A monitor that is silent has to show that it lives.

    Raises:
        TimeoutError: it does not.
    """
    try:
        async with asyncio.timeout(silence_secs):
            return await reader.read(_READ_BYTES)
    except TimeoutError:
        writer.write(_PING)
    async with asyncio.timeout(silence_secs):
        return await reader.read(_READ_BYTES)


def monitor_sessions(path: Path | None = None) -> tuple[SessionView, ...]:
    """All sessions, as they stand now; the oldest first.

    Raises:
        TransportError: no monitor runs, or it does not answer.
        ProtocolError: it is of another version.
    """
    reply = ask_monitor(atm.encode_request("list_sessions"), path)
    assert isinstance(reply, atm.SessionList)
    return tuple(reply.sessions)


def ask_monitor(request: bytes, path: Path | None = None) -> atm.Reply:
    """The reply to one request (`atm.encode_request`).

    Raises:
        TransportError: no monitor runs, or it does not answer.
        ProtocolError: it refuses, or its answer makes no sense.
    """
    path = monitor_path() if path is None else path
    problem = "it hung up"
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as link:
        link.settimeout(ASK_SECS)
        try:
            link.connect(os.fspath(path))
            link.sendall(atm.encode_request("connect", client_id="clawdforge") + request)
            with link.makefile("rb") as stream:
                _reply(stream.readline(MAX_REPLY_BYTES))
                if line := stream.readline(MAX_REPLY_BYTES):
                    return _reply(line)
        except TimeoutError:
            problem = f"no answer within {ASK_SECS:.0f} s"
        except OSError as error:
            problem = _reason(error)
    msg = f"no monitor at {path}: {problem}"
    raise TransportError(msg, hint=_HINT)


def _reply(line: bytes) -> atm.Reply:
    try:
        reply = atm.read_reply(line)
    except atm.WireError as error:
        msg = f"the monitor's answer makes no sense: {error}"
        raise ProtocolError(msg) from None
    if isinstance(reply, atm.Rejected):
        msg = f"the monitor refuses us: {reply.reason}"
        raise ProtocolError(msg)
    if isinstance(reply, atm.Error):
        refused = MonitorRefusedError(f"the monitor refuses: {reply.message}")
        refused.code, refused.why = reply.code or refused.code, reply.message
        raise refused
    return reply


def _reason(error: OSError) -> str:
    if isinstance(error, FileNotFoundError):
        return "none runs"
    return (error.strerror or str(error)).lower()
