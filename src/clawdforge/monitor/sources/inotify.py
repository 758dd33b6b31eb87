"""Tells of changed files as they happen: Linux's inotify. Elsewhere it is silent."""

import asyncio
import ctypes
import os
import struct
import sys
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Self

_CLOSE_WRITE, _MOVED_TO, _CREATE, _DELETE, _MODIFY = 0x8, 0x80, 0x100, 0x200, 0x2
_MOVED_FROM = 0x40
_GONE = 0x8000  # IN_IGNORED: the folder is watched no more
_ALL = _CLOSE_WRITE | _MOVED_TO | _MOVED_FROM | _CREATE | _DELETE | _MODIFY
_HEAD = struct.Struct("iIII")
_READ_BYTES = 64 * 1024

Changed = Callable[[Path, str], None]
"""Called with the folder and the name of what changed in it; no name: the folder is gone."""


class Inotify:
    """Watches folders.

    Args:
        changed: Called on the event loop for each change, also of files that are gone.
    """

    def __init__(self, changed: Changed) -> None:
        self._changed = changed
        self._fd: int | None = None
        self._folders: dict[int, Path] = {}
        self._numbers: dict[Path, int] = {}
        self._libc: ctypes.CDLL | None = None

    async def __aenter__(self) -> Self:
        if sys.platform == "linux":
            self._libc = ctypes.CDLL(None, use_errno=True)
            number = self._libc.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC)
            if number >= 0:  # else there are too many already: whoever rescans still sees all
                self._fd = number
                asyncio.get_running_loop().add_reader(number, self._read)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._fd is not None:
            asyncio.get_running_loop().remove_reader(self._fd)
            os.close(self._fd)
            self._fd = None

    def watch(self, folder: Path) -> bool:
        """Watch what happens in a folder; False when that cannot be. Again: nothing."""
        if folder in self._numbers:
            return True
        if self._fd is None or self._libc is None:
            return False
        number: int = self._libc.inotify_add_watch(self._fd, os.fsencode(folder), _ALL)
        if number < 0:
            return False
        self._folders[number] = folder
        self._numbers[folder] = number
        return True

    def forget(self, folder: Path) -> None:
        """Watch it no longer."""
        number = self._numbers.pop(folder, None)
        if number is not None:
            self._folders.pop(number, None)
            if self._fd is not None and self._libc is not None:
                self._libc.inotify_rm_watch(self._fd, number)

    def _read(self) -> None:
        assert self._fd is not None
        try:
            data = os.read(self._fd, _READ_BYTES)
        except BlockingIOError:
            return
        at = 0
        while at < len(data):
            number, mask, _, length = _HEAD.unpack_from(data, at)
            at += _HEAD.size
            name = data[at : at + length].rstrip(b"\0")
            at += length
            folder = self._folders.get(number)
            if folder is None:
                continue
            if mask & _GONE:
                self._folders.pop(number, None)
                self._numbers.pop(folder, None)
                self._changed(folder, "")
            elif name:
                self._changed(folder, os.fsdecode(name))
