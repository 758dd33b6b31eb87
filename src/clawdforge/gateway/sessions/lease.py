"""The node's lease: while it is renewed, its sessions are its own."""

import asyncio
import logging
from collections.abc import Callable

from clawdforge.core.session_records import Node
from clawdforge.errors import ClawdforgeError, ConflictError
from clawdforge.store.session_ledger import SessionLedger

log = logging.getLogger(__name__)

RENEWALS = 5
"""How often a lease is renewed in its length."""
FENCE = 0.8
"""The part of a lease, counted from when its renewal was sent, after which its owner gives its
sessions up by itself: nobody else can have taken them by then."""


class Lease:
    """Renews the node's lease for as long as the server runs.

    Args:
        secs: The length of a lease.
        mono: Monotonic seconds.
        lost: Called once when the lease could not be renewed in time.
    """

    def __init__(
        self,
        ledger: SessionLedger,
        node: Node,
        *,
        secs: float,
        mono: Callable[[], float],
        lost: Callable[[], None],
    ) -> None:
        self.node = node
        self._ledger = ledger
        self._secs = secs
        self._mono = mono
        self._lost = lost
        self._held_until = 0.0

    @property
    def held(self) -> bool:
        """Whether sessions may be claimed and added to."""
        return self._mono() < self._held_until

    async def begin(self) -> None:
        """Get the lease.

        Raises:
            StorageError: the ledger does not answer.
            ConflictError: a server that was started later has it.
        """
        sent = self._mono()
        await self._ledger.beat(self.node, self._secs)
        self._held_until = sent + FENCE * self._secs

    async def keep(self) -> None:
        """Renew it until cancelled."""
        while True:
            await asyncio.sleep(self._secs / RENEWALS)
            held = self.held
            try:
                await self.begin()
            except ConflictError:
                self._held_until = 0.0
                log.error("another server has begun on the same ledger; giving the sessions up")
                self._lost()
                return
            except ClawdforgeError as error:
                log.warning("the lease could not be renewed", extra={"reason": error.message})
                if held and not self.held:
                    self._lost()
            else:
                if not held:
                    log.info("the lease is held again")

    async def end(self) -> None:
        """Give it up: the next server need not wait."""
        self._held_until = 0.0
        try:
            await self._ledger.leave(self.node)
        except ClawdforgeError as error:
            log.warning("the lease could not be given up", extra={"reason": error.message})
