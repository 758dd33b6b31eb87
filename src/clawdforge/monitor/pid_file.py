"""The pid file: how other commands know that the daemon runs, and which process it is."""

import contextlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePath

from clawdforge.errors import ConfigError
from clawdforge.monitor.listening import listener_of
from clawdforge.monitor.paths import Paths
from clawdforge.monitor.sources import procfs

MAX_BYTES = 32


def running(paths: Paths) -> int | None:
    """The pid of the monitor that runs; None: none does. The file of a dead one is removed.

    A pid is used again: the process counts only when it listens at the socket, or looks like one.
    """
    pid = _written(paths.pid_file)
    if pid is None:
        return None
    if procfs.identity(pid) is None:
        paths.pid_file.unlink(missing_ok=True)
        return None
    if listener_of(paths.socket) == pid or _looks_like_one(pid):
        return pid
    return None


def _written(path: Path) -> int | None:
    try:
        with path.open("rb") as file:
            text = file.read(MAX_BYTES).decode("ascii", "replace").strip()
    except OSError:
        return None
    return int(text) if text.isascii() and text.isdecimal() else None


def _looks_like_one(pid: int) -> bool:
    names = {PurePath(argument).name for argument in procfs.arguments(pid)[:3]}
    return bool(names & {"atmd", "clawdforge"})


@contextmanager
def announced(path: Path) -> Iterator[None]:
    """Say meanwhile that this process is the daemon.

    Raises:
        ConfigError: the file cannot be written.
    """
    made = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        made.write_text(str(os.getpid()))
        made.replace(path)
    except OSError as error:
        msg = f"cannot write {path}: {error.strerror or error}"
        raise ConfigError(msg, hint="set XDG_STATE_HOME to a folder that can be used") from error
    try:
        yield
    finally:
        with contextlib.suppress(OSError):
            if path.read_text().strip() == str(os.getpid()):
                path.unlink()
