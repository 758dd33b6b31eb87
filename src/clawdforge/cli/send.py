"""`clawdforge send`: say something to an agent."""

import asyncio
import sys
from typing import TYPE_CHECKING, Annotated

import typer

from clawdforge.cli.connection import DATA_DIR, URL, connected
from clawdforge.cli.targets import TARGET
from clawdforge.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from clawdforge.cli.targets import Target

SETTINGS = {"ignore_unknown_options": True, "help_option_names": ["--help"]}
"""A text may begin with a dash."""


def send(
    session: TARGET,
    text: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="TEXT", help="What to say, as it is; - reads it from standard input."
        ),
    ] = None,
    enter: Annotated[
        bool, typer.Option("--enter/--no-enter", metavar="", help="Press Enter after it, or not.")
    ] = True,
    keys: Annotated[
        list[str] | None,
        typer.Option(
            "--key",
            metavar="KEY",
            help="Press a key instead: Escape, Tab, C-o, Up.",
        ),
    ] = None,
    force: Annotated[
        bool, typer.Option("--force", metavar="", help="Also while it waits for an answer.")
    ] = False,
    url: URL = None,
    data_dir: DATA_DIR = None,
) -> None:
    """Say something to an agent: a prompt, as if it were typed into its pane, with Enter after it.

    The text arrives as it is: quotes, dashes, semicolons, names of keys, several lines. While the
    agent asks something the text would be taken as the answer: then nothing is sent, see `reply`.

    To a session that a server drives it is a turn.

    For example:

      clawdforge send 5b0e "Now run the tests."

      git diff | clawdforge send web -

      clawdforge send %5 --key C-o
    """
    from clawdforge.cli.screen import stderr
    from clawdforge.cli.targets import find_target
    from clawdforge.config import environment

    said = _said(text, keys)
    target = asyncio.run(find_target(session, environment()))
    if target.driven is not None and target.pane is None:
        if keys or not enter or not said.strip():
            msg = f"a server drives {target.name}: it takes prompts, no keys"
            raise InputError(msg)
        with connected(url, data_dir) as client:
            turn = client.session(target.driven).start_turn(said)
        stderr().print(f"Turn {turn.turn_index} of {target.name} has begun", markup=False)
        return
    asyncio.run(_type(target, said, keys or (), enter=enter, force=force))
    stderr().print(f"Sent to {target.need_pane().id}", markup=False)


def _said(text: "Sequence[str] | None", keys: "Sequence[str] | None") -> str:
    if keys and text:
        msg = "either a text or keys"
        raise InputError(msg, hint="call it twice")
    if keys:
        return ""
    if text is None or (list(text) == ["-"] and sys.stdin.isatty()):
        msg = "there is nothing to send"
        raise InputError(msg, hint='clawdforge send SESSION "a text", or - and a text on its input')
    if list(text) == ["-"]:
        return sys.stdin.buffer.read().decode("utf-8", "surrogateescape").removesuffix("\n")
    return " ".join(text)


async def _type(
    target: "Target", text: str, keys: "Sequence[str]", *, enter: bool, force: bool
) -> None:
    from clawdforge.tmux.typing import press, say

    server, pane = target.server(), target.need_pane()
    if keys:
        await press(server, pane.id, keys)
    else:
        await say(server, pane.id, text, enter=enter, force=force)
