"""The port to agents: what the gateway may ask of any of them.

A driver speaks to one process of one agent for one conversation. In each driver's folder
`protocol.py` is pure (bytes and values) and `driver.py` moves the bytes.

Rules for every driver:

* Events come from `next_event`, one ordered stream; a cancelled `next_event` loses none.
* Every accepted prompt gets exactly one `TurnEnded`; when the process ends before, it says
  `Stop.LOST`. After the last comes `Exited`, then None for ever.
* Unknown messages become `Unknown`; only what breaks the framing or a limit is an error.
* Prompts go over stdin. Nothing from a caller becomes a program, and only values that were
  checked (model, effort) become arguments.
* `close` ends the process and all its descendants, also when cancelled; it never fails.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from clawdforge.core.events import Event
from clawdforge.core.names import Effort, SystemMode


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


class Driver(Protocol):
    """One conversation with one agent."""

    async def open(self, spec: SessionSpec) -> None:
        """Start the agent. Returns when it was started, not when it is ready.

        Raises:
            AgentMissingError: its program is not there.
            AgentError: it could not be started.
        """
        ...

    async def prompt(self, turn_id: str, text: str) -> None:
        """Hand in a prompt. Returns when it was handed over; the rest are events.

        Raises:
            AgentError: the agent has ended (`code` `agent_gone`).
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
        """End the agent. May be called at any time, more than once."""
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
