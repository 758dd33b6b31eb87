"""The one place where the blocking client sends and reads."""

import time
from collections.abc import Iterator
from typing import Any, TypeVar

import httpx

from clawdforge.client.calls import Call
from clawdforge.client.errors import ClosedError, ForgeError, TransportError
from clawdforge.client.following import Following
from clawdforge.client.replies import Reply, turn_index
from clawdforge.client.results import TurnResult
from clawdforge.client.target import FAILURES, Body, Target, is_stream, opening
from clawdforge.client.upload import Part
from clawdforge.wire.forge_events import Event

T = TypeVar("T")


class Connection:
    """Connections to one server, with the credentials for it."""

    def __init__(self, target: Target, transport: httpx.BaseTransport | None) -> None:
        self.target = target
        self._closed = False
        with opening():
            options = target.options()
            if transport is None and target.keeps_alive():
                transport = httpx.HTTPTransport(**target.transport_options())
            self._http = httpx.Client(transport=transport, **options)

    def send(self, call: Call[T], part: Part | None = None) -> T:
        """Make a call and decode its reply.

        Raises:
            ForgeError: whatever went wrong.
        """
        request = self._request(call, part)
        try:
            reply = self._exchange(request)
        except FAILURES as error:
            failure = self.target.failure(request, error)
        else:
            return call.decode(reply)
        raise failure

    def open(self, call: Call[T]) -> "Pieces | T":
        """Make a call whose reply is a stream; the value, if it was a whole reply instead.

        Raises:
            ForgeError: whatever went wrong.
        """
        request = self._request(call)
        try:
            response = self._http.send(request, stream=True)
            if is_stream(response):
                return Pieces(self.target, response)
            reply = self._whole(response)
        except FAILURES as error:
            failure = self.target.failure(request, error)
        else:
            return call.decode(reply)
        raise failure

    def close(self) -> None:
        """Close the connections. Again: nothing happens."""
        self._closed = True
        self._http.close()

    def _request(self, call: Call[Any], part: Part | None = None) -> httpx.Request:
        if self._closed:
            msg = "this client is closed"
            raise ClosedError(msg, hint="make a new one")
        return self.target.request(call, part)

    def _exchange(self, request: httpx.Request) -> Reply:
        return self._whole(self._http.send(request, stream=True))

    def _whole(self, response: httpx.Response) -> Reply:
        try:
            body = Body(response)
            if body.problem is None:
                for piece in response.iter_bytes():
                    if not body.add(piece):
                        break
            return self.target.reply(body)
        finally:
            response.close()


class Pieces:
    """The body of a reply that has no end yet."""

    def __init__(self, target: Target, response: httpx.Response) -> None:
        self._target = target
        self._response = response
        self.turn_index = turn_index(response.headers)
        self._pieces: Iterator[bytes] = response.iter_raw()

    def read(self) -> bytes:
        """The next piece; empty: it has ended.

        Raises:
            TransportError: it broke.
        """
        try:
            return next(self._pieces, b"")
        except FAILURES as error:
            failure = self._target.failure(self._response.request, error)
        raise failure

    def close(self) -> None:
        """Hang up, or give the connection back if it was read to its end."""
        self._response.close()


class Follower:
    """Does what a `Following` asks for."""

    def __init__(self, connection: Connection, following: Following) -> None:
        self.following = following
        self._connection = connection
        self._pieces: Pieces | None = None

    def next(self) -> Event | None:
        """The next event; None: nothing more will come.

        Raises:
            ForgeError: it cannot go on.
        """
        following = self.following
        try:
            while not following.ready and not following.over:
                if self._pieces is None:
                    self._open()
                else:
                    self._read(self._pieces)
        except BaseException:
            self.close()
            raise
        if following.ready:
            return following.ready.popleft()
        self.close()
        return None

    def close(self) -> None:
        """Hang up; another `next` would go on where it stood."""
        pieces, self._pieces = self._pieces, None
        if pieces is not None:
            pieces.close()

    def _open(self) -> None:
        following = self.following
        if following.pause_secs:
            time.sleep(following.pause_secs)
        try:
            opened = self._connection.open(following.call())
        except ForgeError as error:
            following.failed(error, time.monotonic())
            return
        if isinstance(opened, TurnResult):
            following.answered(opened, time.monotonic())
        else:
            self._pieces = opened
            following.opened(time.monotonic(), opened.turn_index)

    def _read(self, pieces: Pieces) -> None:
        lost: TransportError | None = None
        try:
            piece = pieces.read()
        except TransportError as error:
            piece, lost = b"", error
        if piece:
            self.following.feed(piece, time.monotonic())
            return
        self.close()
        self.following.lost(lost, time.monotonic())
