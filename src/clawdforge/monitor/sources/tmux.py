"""Which terminal pane belongs to which process, by asking each tmux server once."""

import asyncio
import os
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from clawdforge.processes.output import output_of

TIMEOUT_SECS = 2.0
_FORMAT = "#{pane_pid} #{pane_id} #{session_name}"
_SEEN = ("PATH", "HOME", "LANG", "LC_ALL", "LC_CTYPE", "TMUX_TMPDIR", "TERM")


@dataclass(frozen=True, slots=True, kw_only=True)
class Pane:
    """A pane of a tmux server."""

    pane: str
    """Its id on that server, as `%5`."""
    session: str
    socket: Path
    """The server's socket: ids of two servers may be the same."""


async def panes(environ: Mapping[str, str]) -> dict[int, Pane]:
    """The panes of all our tmux servers, by the pid of the process that each was made for."""
    env = {name: environ[name] for name in _SEEN if name in environ}
    found: dict[int, Pane] = {}
    for socket in await asyncio.to_thread(sockets, environ):
        argv = ("tmux", "-S", str(socket), "list-panes", "-a", "-F", _FORMAT)
        written = await output_of(argv, env=env, timeout_secs=TIMEOUT_SECS)
        if written is not None:
            found |= _parsed(written.decode("utf-8", "replace"), socket)
    return found


def sockets(environ: Mapping[str, str]) -> list[Path]:
    """The sockets of this user's tmux servers, the one that we run in first."""
    named = environ.get("TMUX", "").partition(",")[0]
    found = [Path(named)] if named else []
    folder = Path(environ.get("TMUX_TMPDIR") or "/tmp") / f"tmux-{os.getuid()}"  # noqa: S108
    try:
        entries = sorted(folder.iterdir())
    except OSError:
        entries = []
    return [path for path in dict.fromkeys([*found, *entries]) if _is_socket(path)]


def _is_socket(path: Path) -> bool:
    try:
        return stat.S_ISSOCK(path.stat().st_mode)
    except OSError:
        return False


def _parsed(text: str, socket: Path) -> dict[int, Pane]:
    found = {}
    for line in text.splitlines():
        pid, _, rest = line.partition(" ")
        pane, _, session = rest.partition(" ")
        if pid.isdecimal() and pane.startswith("%"):
            found[int(pid)] = Pane(pane=pane, session=session, socket=socket)
    return found
