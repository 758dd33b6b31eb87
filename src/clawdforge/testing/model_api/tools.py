"""One script for every agent: a tool by its common name, as the asking agent calls it. Pure.

A script says `Bash`, `Write` and `Read` with the arguments of Claude Code. An agent that offers
no tool of that name gets a call of the one it has for the purpose. Learnt from the requests of
codex-acp 2.6.0, goose 0.20.1, opencode 1.18.33, gemini-cli 0.61.0 and qwen-code 0.15.10.
"""

import json
import shlex
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, TypeAlias

from clawdforge.testing.model_api.request import Request
from clawdforge.testing.model_api.script import Answer, CallTool, CallTools, Slow, Step

_REASON = "May I do what I was told?"
_ASKING: Mapping[str, Any] = {
    "sandbox_permissions": "require_escalated",
    "justification": _REASON,
    "yield_time_ms": 30_000,
}
"""Codex runs commands in its sandbox without asking, until the model wants to leave it."""


@dataclass(frozen=True, slots=True)
class _Tool:
    """A tool of an agent, and how its arguments are called."""

    name: str
    arguments: Mapping[str, str]
    """Of ours to theirs."""
    more: Mapping[str, Any] = field(default_factory=dict)
    """Arguments of its own, sent where its schema has them."""


_TOOLS: Mapping[str, tuple[_Tool, ...]] = {
    "Bash": (
        _Tool("bash", {"command": "command", "description": "description"}),  # opencode
        _Tool("shell", {"command": "command"}),  # goose
        _Tool(  # Gemini, Qwen
            "run_shell_command",
            {"command": "command", "description": "description"},
            {"is_background": False},
        ),
        _Tool(
            "exec_command", {"command": "cmd"}, _ASKING
        ),  # Codex with models that it does not know
    ),
    "Write": (
        _Tool("write", {"file_path": "filePath", "content": "content"}),  # opencode
        _Tool("write", {"file_path": "path", "content": "content"}),  # goose
        _Tool("write_file", {"file_path": "file_path", "content": "content"}),  # Gemini, Qwen
    ),
    "Read": (
        _Tool("read", {"file_path": "filePath"}),  # opencode
        _Tool("read_file", {"file_path": "file_path"}),  # Gemini, Qwen
    ),
}
_CODE = "exec"
"""Codex has the models that it knows write JavaScript, in which its tools are functions."""


def for_agent(step: Step, request: Request) -> Step:
    """The step, its tools called as the agent that asks calls them."""
    if isinstance(step, Slow):
        return replace(step, answer=_answer(step.answer, request))
    if isinstance(step, CallTool | CallTools):
        return _answer(step, request)
    return step


def _answer(answer: Answer, request: Request) -> Answer:
    if isinstance(answer, CallTool):
        return _call(answer, request)
    if isinstance(answer, CallTools):
        return replace(answer, calls=[_call(call, request) for call in answer.calls])
    return answer


def _call(call: CallTool, request: Request) -> CallTool:
    if call.name in request.tools:
        return call
    for tool in _TOOLS.get(call.name, ()):
        if tool.name in request.tools and (found := _arguments(call, tool, request)) is not None:
            return replace(call, name=tool.name, input=found)
    if _CODE in request.tools and call.name in _CODES:
        return replace(call, name=_CODE, input={"source": _CODES[call.name](call.input)})
    if call.name == "Read":  # who has no tool for that takes the shell
        command = f"cat {shlex.quote(str(call.input.get('file_path', '')))}"
        shell = replace(call, name="Bash", input={"command": command})
        called = _call(shell, request)
        return call if called is shell and "Bash" not in request.tools else called
    return call


def _arguments(call: CallTool, tool: _Tool, request: Request) -> dict[str, Any] | None:
    """The arguments as that tool takes them; None: its schema says that it is another one."""
    known = request.tool_schemas.get(tool.name, {}).get("properties", {})
    renamed = {
        theirs: call.input[ours] for ours, theirs in tool.arguments.items() if ours in call.input
    }
    if not set(renamed) <= set(known):
        return None
    return {**{name: value for name, value in tool.more.items() if name in known}, **renamed}


def _shell_code(given: Mapping[str, Any]) -> str:
    arguments = {"cmd": given.get("command", ""), **_ASKING}
    return f"const done = await tools.exec_command({json.dumps(arguments)}); text(done.output);"


def _write_code(given: Mapping[str, Any]) -> str:
    added = "\n".join(f"+{line}" for line in str(given.get("content", "")).splitlines())
    path = given.get("file_path", "")
    patch = f"*** Begin Patch\n*** Add File: {path}\n{added}\n*** End Patch\n"
    return f"text(await tools.apply_patch({json.dumps(patch)}));"


_Code: TypeAlias = Callable[[Mapping[str, Any]], str]
_CODES: Mapping[str, _Code] = {"Bash": _shell_code, "Write": _write_code}
