"""An ACP agent that misbehaves: while it starts as its argument says, in a turn as its prompt says.

What it does wrong while it starts it does once a folder: the next process behaves.
"""

import base64
import contextlib
import json
import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

Json = dict[str, Any]
SESSION = "the-session"
MEGABYTE = 1_000_000
FOR_EVER = 600
OUT = 1
READING = sys.stdin.buffer


def put(data: bytes) -> None:
    """Write all of it."""
    view = memoryview(data)
    while view:
        view = view[os.write(OUT, view) :]


def send(message: Any) -> None:
    put(json.dumps({"jsonrpc": "2.0", **message}).encode() + b"\n")


def update(**fields: Any) -> None:
    params = {"sessionId": SESSION, "update": fields}
    send({"method": "session/update", "params": params})


def say(text: str) -> None:
    update(sessionUpdate="agent_message_chunk", content={"type": "text", "text": text})


def messages() -> Iterator[Json]:
    while line := READING.readline():
        yield json.loads(line)


# --- while it starts --------------------------------------------------------------------------


def is_first() -> bool:
    """Whether no process of this agent was in this folder before."""
    mark = Path("started-before")
    if mark.exists():
        return False
    mark.touch()
    return True


def exits() -> None:
    sys.stderr.write("I will not work here\n")
    sys.exit(7)


def hangs() -> None:
    sys.stderr.write("I am thinking about it\n")
    sys.stderr.flush()
    time.sleep(FOR_EVER)


def chats() -> None:
    for _ in range(100):
        put(b"Welcome! Press any key to continue ...\n")
    time.sleep(FOR_EVER)


def answers(result: Any) -> Callable[[], None]:
    def answer() -> None:
        for message in messages():
            send({"id": message["id"], "result": result})

    return answer


def names_no_session() -> None:
    for message in messages():
        is_greeting = message["method"] == "initialize"
        result = {"protocolVersion": 1} if is_greeting else {"sessionId": 17}
        send({"id": message["id"], "result": result})


def greets_twice() -> None:
    for message in messages():
        if message["method"] == "initialize":
            for _ in range(2):
                send({"id": message["id"], "result": {"protocolVersion": 1}})
            return


def leaves_a_child() -> None:
    orphan()


STARTS: dict[str, Callable[[], None]] = {
    "exits": exits,
    "hangs": hangs,
    "chats": chats,
    "list": answers([1, 2]),
    "other-version": answers({"protocolVersion": 99}),
    "no-session": names_no_session,
    "twice": greets_twice,
    "orphan": leaves_a_child,
}


# --- in a turn --------------------------------------------------------------------------------


def garbage(_: str) -> None:
    lines = (
        b"Warning: something is deprecated",
        b"<html><body>502</body></html>",
        b"null",
        b"42",
        b'"text"',
        b"[1, 2]",
        b"{}",
        b'{"jsonrpc": "2.0"}',
        b'{"jsonrpc": "2.0", "method": 17}',
        b'{"jsonrpc": "2.0", "id": true, "result": {}}',
        b'{"jsonrpc": "2.0", "id": [1], "method": "session/update"}',
        b'{"a": "not closed',
        b"\xff\xfe\x00\x80 not UTF-8",
        b'{"method": "\xc3\x28"}',
        b"\x00\x00\x00\x00",
        b'{"a": \x00}',
        b"\x00{\x00}",
        b"",
        b"\r",
        b"   ",
        b"[" * 100_000,
        b'{"a":' * 100_000,
        b'{"a":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
        b'{"a": ' + b"9" * 100_000 + b"}",
    )
    for line in lines:
        put(line + b"\n")
    say("after all that")


def half(_: str) -> None:
    put(b'{"jsonrpc": "2.0", "method": "session/upd')
    sys.exit(0)


def stuck(_: str) -> None:
    put(b'{"jsonrpc": "2.0", "method": "session/upd')
    time.sleep(FOR_EVER)


def line(megabytes: str) -> None:
    say("x" * (int(megabytes) * MEGABYTE))


def endless(megabytes: str) -> None:
    piece = b"x" * MEGABYTE
    for _ in range(int(megabytes)):
        put(piece)
    time.sleep(FOR_EVER)


