"""Which sessions have new events: told on the loop by the writer, waited for by one reader."""

import asyncio
from collections.abc import Collection

from clawdforge.errors import StorageError


class News:
    """A set of session ids that somebody waits for. It cannot grow beyond the sessions there are.

    Of several that wait at once, one gets what there is and the others go on waiting.
    """

    def __init__(self) -> None:
        self._ids: set[str] = set()
        self._open = False
        self._changed = asyncio.Event()

    def begin(self) -> None:
        """Let people wait; there is no news yet."""
        self._ids = set()
        self._changed = asyncio.Event()
        self._open = True

    def end(self) -> None:
        """Send away everybody who waits."""
        self._open = False
        self._changed.set()

    def tell(self, ids: Collection[str]) -> None:
        """These sessions have new events, and they are durable."""
        if ids:
            self._ids.update(ids)
            self._changed.set()

    async def wait(self) -> Collection[str]:
        """The ids that were told of since the last call, once there are any.

        Raises:
            StorageError: the ledger is not open, or was closed meanwhile.
        """
        while self._open and not self._ids:
            self._changed.clear()
            await self._changed.wait()
        if not self._open:
            raise StorageError(
                "The ledger is not open.", hint="This is normal while the server stops."
            )
        ids, self._ids = self._ids, set()
        return ids
