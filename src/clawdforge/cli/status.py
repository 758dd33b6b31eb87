"""`clawdforge status`: all sessions in one line, for a status bar."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from clawdforge.cli.connection import AS_JSON, DATA_DIR
from clawdforge.errors import ConfigError, InputError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from clawdforge.core.observed.figures import Figures

INTERVAL_SECS = 5
"""How often tmux is told to ask."""


def status(
    shape: Annotated[
        str | None,
        typer.Option(
            "--format",
            metavar="TEXT",
            help="How the line looks, with {active}, {waiting}, {working}, {idle}, {asleep}, "
            "{sessions}, {cost}; {waiting: and more} is there only when somebody waits.",
        ),
    ] = None,
    tmux: Annotated[
        bool,
        typer.Option(
            "--tmux",
            metavar="",
            help="Print the lines for tmux.conf. They run a small program, made for it, that "
            "answers in two milliseconds.",
        ),
    ] = False,
    as_json: AS_JSON = False,
    data_dir: DATA_DIR = None,
) -> None:
    """Say in one line how many agents run, how many wait for you, and what they cost: 3↑ 1! $4.20.

    Those that are asleep (without a process) are not counted as running.

    For example:

      clawdforge status --format '{waiting} of {sessions} wait'

      clawdforge status --tmux >> ~/.tmux.conf
    """
    from clawdforge.cli.screen import print_json
    from clawdforge.config import environment
    from clawdforge.core.observed.figures import DEFAULT_SHAPE, status_line

    _check_shape(shape)
    if tmux:
        sys.stdout.write(_tmux_lines(shape, environment(), data_dir))
        return
    found = _figures(environment())
    if as_json:
        print_json(
            {
                "active": found.active,
                "waiting": found.waiting,
                "working": found.working,
                "idle": found.idle,
                "asleep": found.asleep,
                "sessions": found.sessions,
                "cost_microusd": found.cost_microusd,
            }
        )
    else:
        sys.stdout.write(status_line(found, DEFAULT_SHAPE if shape is None else shape) + "\n")


def _figures(environ: "Mapping[str, str]") -> "Figures":
    import msgspec

    from clawdforge.client.monitor import monitor_sessions
    from clawdforge.core.observed.figures import Figures, figures_of
    from clawdforge.monitor.asking import facts_of
    from clawdforge.monitor.paths import paths_of

    facts = facts_of(paths_of(environ).socket) or {}
    try:
        return msgspec.convert(facts["figures"], Figures)
    except (KeyError, msgspec.ValidationError):
        return figures_of(monitor_sessions())  # an atmd that does not count; or there is none


def _check_shape(shape: str | None) -> None:
    import re

    from clawdforge.core.observed.figures import NAMES

    for name in re.findall(r"\{([a-z_]*)[:}]", shape or ""):
        if name not in NAMES:
            msg = f"there is no figure {name!r}"
            raise InputError(msg, hint=f"one of {', '.join(NAMES)}")


def _tmux_lines(shape: str | None, environ: "Mapping[str, str]", data_dir: Path | None) -> str:
    from clawdforge.tmux.bindings import status_bar_lines

    socket = environ.get("ATM_SOCKET")
    command = [f"ATM_SOCKET={socket}"] if socket else []
    program = _program(environ, data_dir)
    command = ["env", *command, *program] if socket else program
    return status_bar_lines([*command, *([] if shape is None else [shape])], INTERVAL_SECS)


def _program(environ: "Mapping[str, str]", data_dir: Path | None) -> list[str]:
    """The small program: a hook client of its own, which stays when the hooks are taken out."""
    from clawdforge.config import default_data_dir
    from clawdforge.monitor.hooks.building import WAITING, build, is_current

    path = (data_dir or default_data_dir()).absolute() / "bin" / "clawdforge-bar"
    problems = []
    for form in () if is_current(path) else WAITING:
        try:
            build(path, environ, form)
            break
        except ConfigError as error:
            problems.append(error.message)
    if len(problems) == len(WAITING):
        raise ConfigError("; ".join(problems))
    return [str(path), "--bar"]
