"""A tool of a script is called as the asking agent calls it. Pure."""

import json
from typing import Any

import pytest

from clawdforge.testing.model_api import CallTool, CallTools, Fail, Request, Say, Slow, Step
from clawdforge.testing.model_api.tools import for_agent

BASH = CallTool("Bash", {"command": "ls", "description": "look"}, say="wait")
WRITE = CallTool("Write", {"file_path": "a.txt", "content": "x\ny\n"})
READ = CallTool("Read", {"file_path": "a b.txt"})


def asked(**tools: str) -> Request:
    """A request of an agent with these tools, their arguments in words."""
    schemas = {
        name: {"type": "object", "properties": {each: {} for each in words.split()}}
        for name, words in tools.items()
    }
    return Request(prompt="hi", tools=tuple(tools), tool_schemas=schemas)


CLAUDE = asked(Bash="command description", Write="file_path content", Read="file_path")
OPENCODE = asked(
    bash="command timeout workdir description", write="filePath content", read="filePath offset"
)
GOOSE = asked(shell="command timeout_secs", write="path content", edit="path before after")
GEMINI = asked(
    run_shell_command="command description", write_file="file_path content", read_file="file_path"
)
QWEN = asked(run_shell_command="command is_background description")
CODEX = asked(exec_command="cmd justification sandbox_permissions yield_time_ms")
CODEX_CODE = Request(prompt="hi", tools=("exec", "wait"), tool_schemas={"wait": {}})


def called(step: Step, request: Request) -> tuple[str, Any]:
    found = for_agent(step, request)
    assert isinstance(found, CallTool)
    return found.name, dict(found.input)


@pytest.mark.parametrize("call", [BASH, WRITE, READ], ids=lambda call: call.name)
def test_a_tool_that_is_offered_is_called_as_it_is(call: CallTool) -> None:
    assert for_agent(call, CLAUDE) is call


@pytest.mark.parametrize(
    ("request_", "name", "arguments"),
    [
        (OPENCODE, "bash", {"command": "ls", "description": "look"}),
        (GOOSE, "shell", {"command": "ls"}),
        (GEMINI, "run_shell_command", {"command": "ls", "description": "look"}),
        (
            QWEN,
            "run_shell_command",
            {"command": "ls", "description": "look", "is_background": False},
        ),
    ],
    ids=["opencode", "goose", "gemini", "qwen"],
)
def test_every_agent_has_its_shell(request_: Request, name: str, arguments: Any) -> None:
    assert called(BASH, request_) == (name, arguments)


def test_codex_is_told_to_ask_first() -> None:
    name, arguments = called(BASH, CODEX)
    assert (name, arguments["cmd"]) == ("exec_command", "ls")
    assert arguments["sandbox_permissions"] == "require_escalated"
    assert arguments["justification"]


def test_codex_is_given_code_where_its_tools_are_functions() -> None:
    name, arguments = called(BASH, CODEX_CODE)
    [source] = arguments.values()
    assert name == "exec"
    given = source.partition("exec_command(")[2].partition("); text")[0]
    assert json.loads(given)["cmd"] == "ls"
    name, arguments = called(WRITE, CODEX_CODE)
    [source] = arguments.values()
    patch = json.loads(source.partition("apply_patch(")[2].removesuffix("));"))
    assert patch == "*** Begin Patch\n*** Add File: a.txt\n+x\n+y\n*** End Patch\n"


@pytest.mark.parametrize(
    ("request_", "name", "path"),
    [
        (OPENCODE, "write", "filePath"),
        (GOOSE, "write", "path"),
        (GEMINI, "write_file", "file_path"),
    ],
    ids=["opencode", "goose", "gemini"],
)
def test_a_file_is_written_with_the_tool_for_it(request_: Request, name: str, path: str) -> None:
    assert called(WRITE, request_) == (name, {path: "a.txt", "content": "x\ny\n"})


def test_a_file_is_read_with_the_tool_for_it_or_with_the_shell() -> None:
    assert called(READ, OPENCODE) == ("read", {"filePath": "a b.txt"})
    assert called(READ, GEMINI) == ("read_file", {"file_path": "a b.txt"})
    assert called(READ, GOOSE) == ("shell", {"command": "cat 'a b.txt'"})
    assert called(READ, asked(Bash="command")) == ("Bash", {"command": "cat 'a b.txt'"})


@pytest.mark.parametrize("call", [BASH, WRITE, READ, CallTool("Glob")], ids=lambda call: call.name)
def test_a_tool_that_nobody_has_stays_what_it_is(call: CallTool) -> None:
    assert for_agent(call, asked()) is call
    assert for_agent(call, asked(bash="other", write="other")) is call


def test_what_the_model_says_around_the_call_stays() -> None:
    found = for_agent(BASH, GOOSE)
    assert isinstance(found, CallTool)
    assert found.say == "wait"


def test_calls_are_found_wherever_they_are() -> None:
    several = for_agent(CallTools([BASH, WRITE]), GOOSE)
    assert isinstance(several, CallTools)
    assert [call.name for call in several.calls] == ["shell", "write"]
    slow = for_agent(Slow(BASH), GOOSE)
    assert isinstance(slow, Slow)
    assert isinstance(slow.answer, CallTool)
    assert slow.answer.name == "shell"
    for step in (Say("x"), Fail()):
        assert for_agent(step, GOOSE) is step
