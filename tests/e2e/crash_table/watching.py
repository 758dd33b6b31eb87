"""A client's eyes: it follows a session's events over the deaths of its server."""

import http.client
import json
import socket
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any
from urllib.parse import urlsplit

PATIENCE_SECS = 30.0

Event = dict[str, Any]


class Watcher:
    """What a client was told of a session, in order; it comes back with its `Last-Event-ID`."""

    def __init__(self, session: str) -> None:
        self.session = session
        self.events: list[Event] = []
        self.faults: list[str] = []
        """Where the numbers were not those that had to come."""
        self._news = threading.Condition()
        self._connected = False
        self._thread: threading.Thread | None = None
        self._connection: http.client.HTTPConnection | None = None

    def follow(self, url: str, token: str) -> None:
        """Begin, or go on with another server."""
        self.leave()
        connection = http.client.HTTPConnection(
            urlsplit(url).netloc, timeout=PATIENCE_SECS, blocksize=65536
        )
        headers = {
            "Authorization": f"Bearer {token}",
            "Accept": "text/event-stream",
            "Last-Event-ID": str(len(self.events)),
        }
        connection.request("GET", f"/sessions/{self.session}/events", headers=headers)
        reply = connection.getresponse()
        self._connection, self._connected = connection, True
        self._thread = threading.Thread(target=self._read, args=(reply,))
        self._thread.start()

    def leave(self) -> None:
        """Stop following."""
        if self._connection is not None and self._thread is not None:
            if self._connection.sock is not None:
                with suppress(OSError):
                    self._connection.sock.shutdown(socket.SHUT_RDWR)
            self._thread.join(PATIENCE_SECS)
            self._connection.close()
            self._thread = None

    def wait(self, what: Callable[[Sequence[Event]], Any]) -> bool:
        """Wait until that is so of the events; False: the server was gone before."""
        with self._news:
            self._news.wait_for(lambda: what(self.events) or not self._connected, PATIENCE_SECS)
            return bool(what(self.events))

    def has(self, kind: str, turn: int | None = None) -> bool:
        """Wait for an event of a type; False: the server was gone before."""
        return self.wait(
            lambda events: any(e["type"] == kind and turn in {None, e["turn"]} for e in events)
        )

    def has_all(self, count: int) -> bool:
        """Wait until that many events came; False: the stream ended before."""
        return self.wait(lambda events: len(events) >= count)

    def _read(self, reply: http.client.HTTPResponse) -> None:
        with suppress(OSError, http.client.HTTPException, ValueError):
            while line := reply.readline():
                if line.startswith(b'data: {"seq"'):
                    self._take(json.loads(line[6:]))
        with suppress(OSError):
            reply.close()
        with self._news:
            self._connected = False
            self._news.notify_all()

    def _take(self, event: Event) -> None:
        with self._news:
            if event["seq"] != len(self.events) + 1:
                self.faults.append(f"event {event['seq']} came after event {len(self.events)}")
            self.events.append(event)
            self._news.notify_all()
