"""All tmux servers of this user, and whose pane is whose."""

import asyncio
import stat
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from clawdforge.tmux.calling import folder
from clawdforge.tmux.errors import TmuxError
from clawdforge.tmux.protocol import Pane
from clawdforge.tmux.server import TmuxServer

LOOK_SECS = 2.0


def servers(environ: Mapping[str, str], *, timeout_secs: float = LOOK_SECS) -> list[TmuxServer]:
    """The servers that may run: the one that we run in first, then `default`, then the others.

    Looks at the disk: not on a loop. A socket may be of a server that has gone.
    """
    named = environ.get("TMUX", "").partition(",")[0]
    found = [Path(named)] if named else []
    try:
        entries = sorted(folder(environ).iterdir(), key=lambda path: (path.name != "default", path))
    except OSError:
        entries = []
    paths = dict.fromkeys([*found, *entries])
    return [
        TmuxServer(path, environ, timeout_secs=timeout_secs) for path in paths if _is_socket(path)
    ]


async def all_panes(environ: Mapping[str, str]) -> list[Pane]:
    """The panes of all servers, those of the server that we run in first.

    Servers that have gone, or do not answer, have none.

    Raises:
        TmuxError: tmux is not installed.
    """
    found = await asyncio.to_thread(servers, environ)
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(_panes_of(server)) for server in found]
    return [pane for task in tasks for pane in task.result()]


def server_of(pane: Pane, environ: Mapping[str, str]) -> TmuxServer:
    """The server that a pane is on."""
    return TmuxServer(pane.socket, environ)


def pane_of(
    panes: Iterable[Pane], *, pane_id: str | None = None, ancestry: Sequence[int] = ()
) -> Pane | None:
    """The pane of an agent; None: it has none.

    Pure. A process and its ancestors say it for sure: the nearest that a pane was made for. When
    there is none, its pane is on a server that we do not see: one with the same id on another
    server is a stranger's. Only of an agent whose process is not known the id has to do.

    Args:
        panes: Of all servers.
        pane_id: What the agent says, as `%5`.
        ancestry: Its process and the parents of that, nearest first; empty: unknown.

    Raises:
        TmuxError: the id means several (`pane_unclear`).
    """
    panes = list(panes)
    by_pid: dict[int, Pane] = {}
    for pane in panes:
        by_pid.setdefault(pane.pid, pane)
    for pid in ancestry:
        if pid in by_pid:
            return by_pid[pid]
    if ancestry:
        return None
    found = [pane for pane in panes if pane_id is not None and pane.id == pane_id]
    if len(found) > 1:
        where = ", ".join(f"{Path(pane.socket).name}:{pane.id} ({pane.place})" for pane in found)
        msg = f"{len(found)} tmux servers have a pane {pane_id}: {where}"
        raise TmuxError(msg, code="pane_unclear", hint="name the server too, as `SERVER:%5`")
    return found[0] if found else None


async def _panes_of(server: TmuxServer) -> list[Pane]:
    try:
        return await server.panes()
    except TmuxError as error:
        if error.code == "tmux_missing":
            raise
        return []


def _is_socket(path: Path) -> bool:
    try:
        return stat.S_ISSOCK(path.stat().st_mode)
    except OSError:
        return False
