"""A scripted model that does what a line of the prompt says, as the demo agent does."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from clawdforge.testing.model_api import CallTool, Fail, Request, Say, Slow, Stall, Step
from clawdforge.testing.model_api.request import Message

COMMANDS = frozenset(
    (
        "/echo",
        "/fail",
        "/hang",
        "/flood",
        "/stream",
        "/think",
        "/ask",
        "/write",
        "/remember",
        "/recall",
    )
)
_SLEEP = re.compile(r"sleep (\d+)")


@dataclass(frozen=True, slots=True)
class _Order:
    """What the model was last told to do."""

    name: str
    argument: str
    called: bool
    """A tool was called for it: now comes the answer."""


def told(command: str) -> str:
    """A prompt; agents may have commands of their own that begin with a slash."""
    return f"Do this:\n{command}"


def obey(request: Request) -> Step:
    """A model that does what the last prompt says. Not for prompts that say nothing to do.

    Whatever the agent's dialect. What it was told to remember it finds in the conversation.
    """
    order = _order(request)
    match order.name, order.argument:
        case "/echo", text:
            return Say(text)
        case "/flood", size:
            return Say("x" * int(size))
        case "/fail", message:
            return Fail(status=400, message=message)
        case "/hang", _:
            return Stall()
        case "/think", thought:
            return Say("I have thought about it.", thinking=thought)
        case "/stream", argument:
            return _counted(argument)
        case "/remember", _:
            return Say("I shall remember it.")
        case "/recall", _:
            return Say(" ".join(_remembered(request)) or "There is nothing that I remember.")
        case (("/ask" | "/write"), argument):
            return _outcome(request) if order.called else _call(order.name, argument)
    return Say("There was nothing to do.")


def _counted(argument: str) -> Step:
    count, _, pause_ms = argument.partition(" ")
    numbers = " ".join(str(number) for number in range(1, int(count) + 1))
    return Slow(Say(numbers, chunks=int(count)), pause_secs=int(pause_ms or 20) / 1000)


def _call(name: str, argument: str) -> CallTool:
    if name == "/write":
        path, _, text = argument.partition(" ")
        return CallTool("Write", {"file_path": path, "content": text})
    # Claude Code refuses to run a bare `sleep`.
    command = _SLEEP.sub(r"python3 -c 'import time; time.sleep(\1)'", argument)
    return CallTool("Bash", {"command": command, "description": "As I was told"})


def _outcome(request: Request) -> Say:
    result = request.tool_results[-1] if request.tool_results else None
    if result is None or result.is_error:
        return Say("refused")
    return Say(f"allowed: {result.text}")


def _order(request: Request) -> _Order:
    """The last command of the last message of the user's that has one."""
    called = False
    for message in reversed(request.messages):
        if message.role == "assistant":
            called = True
        for line in reversed(_lines(message)):
            name, _, argument = line.partition(" ")
            if name in COMMANDS:
                return _Order(name, argument, called)
    return _Order("", "", called)


def _remembered(request: Request) -> Iterator[str]:
    for message in request.messages:
        for line in _lines(message):
            name, _, word = line.partition(" ")
            if name == "/remember":
                yield word


def _lines(message: Message) -> list[str]:
    """What the user says; nothing of what a model has said."""
    if message.role != "user":
        return []
    return [line.rstrip() for line in message.text.splitlines()]
