"""The demo agent as a program: a prompt in on standard input, JSON lines out.

Deterministic: the same prompt and files give the same answer. Uses the standard library only and
nothing of clawdforge, so that it starts in some 15 ms. A line of the prompt that starts with one
of the commands below decides what it does, which makes it a test agent that can misbehave.

In:   {"type": "prompt", "text": …, "model": … or null, "system": … or null}
Out:  {"type": "ready", "version": …}
      {"type": "text", "text": …}        a piece of the answer, any number of times
      {"type": "result", "text": …, "stop_reason": …, "usage": {…}, "cost_usd": 0}
   or {"type": "error", "message": …}
"""

import json
import os
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path

HELP = """\
I am the demo agent of clawdforge. A line of the prompt can tell me what to do:
/echo TEXT        answer TEXT
/json VALUE       answer VALUE in a code fence
/slow N [MS]      answer N words, one every MS milliseconds (100)
/fail MESSAGE     fail with MESSAGE
/exit CODE        end without an answer
/hang             never answer
/deaf             never answer, and ignore being told to stop
/garbage          write things that make no sense, then answer
/flood BYTES      answer with one very long word
/stderr BYTES     fill the standard error, then answer
/grandchild [hang]  leave a process behind that ignores being told to stop, and say its pid
/env NAME         tell whether I can see an environment variable
/cwd              list the files of my folder
/help             this list"""

VERSION = "1"
EXIT_FAILED = 1
EXIT_MISUSED = 2
FIRST_LINE_BYTES = 200


def main() -> int:
    """Take one prompt, answer it, and wait for the end of input."""
    emit({"type": "ready", "version": VERSION})
    line = sys.stdin.buffer.readline()
    if not line:
        return 0
    try:
        prompt = json.loads(line)["text"]
    except (ValueError, KeyError, TypeError):
        return fail("the demo agent takes one JSON line with a text", code=EXIT_MISUSED)
    code = respond(prompt)
    if code == 0:
        sys.stdin.buffer.read()
    return code


def respond(prompt: str) -> int:
    """Do what the prompt says; the exit code."""
    name, argument = command_of(prompt)
    if not name:
        return answer_friendly(prompt)
    try:
        return COMMANDS[name](argument)
    except ValueError:
        return fail(f"{name} does not understand {argument!r}; see /help")


def command_of(prompt: str) -> tuple[str, str]:
    """The first line of the prompt that is a command, and its argument; else two empty texts."""
    for line in prompt.splitlines():
        name, _, argument = line.rstrip().partition(" ")
        if name in COMMANDS:
            return name, argument.strip()
    return "", ""


def emit(message: dict[str, object]) -> None:
    """Write one line."""
    sys.stdout.write(json.dumps(message) + "\n")
    sys.stdout.flush()


def answer(text: str, *, said: bool = False) -> int:
    """End the turn with an answer. `said`: its text has been written piece by piece."""
    if not said:
        emit({"type": "text", "text": text})
    usage = {"output_tokens": len(text.split())}
    stop = {"stop_reason": "end_turn", "usage": usage, "cost_usd": 0}
    emit({"type": "result", "text": text, **stop})
    return 0


def answer_friendly(prompt: str) -> int:
    """What a newcomer gets."""
    words = len(prompt.partition("\n\nAttached files")[0].split())
    told = [f"Hello from the demo agent. You sent me {words} words; no model was asked."]
    told += [about(path) for path in sorted(Path().glob("attachment-*")) if path.is_file()]
    told.append("Try `/help` as the prompt, or the agent `claude` for real answers.")
    return answer("\n".join(told))


def about(path: Path) -> str:
    """A file's name, size and first line."""
    with path.open("rb") as file:
        head = file.readline(FIRST_LINE_BYTES).decode("utf-8", "replace").rstrip()
    return f"{shown(path)}: {path.stat().st_size} bytes, starts with {head!r}."


def shown(path: Path) -> str:
    """A file's name as text, whatever bytes it is made of."""
    return os.fsencode(path.name).decode("utf-8", "replace")


def answer_json(argument: str) -> int:
    """Answer as models like to: in a code fence."""
    return answer(f"```json\n{argument}\n```")


def answer_slowly(argument: str) -> int:
    """Stream words."""
    count, _, pause = argument.partition(" ")
    words = [f"word-{number} " for number in range(1, int(count or 10) + 1)]
    for word in words:
        time.sleep(int(pause or 100) / 1000)
        emit({"type": "text", "text": word})
    return answer("".join(words).strip(), said=True)


def fail(message: str, code: int = EXIT_FAILED) -> int:
    """A failed turn."""
    emit({"type": "error", "message": message or "the demo agent was told to fail"})
    sys.stderr.write("demo agent: the turn failed\n")
    return code


def leave(code: str) -> int:
    """End without an answer, and without waiting for the end of input."""
    raise SystemExit(int(code or 1))


def hang(_: str) -> int:
    """Never answer, until told to stop."""
    while True:
        time.sleep(3600)


def hang_deaf(argument: str) -> int:
    """Never answer, whoever says what."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    emit({"type": "text", "text": "deaf"})
    return hang(argument)


def write_garbage(argument: str) -> int:
    """Write what no driver should stumble over."""
    sys.stdout.buffer.write(b'plain text\n\n42\n"text"\nnull\ntrue\n[1]\n{"type": 7}\n{}\n')
    sys.stdout.buffer.write(b'{"type": "from-the-future", "x": 1}\n\xff\xfe\x00 binary\n{"a": \n')
    sys.stdout.buffer.flush()
    return answer(argument or "after the garbage")


def flood(argument: str) -> int:
    """One very long line."""
    return answer("x" * int(argument or 1_000_000), said=True)


def flood_stderr(argument: str) -> int:
    """Write more to standard error than any pipe holds."""
    sys.stderr.write("e" * int(argument or 1_000_000) + "\n")
    return answer("after the flood")


def leave_grandchild(argument: str) -> int:
    """Start a process in a session of its own that ignores SIGTERM and holds our pipes."""
    import subprocess  # not at the top: it would double the time to start

    sleeper = [sys.executable, "-I", "-S", "-c", "import time; time.sleep(600)"]
    before = signal.signal(signal.SIGTERM, signal.SIG_IGN)  # is inherited
    child = subprocess.Popen(sleeper, start_new_session=True)
    signal.signal(signal.SIGTERM, before)
    emit({"type": "text", "text": str(child.pid)})
    return hang(argument) if argument == "hang" else answer(str(child.pid), said=True)


def tell_environment(name: str) -> int:
    """Whether a variable is there; never its value."""
    return answer(f"{name}={'set' if name in os.environ else 'unset'}")


def list_folder(_: str) -> int:
    """The names in the working folder."""
    return answer("\n".join(sorted(map(shown, Path().iterdir()))) or "(empty)")


COMMANDS: dict[str, Callable[[str], int]] = {
    "/echo": answer,
    "/json": answer_json,
    "/slow": answer_slowly,
    "/fail": fail,
    "/exit": leave,
    "/hang": hang,
    "/deaf": hang_deaf,
    "/garbage": write_garbage,
    "/flood": flood,
    "/stderr": flood_stderr,
    "/grandchild": leave_grandchild,
    "/env": tell_environment,
    "/cwd": list_folder,
    "/help": lambda _: answer(HELP),
}

if __name__ == "__main__":
    raise SystemExit(main())
