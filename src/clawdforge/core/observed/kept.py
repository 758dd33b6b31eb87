"""What is kept of a session for the next registry."""

from collections.abc import Callable

import msgspec

from clawdforge.core.observed.entry import DEFAULT_WINDOW, Entry
from clawdforge.core.observed.mind import Ask, Tool
from clawdforge.core.observed.signals import (
    Cost,
    CurrentUsage,
    Model,
    Moment,
    ProcessId,
)
from clawdforge.core.observed.states import GROUPS, IDLE, TOOL, WORKING, State
from clawdforge.core.observed.table import UNVERIFIED_SECS, RegistryFullError, Table


class Kept(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One session, as plain JSON."""

    id: str
    started_at: float
    """Seconds since 1970."""
    last_activity: float
    state: State = IDLE
    detail: str | None = None
    state_since: float = 0.0
    processes: list[ProcessId] = []
    unverified: list[int] = []
    """Pids that could not be looked at."""
    agent: str = "claude"
    agent_type: str = "main"
    kind: str = "terminal"
    cwd: str | None = None
    pane: str | None = None
    model: Model | None = None
    cost: Cost | None = None
    lines_added: int = 0
    lines_removed: int = 0
    usage: CurrentUsage | None = None
    window: int = DEFAULT_WINDOW
    first_prompt: str | None = None
    parent_id: str | None = None
    children: list[str] = []


def keep(entry: Entry) -> Kept:
    """What is kept of an entry."""
    return Kept(
        id=entry.id,
        started_at=entry.started_utc,
        last_activity=entry.seen.utc,
        state=entry.state,
        detail=entry.detail,
        state_since=entry.state_utc,
        processes=[process for process in entry.processes.values() if process is not None],
        unverified=[pid for pid, process in entry.processes.items() if process is None],
        agent=entry.agent,
        agent_type=entry.agent_type,
        kind=entry.kind,
        cwd=entry.cwd,
        pane=entry.pane,
        model=entry.model,
        cost=entry.cost,
        lines_added=entry.lines_added,
        lines_removed=entry.lines_removed,
        usage=entry.usage,
        window=entry.window,
        first_prompt=entry.first_prompt,
        parent_id=entry.parent_id,
        children=list(entry.children),
    )


def revive(
    table: Table, kept: Kept, alive: Callable[[ProcessId], bool], now: Moment
) -> Entry | None:
    """An entry again; None: its process is gone, or it is known already."""
    living = [one for one in kept.processes if one.pid not in table.pids and alive(one)]
    claimed = [pid for pid in kept.unverified if pid > 0 and pid not in table.pids]
    silent = now.utc - kept.last_activity
    is_over = not living and (bool(kept.processes) or silent > UNVERIFIED_SECS)
    if is_over or kept.id in table.ids:
        return None
    try:
        entry = table.create(kept.id, now)
    except RegistryFullError:
        return None
    entry.seen = Moment(utc=kept.last_activity, mono=now.mono - max(0.0, silent))
    for pid in claimed:
        table.attach(entry, pid, None)
    for process in living:
        table.attach(entry, process.pid, process)
    for name in _SAME:
        setattr(entry, name, getattr(kept, name))
    entry.started_utc = kept.started_at
    entry.children = list(kept.children)
    _restore_state(entry, kept)
    return entry


_SAME = (
    "agent",
    "agent_type",
    "kind",
    "cwd",
    "pane",
    "model",
    "cost",
    "lines_added",
    "lines_removed",
    "usage",
    "window",
    "first_prompt",
    "parent_id",
    "detail",
)


def _restore_state(entry: Entry, kept: Kept) -> None:
    mind, group = entry.mind, GROUPS[kept.state]
    if group == "waiting":
        mind.asks = (Ask(kept.state),)
        mind.phase = WORKING
    else:
        mind.phase = WORKING if kept.state == TOOL else kept.state
    if kept.state == TOOL and kept.detail is not None:
        mind.tools[f"None/{kept.detail}"] = Tool(kept.detail, None, None)
    mind.is_open = group in {"busy", "waiting"}
    mind.detail = kept.detail
    entry.state, entry.shown_group, entry.state_utc = kept.state, group, kept.state_since
