"""Bytes in, lines out: newline-delimited messages, bounded before memory is spent."""

import json
from typing import Any

from clawdforge.errors import AgentProtocolError

DEFAULT_MAX_LINE_BYTES = 64 * 1024 * 1024
"""Agents write lines of many megabytes (a file read, an image); 64 KiB or 1 MiB is too little."""


class LineFramer:
    """Splits a stream at newlines, whatever the pieces it arrives in.

    A line feed ends a line, a carriage return before it is dropped; other bytes stay.
    """

    def __init__(self, max_line_bytes: int = DEFAULT_MAX_LINE_BYTES) -> None:
        self._max = max_line_bytes
        self._partial: list[bytes] = []
        self._partial_bytes = 0

    def feed(self, data: bytes) -> list[bytes]:
        """Take in a piece; the lines it completes, in order.

        Raises:
            AgentProtocolError: a line is longer than the limit (`code` `line_too_long`).
        """
        *complete, rest = data.split(b"\n")
        lines = []
        for piece in complete:
            self._keep(piece)
            lines.append(self._take())
        self._keep(rest)
        return lines

    def end(self) -> bytes | None:
        """The stream ended: the last line if it had no newline, else None."""
        return self._take() if self._partial_bytes else None

    def _keep(self, piece: bytes) -> None:
        self._partial_bytes += len(piece)
        if self._partial_bytes > self._max:
            self._partial = []
            self._partial_bytes = 0
            msg = f"a line is longer than {self._max:,} bytes"
            raise AgentProtocolError(msg, code="line_too_long")
        if piece:
            self._partial.append(piece)

    def _take(self) -> bytes:
        line = b"".join(self._partial)
        self._partial = []
        self._partial_bytes = 0
        return line.removesuffix(b"\r")


def json_object(line: bytes) -> dict[str, Any] | None:
    """A line as the JSON object it holds; None when it holds something else, or nothing."""
    try:
        value = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None
