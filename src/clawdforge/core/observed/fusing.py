"""One state out of several signals, which may contradict each other.

Hooks are fast but blind for interrupts; Claude Code's record of a process knows all, but comes
later (40 ms, 330 ms under load). So a newer hook is believed for half a second, then the record.
"""

from typing import Final

from clawdforge.core.observed.entry import Entry
from clawdforge.core.observed.mind import Ask, Mind
from clawdforge.core.observed.signals import Driven, Moment, Record
from clawdforge.core.observed.states import (
    COMPACTING,
    GROUPS,
    HIBERNATED,
    IDLE,
    INPUT,
    INTERRUPTED,
    PERMISSION,
    SHELL,
    STARTING,
    TOOL,
    WORKING,
    Group,
    State,
)

TRUST_SECS: Final = 0.5
"""A hook that the record contradicts is believed for so long."""
IDLE_SECS: Final = 0.3
"""So long a record must be idle: before a queued prompt it is idle for a moment (60-130 ms)."""
MAX_RECORD_LAG_SECS: Final = 5.0
ATTACHED: Final = "attached"
"""How a driven session stands that somebody has in a terminal: there the agent tells it itself."""
SILENT_SECS: Final = 600.0
"""Longer than silent retries last (3 minutes), and than all but the longest answers."""
SILENT_TOOL_SECS: Final = 3600.0

RECORD_GROUPS: Final[dict[str | None, Group]] = {
    "busy": "busy",
    "waiting": "waiting",
    "shell": "shell",
    "idle": "idle",
}
_QUIET: Final = frozenset({"idle", "shell"})
_WAITING_FOR: Final[dict[str | None, tuple[State, str]]] = {
    "permission prompt": (PERMISSION, "Permission"),
    "sandbox request": (PERMISSION, "Permission"),
    # Somebody is at the terminal and has opened it.
    "dialog open": (INPUT, "Dialog"),
}
_DRIVEN: Final[dict[str, State]] = {
    "running": WORKING,
    "waiting": PERMISSION,
    "hibernated": HIBERNATED,
}


def hear_record(entry: Entry, record: Record, now: Moment) -> bool:
    """Keep a record.

    Returns:
        Whether it says something new about the state.
    """
    before = entry.record
    entry.record = record
    if (
        before is not None
        and before.status == record.status
        and before.waiting_for == record.waiting_for
    ):
        return False
    entry.record_at = now
    lag = 0.0 if record.status_updated_at is None else now.utc - record.status_updated_at / 1000
    entry.status_at = now.mono - min(max(lag, 0.0), MAX_RECORD_LAG_SECS)
    return True


def settle(entry: Entry, now: Moment) -> bool:
    """Decide what is shown, and when that has to be looked at again (`entry.due`).

    Returns:
        Whether something else is shown than before.
    """
    entry.due = None
    if entry.driven is not None and entry.driven.status != ATTACHED:
        return _show(entry, *_driven_state(entry.driven), now)
    mind = entry.mind
    record = entry.record
    told = None if record is None else RECORD_GROUPS.get(record.status)
    if record is None or told is None:
        entry.due = _silent_until(entry)
        if entry.due is not None and entry.due <= now.mono:
            entry.due = None
            mind.forget(INTERRUPTED)
        return _show(entry, mind.state, mind.detail, now)
    if mind.state == STARTING:
        mind.phase = IDLE
    entry.due = _disputed_until(entry, told)
    if entry.due is not None and entry.due > now.mono:
        ends = mind.group in _QUIET and entry.shown_group not in _QUIET
        return False if ends else _show(entry, mind.state, mind.detail, now)
    entry.due = None
    if mind.group != told:
        adopt(mind, told, record.waiting_for)
        mind.group_at = entry.status_at
    return _show(entry, mind.state, mind.detail, now)


def _disputed_until(entry: Entry, told: Group) -> float | None:
    """Until when the record is not believed, or an end is not yet shown; None: settled."""
    mind = entry.mind
    if mind.group == told:
        ends = told in _QUIET and entry.shown_group not in _QUIET
        return max(mind.group_at, entry.status_at) + IDLE_SECS if ends else None
    if mind.group_at > entry.status_at:
        return mind.group_at + TRUST_SECS
    return entry.status_at + IDLE_SECS if told in _QUIET else None


def _silent_until(entry: Entry) -> float | None:
    """How long hooks alone are believed that somebody works: no hook tells of an interrupt."""
    mind = entry.mind
    if mind.asks or mind.group != "busy":
        return None
    return entry.seen.mono + (SILENT_TOOL_SECS if mind.tools else SILENT_SECS)


def adopt(mind: Mind, told: Group, waiting_for: str | None) -> None:
    """Believe the record: make the hooks' picture fit it."""
    if told == "waiting":
        state, detail = _WAITING_FOR.get(waiting_for, (INPUT, "Input"))
        mind.asks = (Ask(state),)
        mind.detail = detail
    elif told == "busy":
        mind.asks = ()
        if GROUPS[mind.phase] != "busy":
            mind.phase = WORKING
        tool = next(iter(mind.tools.values()), None)
        mind.detail = tool.name if tool else None
    elif told == "shell":
        mind.forget(SHELL)
        mind.detail = "Background"
    else:
        is_cut = mind.is_open and not (mind.phase == COMPACTING and mind.trigger == "manual")
        mind.forget(INTERRUPTED if is_cut else IDLE)


def _driven_state(driven: Driven) -> tuple[State, str | None]:
    state = _DRIVEN.get(driven.status, IDLE)
    if state == WORKING and driven.tool:
        return TOOL, driven.tool
    return state, "Permission" if state == PERMISSION else None


def _show(entry: Entry, state: State, detail: str | None, now: Moment) -> bool:
    if state == entry.state and detail == entry.detail:
        return False
    if state != entry.state:
        entry.state = state
        entry.shown_group = GROUPS[state]
        entry.state_utc = now.utc
    entry.detail = detail
    return True
