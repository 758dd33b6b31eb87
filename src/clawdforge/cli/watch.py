"""`clawdforge watch`: what changes in the sessions on this machine, a line for each change."""

import asyncio
import contextlib
import time
from typing import TYPE_CHECKING, Annotated, Any

import typer

from clawdforge.cli.connection import AS_JSON
from clawdforge.cli.ps import WORDS, understood

if TYPE_CHECKING:
    from clawdforge.client.monitor_news import News
    from clawdforge.core.observed.views import SessionView


def watch(
    words: WORDS = None,
    every: Annotated[
        bool,
        typer.Option(
            "--all", metavar="", help="Also when nothing but cost, context and times has changed."
        ),
    ] = False,
    as_json: AS_JSON = False,
) -> None:
    """Print a line whenever an agent session on this machine does something else, until Ctrl-C.

    With --json one JSON object a line, as on the monitor's socket: `session_updated` with the
    whole `session`, `session_removed`; besides these `monitor_lost`. The connection comes back
    by itself, and then all sessions are told again.

    For example:

      clawdforge watch is:needs

      clawdforge watch --json | jq -r 'select(.session.status == "attention_needed").session.id'
    """
    from clawdforge.client.monitor import MonitorFeed
    from clawdforge.tui.filters import Filter

    telling = Telling(Filter(understood(words)), every=every, as_json=as_json)
    asyncio.run(_follow(MonitorFeed(name="clawdforge-watch"), telling))


async def _follow(feed: Any, telling: "Telling") -> None:
    async with contextlib.aclosing(feed.follow()) as following:
        async for news in following:
            telling.take(news)


class Telling:
    """Prints news."""

    def __init__(self, fits: Any, *, every: bool, as_json: bool) -> None:
        self._fits = fits
        self._every = every
        self._as_json = as_json
        self._told: dict[str, tuple[str, str | None]] = {}
        self._is_lost = False

    def take(self, news: "list[News]") -> None:
        """Print what is new in these."""
        from clawdforge.client.monitor_news import Everything, Lost, Removed, Updated

        for one in news:
            match one:
                case Updated(view):
                    self._updated(view)
                case Everything(views):
                    self._is_lost = False
                    for view in views:
                        self._updated(view)
                    for gone in self._told.keys() - {view.id for view in views}:
                        self._removed(gone, None)
                case Removed(session_id, reason):
                    self._removed(session_id, reason)
                case Lost(reason):
                    self._lost(reason)
                case _:
                    pass

    def _updated(self, view: "SessionView") -> None:
        from clawdforge.cli.monitor_rows import change_line
        from clawdforge.cli.screen import print_json_line, stdout

        now = (view.state or view.status, view.activity_detail)
        is_known = view.id in self._told
        if not self._fits(view):
            self._told.pop(view.id, None)
            return
        if is_known and self._told[view.id] == now and not self._every:
            return
        self._told[view.id] = now
        if self._as_json:
            print_json_line({"type": "session_updated", "session": view})
        else:
            stdout().print(change_line(view, time.time()), markup=False)

    def _removed(self, session_id: str, reason: str | None) -> None:
        from clawdforge.cli.monitor_rows import NAME_CELLS, short_id_of
        from clawdforge.cli.screen import print_json_line, stdout

        if self._told.pop(session_id, None) is None:
            return
        if self._as_json:
            told = {"type": "session_removed", "session_id": session_id, "reason": reason}
            print_json_line(told)
        else:
            clock = time.strftime("%H:%M:%S")
            why = f" ({reason})" if reason else ""
            name = short_id_of(session_id)
            stdout().print(f"{clock}  - {name:<{NAME_CELLS}}  gone{why}", markup=False)

    def _lost(self, reason: str) -> None:
        from clawdforge.cli.screen import print_json_line, stderr

        if self._is_lost:
            return
        self._is_lost = True
        if self._as_json:
            print_json_line({"type": "monitor_lost", "reason": reason})
        stderr().print(f"no monitor: {reason}; waiting for it …", markup=False)
