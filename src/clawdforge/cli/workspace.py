"""`clawdforge workspace`: tmux sessions with the dashboard beside the agents."""

import asyncio
from typing import TYPE_CHECKING, Annotated

import typer

from clawdforge.cli.connection import AS_JSON
from clawdforge.cli.tmux_places import AGENT, DRY_RUN, FOLDER, MODEL
from clawdforge.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from clawdforge.tmux.building import Built
    from clawdforge.tmux.layout_programs import Program
    from clawdforge.tmux.layouts import Layout
    from clawdforge.tmux.server import TmuxServer

app = typer.Typer(
    no_args_is_help=True,
    help="tmux sessions with the dashboard beside the agents, in each window.",
)
EVERYWHERE = Annotated[
    bool,
    typer.Option(
        "--all", metavar="", help="The sidebar shows all sessions, not those of this one alone."
    ),
]
DETACHED = Annotated[
    bool, typer.Option("--detached", "-d", metavar="", help="Do not show it here.")
]


@app.command()
def create(
    name: Annotated[
        str | None,
        typer.Option(
            "--name",
            "-n",
            metavar="NAME",
            help="The session's. Else the folder's.",
            show_default=False,
        ),
    ] = None,
    isolate: Annotated[
        bool,
        typer.Option("--isolate", metavar="", help="On a tmux server of its own, with our keys."),
    ] = False,
    editor: Annotated[
        bool,
        typer.Option("--editor", metavar="", help="With $VISUAL or $EDITOR beside the agent."),
    ] = False,
    layout: Annotated[
        str | None,
        typer.Option("--layout", metavar="NAME", help="Another layout than workspace."),
    ] = None,
    agent: AGENT = "claude",
    model: MODEL = None,
    everywhere: EVERYWHERE = False,
    detached: DETACHED = False,
    folder: FOLDER = None,
    dry_run: DRY_RUN = False,
    as_json: AS_JSON = False,
) -> None:
    """Make a tmux session: the dashboard at the left, an agent, a shell below it; and go there.

    The sidebar takes 16 % of the columns, 20 to 40, whatever size the terminal gets. Windows that
    you add get one as well. Without a terminal, or with --json, the session is made and not shown.

    For example:

      clawdforge workspace create --editor --model opus

      clawdforge workspace create --name api --dir ~/src/api --detached
    """
    from clawdforge.cli.layout import show_built, show_plan
    from clawdforge.cli.layout_sources import own_layouts
    from clawdforge.cli.tmux_places import programs_of, setting_of
    from clawdforge.config import environment
    from clawdforge.tmux.layout_files import chosen

    environ = environment()
    if layout is not None and editor:
        msg = "--editor says the layout, and --layout another"
        raise InputError(msg, hint="give one of them")
    setting = setting_of(environ, folder=folder, agent=agent, model=model, everywhere=everywhere)
    usual = "workspace-editor" if editor else "workspace"
    wanted = chosen(layout or usual, own_layouts(environ, setting.folder))
    programs = programs_of(wanted, setting)
    if dry_run:
        show_plan(wanted, programs, as_json=as_json)
        return
    called = name or setting.folder.name or "workspace"
    server = _server(environ, called if isolate else None)
    built = asyncio.run(_create(server, wanted, programs, environ, called, isolate, setting.panel))
    if as_json or detached:
        show_built(built, as_json=as_json)
    _show(server, built.session_id, built.session, environ, stay=detached, as_json=as_json)


@app.command()
def attach(
    session: Annotated[
        str | None,
        typer.Argument(
            metavar="SESSION",
            help="Its name or id. Else the one that you were in last.",
            show_default=False,
        ),
    ] = None,
    isolate: Annotated[
        bool,
        typer.Option(
            "--isolate", metavar="", help="One that `create --isolate` has made; needs its name."
        ),
    ] = False,
    everywhere: EVERYWHERE = False,
    detached: DETACHED = False,
    as_json: AS_JSON = False,
) -> None:
    """Put the dashboard at the left of each window of a tmux session that has none, and go there.

    Windows that are narrower than 60 columns get none. `clawdforge workspace leave` undoes it.
    """
    from clawdforge.cli.screen import print_json, stderr
    from clawdforge.config import environment

    environ = environment()
    if isolate and session is None:
        msg = "with --isolate, say which workspace"
        raise InputError(msg, hint="the name that you gave to `create --isolate`")
    server = _server(environ, session if isolate else None)
    found_id, found, added = asyncio.run(_attach(server, session, environ, everywhere))
    if as_json:
        print_json({"session": found, "session_id": found_id, "windows": added})
    else:
        count = f"{len(added)} sidebar{'s' if len(added) != 1 else ''} added"
        stderr().print(f"{found}: {count if added else 'nothing to add'}", markup=False)
    _show(server, found_id, found, environ, stay=detached, as_json=as_json)


