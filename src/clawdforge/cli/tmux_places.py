"""What the commands for tmux share: which server, what runs in the panes, going there."""

import os
import shlex
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from clawdforge.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from clawdforge.tmux.layout_programs import Program, Setting
    from clawdforge.tmux.layouts import Layout
    from clawdforge.tmux.server import TmuxServer

AGENT = Annotated[
    str,
    typer.Option("--agent", "-a", metavar="NAME", help="Which agent: claude, codex, gemini …"),
]
MODEL = Annotated[
    str | None, typer.Option("--model", "-m", metavar="MODEL", help="The agents' model.")
]
FOLDER = Annotated[
    Path | None,
    typer.Option("--dir", metavar="FOLDER", help="Where they work. Else here.", show_default=False),
]
DRY_RUN = Annotated[
    bool, typer.Option("--dry-run", metavar="", help="Show what would be made, and make nothing.")
]
WITHOUT_SIZE = (200, 50)
"""Columns and lines where there is no terminal to ask."""
_IN_SESSION = (
    'exec "$@" --tmux-session "$(tmux display-message -p -t "$TMUX_PANE" "#{session_name}")"'
)
"""Whatever the session is called: its name is in no script and in no command of tmux."""


def server_here(environ: "Mapping[str, str]") -> "TmuxServer":
    """The tmux server that we run in, else the person's usual one."""
    from clawdforge.tmux.server import TmuxServer

    return TmuxServer(environ.get("TMUX", "").partition(",")[0] or "default", environ)


def this_program() -> list[str]:
    """How this command is started, wherever and by whomever."""
    return [sys.executable, "-m", "clawdforge"]


def dashboard(*, everywhere: bool) -> list[str]:
    """The sidebar: with the agents of its tmux session, or of everywhere."""
    command = [*this_program(), "top", "--compact"]
    return command if everywhere else ["/bin/sh", "-c", _IN_SESSION, "sh", *command]


def setting_of(
    environ: "Mapping[str, str]",
    *,
    folder: Path | None,
    agent: str,
    model: str | None,
    everywhere: bool,
) -> "Setting":
    """What the panes of a layout share.

    Raises:
        InputError: there is no such folder.
    """
    from clawdforge.tmux.layout_programs import Setting

    place = (folder or Path.cwd()).expanduser().absolute()
    if not place.is_dir():
        msg = f"there is no folder {place}"
        raise InputError(msg, hint="name one with --dir")
    editor = environ.get("VISUAL") or environ.get("EDITOR") or ""
    return Setting(
        folder=place,
        agent=agent,
        model=model,
        panel=dashboard(everywhere=everywhere),
        editor=_words(editor),
        find=lambda name: shutil.which(name, path=environ.get("PATH")),
    )


def programs_of(layout: "Layout", setting: "Setting") -> "list[Program]":
    """What runs in each leaf of a layout.

    Raises:
        ConfigError: something is not installed.
        InputError: a folder is not there.
    """
    from clawdforge.tmux.layout_programs import program_of
    from clawdforge.tmux.layouts import leaves

    found = [program_of(leaf, setting) for leaf in leaves(layout.root)]
    for one in found:
        if not Path(one.cwd).is_dir():
            msg = f"the layout {layout.name!r} names a folder that is not there: {one.cwd}"
            raise InputError(msg, hint="make it, or change `cwd`")
    return found


def terminal_size() -> tuple[int, int]:
    """Columns and lines of our terminal."""
    for stream in (sys.stdout, sys.stdin, sys.stderr):
        try:
            size = os.get_terminal_size(stream.fileno())
        except (OSError, ValueError):
            continue
        if size.columns and size.lines:
            return size.columns, size.lines
    return WITHOUT_SIZE


def has_terminal() -> bool:
    """Whether a person sits here."""
    return sys.stdin.isatty() and sys.stdout.isatty()


def how_to_attach(server: "TmuxServer", session: str) -> str:
    """The command that shows a session, for a shell."""
    where = [] if server.name == "default" else ["-L", server.name]
    return shlex.join(["tmux", *where, "attach", "-t", f"={session}"])


async def show_session(
    server: "TmuxServer", session_id: str, environ: "Mapping[str, str]"
) -> "Sequence[str] | None":
    """Show a session in our terminal; None: done. Else by the command that takes our place.

    Raises:
        TmuxError: it is gone.
    """
    if environ.get("TMUX", "").partition(",")[0] == server.socket:
        await server.run(("switch-client", "-t", session_id))
        return None
    return [*server.argv, "attach-session", "-t", session_id]


def become(argv: "Sequence[str]", environ: "Mapping[str, str]") -> NoReturn:
    """Be another program from now on.

    Raises:
        InputError: it cannot be started.
    """
    from clawdforge.processes.program import become as change

    sys.stdout.flush()
    sys.stderr.flush()
    try:
        change(argv, env=environ)
    except OSError as error:
        msg = f"{argv[0]} cannot be started: {error.strerror}"
        raise InputError(msg) from None


def _words(command: str) -> list[str]:
    try:
        return shlex.split(command)
    except ValueError:
        return []
