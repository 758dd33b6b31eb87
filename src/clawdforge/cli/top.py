"""`clawdforge top`: the dashboard in the terminal."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from clawdforge.cli.connection import DATA_DIR, URL
from clawdforge.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from clawdforge.client import AsyncClient

THEMES = ("auto", "dark", "light", "terminal")


def top(
    compact: Annotated[
        bool, typer.Option("--compact", "-c", metavar="", help="For a narrow sidebar.")
    ] = False,
    only: Annotated[
        str | None,
        typer.Option("--only", metavar="WORDS", help="Show only what fits, as the key f does."),
    ] = None,
    theme: Annotated[
        str,
        typer.Option(
            "--theme", metavar="NAME", help="auto, dark, light, or terminal: its own colours."
        ),
    ] = "auto",
    ascii_only: Annotated[
        bool, typer.Option("--ascii", metavar="", help="Draw with ASCII characters alone.")
    ] = False,
    url: URL = None,
    data_dir: DATA_DIR = None,
) -> None:
    """Watch all agent sessions on this machine; approve, answer, interrupt, talk. `?` tells how.

    Sessions come from the monitor (`atmd`, or the one in `clawdforge serve`); what they ask, their
    transcripts and what you say to them go through the server that drives them, when one runs.
    """
    from clawdforge.config import environment

    if theme not in THEMES:
        msg = f"there is no theme {theme!r}"
        raise InputError(msg, hint=f"one of {', '.join(THEMES)}")
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        msg = "the dashboard needs a terminal"
        raise InputError(msg, hint="`clawdforge ps` and `clawdforge watch` work without one")
    environ = environment()
    plain = ascii_only or "utf" not in (sys.stdout.encoding or "").lower()
    _run(_palette(theme, environ), compact, only or "", plain, url, data_dir)


def _run(
    palette: str, compact: bool, only: str, plain: bool, url: str | None, data_dir: Path | None
) -> None:
    from clawdforge.client.monitor import MonitorFeed
    from clawdforge.tui.app import Dashboard
    from clawdforge.tui.gateway import GatewayProvider

    feed = MonitorFeed(name="clawdforge-top")
    app = Dashboard(
        feed,
        [GatewayProvider(lambda: _client(url, data_dir))],
        path=str(feed.path),
        compact=compact,
        palette=palette,
        plain=plain,
        only=only,
    )
    app.run()
    if app.return_code:
        raise typer.Exit(app.return_code)


def _client(url: str | None, data_dir: Path | None) -> "AsyncClient":
    from clawdforge.cli.connection import client_environment
    from clawdforge.client import AsyncClient

    return AsyncClient(url, environ=client_environment(url, data_dir))


def _palette(theme: str, environ: "Mapping[str, str]") -> str:
    from clawdforge.tui.background import ask_terminal, shade_of_colorfgbg

    if theme != "auto":
        return theme
    if environ.get("NO_COLOR") is not None:
        return "terminal"
    shade = ask_terminal(sys.stdin.fileno(), sys.stdout.fileno())
    return shade or shade_of_colorfgbg(environ.get("COLORFGBG", "")) or "dark"
