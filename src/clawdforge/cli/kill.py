"""`clawdforge kill`: end an agent."""

import asyncio
import sys
from typing import TYPE_CHECKING, Annotated

import typer

from clawdforge.cli.connection import DATA_DIR, URL, connected
from clawdforge.cli.targets import TARGET
from clawdforge.errors import InputError

if TYPE_CHECKING:
    from clawdforge.cli.targets import Target


def kill(
    session: TARGET,
    yes: Annotated[bool, typer.Option("--yes", "-y", metavar="", help="Do not ask first.")] = False,
    url: URL = None,
    data_dir: DATA_DIR = None,
) -> None:
    """End an agent: close the tmux pane that it runs in, or the session that a server drives.

    What was said in it is kept: by the agent itself (`claude --resume`), or in the ledger.
    """
    from clawdforge.cli.screen import stderr
    from clawdforge.cli.targets import find_target
    from clawdforge.config import environment

    target = asyncio.run(find_target(session, environment()))
    is_driven = target.driven is not None and target.pane is None
    what = f"session {target.name}" if is_driven else f"pane {target.need_pane().id}"
    if not yes:
        _ask(f"End {what} ({_about(target)})?")
    if is_driven and target.driven is not None:
        with connected(url, data_dir) as client:
            client.session(target.driven).close()
        stderr().print(f"Closed {target.name}", markup=False)
    else:
        pane = target.need_pane()
        asyncio.run(target.server().kill_pane(pane.id))
        stderr().print(f"Killed {pane.id}", markup=False)


def _ask(question: str) -> None:
    if not sys.stdin.isatty():
        msg = "nobody can be asked whether that is meant"
        raise InputError(msg, hint="--yes does it without a question")
    if not typer.confirm(question, err=True):
        raise typer.Exit(1)


def _about(target: "Target") -> str:
    from clawdforge.cli.screen import one_line
    from clawdforge.tui.looks import doing
    from clawdforge.tui.tree import project_name

    view, pane = target.view, target.pane
    if view is None:
        return one_line(f"{pane.command} in {pane.path}, {pane.place}") if pane else ""
    return one_line(f"{view.agent} in {project_name(view)}, {doing(view)}")
