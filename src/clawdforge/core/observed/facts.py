"""Facts that signals tell beside the state: cost, context, model, folder, pane."""

import msgspec

from clawdforge.core.observed.entry import DEFAULT_WINDOW, Entry
from clawdforge.core.observed.signals import (
    ContextWindow,
    Cost,
    CurrentUsage,
    Driven,
    Found,
    Hook,
    Model,
    Record,
    StatusLine,
)

_NOTIFIED = "<task-notification>"
"""How a prompt begins that Claude Code gives itself."""
_NEW_CWD = msgspec.json.Decoder()


def take_line(entry: Entry, line: StatusLine) -> bool:
    """Keep what a status line tells; what it leaves out stays.

    Returns:
        Whether the folder is another one.
    """
    if line.model is not None:
        entry.model = line.model
    if (cost := line.cost) is not None:
        _take_cost(entry, cost)
    if (window := line.context_window) is not None:
        _take_window(entry, window)
    if line.tmux_pane is not None:
        entry.pane = line.tmux_pane
    if line.cwd is None or line.cwd == entry.cwd:
        return False
    entry.cwd = line.cwd
    return True


def _take_cost(entry: Entry, cost: Cost) -> None:
    entry.cost = cost
    added, removed = cost.total_lines_added, cost.total_lines_removed
    if added is not msgspec.UNSET:
        entry.lines_added = added
    if removed is not msgspec.UNSET:
        entry.lines_removed = removed


def _take_window(entry: Entry, window: ContextWindow) -> None:
    size, usage = window.context_window_size, window.current_usage
    if size is not msgspec.UNSET:
        entry.window = size
    if usage is not msgspec.UNSET:
        entry.usage = usage


def take_hook(entry: Entry, hook: Hook) -> bool:
    """Keep what a hook tells. Returns whether the folder is another one."""
    if hook.tmux_pane is not None:
        entry.pane = hook.tmux_pane
    if hook.model and (entry.model is None or entry.model.id != hook.model):
        entry.model = Model(id=hook.model)
    if (
        entry.first_prompt is None
        and hook.prompt
        and hook.hook_event_name == "UserPromptSubmit"
        and not hook.prompt.startswith(_NOTIFIED)
    ):
        entry.first_prompt = hook.prompt
    if hook.agent_id is not None or hook.cwd is None or hook.cwd == entry.cwd:
        return False  # a subagent may work in a folder of its own
    entry.cwd = hook.cwd
    return True


def take_record(entry: Entry, record: Record) -> bool:
    """Keep what Claude Code's record tells. Returns whether the folder is another one."""
    entry.kind = "background" if record.kind == "bg" else "terminal"
    pane = (record.tmux or "").rpartition(".")[2]
    if pane.startswith("%"):
        entry.pane = pane
    if record.cwd is None or record.cwd == entry.cwd:
        return False
    entry.cwd = record.cwd
    return True


def take_found(entry: Entry, found: Found) -> bool:
    """Keep what was found: it knows less than what is told. Returns whether it has a folder now."""
    entry.parents = found.parents
    entry.pane = found.tmux_pane or entry.pane
    if entry.cwd is not None or found.cwd is None:
        return False
    entry.cwd = found.cwd
    return True


def take_driven(entry: Entry, driven: Driven) -> bool:
    """Keep what a gateway tells. Returns whether the folder is another one."""
    entry.agent = driven.agent
    if driven.model and (entry.model is None or entry.model.id != driven.model):
        entry.model = Model(id=driven.model)
    if driven.context_size is not None:
        entry.window = driven.context_size
    if driven.context_used is not None:
        entry.usage = CurrentUsage(input_tokens=driven.context_used)
    entry.first_prompt = entry.first_prompt or driven.first_prompt
    if driven.started_at is not None:
        entry.started_utc = driven.started_at
    if driven.cwd is None or driven.cwd == entry.cwd:
        return False
    entry.cwd = driven.cwd
    return True


def inherit(entry: Entry, other: Entry) -> None:
    """Take over what was known of the same session under another name."""
    for name in ("cwd", "place", "pane", "model", "cost", "usage", "first_prompt", "record"):
        if getattr(entry, name) is None:
            setattr(entry, name, getattr(other, name))
    for name in ("line_at", "hook_at", "record_at"):
        if getattr(entry, name) is None:
            setattr(entry, name, getattr(other, name))
    if entry.window == DEFAULT_WINDOW:
        entry.window = other.window
    entry.lines_added = entry.lines_added or other.lines_added
    entry.lines_removed = entry.lines_removed or other.lines_removed
    entry.mind, entry.status_at = other.mind, other.status_at
    entry.hook_name, entry.hook_group = other.hook_name, other.hook_group
    entry.started_utc = min(entry.started_utc, other.started_utc)
