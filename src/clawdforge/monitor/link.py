"""A monitor of another process, over its socket: its views come in, our sessions go out."""

import asyncio
import logging
from collections.abc import Callable
from pathlib import Path

import msgspec

from clawdforge.core.observed.signals import Driven
from clawdforge.monitor.feed import END, UPDATED, Feed
from clawdforge.wire import atm

log = logging.getLogger(__name__)

MAX_REPLY_BYTES = 256 * 1024 * 1024
CLIENT_ID = "clawdforge"
"""What a server calls itself: no person looks at it."""


class _Id(msgspec.Struct):
    id: str


class _Line(msgspec.Struct):
    type: str
    session_id: str = ""
    session: msgspec.Raw = msgspec.Raw(b"")
    sessions: list[msgspec.Raw] = []


_LINE = msgspec.json.Decoder(_Line)
_ID = msgspec.json.Decoder(_Id)


class Link:
    """A connection to a monitor that runs elsewhere on this machine."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    @classmethod
    async def open(cls, path: Path) -> "Link":
        """Connect and subscribe.

        Raises:
            OSError: there is none.
        """
        reader, writer = await asyncio.open_unix_connection(str(path), limit=MAX_REPLY_BYTES)
        hello = atm.encode_request("connect", client_id=CLIENT_ID)
        writer.write(hello + atm.encode_request("subscribe"))
        return cls(reader, writer)

    def tell(self, sessions: list[Driven], gone: list[str]) -> None:
        """Tell it of sessions that we drive, and of those that we do not drive any more."""
        if sessions:
            told = [msgspec.to_builtins(one) for one in sessions]
            self._writer.write(atm.encode_request("driven_update", data=told))
        if gone:
            self._writer.write(atm.encode_request("driven_removed", data=gone))

    def looked(self) -> None:
        """Tell it that a person uses what shows all sessions."""
        self._writer.write(atm.encode_request("looking"))

    async def follow(self, feed: Feed, subscribed: Callable[[], None]) -> None:
        """Feed what it says, until it is gone. `subscribed` is called once it has told all."""
        while line := await self._reader.readline():
            try:
                told = _LINE.decode(line)
                match told.type:
                    case "session_list":
                        feed.replace({_ID.decode(view).id: bytes(view) for view in told.sessions})
                        subscribed()
                    case "session_updated":
                        feed.take(_ID.decode(told.session).id, UPDATED + bytes(told.session) + END)
                    case "session_removed":
                        feed.take(told.session_id, line)
            except msgspec.DecodeError as error:
                log.warning("the monitor says what we do not understand", extra={"why": str(error)})

    async def close(self) -> None:
        """End the connection."""
        self._writer.close()
        try:
            await self._writer.wait_closed()
        except OSError:
            log.debug("the monitor was gone already")
