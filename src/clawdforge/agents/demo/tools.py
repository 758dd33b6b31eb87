"""The demo agent's tools: few, harmless, and behind a question. Part of `program.py`."""

import os
import signal
import sys
from collections.abc import Callable

from .session import Json
from .turns import CancelledError, Turn

POLL_SECS = 0.02
"""How soon a cancelled tool notices."""
WITHDRAW_SECS = 0.05


def use(turn: Turn, text: str) -> None:
    """A tool that needs no permission."""
    call_id = turn.new_call()
    _begin(
        turn, {"toolCallId": call_id, "title": "Demo", "kind": "other", "rawInput": {"text": text}}
    )
    turn.tell("tool_call_update", toolCallId=call_id, status="in_progress")
    _end(turn, call_id, "completed", text)
    turn.say(text or "done")


def run_command(turn: Turn, command: str) -> None:
    """A command, when it is allowed: only three are known, and no shell sees them."""
    call: Json = {
        "toolCallId": turn.new_call(),
        "name": "Bash",
        "title": command,
        "kind": "execute",
        "rawInput": {"command": command},
    }
    _behind_question(turn, call, lambda: _carry_out(turn, command))


def write_file(turn: Turn, argument: str) -> None:
    """Write a file, when it is allowed."""
    name, _, text = argument.partition(" ")
    path = f"{turn.session.cwd}/{name}"
    call: Json = {
        "toolCallId": turn.new_call(),
        "name": "Write",
        "title": f"Write {name}",
        "kind": "edit",
        "rawInput": {"file_path": path, "content": text},
        "content": [{"type": "diff", "path": path, "oldText": _text(path), "newText": text}],
        "locations": [{"path": path}],
    }

    def write() -> str:
        if not _is_inside(turn, path):
            return "outside of my folder"
        with open(path, "w", encoding="utf-8") as file:  # noqa: PTH123 - pathlib starts slower
            file.write(text)
        return f"wrote {name}"

    _behind_question(turn, call, write)


def ask_in_vain(turn: Turn, _: str) -> None:
    """Ask, and go on without an answer."""
    call_id = turn.new_call()
    call: Json = {"toolCallId": call_id, "name": "Bash", "title": "echo", "kind": "execute"}
    _begin(turn, call)
    allowed = turn.ask(call, withdraw_after=WITHDRAW_SECS)
    _end(turn, call_id, "failed", "")
    turn.say("answered" if allowed else "withdrawn")


def leave_grandchild(turn: Turn, argument: str) -> None:
    """Start a process in a session of its own that ignores SIGTERM and holds our pipes."""
    before = signal.signal(signal.SIGTERM, signal.SIG_IGN)  # is inherited
    pid = _start([sys.executable, "-I", "-S", "-c", "import time; time.sleep(600)"])
    signal.signal(signal.SIGTERM, before)
    turn.say(str(pid))
    if argument == "hang":
        turn.wait()


def _behind_question(turn: Turn, call: Json, carry_out: Callable[[], str]) -> None:
    call_id = call["toolCallId"]
    _begin(turn, call)
    try:
        if not turn.ask({**call, "status": "pending"}):
            _end(turn, call_id, "failed", "refused")
            turn.say("refused")
            return
        turn.tell("tool_call_update", toolCallId=call_id, status="in_progress")
        result = carry_out()
    except CancelledError:
        _end(turn, call_id, "failed", "cancelled")
        raise
    _end(turn, call_id, "completed", result)
    turn.say(f"allowed: {result}")


def _begin(turn: Turn, call: Json) -> None:
    turn.tell("tool_call", **call, status="pending")


def _end(turn: Turn, call_id: str, status: str, text: str) -> None:
    content = [{"type": "content", "content": {"type": "text", "text": text}}]
    turn.tell("tool_call_update", toolCallId=call_id, status=status, content=content)


def _carry_out(turn: Turn, command: str) -> str:
    name, _, argument = command.partition(" ")
    if name == "echo":
        return argument
    if name == "touch" and _is_inside(turn, f"{turn.session.cwd}/{argument}"):
        with open(f"{turn.session.cwd}/{argument}", "ab"):  # noqa: PTH123
            return f"touched {argument}"
    if name == "sleep":
        return _sleep(turn, float(argument))
    return "unknown command"


def _sleep(turn: Turn, secs: float) -> str:
    """Sleep in a child that has a session of its own, as the shells of real agents do."""
    pid = _start(["sleep", str(secs)])
    while os.waitpid(pid, os.WNOHANG) == (0, 0):
        try:
            turn.wait(POLL_SECS)
        except CancelledError:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
            raise
    return f"slept {secs:g}"


def _start(argv: list[str]) -> int:
    import subprocess  # noqa: TID251 - a program of its own; at the top it would slow the start

    return subprocess.Popen(argv, start_new_session=True).pid


def _is_inside(turn: Turn, path: str) -> bool:
    """Whether a path is one of a file directly or deeper in the session's folder."""
    folder = os.path.realpath(turn.session.cwd)
    return os.path.realpath(path).startswith(f"{folder}/")


def _text(path: str) -> str | None:
    try:
        with open(path, encoding="utf-8") as file:  # noqa: PTH123
            return file.read()
    except (OSError, UnicodeDecodeError):
        return None
