"""What a monitor tells those who follow it, out of the bytes of its socket. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TypeAlias

from clawdforge.client.errors import ProtocolError
from clawdforge.core.observed.views import SessionView
from clawdforge.wire import atm
from clawdforge.wire.framing import BoundedLines

MAX_REPLY_BYTES = 256 * 1024 * 1024
"""A list of ten thousand sessions with long prompts has some ten megabytes."""


@dataclass(frozen=True, slots=True)
class Everything:
    """All sessions, as they stand: what was known before is void. Comes first, after each loss."""

    sessions: tuple[SessionView, ...] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Updated:
    """A session is there, or has changed."""

    session: SessionView


@dataclass(frozen=True, slots=True)
class Removed:
    """A session is gone."""

    session_id: str
    reason: str | None = None
    """`ended`, `died`, `renamed` …; None: the monitor does not tell."""


@dataclass(frozen=True, slots=True)
class Discovered:
    """The answer to `MonitorFeed.discover`: how many agents run, and how many found no room."""

    found: int
    failed: int


@dataclass(frozen=True, slots=True)
class Lost:
    """There is no monitor at the moment; it is tried again by itself."""

    reason: str
    retry_secs: float
    """When the next try is."""
    tries: int
    """How many in a row have failed, this one with them."""
    hint: str | None = None
    """What to do, where that is known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """How fresh the picture of another machine is. Times are seconds since 1970."""

    name: str
    """As in `SessionView.host`."""
    live: bool = False
    """It is heard of; else what is shown of it is old, or nothing."""
    since: float | None = None
    """Since when that is so."""
    heard_at: float | None = None
    """When something was last heard of it; None: never."""
    reason: str = ""
    """Why it is not heard of; empty: it is, or it is only being connected."""
    hint: str | None = None
    """What to do."""
    retry_at: float | None = None
    """When it is tried again."""
    tries: int = 0
    """How many in a row have failed."""


News: TypeAlias = Everything | Updated | Removed | Discovered | Lost | Machine


class Reading:
    """The replies of one connection: bytes in, news out."""

    def __init__(self) -> None:
        self._lines = BoundedLines(MAX_REPLY_BYTES)

    def feed(self, data: bytes) -> list[News]:
        """Take in what arrived.

        Raises:
            ProtocolError: the monitor is of another version.
        """
        return list(self._news(self._lines.feed(data)))

    def _news(self, lines: Iterable[object]) -> Iterable[News]:
        for line in lines:
            if not isinstance(line, bytes):
                continue  # too long
            try:
                reply = atm.read_reply(line)
            except atm.WireError:
                continue  # of a later version, as its other clients take it
            match reply:
                case atm.SessionUpdated(session=view):
                    yield Updated(view)
                case atm.SessionRemoved(session_id=name, reason=reason):
                    yield Removed(name, reason)
                case atm.SessionList(sessions=views):
                    yield Everything(tuple(views))
                case atm.DiscoveryComplete(discovered=found, failed=failed):
                    yield Discovered(found, failed)
                case atm.Rejected(reason=reason):
                    msg = f"the monitor refuses us: {reason}"
                    raise ProtocolError(msg)
                case _:
                    pass
