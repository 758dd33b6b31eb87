"""`clawdforge next`: go to the next agent that needs a person."""

import asyncio
import sys
from typing import TYPE_CHECKING, Annotated

import typer

from clawdforge.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from clawdforge.core.observed.views import SessionView
    from clawdforge.tmux.protocol import Pane


def next_one(
    pane: Annotated[
        str | None,
        typer.Option(
            "--from", metavar="PANE", help="Where you are. Else the pane that this runs in."
        ),
    ] = None,
) -> None:
    """Go to the pane of the next agent that needs you: who has waited longest first.

    Again: to the one after it, and in the end back to the first. As a key of tmux: `clawdforge
    keys install`.
    """
    from clawdforge.cli.jump import outside
    from clawdforge.cli.screen import stderr
    from clawdforge.config import environment
    from clawdforge.processes.program import become
    from clawdforge.tmux.jumping import jump

    environ = environment()
    chosen = asyncio.run(_chosen(environ, pane or environ.get("TMUX_PANE")))
    has_terminal = sys.stdin.isatty() and sys.stdout.isatty()
    done = asyncio.run(jump(chosen, environ, elsewhere=not has_terminal))
    if done.attach and has_terminal:
        become(done.attach, env=outside(environ))
    stderr().print(f"{chosen.id} ({chosen.place})", markup=False)


async def _chosen(environ: "Mapping[str, str]", here: str | None) -> "Pane":
    from clawdforge.cli.monitor_rows import person_first
    from clawdforge.client.monitor import monitor_sessions
    from clawdforge.tmux.servers import all_panes
    from clawdforge.tui.looks import needs_person

    views = [view for view in await asyncio.to_thread(monitor_sessions) if needs_person(view)]
    if not views:
        msg = "Nobody needs you."
        raise InputError(msg, code="nobody")
    panes = await _panes_of(person_first(views), await all_panes(environ))
    if not panes:
        msg = f"{len(views)} need you, but none of them in a tmux pane"
        raise InputError(msg, code="no_pane", hint="`clawdforge top` answers them")
    socket = environ.get("TMUX", "").partition(",")[0]
    return after(panes, here, socket)


def after(panes: "Sequence[Pane]", here: str | None, socket: str) -> "Pane":
    """The pane after the one where we are, else the first. Pure."""
    for number, pane in enumerate(panes):
        if pane.id == here and pane.socket == socket:
            return panes[(number + 1) % len(panes)]
    return panes[0]


async def _panes_of(views: "Sequence[SessionView]", panes: "Sequence[Pane]") -> "list[Pane]":
    from clawdforge.cli.targets import pane_of_view
    from clawdforge.tmux.errors import TmuxError

    found: dict[tuple[str, str], Pane] = {}
    for view in views:
        try:
            pane = await pane_of_view(view, panes)
        except TmuxError:
            continue  # several servers have such a pane
        if pane is not None:
            found.setdefault((pane.socket, pane.id), pane)
    return list(found.values())
