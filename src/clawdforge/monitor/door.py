"""The monitor's door: who is connected, and what each request does."""

import asyncio
import logging
import os
import socket
import time
from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from clawdforge.core.observed.registry import RegistryFullError
from clawdforge.core.observed.signals import Found, Moment
from clawdforge.monitor.approval_requests import answer_about_approvals
from clawdforge.monitor.connection import Connection
from clawdforge.monitor.link import CLIENT_ID
from clawdforge.monitor.monitor import Monitor, now
from clawdforge.tasks import TaskOwner
from clawdforge.wire import atm

log = logging.getLogger(__name__)

SWEEP_SECS = 1.0
CLOSING_SECS = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class DoorLimits:
    """What peers may take."""

    max_connections: int = 8192
    max_followers: int = 1000
    handshake_secs: float = 10.0
    """Until a peer has said who it is."""
    idle_secs: float = 300.0
    """Without a line; followers need not say anything."""


class Door:
    """Serves the Unix socket.

    Args:
        monitor: What requests are about.
        discover: Looks for running agents.
        limits: What peers may take.
        facts: What `status` tells beside the counts.
    """

    def __init__(
        self,
        monitor: Monitor,
        *,
        discover: Callable[[], Awaitable[list[Found]]],
        limits: DoorLimits | None = None,
        facts: Mapping[str, object] | None = None,
    ) -> None:
        self.monitor = monitor
        self.now: Callable[[], Moment] = now
        self.allowed_uids: Collection[int] = {0, os.getuid()}
        self._discover = discover
        self._limits = limits or DoorLimits()
        self._facts = dict(facts or {})
        self._connections: set[Connection] = set()
        self._driven: dict[Connection, set[str]] = {}
        self._accepted = 0
        self._began = time.monotonic()
        self._owner = TaskOwner()
        self._server: asyncio.Server | None = None

    async def __aenter__(self) -> Self:
        self._owner.start(self._sweep(), name="door-sweep")
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._server is not None:
            self._server.close()
        self.monitor.approvals.close()
        for connection in list(self._connections):
            connection.abort()
        await self._owner.cancel()
        self.monitor.close()

    async def listen(self, listener: socket.socket) -> None:
        """Accept on a socket that listens."""
        loop = asyncio.get_running_loop()
        self._server = await loop.create_unix_server(
            lambda: Connection(self), sock=listener, backlog=socket.SOMAXCONN
        )

    # Who is connected

    def add(self, connection: Connection) -> None:
        """A peer has come."""
        if len(self._connections) >= self._limits.max_connections:
            connection.say(atm.encode_error("Too many connections", code="too_many_connections"))
            connection.close()
            return
        self._connections.add(connection)
        connection.number = self._accepted
        self._accepted += 1

    def remove(self, connection: Connection) -> None:
        """A peer has gone, and with it what it drives."""
        self._connections.discard(connection)
        connection.unfollow()
        self.monitor.approvals.gone(connection)
        for session_id in self._driven.pop(connection, ()):
            self.monitor.driven_removed(session_id)

    def watchers(self) -> list[int]:
        """The processes that follow all sessions for somebody, such as dashboards."""
        return [
            one.pid
            for one in self._connections
            if one.pid is not None and one.follows and one.client_id != CLIENT_ID
        ]

    async def _sweep(self) -> None:
        while True:
            await asyncio.sleep(SWEEP_SECS)
            moment = time.monotonic()
            for connection in list(self._connections):
                if self._is_over(connection, moment):
                    connection.abort()

    def _is_over(self, connection: Connection, moment: float) -> bool:
        if connection.closing_since is not None:
            return moment - connection.closing_since > CLOSING_SECS
        silent = moment - connection.heard_at
        if connection.client_id is None:
            return silent > self._limits.handshake_secs
        is_still = not connection.follows and not connection.patient
        return silent > self._limits.idle_secs and is_still

    # What followers are owed

    def session_list(self) -> bytes:
        """All sessions as they stand now, as a line."""
        return atm.encode_session_list(self.monitor.registry.views(now()))

    def newest(self, session_id: str) -> bytes:
        """A session's newest view, or that it is gone, as a line."""
        entry = self.monitor.registry.entry(session_id)
        if entry is None:
            return atm.encode_session_removed(session_id)
        return atm.encode_session_updated(self.monitor.registry.view(entry, now()))

    def reads_again(self, peer: Connection) -> None:
        """A peer that did not read does."""
        self.monitor.approvals.reads_again(peer)

    # Requests

    def answer(self, peer: Connection, line: bytes, at: Moment) -> None:
        """Do what a line asks for."""
        if peer.client_id is None:
            self._shake_hands(peer, line)
            return
        try:
            request = atm.read_request(line)
        except atm.WireError as error:
            peer.say(atm.encode_error(error.message, code=error.code))
            if error.fatal:
                peer.close()
            return
        match request:
            case atm.StatusUpdate():
                try:
                    self.monitor.status_line(request.data, at, peer.pid)
                except RegistryFullError as error:
                    peer.say(atm.encode_error(error.message, code=error.code))
            case atm.HookEvent():
                self.monitor.hook(request.data, at, peer.pid)
            case _:
                self._answer_other(peer, request)

    def _shake_hands(self, peer: Connection, line: bytes) -> None:
        try:
            request = atm.read_hello(line)
        except atm.VersionError as error:
            peer.say(atm.encode_rejected(error.message))
            peer.close()
            return
        except atm.WireError:
            peer.close()
            return
        if not isinstance(request, atm.Connect):
            peer.say(atm.encode_error("Expected Connect message for handshake", code="no_connect"))
            peer.close()
            return
        given = request.client_id
        peer.client_id = f"client-{peer.number}" if given is None else given
        peer.say(atm.encode_connected(peer.client_id))

    def _answer_other(self, peer: Connection, request: atm.Request) -> None:
        match request:
            case atm.Connect():
                peer.say(atm.encode_error("Already connected", code="already_connected"))
            case atm.ListSessions():
                self.monitor.flush()
                peer.say(self.session_list())
            case atm.Subscribe(session_id=session_id):
                self._subscribe(peer, session_id)
            case atm.Unsubscribe():
                peer.unfollow()
                self.monitor.approvals.unfollow(peer)
            case atm.Ping(seq=seq):
                peer.say(atm.encode_pong(seq))
            case atm.Disconnect():
                peer.close()
            case atm.Discover():
                self._owner.start(self._discovered(peer), name="discover")
            case atm.DrivenUpdate(data=driven):
                for one in driven:
                    self._driven.setdefault(peer, set()).add(one.session_id)
                    self.monitor.driven(one, source=f"gateway:{peer.pid or 0}")
            case atm.DrivenRemoved(data=gone):
                for session_id in gone:
                    self._driven.get(peer, set()).discard(session_id)
                    self.monitor.driven_removed(session_id)
            case atm.Explain(session_id=session_id):
                told = self.monitor.registry.explain(session_id, now())
                peer.say(atm.encode_explanation(session_id, told))
            case atm.Looking():
                self.monitor.looked()
            case atm.Status():
                peer.say(atm.encode_status(self.status()))
            case _:
                answer_about_approvals(self.monitor, self._owner, peer, request)

    def status(self) -> dict[str, object]:
        """Facts about the monitor."""
        figures = self.monitor.registry.figures()
        return self._facts | {
            "pid": os.getpid(),
            "sessions": figures.sessions,
            "figures": figures,
            "connections": len(self._connections),
            "subscribers": self.monitor.publisher.followers,
            "approvals": len(self.monitor.approvals),
            "uptime_secs": round(time.monotonic() - self._began, 1),
        }

    def _subscribe(self, peer: Connection, session_id: str | None) -> None:
        full = self.monitor.publisher.followers >= self._limits.max_followers
        if full and not peer.follows:
            message = f"Too many subscribers (max: {self._limits.max_followers})"
            peer.say(atm.encode_error(message, code="too_many_subscribers"))
            return
        peer.follow(session_id)
        peer.say(self.session_list())

    async def _discovered(self, peer: Connection) -> None:
        found = await self._discover()
        failed = self.monitor.found(found)
        self.monitor.flush()
        peer.say(atm.encode_discovery_complete(len(found) - failed, failed))
        peer.flush()
