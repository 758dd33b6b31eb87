"""`clawdforge reply`: answer what an agent asks."""

import asyncio
from typing import TYPE_CHECKING, Annotated

import typer

from clawdforge.cli.connection import DATA_DIR, URL
from clawdforge.cli.targets import TARGET
from clawdforge.errors import InputError

if TYPE_CHECKING:
    from clawdforge.cli.targets import Target
    from clawdforge.tmux.answering import Answered


def reply(
    session: TARGET,
    yes: Annotated[
        bool, typer.Option("--yes", "-y", metavar="", help="Allow it: take the first yes.")
    ] = False,
    no: Annotated[bool, typer.Option("--no", "-n", metavar="", help="Refuse it.")] = False,
    option: Annotated[
        int | None,
        typer.Option("--option", "-o", min=1, max=99, metavar="N", help="Take option N."),
    ] = None,
    url: URL = None,
    data_dir: DATA_DIR = None,
) -> None:
    """Answer what an agent asks; without an option take what its cursor is on.

    Where the agent's protocol takes answers (sessions that a server drives, and Claude Code with
    `clawdforge hooks install --approvals`) the answer goes there. Else keys are pressed in its
    pane: only when a question is open, and Enter only when the cursor is seen on the option.

    For example:

      clawdforge peek 5b0e --prompt

      clawdforge reply 5b0e --option 2
    """
    from clawdforge.cli.replying import by_protocol
    from clawdforge.cli.screen import stderr
    from clawdforge.cli.targets import find_target
    from clawdforge.config import environment

    if yes + no + (option is not None) > 1:
        msg = "only one of --yes, --no and --option"
        raise InputError(msg)
    target = asyncio.run(find_target(session, environment()))
    said = by_protocol(target, yes=yes, no=no, option=option, url=url, data_dir=data_dir)
    if said is None:
        answered = asyncio.run(_by_keys(target, yes=yes, no=no, option=option))
        said = _told(answered, target)
    stderr().print(said, markup=False)


async def _by_keys(target: "Target", *, yes: bool, no: bool, option: int | None) -> "Answered":
    from clawdforge.tmux import answering

    server, pane = target.server(), target.need_pane()
    if yes:
        return await answering.say_yes(server, pane.id)
    if no:
        return await answering.say_no(server, pane.id)
    if option is not None:
        return await answering.choose(server, pane.id, option)
    return await answering.accept(server, pane.id)


def _told(answered: "Answered", target: "Target") -> str:
    from clawdforge.cli.screen import one_line
    from clawdforge.tmux.errors import TmuxError

    pane, option = target.need_pane(), answered.option
    said = "Refused" if option is None else f"Selected option {option.number}"
    if not answered.reacted:
        msg = f"{said} on {pane.id}, but it still asks the same"
        raise TmuxError(msg, code="no_reaction", hint="`clawdforge peek` shows how it looks there")
    about = "" if option is None else f": {one_line(option.label, 80)}"
    return f"{said} on {pane.id}{about}"
