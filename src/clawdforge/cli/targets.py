"""Which session a command means, and the tmux pane that it runs in.

One way for all commands: a pane (`%5`, or `SERVER:%5` where several tmux servers have one), the
beginning of an id of the session, its process, or its project's name when it has only one session.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Annotated

import typer

from clawdforge.errors import InputError
from clawdforge.tmux.errors import TmuxError

if TYPE_CHECKING:
    from clawdforge.core.observed.views import SessionView
    from clawdforge.tmux.protocol import Pane
    from clawdforge.tmux.server import TmuxServer

TARGET = Annotated[
    str,
    typer.Argument(
        metavar="SESSION",
        help="The beginning of its id, its tmux pane (%5), its process id, or its project's name.",
    ),
]
_LIST = "`clawdforge ps` shows them"


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """What a command is to act on."""

    given: str
    """As it was named."""
    view: "SessionView | None"
    """The session; None: a pane in which the monitor knows none."""
    pane: "Pane | None"
    """Where it runs; None: not in tmux."""
    environ: Mapping[str, str]

    @property
    def driven(self) -> str | None:
        """The gateway's id of a session that a server drives; None: a person has started it."""
        return None if self.view is None else self.view.session

    @property
    def agent(self) -> str:
        """Which product it is, `claude` …; empty: unknown."""
        return "" if self.view is None else self.view.agent

    @property
    def name(self) -> str:
        """How it is called in messages."""
        return self.given if self.view is None else short_name(self.view)

    def need_pane(self) -> "Pane":
        """The pane.

        Raises:
            InputError: it has none (`no_pane`).
        """
        if self.pane is not None:
            return self.pane
        msg = f"Session {self.name} has no tmux pane"
        hint = "start agents inside tmux, or with `clawdforge spawn`, to reach them from here"
        if self.driven is not None:
            hint = f"a server drives it: `clawdforge chat --session {self.driven}` talks with it"
        raise InputError(msg, code="no_pane", hint=hint)

    def server(self) -> "TmuxServer":
        """The tmux server that its pane is on.

        Raises:
            InputError: it has no pane (`no_pane`).
        """
        from clawdforge.tmux.servers import server_of

        return server_of(self.need_pane(), self.environ)


def short_name(view: "SessionView") -> str:
    """The short id of a session that tells it apart."""
    from clawdforge.tui.rows import name_of

    return name_of(view)


async def find_target(
    given: str,
    environ: Mapping[str, str],
    *,
    views: "Sequence[SessionView] | None" = None,
) -> Target:
    """What is meant by the words of a command line.

    Args:
        given: The words.
        environ: Says where tmux servers are, and in which pane we are ourselves.
        views: The sessions; None: ask the monitor.

    Raises:
        InputError: nothing is meant (`not_found`), or several (`ambiguous`).
        TmuxError: there is no such pane, or several.
        TransportError: no monitor runs. A pane is found without one.
    """
    import asyncio

    from clawdforge.client.errors import TransportError
    from clawdforge.client.monitor import monitor_sessions
    from clawdforge.tmux.servers import all_panes

    is_pane = names_pane(given)
    if views is None:
        try:
            views = await asyncio.to_thread(monitor_sessions)
        except TransportError:
            if not is_pane:
                raise
            views = ()
    try:
        panes = await all_panes(environ)
    except TmuxError:
        if is_pane:
            raise
        panes = []
    if is_pane:
        return await _by_pane(given, environ, views, panes)
    view = session_named(views, given)
    return Target(given=given, view=view, pane=await pane_of_view(view, panes), environ=environ)


async def pane_of_view(view: "SessionView", panes: "Sequence[Pane]") -> "Pane | None":
    """The pane of a session: where its process runs.

    The id of a pane does only where no process is known: a session that has just ended would else
    be taken to be in whatever has a pane with that id now.

    Raises:
        TmuxError: several servers have such a pane (`pane_unclear`).
    """
    from clawdforge.tmux.ancestry import ancestry
    from clawdforge.tmux.servers import pane_of

    if view.pid is None:
        return pane_of(panes, pane_id=view.tmux_pane)
    return pane_of(panes, ancestry=await ancestry(view.pid))


def names_pane(given: str) -> bool:
    """Whether a target is a pane: `%5` or `SERVER:%5`."""
    _, _, pane_id = given.rpartition(":")
    return pane_id.startswith("%") and pane_id[1:].isdecimal()


def session_named(views: "Sequence[SessionView]", given: str) -> "SessionView":
    """The session that is named by the beginning of an id, its process, or its project. Pure.

    Raises:
        InputError: none is (`not_found`), or more than one (`ambiguous`).
    """
    found = [view for view in views if given in {view.id, view.session, str(view.pid)}]
    if given and not found:
        found = [view for view in views if any(one.startswith(given) for one in _ids(view))]
        tops = [view for view in views if view.parent_session_id is None]
        found += [view for view in tops if _project(view) == given and view not in found]
    if len(found) == 1:
        return found[0]
    if not found:
        hint = f"it may be the beginning of an id, a pane (%5), or a project; {_LIST}"
        raise InputError(f"No session matching '{given}'", code="not_found", hint=hint)
    names = ", ".join(f"{short_name(view)} ({_project(view) or view.agent})" for view in found[:8])
    more = ", …" if len(found) > 8 else ""
    msg = f"Ambiguous target '{given}' matches {len(found)} sessions: {names}{more}"
    raise InputError(msg, code="ambiguous", hint=f"give more of the id, or the pane; {_LIST}")


async def _by_pane(
    given: str,
    environ: Mapping[str, str],
    views: "Sequence[SessionView]",
    panes: "Sequence[Pane]",
) -> Target:
    server, _, pane_id = given.rpartition(":")
    found = [pane for pane in panes if pane.id == pane_id and _is_on(pane, server)]
    if not found:
        msg = f"there is no tmux pane {given}"
        hint = f"`tmux list-panes -a` shows them; {_LIST.replace('them', 'those of agents')}"
        raise TmuxError(msg, code="pane_gone", hint=hint)
    if len(found) > 1:
        here = environ.get("TMUX", "").partition(",")[0]
        found = [pane for pane in found if pane.socket == here] or found
    agents = [(pane, view) for pane in found for view in views if await _runs_in(view, pane, panes)]
    agents.sort(key=lambda pair: pair[1].parent_session_id is not None)  # subagents share it
    if len({pane.socket for pane, _ in agents}) == 1:
        pane, view = agents[0]
        return Target(given=given, view=view, pane=pane, environ=environ)
    if len(found) > 1:
        from clawdforge.tmux.servers import pane_of

        pane_of(found, pane_id=pane_id)  # tells which there are
    return Target(given=given, view=None, pane=found[0], environ=environ)


async def _runs_in(view: "SessionView", pane: "Pane", panes: "Sequence[Pane]") -> bool:
    if view.session is not None and view.tmux_pane is None:
        return False
    try:
        return await pane_of_view(view, panes) == pane
    except TmuxError:
        return view.tmux_pane == pane.id


def _is_on(pane: "Pane", server: str) -> bool:
    return not server or server in {pane.socket, Path(pane.socket).name}


def _ids(view: "SessionView") -> tuple[str, ...]:
    its = (view.id, view.id.removeprefix("pending-"), view.agent_session_id, view.session)
    return tuple(one for one in its if one)


def _project(view: "SessionView") -> str:
    return PurePath(view.project_root or view.cwd or "").name
