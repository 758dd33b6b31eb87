"""`clawdforge layout`: divide a tmux window, and start agents in it."""

import asyncio
import dataclasses
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from clawdforge.cli.connection import AS_JSON
from clawdforge.cli.tmux_places import AGENT, DRY_RUN, FOLDER, MODEL
from clawdforge.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from clawdforge.tmux.building import Built
    from clawdforge.tmux.layout_programs import Program
    from clawdforge.tmux.layouts import Layout
    from clawdforge.tmux.server import TmuxServer


def layout(
    name: Annotated[
        str | None,
        typer.Argument(
            metavar="NAME",
            help="solo, pair, squad, grid, workspace, workspace-editor, or one of your own. "
            "Without it: which there are.",
            show_default=False,
        ),
    ] = None,
    session: Annotated[
        str | None,
        typer.Option("--session", metavar="NAME", help="In a new tmux session of this name."),
    ] = None,
    in_place: Annotated[
        bool,
        typer.Option(
            "--in-place",
            metavar="",
            help="Divide the pane that you are in; the first agent starts here.",
        ),
    ] = False,
    into: Annotated[
        str | None,
        typer.Option(
            "--to", metavar="SESSION", help="In a window of this session, by its name or id."
        ),
    ] = None,
    agent: AGENT = "claude",
    model: MODEL = None,
    folder: FOLDER = None,
    dry_run: DRY_RUN = False,
    as_json: AS_JSON = False,
) -> None:
    """Divide a tmux window into panes, and start an agent in each: in a new window, as a rule.

    When an agent ends, its pane stays, with a shell. Layouts of your own come from
    .clawdforge/layout.toml (or .atm/layout.toml) of the project, and from
    ~/.config/clawdforge/layout.toml (or ~/.config/atm/config.toml).

    For example:

      clawdforge layout pair

      clawdforge layout squad --model opus --session night
    """
    from clawdforge.cli.layout_sources import own_layouts
    from clawdforge.cli.tmux_places import become, programs_of, setting_of
    from clawdforge.config import environment
    from clawdforge.tmux.layout_files import chosen
    from clawdforge.tmux.layout_programs import bare

    environ = environment()
    place = (folder or Path.cwd()).absolute()
    own = own_layouts(environ, place)
    if name is None:
        _list(own, as_json=as_json)
        return
    if sum(map(bool, (session, in_place, into))) > 1:
        msg = "--session, --in-place and --to say different places"
        raise InputError(msg, hint="give one of them")
    wanted = chosen(name, own)
    setting = setting_of(environ, folder=folder, agent=agent, model=model, everywhere=True)
    programs = programs_of(wanted, setting)
    if dry_run:
        show_plan(wanted, programs, as_json=as_json)
        return
    if in_place:
        _check_in_place(environ, programs[0])
    elif session is None and into is None and not environ.get("TMUX"):
        msg = "this is not inside tmux"
        hint = f"a session of its own: clawdforge layout {name} --session NAME"
        raise InputError(msg, code="no_tmux", hint=hint)
    built = asyncio.run(_build(wanted, programs, environ, session, into, in_place))
    show_built(built, as_json=as_json)
    if session is not None and not as_json:
        _tell_where(environ, built)
    if in_place and programs[0].argv:
        become(bare(programs[0]), environ)


async def _build(
    wanted: "Layout",
    programs: "list[Program]",
    environ: "Mapping[str, str]",
    session: str | None,
    into: str | None,
    in_place: bool,
) -> "Built":
    from clawdforge.cli.tmux_places import server_here, terminal_size
    from clawdforge.tmux import building, workspaces
    from clawdforge.tmux.layout_programs import passed

    server, env = server_here(environ), passed(environ)
    if in_place:
        return await building.in_pane(server, wanted, programs, env, environ["TMUX_PANE"])
    if session is not None:
        name = await free_name(server, session)
        size = terminal_size()
        return await building.in_session(server, wanted, programs, env, name=name, size=size)
    where = into or (await _session_of(server, environ))
    found = await workspaces.session_named(server, where)
    if found.is_workspace:
        wanted, programs = _without_panels(wanted, programs)
    return await building.in_window(server, wanted, programs, env, session_id=found.id)


