"""Repositories as workspaces: cloned or given a worktree, when they lie under a root."""

import asyncio
import logging
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from clawdforge.core.workspace import GitWorkspace, LocalPath, Url, parse_root
from clawdforge.errors import InputError

log = logging.getLogger(__name__)

BRANCHES = "clawdforge/"
_FILTERS = r"^filter\..*\.(clean|smudge|process|required)$"


class Git(Protocol):
    """The port to the `git` program."""

    async def run(
        self,
        arguments: Sequence[str],
        *,
        cwd: Path,
        protocol: str | None = None,
        config: Mapping[str, str] | None = None,
        accept: Collection[int] = (0,),
    ) -> str:
        """Run it in a folder and give what it wrote. No hook and no prompt comes of it.

        Args:
            arguments: The command and its arguments; operands from callers behind a `--`.
            cwd: Where. A repository above this folder is not looked for.
            protocol: The only way on which it may fetch (`file`, `https`, `ssh`); None: none.
            config: Settings for this call.
            accept: Exit codes that are no failure.

        Raises:
            InputError: it failed (`workspace_failed`).
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Worktree:
    """What is to be taken back from a repository when its session is forgotten."""

    repository: str
    branch: str
    base: str
    """The commit at which the work began: of a fork, where its source's began."""


class Repositories:
    """Those that callers may use.

    Args:
        git: The program.
        roots: Absolute paths and beginnings of addresses.

    Raises:
        ConfigError: a root is neither.
    """

    def __init__(self, git: Git, roots: Sequence[str]) -> None:
        self._git = git
        parsed = [parse_root(root) for root in roots]
        self._urls = [root for root in parsed if isinstance(root, Url)]
        self._paths = [Path(root.path) for root in parsed if isinstance(root, LocalPath)]

    def check(self, wish: GitWorkspace) -> None:
        """Refuse what can be refused without a look at the disk.

        Raises:
            InputError: it lies under no root (`workspace_not_allowed`).
        """
        source = wish.source
        if isinstance(source, Url):
            allowed = any(source.is_under(root) for root in self._urls)
        else:
            allowed = bool(self._paths)
        if not allowed:
            raise _not_allowed()

    async def clone(self, wish: GitWorkspace, target: Path) -> None:
        """Make `target`, which is not there yet, a whole copy that shares nothing with its source.

        Raises:
            InputError: it may not be used, or git failed.
        """
        self.check(wish)
        if isinstance(wish.source, Url):
            source, protocol = str(wish.source), wish.source.protocol
        else:
            source, protocol = str(await self.local(wish.source.path)), "file"
        # Over git's own transport also from a path: a copy of its files could be a link to them,
        # and would bring along what the repository borrows from others.
        flags = ["--quiet", "--no-local", "--no-recurse-submodules", "--template="]
        flags += ["--no-checkout"] if wish.ref else []
        await self._git.run(
            ["clone", *flags, "--", source, str(target)], cwd=target.parent, protocol=protocol
        )
        if wish.ref:
            await self._git.run(["checkout", "--quiet", wish.ref, "--"], cwd=target)

    async def plan_worktree(self, wish: GitWorkspace, name: str) -> Worktree:
        """What `add_worktree` will do, so that it can be noted down before.

        Raises:
            InputError: the repository may not be used, or has no such ref.
        """
        assert isinstance(wish.source, LocalPath)
        self.check(wish)
        repository = await self.local(wish.source.path)
        base = await self._commit(repository, wish.ref or "HEAD")
        if base is None and wish.ref:
            base = await self._commit(repository, f"refs/remotes/origin/{wish.ref}")
        if base is None:
            msg = f"workspace.ref: the repository has no {wish.ref or 'commit yet'}"
            raise InputError(msg, code="workspace_failed")
        return Worktree(repository=str(repository), branch=BRANCHES + name, base=base)

    async def add_worktree(self, tree: Worktree, target: Path, *, at: str | None = None) -> None:
        """Make `target`, which is not there yet, a worktree on a branch of its own.

        Args:
            tree: What was noted down.
            target: The folder.
            at: The commit to begin with; None: `tree.base`.

        Raises:
            InputError: git failed.
        """
        repository = await self.local(tree.repository)
        config = await self._without_filters(repository)
        flags = ["--quiet", "--no-track", "-b", tree.branch]
        await self._git.run(
            ["worktree", "add", *flags, "--", str(target), at or tree.base],
            cwd=repository,
            config=config,
        )

    async def remove_worktree(self, tree: Worktree, target: Path) -> None:
        """Make a repository forget a worktree whose folder has been removed. Never fails.

        Its branch goes too, unless it has commits that are nowhere else.
        """
        if not tree.branch.startswith(BRANCHES):
            return
        noted = {"repository": tree.repository, "branch": tree.branch}
        try:
            repository = await self.local(tree.repository)
            await self._git.run(
                ["worktree", "remove", "--force", "--force", "--", str(target)],
                cwd=repository,
                accept=(0, 128),  # it is not known there (any more)
            )
            if await self._is_elsewhere(repository, tree):
                await self._git.run(["branch", "--quiet", "-D", "--", tree.branch], cwd=repository)
            else:
                log.info("a branch is kept: it has commits of its own", extra=noted)
        except InputError as error:
            log.warning("a worktree is left", extra={**noted, "reason": error.message})

    async def head(self, folder: Path) -> str:
        """The commit that is checked out in a folder of ours.

        Raises:
            InputError: there is none.
        """
        return (await self._git.run(["rev-parse", "--verify", "HEAD"], cwd=folder)).strip()

    async def local(self, path: str) -> Path:
        """The repository at a path of this machine, its links resolved.

        Raises:
            InputError: it lies under no root, or is no repository.
        """
        found = await asyncio.to_thread(self._under_root, path)
        if found is None:
            raise _not_allowed()
        flags = ["--path-format=absolute", "--git-dir", "--git-common-dir"]
        told = await self._git.run(["rev-parse", *flags], cwd=found)
        # A `.git` may be a link, or a file that names another folder.
        for folder in told.splitlines():
            if await asyncio.to_thread(self._under_root, folder) is None:
                raise _not_allowed()
        return found

    def _under_root(self, path: str) -> Path | None:
        try:
            found = Path(path).resolve(strict=True)
            return found if any(found.is_relative_to(r.resolve()) for r in self._paths) else None
        except (OSError, RuntimeError, ValueError):
            return None

    async def _commit(self, repository: Path, ref: str) -> str | None:
        arguments = ["rev-parse", "--verify", "--quiet", "--end-of-options", f"{ref}^{{commit}}"]
        return (await self._git.run(arguments, cwd=repository, accept=(0, 1))).strip() or None

    async def _without_filters(self, repository: Path) -> Mapping[str, str]:
        """Settings that turn off the programs through which the repository passes its files."""
        arguments = ["config", "--null", "--name-only", "--get-regexp", _FILTERS]
        names = await self._git.run(arguments, cwd=repository, accept=(0, 1))
        return {
            name: "false" if name.endswith(".required") else ""
            for name in names.split("\0")
            if name
        }

    async def _is_elsewhere(self, repository: Path, tree: Worktree) -> bool:
        ref = f"refs/heads/{tree.branch}"
        tip = await self._commit(repository, ref)
        if tip is None:
            return False
        if tip == tree.base:
            return True
        flags = ["--format=%(refname)", f"--contains={tip}"]
        refs = await self._git.run(["for-each-ref", *flags], cwd=repository)
        return any(name != ref for name in refs.splitlines())


def _not_allowed() -> InputError:
    # The same for what is not there: nobody may look around on the disk with this.
    msg = "workspace.git: there is no repository there that may be used"
    return InputError(msg, code="workspace_not_allowed")
