"""Other machines in the server's picture: their monitors are followed over ssh."""

import logging
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack, aclosing
from dataclasses import asdict
from pathlib import Path
from typing import Any

from clawdforge.client.hosts import MachineFeed, Way
from clawdforge.client.monitor_news import Machine, News, Removed, Updated
from clawdforge.errors import ConfigError, InputError
from clawdforge.monitor.feed import Feed
from clawdforge.remote.host import Host, parse_hosts
from clawdforge.remote.machines import open_machines
from clawdforge.remote.tunnel import Tunnel
from clawdforge.tasks import TaskOwner
from clawdforge.wire import atm

log = logging.getLogger(__name__)


class Machines:
    """The machines of the setting `hosts`.

    Args:
        hosts: Which; none: nothing is done, and no `ssh` is needed.
        environ: The environment.
        feed: The server's picture; their sessions come into it.
        owner: Names the server across its restarts.
    """

    def __init__(
        self, hosts: Sequence[Host], environ: Mapping[str, str], feed: Feed, *, owner: str
    ) -> None:
        self._hosts = hosts
        self._environ = environ
        self._feed = feed
        self._name = owner
        self._tunnels: dict[str, Tunnel] = {}
        self._feeds: dict[str, MachineFeed] = {}
        self._stack = AsyncExitStack()
        self._owner = TaskOwner()

    async def open(self) -> None:
        """Begin to follow them.

        Raises:
            ConfigError: there is no `ssh`.
        """
        if not self._hosts:
            return
        opening = open_machines(self._hosts, self._environ, owner=self._name)
        for tunnel in await self._stack.enter_async_context(opening):
            name = tunnel.host.name
            following = MachineFeed(Way(name, tunnel.connect), client="clawdforge")
            self._tunnels[name], self._feeds[name] = tunnel, following
            self._owner.start(self._follow(following), name=f"monitor-{name}")

    async def close(self) -> None:
        """End it; no `ssh` is left."""
        await self._owner.cancel()
        await self._stack.aclose()

    def told(self) -> list[dict[str, Any]]:
        """How fresh the picture of each is: the fields of `Machine`, and how many sessions."""
        for one in self._feeds.values():
            one.news()
        return [asdict(one.state) | {"sessions": len(one.sessions)} for one in self._feeds.values()]

    def sockets(self) -> dict[str, Path]:
        """By name: the forwarded monitor's socket of those that are heard of."""
        return {
            name: self._tunnels[name].socket for name, one in self._feeds.items() if one.state.live
        }

    async def _follow(self, following: MachineFeed) -> None:
        async with aclosing(following.follow()) as news:
            async for told in news:
                self._feed.put(dict(map(_change, filter(_is_change, told))))
                for one in told:
                    if isinstance(one, Machine) and one.tries <= 1:
                        log.info(
                            "another machine",
                            extra={"host": one.name, "live": one.live, "reason": one.reason},
                        )


def hosts_of(texts: Sequence[str]) -> tuple[Host, ...]:
    """The machines of the setting `hosts`.

    Raises:
        ConfigError: a text names none.
    """
    try:
        return parse_hosts(texts)
    except InputError as error:
        raise ConfigError(f"hosts: {error.message}", hint=error.hint) from None


def _is_change(one: News) -> bool:
    return isinstance(one, Updated | Removed)


def _change(one: News) -> tuple[str, bytes | None]:
    if isinstance(one, Updated):
        return one.session.id, atm.encode_view(one.session)
    assert isinstance(one, Removed)
    return one.session_id, None
