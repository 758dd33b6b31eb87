"""The monitor's socket: claimed without taking it from a monitor that lives."""

import contextlib
import os
import socket
import stat
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from clawdforge.errors import ConfigError

BACKLOG = 4096
_PROBE_SECS = 2.0
_CREDENTIALS = struct.Struct("iII")


class SocketTakenError(ConfigError):
    """A monitor that lives listens there already."""


@contextmanager
def listening_at(path: Path) -> Iterator[socket.socket]:
    """A socket that listens at `path`, ours alone (0600); removed afterwards if it still is ours.

    Raises:
        SocketTakenError: somebody answers there: it is left alone.
        ConfigError: there is something that is no socket, or the folder cannot be used.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _remove_stale(path)
        listener = _bound(path)
    except OSError as error:
        msg = f"cannot listen at {path}: {error.strerror or error}"
        raise ConfigError(msg, hint="set ATM_SOCKET to a path that can be used") from error
    with listener:
        mine = path.stat()
        try:
            yield listener
        finally:
            with contextlib.suppress(OSError):
                if os.path.samestat(path.stat(), mine):
                    path.unlink()


def answers(path: Path) -> bool:
    """Whether somebody listens at `path`."""
    try:
        with _probe(path):
            return True
    except (BlockingIOError, TimeoutError):
        return True  # its backlog is full: alive, and busy
    except OSError:
        return False


def listener_of(path: Path) -> int | None:
    """The pid of the process that listens at `path`; None: nobody does, or nobody says."""
    try:
        with _probe(path) as probe:
            peer = peer_of(probe)
    except OSError:
        return None
    return peer[0] if peer is not None else None


@contextmanager
def _probe(path: Path) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.settimeout(_PROBE_SECS)
        probe.connect(str(path))
        yield probe


def peer_of(connection: socket.socket) -> tuple[int, int] | None:
    """Pid and uid of whoever has connected, from the kernel; None where it does not say."""
    option = getattr(socket, "SO_PEERCRED", None)
    if option is None:
        return None
    try:
        raw = connection.getsockopt(socket.SOL_SOCKET, option, _CREDENTIALS.size)
    except OSError:
        return None
    pid, uid, _ = _CREDENTIALS.unpack(raw)
    return pid, uid


def _remove_stale(path: Path) -> None:
    try:
        mode = path.lstat().st_mode
    except FileNotFoundError:
        return
    if stat.S_ISLNK(mode):
        path = path.resolve()
        mode = path.lstat().st_mode if path.exists() else mode
    if not stat.S_ISSOCK(mode):
        msg = f"{path} is there, and is no socket"
        raise ConfigError(msg, hint="move it away, or set ATM_SOCKET to another path")
    if answers(path):
        msg = f"a monitor answers at {path} already"
        raise SocketTakenError(msg, hint="use it, or stop it with `atmd stop`")
    path.unlink(missing_ok=True)


def _bound(path: Path) -> socket.socket:
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        # Made under another name and moved: it is never there with the wrong mode, and a
        # second monitor that starts now finds either nothing or one that listens.
        making = path.with_name(f".{path.name}.{os.getpid()}")
        making.unlink(missing_ok=True)
        before = os.umask(0o177)
        try:
            listener.bind(str(making))
        finally:
            os.umask(before)
        listener.listen(BACKLOG)
        listener.setblocking(False)  # noqa: FBT003 - the standard library's way
        making.rename(path)
    except BaseException:
        listener.close()
        raise
    return listener
