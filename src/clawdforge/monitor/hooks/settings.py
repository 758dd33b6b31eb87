"""Our hooks in Claude Code's settings: put in and taken out, with everything else left alone. Pure.

Settings are JSON: `hooks` holds for each event a list of groups, each with a list of hooks;
`statusLine` is one command. Ours are known by the name of their program.
"""

import copy
import json
import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from clawdforge.errors import ConfigError

PROGRAM = "clawdforge-hook"
TIMEOUT_SECS = 5
EVENTS = (
    "SessionStart",
    "SessionEnd",
    "UserPromptSubmit",
    "PreToolUse",
    "PostToolUse",
    "PostToolUseFailure",
    "PostToolBatch",
    "PermissionRequest",
    "PermissionDenied",
    "Notification",
    "Stop",
    "StopFailure",
    "SubagentStart",
    "SubagentStop",
    "PreCompact",
    "PostCompact",
    "Elicitation",
    "ElicitationResult",
    "CwdChanged",
    "PostModelSwitch",
)
"""What is reported. Never `WorktreeCreate`: a hook there replaces git. Not `MessageDisplay`: it
holds the text back (both measured with Claude Code 2.1.329)."""
ASKING_EVENT = "PermissionRequest"
_STATUS_LINE = "--status-line"
_APPROVE, _WAIT, _SUBAGENTS, _HEADLESS = "--approve", "--wait", "--subagents", "--headless"
MIN_APPROVAL_SECS, MAX_APPROVAL_SECS = 10, 86_400
_SPARE_SECS = 5
"""So much before the agent would end it our hook ends by itself."""

Settings = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Approvals:
    """What is asked may be answered from anywhere."""

    secs: int = 600
    """How long; then only in the terminal."""
    subagent_secs: int = 0
    """How long of a subagent in the background: its dialog is shown only then. 0: shown at once."""
    headless: bool = False
    """Also what sessions ask that have no terminal (`claude -p`): they wait, too."""


def parsed(text: str) -> Settings:
    """Settings from the text of their file; an empty one holds none.

    Raises:
        ConfigError: it is not a JSON object, or its hooks are not what hooks are.
    """
    if not text.strip():
        return {}
    try:
        value = json.loads(text)
    except ValueError as error:
        msg = f"the settings are not JSON: {error}"
        raise ConfigError(msg, hint="mend the file; nothing was changed") from None
    hooks = value.get("hooks", {}) if isinstance(value, dict) else None
    if not isinstance(hooks, dict) or not all(isinstance(hooks[name], list) for name in hooks):
        msg = "the settings are JSON, but not those of Claude Code"
        raise ConfigError(msg, hint="mend the file; nothing was changed")
    settings: Settings = value
    return settings


def written(settings: Mapping[str, Any], like: str) -> str:
    """The text of settings, indented as the file was before."""
    indent: int | str = 2
    for line in like.splitlines():
        inner = line.lstrip(" \t")
        if inner and inner != line:
            indent = "\t" if line[0] == "\t" else len(line) - len(inner)
            break
    return json.dumps(settings, indent=indent, ensure_ascii=False) + "\n"


def installed(
    settings: Mapping[str, Any], program: str, approvals: Approvals | None = None
) -> Settings:
    """The settings with our hooks, each once, run by `program`.

    Args:
        settings: As they are.
        program: The path of the hook client.
        approvals: What is asked may be answered from anywhere; None: in the terminal only.
    """
    result = removed(settings)
    hooks = result.setdefault("hooks", {})
    for event in EVENTS:
        hooks.setdefault(event, []).append({"hooks": [_hook(program)]})
    if approvals is not None:
        hooks[ASKING_EVENT].append({"hooks": [_asking_hook(program, approvals)]})
    result["statusLine"] = _wrapped(result.get("statusLine"), program)
    return result


def removed(settings: Mapping[str, Any]) -> Settings:
    """The settings without what `installed` has added, and with what it has wrapped."""
    result = copy.deepcopy(dict(settings))
    hooks = result.get("hooks")
    if isinstance(hooks, dict):
        for event in list(hooks):
            groups = [kept for group in hooks[event] for kept in _without_ours(group)]
            if groups or not hooks[event]:
                hooks[event] = groups
            else:
                del hooks[event]
        if not hooks and settings.get("hooks"):
            del result["hooks"]
    line = result.get("statusLine")
    if isinstance(line, dict) and _is_ours(line.get("command")):
        inner = _inner_command(line["command"])
        if inner is None:
            del result["statusLine"]
        else:
            line["command"] = inner
    return result


