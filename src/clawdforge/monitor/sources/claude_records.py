"""Watches what Claude Code writes about its own processes: `sessions/<pid>.json`.

It is undocumented, and the only thing that tells of an interrupt (measured with 2.1.329). A file
of a process that was killed stays: it counts only while that very process lives.
"""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import TracebackType
from typing import Self, TypeVar

import msgspec

from clawdforge.core.observed.signals import Record
from clawdforge.monitor.sources import procfs
from clawdforge.monitor.sources.inotify import Inotify
from clawdforge.tasks import TaskOwner

T = TypeVar("T")

MAX_BYTES = 256 * 1024
RESCAN_SECS = 5.0
RETRY_SECS = 0.02
RETRIES = 5
MAX_DIGITS = 10
_DECODER = msgspec.json.Decoder(Record)


class ClaudeRecords:
    """Watches the folders of live records.

    Args:
        written: Called on the event loop with each new record of a living process.
        removed: Called with the pid when a record is gone, or its process.
        folders: Claude Code's configuration folders (`~/.claude`); they need not exist.
        rescan_secs: How often everything is looked at, for what was not told.
    """

    def __init__(
        self,
        written: Callable[[Record], None],
        removed: Callable[[int], None],
        folders: tuple[Path, ...],
        *,
        rescan_secs: float = RESCAN_SECS,
    ) -> None:
        self._written = written
        self._removed = removed
        self._folders = [folder / "sessions" for folder in folders]
        self._rescan_secs = rescan_secs
        self._awaited: dict[Path, Path] = {}
        """What is not there yet, and the folder of records that it leads to."""
        self._known: dict[Path, Record] = {}
        self._asked: dict[Path, int] = {}
        self._wanted = asyncio.Event()
        self._inotify = Inotify(self._noticed)
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="monitor-records")
        self._owner = TaskOwner()

    async def __aenter__(self) -> Self:
        await self._inotify.__aenter__()
        self._owner.start(self._work(), name="claude-records")
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._owner.cancel()
        await self._inotify.__aexit__(kind, error, trace)
        self._thread.shutdown(wait=False, cancel_futures=True)

    def add(self, folder: Path) -> None:
        """Watch another configuration folder, too. Again: nothing."""
        sessions = folder / "sessions"
        if sessions not in self._folders:
            self._folders.append(sessions)
            self._wanted.set()
            self._asked.setdefault(sessions, 0)

    def _noticed(self, folder: Path, name: str) -> None:
        if _pid_of(name) is not None:
            self._asked[folder / name] = 0
            self._wanted.set()
        elif (folder / name) in self._awaited:
            self._asked[self._awaited[folder / name]] = 0
            self._wanted.set()

    async def _work(self) -> None:
        await self._rescan()
        while True:
            try:
                async with asyncio.timeout(self._rescan_secs):
                    await self._wanted.wait()
            except TimeoutError:
                await self._rescan()
            self._wanted.clear()
            while self._asked:
                path = next(iter(self._asked))
                tries = self._asked.pop(path)
                if path in self._folders:
                    await self._rescan()
                else:
                    await self._look(path, tries)

    async def _rescan(self) -> None:
        for folder in list(self._folders):
            if not self._inotify.watch(folder):  # first: nothing may come between
                self._await(folder)
            names = await self._off_loop(_names, folder)
            there = {folder / name for name in names}
            gone = {path for path in self._known if path.parent == folder} - there
            for path in sorted(there | gone):
                await self._look(path, 0)

    def _await(self, folder: Path) -> None:
        """The folder is not there: notice when it comes, or the one that it will be in."""
        for missing in (folder, folder.parent):
            self._awaited[missing] = folder
            if self._inotify.watch(missing.parent):
                return

    async def _look(self, path: Path, tries: int) -> None:
        data = await self._off_loop(_contents, path)
        if data is None:
            self._forget(path)
            return
        try:
            record = _DECODER.decode(data)
        except (msgspec.DecodeError, UnicodeDecodeError):
            if tries < RETRIES:  # it is rewritten in place
                asyncio.get_running_loop().call_later(RETRY_SECS, self._again, path, tries + 1)
            return
        if not _is_alive(record) or record.pid != _pid_of(path.name):
            self._forget(path)
        elif self._known.get(path) != record:
            self._known[path] = record
            self._written(record)

    def _again(self, path: Path, tries: int) -> None:
        self._asked.setdefault(path, tries)
        self._wanted.set()

    def _forget(self, path: Path) -> None:
        record = self._known.pop(path, None)
        if record is not None:
            self._removed(record.pid)

    async def _off_loop(self, work: Callable[[Path], T], path: Path) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, work, path)


def _names(folder: Path) -> list[str]:
    try:
        return [entry.name for entry in folder.iterdir() if _pid_of(entry.name) is not None]
    except OSError:
        return []


def _pid_of(name: str) -> int | None:
    """The pid in the name of a record; None: it is none, as the secrets beside them."""
    stem, dot, rest = name.partition(".")
    is_record = (
        dot and rest == "json" and stem.isascii() and stem.isdecimal() and len(stem) <= MAX_DIGITS
    )
    return int(stem) if is_record else None


def _contents(path: Path) -> bytes | None:
    try:
        with path.open("rb") as file:
            return file.read(MAX_BYTES)
    except OSError:
        return None


def _is_alive(record: Record) -> bool:
    process = procfs.identity(record.pid)
    if process is None:
        return False
    return record.proc_start is None or record.proc_start == str(process.start)
