"""`clawdforge attach`: open a session that a server drives in this terminal."""

import fnmatch
import os
import sys
from typing import TYPE_CHECKING, Annotated

import typer

from clawdforge.cli.connection import DATA_DIR, URL, client_environment, connected, same_server
from clawdforge.errors import ClawdforgeError, ConfigError, InputError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from clawdforge.client import Client
    from clawdforge.wire.forge_handover import Launch

NESTED = ("CLAUDECODE", "CLAUDE_PID", "CLAUDE_CODE_SESSION_ID", "CLAUDE_CODE_ENTRYPOINT")
"""What an agent sets for its children: one that is started from its shell is not one of them."""
SESSION = Annotated[
    str, typer.Argument(metavar="SESSION", help="The session's id, or the beginning of it.")
]


def attach(session: SESSION, url: URL = None, data_dir: DATA_DIR = None) -> None:
    """Open a session of the server in this terminal, with the agent's own program.

    The server lets go of it until you leave the agent here (/exit), and then has in its history
    what was said. For example:

      clawdforge attach 019eb1c2
    """
    from clawdforge.monitor.sources.procfs import identity

    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        msg = "attach needs a terminal"
        raise ConfigError(msg, hint="`clawdforge chat --session` talks with a session from scripts")
    environ = client_environment(url, data_dir)
    me = identity(os.getpid())
    assert me is not None
    with connected(url, data_dir) as client:
        session_id = _session(client, session)
        try:
            given = client.attach_session(session_id, pid=me.pid, start=me.start)
        except ClawdforgeError as error:
            error.hint = error.hint or _hint(error, session_id)
            raise
    chat = f"clawdforge chat --session {session_id[:18]}{same_server(url, data_dir)}"
    typer.echo(f"The session is yours until you leave the agent (/exit). Then again: {chat}")
    _become(given.launch, environ)


def _become(launch: "Launch", environ: "Mapping[str, str]") -> None:
    """Be the agent from now on: the session is ours for as long as this process lives."""
    from clawdforge.processes.program import become

    sys.stdout.flush()
    try:
        os.chdir(launch.cwd)
        become(launch.argv, env=merged(environ, launch))
    except OSError as error:
        msg = f"cannot start {launch.argv[0]}: {error.strerror or error}"
        raise ConfigError(msg) from error


def merged(environ: "Mapping[str, str]", launch: "Launch") -> dict[str, str]:
    """The terminal's environment with the session's login and home."""
    from clawdforge.processes.environment import NEVER

    dropped = (*launch.without, *NEVER, *NESTED)
    kept = {
        name: value
        for name, value in environ.items()
        if not any(fnmatch.fnmatchcase(name, pattern) for pattern in dropped)
    }
    return kept | launch.env


def _session(client: "Client", given: str) -> str:
    """The id that is meant: of a session of ours, else of one that the monitor shows.

    Raises:
        InputError: none is meant, or several.
    """
    from clawdforge.cli.ids import session_id
    from clawdforge.cli.targets import session_named
    from clawdforge.client.monitor import monitor_sessions

    try:
        return session_id(client, given)
    except InputError as error:
        try:
            view = session_named(monitor_sessions(), given)
        except ClawdforgeError:
            raise error from None
        if view.session is not None:
            return view.session
        msg = "that session was started by hand: it is in a terminal already"
        where = f"`clawdforge jump {given}` goes there; " if view.tmux_pane else ""
        hint = f"{where}`clawdforge adopt {given}` takes it over"
        raise InputError(msg, code="not_driven", hint=hint) from None


def _hint(error: ClawdforgeError, session_id: str) -> str | None:
    match error.code:
        case "session_running":
            return f"`clawdforge sessions cancel {session_id}` cancels the turn"
        case "session_closed":
            return f"`clawdforge sessions resume {session_id}` opens it again"
        case "scope_missing":
            return "it takes the admin token of the server, or a token with the scope `adopt`"
        case _:
            return None
