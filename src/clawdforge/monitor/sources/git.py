"""Project, worktree and branch of the folders that sessions work in, kept up to date.

A change of branch is seen at once where the system tells of changed files; every folder is
looked at again now and then, for what it does not tell: network file systems, new repositories.
"""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import TracebackType
from typing import Self

from clawdforge.core.observed.signals import Place
from clawdforge.monitor.sources.inotify import Inotify
from clawdforge.monitor.sources.repository import place_of
from clawdforge.tasks import TaskOwner

RECHECK_SECS = 30.0


class GitPlaces:
    """Watches folders.

    All files are read in a thread of its own: a file system that hangs stops nothing else.

    Args:
        changed: Called on the event loop with a folder and where it belongs: first when it is
            watched, then at each change.
        recheck_secs: How often all are looked at again.
    """

    def __init__(
        self, changed: Callable[[str, Place], None], *, recheck_secs: float = RECHECK_SECS
    ) -> None:
        self._changed = changed
        self._recheck_secs = recheck_secs
        self._places: dict[str, Place | None] = {}
        self._by_git: dict[Path, set[str]] = {}
        self._asked: set[str] = set()
        self._wanted = asyncio.Event()
        self._inotify = Inotify(self._noticed)
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="monitor-git")
        self._owner = TaskOwner()

    async def __aenter__(self) -> Self:
        await self._inotify.__aenter__()
        self._owner.start(self._work(), name="git")
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

    def watch(self, folders: set[str]) -> None:
        """Watch exactly these from now on; new ones are looked at soon."""
        for folder in self._places.keys() - folders:
            del self._places[folder]
            self._unlink(folder)
        for folder in folders - self._places.keys():
            self._places[folder] = None
            self._ask(folder)

    def _ask(self, folder: str) -> None:
        self._asked.add(folder)
        self._wanted.set()

    def _noticed(self, git: Path, name: str) -> None:
        if name in {"HEAD", ""}:
            for folder in self._by_git.get(git, ()):
                self._ask(folder)

    async def _work(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            try:
                async with asyncio.timeout(self._recheck_secs):
                    await self._wanted.wait()
            except TimeoutError:
                self._asked.update(self._places)
            self._wanted.clear()
            while self._asked:
                folder = self._asked.pop()
                if folder in self._places:
                    place, git = await loop.run_in_executor(self._thread, place_of, Path(folder))
                    self._learn(folder, place, git)

    def _learn(self, folder: str, place: Place, git: Path | None) -> None:
        if folder not in self._places:
            return  # forgotten meanwhile
        known, self._places[folder] = self._places[folder], place
        self._unlink(folder)
        if git is not None:
            self._by_git.setdefault(git, set()).add(folder)
            self._inotify.watch(git)
        if place != known:
            self._changed(folder, place)

    def _unlink(self, folder: str) -> None:
        for git, folders in list(self._by_git.items()):
            folders.discard(folder)
            if not folders:
                del self._by_git[git]
                self._inotify.forget(git)