@app.command()
def leave(
    session: Annotated[
        str | None,
        typer.Argument(
            metavar="SESSION",
            help="Its name or id. Else the one that you were in last.",
            show_default=False,
        ),
    ] = None,
    isolate: Annotated[
        bool, typer.Option("--isolate", metavar="", help="One on a server of its own.")
    ] = False,
    as_json: AS_JSON = False,
) -> None:
    """Take the sidebars out of a tmux session again. All else stays as it is."""
    from clawdforge.cli.screen import print_json, stderr
    from clawdforge.config import environment

    environ = environment()
    if isolate and session is None:
        msg = "with --isolate, say which workspace"
        raise InputError(msg, hint="the name that you gave to `create --isolate`")
    server = _server(environ, session if isolate else None)
    name, gone = asyncio.run(_leave(server, session, environ))
    if as_json:
        print_json({"session": name, "panes": gone})
    else:
        what = f"{len(gone)} sidebar{'s' if len(gone) != 1 else ''} removed"
        stderr().print(f"{name}: {what if gone else 'it has no sidebar'}", markup=False)


async def _create(
    server: "TmuxServer",
    wanted: "Layout",
    programs: "list[Program]",
    environ: "Mapping[str, str]",
    name: str,
    isolate: bool,
    panel: "Sequence[str]",
) -> "Built":
    from clawdforge.cli.layout import free_name
    from clawdforge.cli.tmux_places import terminal_size, this_program
    from clawdforge.tmux import building, workspaces
    from clawdforge.tmux.bindings import bindings_file
    from clawdforge.tmux.layout_programs import passed

    env = passed(environ)
    name = await free_name(server, name)
    size = terminal_size()
    built = await building.in_session(server, wanted, programs, env, name=name, size=size)
    await workspaces.claim(server, built.session_id, panel, env)
    if isolate:
        keys = bindings_file(this_program()).encode()
        await server.run(("source-file", "-"), stdin=keys)
    return built


async def _attach(
    server: "TmuxServer", session: str | None, environ: "Mapping[str, str]", everywhere: bool
) -> tuple[str, str, list[str]]:
    from clawdforge.cli.tmux_places import dashboard
    from clawdforge.tmux import workspaces
    from clawdforge.tmux.layout_programs import passed

    found = await workspaces.session_named(server, session)
    panel = dashboard(everywhere=everywhere)
    added = await workspaces.furnish(server, found.id, panel, passed(environ))
    return found.id, found.name, added


async def _leave(
    server: "TmuxServer", session: str | None, environ: "Mapping[str, str]"
) -> tuple[str, list[str]]:
    from clawdforge.tmux import workspaces

    found = await workspaces.session_named(server, session)
    ours = environ.get("TMUX_PANE")
    return found.name, await workspaces.clear(server, found.id, last=ours)


def _server(environ: "Mapping[str, str]", isolated: str | None) -> "TmuxServer":
    from clawdforge.cli.tmux_places import server_here
    from clawdforge.tmux.server import TmuxServer
    from clawdforge.tmux.workspaces import socket_name

    if isolated is None:
        return server_here(environ)
    return TmuxServer(socket_name(isolated), environ)


def _show(
    server: "TmuxServer",
    session_id: str,
    session: str,
    environ: "Mapping[str, str]",
    *,
    stay: bool,
    as_json: bool,
) -> None:
    from clawdforge.cli.screen import stderr
    from clawdforge.cli.tmux_places import become, has_terminal, how_to_attach, show_session

    if as_json:
        return
    elsewhere = bool(environ.get("TMUX")) and environ["TMUX"].partition(",")[0] != server.socket
    if stay or elsewhere or not has_terminal():
        # A tmux within a tmux has two of everything; whoever wants that can say so.
        stderr().print(f"To see it: {how_to_attach(server, session)}", markup=False)
        return
    argv = asyncio.run(show_session(server, session_id, environ))
    if argv is not None:
        become(argv, environ)
