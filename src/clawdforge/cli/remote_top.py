"""The dashboard over several machines: their connections live as long as it does."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, TypeAlias

from clawdforge.cli.hosts import ways_to
from clawdforge.cli.remote_provider import OnlyHere, RemoteProvider

if TYPE_CHECKING:
    from clawdforge.client.monitor import MonitorFeed
    from clawdforge.remote.host import Host
    from clawdforge.remote.tunnel import Tunnel
    from clawdforge.tui.app import Dashboard
    from clawdforge.tui.feeds import Source
    from clawdforge.tui.providers import Provider

Reach: TypeAlias = "Callable[[MonitorFeed, Sequence[Provider]], tuple[Source, list[Provider]]]"
"""Puts other machines beside this one's monitor and providers."""


def only_here(
    feed: "MonitorFeed", providers: "Sequence[Provider]"
) -> "tuple[Source, list[Provider]]":
    """There are no other machines."""
    return feed, list(providers)


def run_reaching(
    hosts: "Sequence[Host]", environ: Mapping[str, str], made: "Callable[[Reach], Dashboard]"
) -> "Dashboard":
    """Run a dashboard that shows these machines, too, to its end.

    Args:
        hosts: Which.
        environ: The environment.
        made: Makes the dashboard.

    Raises:
        ConfigError: there is no `ssh`.
    """
    return asyncio.run(_run(hosts, environ, made))


async def _run(
    hosts: "Sequence[Host]", environ: Mapping[str, str], made: "Callable[[Reach], Dashboard]"
) -> "Dashboard":
    from clawdforge.remote.machines import open_machines

    async with open_machines(hosts, environ) as tunnels:
        app = made(_reach(tunnels, environ))
        await app.run_async()
        return app


def _reach(tunnels: "Sequence[Tunnel]", environ: Mapping[str, str]) -> "Reach":
    from clawdforge.client.hosts import HostsFeed

    def reach(
        feed: "MonitorFeed", providers: "Sequence[Provider]"
    ) -> "tuple[Source, list[Provider]]":
        others = [RemoteProvider(tunnel, environ) for tunnel in tunnels]
        source = HostsFeed(feed, ways_to(tunnels), client="clawdforge-top")
        return source, [*map(OnlyHere, providers), *others]

    return reach
