"""The sessions of several machines, asked for once."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from clawdforge.client.errors import TransportError
from clawdforge.client.monitor import monitor_sessions
from clawdforge.core.observed.machines import on_host
from clawdforge.core.observed.views import SessionView
from clawdforge.errors import ClawdforgeError

if TYPE_CHECKING:
    from clawdforge.remote.host import Host
    from clawdforge.remote.tunnel import Tunnel


@dataclass(frozen=True, slots=True)
class Found:
    """What several machines say."""

    sessions: list[SessionView] = field(default_factory=list, repr=False)
    problems: dict[str | None, ClawdforgeError] = field(default_factory=dict)
    """By machine, None being this one: why it says nothing."""


def sessions_of(hosts: "Sequence[Host]", environ: Mapping[str, str]) -> Found:
    """The sessions of this machine and of these.

    Raises:
        ConfigError: there is no `ssh`.
    """
    return asyncio.run(_sessions_of(hosts, environ))


async def _sessions_of(hosts: "Sequence[Host]", environ: Mapping[str, str]) -> Found:
    from clawdforge.remote.machines import open_machines

    found = Found()
    async with open_machines(hosts, environ) as tunnels, asyncio.TaskGroup() as group:
        group.create_task(_ask(found, None), name="ask-here")
        for tunnel in tunnels:
            group.create_task(_ask(found, tunnel), name=f"ask-{tunnel.host.name}")
    return found


async def _ask(found: Found, tunnel: "Tunnel | None") -> None:
    try:
        if tunnel is None:
            found.sessions.extend(await asyncio.to_thread(monitor_sessions))
            return
        await tunnel.open()
        views = await asyncio.to_thread(monitor_sessions, tunnel.socket)
        found.sessions.extend(on_host(view, tunnel.host.name) for view in views)
    except TransportError as error:
        found.problems[_name(tunnel)] = error if tunnel is None else _nobody(tunnel)
    except ClawdforgeError as error:
        found.problems[_name(tunnel)] = error


def _name(tunnel: "Tunnel | None") -> str | None:
    return None if tunnel is None else tunnel.host.name


def _nobody(tunnel: "Tunnel") -> TransportError:
    from clawdforge.remote.command import by_hand

    start = by_hand(tunnel.host, "atmd start -d")
    msg = f"no monitor answers there, at {tunnel.remote_socket}"
    return TransportError(msg, hint=f"start one: {start}; or name its socket, as MACHINE:/path")
