"""One connection to the monitor's socket: requests in, replies and changes out.

A peer that does not read harms nobody: while its buffer is full, a follower gets the newest view
of each session later, and of anybody else no more requests are read.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Collection
from typing import Protocol

from clawdforge.core.observed.signals import Moment
from clawdforge.monitor.listening import peer_of
from clawdforge.monitor.monitor import Monitor
from clawdforge.monitor.publishing import Round
from clawdforge.wire import atm
from clawdforge.wire.framing import BoundedLines, TooLong

log = logging.getLogger(__name__)

HIGH_BYTES = 256 * 1024
LOW_BYTES = 64 * 1024
MAX_PENDING = 20_000
"""Sessions whose newest view is owed; beyond, a whole list is."""
PIECE_BYTES = 32 * 1024
"""So much is read in one go, so that changes come out between."""
HELD_SECS = 0.05
"""How long a reply waits for the rest of what a peer sends in one go."""


class Host(Protocol):
    """Whom peers have connected to."""

    monitor: Monitor
    now: Callable[[], Moment]
    allowed_uids: Collection[int]

    def add(self, connection: "Connection") -> None:
        """A peer has come."""
        ...

    def remove(self, connection: "Connection") -> None:
        """A peer has gone."""
        ...

    def answer(self, peer: "Connection", line: bytes, at: Moment) -> None:
        """Do what a line asks for."""
        ...

    def session_list(self) -> bytes:
        """All sessions as they stand now, as a line."""
        ...

    def newest(self, session_id: str) -> bytes:
        """A session's newest view, or that it is gone, as a line."""
        ...

    def reads_again(self, peer: "Connection") -> None:
        """A peer that did not read does."""
        ...


_piece = memoryview(bytearray(PIECE_BYTES))
"""All connections read into this one: what was read is taken out before anybody reads again."""


