"""What the demo agent does when a line of a prompt tells it to. Part of `program.py`."""

import os
import signal
import sys
import threading
import time
from collections.abc import Callable

from . import tools
from .turns import CancelledError, Turn

HELP = """\
I am the demo agent of clawdforge. A line of the prompt can tell me what to do:
/echo TEXT        answer TEXT
/json VALUE       answer VALUE in a code fence
/slow N [MS]      answer N words, one every MS milliseconds (100)
/stream N [MS]    count to N, one number every MS milliseconds (20)
/clock N [MS]     tell N times what time it is, in nanoseconds since 1970
/think TEXT       think TEXT, then answer it
/plan             make a plan of three steps and carry it out
/tool TEXT        use a tool that gives TEXT
/ask COMMAND      ask whether I may run `touch NAME`, `echo TEXT` or `sleep SECS`; do it
/write NAME TEXT  ask whether I may write a file; do it
/withdraw         ask, and do not wait for the answer
/remember WORD    remember WORD in this conversation
/recall           answer what I was to remember
/background SECS TEXT  answer now, and say TEXT later, unasked
/usage            tell how full my context is
/settings         tell model, mode and effort
/system           tell the system prompt
/mcp              tell which MCP servers I was given
/fail MESSAGE     fail with MESSAGE
/exit CODE        end without an answer
/crash            begin an answer, and be killed
/half TEXT        begin to say TEXT, and end in the middle of the line
/hang             never answer, until cancelled
/stall            never answer, also when cancelled
/deaf             never answer, and ignore being told to stop
/garbage          write things that make no sense, then answer
/unknown          write things from the future, then answer
/flood BYTES      answer with one very long word
/stderr BYTES     fill the standard error, then answer
/grandchild [hang]  leave a process behind that ignores being told to stop, and say its pid
/env NAME         tell whether I can see an environment variable
/cwd              list the files of my folder
/help             this list"""

FIRST_LINE_BYTES = 200


class FailedError(Exception):
    """The turn has failed; the message says why."""


def respond(turn: Turn) -> str | None:
    """Do what the prompt says; the reason when that failed."""
    name, argument = command_of(turn.prompt)
    try:
        if name:
            COMMANDS[name](turn, argument)
        else:
            answer_friendly(turn)
    except CancelledError:
        pass
    except FailedError as failure:
        return str(failure)
    except ValueError:
        return f"{name} does not understand {argument!r}; see /help"
    except OSError as error:
        return f"{name} failed: {error}"
    return None


def command_of(prompt: str) -> tuple[str, str]:
    """The last line of the prompt that is a command, and its argument; else two empty texts."""
    for line in reversed(prompt.splitlines()):
        name, _, argument = line.rstrip().partition(" ")
        if name in COMMANDS:
            return name, argument.strip()
    return "", ""


def answer_friendly(turn: Turn) -> None:
    """What a newcomer gets."""
    words = len(turn.prompt.partition("\n\nAttached files")[0].split())
    told = [f"Hello from the demo agent. You sent me {words} words; no model was asked."]
    names = sorted(name for name in os.listdir(turn.session.cwd) if name.startswith("attachment-"))  # noqa: PTH208
    told += [about(f"{turn.session.cwd}/{name}") for name in names]
    told.append("Try `/help` as the prompt, or the agent `claude` for real answers.")
    turn.say("\n".join(told))


def about(path: str) -> str:
    """A file's name, size and first line."""
    with open(path, "rb") as file:  # noqa: PTH123
        head = file.readline(FIRST_LINE_BYTES).decode("utf-8", "replace").rstrip()
        size = os.fstat(file.fileno()).st_size
    return f"{shown(os.path.basename(path))}: {size} bytes, starts with {head!r}."  # noqa: PTH119


def shown(name: str) -> str:
    """A file's name as text, whatever bytes it is made of."""
    return os.fsencode(name).decode("utf-8", "replace")


def answer(turn: Turn, text: str) -> None:
    """Answer in one piece."""
    if text:
        turn.say(text)


def in_pieces(pause_ms: int, word: str) -> Callable[[Turn, str], None]:
    """A command that answers slowly."""

    def run(turn: Turn, argument: str) -> None:
        count, _, pause = argument.partition(" ")
        for number in range(1, int(count or 10) + 1):
            turn.wait(int(pause or pause_ms) / 1000)
            turn.say(("" if number == 1 else " ") + word.format(number))

    return run


def clock(turn: Turn, argument: str) -> None:
    """The time of each piece, as it is written: for those who measure how long it travels."""
    count, _, pause = argument.partition(" ")
    for _ in range(int(count or 10)):
        turn.wait(int(pause or 20) / 1000)
        turn.say(f"{time.time_ns()} ")


def think(turn: Turn, text: str) -> None:
    """A thought, then an answer."""
    turn.think(text or "hm")
    answer(turn, text)


def plan(turn: Turn, _: str) -> None:
    """A plan of three steps, each done in turn."""
    for done in range(4):
        states = ["completed"] * done + ["in_progress"] * (done < 3) + ["pending"] * 3
        entries = [
            {"content": f"Step {step + 1}", "status": states[step], "priority": "medium"}
            for step in range(3)
        ]
        turn.tell("plan", entries=entries)
    turn.say("The plan is carried out.")


def remember(turn: Turn, word: str) -> None:
    """Keep a word."""
    turn.session.words.append(word)
    turn.say(f"remembered {word}")


