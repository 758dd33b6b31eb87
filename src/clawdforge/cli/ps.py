"""`clawdforge ps`: every agent session on this machine."""

import time
from typing import TYPE_CHECKING, Annotated

import typer

from clawdforge.cli.connection import AS_JSON
from clawdforge.cli.hosts import HOSTS, named_hosts
from clawdforge.errors import ClawdforgeError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from clawdforge.core.observed.views import SessionView

NOBODY = "No agent runs. Start one in any terminal, or drive one: clawdforge chat"
WORDS = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="WORD",
        help="Only those that fit: parts of any text of theirs, is:needs, is:working, is:idle, "
        "project:, branch:, app:, agent:, model:, pane:, host:, id:; !WORD for those that do not.",
        show_default=False,
    ),
]


def ps(
    words: WORDS = None,
    ids: Annotated[
        bool, typer.Option("--ids", metavar="", help="Print only the ids, one a line.")
    ] = False,
    host: HOSTS = None,
    as_json: AS_JSON = False,
) -> None:
    """List the agent sessions on this machine; those that need a person first.

    All of them: those that a server drives and those that were started by hand. They come from
    the monitor, which `clawdforge serve` has, and `atmd` is.

    For example:

      clawdforge ps is:needs

      clawdforge ps web !model:haiku --json

      clawdforge ps --host ana@build1
    """
    from clawdforge.cli.monitor_rows import COLUMNS, person_first, session_row
    from clawdforge.cli.screen import print_json, print_table, stderr, stdout
    from clawdforge.tui.filters import Filter

    fits = Filter(understood(words))
    sessions, problems = _asked(host)
    found = person_first(view for view in sessions if fits(view))
    if as_json:
        print_json({"sessions": found} | ({"problems": _told(problems)} if host else {}))
    elif ids:
        for view in found:
            stdout().print(view.id, markup=False)
    elif found:
        now = time.time()
        print_table(COLUMNS, (session_row(view, now) for view in found))
    elif not problems.keys() - {None}:
        stderr().print(NOBODY if fits.is_empty else "None fits.")
    _complain(problems)


def understood(words: "Sequence[str] | None") -> str:
    """The words of a filter, as one text.

    Raises:
        InputError: one asks for a state that there is not.
    """
    from clawdforge.errors import InputError
    from clawdforge.tui.filters import STATES, is_state

    for word in words or ():
        name, colon, state = word.removeprefix("!").partition(":")
        if name == "is" and colon and not is_state(state):
            msg = f"there is no state {state!r}"
            hint = f"is:{', is:'.join(STATES)}, or a finer one: is:permission, is:error …"
            raise InputError(msg, hint=hint)
    return " ".join(words or ())


def _asked(
    given: list[str] | None,
) -> "tuple[Sequence[SessionView], Mapping[str | None, ClawdforgeError]]":
    """All sessions, and why a machine tells of none."""
    if not given:
        from clawdforge.client.monitor import monitor_sessions

        return monitor_sessions(), {}
    from clawdforge.cli.remote_sessions import sessions_of
    from clawdforge.config import environment

    environ = environment()
    found = sessions_of(named_hosts(given, environ, by_setting=False), environ)
    return found.sessions, found.problems


def _told(problems: "Mapping[str | None, ClawdforgeError]") -> list[dict[str, str | None]]:
    return [
        {"host": name, "code": error.code, "error": error.message, "hint": error.hint}
        for name, error in problems.items()
    ]


def _complain(problems: "Mapping[str | None, ClawdforgeError]") -> None:
    """Say which machines tell nothing; then it has failed. This one need not run a monitor."""
    from clawdforge.cli.faults import exit_code, report

    others = {name: error for name, error in problems.items() if name is not None}
    for name, error in others.items():
        report(ClawdforgeError(f"{name}: {error.message}", hint=error.hint))
    if others:
        raise typer.Exit(exit_code(next(iter(others.values()))))
