"""What each hook of Claude Code means for the state of its session.

The words and details are those of atmd 0.2.2, wherever that had any: a client that knows only
`status` and `activity_detail` sees what it saw there. Finer states, and the events that atmd did
not know, come from recordings of Claude Code 2.1.329.
"""

import math
from collections.abc import Callable
from typing import Any, Final

from clawdforge.core.observed.mind import INPUT_TOOLS, MAX_OPEN, Ask, Mind
from clawdforge.core.observed.signals import Hook
from clawdforge.core.observed.states import (
    BACKGROUND,
    COMPACTING,
    ERROR,
    GROUPS,
    IDLE,
    INPUT,
    PERMISSION,
    SCHEDULED,
    SHELL,
    STARTING,
    WORKING,
    State,
)

THINKING: Final = "Thinking"
TURNS: Final = frozenset({"UserPromptSubmit", "Stop", "StopFailure", "SessionStart"})
"""Events that begin or end a turn."""
QUIET_TASKS: Final = frozenset({"shell", "monitor"})
"""Work in the background beside which Claude Code does not count as busy."""


def apply_hook(mind: Mind, hook: Hook, now: float) -> bool:
    """Take a hook in.

    Returns:
        Whether it says anything about the state.
    """
    rule = RULES.get(hook.hook_event_name)
    if rule is None or _is_late(mind, hook):
        return False
    group = mind.group
    rule(mind, hook)
    if mind.group != group:
        mind.group_at = now
    return True


def _is_late(mind: Mind, hook: Hook) -> bool:
    """Hooks are processes of their own, so they may overtake each other."""
    sent = hook.sent_at
    if not isinstance(sent, (int, float)) or not math.isfinite(sent):
        return False
    if sent < mind.turned_at and hook.agent_id is None:
        return True
    if hook.hook_event_name in TURNS:
        mind.turned_at = sent
    return False


def _still_asks(mind: Mind, hook: Hook) -> bool:
    """End the questions that this hook may have ended; whether any is left."""
    if mind.asks:
        mind.asks = tuple(ask for ask in mind.asks if not ask.may_end_with(hook))
    return bool(mind.asks)


def _go_on(mind: Mind, hook: Hook, detail: str | None) -> None:
    """Somebody works: the main agent, or one that it left in the background."""
    if hook.agent_id is None:
        mind.phase = WORKING
        mind.is_open = True
    elif GROUPS[mind.phase] != "busy":
        mind.phase = BACKGROUND
    if not mind.asks:
        mind.detail = detail


def _prompt(mind: Mind, hook: Hook) -> None:
    during = mind.is_open and hook.prompt_id is not None and hook.prompt_id == mind.prompt_id
    if during:
        # Given while a turn runs: it carries that turn's id, and is answered after it.
        mind.queued = True
    else:
        mind.turn_over()
        mind.queued = False
        mind.phase = WORKING
    mind.asks = tuple(ask for ask in mind.asks if ask.tool is not None)
    mind.is_open = True
    mind.prompt_id = hook.prompt_id
    if not mind.asks:
        mind.detail = None


def _tool_begins(mind: Mind, hook: Hook) -> None:
    if hook.tool_name is None:
        return
    mind.open_tool(hook)
    if _still_asks(mind, hook):
        return
    _go_on(mind, hook, hook.tool_name)
    name, use_id = hook.tool_name.strip(), hook.tool_use_id
    if name in INPUT_TOOLS:
        # Without the call's id it cannot be told from others, and atmd's rules hold.
        mind.asks = (Ask(INPUT, hook.agent_id, name if use_id else None, use_id),)


def _tool_ends(mind: Mind, hook: Hook) -> None:
    mind.close_tool(hook)
    _still_asks(mind, hook)
    _go_on(mind, hook, THINKING)


def _batch_ends(mind: Mind, hook: Hook) -> None:
    mind.close_tools(hook.agent_id)
    mind.asks = tuple(ask for ask in mind.asks if ask.tool and ask.agent_id != hook.agent_id)
    if hook.agent_id is None:
        # A prompt that waits is put in here, if it is not kept for a turn of its own.
        mind.queued = False
    _go_on(mind, hook, THINKING)


def _permission(mind: Mind, hook: Hook) -> None:
    asks_input = (hook.tool_name or "").strip() in INPUT_TOOLS
    use_id = hook.tool_use_id or mind.tool_asking(hook)
    ask = Ask(INPUT if asks_input else PERMISSION, hook.agent_id, hook.tool_name, use_id)
    others = (one for one in mind.asks if not _is_same(one, ask))
    mind.asks = (*others, ask)[-MAX_OPEN:]
    mind.detail = hook.tool_name if asks_input else "Permission"


def _is_same(one: Ask, other: Ask) -> bool:
    return one.tool is None or (
        one.agent_id == other.agent_id and (one.use_id == other.use_id or one.tool == other.tool)
    )


def _form(mind: Mind, hook: Hook) -> None:
    tool = next((t for t in mind.tools.values() if t.agent_id == hook.agent_id), None)
    others = (ask for ask in mind.asks if ask.tool and ask.agent_id != hook.agent_id)
    if tool is None:
        mind.asks = (*others, Ask(INPUT, hook.agent_id))
    else:
        mind.asks = (*others, Ask(INPUT, tool.agent_id, tool.name, tool.use_id))
    mind.detail = "MCP Input"


