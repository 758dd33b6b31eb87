"""`clawdforge peek`: what stands on an agent's screen."""

import asyncio
from typing import TYPE_CHECKING, Annotated

import typer

from clawdforge.cli.connection import AS_JSON, DATA_DIR, URL
from clawdforge.cli.targets import TARGET

if TYPE_CHECKING:
    from pathlib import Path

    from clawdforge.cli.targets import Target


def peek(
    session: TARGET,
    tail: Annotated[
        int | None,
        typer.Option(
            "--tail", "-n", min=1, max=100_000, metavar="N", help="Only so many last lines."
        ),
    ] = None,
    prompt: Annotated[
        bool,
        typer.Option(
            "--prompt", metavar="", help="Only the open question; else the last 15 lines."
        ),
    ] = False,
    colours: Annotated[
        bool,
        typer.Option("--colours", "--colors", metavar="", help="With the colours of the terminal."),
    ] = False,
    as_json: AS_JSON = False,
    url: URL = None,
    data_dir: DATA_DIR = None,
) -> None:
    """Print what stands on an agent's screen, without going there.

    Of a session that a server drives: what the agent said last, or with --prompt what it asks.

    With --json, `question` has what is asked, its options, and where the cursor is; null when no
    question is open. More lines than the screen has come from what has scrolled away.

    For example:

      clawdforge peek 5b0e --prompt

      clawdforge peek %5 -n 100
    """
    from clawdforge.cli.targets import find_target
    from clawdforge.config import environment

    target = asyncio.run(find_target(session, environment()))
    if target.driven is not None and target.pane is None:
        _peek_driven(target.driven, url, data_dir, prompt=prompt, as_json=as_json)
    else:
        _peek_pane(target, tail, prompt=prompt, colours=colours, as_json=as_json)


def _peek_pane(
    target: "Target", tail: int | None, *, prompt: bool, colours: bool, as_json: bool
) -> None:
    from clawdforge.cli.screen import print_json, stderr
    from clawdforge.tmux.reading import last_lines, open_question

    pane = target.need_pane()
    screen = asyncio.run(target.server().capture(pane.id, tail=tail, colours=colours))
    plain = (
        screen if tail is None and not colours else asyncio.run(target.server().capture(pane.id))
    )
    question = open_question(plain)
    if as_json:
        print_json(
            {
                "pane": pane.id,
                "place": pane.place,
                "screen": screen,
                "question": question
                and {
                    "kind": question.kind,
                    "text": question.text,
                    "options": question.options,
                    "cursor": question.cursor,
                },
            }
        )
        return
    if prompt and question is None:
        stderr().print("No question is open that is known. The last lines:")
    shown = screen if not prompt else question.text if question else last_lines(plain)
    _print(shown, colours=colours and not prompt)


def _peek_driven(
    session_id: str, url: str | None, data_dir: "Path | None", *, prompt: bool, as_json: bool
) -> None:
    from clawdforge.cli.connection import connected
    from clawdforge.cli.screen import in_short, print_json, print_text, stderr

    with connected(url, data_dir) as client:
        session = client.session(session_id)
        asked = [one for one in session.permissions() if one.state == "pending"]
        page = session.turns(limit=1)
        turn = session.get_turn(page.turns[0].turn_index) if page.turns and not prompt else None
    if as_json:
        print_json({"session": session_id, "turn": turn, "questions": asked})
        return
    for one in asked:
        print_text(f"{one.permission_id}: {one.title or one.tool} {in_short(one.args, 400)}")
    if prompt and not asked:
        stderr().print("It asks for nothing.")
    if turn is not None:
        said = [one.get("content") for one in turn.events if one.get("type") == "text"]
        print_text("\n".join(str(text) for text in said) or f"turn {turn.turn_index}: {turn.state}")


def _print(text: str, *, colours: bool) -> None:
    """Of what agents write nothing but its text and colours reaches the terminal."""
    import re
    import sys

    from clawdforge.cli.screen import harmless

    pieces = re.split(r"(\x1b\[[0-9;:]*m)", text) if colours else [text]
    is_colour = colours
    lines = "".join(
        piece if is_colour and at % 2 else "\n".join(map(harmless, piece.split("\n")))
        for at, piece in enumerate(pieces)
    )
    sys.stdout.write(lines + ("\x1b[0m\n" if colours else "\n"))
    sys.stdout.flush()
