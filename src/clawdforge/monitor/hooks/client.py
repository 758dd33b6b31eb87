"""The hook client where there is no compiler: the same as client.c, which says what it does.

    python3 -I -S client.py [--status-line [COMMAND]]

It imports little and runs by itself, without the package.
"""

import os
import sys

PAYLOAD_SECS = 1.5
BACKSTOP_SECS = 3.0
SEND_SECS = 0.06
MAX_TEXT = 2048
MAX_VALUE = 32 * 1024
MAX_LINE = 512 * 1024
MAX_SPOOL = 8 * 1024 * 1024
MAX_PARENTS = 15
MAX_PARSED = 256 * 1024
"""A longer payload is only searched for its names: reading all of it would take too long."""
NAMES = (
    "session_id",
    "hook_event_name",
    "tool_name",
    "tool_use_id",
    "agent_id",
    "agent_type",
    "cwd",
    "transcript_path",
    "permission_mode",
    "notification_type",
    "reason",
    "source",
)
ADDED = {
    "tmux_pane": "TMUX_PANE",
    "entrypoint": "CLAUDE_CODE_ENTRYPOINT",
    "job": "CLAUDE_JOB_DIR",
}


def cut(value: object) -> object:
    """The value with its long texts cut."""
    if isinstance(value, str):
        return value if len(value) <= MAX_TEXT else value[:MAX_TEXT]
    if isinstance(value, dict):
        return {key: cut(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [cut(inner) for inner in value]
    return value


def payload_given() -> bytes:
    """Standard input; what has come of it when nothing more comes for too long."""
    import select
    import time

    until, parts = time.monotonic() + PAYLOAD_SECS, []
    while select.select([0], [], [], max(0.0, until - time.monotonic()))[0]:
        part = os.read(0, 1 << 20)
        if not part:
            break
        parts.append(part)
    return b"".join(parts)


def line_of(payload: bytes) -> "bytes | None":
    """The line for the monitor; None when the payload is none."""
    import json
    import time

    try:
        given = json.loads(payload) if len(payload) <= MAX_PARSED else named_in(payload)
    except (ValueError, RecursionError):
        return None
    if not isinstance(given, dict):
        return None
    data: dict[str, object] = {}
    for key, value in given.items():
        small = cut(value)
        data[key] = small if len(json.dumps(small)) <= MAX_VALUE else None
    data["sent_at"] = round(time.time(), 3)
    pid = claude_pid()
    if pid:
        data["pid"] = pid
    for name, variable in ADDED.items():
        text = os.environ.get(variable, "")
        if text and len(text) <= 200 and text.isascii() and text.isprintable():
            data[name] = text
    kind = "hook_event" if "hook_event_name" in given else "status_update"
    version = {"major": 1, "minor": 0}
    message = {"protocol_version": version, "type": kind, "data": data}
    line = json.dumps(message, separators=(",", ":")).encode() + b"\n"
    return line if len(line) <= MAX_LINE else None


def named_in(payload: bytes) -> "dict[str, object] | None":
    """The texts that the monitor needs, of a payload that is too long to be read as a whole."""
    import json
    import re

    bare = payload.strip()
    if not (bare.startswith(b"{") and bare.endswith(b"}")):
        return None
    found: dict[str, object] = {}
    for name in NAMES:
        text = re.search(rb'"%s"\s*:\s*("(?:[^"\\]|\\.){0,4096}")' % name.encode(), bare)
        if text is not None:
            found[name] = json.loads(text[1])
    return found


def claude_pid() -> int:
    """The agent's process: as it says itself, else the nearest ancestor of that name."""
    named = os.environ.get("CLAUDE_PID", "")
    if named.isdecimal() and int(named) > 0:
        return int(named)
    pid = os.getppid()
    for _ in range(MAX_PARENTS):
        try:
            with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as file:
                name, _, rest = file.read().partition("(")[2].rpartition(")")
        except OSError:
            return 0
        if name == "claude":
            return pid
        pid = int(rest.split()[1])
        if pid <= 1:
            return 0
    return 0


def tell(line: bytes) -> bool:
    """Send it to the monitor; False when there is none, or it is too slow."""
    import socket
    import time

    until = time.monotonic() + SEND_SECS
    hello = (
        '{"protocol_version":{"major":1,"minor":0},"type":"connect",'
        f'"client_id":"hook-{os.getpid()}"}}\n'
    )
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as link:
        link.settimeout(SEND_SECS)
        while True:
            try:
                link.connect(os.environ.get("ATM_SOCKET") or "/tmp/atm.sock")
                break
            except BlockingIOError:
                if time.monotonic() > until:
                    return False
                time.sleep(0.002)
            except OSError:
                return False
        try:
            link.sendall(hello.encode() + line)
        except OSError:
            return False
    return True


def spool(line: bytes) -> None:
    """Keep it for the next monitor."""
    import fcntl

    state, home = os.environ.get("XDG_STATE_HOME", ""), os.environ.get("HOME", "")
    if not state.startswith("/"):
        state = f"{home}/.local/state" if home.startswith("/") else "/tmp"
    folder = f"{state}/atm/spool"
    path = f"{folder}/hooks.jsonl"
    os.makedirs(folder, mode=0o700, exist_ok=True)
    for _ in range(3):
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW
        number = os.open(path, flags, 0o600)
        try:
            fcntl.flock(number, fcntl.LOCK_EX)
            mine = os.fstat(number)
            try:
                held = mine.st_ino == os.stat(path).st_ino
            except FileNotFoundError:
                held = False
            if held:
                if mine.st_size + len(line) <= MAX_SPOOL and os.write(number, line) < len(line):
                    os.ftruncate(number, mine.st_size)
                return
        finally:
            os.close(number)


def report(line: bytes) -> None:
    """Tell the monitor, or the next one."""
    if not tell(line):
        spool(line)


def limit_time() -> None:
    """End some time, whatever happens."""
    import signal

    signal.signal(signal.SIGALRM, lambda *_: os._exit(0))
    signal.setitimer(signal.ITIMER_REAL, BACKSTOP_SECS)


def own_text(payload: bytes) -> str:
    """A status line of our own."""
    import json

    given = json.loads(payload)
    parts = []
    model = (given.get("model") or {}).get("display_name")
    used = (given.get("context_window") or {}).get("used_percentage")
    cost = (given.get("cost") or {}).get("total_cost_usd")
    if model:
        parts.append(model)
    if isinstance(used, (int, float)):
        parts.append(f"context {used:.0f}%")
    if isinstance(cost, (int, float)):
        parts.append(f"${cost:.2f}")
    return " · ".join(parts)


def status_line(command: "list[str]") -> None:
    """Report, and print the status line or let the command print it."""
    payload = payload_given()
    line = line_of(payload)
    if line is not None and os.fork() == 0:
        # Whoever waits for the status line waits for all that have its output open.
        null = os.open(os.devnull, os.O_RDWR)
        for number in (0, 1, 2):
            os.dup2(null, number)
        os.setsid()
        limit_time()
        try:
            report(line)
        finally:
            os._exit(0)
    if not command:
        if line is not None:
            sys.stdout.buffer.write(own_text(payload).encode() + b"\n")
            sys.stdout.flush()
        return
    import tempfile

    with tempfile.TemporaryFile() as copy:
        copy.write(payload)
        copy.flush()
        os.lseek(copy.fileno(), 0, os.SEEK_SET)
        os.dup2(copy.fileno(), 0)
    if len(command) > 1:
        os.execvp(command[0], command)
    os.execv("/bin/sh", ["sh", "-c", command[0]])


def main() -> None:
    """Never fails, never prints where the agent would read it."""
    arguments = sys.argv[1:]
    if arguments[:1] == ["--version"]:
        sys.stdout.write("clawdforge-hook 1\n")
        return
    if arguments[:1] == ["--status-line"]:
        status_line(arguments[1:])
        return
    limit_time()
    line = line_of(payload_given())
    if line is not None:
        report(line)


if __name__ == "__main__":
    status = "--status-line" in sys.argv[1:2]
    try:
        main()
    except BaseException:
        if status and len(sys.argv) > 2:
            os._exit(127)
    os._exit(0)
