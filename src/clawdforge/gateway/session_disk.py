"""The disk work of sessions' folders: made, filled with a turn's files, copied. Blocking code."""

import contextlib
import json
import os
import re
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path

from clawdforge.core.run import attachment_name
from clawdforge.errors import InputError, NotFoundError
from clawdforge.gateway.files import Attachment
from clawdforge.gateway.git import Worktree
from clawdforge.gateway.tree_copy import CopyLimits, clear, copy_tree
from clawdforge.gateway.workspace import remove_workspace

WORKTREE_FILE = "worktree.json"
SESSION_ID = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_-]{7,63}")
MAX_TRIES = 1000
"""For a name that nobody has taken."""


def make_home(home: Path) -> None:
    """Make a session's folder and the one for temporary files."""
    home.mkdir(mode=0o700, parents=True)
    (home / "tmp").mkdir(mode=0o700)


def make_work(home: Path) -> None:
    """Make an empty workspace."""
    (home / "work").mkdir(mode=0o700)


def is_folder(path: Path) -> bool:
    """Whether a folder is there: a link to somewhere else is none."""
    return path.is_dir() and not path.is_symlink()


def renew_tmp(home: Path) -> None:
    """Make the folder for temporary files anew."""
    tmp = home / "tmp"
    if tmp.is_symlink() or tmp.is_file():
        tmp.unlink()
    remove_workspace(tmp)
    tmp.mkdir(mode=0o700)


def note(home: Path, tree: Worktree) -> None:
    """Write down what is to be taken back when the session is forgotten."""
    (home / WORKTREE_FILE).write_text(json.dumps(asdict(tree)), encoding="utf-8")


def noted(home: Path) -> Worktree | None:
    """What was written down; None: the workspace is no worktree."""
    try:
        found = json.loads((home / WORKTREE_FILE).read_text(encoding="utf-8"))
        tree = Worktree(**found)
    except (OSError, ValueError, TypeError):
        return None
    return tree if all(isinstance(value, str) for value in asdict(tree).values()) else None


def renew_home(home: Path, folder: Path) -> None:
    """Before an agent works in a person's own folder: one for temporary files.

    Raises:
        InputError: the person's is gone (`workspace_gone`).
    """
    if not folder.is_dir():
        msg = f"the folder of the conversation is gone: {folder}"
        raise InputError(msg, code="workspace_gone")
    home.mkdir(mode=0o700, parents=True, exist_ok=True)
    renew_tmp(home)


def copy_work(work: Path, home: Path, limits: CopyLimits) -> None:
    """Make a workspace with what is in another."""
    make_work(home)
    copy_tree(work, home / "work", limits)


def copy_over(source: Path, home: Path, limits: CopyLimits) -> None:
    """Make the files of a worktree as those of another."""
    clear(home / "work", skip=".git")
    copy_tree(source / "work", home / "work", limits, skip=".git")


def strays(root: Path, known: frozenset[str]) -> list[str]:
    """Names of folders of sessions that nobody knows."""
    if not root.is_dir():
        return []
    return [
        path.name
        for path in root.iterdir()
        if path.name not in known and SESSION_ID.fullmatch(path.name) and is_folder(path)
    ]


def stage(cwd: Path, attachments: Sequence[Attachment], turn: int) -> tuple[str, ...]:
    """Copy them; their names. Nothing that is there is overwritten, no link is followed.

    The first turn's are called `attachment-N.EXT`, as those of a run, later ones
    `attachment-TURN-N.EXT`, and with one more number when somebody has taken that name.

    Raises:
        NotFoundError: a file has expired meanwhile.
        OSError: the disk does not take it.
    """
    staged: list[str] = []
    try:
        for number, file in enumerate(attachments, 1):
            _copy(cwd, file, _names(number, file.original_name, turn), staged)
    except BaseException:
        for name in staged:
            with contextlib.suppress(OSError):
                (cwd / name).unlink()
        raise
    return tuple(staged)


def _copy(cwd: Path, file: Attachment, names: Iterator[str], staged: list[str]) -> None:
    try:
        source = file.path.open("rb")
    except FileNotFoundError:
        msg = "files: a file token is unknown or has expired"
        raise NotFoundError(msg, code="file_not_found") from None
    with source:
        for name in names:
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
            try:
                number = os.open(cwd / name, flags, 0o600)
            except FileExistsError:
                continue
            staged.append(name)
            with os.fdopen(number, "wb") as target:
                shutil.copyfileobj(source, target)
            return
    msg = "files: the workspace has too many attachments"
    raise InputError(msg, code="workspace_failed")


def _names(number: int, original_name: str, turn: int) -> Iterator[str]:
    plain = attachment_name(number, original_name)
    extension = plain.removeprefix(f"attachment-{number}")
    if turn == 1:
        yield plain
    yield f"attachment-{turn}-{number}{extension}"
    for extra in range(2, MAX_TRIES):
        yield f"attachment-{turn}-{number}-{extra}{extension}"
