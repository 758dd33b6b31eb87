"""What the system says about processes: /proc on Linux, psutil elsewhere.

Reading /proc never waits for a disk, so all of this may be called on the event loop.
"""

import os
import sys
from dataclasses import dataclass
from pathlib import Path

from clawdforge.core.observed.signals import ProcessId

LINUX = sys.platform == "linux"
MAX_PARENTS = 20
_PROC = "/proc"
_GONE = {"Z", "X", "x"}
_START = 19
"""Where the start time is among the fields that follow the command's name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stat:
    """A process's line in /proc."""

    pid: int
    name: str
    parent: int
    start: int
    gone: bool
    """It has ended, and only waits to be reaped."""


def stat(pid: int) -> Stat | None:
    """How a process stands; None: there is none of that pid."""
    if pid <= 0:
        return None
    if not LINUX:
        return _portable_stat(pid)
    try:
        with open(f"{_PROC}/{pid}/stat", "rb") as file:  # noqa: PTH123 - hot
            line = file.read().decode("utf-8", "replace")
        name, _, rest = line.partition("(")[2].rpartition(")")
        fields = rest.split()
        return Stat(
            pid=pid,
            name=name,
            parent=int(fields[1]),
            start=int(fields[_START]),
            gone=fields[0] in _GONE,
        )
    except (OSError, ValueError, IndexError):
        return None


def identity(pid: int) -> ProcessId | None:
    """The identity of a living process; None: there is none of that pid."""
    found = stat(pid)
    return None if found is None or found.gone else ProcessId(pid, found.start)


def started(pid: int) -> int | None:
    """When a living process of our own user began, in ticks since the boot; else None."""
    found = identity(pid)
    return found.start if found is not None and owner(pid) == os.geteuid() else None


def parents(pid: int) -> tuple[int, ...]:
    """The ancestors of a process, nearest first."""
    found: list[int] = []
    while len(found) < MAX_PARENTS:
        line = stat(pid)
        if line is None or line.parent <= 0 or line.parent in found:
            break
        pid = line.parent
        found.append(pid)
    return tuple(found)


def all_pids() -> list[int]:
    """The pids of all processes."""
    if not LINUX:
        import psutil

        return psutil.pids()
    try:
        return [int(name) for name in os.listdir(_PROC) if name.isdigit()]  # noqa: PTH208 - hot
    except OSError:
        return []


def owner(pid: int) -> int | None:
    """The uid of a process."""
    try:
        return os.stat(f"{_PROC}/{pid}").st_uid if LINUX else _portable_owner(pid)  # noqa: PTH116
    except OSError:
        return None


def arguments(pid: int) -> tuple[str, ...]:
    """What it was started with; empty when nobody may know."""
    if not LINUX:
        return _portable_arguments(pid)
    try:
        raw = Path(f"{_PROC}/{pid}/cmdline").read_bytes()
    except OSError:
        return ()
    return tuple(os.fsdecode(part) for part in raw.rstrip(b"\0").split(b"\0")) if raw else ()


def program(pid: int) -> str | None:
    """The path of its program."""
    return _link(pid, "exe")


def folder(pid: int) -> str | None:
    """The folder that it works in."""
    return _link(pid, "cwd")


def outer_pid(claimed: int, peer: int) -> int | None:
    """The pid that we know a process by, which a relative of it in a PID namespace names.

    Args:
        claimed: What the peer says, in its own namespace.
        peer: A descendant of that process, by the pid that we know.

    Returns:
        None when the peer is in our own namespace, or has no such ancestor.
    """
    inner = _namespace_pids(peer)
    if len(inner) < 2:
        return None
    for pid in (peer, *parents(peer)):
        theirs = _namespace_pids(pid)
        if len(theirs) == len(inner) and theirs[-1] == claimed:
            return pid
    return None


def _namespace_pids(pid: int) -> list[int]:
    """Its pid in each namespace that it is in, ours first (`NSpid`, see proc(5))."""
    try:
        with open(f"{_PROC}/{pid}/status", "rb") as file:  # noqa: PTH123 - hot
            for line in file:
                if line.startswith(b"NSpid:"):
                    return [int(field) for field in line.split()[1:]]
    except (OSError, ValueError):
        pass
    return []


def _link(pid: int, name: str) -> str | None:
    if not LINUX:
        return _portable_link(pid, name)
    try:
        target = os.readlink(f"{_PROC}/{pid}/{name}")  # noqa: PTH115 - a path as text
    except OSError:
        return None
    return target.removesuffix(" (deleted)")


def _portable_stat(pid: int) -> Stat | None:
    import psutil

    try:
        process = psutil.Process(pid)
        with process.oneshot():
            return Stat(
                pid=pid,
                name=process.name(),
                parent=process.ppid(),
                start=round(process.create_time() * 100),
                gone=process.status() == psutil.STATUS_ZOMBIE,
            )
    except psutil.Error:
        return None


def _portable_owner(pid: int) -> int | None:
    import psutil

    try:
        return int(psutil.Process(pid).uids().real)
    except psutil.Error:
        return None


def _portable_arguments(pid: int) -> tuple[str, ...]:
    import psutil

    try:
        return tuple(psutil.Process(pid).cmdline())
    except psutil.Error:
        return ()


def _portable_link(pid: int, name: str) -> str | None:
    import psutil

    try:
        process = psutil.Process(pid)
        return (process.exe() if name == "exe" else process.cwd()) or None
    except psutil.Error:
        return None
