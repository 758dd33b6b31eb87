"""Copying a workspace, within bounds and without following links. Blocking code."""

import os
import shutil
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from clawdforge.errors import InputError


@dataclass(frozen=True, slots=True, kw_only=True)
class CopyLimits:
    """How much a copy may be."""

    max_files: int = 100_000
    max_bytes: int = 2 * 1024**3


def copy_tree(source: Path, target: Path, limits: CopyLimits, *, skip: str | None = None) -> None:
    """Copy what is in a folder into another that is there. Sockets, pipes, devices stay behind.

    Args:
        source: From here.
        target: To here.
        limits: When to give up.
        skip: A name directly in `source` that is left out.

    Raises:
        InputError: it is too much (`workspace_too_large`).
        OSError: the disk does not give or take it.
    """
    size = 0
    for files, (entry, relative) in enumerate(_walk(source, skip), 1):
        info = entry.stat(follow_symlinks=False)
        size += info.st_size
        if files > limits.max_files or size > limits.max_bytes:
            msg = (
                f"the workspace is too large to be copied: at most {limits.max_files:,} files "
                f"and {limits.max_bytes // 1024**2:,} MiB"
            )
            raise InputError(msg, code="workspace_too_large")
        _copy_one(entry, info, target / relative)


def clear(folder: Path, *, skip: str) -> None:
    """Remove what is in a folder but `skip`."""
    for entry in list(os.scandir(folder)):
        if entry.name == skip:
            continue
        if entry.is_dir(follow_symlinks=False):
            shutil.rmtree(entry.path)
        else:
            Path(entry.path).unlink()


def _walk(folder: Path, skip: str | None) -> Iterator[tuple[os.DirEntry[str], Path]]:
    waiting = [Path()]
    while waiting:
        below = waiting.pop()
        with os.scandir(folder / below) as entries:
            for entry in entries:
                relative = below / entry.name
                if str(relative) == skip:
                    continue
                yield entry, relative
                if entry.is_dir(follow_symlinks=False):
                    waiting.append(relative)


def _copy_one(entry: os.DirEntry[str], info: os.stat_result, target: Path) -> None:
    if entry.is_symlink():
        target.symlink_to(Path(entry.path).readlink())
    elif entry.is_dir(follow_symlinks=False):
        # Ours to write into, whatever its own mode is.
        target.mkdir(mode=0o700 | stat.S_IMODE(info.st_mode) & 0o077)
    elif stat.S_ISREG(info.st_mode):
        shutil.copyfile(entry.path, target, follow_symlinks=False)
        target.chmod(stat.S_IMODE(info.st_mode) & 0o777)
        os.utime(target, ns=(info.st_atime_ns, info.st_mtime_ns))
