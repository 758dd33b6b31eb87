"""What the routes work with: put together by the server, carried by the app."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

from fastapi import Request

from clawdforge.agents.driver import Agents, AgentStatus, Caps
from clawdforge.core.observed.approval_answer import ApprovalAnswer
from clawdforge.gateway.apps import Apps
from clawdforge.gateway.caller import Caller
from clawdforge.gateway.files import Files
from clawdforge.gateway.runs import Runs
from clawdforge.gateway.sessions.adoption import Adoptions
from clawdforge.gateway.sessions.changes import Changes
from clawdforge.gateway.sessions.handover import Hands
from clawdforge.gateway.sessions.hub import Hub
from clawdforge.gateway.sessions.permissions import Permissions
from clawdforge.gateway.sessions.service import Sessions
from clawdforge.gateway.sessions.turns import Turns
from clawdforge.http.browser_login import Logins
from clawdforge.http.metrics import Metrics
from clawdforge.monitor.feed import Feed
from clawdforge.store.ledger import Ledger


class Approvals(Protocol):
    """What sessions ask that were started by hand."""

    async def rows(self, *, every: bool = False, approval_id: str | None = None) -> list[Any]:
        """Those that wait, or all of late, or one; the newest first. JSON-able."""
        ...

    async def answer(self, approval_id: str, answer: ApprovalAnswer, who: Caller) -> Any:
        """Answer one; it as it is told."""
        ...


class Picture(Protocol):
    """All agent sessions on this machine, followed."""

    @property
    def feed(self) -> Feed:
        """Their newest views."""
        ...

    @property
    def approvals(self) -> Approvals:
        """What those ask that were started by hand."""
        ...

    @property
    def role(self) -> str:
        """Who runs the monitor: `embedded`, `client`, `none`."""
        ...

    def looked(self) -> None:
        """A person uses the page: notices can wait."""
        ...

    @property
    def machines(self) -> list[dict[str, Any]]:
        """The other machines that are in it, and how fresh that is; see `MachineRow`."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Screen:
    """What stands in the pane of a terminal."""

    pane: str
    """tmux's id of it, as `%5`."""
    place: str
    """As `work:0.1`."""
    width: int
    height: int
    text: str = field(repr=False)
    """Its lines from the top, with colours as SGR."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Spawned:
    """An agent that was started in a terminal."""

    pane: str
    agent: str
    folder: str


class Panes(Protocol):
    """The terminals of sessions that were started by hand. Each returns its pane's id."""

    async def screen(self, session_id: str) -> Screen:
        """What a person would see in it now."""
        ...

    async def type(self, session_id: str, text: str, *, enter: bool, force: bool) -> str:
        """Type a text, as it is."""
        ...

    async def press(self, session_id: str, keys: Sequence[str]) -> str:
        """Press keys by tmux's names."""
        ...

    async def interrupt(self, session_id: str) -> str:
        """Stop what the agent does."""
        ...

    async def kill(self, session_id: str) -> str:
        """End what runs there."""
        ...

    async def spawn(
        self,
        agent: str,
        *,
        beside: str | None,
        cwd: str | None,
        side: Literal["left", "right", "above", "below"],
        model: str | None,
    ) -> Spawned:
        """Start an agent in a pane of its own."""
        ...


@dataclass(frozen=True, slots=True)
class Limit:
    """A limit of the server."""

    name: str
    """The setting."""
    about: str
    limit: float
    used: float | None = None
    """How far it is used up; None: it is no count."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Services:
    """The gateway, as the routes see it."""

    apps: Apps
    logins: Logins
    runs: Runs
    files: Files
    agents: Agents
    ledger: Ledger
    metrics: Metrics
    sessions: Sessions
    changes: Changes
    hands: Hands
    adoptions: Adoptions
    turns: Turns
    permissions: Permissions
    hub: Hub
    monitor: Picture
    panes: Panes
    limits: Callable[[], Awaitable[Sequence[Limit]]]
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
