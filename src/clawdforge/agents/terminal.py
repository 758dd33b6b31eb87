"""The port to agents whose conversations can change hands: between us and a person's terminal.

Few agents can: they must keep conversations by an id, on the disk, and have a program for terminals
that goes on with one of them. All methods look at the disk: not to be called on an event loop.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from clawdforge.agents.driver import SessionSpec
from clawdforge.core.handover import Past


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """A conversation as the agent keeps it."""

    agent_session_id: str
    home: Path
    """The agent's folder in which it is kept."""
    path: Path
    cwd: Path
    """The folder in which it was begun."""
    is_ours: bool
    """It is kept where our own agent looks."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Holder:
    """A process that says that it has a conversation. It may be dead by now."""

    pid: int
    start: int | None = None
    """When it began, as the system counts it."""
    place: str | None = None
    """Where to find it: a tmux pane."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Launch:
    """How a person's terminal goes on with a conversation."""

    argv: tuple[str, ...]
    cwd: Path
    env: Mapping[str, str] = field(repr=False)
    """Variables that it needs beyond the terminal's own. There may be secrets among them."""
    without: tuple[str, ...] = ()
    """Variables of the terminal (patterns) that it must not see: ours count."""


class Terminal(Protocol):
    """What is known of one configured agent."""

    def find(self, agent_session_id: str, home: Path | None = None) -> Written | None:
        """A conversation; None: there is none of that id.

        Args:
            agent_session_id: The agent's own name for it.
            home: Where to look first: another folder of that agent than ours.
        """
        ...

    def copy(self, written: Written, new_id: str) -> Written:
        """Make it another one, under an id of ours, where our own agent finds it.

        Raises:
            OSError: the disk does not take it.
        """
        ...

    def holders(self, agent_session_id: str, home: Path | None = None) -> Sequence[Holder]:
        """The processes that say they have it."""
        ...

    def extent(self, agent_session_id: str) -> tuple[int, int | None]:
        """How much of it is written down (an offset), and what it has cost, if that is."""
        ...

    def read(self, agent_session_id: str, *, after: int, limit: int) -> Past:
        """What was said in it after an offset; at most so many turns, the newest."""
        ...

    def launch(self, spec: SessionSpec) -> Launch:
        """How a terminal goes on with `spec.resume_id`, else begins `spec.new_id`."""
        ...
