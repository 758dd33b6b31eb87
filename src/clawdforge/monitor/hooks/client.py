"""The hook client where there is no compiler: the same as client.c, which says what it does.

    python3 -I -S client.py [--status-line [COMMAND] | --approve ... | --bar [SHAPE]]

What follows `--approve`: [--wait SECS] [--subagents SECS] [--headless]

It imports little and runs by itself, without the package.
"""

import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from socket import socket

PAYLOAD_SECS = 1.5
BACKSTOP_SECS = 3.0
SEND_SECS = 0.06
MAX_TEXT = 2048
MAX_VALUE = 32 * 1024
MAX_SHOWN_TEXT = 64 * 1024
MAX_SHOWN_VALUE = 256 * 1024
MAX_LINE = 512 * 1024
MAX_SPOOL = 8 * 1024 * 1024
MAX_PARENTS = 15
CONNECT_SECS = 2.0
WAIT_SECS = 590
MAX_WAIT_SECS = 86_400
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
BAR_SECS = 0.1
BAR_BACKSTOP_SECS = 1.0
MAX_FACTS = 64 * 1024
MAX_SHAPE_DEPTH = 8
BAR_SHAPE = "{active}\u2191 {waiting:{waiting}! }${cost}"
ADDED = {
    "tmux_pane": "TMUX_PANE",
    "entrypoint": "CLAUDE_CODE_ENTRYPOINT",
    "job": "CLAUDE_JOB_DIR",
}


def cut(value: object, most: int = MAX_TEXT, mark: str = "") -> object:
    """The value with its long texts cut; `mark` says so, with the number of what is left out."""
    if isinstance(value, str):
        if len(value) <= most:
            return value
        return value[:most] + (mark % len(value[most:].encode(errors="replace")) if mark else "")
    if isinstance(value, dict):
        return {key: cut(inner, most, mark) for key, inner in value.items()}
    if isinstance(value, list):
        return [cut(inner, most, mark) for inner in value]
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
    kind = "hook_event" if "hook_event_name" in given else "status_update"
    return message(kind, data | added())


def asked_line(payload: bytes, waits: "dict[str, int]") -> "bytes | None":
    """The line that asks for an answer; None when the payload is none."""
    import json

    try:
        given = json.loads(payload)
    except (ValueError, RecursionError):
        return None
    if not isinstance(given, dict) or "hook_event_name" not in given:
        return None
    data: dict[str, object] = {}
    is_cut = False
    for key, value in given.items():
        small = cut(value, MAX_SHOWN_TEXT, " \u2026 [%d bytes more]")
        data[key] = small if len(json.dumps(small)) <= MAX_SHOWN_VALUE else None
        is_cut = is_cut or data[key] != value
    data = data | added() | {name: secs for name, secs in waits.items() if secs}
    return message("approval_request", data | {"cut": True} if is_cut else data)


def added() -> "dict[str, object]":
    """What the payload does not say."""
    import time

    data: dict[str, object] = {"sent_at": round(time.time(), 3)}
    pid = claude_pid()
    if pid:
        data["pid"] = pid
    for name, variable in ADDED.items():
        text = os.environ.get(variable, "")
        if text and len(text) <= 200 and text.isascii() and text.isprintable():
            data[name] = text
    return data


def message(kind: str, data: "dict[str, object]") -> "bytes | None":
    """A line for the monitor; None when it is too long."""
    import json

    version = {"major": 1, "minor": 0}
    told = {"protocol_version": version, "type": kind, "data": data}
    line = json.dumps(told, separators=(",", ":")).encode() + b"\n"
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

    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as link:
        return sent(link, line, SEND_SECS)


def sent(link: "socket", line: bytes, secs: float) -> bool:
    """Connect and send, within that time; False when it was not possible."""
    import time

    until = time.monotonic() + secs
    hello = (
        '{"protocol_version":{"major":1,"minor":0},"type":"connect",'
        f'"client_id":"hook-{os.getpid()}"}}\n'
    )
    link.settimeout(secs)
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
    if not is_ours(link):
        return False
    try:
        link.sendall(hello.encode() + line)
    except OSError:
        return False
    return True


def is_ours(link: "socket") -> bool:
    """Whether we ourselves or the system listen there: others may, at a path that all may use."""
    import socket
    import struct

    option = getattr(socket, "SO_PEERCRED", None)
    if option is None:
        return os.stat(os.environ.get("ATM_SOCKET") or "/tmp/atm.sock").st_uid in (0, os.geteuid())
    _, uid, _ = struct.unpack("iII", link.getsockopt(socket.SOL_SOCKET, option, 12))
    return uid in (0, os.geteuid())


