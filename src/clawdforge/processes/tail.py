"""The last bytes of a stream: what is kept of output that nobody may be reading."""


class Tail:
    """Keeps the newest `limit` bytes, and counts all that came."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._kept = bytearray()
        self.total = 0

    def feed(self, data: bytes) -> None:
        """Take in more of the stream."""
        self.total += len(data)
        self._kept += data
        # Trim in large steps: deleting from the front for every small write would be quadratic.
        if len(self._kept) > 2 * self._limit:
            del self._kept[: -self._limit]

    def bytes(self) -> bytes:
        """The newest bytes, at most `limit`."""
        return bytes(self._kept[-self._limit :])

    def text(self) -> str:
        """The same as text; what is not UTF-8 is replaced."""
        return self.bytes().decode("utf-8", "replace")
