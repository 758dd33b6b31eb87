"""The agent: the demo agent, the real one, that writes down each prompt that it is handed.

So it can be counted how often a prompt came to an agent. It has places where it can be killed,
too: `agent starts`; `agent gets METHOD`, `agent answered METHOD` (of ACP); `agent wrote UPDATE`,
and `agent is in the middle of a line`; `agent asked` for a permission, and `agent gets an answer`;
`agent has kept the conversation` in its file; `agent has started a child` for a tool; `agent sees
the end of its input`, which is how it is told to go.

Its argument is the folder of the package `demo`. Runs isolated: standard library only.
"""

import json
import os
import queue
import sys
from pathlib import Path
from typing import Any

sys.path[:0] = [str(Path(__file__).parents[1]), sys.argv[1]]

from demo import serving, tools, turns  # type: ignore[import-not-found]  # noqa: E402

from crash_table.trap import Trap  # noqa: E402

HOME = os.environ["HOME"]
PROMPTS = "prompts.log"
CUT = "is in the middle of a line"
SESSION = Path.cwd().parent.name
"""It works in SESSION/work."""

trap = Trap(HOME)
methods: dict[Any, str] = {}


def reached(place: str) -> None:
    trap.reached(f"agent {place}", SESSION)


def note(prompt: str) -> None:
    """In one piece: other agents write there at the same time."""
    line = json.dumps({"session": SESSION, "prompt": prompt}).encode() + b"\n"
    flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND
    file = os.open(f"{HOME}/{PROMPTS}", flags, 0o600)
    os.write(file, line)
    os.close(file)


class Client(turns.Client):  # type: ignore[misc]
    """Tells what was written."""

    def emit(self, message: dict[str, Any]) -> None:
        update = message.get("params", {}).get("update", {}).get("sessionUpdate")
        if update is not None and trap.is_set(f"agent {CUT}", SESSION):
            self._write_in_two(json.dumps({"jsonrpc": "2.0", **message}).encode() + b"\n")
            return
        place = f"wrote {update}" if update is not None else ""
        if message.get("method") == "session/request_permission":
            place = "asked"
        elif message.get("id") in methods and "method" not in message:
            place = f"answered {methods.pop(message['id'])}"
        # Who reads it may set the trap for what comes next, before we come to look.
        due = trap.is_set(f"agent {place}", SESSION)
        super().emit(message)
        if due:
            reached(place)

    def _write_in_two(self, data: bytes) -> None:
        self.write(data[: len(data) // 2])
        reached(CUT)
        self.write(data[len(data) // 2 :])

    def answered(self, number: Any, result: dict[str, Any]) -> None:
        reached("gets an answer")
        super().answered(number, result)


class Todo(queue.SimpleQueue[Any]):
    """Tells when there is no more to do."""

    def put(self, item: Any, block: bool = True, timeout: float | None = None) -> None:
        if item is None:
            reached("sees the end of its input")
        super().put(item)


class Agent(serving.Agent):  # type: ignore[misc]
    """Tells what it was told."""

    def __init__(self) -> None:
        super().__init__()
        self._todo = Todo()

    def _take(self, message: dict[str, Any]) -> None:
        method = message.get("method")
        if method is not None:
            reached(f"gets {method}")
            if message.get("id") is not None:
                methods[message["id"]] = method
        if method == "session/prompt":
            note(message["params"]["prompt"][0]["text"])
        super()._take(message)


class Memory(serving.Memory):  # type: ignore[misc]
    """Tells when a conversation is on the disk."""

    def save(self, session_id: str, value: dict[str, Any]) -> None:
        super().save(session_id, value)
        reached("has kept the conversation")


def started(argv: list[str]) -> int:
    pid: int = start(argv)
    reached("has started a child")
    return pid


start = tools._start
tools._start = started
serving.Client, serving.Memory, serving.Agent = Client, Memory, Agent

if __name__ == "__main__":
    reached("starts")
    serving.main()