def later(turn: Turn, argument: str) -> None:
    """Say something after the turn has ended, as agents do whose background work is done."""
    secs, _, text = argument.partition(" ")
    unasked = Turn(turn.client, turn.session, "")
    timer = threading.Timer(float(secs), unasked.say, [text])
    timer.daemon = True
    timer.start()
    turn.say("started")


def tell_usage(turn: Turn, _: str) -> None:
    """Context and cost, in made-up figures."""
    cost = {"amount": 0.25, "currency": "USD"}
    turn.tell("usage_update", used=1200, size=200_000, cost=cost)
    turn.say("1200 of 200000 tokens")


def tell_settings(turn: Turn, _: str) -> None:
    """What is set."""
    turn.say(" ".join(f"{name}={value}" for name, value in turn.session.settings.items()))


def tell_servers(turn: Turn, _: str) -> None:
    """The names of the MCP servers, and where they are."""
    servers = [
        f"{server.get('name')}: {server.get('command') or server.get('url')}"
        for server in turn.session.servers
    ]
    turn.say("\n".join(servers) or "(none)")


def fail(_: Turn, message: str) -> None:
    """A failed turn."""
    raise FailedError(message or "the demo agent was told to fail")


def leave(_: Turn, code: str) -> None:
    """End without an answer, and without waiting for the end of input."""
    os._exit(int(code or 1))


def crash(turn: Turn, _: str) -> None:
    """Be killed in the middle."""
    turn.say("crashing")
    os.kill(os.getpid(), signal.SIGKILL)


def end_in_the_middle(turn: Turn, text: str) -> None:
    """Write half a line, and end."""
    turn.client.write(f'{{"jsonrpc": "2.0", "method": "session/update", "text": "{text}'.encode())
    os._exit(1)


def hang(turn: Turn, _: str) -> None:
    """Never answer, until cancelled."""
    turn.wait()


def stall(_: Turn, __: str) -> None:
    """Never answer; a signal ends it."""
    while True:
        signal.pause()


def hang_deaf(turn: Turn, argument: str) -> None:
    """Never answer, whoever says what."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    turn.say("deaf")
    stall(turn, argument)


def write_garbage(turn: Turn, argument: str) -> None:
    """Write what no driver should stumble over."""
    turn.client.write(b'plain text\n\n42\n"text"\nnull\ntrue\n[1]\n{"type": 7}\n{}\n')
    turn.client.write(b'{"method": 1, "id": []}\n\xff\xfe\x00 binary\n{"a": \n')
    turn.client.write(b'{"jsonrpc": "2.0", "id": 99999, "result": null}\n')
    answer(turn, argument or "after the garbage")


def write_unknown(turn: Turn, argument: str) -> None:
    """Write what a later protocol may have, with broken lines between."""
    turn.tell("from_the_future", x=1)
    turn.client.write(b'7\n{"jsonrpc": "2.0", "method": "session/up\n"half"\n')
    turn.tell("agent_message_chunk", content={"type": "hologram", "data": "x"})
    turn.client.emit({"method": "_demo/news", "params": {"x": 1}})
    turn.client.emit({"id": "strange", "method": "_demo/question", "params": []})
    answer(turn, argument or "after the unknown")


def flood(turn: Turn, argument: str) -> None:
    """One very long line."""
    turn.say("x" * int(argument or 1_000_000))


def flood_stderr(turn: Turn, argument: str) -> None:
    """Write more to standard error than any pipe holds."""
    sys.stderr.write("e" * int(argument or 1_000_000) + "\n")
    turn.say("after the flood")


def tell_environment(turn: Turn, name: str) -> None:
    """Whether a variable is there; never its value."""
    there = name in os.environ  # noqa: TID251 - a program of its own
    turn.say(f"{name}={'set' if there else 'unset'}")


def list_folder(turn: Turn, _: str) -> None:
    """The names in the working folder."""
    names = os.listdir(turn.session.cwd)  # noqa: PTH208
    turn.say("\n".join(sorted(map(shown, names))) or "(empty)")


COMMANDS: dict[str, Callable[[Turn, str], None]] = {
    "/echo": answer,
    "/json": lambda turn, value: turn.say(f"```json\n{value}\n```"),
    "/slow": in_pieces(100, "word-{}"),
    "/stream": in_pieces(20, "{}"),
    "/clock": clock,
    "/think": think,
    "/plan": plan,
    "/tool": tools.use,
    "/ask": tools.run_command,
    "/write": tools.write_file,
    "/withdraw": tools.ask_in_vain,
    "/remember": remember,
    "/recall": lambda turn, _: turn.say(" ".join(turn.session.words) or "(nothing)"),
    "/background": later,
    "/usage": tell_usage,
    "/settings": tell_settings,
    "/system": lambda turn, _: turn.say(turn.session.system or "(none)"),
    "/mcp": tell_servers,
    "/fail": fail,
    "/exit": leave,
    "/crash": crash,
    "/half": end_in_the_middle,
    "/hang": hang,
    "/stall": stall,
    "/deaf": hang_deaf,
    "/garbage": write_garbage,
    "/unknown": write_unknown,
    "/flood": flood,
    "/stderr": flood_stderr,
    "/grandchild": tools.leave_grandchild,
    "/env": tell_environment,
    "/cwd": list_folder,
    "/help": lambda turn, _: turn.say(HELP),
}
