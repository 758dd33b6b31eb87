"""Sessions of the monitor as lines of the terminal."""

import time
from collections.abc import Iterable
from typing import TYPE_CHECKING

from clawdforge.core.observed.formats import format_money
from clawdforge.core.texts import one_line
from clawdforge.tui.looks import doing, is_working, look, needs_person, silent_secs
from clawdforge.tui.rows import name_of
from clawdforge.tui.times import lasting, moment, since
from clawdforge.tui.tree import project_name

if TYPE_CHECKING:
    from clawdforge.core.observed.views import SessionView

COLUMNS = (
    "",
    "SESSION",
    "WHERE",
    "AGENT",
    "DOING",
    "FOR",
    "CONTEXT",
    "COST",
    "MODEL",
    "LAST",
    "PANE",
    "FIRST PROMPT",
)
PROMPT_CHARS = 60
NAME_CELLS = 13
"""The longest name that `name_of` gives."""


def person_first(views: "Iterable[SessionView]") -> "list[SessionView]":
    """Those that need a person, the longest waiting first; who works; the others, newest first."""

    def order(view: "SessionView") -> tuple[int, float, str]:
        if needs_person(view):
            return 0, moment(view.state_since) or 0.0, view.id
        heard = -(moment(view.last_activity) or 0.0)
        return 1 if is_working(view) else 2, heard, view.id

    return sorted(views, key=order)


def session_row(view: "SessionView", now: float) -> tuple[str, ...]:
    """A line of the table."""
    silent = silent_secs(view, now)
    return (
        look(view).plain,
        name_of(view),
        project_name(view),
        view.agent or "-",
        doing(view) if silent is None else f"{doing(view)}, silent",
        lasting(since(view.state_since, now) if silent is None else silent) or "-",
        f"{view.context_percentage:.0f}%" if view.context_percentage else "-",
        format_money(view.cost_usd),
        "-" if view.model == "Unknown" else view.model,
        lasting(since(view.last_activity, now)) or "-",
        view.tmux_pane or "-",
        one_line(view.first_prompt or "", PROMPT_CHARS) or "-",
    )


def change_line(view: "SessionView", now: float) -> str:
    """What a session does now, as one line."""
    clock = time.strftime("%H:%M:%S", time.localtime(now))
    what = one_line(view.first_prompt or "", PROMPT_CHARS)
    sign = look(view).plain
    head = f"{clock}  {sign} {name_of(view):<{NAME_CELLS}}  {project_name(view):<24}"
    return f"{head}  {doing(view):<16}  {format_money(view.cost_usd):>7}  {what}".rstrip()


def short_id_of(session_id: str) -> str:
    """The short name of a session that is gone, as `name_of` gave it."""
    if session_id.startswith("pending-"):
        return one_line(session_id.removeprefix("pending-"), NAME_CELLS)
    return one_line(session_id[:NAME_CELLS] if session_id[14:15] == "7" else session_id[:8])
