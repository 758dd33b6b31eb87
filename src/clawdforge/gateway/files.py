"""Uploaded files: kept per app until they expire, under names that we make."""

import asyncio
import errno
import os
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from clawdforge.core.records import AuditEntry, StoredFile
from clawdforge.core.tokens import FILE_TOKEN_PREFIX, TOKEN_BYTES, digest
from clawdforge.errors import InputError, NotFoundError, StorageError
from clawdforge.gateway.caller import Caller
from clawdforge.store.ledger import Ledger

DEFAULT_TTL_SECS = 3600
MIN_TTL_SECS = 60
MAX_TTL_SECS = 86_400
MAX_NAME_LENGTH = 255


@dataclass(frozen=True, slots=True, kw_only=True)
class Upload:
    """A file that has been written whole, but is not anybody's yet."""

    path: Path
    original_name: str
    size_bytes: int
    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """What the uploader is told. The token is shown this once."""

    token: str
    ttl_secs: int
    size_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Attachment:
    """A file that a run may use."""

    path: Path
    original_name: str


class Files:
    """Keeps, finds and forgets files.

    Args:
        folder: Where they are; of ours alone.
        clock: UTC seconds since 1970.
    """

    def __init__(self, ledger: Ledger, folder: Path, *, clock: Callable[[], float]) -> None:
        self._ledger = ledger
        self.folder = folder
        self._clock = clock

    def new_path(self) -> Path:
        """A fresh path for an upload to be written to; `discard` it when that fails."""
        return self.folder / secrets.token_hex(16)

    async def keep(self, upload: Upload, *, ttl_secs: int | None, who: Caller) -> Kept:
        """Make an upload the caller's, durably, and give it a token.

        Args:
            upload: What was written.
            ttl_secs: How long it is kept; brought into 60 to 86,400 s; None: 3,600 s.
            who: The uploader.

        Raises:
            StorageError: it could not be recorded; the upload is gone then.
        """
        assert who.app is not None
        ttl = DEFAULT_TTL_SECS if ttl_secs is None else ttl_secs
        ttl = max(MIN_TTL_SECS, min(MAX_TTL_SECS, ttl))
        token = FILE_TOKEN_PREFIX + secrets.token_urlsafe(TOKEN_BYTES)
        now = int(self._clock())
        file = StoredFile(
            token_digest=digest(token),
            app_id=who.app.app_id,
            stored_name=upload.path.name,
            original_name=upload.original_name,
            size_bytes=upload.size_bytes,
            sha256=upload.sha256,
            created_at=now,
            expires_at=now + ttl,
        )
        audit = AuditEntry(
            at=now,
            actor=who.actor,
            action="file.create",
            subject=file.stored_name,
            peer=who.peer,
            request_id=who.request_id,
            detail={"size_bytes": file.size_bytes},
        )
        try:
            await self._ledger.add_file(file, audit)
        except BaseException:
            await self.discard(upload.path)
            raise
        return Kept(token=token, ttl_secs=ttl, size_bytes=upload.size_bytes)

    async def discard(self, path: Path) -> None:
        """Remove an upload that nobody keeps."""
        await asyncio.to_thread(path.unlink, missing_ok=True)

    async def find(self, tokens: Sequence[str], *, who: Caller) -> list[Attachment]:
        """The caller's files, in the order of the tokens.

        Raises:
            NotFoundError: one is unknown, expired or another app's: all alike.
        """
        if not tokens:
            return []
        assert who.app is not None
        digests = [digest(token) for token in tokens]
        found = await self._ledger.find_files(who.app.app_id, digests, int(self._clock()))
        if any(key not in found for key in digests):
            msg = "files: a file token is unknown or has expired"
            raise NotFoundError(msg, code="file_not_found")
        return [
            Attachment(
                path=self.folder / found[key].stored_name,
                original_name=found[key].original_name,
            )
            for key in digests
        ]

    async def sweep(self) -> int:
        """Remove what has expired; how many files that were."""
        count = 0
        while expired := await self._ledger.expired_files(int(self._clock())):
            await asyncio.to_thread(self._remove, [file.stored_name for file in expired])
            await self._ledger.forget_files([file.token_digest for file in expired])
            count += len(expired)
        return count

    async def remove_strays(self) -> int:
        """Remove files that the ledger does not know: uploads cut off by a crash. At start."""
        known = set(await self._ledger.file_names())
        present = await asyncio.to_thread(self._present)
        strays = [name for name in present if name not in known]
        await asyncio.to_thread(self._remove, strays)
        return len(strays)

    def _present(self) -> list[str]:
        return [entry.name for entry in os.scandir(self.folder) if entry.is_file()]

    def _remove(self, names: Sequence[str]) -> None:
        for name in names:
            (self.folder / name).unlink(missing_ok=True)


def clean_name(name: str | None) -> str:
    """A caller's file name, made safe to keep: its last part, without control characters.

    Only ever shown, and used for its extension: never a path of ours.

    Raises:
        InputError: it is too long, or holds a NUL byte.
    """
    last = (name or "").replace("\\", "/").rpartition("/")[2]
    if "\0" in last:
        msg = "file: the file name holds a NUL byte"
        raise InputError(msg, code="invalid_file_name")
    if len(last.encode("utf-8", "replace")) > MAX_NAME_LENGTH:
        msg = f"file: the file name is longer than {MAX_NAME_LENGTH} bytes"
        raise InputError(msg, code="invalid_file_name")
    shown = "".join(char for char in last if char.isprintable())
    return shown if shown not in {"", ".", ".."} else "file"


def storage_fault(error: OSError, doing: str) -> StorageError:
    """The error for a disk that does not take what we write. Names no path: apps see it."""
    if error.errno in {errno.ENOSPC, errno.EDQUOT}:
        return StorageError(f"no space left while {doing}", code="storage_full")
    return StorageError(f"the disk failed while {doing}: {error.strerror}")