class Connection(asyncio.BufferedProtocol):
    """A peer."""

    def __init__(self, door: Host) -> None:
        self.client_id: str | None = None
        """Its name, once it has connected."""
        self.number = 0
        """Which of all that were accepted it is."""
        self.heard_at = time.monotonic()
        """When its last whole line came."""
        self.closing_since: float | None = None
        self.pid: int | None = None
        """Its process, as the kernel says."""
        self.uid: int | None = None
        """Its user, as the kernel says."""
        self.patient = False
        """It need not say anything for a long time."""
        self._door = door
        self._transport: asyncio.Transport | None = None
        self._lines = BoundedLines(atm.MAX_LINE)
        self._out: list[bytes] = []
        self._out_bytes = 0
        self._unheard: list[bytes | TooLong] = []
        """What it had sent already when it was seen that it does not read the answers."""
        self._held: asyncio.TimerHandle | None = None
        self._filter: str | None = None
        self._paused = False
        self._pending: dict[str, None] = {}
        self._owes_list = False

    @property
    def follows(self) -> bool:
        """Whether it has subscribed."""
        return self._door.monitor.publisher.is_following(self)

    # asyncio.BufferedProtocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Somebody has connected."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        transport.set_write_buffer_limits(HIGH_BYTES, LOW_BYTES)
        peer = peer_of(transport.get_extra_info("socket"))
        if peer is not None:
            self.pid, self.uid = peer
            if self.uid not in self._door.allowed_uids:
                log.warning("a peer of another user was refused", extra={"uid": self.uid})
                self.close()
                return
        self._door.add(self)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio's
        """It is gone."""
        if self._held is not None:
            self._held.cancel()
        self._door.remove(self)

    def get_buffer(self, sizehint: int) -> memoryview:  # noqa: ARG002 - asyncio's
        """Where the next bytes are to go."""
        return _piece

    def buffer_updated(self, nbytes: int) -> None:
        """Some bytes of any number of lines are there."""
        lines = self._lines.feed(bytes(_piece[:nbytes]))
        if lines:
            self.heard_at = time.monotonic()
            self._hear(lines)
        self._reply_soon()

    def eof_received(self) -> None:
        """Nothing more comes; a last line needs no newline."""
        last = self._lines.end()
        if last is not None:
            self._hear([last])
        self.flush()
        self.closing_since = time.monotonic()

    def pause_writing(self) -> None:
        """It does not read what we write."""
        self._paused = True
        if self._transport is not None and not self.follows:
            self._transport.pause_reading()

    def resume_writing(self) -> None:
        """It reads again."""
        self._paused = False
        lines, self._unheard = self._unheard, []
        self._hear(lines)
        self.flush()
        if self._paused:
            return
        if self._transport is not None and not self._transport.is_closing():
            self._transport.resume_reading()
        self._door.reads_again(self)
        self._catch_up()

    # Changes

    def publish(self, made: Round) -> None:
        """Something changed."""
        lines = made.lines
        wanted = self._filter
        if wanted is not None and wanted not in lines:
            return
        if self._paused or self._pending or self._owes_list:
            for session_id in lines if wanted is None else (wanted,):
                self._pending.pop(session_id, None)  # to the end: a rename goes before
                self._pending[session_id] = None
            if len(self._pending) > MAX_PENDING:
                self._pending.clear()
                self._owes_list = True
        elif self._transport is not None:
            self._transport.write(made.joined if wanted is None else lines[wanted])

    def _catch_up(self) -> None:
        """Send what is owed, as it is now, until the buffer is full again."""
        assert self._transport is not None
        if self._owes_list and not self._paused:
            self._owes_list = False
            self._transport.write(self._door.session_list())
        while self._pending and not self._paused:
            session_id = next(iter(self._pending))
            del self._pending[session_id]
            self._transport.write(self._door.newest(session_id))

    def follow(self, session_id: str | None) -> None:
        """Tell it of changes from now on: of all sessions, or of one."""
        self._filter = session_id
        self._pending.clear()
        self._door.monitor.publisher.add(self)

    def unfollow(self) -> None:
        """Tell it of changes no more."""
        self._door.monitor.publisher.remove(self)
        self._pending.clear()
        self._owes_list = False

    # Requests

    def _hear(self, lines: list[bytes | TooLong]) -> None:
        at = self._door.now()
        for number, line in enumerate(lines):
            if self.closing_since is not None:
                return
            if self._out_bytes > HIGH_BYTES:
                self.flush()
                if self._paused and not self.follows:
                    self._unheard = lines[number:]
                    break
            if isinstance(line, TooLong):
                self._too_long()
                return
            self._door.answer(self, line, at)
        self._door.monitor.changed()

    def _too_long(self) -> None:
        if self.client_id is not None:
            message = f"Line is longer than {atm.MAX_LINE} bytes"
            self.say(atm.encode_error(message, code="line_too_long"))
        self.close()

    def say(self, line: bytes) -> None:
        """Send a reply, with those that follow from the same bytes."""
        self._out.append(line)
        self._out_bytes += len(line)

    def tell(self, line: bytes) -> bool:
        """Send a line now; False: it does not read, and was not told."""
        if self._paused:
            return False
        self.say(line)
        self.flush()
        return True

    def close(self) -> None:
        """Say what is to be said, and no more."""
        self.flush()
        self.closing_since = time.monotonic()
        if self._transport is not None:
            self._transport.close()

    def abort(self) -> None:
        """End it at once."""
        self._out.clear()
        self._out_bytes = 0
        if self._transport is not None:
            self._transport.abort()

    def _reply_soon(self) -> None:
        # A hook sends everything in one go and is gone: writing to it before all of it was read
        # would end the connection, and with it what is still to be read.
        if self._out and self._lines.has_partial:
            if self._held is None:
                loop = asyncio.get_running_loop()
                self._held = loop.call_later(HELD_SECS, self.flush)
        else:
            self.flush()

    def flush(self) -> None:
        """Send what was said."""
        if self._held is not None:
            self._held.cancel()
            self._held = None
        if self._out and self._transport is not None and not self._transport.is_closing():
            self._transport.write(b"".join(self._out))
        self._out.clear()
        self._out_bytes = 0
