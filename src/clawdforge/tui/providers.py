"""What can be done with sessions, and who does it.

A provider knows one way: `gateway` has the server's for the sessions that it drives. Others (the
approvals of sessions that were started by hand, the control of the terminal that they run in)
stand beside it in the dashboard's list; the first that offers something does it.
"""

from collections.abc import AsyncGenerator, Collection, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol, TypeAlias

from clawdforge.client import PermissionInfo, events
from clawdforge.core.observed.views import SessionView

Offer = Literal[
    "allow", "allow_always", "answer", "deny", "send", "interrupt", "jump", "kill", "spawn"
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Allow:
    """Let the agent do what it asked for."""

    question: PermissionInfo = field(repr=False)
    always: bool = False
    """Also the like of it, in this session."""
    option_id: str | None = None
    """One of the answers that the agent offers."""
    args: dict[str, Any] | None = field(default=None, repr=False)
    """What is to be done instead; also the answers to its questions."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Deny:
    """Refuse it."""

    question: PermissionInfo = field(repr=False)
    message: str | None = field(default=None, repr=False)
    option_id: str | None = None


@dataclass(frozen=True, slots=True)
class Interrupt:
    """Stop what it does; it stays."""


@dataclass(frozen=True, slots=True)
class Send:
    """Say something to it."""

    text: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Jump:
    """Go to the terminal that it runs in."""


@dataclass(frozen=True, slots=True)
class Kill:
    """End it."""


@dataclass(frozen=True, slots=True)
class Spawn:
    """Start another beside it."""

    side: Literal["left", "below", "above", "right"] = "below"


Act: TypeAlias = Allow | Deny | Interrupt | Send | Jump | Kill | Spawn


class Provider(Protocol):
    """One way to do things with sessions. All may raise `ClawdforgeError`."""

    def offers(self, view: SessionView) -> Collection[Offer]:
        """What it can do with a session now, but for its questions."""
        ...

    async def do(self, act: Act, view: SessionView) -> str:
        """Do it, and say in a few words what was done."""
        ...

    async def questions(self) -> Sequence[PermissionInfo]:
        """What agents ask now. `session_id` is any id of the session."""
        ...

    def follows(self, view: SessionView) -> str | None:
        """The id under which it can tell what happens in a session; None: it cannot."""
        ...

    def events(self, session_id: str, after: int) -> AsyncGenerator[events.Event]:
        """What happens in a session after an event, or lately when that is 0, without end."""
        ...

    async def close(self) -> None:
        """Let go of everything."""
        ...
