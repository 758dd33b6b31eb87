"""`clawdforge adopt`: go on through the gateway with what somebody began in a terminal."""

import uuid
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from clawdforge.cli.connection import (
    AS_JSON,
    DATA_DIR,
    URL,
    client_environment,
    connected,
    same_server,
)
from clawdforge.errors import ClawdforgeError, InputError

if TYPE_CHECKING:
    from collections.abc import Mapping

MIN_CHARS = 4
"""The shortest beginning of an id that is looked for on the disk."""
SESSION = Annotated[
    str,
    typer.Argument(
        metavar="SESSION",
        help="The beginning of its id, its tmux pane (%5), its process id, or its project's name. "
        "Of one that has ended: the beginning of its id.",
    ),
]


def adopt(
    session: SESSION,
    fork: Annotated[
        bool,
        typer.Option("--fork", metavar="", help="Take a copy; the terminal goes on with its own."),
    ] = False,
    app: Annotated[
        str | None,
        typer.Option("--app", metavar="NAME", help="Whose session it becomes; else `local`."),
    ] = None,
    agent: Annotated[
        str | None,
        typer.Option("--agent", metavar="NAME", help="Which agent's it is; else the first."),
    ] = None,
    permissions: Annotated[
        str | None,
        typer.Option("--permissions", metavar="MODE", help="deny, allow-reads, ask, allow-all."),
    ] = None,
    as_json: AS_JSON = False,
    url: URL = None,
    data_dir: DATA_DIR = None,
) -> None:
    """Go on through the gateway with a conversation that began in a terminal.

    It becomes a session with its history, in its own folder. End the agent in the terminal first
    (/exit), or take a copy with --fork while it runs. For example:

      clawdforge adopt %5 --fork

      clawdforge adopt 5b0e
    """
    environ = client_environment(url, data_dir)
    home = _home(environ)
    with connected(url, data_dir) as client:
        conversation = _conversation(session, environ, home)
        try:
            made = client.adopt_session(
                conversation,
                fork=fork,
                app=app,
                agent=agent,
                home=str(home) if home is not None and _is_admin(client) else None,
                permissions=permissions,  # type: ignore[arg-type]  # the server says what is wrong
            )
        except ClawdforgeError as error:
            error.hint = error.hint or _hint(error, session)
            raise
    _tell(made, as_json=as_json, server=same_server(url, data_dir))


def _tell(made: object, *, as_json: bool, server: str) -> None:
    from clawdforge.cli.screen import print_json
    from clawdforge.core.observed.formats import format_money
    from clawdforge.wire.forge_sessions import SessionInfo

    assert isinstance(made, SessionInfo)
    if as_json:
        print_json(made)
        return
    cost = made.usage.cost_microusd
    spent = "" if cost is None else f", {format_money(cost / 1_000_000)} so far"
    folder = made.options.get("folder")
    turns = "1 turn" if made.turn_count == 1 else f"{made.turn_count} turns"
    typer.echo(f"session {made.session_id}: {turns}{spent}, in {folder}")
    typer.echo(f"To go on: clawdforge chat --session {made.session_id[:18]}{server}")


def _conversation(given: str, environ: "Mapping[str, str]", home: Path | None) -> str:
    """The agent's own id of what is meant.

    Raises:
        InputError: nothing is meant, or several, or a session that is driven already.
    """
    try:
        return str(uuid.UUID(given))
    except ValueError:
        pass
    found = _ended(given, home)
    try:
        return _running(given, environ)
    except ClawdforgeError as error:
        if error.code == "already_driven":
            raise
        if not found:
            raise _unknown(given, error) from None
    if len(found) == 1:
        return found.pop()
    msg = f"{len(found)} conversations have an id that begins with {given!r}"
    raise InputError(msg, code="ambiguous", hint="give more of the id")


def _running(given: str, environ: "Mapping[str, str]") -> str:
    import asyncio

    from clawdforge.cli.targets import find_target

    view = asyncio.run(find_target(given, environ)).view
    if view is None:
        msg = f"the monitor knows no session in the pane {given}"
        raise InputError(msg, code="not_found", hint="`clawdforge ps` shows them")
    if view.session is not None:
        msg = "a server drives that session already"
        hint = f"clawdforge chat --session {view.session}"
        raise InputError(msg, code="already_driven", hint=hint)
    try:
        return str(uuid.UUID(view.id))
    except ValueError:
        msg = f"what the agent {view.agent} calls its conversation is not known"
        hint = "`clawdforge hooks install` lets it tell; or give the conversation's id"
        raise InputError(msg, code="not_found", hint=hint) from None


def _unknown(given: str, error: ClawdforgeError) -> ClawdforgeError:
    """Without a monitor only what lies on the disk can be meant."""
    from clawdforge.client.errors import TransportError

    if not isinstance(error, TransportError):
        return error
    msg = f"no conversation has an id that begins with {given!r}, and no monitor runs to ask"
    hint = "`claude --resume` lists conversations; panes and projects are known to `atmd`"
    return InputError(msg, code="not_found", hint=hint)


def _ended(given: str, home: Path | None) -> set[str]:
    """The ids of conversations on the disk that begin so."""
    plain = given.replace("-", "")
    if home is None or len(given) < MIN_CHARS or not plain.isalnum():
        return set()
    return {path.stem for path in (home / "projects").glob(f"*/{given}*.jsonl")}


def _home(environ: "Mapping[str, str]") -> Path | None:
    """Where Claude Code keeps what the person at this terminal says to it."""
    if environ.get("CLAUDE_CONFIG_DIR"):
        return Path(environ["CLAUDE_CONFIG_DIR"]).absolute()
    return Path(environ["HOME"]) / ".claude" if environ.get("HOME") else None


def _is_admin(client: object) -> bool:
    from clawdforge.client import Client

    return isinstance(client, Client) and client.has_admin_token


def _hint(error: ClawdforgeError, session: str) -> str | None:
    match error.code:
        case "conversation_in_use":
            return f"`clawdforge adopt {session} --fork` takes a copy over while it runs"
        case "scope_missing":
            return "it takes the admin token of the server, or a token with the scope `adopt`"
        case "not_found":
            return "was it in another home? set CLAUDE_CONFIG_DIR as the terminal had it"
        case _:
            return None
