"""Server-sent events: bytes in, messages out.

https://html.spec.whatwg.org/multipage/server-sent-events.html, sections 9.2.5 and 9.2.6. `retry`
is ignored: who reads decides for himself when to come back.
"""

import re
from dataclasses import dataclass, field

from clawdforge.wire.forge_json import MAX_REPLY_BYTES, MalformedError

_BOM = b"\xef\xbb\xbf"
_LINE_ENDS = re.compile(rb"\r\n|\n|\r")


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """One message. `event` is `message` where the server names none."""

    event: str
    data: bytes = field(repr=False)
    id: str
    """The newest id so far: what `Last-Event-ID` takes. Empty: there was none."""


class SseParser:
    """Puts the messages of one response together, whatever the pieces it arrives in.

    Comments (heartbeats) and fields that nobody knows are passed over. What stands after the
    last empty line when the stream ends was never finished, and is no message.
    """

    def __init__(self, max_message_bytes: int = MAX_REPLY_BYTES) -> None:
        self._max = max_message_bytes
        self._line: list[bytes] = []
        self._data: list[bytes] = []
        self._bytes = 0
        self._event = b""
        self._id = ""
        self._after_return = False
        self._at_start = True

    def feed(self, piece: bytes) -> list[Message]:
        """Take in a piece; the messages it completes, in order.

        Raises:
            MalformedError: a message is larger than the limit.
        """
        if self._after_return and piece.startswith(b"\n"):
            piece = piece[1:]  # the second half of a line end
            self._after_return = False
        if piece:
            self._after_return = piece.endswith(b"\r")
        *complete, rest = _LINE_ENDS.split(piece)
        messages = []
        for end in complete:
            self._keep(end)
            message = self._take(self._whole_line())
            if message is not None:
                messages.append(message)
        self._keep(rest)
        return messages

    def _keep(self, part: bytes) -> None:
        if part:
            self._line.append(part)
            self._bytes += len(part)
            if self._bytes > self._max:
                msg = f"a message is larger than {self._max:,} bytes"
                raise MalformedError(msg)

    def _whole_line(self) -> bytes:
        line = b"".join(self._line)
        self._line = []
        if self._at_start:
            self._at_start = False
            line = line.removeprefix(_BOM)
        return line

    def _take(self, line: bytes) -> Message | None:
        """Take a whole line; the message, when this one ends it."""
        if not line:
            return self._ended()
        name, _, value = line.partition(b":")
        value = value.removeprefix(b" ")
        match name:
            case b"data":
                self._data.append(value)
                return None
            case b"event":
                self._event = value
            case b"id" if b"\0" not in value:
                self._id = value.decode("utf-8", "replace")
        self._bytes -= len(line)  # only what is kept counts
        return None

    def _ended(self) -> Message | None:
        data, event = self._data, self._event
        self._data, self._event, self._bytes = [], b"", 0
        if not data:
            return None
        return Message(
            event=event.decode("utf-8", "replace") or "message",
            data=b"\n".join(data),
            id=self._id,
        )