async def free_name(server: "TmuxServer", name: str) -> str:
    """A name for a session, if none has it.

    Raises:
        InputError: one has it (`session_exists`), or it is none.
    """
    from clawdforge.tmux import workspaces
    from clawdforge.tmux.building import name_taken

    wanted = workspaces.checked_name(name)
    if any(one.name == wanted for one in await workspaces.sessions(server)):
        raise name_taken(wanted)
    return wanted


async def _session_of(server: "TmuxServer", environ: "Mapping[str, str]") -> str | None:
    """The session that our pane is in; None: unknown, as in a popup."""
    pane_id = environ.get("TMUX_PANE")
    for pane in await server.panes():
        if pane.id == pane_id:
            return pane.session_id
    return None


def _without_panels(wanted: "Layout", programs: "list[Program]") -> "tuple[Layout, list[Program]]":
    """The layout for a window that gets a sidebar by itself."""
    from clawdforge.tmux.layouts import leaves, without_panels

    root = without_panels(wanted.root)
    if root is None:
        return wanted, programs
    pairs = zip(leaves(wanted.root), programs, strict=True)
    kept = [program for leaf, program in pairs if leaf.role != "panel"]
    return dataclasses.replace(wanted, root=root), kept


def show_plan(wanted: "Layout", programs: "list[Program]", *, as_json: bool) -> None:
    """Show what would be made."""
    from clawdforge.cli.screen import harmless, print_json
    from clawdforge.tmux.layout_steps import sketch
    from clawdforge.tmux.layouts import leaves

    if as_json:
        panes = [
            {"role": leaf.role, "runs": program.shown, "folder": program.cwd}
            for leaf, program in zip(leaves(wanted.root), programs, strict=True)
        ]
        print_json({"layout": wanted.name, "origin": wanted.origin or None, "panes": panes})
        return
    origin = f" ({wanted.origin})" if wanted.origin else ""
    tree = sketch(wanted, [program.shown for program in programs])
    sys.stdout.write(harmless(f"{wanted.name}{origin}, in {programs[0].cwd}\n{tree}\n"))


def show_built(built: "Built", *, as_json: bool) -> None:
    """Show what was made: a line a role."""
    from clawdforge.cli.screen import print_json

    if as_json:
        rows = [{"pane": one.id, "role": one.leaf.role, "runs": one.shown} for one in built.panes]
        about = {"session": built.session, "session_id": built.session_id}
        print_json({**about, "window_id": built.window_id, "panes": rows})
        return
    by_role: dict[str, list[str]] = {}
    for one in built.panes:
        by_role.setdefault(one.leaf.role, []).append(one.id)
    for role, panes in by_role.items():
        print(f"{role.capitalize()}: {', '.join(panes)}")


def _tell_where(environ: "Mapping[str, str]", built: "Built") -> None:
    from clawdforge.cli.screen import stderr
    from clawdforge.cli.tmux_places import how_to_attach, server_here

    server = server_here(environ)
    stderr().print(f"To see it: {how_to_attach(server, built.session)}", markup=False)


def _check_in_place(environ: "Mapping[str, str]", first: "Program") -> None:
    from clawdforge.cli.tmux_places import has_terminal

    if not (environ.get("TMUX") and environ.get("TMUX_PANE")):
        msg = "this is no tmux pane"
        raise InputError(msg, code="no_tmux", hint="leave out --in-place, and give --session NAME")
    if first.argv and not has_terminal():
        msg = "the first agent would start here, and here is no terminal"
        raise InputError(msg, hint="run it in the pane itself, or leave out --in-place")


def _list(own: "list[Layout]", *, as_json: bool) -> None:
    from clawdforge.cli.screen import print_json, print_table
    from clawdforge.tmux.layouts import BUILT_IN, leaves

    mine = {one.name: one for one in reversed(own)}
    found = list({**BUILT_IN, **mine}.values())
    if as_json:
        rows = [
            {
                "name": one.name,
                "panes": [leaf.role for leaf in leaves(one.root)],
                "about": one.about or None,
                "origin": one.origin or None,
            }
            for one in found
        ]
        print_json({"layouts": rows})
        return
    table = [
        (one.name, str(sum(1 for _ in leaves(one.root))), one.about or "-", one.origin or "-")
        for one in found
    ]
    print_table(("LAYOUT", "PANES", "WHAT", "FROM"), table)
