"""What is uploaded: a path, bytes or a binary file object, made ready to be streamed."""

import io
import os
import re
import stat
from collections.abc import Callable
from contextlib import AbstractContextManager, closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any, TypeAlias

from clawdforge.client.errors import RequestError

Source: TypeAlias = str | os.PathLike[str] | bytes | bytearray | memoryview | IO[bytes]
"""A `str` is a path. File objects are sent from where they stand, and are not closed."""

MAX_NAME_CHARS = 120


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A file on its way: its safe name, and a reader for the multipart encoder."""

    name: str
    content: Any = field(repr=False)
    _close: Callable[[], None] = field(repr=False, default=lambda: None)

    def close(self) -> None:
        """Close what was opened here, nothing else."""
        self._close()


def opened(source: Source, filename: str | None = None) -> AbstractContextManager[Part]:
    """`open_part`, closed at the end of the block."""
    return closing(open_part(source, filename))


def open_part(source: Source, filename: str | None = None) -> Part:
    """Make a source ready. Opens the file if it is a path, and reads nothing yet.

    Raises:
        RequestError: there is no such regular file, it cannot be read, or is in text mode.
    """
    if isinstance(source, bytes | bytearray | memoryview):
        return Part(name=safe_name(filename or ""), content=bytes(source))
    if isinstance(source, str | os.PathLike):
        file = _open(Path(source))
        name = filename or Path(source).name
        return Part(name=safe_name(name), content=_rest(file), _close=file.close)
    return _open_object(source, filename)


def safe_name(name: str) -> str:
    """The last part of a file's name, without quotes, separators and control characters.

    Long names lose their beginning, so that the ending stays.
    """
    last = re.split(r"[/\\]", name)[-1]
    clean = "".join("_" if c in '"%' or not c.isprintable() else c for c in last)
    clean = clean.strip()[-MAX_NAME_CHARS:]
    return "file" if clean in {"", ".", ".."} else clean


def _open(path: Path) -> io.FileIO:
    try:
        # Without O_NONBLOCK, opening a FIFO would wait for its writer.
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        msg = f"cannot read {path}: {reason}"
        raise RequestError(msg, code="file_unreadable") from None
    # The opened file is what is looked at: the path may lead elsewhere a moment later.
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        msg = f"{path} is not a regular file"
        raise RequestError(msg, code="file_unreadable")
    return io.FileIO(descriptor)


def _open_object(source: object, filename: str | None) -> Part:
    if isinstance(source, io.TextIOBase) or not callable(getattr(source, "read", None)):
        msg = "the source is not a path, bytes, or a file object in binary mode"
        raise RequestError(msg)
    if getattr(source, "closed", False):
        msg = "the file object is closed"
        raise RequestError(msg)
    own_name = getattr(source, "name", None)
    name = filename or (own_name if isinstance(own_name, str) else "")
    return Part(name=safe_name(name), content=_rest(source))


def _rest(file: Any) -> Any:
    """A reader of what is left in `file`, with a length if that is known for certain."""
    raw = getattr(file, "raw", file)
    try:
        if type(file) is io.BytesIO:
            return _SizedRest(file, len(file.getbuffer()) - file.tell())
        if isinstance(raw, io.FileIO) and stat.S_ISREG(os.fstat(raw.fileno()).st_mode):
            return _SizedRest(file, os.fstat(raw.fileno()).st_size - file.tell())
    except (OSError, ValueError) as error:
        msg = f"cannot read the file: {error}"
        raise RequestError(msg, code="file_unreadable") from None
    return _Rest(file)


class _Rest:
    """Only `read`: with more, the encoder would rewind, and take `fstat` for the length.

    Both are wrong for a pipe, a socket's file or a `GzipFile`.
    """

    def __init__(self, file: Any) -> None:
        self._file = file

    def read(self, size: int = -1) -> bytes:
        try:
            chunk = self._file.read(size)
        except (OSError, ValueError) as error:
            msg = f"cannot read the file: {error}"
            raise RequestError(msg, code="file_unreadable") from None
        if not isinstance(chunk, bytes):
            msg = "the file object does not give bytes"
            raise RequestError(msg)
        return chunk


class _SizedRest(_Rest):
    """Exactly `length` bytes, also when the file grows meanwhile."""

    def __init__(self, file: Any, length: int) -> None:
        super().__init__(file)
        self._length = self._left = max(length, 0)

    def tell(self) -> int:
        return 0

    def seek(self, _offset: int, _whence: int = 0) -> int:
        """Move nothing: the encoder only asks for the length this way."""
        return self._length

    def read(self, size: int = -1) -> bytes:
        chunk = super().read(min(size, self._left) if size >= 0 else self._left)
        self._left -= len(chunk)
        if not chunk and self._left and size:
            msg = "the file became shorter while it was sent"
            raise RequestError(msg, code="file_changed")
        return chunk
