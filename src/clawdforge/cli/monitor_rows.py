"""Sessions of the monitor as lines of the terminal; how one is named on the command line."""

import time
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from clawdforge.core.observed.formats import format_money
from clawdforge.core.texts import one_line
from clawdforge.errors import InputError
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
    head = f"{clock}  {sign} {name_of(view):<8}  {project_name(view):<24}  {doing(view):<16}"
    return f"{head}  {format_money(view.cost_usd):>7}  {what}".rstrip()


def the_session(views: "Sequence[SessionView]", given: str) -> "SessionView":
    """The session that is meant: by the beginning of an id of its, by its pane or its process.

    Raises:
        InputError: none is, or more than one.
    """
    found = [view for view in views if given in {view.id, view.tmux_pane, str(view.pid)}]
    found = found or [
        view
        for view in views
        if view.id.startswith(given) or (view.agent_session_id or "").startswith(given)
    ]
    if len(found) == 1:
        return found[0]
    hint = "`clawdforge ps` shows them"
    if not found:
        msg = f"no session has an id that begins with {given!r}, nor such a pane or process"
        raise InputError(msg, code="not_found", hint=hint)
    msg = f"{len(found)} sessions are meant by {given!r}"
    raise InputError(msg, code="ambiguous", hint=f"give more of the id; {hint}")
