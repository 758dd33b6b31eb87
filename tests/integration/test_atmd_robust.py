"""The daemon under bad peers, floods and restarts: it goes on, forgets nothing, does not grow."""

import contextlib
import json
import os
import random
import resource
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from atm_client import ATMD, Daemon, Json, Peer, daemon, line

PATIENCE_SECS = 30.0
MIB = 1024 * 1024


def until(condition: Callable[[], Any]) -> Any:
    deadline = time.monotonic() + PATIENCE_SECS
    while not (found := condition()) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert found
    return found


def hook(session_id: str, event: str, **more: Any) -> bytes:
    return line("hook_event", data={"session_id": session_id, "hook_event_name": event, **more})


def status(session_id: str, cost: float, **more: Any) -> bytes:
    data = {
        "session_id": session_id,
        "model": {"id": "claude-opus-4-6"},
        "cost": {"total_cost_usd": cost, "total_duration_ms": 1},
        **more,
    }
    return line("status_update", data=data)


@pytest.fixture
def atmd(tmp_path: Path) -> Iterator[Daemon]:
    with daemon(tmp_path) as running:
        yield running


@contextlib.contextmanager
def sleeping(count: int = 1) -> Iterator[list[subprocess.Popen[bytes]]]:
    """Real processes that do nothing."""
    made = [subprocess.Popen(["sleep", "600"]) for _ in range(count)]
    try:
        yield made
    finally:
        for process in made:
            process.kill()
            process.wait()


# --- who does not read ------------------------------------------------------------------------

SUBSCRIBER = """
import json, socket, sys
link = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
link.connect(sys.argv[1])
version = {"major": 1, "minor": 0}
for kind in ("connect", "subscribe"):
    link.sendall(json.dumps({"protocol_version": version, "type": kind}).encode() + b"\\n")
stream = link.makefile("rb")
stream.readline(), stream.readline()
print("ready", flush=True)
while True:
    stream.readline()
"""


class Watcher(threading.Thread):
    """A subscriber that keeps the newest view of each session."""

    def __init__(self, atmd: Daemon) -> None:
        super().__init__()
        self.newest: dict[str, Json] = {}
        self.peer = atmd.peer()
        self.peer.send("subscribe")
        self.peer.read_type("session_list")
        self.start()

    def run(self) -> None:
        with contextlib.suppress(AssertionError, OSError):
            while True:
                told = self.peer.read()
                if told["type"] == "session_updated":
                    self.newest[told["session"]["id"]] = told["session"]

    def costs(self) -> dict[str, float]:
        return {name: view["cost_usd"] for name, view in dict(self.newest).items()}

    def end(self) -> None:
        self.peer.socket.shutdown(socket.SHUT_RDWR)
        self.join()


def test_a_stopped_subscriber_harms_nobody(atmd: Daemon) -> None:
    sessions, updates = 50, 20_000
    with subprocess.Popen(
        [sys.executable, "-c", SUBSCRIBER, str(atmd.socket)], stdout=subprocess.PIPE
    ) as stopped:
        assert stopped.stdout is not None
        assert stopped.stdout.readline() == b"ready\n"
        stopped.send_signal(signal.SIGSTOP)
        watchers = [Watcher(atmd) for _ in range(3)]
        before = psutil.Process(atmd.pid).memory_info().rss
        sender = atmd.peer()
        for number in range(updates):
            name = f"session-{number % sessions}"
            sender.raw(status(name, number, pid=4_200_000 + number % sessions))
        assert sender.silent()
        last = {f"session-{n % sessions}": float(n) for n in range(updates - sessions, updates)}
        for watcher in watchers:
            until(lambda: watcher.costs() == last)  # noqa: B023 - called at once
            watcher.end()
        assert psutil.Process(atmd.pid).memory_info().rss - before < 40 * MIB
        began = time.monotonic()
        assert atmd.command("stop").returncode == 0
        assert time.monotonic() - began < 5  # the stop itself is far below a second: next test
        stopped.kill()


def test_the_stop_with_stuck_readers_takes_less_than_a_second(atmd: Daemon) -> None:
    for _ in range(20):
        stuck = atmd.peer()
        stuck.send("subscribe")
    sender = atmd.peer()
    for number in range(5000):
        sender.raw(status(f"s{number % 100}", number, pid=4_200_000 + number % 100))
    assert sender.silent()
    began = time.monotonic()
    os.kill(atmd.pid, signal.SIGTERM)
    until(lambda: not psutil.pid_exists(atmd.pid) or _is_zombie(atmd.pid))
    assert time.monotonic() - began < 1.0


def _is_zombie(pid: int) -> bool:
    return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE


