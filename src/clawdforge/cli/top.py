"""`clawdforge top`: the dashboard in the terminal."""

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from clawdforge.cli.connection import DATA_DIR, URL
from clawdforge.cli.hosts import HOSTS, named_hosts
from clawdforge.cli.ps import understood
from clawdforge.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from clawdforge.client import AsyncClient
    from clawdforge.remote.host import Host

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
    pick: Annotated[
        bool,
        typer.Option("--pick", "-p", metavar="", help="Choose one: it ends after the jump there."),
    ] = False,
    tmux_session: Annotated[
        str | None,
        typer.Option(
            "--tmux-session", metavar="NAME", help="Only agents in the panes of that tmux session."
        ),
    ] = None,
    host: HOSTS = None,
    url: URL = None,
    data_dir: DATA_DIR = None,
) -> None:
    """Watch all agent sessions on this machine; approve, answer, interrupt, talk. `?` tells how.

    Sessions come from the monitor (`atmd`, or the one in `clawdforge serve`). Those that a server
    drives are spoken to through it, those in tmux in their panes.

    In tmux, a window for choosing an agent to go to:

      tmux bind-key a display-popup -E -w 90% -h 80% 'clawdforge top --pick'
    """
    from clawdforge.config import environment

    if theme not in THEMES:
        msg = f"there is no theme {theme!r}"
        raise InputError(msg, hint=f"one of {', '.join(THEMES)}")
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        msg = "the dashboard needs a terminal"
        raise InputError(msg, hint="`clawdforge ps` and `clawdforge watch` work without one")
    environ = environment()
    if pick and not environ.get("TMUX"):
        msg = "--pick jumps to a pane: it needs tmux"
        raise InputError(msg, hint="without it, `clawdforge top` works in any terminal")
    wish = _Wish(
        palette=_palette(theme, environ),
        compact=compact,
        only=understood((only or "").split()),
        plain=ascii_only or "utf" not in (sys.stdout.encoding or "").lower(),
        pick=pick,
        tmux_session=tmux_session,
    )
    _run(wish, url, data_dir, named_hosts(host, environ, by_setting=True))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Wish:
    """How the dashboard is to be."""

    palette: str
    compact: bool
    only: str
    plain: bool
    pick: bool
    tmux_session: str | None


def _run(wish: _Wish, url: str | None, data_dir: Path | None, hosts: "Sequence[Host]") -> None:
    from clawdforge.cli.panes_provider import PaneNeighbours, PanesProvider
    from clawdforge.cli.remote_top import Reach, only_here, run_reaching
    from clawdforge.client.monitor import MonitorFeed
    from clawdforge.config import environment
    from clawdforge.tui.app import Dashboard
    from clawdforge.tui.approvals import ApprovalsProvider
    from clawdforge.tui.gateway import GatewayProvider

    environ = environment()

    def dashboard(reach: Reach) -> Dashboard:
        feed = MonitorFeed(name="clawdforge-top")
        here = [
            GatewayProvider(lambda: _client(url, data_dir)),
            ApprovalsProvider(feed.path),
            PanesProvider(environ),
        ]
        source, providers = reach(feed, here)
        where = wish.tmux_session
        return Dashboard(
            source,
            providers,
            path=str(feed.path),
            compact=wish.compact,
            palette=wish.palette,
            plain=wish.plain,
            only=wish.only,
            terminal=bool(environ.get("TMUX")),
            pick=wish.pick,
            neighbours=PaneNeighbours(where, environ) if where is not None else None,
        )

    if hosts:
        app = run_reaching(hosts, environ, dashboard)
    else:
        app = dashboard(only_here)
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
