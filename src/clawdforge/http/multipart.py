"""Uploads: multipart bodies (RFC 7578) written to disk while they arrive."""

import asyncio
import contextlib
import hashlib
import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from clawdforge.errors import InputError, TooLargeError
from clawdforge.gateway.files import Upload, clean_name, storage_fault

if TYPE_CHECKING:
    from python_multipart.multipart import MultipartCallbacks

FILE_FIELD = "file"
TTL_FIELD = "ttl_secs"
MAX_FIELD_BYTES = 1024
MAX_HEADER_BYTES = 16 * 1024
MAX_PARTS = 16
ENVELOPE_BYTES = 64 * 1024
"""How much a body may be larger than its file: boundaries, headers, other fields."""
_CHUNK_BYTES = 1024 * 1024


class UploadReader:
    """Reads one upload: bytes in, a file on disk and a few small fields out.

    Args:
        path: Where the file goes; must not exist.
        max_bytes: Its largest size.
    """

    def __init__(self, content_type: str, path: Path, max_bytes: int) -> None:
        self.fields: dict[str, str] = {}
        self._path = path
        self._max_bytes = max_bytes
        self._file: BinaryIO | None = None
        self._name: str | None = None
        self._digest = hashlib.sha256()
        self._size = 0
        self._pending = bytearray()
        self._parts = 0
        self._headers: dict[str, bytes] = {}
        self._header_name = b""
        self._header_value = b""
        self._header_bytes = 0
        self._field: str | None = None
        self._value = bytearray()
        self._ended = False
        try:
            self._parser = MultipartParser(_boundary(content_type), self._callbacks())
        except FormParserError as error:
            raise _invalid(error) from None

    async def read(self, stream: AsyncIterator[bytes]) -> Upload:
        """Take in the whole body. On any error nothing is left of the file.

        Raises:
            InputError: the body is not a multipart form with a part `file`.
            TooLargeError: the file is too large.
            StorageError: the disk does not take it.
        """
        try:
            async for chunk in stream:
                for start in range(0, len(chunk), _CHUNK_BYTES):
                    self._parse(chunk[start : start + _CHUNK_BYTES])
                    if len(self._pending) >= _CHUNK_BYTES:
                        await self._flush()
            return await self._finish()
        except BaseException:
            await asyncio.to_thread(self._remove)
            raise

    def _parse(self, chunk: bytes) -> None:
        try:
            self._parser.write(chunk)
        except FormParserError as error:
            raise _invalid(error) from None

    async def _finish(self) -> Upload:
        if not self._ended:
            msg = "the body ends before the multipart form does"
            raise InputError(msg, code="invalid_multipart")
        if self._name is None:
            msg = f"the form has no part {FILE_FIELD!r} with a file"
            raise InputError(msg, code="file_missing")
        await self._flush(end=True)
        return Upload(
            path=self._path,
            original_name=self._name,
            size_bytes=self._size,
            sha256=self._digest.hexdigest(),
        )

    async def _flush(self, *, end: bool = False) -> None:
        data, self._pending = bytes(self._pending), bytearray()
        await asyncio.to_thread(self._write, data, end=end)

    def _write(self, data: bytes, *, end: bool) -> None:
        try:
            if self._file is None:
                self._file = os.fdopen(
                    os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb"
                )
            self._file.write(data)
            self._digest.update(data)
            if end:
                self._file.flush()
                os.fsync(self._file.fileno())
                self._file.close()
        except OSError as error:
            raise storage_fault(error, "storing the file") from error

    def _remove(self) -> None:
        if self._file is None:
            return
        with contextlib.suppress(OSError):  # a full disk does not take the rest either
            self._file.close()
        self._path.unlink(missing_ok=True)

    def _callbacks(self) -> "MultipartCallbacks":
        return {
            "on_part_begin": self._part_begin,
            "on_part_data": self._part_data,
            "on_part_end": self._part_end,
            "on_header_field": self._on_header_field,
            "on_header_value": self._on_header_value,
            "on_header_end": self._header_end,
            "on_headers_finished": self._headers_finished,
            "on_end": self._end,
        }

    def _part_begin(self) -> None:
        self._parts += 1
        if self._parts > MAX_PARTS:
            msg = f"the form has more than {MAX_PARTS} parts"
            raise InputError(msg, code="invalid_multipart")
        self._headers = {}
        self._header_bytes = 0
        self._value = bytearray()

    def _on_header_field(self, data: bytes, start: int, end: int) -> None:
        self._header_name += data[start:end]
        self._count_header(end - start)

    def _on_header_value(self, data: bytes, start: int, end: int) -> None:
        self._header_value += data[start:end]
        self._count_header(end - start)

    def _count_header(self, count: int) -> None:
        self._header_bytes += count
        if self._header_bytes > MAX_HEADER_BYTES:
            msg = "the headers of a part are too long"
            raise InputError(msg, code="invalid_multipart")

    def _header_end(self) -> None:
        self._headers[self._header_name.decode("latin-1").lower()] = self._header_value
        self._header_name = self._header_value = b""

    def _headers_finished(self) -> None:
        disposition = self._headers.get("content-disposition", b"")
        kind, options = parse_options_header(disposition)
        if kind != b"form-data" or b"name" not in options:
            msg = "a part has no Content-Disposition: form-data with a name"
            raise InputError(msg, code="invalid_multipart")
        self._field = options[b"name"].decode("utf-8", "replace")
        if self._field == FILE_FIELD:
            if self._name is not None:
                msg = f"the form has more than one part {FILE_FIELD!r}"
                raise InputError(msg, code="invalid_multipart")
            self._name = clean_name(options.get(b"filename", b"").decode("utf-8", "replace"))

    def _part_data(self, data: bytes, start: int, end: int) -> None:
        if self._field == FILE_FIELD:
            self._size += end - start
            if self._size > self._max_bytes:
                msg = f"the file is larger than {self._max_bytes:,} bytes"
                raise TooLargeError(msg, code="file_too_large")
            self._pending += data[start:end]
        elif len(self._value) + end - start > MAX_FIELD_BYTES:
            msg = "a field of the form is too long"
            raise InputError(msg, code="invalid_multipart")
        else:
            self._value += data[start:end]

    def _part_end(self) -> None:
        if self._field is not None and self._field != FILE_FIELD:
            self.fields[self._field] = self._value.decode("utf-8", "replace")

    def _end(self) -> None:
        self._ended = True


def ttl_of(form: str | None, query: int | None) -> int | None:
    """The `ttl_secs` of an upload: the form's field, else the query parameter.

    Raises:
        InputError: the field is not a whole number.
    """
    if form is None:
        return query
    digits = form.strip()
    if not digits.removeprefix("-").isascii() or not digits.removeprefix("-").isdigit():
        msg = f"{TTL_FIELD}: must be a whole number of seconds"
        raise InputError(msg, code="invalid_ttl")
    return int(digits)


def _invalid(error: FormParserError) -> InputError:
    msg = f"the body is not a valid multipart form: {error}"
    return InputError(msg, code="invalid_multipart")


def _boundary(content_type: str) -> bytes:
    kind, options = parse_options_header(content_type)
    if kind != b"multipart/form-data" or not options.get(b"boundary"):
        msg = "send a multipart form: Content-Type: multipart/form-data with a boundary"
        raise InputError(msg, code="invalid_multipart")
    return options[b"boundary"]
