"""Whoever is told of approvals as they come and go."""

from collections.abc import Callable
from typing import Any, Protocol

from clawdforge.wire import atm


class Peer(Protocol):
    """Somebody who has connected."""

    patient: bool
    """Need not say anything for a long time."""

    def tell(self, line: bytes) -> bool:
        """Send a line now; False: it does not read, and was not told."""
        ...

    def close(self) -> None:
        """Say what is to be said, and no more."""
        ...


class Followers:
    """Tells each of them everything, or, when it did not read for a while, how all stands now.

    Args:
        rows: What waits now, as it is told.
    """

    def __init__(self, rows: Callable[[], list[dict[str, Any]]]) -> None:
        self._rows = rows
        self._all: set[Peer] = set()
        self._behind: set[Peer] = set()

    def add(self, peer: Peer) -> None:
        """Tell this one from now on, after what waits."""
        peer.patient = True
        self._all.add(peer)
        self._catch_up(peer)

    def discard(self, peer: Peer) -> None:
        """Tell this one no longer."""
        self._all.discard(peer)
        self._behind.discard(peer)

    def clear(self) -> None:
        """Tell nobody any more."""
        self._all.clear()
        self._behind.clear()

    def reads_again(self, peer: Peer) -> None:
        """A peer that did not read does."""
        if peer in self._behind:
            self._catch_up(peer)

    def publish(self, line: bytes) -> None:
        """Tell all who read."""
        for peer in self._all - self._behind:
            if not peer.tell(line):
                self._behind.add(peer)

    def _catch_up(self, peer: Peer) -> None:
        if peer.tell(atm.encode_approval_list(self._rows())):
            self._behind.discard(peer)
        else:
            self._behind.add(peer)