def approve(options: "list[str]") -> None:
    """Wait for somebody's answer, and print it. Whatever is not exactly an answer is none."""
    import signal
    import socket

    waits, headless = {"wait_secs": WAIT_SECS, "subagent_secs": 0}, False
    names = {"--wait": "wait_secs", "--subagents": "subagent_secs"}
    while options:
        option = options.pop(0)
        if option == "--headless":
            headless = True
        elif option in names and options:
            waits[names[option]] = int(options.pop(0))
        else:
            return
    wait_secs = waits["wait_secs"]
    if not 1 <= wait_secs <= MAX_WAIT_SECS or not 0 <= waits["subagent_secs"] <= MAX_WAIT_SECS:
        return
    if not headless and os.environ.get("CLAUDE_CODE_ENTRYPOINT", "").startswith("sdk-"):
        return  # no dialog: what nobody allows is denied at once, and shall not wait for us
    limit_time(wait_secs + BACKSTOP_SECS + CONNECT_SECS)
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as link:

        def gone(*_: object) -> None:
            link.setblocking(False)  # noqa: FBT003 - the standard library's way
            try:
                link.send(said("approval_withdrawn"))
            finally:
                os._exit(0)

        ends = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
        for number in ends:
            signal.signal(number, gone)
        line = asked_line(payload_given(), waits)
        if line is None or not sent(link, line, CONNECT_SECS):
            return
        output = awaited(link, wait_secs)
        if output is None:
            return
        signal.pthread_sigmask(signal.SIG_BLOCK, ends)
        while output:
            output = output[os.write(1, output) :]
        link.sendall(said("approval_taken"))


def said(kind: str) -> bytes:
    """A line without data."""
    return b'{"protocol_version":{"major":1,"minor":0},"type":"%s"}\n' % kind.encode()


def awaited(link: "socket", wait_secs: int) -> "bytes | None":
    """What is to be printed; None: nobody answers."""
    import select
    import time

    until, held = time.monotonic() + wait_secs, b""
    poll = select.poll()
    poll.register(link, select.POLLIN)
    poll.register(1, 0)
    while (left := until - time.monotonic()) > 0:
        ready = dict(poll.poll(min(left, 60.0) * 1000))
        if 1 in ready:
            return None  # the agent is gone
        if not ready:
            continue
        part = link.recv(1 << 20)
        if not part:
            return None  # the monitor is gone
        held += part
        while b"\n" in held:
            line, _, held = held.partition(b"\n")
            goes_on, output = heard(line)
            if not goes_on:
                return output
    return None


def heard(line: bytes) -> "tuple[bool, bytes | None]":
    """Whether to go on waiting after this line; else what is to be printed, if anything."""
    import json

    told = json.loads(line)
    kind = told.get("type")
    if kind != "approval_answer":
        return kind in ("connected", "approval_pending"), None
    given = told["output"]["hookSpecificOutput"]
    if given["hookEventName"] != "PermissionRequest":
        return False, None
    if given["decision"]["behavior"] not in ("allow", "deny"):
        return False, None
    return False, json.dumps(told["output"]).encode()


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


def limit_time(secs: float = BACKSTOP_SECS) -> None:
    """End some time, whatever happens."""
    import signal

    signal.signal(signal.SIGALRM, lambda *_: os._exit(0))
    signal.setitimer(signal.ITIMER_REAL, secs)


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


def figures() -> "dict[str, int]":
    """The monitor's figures; empty: it does not tell them in time."""
    import json
    import socket
    import time

    until, held = time.monotonic() + BAR_SECS, b""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as link:
        if not sent(link, said("status"), BAR_SECS):
            return {}
        while held.count(b"\n") < 2:
            left = until - time.monotonic()
            if left <= 0 or len(held) > MAX_FACTS:
                return {}
            link.settimeout(left)
            part = link.recv(MAX_FACTS)
            if not part:
                return {}
            held += part
    found = json.loads(held.split(b"\n")[1])["facts"]["figures"]
    names = ("sessions", "working", "idle", "asleep", "waiting", "cost_microusd")
    told = {name: found[name] for name in names}
    if not all(type(value) is int and 0 <= value < 10**15 for value in told.values()):
        return {}
    return told


def filled(shape: str, values: "dict[str, str]", depth: int = 0) -> str:
    """The shape with the values in it; core/observed/figures.py says how it is read."""
    out, at = "", 0
    while at < len(shape):
        end, level = -1, 0
        for place in range(at, len(shape)) if shape[at] == "{" else ():
            level += (shape[place] == "{") - (shape[place] == "}")
            if level == 0:
                end = place
                break
        name, colon, inner = shape[at + 1 : end].partition(":")
        if end < 0 or name not in values or depth >= MAX_SHAPE_DEPTH:
            out, at = out + shape[at], at + 1
            continue
        if not colon:
            out += values[name]
        elif values[name] not in ("0", "0.00"):
            out += filled(inner, values, depth + 1)
        at = end + 1
    return out


def bar(shape: str) -> None:
    """Print a line for a status bar. Always a line: else tmux goes on showing the last one."""
    text = "-"
    try:
        told = figures()
        if told:
            cents = (told.pop("cost_microusd") + 5000) // 10_000
            values = {name: str(value) for name, value in told.items()}
            values["active"] = str(told["working"] + told["idle"])
            values["cost"] = f"{cents // 100}.{cents % 100:02d}"
            text = filled(shape, values)
    finally:
        os.write(1, text.encode("utf-8", "surrogateescape") + b"\n")


def main() -> None:
    """Never fails, never prints where the agent would read it."""
    arguments = sys.argv[1:]
    if arguments[:1] == ["--version"]:
        os.write(1, b"clawdforge-hook 2\n")
        return
    if arguments[:1] == ["--status-line"]:
        status_line(arguments[1:])
        return
    if arguments[:1] == ["--approve"]:
        approve(arguments[1:])
        return
    if arguments[:1] == ["--bar"]:
        limit_time(BAR_BACKSTOP_SECS)
        bar(arguments[1] if len(arguments) > 1 else BAR_SHAPE)
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
