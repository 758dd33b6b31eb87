"""`clawdforge show`: everything about one session on this machine."""

import asyncio
import time
from typing import TYPE_CHECKING

from clawdforge.cli.connection import AS_JSON
from clawdforge.cli.targets import TARGET, find_target, names_pane, session_named

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from clawdforge.core.observed.views import SessionView


def show(session: TARGET, as_json: AS_JSON = False) -> None:
    """Show everything that is known about a session on this machine, and why it is believed.

    It takes what `clawdforge ps` prints: the short id, the pane, the project.

    For example:

      clawdforge show 5b0e

      clawdforge show %5 --json
    """
    from clawdforge.cli.screen import print_facts, print_json
    from clawdforge.client.monitor import monitor_sessions

    view = _meant(monitor_sessions(), session)
    if as_json:
        print_json(view)
    else:
        print_facts(_facts(view, time.time()))


def _meant(views: "Sequence[SessionView]", given: str) -> "SessionView":
    """The session that is meant.

    Raises:
        InputError: none is, or more than one.
        TmuxError: there is no such pane.
    """
    from clawdforge.config import environment
    from clawdforge.errors import InputError

    if not names_pane(given):
        return session_named(views, given)
    said = [view for view in views if view.tmux_pane == given and view.parent_session_id is None]
    if len(said) == 1:
        return said[0]
    view = asyncio.run(find_target(given, environment(), views=views)).view
    if view is None:
        msg = f"the monitor knows no agent in pane {given}"
        hint = "`clawdforge ps` shows those that it knows; it finds others when it looks again"
        raise InputError(msg, code="not_found", hint=hint)
    return view


def _facts(view: "SessionView", now: float) -> "Iterable[tuple[str, object]]":
    from clawdforge.core.observed.formats import format_money
    from clawdforge.core.texts import one_line
    from clawdforge.tui.looks import doing, silent_secs
    from clawdforge.tui.times import lasting, moment, since

    def ago(text: str) -> str | None:
        secs = since(text, now)
        at = moment(text)
        if at is None:
            return None
        return f"{time.strftime('%Y-%m-%d %H:%M:%S', time.localtime(at))} ({lasting(secs)} ago)"

    silent = silent_secs(view, now)
    evidence = "\n".join(
        f"{one.signal} says {one.says}, {lasting(one.age_ms / 1000)} ago"
        + (" (disputed)" if one.contradicts else "")
        for one in view.evidence
    )
    yield from (
        ("session", view.id),
        ("agent", f"{view.agent} {view.agent_type}" if view.agent_type != "main" else view.agent),
        ("state", f"{doing(view)} ({view.state or view.status})"),
        ("since", ago(view.state_since)),
        ("asks", one_line(view.approval or "", 300)),
        ("silent for", lasting(silent) if silent else None),
        ("because", evidence.replace("\n", "\n" + " " * 13)),
        ("model", None if view.model == "Unknown" else view.model),
        ("context", view.context_display),
        ("cost", format_money(view.cost_usd)),
        ("lines", view.lines_display if view.lines_display != "+0 -0" else None),
        ("at work", view.duration_display if view.duration_seconds else None),
        ("began", ago(view.started_at)),
        ("heard of", ago(view.last_activity)),
        ("folder", view.cwd or view.working_directory),
        ("project", view.project_root),
        ("worktree", view.worktree_path),
        ("branch", view.worktree_branch),
        ("pane", view.tmux_pane),
        ("process", view.pid),
        ("driven as", view.session if view.session != view.id else None),
        ("app", view.app),
        ("its own id", view.agent_session_id),
        ("started by", view.source),
        ("parent", view.parent_session_id),
        ("subagents", ", ".join(view.child_session_ids)),
        ("first prompt", one_line(view.first_prompt or "", 1000)),
    )
