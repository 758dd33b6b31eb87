"""Bytes in, lines out: newline-delimited messages, bounded before memory is spent."""

import json
import math
from dataclasses import dataclass
from typing import Any

from clawdforge.errors import AgentProtocolError

DEFAULT_MAX_LINE_BYTES = 64 * 1024 * 1024
"""Agents write lines of many megabytes (a file read, an image); 64 KiB or 1 MiB is too little."""

MAX_NESTING = 200
"""How deep a message may be nested. Agents do with 20; beyond 900 Python's JSON gives up, and
nearer to that it depends on who reads."""


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


@dataclass(frozen=True, slots=True)
class TooLong:
    """Stands for a line that was longer than the limit, and is lost."""


class BoundedLines:
    """Splits a stream of many short lines at line feeds, whatever the pieces it arrives in.

    A line over the limit becomes `TooLong` as soon as that is certain, and what still comes of
    it is dropped: never more than the limit is held. Unlike `LineFramer`'s, a limit counts the
    line feed, and carriage returns stay.
    """

    def __init__(self, max_line_bytes: int) -> None:
        self._max = max_line_bytes
        self._partial = bytearray()
        self._is_dropping = False

    @property
    def has_partial(self) -> bool:
        """Whether a line has begun and not ended."""
        return bool(self._partial) or self._is_dropping

    def feed(self, data: bytes) -> list[bytes | TooLong]:
        """Take in a piece; the lines it completes, in order."""
        lines: list[bytes | TooLong] = []
        lines += data.split(b"\n")
        rest = lines.pop()
        if lines:
            if self._partial or self._is_dropping:
                self._end_first(lines)
            if len(data) > self._max:
                limit = self._max
                lines = [
                    line if isinstance(line, TooLong) or len(line) < limit else TooLong()
                    for line in lines
                ]
        if rest:
            assert isinstance(rest, bytes)
            self._keep(rest, lines)
        return lines

    def end(self) -> bytes | None:
        """The stream ended: the last line if it had no line feed, else None."""
        last = bytes(self._partial)
        self._partial = bytearray()
        self._is_dropping = False
        return last or None

    def _end_first(self, lines: list[bytes | TooLong]) -> None:
        """The first line is the end of one that began earlier."""
        end = lines[0]
        assert isinstance(end, bytes)
        if self._is_dropping:
            del lines[0]
        elif len(self._partial) + len(end) < self._max:
            lines[0] = bytes(self._partial) + end
        else:
            lines[0] = TooLong()
        self._partial = bytearray()
        self._is_dropping = False

    def _keep(self, rest: bytes, lines: list[bytes | TooLong]) -> None:
        if self._is_dropping:
            return
        if len(self._partial) + len(rest) > self._max:
            self._partial = bytearray()
            self._is_dropping = True
            lines.append(TooLong())
        else:
            self._partial += rest


def json_object(line: bytes) -> dict[str, Any] | None:
    """A line as the JSON object it holds; None when it holds something else, or nothing.

    What comes out can be stored and sent on as it is: bytes that are no UTF-8 and halves of
    surrogate pairs are replaced, NaN and infinity are null. What is nested deeper than
    `MAX_NESTING` is taken for nothing: it could be read here, but not by all who read it later.
    """
    text = line.decode("utf-8", "replace").removeprefix("\ufeff")
    try:
        value = _DECODER.decode(text)
        if line.count(b"{") + line.count(b"[") > MAX_NESTING and _is_too_deep(value):
            return None
        return _whole(value, text) if isinstance(value, dict) else None
    except (ValueError, RecursionError):
        return None


def _finite(digits: str) -> float | None:
    number = float(digits)
    return number if math.isfinite(number) else None


def _nothing(_: str) -> None:
    """For NaN and Infinity, which only Python's JSON has."""


_DECODER = json.JSONDecoder(parse_float=_finite, parse_constant=_nothing)


def _is_too_deep(value: Any) -> bool:
    level = [value]
    for _ in range(MAX_NESTING + 1):
        inner = (v.values() if isinstance(v, dict) else v for v in level)
        level = [v for values in inner for v in values if isinstance(v, dict | list)]
        if not level:
            return False
    return True


def _whole(value: dict[str, Any], text: str) -> dict[str, Any]:
    """The value without halves of surrogate pairs: only an escape can have made one."""
    if "\\ud" not in text and "\\uD" not in text:
        return value
    again = json.dumps(value, ensure_ascii=False)
    try:
        again.encode()
    except UnicodeEncodeError:
        whole: dict[str, Any] = json.loads(again.encode("utf-8", "replace"))
        return whole
    return value
