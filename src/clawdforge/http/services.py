"""What the routes work with: put together by the server, carried by the app."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Protocol

from fastapi import Request

from clawdforge.agents.driver import Agents, AgentStatus, Caps
from clawdforge.gateway.apps import Apps
from clawdforge.gateway.files import Files
from clawdforge.gateway.runs import Runs
from clawdforge.gateway.sessions.changes import Changes
from clawdforge.gateway.sessions.hub import Hub
from clawdforge.gateway.sessions.permissions import Permissions
from clawdforge.gateway.sessions.service import Sessions
from clawdforge.gateway.sessions.turns import Turns
from clawdforge.http.metrics import Metrics
from clawdforge.monitor.feed import Feed
from clawdforge.store.ledger import Ledger


class Picture(Protocol):
    """All agent sessions on this machine, followed."""

    @property
    def feed(self) -> Feed:
        """Their newest views."""
        ...

    @property
    def role(self) -> str:
        """Who runs the monitor: `embedded`, `client`, `none`."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Services:
    """The gateway, as the routes see it."""

    apps: Apps
    runs: Runs
    files: Files
    agents: Agents
    ledger: Ledger
    metrics: Metrics
    sessions: Sessions
    changes: Changes
    turns: Turns
    permissions: Permissions
    hub: Hub
    monitor: Picture
    heartbeat_secs: float
    caps: Callable[[str], Caps | None]
    """What an agent can do, as far as it was ready since the start."""
    programs: Callable[[], Awaitable[tuple[AgentStatus, AgentStatus]]]
    """Looks up the claude and acpx programs."""
    max_upload_bytes: int


def services(request: Request) -> Services:
    """The services of the app that handles this request."""
    found: Services = request.app.state.services
    return found
