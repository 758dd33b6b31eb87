"""What Claude Code's tools are about: their kinds in ACP's words, files, changes, plans. Pure."""

from collections.abc import Mapping
from typing import Any

from clawdforge.agents.claude.values import objects, text
from clawdforge.core.events import Diff, PlanEntry

_KINDS = {
    "Read": "read",
    "NotebookRead": "read",
    "ReadMcpResourceTool": "read",
    "Glob": "search",
    "Grep": "search",
    "LS": "search",
    "ToolSearch": "search",
    "Edit": "edit",
    "MultiEdit": "edit",
    "Write": "edit",
    "NotebookEdit": "edit",
    "Bash": "execute",
    "PowerShell": "execute",
    "Monitor": "execute",
    "WebFetch": "fetch",
    "WebSearch": "fetch",
    "EnterPlanMode": "switch_mode",
    "ExitPlanMode": "switch_mode",
    "Task": "think",
    "Agent": "think",
    "TodoWrite": "think",
}
_PATHS = ("file_path", "notebook_path", "path")


def kind_of(tool: str | None) -> str | None:
    """ACP's kind of a tool; None for no tool."""
    return _KINDS.get(tool, "other") if tool is not None else None


def paths_of(args: Mapping[str, Any], *more: object) -> tuple[str, ...]:
    """The files that a call names, each once."""
    named = [*(args.get(name) for name in _PATHS), *more]
    return tuple(dict.fromkeys(path for path in named if isinstance(path, str) and path))


def title_of(args: Mapping[str, Any]) -> str | None:
    """A few words for people about a call."""
    words = text(args.get("description")) or next(iter(paths_of(args)), None)
    return words or text(args.get("command")) or text(args.get("pattern"))


def change_of(tool: str, args: Mapping[str, Any]) -> tuple[Diff, ...] | None:
    """What a call is about to change, as far as its input tells."""
    path, old = text(args.get("file_path")), text(args.get("old_string"))
    new = text(args.get("new_string"))
    if tool != "Edit" or path is None or old is None or new is None:
        return None
    return (Diff(path=path, old_text=old, new_text=new),)


def changed_by(outcome: Mapping[str, Any]) -> tuple[Diff, ...] | None:
    """What a call has changed, as its outcome tells: only of a file that was written whole."""
    path, new = text(outcome.get("filePath")), text(outcome.get("content"))
    if outcome.get("type") not in {"create", "update"} or path is None or new is None:
        return None
    return (Diff(path=path, old_text=text(outcome.get("originalFile")), new_text=new),)


def plan_of(tool: str, args: Mapping[str, Any]) -> tuple[PlanEntry, ...] | None:
    """The plan that a call of `TodoWrite` writes down; None for any other call."""
    if tool != "TodoWrite" or not isinstance(args.get("todos"), list):
        return None
    return tuple(
        PlanEntry(
            content=text(entry.get("content")) or "",
            status=text(entry.get("status")) or "pending",
            priority=text(entry.get("priority")),
        )
        for entry in objects(args["todos"])
    )