def _form_answered(mind: Mind, hook: Hook) -> None:
    mind.asks = tuple(ask for ask in mind.asks if ask.tool and ask.agent_id != hook.agent_id)
    tool = next((t for t in mind.tools.values() if t.agent_id == hook.agent_id), None)
    _go_on(mind, hook, tool.name if tool else THINKING)


_NOTICES: Final[dict[str, tuple[State, str]]] = {
    "permission_prompt": (PERMISSION, "Permission"),
    "elicitation_dialog": (INPUT, "MCP Input"),
    "agent_needs_input": (INPUT, "Input"),
}


def _notice(mind: Mind, hook: Hook) -> None:
    kind = hook.notification_type or ""
    if kind == "idle_prompt":
        mind.forget(mind.phase if GROUPS[mind.phase] in {"idle", "shell"} else IDLE)
    elif kind in _NOTICES:
        state, mind.detail = _NOTICES[kind]
        if not mind.asks:
            mind.asks = (Ask(state),)


def _stop(mind: Mind, hook: Hook) -> None:
    mind.turn_over()
    mind.tasks = frozenset(_kinds(hook.background_tasks))
    _after_turn(mind)
    if mind.phase != IDLE:
        return
    if _has_agents(mind):
        mind.phase = BACKGROUND
    elif mind.tasks & QUIET_TASKS:
        mind.phase = SHELL
    elif isinstance(hook.session_crons, list) and hook.session_crons:
        mind.phase = SCHEDULED
    if mind.phase in {BACKGROUND, SHELL} and not mind.asks:
        mind.detail = "Background"


def _stop_failed(mind: Mind, hook: Hook) -> None:  # noqa: ARG001 - one shape for all rules
    mind.turn_over()
    _after_turn(mind)
    if mind.phase == IDLE:
        mind.phase = ERROR
        if not mind.asks:
            mind.detail = "Error"


def _after_turn(mind: Mind) -> None:
    """A turn is over: the next begins without a word when a prompt waits."""
    mind.is_open = mind.queued
    mind.phase = WORKING if mind.queued else IDLE
    mind.queued = False
    if not mind.asks:
        mind.detail = None


def _kinds(tasks: Any) -> list[str]:
    if not isinstance(tasks, list):
        return []
    known = [task for task in tasks[:MAX_OPEN] if isinstance(task, dict)]
    return [
        str(task.get("type"))
        for task in known
        if task.get("status", "running") in {"running", "pending"}
    ]


def _has_agents(mind: Mind) -> bool:
    """Whether agents work in the background. A teammate stays in the list while it is idle."""
    working = mind.tasks - QUIET_TASKS
    return bool(working - {"teammate"}) or ("teammate" in working and bool(mind.agents))


def _agent_begins(mind: Mind, hook: Hook) -> None:
    if hook.agent_id and len(mind.agents) < MAX_OPEN:
        mind.agents.add(hook.agent_id)
    _agents_work(mind, hook)


def _agent_ends(mind: Mind, hook: Hook) -> None:
    if hook.agent_type == "":
        return  # compaction's own
    if hook.agent_id:
        mind.agents.discard(hook.agent_id)
        mind.close_tools(hook.agent_id)
    _agents_work(mind, hook)


def _agents_work(mind: Mind, hook: Hook) -> None:
    if not _still_asks(mind, hook) and GROUPS[mind.phase] != "busy":
        mind.phase = BACKGROUND


def _teammate_idle(mind: Mind, hook: Hook) -> None:
    mind.agents.discard(hook.agent_id or "")
    if mind.phase == BACKGROUND and not mind.asks and not _has_agents(mind):
        mind.phase = SHELL if mind.tasks & QUIET_TASKS else IDLE
        mind.detail = None


def _session_starts(mind: Mind, hook: Hook) -> None:
    if hook.source == "compact" and mind.phase == COMPACTING:
        _compacted(mind, hook)
    else:
        mind.forget(STARTING)
        mind.agents.clear()


def _compacts(mind: Mind, hook: Hook) -> None:
    if not _still_asks(mind, hook):
        mind.phase, mind.detail = COMPACTING, "Compacting"
    mind.trigger = hook.trigger
    mind.is_open = hook.trigger == "auto" or mind.is_open


def _compacted(mind: Mind, hook: Hook) -> None:
    if (hook.trigger or mind.trigger) == "auto":
        mind.phase, mind.detail = WORKING, THINKING
    elif mind.phase == COMPACTING:
        mind.forget()


def _setup(mind: Mind, hook: Hook) -> None:
    if not _still_asks(mind, hook):
        mind.phase, mind.detail = WORKING, "Setup"


RULES: Final[dict[str, Callable[[Mind, Hook], None]]] = {
    "PreToolUse": _tool_begins,
    "PostToolUse": _tool_ends,
    "PostToolUseFailure": _tool_ends,
    "PermissionDenied": _tool_ends,
    "PostToolBatch": _batch_ends,
    "PermissionRequest": _permission,
    "Elicitation": _form,
    "ElicitationResult": _form_answered,
    "Notification": _notice,
    "UserPromptSubmit": _prompt,
    "Stop": _stop,
    "StopFailure": _stop_failed,
    "SubagentStart": _agent_begins,
    "SubagentStop": _agent_ends,
    "TeammateIdle": _teammate_idle,
    "SessionStart": _session_starts,
    "PreCompact": _compacts,
    "PostCompact": _compacted,
    "Setup": _setup,
}
