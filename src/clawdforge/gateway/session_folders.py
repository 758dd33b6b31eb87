"""The folders of sessions: `ROOT/ID/work`, where the agent works, and `ROOT/ID/tmp`.

They live as long as the session, and are made whole or not at all.
"""

import asyncio
import logging
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

from clawdforge.core.workspace import GitWorkspace, parse_workspace
from clawdforge.errors import InputError
from clawdforge.gateway import session_disk as disk
from clawdforge.gateway.files import Attachment, storage_fault
from clawdforge.gateway.git import BRANCHES, Git, Repositories, Worktree
from clawdforge.gateway.tree_copy import CopyLimits
from clawdforge.gateway.workspace import remove_workspace
from clawdforge.tasks import TaskOwner, finish

log = logging.getLogger(__name__)

_SHORT_ID = 12
_COPY = CopyLimits()

P = ParamSpec("P")
T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Folders:
    """Where an agent works."""

    cwd: Path
    tmp: Path


class SessionFolders:
    """Makes, keeps and removes them.

    Args:
        root: Below it everything is ours.
        git: The program.
        roots: Where repositories may lie: absolute paths and beginnings of addresses.
        limits: How much of a workspace is copied for a fork.

    Raises:
        ConfigError: a root is neither a path nor an address.
    """

    def __init__(
        self, root: Path, git: Git, roots: Sequence[str], *, limits: CopyLimits = _COPY
    ) -> None:
        self._root = root
        self._resolved = False
        self._repositories = Repositories(git, roots)
        self._limits = limits
        self._owner = TaskOwner()

    def cwd(self, session_id: str) -> Path:
        """The workspace of a session, whether it is there or not.

        Its links are resolved once `sweep`, `make` or `prepare` has run: agents tell real paths.
        """
        return self._home(session_id) / "work"

    def check(self, workspace: Mapping[str, Any] | None) -> None:
        """Refuse what can be refused without a look at the disk.

        Raises:
            InputError: it makes no sense (`invalid_workspace`), or may not be used
                (`workspace_not_allowed`).
        """
        wish = parse_workspace(workspace)
        if wish is not None:
            self._repositories.check(wish)

    async def make(
        self,
        session_id: str,
        workspace: Mapping[str, Any] | None,
        *,
        folder: Path | None = None,
    ) -> Folders:
        """Make the folders of a new session; all or nothing.

        Args:
            session_id: Whose.
            workspace: How its workspace is to be made.
            folder: A person's own, which is its workspace instead.

        Raises:
            InputError: it may not be used, or git failed (`workspace_failed`).
            StorageError: the disk does not take it.
        """
        await self._resolve()
        wish = parse_workspace(workspace)
        home = self._home(session_id)
        await self._make_home(home, session_id)
        if folder is not None:
            return self._folders(session_id, folder)
        try:
            await self._fill(session_id, home, wish)
        except BaseException:
            await self.remove(session_id)
            raise
        return self._folders(session_id)

    async def prepare(
        self,
        session_id: str,
        workspace: Mapping[str, Any] | None,
        *,
        turns: int,
        folder: Path | None = None,
    ) -> Folders:
        """Before the agent is started: an empty folder for temporary files, a look at the rest.

        Args:
            session_id: Whose.
            workspace: As it was made with.
            turns: How many turns the session has had. Before the first there is nothing to lose,
                and a workspace that is gone is made again.
            folder: A person's own, which is its workspace instead.

        Raises:
            InputError: the workspace is gone (`workspace_gone`), or cannot be made again.
            StorageError: the disk does not take it.
        """
        await self._resolve()
        home = self._home(session_id)
        if folder is not None:
            await self._in_thread(disk.renew_home, home, folder)
            return self._folders(session_id, folder)
        if not await self._in_thread(disk.is_folder, home / "work"):
            if turns:
                raise workspace_gone()
            await self.remove(session_id)
            return await self.make(session_id, workspace)
        await self._in_thread(disk.renew_tmp, home)
        return self._folders(session_id)

    async def stage(
        self,
        session_id: str,
        attachments: Sequence[Attachment],
        *,
        turn: int,
        folder: Path | None = None,
    ) -> Sequence[str]:
        """Copy a turn's files into the workspace; their names there. All or nothing.

        Raises:
            InputError: the workspace is gone (`workspace_gone`).
            NotFoundError: a file has expired meanwhile.
            StorageError: the disk does not take it.
        """
        if not attachments:
            return ()
        cwd = folder or self.cwd(session_id)
        if not await self._in_thread(disk.is_folder, cwd):
            raise workspace_gone()
        return await self._in_thread(disk.stage, cwd, attachments, turn)

    async def copy(
        self,
        source_id: str,
        target_id: str,
        workspace: Mapping[str, Any] | None,
        *,
        folder: Path | None = None,
    ) -> Folders:
        """Make the folders of a fork, with what is in the workspace of its source.

        A worktree becomes another one, at the same commit, with the same files.

        Raises:
            InputError: it is gone, too large (`workspace_too_large`), or git failed.
            StorageError: the disk does not take it.
        """
        await self._resolve()
        wish = parse_workspace(workspace)
        source, home = self._home(source_id), self._home(target_id)
        work = folder or source / "work"
        if not await self._in_thread(disk.is_folder, work):
            raise workspace_gone()
        await self._make_home(home, target_id)
        try:
            if wish is not None and wish.worktree:
                await self._copy_worktree(source, target_id, home)
            else:
                await self._in_thread(disk.copy_work, work, home, self._limits)
        except BaseException:
            await self.remove(target_id)
            raise
        return self._folders(target_id)

    async def remove(self, session_id: str) -> None:
        """Remove everything of a session. Never fails, and is not left half done."""
        home = self._home(session_id)
        await finish(
            self._owner.start(self._remove(home), name=f"remove-{session_id}", awaited=True)
        )

    async def sweep(self, known_ids: Collection[str]) -> int:
        """Remove what belongs to no session: left by a crash. At start; how many those were."""
        await self._resolve()
        strays = await self._in_thread(disk.strays, self._root, frozenset(known_ids))
        for session_id in strays:
            await self.remove(session_id)
        return len(strays)

    async def _make_home(self, home: Path, session_id: str) -> None:
        try:
            await self._in_thread(disk.make_home, home)
        except asyncio.CancelledError:  # it is there all the same
            await self.remove(session_id)
            raise

    async def _fill(self, session_id: str, home: Path, wish: GitWorkspace | None) -> None:
        if wish is None:
            await self._in_thread(disk.make_work, home)
        elif wish.worktree:
            tree = await self._repositories.plan_worktree(wish, _short(session_id))
            await self._in_thread(disk.note, home, tree)
            await self._repositories.add_worktree(tree, home / "work")
        else:
            await self._repositories.clone(wish, home / "work")

    async def _copy_worktree(self, source: Path, target_id: str, home: Path) -> None:
        noted = await self._in_thread(disk.noted, source)
        if noted is None:
            raise workspace_gone()
        head = await self._repositories.head(source / "work")
        branch = BRANCHES + _short(target_id)
        tree = Worktree(repository=noted.repository, branch=branch, base=noted.base)
        await self._in_thread(disk.note, home, tree)
        await self._repositories.add_worktree(tree, home / "work", at=head)
        await self._in_thread(disk.copy_over, source, home, self._limits)

    async def _remove(self, home: Path) -> None:
        tree = await asyncio.to_thread(disk.noted, home)
        if tree is not None:
            # First its files: git is not to read what an agent wrote there.
            await asyncio.to_thread(remove_workspace, home / "work")
            await self._repositories.remove_worktree(tree, home / "work")
        await asyncio.to_thread(remove_workspace, home)

    async def _in_thread(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run blocking code to its end, also when the caller is cancelled: it cannot be stopped."""
        running = self._owner.start(
            asyncio.to_thread(work, *args, **kwargs), name="session-folders", awaited=True
        )
        try:
            return await finish(running)
        except OSError as error:
            raise storage_fault(error, "preparing the session's folder") from error

    async def _resolve(self) -> None:
        if not self._resolved:
            self._root = await self._in_thread(self._root.resolve)
            self._resolved = True

    def _home(self, session_id: str) -> Path:
        if disk.SESSION_ID.fullmatch(session_id) is None:
            msg = "that cannot be a session's id"
            raise InputError(msg)
        return self._root / session_id

    def _folders(self, session_id: str, folder: Path | None = None) -> Folders:
        home = self._home(session_id)
        return Folders(cwd=folder or home / "work", tmp=home / "tmp")


def _short(session_id: str) -> str:
    return session_id.replace("-", "")[:_SHORT_ID]


def workspace_gone() -> InputError:
    """The error of a session whose folder was removed."""
    return InputError(
        "the session's workspace is gone: its folder was removed, and what was in it is lost; "
        "close the session and start a new one",
        code="workspace_gone",
    )
