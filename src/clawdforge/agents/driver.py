"""The port to agents: what the gateway may ask of any of them.

A driver speaks to one process of one agent for one conversation. In each driver's folder
`protocol.py` is pure (bytes and values) and `driver.py` moves the bytes. A distribution of
somebody else's may bring a driver: see `clawdforge.agents.plugins`.

Rules for every driver (`clawdforge.testing.driver_contract` tests them):

* Events come from `next_event`, one ordered stream; a cancelled `next_event` loses none.
* Every accepted prompt gets exactly one `TurnEnded`; when the process ends before, it says
  `Stop.LOST`. After the last comes `Exited`, then None for ever.
* A turn that the agent starts by itself is `TurnStarted(turn_id=None)` … `TurnEnded(turn_id=None)`.
* A turn that was cancelled ends as `Stop.CANCELLED`, whatever the agent says. `cancel` also
  answers what the agent asks meanwhile. It does not kill: the caller does when time is up.
* Unknown messages become `Unknown`; only what breaks the framing or a limit is an error.
* Prompts go over stdin. Nothing from a caller becomes a program, and only values that were
  checked (model, effort, mode) become arguments.
* `Ask` comes only when `SessionSpec.asks`; without it, whatever needs permission is refused.
* `close` ends the process and all its descendants, also when cancelled; it never fails.
* Timers are the caller's: no driver gives up by itself.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, Protocol

from clawdforge.core.events import Event
from clawdforge.core.names import Effort, SystemMode


@dataclass(frozen=True, slots=True, kw_only=True)
class McpServer:
    """An MCP server that the agent is to use: a program, or an address. From the configuration."""

    name: str
    command: str | None = None
    args: tuple[str, ...] = ()
    env: Mapping[str, str] = field(default_factory=dict, repr=False)
    url: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionSpec:
    """What a conversation is started with."""

    cwd: Path
    """The workspace: exists, and is the agent's alone."""
    tmp: Path
    """A folder for its temporary files, removed with the conversation."""
    model: str | None = None
    system: str | None = field(default=None, repr=False)
    system_mode: SystemMode = "append"
    effort: Effort | None = None
    mode: str | None = None
    """The agent's own word for how much it may do (`plan`, `acceptEdits` …)."""
    kept: bool = False
    """The conversation is to be resumed later: the agent must write it down."""
    new_id: str | None = None
    """A UUID of ours for a new conversation, where the agent lets us choose."""
    resume_id: str | None = None
    """Go on with this conversation (`Ready.agent_session_id` of an earlier process)."""
    spent_microusd: int = 0
    """What that conversation has cost so far, as far as we know."""
    fork: bool = False
    """With `resume_id`: go on with a copy of it, under a new id."""
    asks: bool = False
    """Permission is asked for with `Ask`; otherwise refused."""
    streams: bool = False
    """Text is wanted piece by piece while it is written."""
    mcp_servers: tuple[McpServer, ...] = ()
    env: Mapping[str, str] = field(default_factory=dict, repr=False)
    """Secrets of the configuration that this conversation may see, over the driver's own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Caps:
    """What an agent can do, beyond a conversation of several turns."""

    resume: bool = False
    fork: bool = False
    asks: bool = False
    cancel: bool = True
    """A turn can be cancelled and the process stays usable."""
    sets: frozenset[str] = frozenset()
    """What `set` takes: of `model`, `mode`, `effort`."""
    tells_background: bool = False
    """`Background` is told: without it nobody knows whether something still runs."""
    takes_args: bool = False
    """`Decision.args` may differ from what was asked."""
    exact_text: bool = False
    """`TurnEnded.text` is the whole answer; otherwise it is put together from the pieces."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """The answer to an `Ask`."""

    allow: bool
    option_id: str | None = None
    """One of the offered options; None: the one of kind `allow_once` or `reject_once`."""
    message: str | None = None
    """Why not, for the agent."""
    args: Any = None
    """What is to be done instead of what was asked: the tool's whole input; None: as asked."""


SettingName = Literal["model", "mode", "effort"]


class Driver(Protocol):
    """One conversation with one agent."""

    @property
    def caps(self) -> Caps:
        """What the agent can do; may grow when it is ready."""
        ...

    async def open(self, spec: SessionSpec) -> None:
        """Start the agent. Returns when it was started, not when it is ready (`Ready`).

        Raises:
            AgentMissingError: its program is not there.
            AgentError: it could not be started.
        """
        ...

    async def prompt(self, turn_id: str, text: str) -> None:
        """Hand in a prompt. Returns when it was handed over; the rest are events.

        May be called before `Ready`; never while another prompt has no `TurnEnded`.

        Args:
            turn_id: A UUID.
            text: What the agent is told.

        Raises:
            AgentError: the agent has ended (`code` `agent_gone`).
        """
        ...

    async def cancel(self, turn_id: str) -> None:
        """Tell the agent to stop working on that turn. Its `TurnEnded` still comes.

        Nothing happens when the turn has ended. May be called again when nothing comes of it.
        """
        ...

    async def answer(self, ask_id: str, decision: Decision) -> None:
        """Answer an `Ask`. Nothing happens when the agent does not wait for it any more."""
        ...

    async def set(self, key: SettingName, value: str) -> None:
        """Change a setting between two turns; for this process only.

        Raises:
            AgentError: the agent cannot, or does not know that value (`code` `cannot_set`).
        """
        ...

    async def next_event(self) -> Event | None:
        """The next event; None after `Exited`.

        Raises:
            AgentProtocolError: a line, or all output together, is over its limit.
        """
        ...

    @property
    def stderr(self) -> str:
        """The last part of what the agent wrote to standard error."""
        ...

    async def close(self) -> None:
        """End the agent. May be called at any time, more than once.

        An agent with nothing to do gets the time to write its conversation down.
        """
        ...

    async def forget(self, spec: SessionSpec) -> None:
        """Remove what the agent keeps about the conversation `spec.resume_id` outside its folders.

        Called without `open`, after the conversation was given up for good. Never fails.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentStatus:
    """Whether an agent can be used here."""

    name: str
    driver: str
    available: bool
    program: str | None = None
    version: str | None = None
    problem: str | None = None
    """What is wrong and what to do about it; None when nothing is."""


class Agents(Protocol):
    """The agents of the configuration. Other names do not exist."""

    def names(self) -> Sequence[str]:
        """All configured names."""
        ...

    def default(self) -> str:
        """The agent of a run that names none."""
        ...

    def default_model(self, name: str) -> str | None:
        """The model of a run that names none."""
        ...

    def driver(self, name: str) -> Driver:
        """A driver for one conversation with that agent.

        Raises:
            KeyError: there is no agent of that name.
        """
        ...

    async def status(self, name: str) -> AgentStatus:
        """Look for the agent's program and ask for its version (cached for some seconds)."""
        ...
