"""What can be done with sessions, and who does it.

A provider knows one way: `gateway` has the server's for the sessions that it drives. Others (the
approvals of sessions that were started by hand, the panes that they run in) stand beside it in
the dashboard's list; the first that offers something does it. Those that this room may not import
are put together by `cli/top.py`.
"""

# ruff: noqa: ARG002 - what may be overridden takes what those need who do

from collections.abc import AsyncGenerator, Collection, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol, TypeAlias

from clawdforge.client import PermissionInfo, events
from clawdforge.core.observed.views import SessionView
from clawdforge.errors import InputError

Offer = Literal[
    "allow",
    "allow_always",
    "answer",
    "deny",
    "send",
    "interrupt",
    "jump",
    "kill",
    "spawn",
    "screen",
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
    """Say something to it, as if a person had typed it there and pressed Enter."""

    text: str = field(repr=False)
    """Any text, taken literally: it may begin with a dash, hold key names, quotes, line breaks."""


@dataclass(frozen=True, slots=True)
class Jump:
    """Go to the terminal that it runs in: the person's own client is shown that pane."""


@dataclass(frozen=True, slots=True)
class Kill:
    """End it: close its pane, or its session. The person has been asked."""


@dataclass(frozen=True, slots=True)
class Spawn:
    """Start another agent.

    Of the same kind and in the same folder as the chosen one; else `claude` where the dashboard is.
    """

    side: Literal["left", "below", "above", "right"] = "below"
    """Where the new pane is, seen from the one that is split: that of the chosen session where it
    is in the window of the dashboard, else the largest of that window but the dashboard's own."""


Act: TypeAlias = Allow | Deny | Interrupt | Send | Jump | Kill | Spawn


class Provider:
    """One way to do things with sessions.

    A subclass has what it overrides: the rest offers nothing, asks nothing, tells nothing.
    Whatever waits may raise `ClawdforgeError`: its message is shown to the person for some seconds,
    in one line. What is awaited runs on the dashboard's loop and must not block it.
    """

    def offers(self, view: SessionView | None) -> Collection[Offer]:
        """What it can do with a session now, but for its questions.

        Asked with every picture and key: quick, without I/O. `jump`, `kill`, `send`, `interrupt`
        as the acts are called. `spawn`: another can be started beside it; of None (no session is
        chosen, or there is none) that is all that can be offered. `screen`: `screen` is worth a
        question.
        """
        return ()

    async def do(self, act: Act, view: SessionView | None) -> str:
        """Do what was offered, and say in a few words what was done: `jumped to %5`.

        `view` is None only where `offers(None)` was asked, so for `Spawn`.
        """
        msg = "that cannot be done with it from here"
        raise InputError(msg)

    async def questions(self) -> Sequence[PermissionInfo]:
        """What agents ask now. `session_id` is any id of the session."""
        return ()

    def follows(self, view: SessionView) -> str | None:
        """The id under which it can tell what happens in a session; None: it cannot."""
        return None

    async def events(self, session_id: str, after: int) -> AsyncGenerator[events.Event]:
        """What happens in a session after an event, or lately when that is 0, without end."""
        none: tuple[events.Event, ...] = ()
        for event in none:
            yield event

    async def screen(self, view: SessionView) -> str | None:
        r"""What a person would see now in the pane that the session runs in.

        Asked about once a second, one question at a time, and only while it is shown: for the
        chosen session, when nobody `follows` it. The visible lines, from the top, each ended by
        `\n`, blank ones too; with the escape sequences of colours and attributes (SGR, as
        `tmux capture-pane -e -p` gives them) and no others that matter: the rest is taken out.
        None: it has no pane (any more).
        """
        return None

    async def close(self) -> None:
        """Let go of everything."""


class Neighbours(Protocol):
    """Which sessions are in one place: for `clawdforge top --tmux-session NAME`."""

    async def inside(self, views: Sequence[SessionView]) -> Collection[str]:
        """The `id`s of those of these that are in it.

        Asked every few seconds, and when a session comes or gets another pane. May raise
        `ClawdforgeError`: what was known before is kept then.
        """
        ...
