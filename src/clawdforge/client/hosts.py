"""The monitors of several machines as one: whose session it is, and how fresh each picture is.

    async with open_machines(parse_hosts(["ana@build1"]), environ) as tunnels:
        ways = [Way(tunnel.host.name, tunnel.connect) for tunnel in tunnels]
        async for news in HostsFeed(MonitorFeed(), ways).follow():
            ...

A machine that goes away keeps its sessions, as `stale`; when it comes back they are fresh again,
and those that ended meanwhile are gone. `Everything` and `Lost` are of this machine alone;
`Machine` tells how another one stands.
"""

import asyncio
import contextlib
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, replace

from clawdforge.client.monitor import Connection, MonitorFeed, Patience
from clawdforge.client.monitor_news import (
    Discovered,
    Everything,
    Lost,
    Machine,
    News,
    Removed,
    Updated,
)
from clawdforge.core.observed.machines import as_stale, id_on, on_host
from clawdforge.core.observed.views import SessionView
from clawdforge.tasks import TaskOwner

PATIENCE = Patience(connect=60.0, silence=5.0, first_pause=1.0, longest_pause=30.0)
"""Another machine: a login takes its time, and each try costs it one."""
TELL_SECS = 2.0
"""How often it is told when something was last heard of a machine on which nothing happens."""
MAX_WAITING = 64
_NOBODY = ("no monitor answers there", "start one there: `atmd start -d`")


@dataclass(frozen=True, slots=True)
class Way:
    """How the monitor of another machine is reached."""

    name: str
    connect: Callable[[], Awaitable[Connection]]
    """May take long; what it raises is told, and it is tried again."""


class MachineFeed:
    """Follows the monitor of one other machine.

    Args:
        way: How.
        client: Under which name that monitor knows us.
        clock: Seconds since 1970.
        patience: How long it waits for what.
    """

    def __init__(
        self,
        way: Way,
        *,
        client: str = "clawdforge-client",
        clock: Callable[[], float] = time.time,
        patience: Patience = PATIENCE,
    ) -> None:
        self.state = Machine(name=way.name)
        """How it stands."""
        self.sessions: dict[str, SessionView] = {}
        """Its sessions as they were told last, by their ids here."""
        self._clock = clock
        self._heard_at: float | None = None
        self._feed = MonitorFeed(
            name=client,
            connect=way.connect,
            patience=patience,
            heard=self._hears,
            nobody=_NOBODY,
        )

    async def follow(self) -> AsyncGenerator[list[News]]:
        """What happens there, for ever: `Updated`, `Removed` and `Machine`."""
        yield [self.state]
        async with contextlib.aclosing(self._feed.follow()) as following:
            async for news in following:
                yield [told for one in news for told in self._told(one)]

    def news(self) -> Machine | None:
        """How it stands, if something was heard since that was last told."""
        if self._heard_at == self.state.heard_at:
            return None
        self.state = replace(self.state, heard_at=self._heard_at)
        return self.state

    def discover(self) -> bool:
        """See `MonitorFeed.discover`. A machine that is not there is tried now."""
        self._feed.try_now()
        return self._feed.discover()

    def _hears(self) -> None:
        self._heard_at = self._clock()

    def _told(self, one: News) -> Iterable[News]:
        name = self.state.name
        match one:
            case Updated(view):
                yield self._updated(view)
            case Removed(session_id, reason):
                there = id_on(name, session_id)
                if self.sessions.pop(there, None) is not None:
                    yield Removed(there, reason)
            case Everything(views):
                yield from self._replaced(views)
            case Lost() as lost:
                yield from self._lost(lost)
            case Discovered() | Machine():
                pass  # what `discover` found is told of this machine

    def _updated(self, view: SessionView) -> Updated:
        ours = on_host(view, self.state.name)
        self.sessions[ours.id] = ours
        return Updated(ours)

    def _replaced(self, views: Iterable[SessionView]) -> Iterable[News]:
        since = self.state.since if self.state.live else self._clock()
        self.state = Machine(name=self.state.name, live=True, since=since, heard_at=self._heard_at)
        yield self.state
        before = set(self.sessions)
        self.sessions = {}
        for view in views:
            yield self._updated(view)
        for gone in sorted(before - self.sessions.keys()):
            yield Removed(gone)

    def _lost(self, lost: Lost) -> Iterable[News]:
        now = self._clock()
        was_known = self.state.live or self.state.reason
        self.state = replace(
            self.state,
            live=False,
            since=self.state.since if was_known and not self.state.live else now,
            heard_at=self._heard_at,
            reason=lost.reason,
            hint=lost.hint,
            retry_at=now + lost.retry_secs,
            tries=lost.tries,
        )
        yield self.state
        for name, view in self.sessions.items():
            if not view.stale:
                self.sessions[name] = as_stale(view)
                yield Updated(self.sessions[name])


class HostsFeed:
    """Follows this machine's monitor, and those of others.

    Args:
        here: This machine's.
        ways: The others.
        client: Under which name the monitors know us.
        clock: Seconds since 1970.
        patience: How long is waited for what.
    """

    def __init__(
        self,
        here: MonitorFeed,
        ways: Sequence[Way],
        *,
        client: str = "clawdforge-client",
        clock: Callable[[], float] = time.time,
        patience: Patience = PATIENCE,
    ) -> None:
        self.here = here
        self.machines = tuple(
            MachineFeed(way, client=client, clock=clock, patience=patience) for way in ways
        )

    async def follow(self) -> AsyncGenerator[list[News]]:
        """What happens anywhere, for ever. One that is slow holds up nobody but itself."""
        told: asyncio.Queue[list[News]] = asyncio.Queue(MAX_WAITING)
        owner = TaskOwner()
        try:
            owner.start(_pass_on(self._follow_here(), told), name="monitor-here")
            for machine in self.machines:
                name = machine.state.name
                owner.start(_pass_on(machine.follow(), told), name=f"monitor-{name}")
            if self.machines:
                owner.start(self._tell_freshness(told), name="monitor-freshness")
            while True:
                yield await told.get()
        finally:
            await owner.cancel()

    def discover(self) -> bool:
        """Have all monitors look for agents that run; whether one can."""
        return any([self.here.discover(), *(machine.discover() for machine in self.machines)])

    async def _follow_here(self) -> AsyncGenerator[list[News]]:
        async with contextlib.aclosing(self.here.follow()) as following:
            async for news in following:
                yield [self._whole(one) for one in news]

    def _whole(self, one: News) -> News:
        """All sessions: those of the others, too."""
        if not isinstance(one, Everything):
            return one
        others = [view for machine in self.machines for view in machine.sessions.values()]
        return Everything((*one.sessions, *others))

    async def _tell_freshness(self, told: asyncio.Queue[list[News]]) -> None:
        while True:
            await asyncio.sleep(TELL_SECS)
            news = [state for machine in self.machines if (state := machine.news()) is not None]
            if news:
                await told.put([*news])


async def _pass_on(source: AsyncGenerator[list[News]], told: asyncio.Queue[list[News]]) -> None:
    async with contextlib.aclosing(source) as following:
        async for news in following:
            if news:
                await told.put(news)
