"""`clawdforge show`: everything about one session on this machine."""

import time
from typing import TYPE_CHECKING, Annotated

import typer

from clawdforge.cli.connection import AS_JSON

if TYPE_CHECKING:
    from collections.abc import Iterable

    from clawdforge.core.observed.views import SessionView

SESSION = Annotated[
    str,
    typer.Argument(
        metavar="SESSION", help="The beginning of its id, its tmux pane (%5) or its process id."
    ),
]


def show(session: SESSION, as_json: AS_JSON = False) -> None:
    """Show everything that is known about a session on this machine, and why it is believed.

    For example:

      clawdforge show 5b0e

      clawdforge show %5 --json
    """
    from clawdforge.cli.monitor_rows import the_session
    from clawdforge.cli.screen import print_facts, print_json
    from clawdforge.client.monitor import monitor_sessions

    view = the_session(monitor_sessions(), session)
    if as_json:
        print_json(view)
    else:
        print_facts(_facts(view, time.time()))


def _facts(view: "SessionView", now: float) -> "Iterable[tuple[str, object]]":
    from clawdforge.core.observed.formats import format_money
    from clawdforge.core.texts import one_line
    from clawdforge.tui.looks import doing, silent_secs
    from clawdforge.tui.times import lasting, since

    def ago(text: str) -> str | None:
        secs = since(text, now)
        return f"{text[:19].replace('T', ' ')} UTC ({lasting(secs)} ago)" if text else None

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
        ("silent for", lasting(silent) if silent else None),
        ("because", evidence.replace("\n", "\n" + " " * 13)),
        ("model", None if view.model == "Unknown" else view.model),
        ("context", view.context_display),
        ("cost", format_money(view.cost_usd)),
        ("lines", view.lines_display),
        ("at work", view.duration_display if view.duration_seconds else None),
        ("began", ago(view.started_at)),
        ("heard of", ago(view.last_activity)),
        ("folder", view.cwd or view.working_directory),
        ("project", view.project_root),
        ("worktree", view.worktree_path),
        ("branch", view.worktree_branch),
        ("pane", view.tmux_pane),
        ("process", view.pid),
        ("driven as", view.session),
        ("app", view.app),
        ("its own id", view.agent_session_id),
        ("started by", view.source),
        ("parent", view.parent_session_id),
        ("subagents", ", ".join(view.child_session_ids)),
        ("first prompt", one_line(view.first_prompt or "", 1000)),
    )
