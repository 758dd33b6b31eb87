"""`clawdforge chat`: a conversation with an agent, at the terminal or from a pipe."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from clawdforge.cli import faults
from clawdforge.cli.connection import AS_JSON, DATA_DIR, URL, complete_agent, connected
from clawdforge.errors import InputError

if TYPE_CHECKING:
    from clawdforge.cli.chat_talk import Talk
    from clawdforge.client import AsyncClient, AsyncSession

CLOSE_SECS = 10.0


def chat(
    agent: Annotated[
        str | None,
        typer.Option(
            "--agent",
            "-a",
            metavar="AGENT",
            help="Who answers. Default: the server's; see `clawdforge agents`.",
            autocompletion=complete_agent,
        ),
    ] = None,
    model: Annotated[
        str | None,
        typer.Option("--model", "-m", metavar="MODEL", help="Model. Default: the agent's."),
    ] = None,
    system: Annotated[
        str | None,
        typer.Option("--system", metavar="TEXT", help="System prompt, beside the agent's own."),
    ] = None,
    session: Annotated[
        str | None,
        typer.Option(
            "--session",
            "-s",
            metavar="ID",
            help="Go on with this session; the beginning of its id will do.",
        ),
    ] = None,
    permissions: Annotated[
        Literal["ask", "allow-reads", "allow-all", "deny"] | None,
        typer.Option(
            "--permissions",
            "-p",
            metavar="POLICY",
            help="What the agent may do: ask, allow-reads, allow-all, deny. Default: ask at a "
            "terminal, else the server's.",
        ),
    ] = None,
    close: Annotated[
        bool,
        typer.Option("--close", metavar="", help="Close the session at the end. Default: keep it."),
    ] = False,
    as_json: AS_JSON = False,
    url: URL = None,
    data_dir: DATA_DIR = None,
) -> None:
    r"""Talk with an agent: see what it says and does as it happens, and answer what it asks.

    When it needs your permission, you are asked: y lets it once, a always, n refuses (add why, if
    you like), e explains.

    Ctrl-C cancels the turn, not the chat; a second one leaves, and so do Ctrl-D and /quit. The
    session stays open, which costs nothing: `clawdforge chat --session ID` goes on with it. /help
    lists the commands of the chat; start a line with // to send one of the agent's own.

    From a pipe every line is a turn. Answers go to standard output, all else to standard error;
    with --json the events go to standard output, one a line. The exit code is 1 when a turn
    failed.

    For example:

      clawdforge chat

      clawdforge chat --agent claude --model opus --permissions allow-reads

      printf 'Remember blue.\nWhich colour was it?\n' | clawdforge chat
    """
    import asyncio

    from clawdforge.cli.ids import session_id

    asks = sys.stdin.isatty()
    options: dict[str, Any] = {"model": model, "system": system, "permissions": permissions}
    if permissions is None and asks and session is None:
        options["permissions"] = "ask"
    if session is not None and agent is not None:
        msg = "a session keeps its agent: --session and --agent exclude each other"
        raise InputError(msg, hint="leave --agent out, or start a new session without --session")
    if session is not None:
        with connected(url, data_dir) as client:
            session = session_id(client, session)
    wanted = session, agent, options
    code = asyncio.run(_chat(wanted, url, data_dir, as_json=as_json, asks=asks, close=close))
    raise typer.Exit(code)


async def _chat(
    wanted: tuple[str | None, str | None, dict[str, Any]],
    url: str | None,
    data_dir: Path | None,
    *,
    as_json: bool,
    asks: bool,
    close: bool,
) -> int:
    import asyncio

    from clawdforge.cli.chat_input import Keyboard, Pipe
    from clawdforge.cli.chat_screen import JsonLines, Terminal
    from clawdforge.cli.chat_talk import Talk
    from clawdforge.cli.connection import connected_async, same_server

    async with connected_async(url, data_dir) as client:
        session, is_new = await _session(client, *wanted)
        talk = Talk(
            session,
            lines=Keyboard() if asks else Pipe(),
            screen=JsonLines() if as_json else Terminal(),
            server=same_server(url, data_dir),
        )
        try:
            code = await talk.run(is_new=is_new)
        except asyncio.CancelledError:
            code = faults.INTERRUPTED
        finally:
            await _leave(talk, session, close=close or (is_new and talk.turns == 0))
    return code


async def _session(
    client: "AsyncClient", wanted: str | None, agent: str | None, options: dict[str, Any]
) -> "tuple[AsyncSession, bool]":
    """The session to talk in, and whether it is new."""
    if wanted is None:
        return await client.create_session(agent=agent, **options), True
    session = client.session(wanted)
    if (await session.state()).closed_at is not None:
        await session.resume()
    if any(options.values()):
        await session.set(**options)
    return session, False


async def _leave(talk: "Talk", session: "AsyncSession", *, close: bool) -> None:
    """Close the session if that is wanted; else say how to come back."""
    import asyncio

    from clawdforge.client import ForgeError

    if not close:
        talk.say_how_to_come_back()
        return
    try:
        async with asyncio.timeout(CLOSE_SECS):
            await session.close()
    except ForgeError as error:
        faults.report(error)
    except TimeoutError:
        talk.say_how_to_come_back()
