"""A process and its parents."""

import asyncio
import sys
from pathlib import Path

MAX_DEPTH = 64


async def ancestry(pid: int) -> list[int]:
    """A process and its parents, nearest first, without the first process of the machine.

    Empty: there is no such process.
    """
    return await asyncio.to_thread(_ancestry, pid)


def _ancestry(pid: int) -> list[int]:
    found: list[int] = []
    while pid > 1 and pid not in found and len(found) < MAX_DEPTH:
        parent = _parent(pid)
        if parent is None:
            break
        found.append(pid)
        pid = parent
    return found


def _parent(pid: int) -> int | None:
    """The process that has started it; None: it is not there."""
    if not sys.platform.startswith("linux"):
        return _parent_elsewhere(pid)
    try:
        told = Path(f"/proc/{pid}/stat").read_bytes()
    except OSError:
        return None
    # The program's name stands in parentheses and may contain some itself.
    rest = told.rpartition(b")")[2].split()
    return int(rest[1])


def _parent_elsewhere(pid: int) -> int | None:
    import psutil

    try:
        return psutil.Process(pid).ppid()
    except psutil.Error:
        return None
