"""A run's own folder: made for it, files staged in it, removed after it. Blocking code."""

import contextlib
import os
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from clawdforge.core.run import attachment_name
from clawdforge.errors import NotFoundError
from clawdforge.gateway.files import Attachment, storage_fault


@dataclass(frozen=True, slots=True, kw_only=True)
class Workspace:
    """The folders of one run."""

    root: Path
    attachments: tuple[str, ...] = ()
    """Names of the staged files, in the caller's order."""

    @property
    def cwd(self) -> Path:
        """The working folder: at first only the attachments are in it."""
        return self.root / "work"

    @property
    def tmp(self) -> Path:
        """For temporary files."""
        return self.root / "tmp"


def make_workspace(root: Path, attachments: Sequence[Attachment]) -> Workspace:
    """Make the folders of a run and stage its files; all or nothing.

    Raises:
        NotFoundError: a file has expired meanwhile.
        StorageError: the disk does not take it.
    """
    names = tuple(
        attachment_name(number, file.original_name) for number, file in enumerate(attachments, 1)
    )
    workspace = Workspace(root=root, attachments=names)
    try:
        root.mkdir(mode=0o700, parents=True)
        workspace.cwd.mkdir(mode=0o700)
        workspace.tmp.mkdir(mode=0o700)
        for name, file in zip(names, attachments, strict=True):
            # A copy, not a link: an agent that edits it must not change what was uploaded.
            shutil.copyfile(file.path, workspace.cwd / name)
    except FileNotFoundError:
        remove_workspace(root)
        msg = "files: a file token is unknown or has expired"
        raise NotFoundError(msg, code="file_not_found") from None
    except OSError as error:
        remove_workspace(root)
        raise storage_fault(error, "preparing the run's folder") from error
    return workspace


def remove_workspace(root: Path) -> None:
    """Remove a run's folders, also what the agent made unreadable. Never fails."""
    shutil.rmtree(root, ignore_errors=True)
    if root.exists():
        _make_enterable(root)
        shutil.rmtree(root, ignore_errors=True)


def _make_enterable(root: Path) -> None:
    with contextlib.suppress(OSError):
        root.chmod(0o700)
    for folder, names, _ in os.walk(root):
        for name in names:
            path = Path(folder, name)
            if not path.is_symlink():
                with contextlib.suppress(OSError):
                    path.chmod(0o700)
