"""The terminals of this machine: who looks at what, and where a bell can be rung.

Somebody looks at a tmux pane when an attached client shows it and was used lately; at another
terminal, when something was typed there lately.
"""

import asyncio
import os
import stat
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from clawdforge.monitor.sources import procfs
from clawdforge.tmux.errors import TmuxError
from clawdforge.tmux.protocol import measured, records
from clawdforge.tmux.server import TmuxServer
from clawdforge.tmux.servers import servers

_PANES = ("pane_pid", "pane_id", "window_id", "pane_active", "window_zoomed_flag")
_CLIENTS = ("client_activity", "window_id", "client_control_mode", "client_tty")
_PTS_MAJORS = range(136, 144)
"""Device numbers of pseudo-terminals on Linux."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pane:
    """A pane of a tmux server."""

    server: TmuxServer
    pid: int
    """Of the process that it was made for."""
    pane: str
    window: str
    active: bool
    zoomed: bool
    """Its window shows only the active pane."""

    @property
    def is_shown(self) -> bool:
        """Whether who sees the window sees the pane."""
        return self.active or not self.zoomed


@dataclass(frozen=True, slots=True, kw_only=True)
class Client:
    """A terminal that is attached to a tmux server."""

    server: TmuxServer
    window: str
    used_at: int
    """When a key was pressed last (seconds since 1970)."""
    tty: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Survey:
    """All of them, as they stood."""

    panes: tuple[Pane, ...] = ()
    clients: tuple[Client, ...] = ()

    def pane_of(self, pid: int | None, pane: str | None) -> Pane | None:
        """The pane that a process runs in; by the pane's id alone where the process is gone."""
        if pid is not None:
            by_pid = {one.pid: one for one in self.panes}
            for number in (pid, *procfs.parents(pid)):
                if number in by_pid:
                    return by_pid[number]
        named = [one for one in self.panes if one.pane == pane]
        return named[0] if len(named) == 1 else None

    def clients_of(self, pane: Pane) -> list[Client]:
        """Who is attached to the server of a pane."""
        return [one for one in self.clients if one.server is pane.server]

    def is_looked_at(self, pane: Pane, now: float, secs: float) -> bool:
        """Whether somebody sees a pane, and has pressed a key there so many seconds ago at most."""
        return pane.is_shown and any(
            one.window == pane.window and now - one.used_at <= secs for one in self.clients_of(pane)
        )


async def survey(environ: Mapping[str, str]) -> Survey:
    """Ask all tmux servers of this user; those that do not answer have nothing."""
    panes: list[Pane] = []
    clients: list[Client] = []
    for server in await asyncio.to_thread(servers, environ):
        try:
            panes += await _panes(server)
            clients += await _clients(server)
        except TmuxError:
            continue
    return Survey(panes=tuple(panes), clients=tuple(clients))


async def somebody_looks(
    found: Survey,
    *,
    pid: int | None,
    pane: str | None,
    dashboards: Iterable[int] = (),
    secs: float,
) -> bool:
    """Whether a person sees a session: its terminal, or a dashboard that shows all.

    Args:
        found: The terminals, as they stand now.
        pid: The session's process.
        pane: Its tmux pane.
        dashboards: The processes that show it.
        secs: So long after the last key somebody is taken to look.
    """
    now = time.time()
    own = found.pane_of(pid, pane)
    if own is not None:
        if found.is_looked_at(own, now, secs):
            return True
    elif pid is not None and await _typed_at(pid, now, secs):
        return True
    for number in dashboards:
        shown = found.pane_of(number, None)
        if shown is not None:
            if found.is_looked_at(shown, now, secs):
                return True
        elif await _typed_at(number, now, secs):
            return True
    return False


def terminal_of(pid: int) -> Path | None:
    """The terminal that a process runs in; None: it has none, or it cannot be known."""
    try:
        line = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
        number = int(line.rpartition(")")[2].split()[4])
    except (OSError, ValueError, IndexError):
        return None
    major, minor = os.major(number), os.minor(number)
    if major not in _PTS_MAJORS:
        return None
    return Path(f"/dev/pts/{(major - _PTS_MAJORS.start) * 256 + minor}")


async def _typed_at(pid: int, now: float, secs: float) -> bool:
    """Whether something was typed lately in the terminal of a process."""

    def read() -> float | None:
        path = terminal_of(pid)
        try:
            return None if path is None else path.stat().st_atime
        except OSError:
            return None

    typed = await asyncio.to_thread(read)
    return typed is not None and now - typed <= secs


def ring(path: Path, data: bytes = b"\a") -> bool:
    """Write to a terminal without waiting for it; whether that went well. Call it in a thread."""
    try:
        # Not blocking: a terminal that was stopped with Ctrl-S takes nothing.
        number = os.open(path, os.O_WRONLY | os.O_NOCTTY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        is_ours = stat.S_ISCHR(os.fstat(number).st_mode) and os.isatty(number)
        return is_ours and os.write(number, data) == len(data)
    except OSError:
        return False
    finally:
        os.close(number)


async def _panes(server: TmuxServer) -> list[Pane]:
    written = await server.run(("list-panes", "-a", "-F", measured(*_PANES)))
    return [
        Pane(
            server=server,
            pid=int(pid),
            pane=pane,
            window=window,
            active=active == "1",
            zoomed=zoomed == "1",
        )
        for pid, pane, window, active, zoomed in records(written, len(_PANES))
    ]


async def _clients(server: TmuxServer) -> list[Client]:
    written = await server.run(("list-clients", "-F", measured(*_CLIENTS)))
    return [
        Client(server=server, used_at=int(used_at), window=window, tty=tty)
        for used_at, window, control, tty in records(written, len(_CLIENTS))
        # One in control mode is a program, not a person at a terminal.
        if control != "1" and tty.startswith("/")
    ]
