"""The daemon: builds the monitor, and owns the order in which it starts and stops."""

import asyncio
import gc
import logging
import resource
import signal
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from clawdforge.core.observed.registry import Registry
from clawdforge.core.observed.signals import Found
from clawdforge.monitor.approval_log import ApprovalLog
from clawdforge.monitor.door import Door
from clawdforge.monitor.listening import listening_at
from clawdforge.monitor.monitor import Monitor
from clawdforge.monitor.notifying.notifier import Notifier
from clawdforge.monitor.paths import Paths, claude_folders
from clawdforge.monitor.pid_file import announced
from clawdforge.monitor.snapshot import Snapshot
from clawdforge.monitor.sources.claude_records import ClaudeRecords
from clawdforge.monitor.sources.discovery import discover
from clawdforge.monitor.sources.git import GitPlaces
from clawdforge.monitor.sources.liveness import Liveness
from clawdforge.monitor.spool import Spool
from clawdforge.tasks import TaskOwner
from clawdforge.version import VERSION

if TYPE_CHECKING:
    from clawdforge.monitor.notifying.questions import GatewayQuestions

log = logging.getLogger(__name__)

DISCOVERY = "ATMD_DISCOVERY"
"""The variable that turns looking for running agents off."""
GARBAGE = 10_000
"""Objects until the collector looks at the newest: what is short-lived here is not in cycles."""
WANTED_FILES = 65_536
"""Descriptors: one a connection, one a process."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Running:
    """A monitor that runs."""

    monitor: Monitor
    door: Door


@asynccontextmanager
async def open_monitor(
    paths: Paths,
    environ: Mapping[str, str],
    *,
    embedded_in: str | None = None,
    questions: "GatewayQuestions | None" = None,
) -> AsyncIterator[Running]:
    """Run a monitor with its door and all that it sees by itself.

    Args:
        paths: Its socket and files.
        environ: The environment, for tmux and Claude Code's folders.
        embedded_in: The command that it is part of; None: it is `atmd` itself.
        questions: Those of sessions that this process drives, for notices.

    Raises:
        SocketTakenError: a monitor that lives listens there already.
        ConfigError: the socket or the folder cannot be used.
    """
    _raise_limit()
    async with AsyncExitStack() as stack:
        listener = stack.enter_context(listening_at(paths.socket))
        stack.enter_context(announced(paths.pid_file))
        registry = Registry()
        liveness = await stack.enter_async_context(Liveness(lambda process: monitor.died(process)))
        places = await stack.enter_async_context(
            GitPlaces(lambda folder, place: monitor.place_changed(folder, place))
        )
        answers = await stack.enter_async_context(ApprovalLog(paths.approvals))
        monitor = Monitor(
            registry,
            watch_process=liveness.watch,
            watch_folders=places.watch,
            audit=answers.write,
        )
        await stack.enter_async_context(Snapshot(paths.snapshot, registry))

        async def look() -> list[Found]:
            return [] if environ.get(DISCOVERY) == "off" else await discover(environ)

        facts = {"version": VERSION, "socket": str(paths.socket), "embedded_in": embedded_in}
        door = await stack.enter_async_context(Door(monitor, discover=look, facts=facts))
        await door.listen(listener)
        await stack.enter_async_context(
            ClaudeRecords(monitor.record_written, monitor.record_removed, claude_folders(environ))
        )
        await stack.enter_async_context(Spool(paths.state / "spool", monitor))
        notifier = Notifier(
            monitor,
            state=paths.state,
            environ=environ,
            dashboards=door.watchers,
            questions=questions,
        )
        await stack.enter_async_context(notifier)
        owner = TaskOwner()
        owner.start(_first_look(monitor, look), name="first-look")
        stack.push_async_callback(owner.cancel)
        yield Running(monitor=monitor, door=door)


async def run_daemon(
    paths: Paths, environ: Mapping[str, str], *, ready: Callable[[], None] | None = None
) -> None:
    """Run until SIGTERM or SIGINT.

    Raises:
        SocketTakenError, ConfigError: see `open_monitor`.
    """
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        loop.add_signal_handler(number, stopped.set)
    async with open_monitor(paths, environ):
        log.info("listening", extra={"socket": str(paths.socket), "version": VERSION})
        gc.collect()
        gc.freeze()  # what is here now stays: later collections need not look at it
        gc.set_threshold(GARBAGE, 20, 20)
        if ready is not None:
            ready()
        await stopped.wait()
    log.info("stopped")


async def _first_look(monitor: Monitor, look: Callable[[], Awaitable[list[Found]]]) -> None:
    monitor.found(await look())


def _raise_limit() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = WANTED_FILES if hard == resource.RLIM_INFINITY else min(WANTED_FILES, hard)
    if soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
