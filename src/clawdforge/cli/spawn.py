"""`clawdforge spawn`: start an agent in a tmux pane."""

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from clawdforge.cli.connection import AS_JSON
from clawdforge.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from clawdforge.tmux.protocol import Pane


def spawn(
    more: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[-- OPTIONS]", help="Options for the agent itself.", show_default=False
        ),
    ] = None,
    agent: Annotated[
        str, typer.Option("--agent", "-a", metavar="NAME", help="claude, codex, gemini …")
    ] = "claude",
    model: Annotated[
        str | None, typer.Option("--model", "-m", metavar="MODEL", help="The agent's model.")
    ] = None,
    worktree: Annotated[
        Path | None,
        typer.Option(
            "--worktree",
            "-w",
            metavar="FOLDER",
            help="Where it works. A folder that is not there is made: a git worktree with a "
            "branch of that name.",
        ),
    ] = None,
    direction: Annotated[
        Literal["left", "right", "above", "below"],
        typer.Option(
            "--direction",
            "-d",
            metavar="SIDE",
            help="Where the new pane is: left, right, above or below.",
        ),
    ] = "below",
    size: Annotated[
        str, typer.Option("--size", "-s", metavar="SIZE", help="Of the new pane: 40% or lines.")
    ] = "50%",
    target_pane: Annotated[
        str | None,
        typer.Option(
            "--target-pane",
            "-t",
            metavar="PANE",
            help="The pane to split, or a session in one. Else yours, or the one in use.",
        ),
    ] = None,
    as_json: AS_JSON = False,
) -> None:
    """Start an agent in a tmux pane beside another, and print the new pane's id.

    It starts in the folder of the pane that is split. When it fails, its pane stays open and
    shows why.

    For example:

      clawdforge spawn --direction right --size 40%

      clawdforge spawn -w ../shop-fix --model haiku -- --permission-mode plan

      clawdforge spawn --agent codex --target-pane web
    """
    from clawdforge.cli.screen import print_json
    from clawdforge.config import environment

    done = asyncio.run(
        _spawn(
            environment(),
            agent=agent,
            model=model,
            more=more or (),
            worktree=worktree,
            side=direction,
            size=size,
            target=target_pane,
        )
    )
    if as_json:
        print_json(done)
    else:
        typer.echo(done["pane"])


async def _spawn(
    environ: "Mapping[str, str]",
    *,
    agent: str,
    model: str | None,
    more: "Sequence[str]",
    worktree: Path | None,
    side: Literal["left", "right", "above", "below"],
    size: str,
    target: str | None,
) -> dict[str, Any]:
    from clawdforge.tmux.agents import agent_command
    from clawdforge.tmux.servers import server_of
    from clawdforge.tmux.starting import program_path

    argv = await program_path(agent_command(agent, model=model, more=more), environ)
    pane = await _pane(target, environ)
    cwd = await _folder(worktree, pane, environ)
    server = server_of(pane, environ)
    pane_id = await server.split(
        pane.id,
        argv,
        side=side,
        size=_size(size),
        cwd=cwd,
        # What it starts in turn is found as it would be here.
        env={"PATH": environ["PATH"]} if "PATH" in environ else None,
    )
    return {
        "pane": pane_id,
        "beside": pane.id,
        "server": server.socket,
        "agent": agent,
        "folder": cwd,
        "command": argv,
    }


async def _pane(target: str | None, environ: "Mapping[str, str]") -> "Pane":
    from clawdforge.cli.targets import find_target
    from clawdforge.tmux.servers import all_panes
    from clawdforge.tmux.starting import own_pane, pane_to_split

    if target is not None:
        return (await find_target(target, environ)).need_pane()
    panes = await all_panes(environ)
    return own_pane(panes, environ) or pane_to_split(panes, None)


async def _folder(worktree: Path | None, pane: "Pane", environ: "Mapping[str, str]") -> str:
    from clawdforge.cli.screen import stderr
    from clawdforge.cli.worktree import made_worktree

    if worktree is None:
        return pane.path or str(await asyncio.to_thread(Path.cwd))
    folder = await asyncio.to_thread(_absolute, worktree)
    made = await made_worktree(folder, pane.path, environ)
    if made is not None:
        stderr().print(f"Made the worktree {folder}, {made}", markup=False)
    return str(folder)


def _absolute(path: Path) -> Path:
    return path.expanduser().absolute()


def _size(given: str) -> str:
    from clawdforge.tmux.protocol import sizes

    try:
        return sizes(given)
    except ValueError:
        msg = f"{given!r} is no size"
        raise InputError(msg, hint="a number of lines or columns, or a percentage as 40%") from None
