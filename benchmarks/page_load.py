"""What the hooks of many busy sessions tell a monitor, at a steady rate, in a process of its own.

    python benchmarks/page_load.py SOCKET SESSIONS

It tells of all sessions once and prints `ready`. Each line on stdin is a rate, in lines a second,
from then on; it ends with its stdin. Each session goes round: a prompt, a tool and its end, what it
costs, the end of the turn. So states change, and with them the order of who shows a list.
"""

import json
import select
import sys
import time

from monitor_load import FIRST_PID, HEAD, PIECE_BYTES, connected, read_line, status_line

PIECE_SECS = 0.01
PROJECTS = 50


def lines(number: int) -> list[bytes]:
    """One round of a session."""
    cwd = f"/home/dev/project-{number % PROJECTS}"
    told = [status_line(number, turn=turn, cwd=cwd) for turn in (1, 2)]
    session = json.loads(told[0])["data"]["session_id"]
    common = {"session_id": session, "pid": FIRST_PID + number, "cwd": cwd}
    tool = {"tool_name": "Bash", "tool_use_id": "t", "tool_input": {"command": "make test"}}
    prompt = f"make the tests of part {number} pass, and tell what was wrong"

    def hook(name: str, **more: object) -> bytes:
        data = {**common, "hook_event_name": name, **more}
        return HEAD + b'"hook_event","data":' + json.dumps(data).encode() + b"}\n"

    return [
        hook("UserPromptSubmit", prompt=prompt),
        hook("PreToolUse", **tool),
        told[0],
        hook("PostToolUse", **tool, tool_response={}),
        told[1],
        hook("Stop", stop_hook_active=False),
    ]


def main() -> None:
    """Tell, until nobody wants it."""
    path, sessions = sys.argv[1], int(sys.argv[2])
    rounds = [lines(number) for number in range(sessions)]
    link = connected(path, "page-load")
    link.sendall(b"".join(one[2] + one[number % 6] for number, one in enumerate(rounds)))
    link.sendall(HEAD + b'"ping","seq":1}\n')
    read_line(link, b'"pong"')
    print("ready", flush=True)
    rate, told, due = 0.0, 0, time.monotonic()
    while True:
        wait = max(0.0, due - time.monotonic()) if rate else None
        if select.select([sys.stdin], [], [], wait)[0]:
            word = sys.stdin.readline()
            if not word:
                return
            rate, due = float(word), time.monotonic()
            continue
        now = told + round(rate * PIECE_SECS)
        piece = (rounds[at % sessions][(at // sessions + at) % 6] for at in range(told, now))
        link.sendall(b"".join(piece))
        while select.select([link], [], [], 0)[0] and link.recv(PIECE_BYTES):
            pass
        told, due = now, due + PIECE_SECS


if __name__ == "__main__":
    main()