def reported(settings: Mapping[str, Any]) -> tuple[str, ...]:
    """The events that are reported by one of our hooks."""
    hooks = settings.get("hooks")
    if not isinstance(hooks, dict):
        return ()
    return tuple(event for event in hooks if any(map(_reports, _hooks_in(hooks[event]))))


def approvals_in(settings: Mapping[str, Any]) -> Approvals | None:
    """How what is asked may be answered from anywhere; None: it may not."""
    hooks = settings.get("hooks")
    groups = hooks.get(ASKING_EVENT) if isinstance(hooks, dict) else None
    for one in _hooks_in(groups):
        if _is_ours(one.get("command")) and not _reports(one):
            secs = one.get("timeout")
            if not isinstance(secs, int) or not MIN_APPROVAL_SECS <= secs <= MAX_APPROVAL_SECS:
                secs = Approvals().secs
            args = one["args"]
            subagents = args[args.index(_SUBAGENTS) + 1 :][:1] if _SUBAGENTS in args else []
            return Approvals(
                secs=secs,
                subagent_secs=int(subagents[0]) if "".join(map(str, subagents)).isdecimal() else 0,
                headless=_HEADLESS in args,
            )
    return None


def programs(settings: Mapping[str, Any]) -> set[str]:
    """The paths of our program that the settings name."""
    hooks = settings.get("hooks")
    found = set()
    if isinstance(hooks, dict):
        for groups in hooks.values():
            found |= {one["command"] for one in _hooks_in(groups) if _is_ours(one.get("command"))}
    return found


def has_status_line(settings: Mapping[str, Any]) -> bool:
    """Whether the status line is reported."""
    line = settings.get("statusLine")
    return isinstance(line, dict) and _is_ours(line.get("command"))


def _hook(program: str) -> dict[str, Any]:
    # With `args` it is run directly and not by a shell; `async` lets the agent not wait for it.
    return {
        "type": "command",
        "command": program,
        "args": [],
        "async": True,
        "timeout": TIMEOUT_SECS,
    }


def _asking_hook(program: str, approvals: Approvals) -> dict[str, Any]:
    # Not `async`: what it prints decides. The agent's own dialog is there meanwhile.
    args = [_APPROVE, _WAIT, str(approvals.secs - _SPARE_SECS)]
    if approvals.subagent_secs:
        args += [_SUBAGENTS, str(approvals.subagent_secs)]
    return {
        "type": "command",
        "command": program,
        "args": [*args, _HEADLESS] if approvals.headless else args,
        "timeout": approvals.secs,
    }


def _wrapped(line: Any, program: str) -> dict[str, Any]:
    ours = f"{shlex.quote(program)} {_STATUS_LINE}"
    if not isinstance(line, dict) or not isinstance(line.get("command"), str):
        return {"type": "command", "command": ours}
    return {**line, "command": f"{ours} {shlex.quote(line['command'])}"}


def _inner_command(command: str) -> str | None:
    """The command that ours wraps; None: it has printed one of its own."""
    words = shlex.split(command)
    return words[2] if len(words) > 2 else None


def _without_ours(group: Any) -> list[Any]:
    """The group without our hooks; nothing when it holds nothing else."""
    if not isinstance(group, dict) or not isinstance(group.get("hooks"), list):
        return [group]
    hooks = [
        one
        for one in group["hooks"]
        if not (isinstance(one, dict) and _is_ours(one.get("command")))
    ]
    if len(hooks) == len(group["hooks"]):
        return [group]
    return [{**group, "hooks": hooks}] if hooks else []


def _hooks_in(groups: Any) -> Iterator[dict[str, Any]]:
    for group in groups if isinstance(groups, list) else ():
        hooks = group.get("hooks") if isinstance(group, dict) else None
        for one in hooks if isinstance(hooks, list) else ():
            if isinstance(one, dict):
                yield one


def _reports(hook: Mapping[str, Any]) -> bool:
    """Whether a hook is ours and only reports."""
    args = hook.get("args")
    asks = isinstance(args, list) and _APPROVE in args
    return _is_ours(hook.get("command")) and not asks


def _is_ours(command: Any) -> bool:
    if not isinstance(command, str):
        return False
    try:
        words = shlex.split(command)
    except ValueError:
        return False
    paths = {command, words[0] if words else ""}
    return any(path.rpartition("/")[2] == PROGRAM for path in paths)
