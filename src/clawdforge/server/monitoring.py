"""One picture: the server runs the monitor itself, or follows the one that runs already.

Either way the sessions that it drives are in it, and what is in it can be followed over HTTP.
"""

import asyncio
import logging
from collections.abc import Mapping
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Any

from clawdforge.core.observed.signals import Driven
from clawdforge.errors import ConfigError
from clawdforge.monitor.daemon import Running, open_monitor
from clawdforge.monitor.feed import Feed
from clawdforge.monitor.link import Link
from clawdforge.monitor.listening import SocketTakenError
from clawdforge.monitor.monitor import now
from clawdforge.monitor.notifying.questions import GatewayQuestions
from clawdforge.monitor.paths import Paths
from clawdforge.server.approving import PictureApprovals
from clawdforge.server.driven import DrivenSessions
from clawdforge.server.machine_approvals import AllApprovals
from clawdforge.tasks import TaskOwner
from clawdforge.wire.atm import encode_view

if TYPE_CHECKING:
    from clawdforge.http.services import Approvals
    from clawdforge.server.machines import Machines

log = logging.getLogger(__name__)

EMBEDDED_IN = "clawdforge serve"
RETRY_SECS = 1.0


class Picture:
    """Keeps the server in the picture, whoever draws it."""

    def __init__(
        self,
        paths: Paths,
        environ: Mapping[str, str],
        driven: DrivenSessions,
        *,
        questions: GatewayQuestions | None = None,
        retry_secs: float = RETRY_SECS,
    ) -> None:
        self.feed = Feed()
        self._paths = paths
        self._environ = environ
        self._driven = driven
        self._questions = questions
        self._retry_secs = retry_secs
        self.approvals: Approvals = PictureApprovals(
            lambda: self._running.monitor.approvals if self._running else None,
            lambda: self._paths.socket if self._link else None,
        )
        self._machines: Machines | None = None
        self._running: Running | None = None
        self._link: Link | None = None
        self._stack = AsyncExitStack()
        self._owner = TaskOwner()

    @property
    def role(self) -> str:
        """What we are: `embedded`, `client`, or `none` while there is no monitor."""
        if self._running is not None:
            return "embedded"
        return "client" if self._link is not None else "none"

    @property
    def machines(self) -> list[dict[str, Any]]:
        """The other machines that are in it, and how fresh that is."""
        return self._machines.told() if self._machines is not None else []

    async def show(self, machines: "Machines") -> None:
        """Have other machines in it, too, from now on; they are closed with it."""
        self._machines = machines
        self.approvals = AllApprovals(self.approvals, machines.sockets)
        await machines.open()
        self._stack.push_async_callback(machines.close)

    def looked(self) -> None:
        """A person uses the page: notices can wait."""
        if self._running is not None:
            self._running.monitor.looked()
        elif self._link is not None:
            self._link.looked()

    async def open(self) -> None:
        """Begin: run a monitor if none runs, else follow that one, and go on for ever."""
        self._driven.when_changed = self._tell
        if not await self._embed():
            self._owner.start(self._follow(), name="monitor-link")

    async def close(self) -> None:
        """End it."""
        self._driven.when_changed = None
        await self._owner.cancel()
        self.feed.close()
        await self._stack.aclose()

    async def _embed(self) -> bool:
        opening = open_monitor(
            self._paths, self._environ, embedded_in=EMBEDDED_IN, questions=self._questions
        )
        try:
            running = await self._stack.enter_async_context(opening)
        except SocketTakenError:
            return False
        except ConfigError as error:
            log.warning("no monitor runs", extra={"reason": error.message})
            return False
        self._running = running
        running.monitor.publisher.add(self.feed)
        views = running.monitor.registry.views(now())
        self.feed.replace({view.id: encode_view(view) for view in views})
        self._tell(self._driven.all(), [])
        log.info("the monitor runs here", extra={"socket": str(self._paths.socket)})
        return True

    async def _follow(self) -> None:
        while True:
            try:
                link = await Link.open(self._paths.socket)
            except OSError:
                if await self._embed():
                    return
            else:
                log.info("the monitor runs elsewhere", extra={"socket": str(self._paths.socket)})
                await self._talk(link)
                self.feed.replace({})
            await asyncio.sleep(self._retry_secs)

    async def _talk(self, link: Link) -> None:
        def subscribed() -> None:
            self._link = link
            self._tell(self._driven.all(), [])

        try:
            await link.follow(self.feed, subscribed)
        except (OSError, ValueError) as error:
            log.info("the monitor is gone", extra={"reason": str(error)})
        finally:
            self._link = None
            await link.close()

    def _tell(self, sessions: list[Driven], gone: list[str]) -> None:
        if self._running is not None:
            for one in sessions:
                self._running.monitor.driven(one)
            for session_id in gone:
                self._running.monitor.driven_removed(session_id)
        elif self._link is not None:
            self._link.tell(sessions, gone)
