"""`clawdforge ps`: every agent session on this machine."""

import time
from typing import Annotated

import typer

from clawdforge.cli.connection import AS_JSON

WORDS = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="WORD",
        help="Only those that fit: parts of any text of theirs, is:needs, is:working, is:idle, "
        "project:, branch:, app:, agent:, model:, pane:, id:; !WORD for those that do not.",
        show_default=False,
    ),
]


def ps(
    words: WORDS = None,
    ids: Annotated[
        bool, typer.Option("--ids", metavar="", help="Print only the ids, one a line.")
    ] = False,
    as_json: AS_JSON = False,
) -> None:
    """List the agent sessions on this machine; those that need a person first.

    All of them: those that a server drives and those that were started by hand. They come from
    the monitor, which `clawdforge serve` has, and `atmd` is.

    For example:

      clawdforge ps is:needs

      clawdforge ps web !model:haiku --json
    """
    from clawdforge.cli.monitor_rows import COLUMNS, person_first, session_row
    from clawdforge.cli.screen import print_json, print_table, stderr, stdout
    from clawdforge.client.monitor import monitor_sessions
    from clawdforge.tui.filters import Filter

    fits = Filter(" ".join(words or ()))
    found = person_first(view for view in monitor_sessions() if fits(view))
    if as_json:
        print_json({"sessions": found})
    elif ids:
        for view in found:
            stdout().print(view.id, markup=False)
    elif found:
        now = time.time()
        print_table(COLUMNS, (session_row(view, now) for view in found))
    else:
        stderr().print("No agent runs." if fits.is_empty else "None fits.")
