"""An entry as it is shown, and why."""

from collections.abc import Iterable

import msgspec

from clawdforge.core.observed.entry import Entry
from clawdforge.core.observed.figures import Figures, counted
from clawdforge.core.observed.formats import format_time, microusd
from clawdforge.core.observed.fusing import RECORD_GROUPS
from clawdforge.core.observed.names import model_name
from clawdforge.core.observed.signals import Moment, Place
from clawdforge.core.observed.states import GROUPS, WORDS, shown_state
from clawdforge.core.observed.views import Evidence, SessionView, steady_view, with_figures

_NOWHERE = Place()
_SAYS = {"busy": "working", "waiting": "waiting", "shell": "background", "idle": "idle"}


class Explanation(msgspec.Struct, frozen=True, kw_only=True):
    """Why a session is in its state."""

    session_id: str
    state: str
    status: str
    """One of the three words."""
    activity_detail: str | None
    since: str
    """RFC 3339."""
    for_secs: float
    """How long."""
    silent_secs: float
    """How long nothing was heard of it."""
    signals: tuple[Evidence, ...]
    """What it rests on, the newest first."""
    reason: str
    """In a sentence."""


def view(entry: Entry, now: Moment) -> SessionView:
    """The view of an entry."""
    usage, cost = entry.usage, entry.cost
    used = 0
    if usage is not None:
        used = (
            usage.input_tokens + usage.cache_creation_input_tokens + usage.cache_read_input_tokens
        )
    heard = entry.seen.utc
    return with_figures(
        _steady(entry),
        last_activity=heard,
        age=now.utc - entry.started_utc,
        silent=now.utc - heard,
        context_used=used,
        context_size=entry.window,
        cost_microusd=_micros(entry),
        duration_ms=0 if cost is None else cost.total_duration_ms,
        lines_added=entry.lines_added,
        lines_removed=entry.lines_removed,
        evidence=evidence(entry, now),
    )


def figures(entries: Iterable[Entry]) -> Figures:
    """All entries, counted."""
    return counted(
        (WORDS[GROUPS[entry.state]], shown_state(entry.state), _micros(entry)) for entry in entries
    )


def _micros(entry: Entry) -> int:
    """What it has cost: as its gateway says, else the agent itself."""
    if entry.driven is not None and entry.driven.cost_microusd is not None:
        return entry.driven.cost_microusd
    return 0 if entry.cost is None else microusd(entry.cost.total_cost_usd)


def _steady(entry: Entry) -> SessionView:
    """What rarely changes of the view, made anew when it did."""
    key = (
        entry.id,
        entry.agent_type,
        entry.model,
        entry.state,
        entry.detail,
        entry.cwd,
        entry.place,
        entry.pane,
        entry.parent_id,
        tuple(entry.children),
        entry.first_prompt,
        entry.kind,
        entry.agent,
        entry.driven,
        entry.pid,
        entry.started_utc,
        entry.state_utc,
        entry.approval,
    )
    shown = entry.shown
    if shown is None or shown[0] != key:
        entry.shown = shown = (key, _made(entry))
    return shown[1]


def _made(entry: Entry) -> SessionView:
    model, driven = entry.model, entry.driven
    place = entry.place or _NOWHERE
    approval_id, approval = entry.approval or (None, None)
    return steady_view(
        id=entry.id,
        status=WORDS[GROUPS[entry.state]],
        activity_detail=entry.detail,
        started_at=entry.started_utc,
        model="Unknown" if model is None else model_name(model.id, model.display_name),
        agent_type=entry.agent_type,
        cwd=entry.cwd,
        tmux_pane=entry.pane,
        project_root=place.project_root,
        worktree_path=place.worktree_path,
        worktree_branch=place.worktree_branch,
        parent_session_id=entry.parent_id,
        child_session_ids=list(entry.children),
        first_prompt=entry.first_prompt,
        source=entry.source,
        agent=entry.agent,
        app=None if driven is None else driven.app,
        session=None if driven is None else driven.session_id,
        agent_session_id=None if driven is None else driven.agent_session_id,
        pid=entry.pid,
        state=shown_state(entry.state),
        state_since=entry.state_utc,
        approval_id=approval_id,
        approval=approval,
    )


def evidence(entry: Entry, now: Moment) -> tuple[Evidence, ...]:
    """The signals that an entry's state rests on, the newest first."""
    shown = entry.shown_group
    told = []
    if entry.driven is not None and entry.driven_at is not None:
        told.append(_evidence("gateway", entry.driven.status, entry.driven_at, now))
    if entry.hook_at is not None:
        group = entry.hook_group
        says = f"{entry.hook_name}: {_SAYS[group]}" if group else entry.hook_name
        against = group is not None and group != shown
        told.append(_evidence("hook", says, entry.hook_at, now, against))
    if entry.record is not None and entry.record_at is not None:
        status = entry.record.status or "starting"
        says = f"{status}: {entry.record.waiting_for}" if entry.record.waiting_for else status
        against = RECORD_GROUPS.get(status, shown) != shown
        told.append(_evidence("record", says, entry.record_at, now, against))
    if entry.line_at is not None:
        told.append(_evidence("status_line", "alive", entry.line_at, now))
    if len(told) > 1:
        told.sort(key=_age)
    return tuple(told)


def _evidence(
    signal: str,
    says: str,
    at: Moment,
    now: Moment,
    contradicts: bool = False,  # noqa: FBT001, FBT002
) -> Evidence:
    age = now.mono - at.mono
    millis = round(age * 1000) if age > 0 else 0
    return Evidence(signal=signal, says=says, age_ms=millis, contradicts=contradicts)


def _age(one: Evidence) -> int:
    return one.age_ms


def explain(entry: Entry, now: Moment) -> Explanation:
    """Why an entry is in its state."""
    told = evidence(entry, now)
    reason = _reason(entry, told)
    if entry.is_verified and entry.pid is not None:
        told += (Evidence(signal="process", says=f"{entry.pid} is alive", age_ms=0),)
    silent = max(0.0, now.mono - entry.seen.mono)
    return Explanation(
        session_id=entry.id,
        state=shown_state(entry.state),
        status=WORDS[GROUPS[entry.state]],
        activity_detail=entry.detail,
        since=format_time(entry.state_utc),
        for_secs=round(max(0.0, now.utc - entry.state_utc), 1),
        silent_secs=round(silent, 1),
        signals=told,
        reason=reason,
    )


def _reason(entry: Entry, told: tuple[Evidence, ...]) -> str:
    if not told:
        return "Nothing was told of its state; a process was found."
    basis = next((one for one in told if not one.contradicts), told[0])
    text = f"{basis.signal} says {basis.says}"
    against = [f"{one.signal} says {one.says}" for one in told if one.contradicts]
    if entry.ending is not None:
        text += f"; it seems to end ({entry.ending})"
    return f"{text}; against it: {', '.join(against)}" if against else text
