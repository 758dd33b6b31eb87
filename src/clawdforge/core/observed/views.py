"""A session as those who watch are shown it: the fields of atmd 0.2.2, and ours after them."""

import functools

import msgspec

from clawdforge.core.observed.formats import (
    MICROS_PER_USD,
    format_age,
    format_duration,
    format_money,
    format_time,
    format_tokens,
    short_id,
    short_path,
)

IDLE = "idle"
WORKING = "working"
ATTENTION = "attention_needed"
"""The three words of `status`. Clients know no others: a finer state is told in `state`."""

_LOOKS = {IDLE: ("idle", "-"), WORKING: ("working", ">"), ATTENTION: ("needs input", "!")}
WARNING_PERCENT = 80.0
CRITICAL_PERCENT = 90.0


class Evidence(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One signal that a session's state rests on, or that speaks against it."""

    signal: str
    """Which: `hook`, `status_line`, `record`, `process`, `gateway` …"""
    says: str
    """What it says, in a word or two."""
    age_ms: int
    """How old it is."""
    contradicts: bool = False
    """It speaks for another state."""


class SessionView(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """One session. The order of the fields is their order on the wire.

    A field without a default is always there, as null when it is None; one with a default is
    left out when it has that.
    """

    id: str
    id_short: str
    agent_type: str
    """`main`, `explore`, `plan`, `review`, `search`, or what the agent calls it."""
    model: str
    status: str
    status_label: str
    activity_detail: str | None
    should_blink: bool
    status_icon: str
    context_percentage: float
    context_display: str
    context_warning: bool
    context_critical: bool
    cost_display: str
    cost_usd: float
    duration_display: str
    duration_seconds: float
    lines_display: str
    working_directory: str | None
    needs_attention: bool
    last_activity_display: str
    age_display: str
    started_at: str
    last_activity: str
    tmux_pane: str | None
    project_root: str | None = None
    worktree_path: str | None = None
    worktree_branch: str | None = None
    parent_session_id: str | None = None
    child_session_ids: list[str] = []
    first_prompt: str | None = None
    # What atmd 0.2.2 did not have.
    cwd: str | None = None
    """The whole path."""
    source: str = ""
    """`terminal`, `gateway` or `background`."""
    agent: str = ""
    """Which product it is, `claude` …"""
    app: str | None = None
    """Of a driven session: whose it is."""
    session: str | None = None
    """Of a driven session: the gateway's id of it."""
    agent_session_id: str | None = None
    """Of a driven session: the agent's own id of the conversation."""
    pid: int | None = None
    cost_microusd: int | None = None
    state: str = ""
    """The finer state: `starting`, `working`, `tool`, `permission`, `input`, `idle` …"""
    state_since: str = ""
    evidence: tuple[Evidence, ...] = ()
    """What the state rests on, the newest first."""
    approval_id: str | None = None
    """Of what it asks and may be answered from anywhere; the oldest, where it asks several."""
    approval: str | None = None
    """That in a line: the tool, and what it would do."""
    host: str | None = None
    """On another machine: which, by the name under which it is reached; see `machines`."""
    stale: bool = False
    """That machine is not heard of now: this is how it was."""

    def __repr__(self) -> str:  # without the prompt
        return f"SessionView({self.id!r} is {self.state or self.status!r})"


def steady_view(
    *,
    id: str,  # noqa: A002 - the name of the field
    status: str,
    started_at: float,
    model: str = "Unknown",
    agent_type: str = "main",
    activity_detail: str | None = None,
    cwd: str | None = None,
    tmux_pane: str | None = None,
    project_root: str | None = None,
    worktree_path: str | None = None,
    worktree_branch: str | None = None,
    parent_session_id: str | None = None,
    child_session_ids: list[str] | None = None,
    first_prompt: str | None = None,
    source: str = "",
    agent: str = "",
    app: str | None = None,
    session: str | None = None,
    agent_session_id: str | None = None,
    pid: int | None = None,
    state: str = "",
    state_since: float | None = None,
    approval_id: str | None = None,
    approval: str | None = None,
) -> SessionView:
    """What rarely changes of a view; `with_figures` puts in the rest.

    Fields that are shown as they are have their names. Of the others: times are seconds since
    1970; `model` and `agent_type` come from `model_name` and `agent_type_name`.
    """
    label, icon = _LOOKS[status]
    needs_attention = status == ATTENTION
    return SessionView(
        id=id,
        id_short=short_id(id),
        agent_type=agent_type,
        model=model,
        status=status,
        status_label=label,
        activity_detail=activity_detail,
        should_blink=needs_attention,
        status_icon=icon,
        context_percentage=0.0,
        context_display="",
        context_warning=False,
        context_critical=False,
        cost_display="",
        cost_usd=0.0,
        duration_display="",
        duration_seconds=0.0,
        lines_display="",
        working_directory=short_path(cwd) if cwd is not None else None,
        needs_attention=needs_attention,
        last_activity_display="",
        age_display="",
        started_at=format_time(started_at),
        last_activity="",
        tmux_pane=tmux_pane,
        project_root=project_root,
        worktree_path=worktree_path,
        worktree_branch=worktree_branch,
        parent_session_id=parent_session_id,
        child_session_ids=child_session_ids or [],
        first_prompt=first_prompt,
        cwd=cwd,
        source=source,
        agent=agent,
        app=app,
        session=session,
        agent_session_id=agent_session_id,
        pid=pid,
        state=state,
        state_since="" if state_since is None else format_time(state_since),
        approval_id=approval_id,
        approval=approval,
    )


def with_figures(
    view: SessionView,
    *,
    last_activity: float,
    age: float,
    silent: float,
    context_used: int = 0,
    context_size: int = 200_000,
    cost_microusd: int = 0,
    duration_ms: int = 0,
    lines_added: int = 0,
    lines_removed: int = 0,
    evidence: tuple[Evidence, ...] = (),
) -> SessionView:
    """A steady view with what changes all the time.

    `context_used` and `context_size` are tokens; `age` and `silent` seconds: since it began, and
    since something was heard of it.
    """
    percentage, context_display = _context(context_used, context_size)
    cost_usd = cost_microusd / MICROS_PER_USD
    return msgspec.structs.replace(
        view,
        context_percentage=percentage,
        context_display=context_display,
        context_warning=percentage >= WARNING_PERCENT,
        context_critical=percentage >= CRITICAL_PERCENT,
        cost_display=format_money(cost_usd),
        cost_usd=cost_usd,
        duration_display=format_duration(duration_ms),
        duration_seconds=duration_ms / 1000.0,
        lines_display=f"+{lines_added} -{lines_removed}",
        needs_attention=view.should_blink or percentage >= WARNING_PERCENT,
        last_activity_display=format_age(silent),
        age_display=format_age(age),
        last_activity=format_time(last_activity),
        cost_microusd=cost_microusd,
        evidence=evidence,
    )


@functools.lru_cache(maxsize=1024)  # of five status lines one tells something new about it
def _context(used: int, size: int) -> tuple[float, str]:
    percentage = min(used / size * 100.0, 100.0) if size else 0.0
    return percentage, f"{percentage:.1f}% ({format_tokens(used)}/{format_tokens(size)})"
