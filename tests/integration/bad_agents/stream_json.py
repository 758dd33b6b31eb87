"""A `claude` that speaks its stream-json badly: what `acp.py` is for ACP."""

import json
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

Json = dict[str, Any]
MEGABYTE = 1_000_000
FOR_EVER = 600


def put(data: bytes) -> None:
    """Write all of it."""
    view = memoryview(data)
    while view:
        view = view[os.write(1, view) :]


def send(message: Any) -> None:
    put(json.dumps(message).encode() + b"\n")


def say(text: str) -> None:
    content = [{"type": "text", "text": text}]
    send({"type": "assistant", "message": {"id": "m", "role": "assistant", "content": content}})


def messages() -> Iterator[Json]:
    while line := sys.stdin.buffer.readline():
        yield json.loads(line)


def welcome(request_id: str, **response: Any) -> None:
    body = {"subtype": "success", "request_id": request_id, "response": response}
    send({"type": "control_response", "response": body})


def end(result: str | None = None) -> None:
    told: Json = {"type": "result", "subtype": "success", "is_error": False}
    send({**told, "stop_reason": "end_turn", "result": result})


# --- while it starts --------------------------------------------------------------------------


def is_first() -> bool:
    """Whether no process of this agent was in this folder before."""
    mark = Path("started-before")
    if mark.exists():
        return False
    mark.touch()
    return True


def exits() -> None:
    sys.stderr.write("Invalid API key\n")
    sys.exit(1)


def hangs() -> None:
    time.sleep(FOR_EVER)


def greets_badly() -> None:
    """The handshake is answered, but with nothing that makes sense."""
    for message in messages():
        welcome(
            message["request_id"], models=7, claude_code_version=[1], current_permission_mode={}
        )
        return


def greets_twice() -> None:
    for message in messages():
        welcome(message["request_id"])
        welcome(message["request_id"])
        return


STARTS: dict[str, Callable[[], None]] = {
    "exits": exits,
    "hangs": hangs,
    "badly": greets_badly,
    "twice": greets_twice,
}


# --- in a turn --------------------------------------------------------------------------------


def raw(text: str) -> None:
    put(text.encode() + b"\n")
    end()


def last(text: str) -> None:
    """The same, and the turn has no other end."""
    put(text.encode() + b"\n")


def garbage(_: str) -> None:
    lines = (
        b"Warning: something is deprecated",
        b"null",
        b"[1]",
        b"{}",
        b'{"type": 17}',
        b'{"type": null}',
        b'{"type": "assistant", "message": "half',
        b"\xff\xfe\x00\x80",
        b"\x00{\x00}",
        b'{"a":' * 100_000,
        b'{"type": "assistant", "message": {"content": ' + b"[" * 100_000 + b"]" * 100_000 + b"}}",
        b'{"type": "result", "total_cost_usd": ' + b"9" * 100_000 + b"}",
    )
    for line in lines:
        put(line + b"\n")
    end("after all that")


def half(_: str) -> None:
    put(b'{"type": "assist')
    sys.exit(0)


def leave(code: str) -> None:
    sys.stderr.write("that was too much for me\n")
    sys.exit(int(code))


def hang(_: str) -> None:
    say("wait a moment")
    time.sleep(FOR_EVER)


def deaf(_: str) -> None:
    """Hears neither an interrupt nor a signal."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    hang("")


def endless(megabytes: str) -> None:
    for _ in range(int(megabytes)):
        put(b"x" * MEGABYTE)
    time.sleep(FOR_EVER)


def line(megabytes: str) -> None:
    end("x" * (int(megabytes) * MEGABYTE))


def shout(megabytes: str) -> None:
    for _ in range(int(megabytes)):
        os.write(2, b"\x00\xff noise" * (MEGABYTE // 10))
    end("hoarse")


def ask(text: str) -> None:
    """Questions as the test wants them; what came back is told."""
    requests = json.loads(text)
    for number, request in enumerate(requests):
        send({"type": "control_request", "request_id": f"q{number}", "request": request})
    found = []
    for message in messages():
        if message["type"] == "control_response":
            response = message["response"]
            found.append(response.get("response", {}).get("behavior", response["subtype"]))
        if len(found) == len(requests):
            break
    end(" ".join(f"{word}:{found.count(word)}" for word in sorted(set(found))))


TURNS: dict[str, Callable[[str], None]] = {
    "hello": lambda _: end("hello"),
    "raw": raw,
    "last": last,
    "garbage": garbage,
    "half": half,
    "exit": leave,
    "hang": hang,
    "deaf": deaf,
    "endless": endless,
    "line": line,
    "shout": shout,
    "ask": ask,
}


def main() -> None:
    if "--version" in sys.argv:
        put(b"2.1.329 (Claude Code)\n")
        return
    start = sys.argv[1] if sys.argv[1] in STARTS else ""
    if start and is_first():
        STARTS[start]()
    for message in messages():
        if message["type"] == "control_request":
            welcome(message["request_id"])
        elif message["type"] == "user":
            send({"type": "system", "subtype": "init", "model": "m"})
            word, _, rest = message["message"]["content"].partition(" ")
            TURNS[word](rest)


main()