def test_a_reader_that_comes_back_gets_the_newest_view(atmd: Daemon) -> None:
    slow = atmd.peer()
    slow.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    slow.send("subscribe")
    slow.read_type("session_list")
    sender = atmd.peer()
    for number in range(20_000):
        sender.raw(status(f"s{number % 10}", number, pid=4_200_000 + number % 10))
    sender.raw(hook("s9", "SessionEnd"))
    assert sender.silent()
    newest: dict[str, float] = {}
    while True:
        told = slow.read()
        if told["type"] == "session_removed":
            assert told["session_id"] == "s9"
            break
        newest[told["session"]["id"]] = told["session"]["cost_usd"]
    while newest != {f"s{n}": 19_990.0 + n for n in range(10) if n != 9} | (
        {"s9": newest["s9"]} if "s9" in newest else {}
    ):
        told = slow.read()
        newest[told["session"]["id"]] = told["session"]["cost_usd"]


def test_a_client_that_asks_and_never_reads_is_not_served_without_end(atmd: Daemon) -> None:
    peer = atmd.peer()
    for number in range(200):
        peer.raw(hook(f"s{number}", "SessionStart", pid=4_200_000 + number))
    assert peer.silent()
    deaf = atmd.peer()
    deaf.socket.settimeout(0.5)
    with contextlib.suppress(TimeoutError):
        while True:
            deaf.raw(line("list_sessions") * 100)
    assert psutil.Process(atmd.pid).memory_info().rss < 150 * MIB
    assert peer.silent()


# --- fuzz -------------------------------------------------------------------------------------


def garbage(rng: random.Random, number: int) -> bytes:
    """A line of any kind; half of them are nearly right."""
    session_id = f"f{rng.randrange(300)}"
    good = rng.choice(
        [
            hook(
                session_id,
                rng.choice(["Stop", "PreToolUse", "SessionEnd", "Xyz"]),
                pid=4_200_000 + rng.randrange(300),
            ),
            status(session_id, rng.random(), pid=4_200_000 + rng.randrange(300)),
            line("ping", seq=number),
            line("unsubscribe"),
            line("explain", session_id=session_id),
        ]
    )
    match rng.randrange(8):
        case 0:
            return rng.randbytes(rng.randrange(80)).replace(b"\n", b"") + b"\n"
        case 1:
            cut = rng.randrange(len(good))
            return good[:cut].replace(b"\n", b"") + b"\n"
        case 2:
            at = rng.randrange(len(good) - 1)
            return good[:at] + rng.randbytes(1).replace(b"\n", b"x") + good[at + 1 :]
        case 3:
            value: Any = rng.choice([None, -1, 1e300, "x", [], {}, True, 2**70, {"a": [[]]}])
            data = {"session_id": session_id, rng.choice(["pid", "model", "cost", "cwd"]): value}
            return line(rng.choice(["status_update", "hook_event"]), data=data)
        case _:
            return good


def test_a_hundred_thousand_lines_of_nonsense(atmd: Daemon) -> None:
    rng = random.Random(20261121)
    process = psutil.Process(atmd.pid)

    def flood(count: int) -> None:
        peer = atmd.peer()
        reading = threading.Thread(target=_drain, args=(peer,))
        reading.start()
        sent = 0
        while sent < count:
            peer.raw(line(rng.choice(["subscribe", "list_sessions"])))
            batch = b"".join(garbage(rng, sent + n) for n in range(500))
            peer.raw(batch)
            sent += 500
        peer.socket.shutdown(socket.SHUT_WR)
        reading.join(PATIENCE_SECS)
        assert not reading.is_alive()

    flood(20_000)
    files, memory = process.num_fds(), process.memory_info().rss
    flood(80_000)
    probe = atmd.peer()
    assert probe.silent()
    until(lambda: process.num_fds() <= files + 3)
    assert process.memory_info().rss < memory + 30 * MIB


def _drain(peer: Peer) -> None:
    with contextlib.suppress(OSError):
        while peer.socket.recv(1 << 20):
            pass


def test_thousands_of_rapid_connections(atmd: Daemon) -> None:
    process = psutil.Process(atmd.pid)
    files = process.num_fds()
    for number in range(3000):
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as link:
            link.connect(str(atmd.socket))
            if number % 3 == 0:
                link.sendall(line("connect"))
            elif number % 3 == 1:
                link.sendall(b'{"half')
    assert atmd.peer().silent()
    until(lambda: process.num_fds() <= files + 3)


def test_many_connections_at_once(atmd: Daemon) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    count = min(2000, hard - 200)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, count + 200), hard))
    try:
        peers = [Peer(atmd.socket) for _ in range(count)]
        try:
            assert peers[0].hello()["type"] == "connected"
            assert peers[-1].hello()["type"] == "connected"
        finally:
            for peer in peers:
                peer.close()
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert atmd.peer().silent()


# --- processes --------------------------------------------------------------------------------


def test_a_session_ends_with_its_process(atmd: Daemon) -> None:
    watcher = atmd.peer()
    watcher.send("subscribe")
    watcher.read_type("session_list")
    peer = atmd.peer()
    with sleeping() as [process]:
        peer.raw(hook("real", "SessionStart", pid=process.pid))
        assert watcher.read_type("session_updated")["session"]["id"] == "real"
        process.kill()
        process.wait()
        assert watcher.read_type("session_removed")["session_id"] == "real"


