"""Notifications of a monitor: follows `notifications.toml`, and tells whom it names.

Without a target nothing of it is loaded and nothing runs but a look at the file now and then.
"""

import asyncio
import logging
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self, TypeVar

from clawdforge.core.observed.registry import Changes
from clawdforge.monitor.monitor import Monitor
from clawdforge.monitor.notifying.place import Stamp, notifications_file, stamp_of
from clawdforge.tasks import TaskOwner

if TYPE_CHECKING:
    from clawdforge.monitor.notifying.questions import GatewayQuestions
    from clawdforge.monitor.notifying.targets import Configured
    from clawdforge.monitor.notifying.telling import Teller

log = logging.getLogger(__name__)

T = TypeVar("T")
LOOK_SECS = 1.0


class Notifier:
    """Runs with the monitor: an async context manager.

    Args:
        monitor: Whose sessions are told of.
        state: The monitor's folder.
        environ: The environment.
        dashboards: The processes that show all sessions to somebody.
        questions: Those of sessions that this process drives.
        look_secs: How often it is looked whether the file has changed.
    """

    def __init__(
        self,
        monitor: Monitor,
        *,
        state: Path,
        environ: Mapping[str, str],
        dashboards: Callable[[], list[int]],
        questions: "GatewayQuestions | None" = None,
        look_secs: float = LOOK_SECS,
    ) -> None:
        self._monitor = monitor
        self._state = state
        self._environ = environ
        self._dashboards = dashboards
        self._questions = questions
        self._look_secs = look_secs
        self._teller: Teller | None = None
        self._owner = TaskOwner()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="notifications-file")

    async def __aenter__(self) -> Self:
        self._owner.start(self._follow(), name="notifications")
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._owner.cancel()
        self._monitor.noticed = None
        if self._teller is not None:
            await self._teller.close()
        self._thread.shutdown(wait=False, cancel_futures=True)

    async def _follow(self) -> None:
        """Read the file whenever it has changed."""
        path = notifications_file(self._environ)
        read: Stamp | None = None
        while True:
            stamp = await self._off_loop(stamp_of, path)
            if stamp != read:
                read = stamp
                await self._take(path, await self._off_loop(_load, path))
            await asyncio.sleep(self._look_secs)

    async def _take(self, path: Path, configured: "Configured") -> None:
        for problem in configured.problems:
            log.warning("notifications: %s", problem)
        if configured.problems and not configured.targets and self._teller is not None:
            log.warning("notifications go on as they were before")
            return
        if self._teller is not None:
            self._teller.configure(configured)
        elif configured.targets:
            from clawdforge.monitor.notifying.questions import Questions
            from clawdforge.monitor.notifying.telling import Teller

            self._teller = Teller(
                self._monitor,
                state=self._state,
                environ=self._environ,
                dashboards=self._dashboards,
                folder=path.parent,
                questions=Questions(self._monitor.approvals, self._questions),
            )
            await self._teller.open(configured)
        if self._teller is not None:
            # Sessions are listened to only when there is somebody to tell.
            self._monitor.noticed = self._heard if configured.targets else None
            log.info("notifications", extra={"targets": ",".join(configured.targets)})

    def _heard(self, changes: Changes) -> None:
        assert self._teller is not None
        try:
            self._teller.heard(changes)
        except Exception:  # whatever is wrong here, the monitor goes on
            log.exception("a change was not looked at for notices")

    async def _off_loop(self, work: Callable[[Path], T], path: Path) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, work, path)


def _load(path: Path) -> "Configured":
    """What the file says; also loads all that is needed then."""
    from clawdforge.monitor.notifying import files

    configured = files.read_file(path)
    if configured.targets:
        from clawdforge.monitor.notifying import telling  # noqa: F401 - it takes a moment
    return configured