def flood(megabytes: str) -> None:
    """Many short messages that nobody knows."""
    piece = b'{"jsonrpc":"2.0","method":"x"}\n' * 10_000
    for _ in range(int(megabytes) * MEGABYTE // len(piece)):
        put(piece)


def nag(megabytes: str) -> None:
    """Requests, whose answers are as long and are never read."""
    piece = b'{"id":"%s","method":"x"}\n' % (b"x" * 10_000)
    for _ in range(int(megabytes) * MEGABYTE // len(piece)):
        put(piece)
    time.sleep(FOR_EVER)


def raw(text: str) -> None:
    """Whatever the test wants."""
    put(text.encode() + b"\n")


def raw_bytes(text: str) -> None:
    put(base64.b64decode(text) + b"\n")


def leave(code: str) -> None:
    sys.stderr.write("that was too much for me\n")
    sys.exit(int(code))


def die(_: str) -> None:
    os.kill(os.getpid(), signal.SIGSEGV)


def hang(_: str) -> None:
    say("wait a moment")
    time.sleep(FOR_EVER)


def deaf(_: str) -> None:
    """Hears neither a cancel nor a signal."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    say("la la la")
    while True:
        time.sleep(1)


def shout(megabytes: str) -> None:
    """Standard error, as fast as it can be read."""
    piece = b"\x00\xff noise" * (MEGABYTE // 10)
    for _ in range(int(megabytes)):
        os.write(2, piece)
    say("hoarse")


def shout_and_leave(megabytes: str) -> None:
    shout(megabytes)
    leave("1")


def sleep_after(number: str) -> None:
    """End the turn, and read nothing any more."""
    say("good night")
    put(b'{"jsonrpc": "2.0", "id": %s, "result": {}}\n' % number.encode())
    time.sleep(FOR_EVER)


def orphan(_: str = "") -> None:
    """Leave, but for a child that holds all pipes and hears no signal."""
    program = (
        "import os, signal, time; os.setsid();"
        "[signal.signal(number, signal.SIG_IGN) for number in (signal.SIGTERM, signal.SIGHUP)];"
        "time.sleep(600)"
    )
    subprocess.Popen([sys.executable, "-c", program], cwd=".")
    os._exit(0)


def mute(_: str) -> None:
    """Close standard output, and live on."""
    os.close(OUT)
    time.sleep(FOR_EVER)


def plug(number: str) -> None:
    """Close standard input, end the turn, and live on."""
    os.close(0)
    put(b'{"jsonrpc": "2.0", "id": %s, "result": {}}\n' % number.encode())
    time.sleep(FOR_EVER)


def ask(number: str) -> None:
    """That many questions at once; what came back is told."""
    options = [{"optionId": "y", "kind": "allow_once", "name": "Yes"}]
    options += [{"optionId": "n", "kind": "reject_once", "name": "No"}]
    for index in range(int(number)):
        call = {"toolCallId": f"call-{index}", "title": f"step {index}", "kind": "execute"}
        params = {"sessionId": SESSION, "toolCall": call, "options": options}
        send({"id": f"q{index}", "method": "session/request_permission", "params": params})
    tell_answers(int(number))


def question(params: str) -> None:
    """One question, as the test wants it."""
    wanted = {"sessionId": SESSION, **json.loads(params)}
    send({"id": "q", "method": "session/request_permission", "params": wanted})
    tell_answers(1)


def twins(_: str) -> None:
    """Two questions with one number."""
    options = [{"optionId": "y", "kind": "allow_once", "name": "Yes"}]
    for name in ("one", "two"):
        call = {"toolCallId": name, "title": name, "kind": "execute"}
        params = {"sessionId": SESSION, "toolCall": call, "options": options}
        send({"id": 5, "method": "session/request_permission", "params": params})
    tell_answers(2)


def tell_answers(number: int) -> None:
    found: list[str] = []
    for message in messages():
        if message.get("method") == "session/cancel":
            continue
        outcome = message["result"]["outcome"]
        found.append(outcome.get("optionId", outcome["outcome"]))
        if len(found) == number:
            break
    say(" ".join(f"{word}:{found.count(word)}" for word in sorted(set(found))))


def tool(megabytes: str) -> None:
    """A call with that much to say, before and after."""
    args = {"content": "x" * (int(megabytes) * MEGABYTE)}
    update(sessionUpdate="tool_call", toolCallId="t", title="Write", kind="edit", rawInput=args)
    update(sessionUpdate="tool_call_update", toolCallId="t", status="completed", rawOutput="ok")


def where(_: str) -> None:
    """Write a file, and tell what came of it."""
    try:
        Path("here").write_text("x")
        say("written")
    except OSError as error:
        say(f"not written: {error.strerror}")


def wait_for(text: str) -> None:
    """Go on when that file is there, then say much."""
    name, _, megabytes = text.partition(" ")
    say("waiting")
    while not Path(name).exists():
        time.sleep(0.02)
    say("." * (int(megabytes or 0) * MEGABYTE) + "done")


def fill(_: str) -> None:
    """Write until nothing more fits on the disk."""
    with contextlib.suppress(OSError), Path("much").open("wb", buffering=0) as file:
        while True:
            file.write(bytes(4096))
    say("full")


def open_files(_: str) -> None:
    """How many files it may open."""
    say(str(resource.getrlimit(resource.RLIMIT_NOFILE)[0]))


TURNS: dict[str, Callable[[str], None]] = {
    "hello": lambda _: say("hello"),
    "garbage": garbage,
    "half": half,
    "stuck": stuck,
    "line": line,
    "endless": endless,
    "flood": flood,
    "nag": nag,
    "raw": raw,
    "end": raw,
    "raw-bytes": raw_bytes,
    "exit": leave,
    "die": die,
    "hang": hang,
    "deaf": deaf,
    "shout": shout,
    "shout-and-exit": shout_and_leave,
    "sleep-after": sleep_after,
    "orphan": orphan,
    "mute": mute,
    "plug": plug,
    "ask": ask,
    "question": question,
    "twins": twins,
    "tool": tool,
    "where": where,
    "wait": wait_for,
    "fill": fill,
    "open-files": open_files,
    "length": lambda text: say(str(len(text))),
}


def turn(message: Json) -> None:
    """A prompt: its first word says what to do. ID is the number of the request."""
    (block,) = message["params"]["prompt"]
    word, _, rest = block["text"].replace("ID", str(message["id"])).partition(" ")
    TURNS[word](rest)
    if word != "end":
        send({"id": message["id"], "result": {"stopReason": "end_turn"}})


def main() -> None:
    start = sys.argv[1] if len(sys.argv) > 1 else ""
    if start and is_first():
        STARTS[start]()
    for message in messages():
        match message.get("method"):
            case "initialize":
                can = {"loadSession": True}
                send(
                    {
                        "id": message["id"],
                        "result": {"protocolVersion": 1, "agentCapabilities": can},
                    }
                )
            case "session/new" | "session/load":
                send({"id": message["id"], "result": {"sessionId": SESSION}})
            case "session/prompt":
                turn(message)
    # Its input has ended: it leaves.


main()