def test_the_pid_of_another_process_is_another_session(atmd: Daemon) -> None:
    peer = atmd.peer()
    with sleeping(2) as [first, second]:
        peer.raw(hook("one", "SessionStart", pid=first.pid))
        peer.raw(hook("two", "SessionStart", pid=second.pid))
        peer.raw(hook("two", "SessionEnd", pid=second.pid, reason="other"))
        assert set(peer.sessions()) == {"one"}


def test_sessions_outlive_a_restart_of_the_daemon(tmp_path: Path) -> None:
    made = Daemon(tmp_path)
    made.start()
    peer = made.peer()
    with sleeping(2) as [lives, dies]:
        for name, process in (("lives", lives), ("dies", dies)):
            peer.raw(status(name, 1.25, pid=process.pid, cwd="/home/ana"))
            peer.raw(hook(name, "UserPromptSubmit", pid=process.pid, prompt="remember"))
        began = peer.sessions()["lives"]["started_at"]
        assert made.stop() == 0
        dies.kill()
        dies.wait()
        made.start()
        found = made.peer().sessions()
        assert set(found) == {"lives"}
        kept = found["lives"]
        assert (kept["cost_usd"], kept["first_prompt"]) == (1.25, "remember")
        assert (kept["started_at"], kept["cwd"]) == (began, "/home/ana")
    made.close()


def test_a_broken_snapshot_is_no_reason_not_to_start(tmp_path: Path) -> None:
    made = Daemon(tmp_path)
    made.state.mkdir(parents=True)
    for text in ("", "nonsense", '{"version":1,"sessions":[{"x":1}]}', "[" * 5000):
        (made.state / "sessions.json").write_text(text)
        made.start()
        assert made.peer().sessions() == {}
        assert made.stop() == 0
    made.close()


def test_what_hooks_left_while_nobody_was_there_is_told_in_order(tmp_path: Path) -> None:
    made = Daemon(tmp_path)
    spool = made.state / "spool"
    spool.mkdir(parents=True)
    with sleeping() as [process]:
        now = time.time()
        lines = [
            hook("late", "UserPromptSubmit", pid=process.pid, prompt="x", sent_at=now + 0.1),
            hook("late", "SessionStart", pid=process.pid, sent_at=now),
            hook("late", "PreToolUse", pid=process.pid, tool_name="Grep", sent_at=now + 0.2),
            b'{"half a line',
            hook("gone", "SessionStart", pid=4_200_000, sent_at=now),
            hook("older", "SessionStart", pid=process.pid, sent_at=5.0),
        ]
        (spool / "hooks.jsonl").write_bytes(b"".join(lines))
        made.start()
        peer = made.peer()
        until(lambda: "late" in peer.sessions())
        assert peer.sessions()["late"]["activity_detail"] == "Grep"
        assert set(peer.sessions()) == {"late"}
        (spool / "more.jsonl").write_bytes(hook("late", "Stop", pid=process.pid))
        until(lambda: peer.sessions()["late"]["status"] == "idle")
        until(lambda: list(spool.iterdir()) == [])
    made.close()


def _looking(folder: Path) -> contextlib.AbstractContextManager[Daemon]:
    return daemon(folder, ATMD_DISCOVERY="on")


def test_an_agent_that_runs_already_is_found(tmp_path: Path) -> None:
    program = tmp_path / "claude"
    program.write_bytes(Path("/bin/sleep").read_bytes())
    program.chmod(0o755)
    with subprocess.Popen([program, "600"], cwd=tmp_path) as process, _looking(tmp_path) as atmd:
        peer = atmd.peer()
        name = f"pending-{process.pid}"
        found = until(lambda: peer.sessions().get(name))
        assert found["cwd"] == str(tmp_path)
        peer.raw(hook("its-name", "SessionStart", pid=process.pid))
        assert name not in peer.sessions()
        assert peer.sessions()["its-name"]["pid"] == process.pid
        peer.send("discover")
        assert peer.read_type("discovery_complete")["discovered"] >= 1
        assert name not in peer.sessions()
        assert peer.sessions()["its-name"]["pid"] == process.pid
        process.kill()
        process.wait()
        until(lambda: "its-name" not in peer.sessions())


# --- weight -----------------------------------------------------------------------------------


def test_the_daemon_needs_nothing_heavy() -> None:
    script = (
        "import sys, clawdforge.cli.atmd, clawdforge.monitor.daemon;"
        "heavy = {'fastapi','starlette','uvicorn','sqlalchemy','alembic','httpx','typer','rich',"
        "'pydantic','psutil'} & set(sys.modules); sys.exit(repr(heavy) if heavy else 0)"
    )
    subprocess.run([sys.executable, "-c", script], check=True)


def test_the_command_tells_when_it_cannot_write_its_files(tmp_path: Path) -> None:
    made = Daemon(tmp_path)
    made.state.parent.mkdir(parents=True)
    made.state.write_text("in the way")
    done = subprocess.run(
        [*ATMD, "start"], env=made.env, capture_output=True, text=True, check=False, timeout=20
    )
    assert done.returncode == 1
    assert "Error: " in done.stderr
    assert "Traceback" not in done.stderr
    assert json.dumps(str(made.state))[1:-1] in done.stderr
