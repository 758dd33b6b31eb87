"""The line for a status bar: of the small program in both its forms, of the command, in tmux."""

import contextlib
import json
import os
import shutil
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from atm_client import Daemon, daemon, line
from tui_terminal import Terminal

from clawdforge.core.observed.figures import Figures, status_line
from clawdforge.monitor.hooks.building import Form, build, is_current

PATIENCE_SECS = 30.0
QUIET = b"-\n"
FORMS = (Form.NATIVE, Form.PYTHON)
CONNECTED = b'{"type":"connected","protocol_version":{"major":1,"minor":0},"client_id":"x"}\n'
FIGURES = Figures(sessions=9, working=3, idle=2, asleep=1, waiting=3, cost_microusd=12_345_678)


def facts(figures: Any) -> bytes:
    told = {"version": "1", "socket": '/tmp/"figures":{', "figures": figures, "uptime_secs": 1.5}
    return json.dumps({"type": "status", "facts": told}, separators=(",", ":")).encode() + b"\n"


TOLD = {
    "sessions": 9,
    "working": 3,
    "idle": 2,
    "asleep": 1,
    "waiting": 3,
    "cost_microusd": 12_345_678,
}


WORDS = ["attention_needed", "idle", "working"]


class Monitor(threading.Thread):
    """Says to everybody what it is told to say, in pieces, and then does what it is told."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.pieces: list[bytes] = []
        self.closes = True
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._listener.bind(str(path))
        self._listener.listen(8)
        self._over = threading.Event()
        self.start()

    def run(self) -> None:
        while True:
            try:
                peer, _ = self._listener.accept()
            except OSError:
                return
            with peer, contextlib.suppress(OSError):
                asked = b""
                while asked.count(b"\n") < 2 and (more := peer.recv(65536)):
                    asked += more
                for piece in self.pieces:
                    peer.sendall(piece)
                if not self.closes:
                    peer.settimeout(PATIENCE_SECS)
                    while peer.recv(65536):
                        pass

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self.join()


@pytest.fixture(scope="module")
def programs(tmp_path_factory: pytest.TempPathFactory) -> dict[Form, Path]:
    folder = tmp_path_factory.mktemp("programs")
    made = {form: folder / form.value / "clawdforge-bar" for form in FORMS}
    for form, path in made.items():
        build(path, {"PATH": os.environ["PATH"]}, form)
        assert is_current(path)
    return made


@pytest.fixture(params=FORMS)
def bar(
    request: pytest.FixtureRequest, programs: dict[Form, Path], tmp_path: Path
) -> Callable[..., bytes]:
    def run(*arguments: str | bytes) -> bytes:
        done = subprocess.run(
            [programs[request.param], "--bar", *arguments],
            env={"ATM_SOCKET": str(tmp_path / "atm.sock"), "HOME": str(tmp_path)},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=True,
            timeout=PATIENCE_SECS,
        )
        assert done.stderr == b""
        return done.stdout

    return run


@pytest.fixture
def monitor(tmp_path: Path) -> Iterator[Monitor]:
    made = Monitor(tmp_path / "atm.sock")
    yield made
    made.close()


# --- the small program ------------------------------------------------------------------------


def test_the_line_is_that_of_the_command(bar: Callable[..., bytes], monitor: Monitor) -> None:
    monitor.pieces = [CONNECTED, facts(TOLD)]
    assert bar() == f"{status_line(FIGURES)}\n".encode()
    for shape in (
        "{active} {waiting} {working} {idle} {asleep} {sessions} {cost}",
        "{waiting:{waiting}! {asleep:{asleep} z}}|{cost:$}",
        "{unknown} {waiting {} } {:} {idle:",
        "#[fg=red]{waiting}#[default] é 100%",
        "{idle:" * 12 + "x" + "}" * 12,
        "",
    ):
        assert bar(shape) == f"{status_line(FIGURES, shape)}\n".encode(), shape


def test_figures_of_zero_leave_their_part_out(bar: Callable[..., bytes], monitor: Monitor) -> None:
    monitor.pieces = [CONNECTED, facts(dict.fromkeys(TOLD, 0))]
    assert bar() == "0↑ $0.00\n".encode()
    assert bar("{cost:dear}{idle:idle}.") == b".\n"


def test_a_reply_in_small_pieces_is_read(bar: Callable[..., bytes], monitor: Monitor) -> None:
    whole = CONNECTED + facts(TOLD)
    monitor.pieces = [whole[at : at + 7] for at in range(0, len(whole), 7)]
    assert bar("{sessions}") == b"9\n"


@pytest.mark.parametrize(
    "reply",
    [
        b"",
        b"\n\n\n",
        CONNECTED + b'{"type":"error","message":"what is that?"}\n',
        CONNECTED + b'{"type":"status","facts":{"pid":1,"sessions":3}}\n',
        CONNECTED + facts(TOLD | {"waiting": -1}),
        CONNECTED + facts(TOLD | {"waiting": 10**30}),
        CONNECTED + facts(TOLD | {"waiting": "3"}),
        CONNECTED + facts(TOLD | {"waiting": 1.5}),
        CONNECTED + facts({}),
        CONNECTED + facts(TOLD)[:-20],
        CONNECTED + b'{"type":"status","facts":{"figures":{"sessions":\n',
        CONNECTED + b"\x00" * 500 + b"\n",
        CONNECTED + b"\xff\xfe{[" * 500 + b"\n",
        b"[" * 60_000 + b"\n" + b"[" * 60_000 + b"\n",
    ],
)
def test_nonsense_gives_a_quiet_sign(
    bar: Callable[..., bytes], monitor: Monitor, reply: bytes
) -> None:
    monitor.pieces = [reply]
    assert bar() == QUIET


def test_a_reply_without_an_end_costs_neither_memory_nor_time(
    bar: Callable[..., bytes], monitor: Monitor
) -> None:
    monitor.pieces = [CONNECTED, *[b"x" * 1_000_000] * 200]
    assert bar() == QUIET


def test_a_monitor_that_says_nothing_is_not_waited_for(
    bar: Callable[..., bytes], monitor: Monitor
) -> None:
    monitor.closes = False
    for pieces in ([], [CONNECTED], [CONNECTED, b'{"type":"status","facts":{']):
        monitor.pieces = pieces
        began = time.monotonic()
        assert bar() == QUIET
        assert time.monotonic() - began < 5.0  # of a loaded machine; the budget is 0.1 s


def test_a_monitor_that_accepts_nobody_is_not_waited_for(
    bar: Callable[..., bytes], tmp_path: Path
) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as deaf, contextlib.ExitStack() as stack:
        deaf.bind(str(tmp_path / "atm.sock"))
        deaf.listen(0)
        for _ in range(3):
            filler = stack.enter_context(socket.socket(socket.AF_UNIX, socket.SOCK_STREAM))
            filler.setblocking(False)
            filler.connect_ex(str(tmp_path / "atm.sock"))
        assert bar() == QUIET


def test_without_a_monitor_there_is_a_quiet_sign(bar: Callable[..., bytes], tmp_path: Path) -> None:
    assert bar() == QUIET
    (tmp_path / "atm.sock").write_text("no socket")
    assert bar() == QUIET


def test_a_long_shape_is_cut_between_characters(
    programs: dict[Form, Path], tmp_path: Path, monitor: Monitor
) -> None:
    monitor.pieces = [CONNECTED, facts(TOLD)]
    done = subprocess.run(
        [programs[Form.NATIVE], "--bar", "x" + "é" * 5000],
        env={"ATM_SOCKET": str(tmp_path / "atm.sock")},
        capture_output=True,
        check=True,
    )
    assert 1000 < len(done.stdout) <= 1025
    assert set(done.stdout.decode()) == {"x", "é", "\n"}


def test_a_closed_output_harms_nobody(programs: dict[Form, Path], tmp_path: Path) -> None:
    for program in programs.values():
        env = {"ATM_SOCKET": str(tmp_path / "none")}
        with Path("/dev/full").open("wb") as full:
            done = subprocess.run(
                [program, "--bar"], env=env, stdout=full, stderr=full, check=False
            )
        assert done.returncode == 0


# --- the command ------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def atmd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Daemon]:
    """A monitor that knows one session that works, one that is idle, and one that asks."""
    agents = [subprocess.Popen(["sleep", "600"]) for _ in range(3)]
    stories = (
        ("a", ["SessionStart", "UserPromptSubmit"]),
        ("b", ["SessionStart"]),
        ("c", ["SessionStart", "UserPromptSubmit", "PermissionRequest"]),
    )
    with daemon(tmp_path_factory.mktemp("monitor")) as running:
        peer = running.peer()
        for agent, (name, events) in zip(agents, stories, strict=True):
            same = {"session_id": f"s-{name}", "tool_name": "Bash", "pid": agent.pid}
            for event in events:
                peer.raw(line("hook_event", data={"hook_event_name": event, **same}))
        cost = {"total_cost_usd": 4.2, "total_duration_ms": 1}
        told = {"session_id": "s-b", "model": {"id": "claude-opus-4-6"}, "cost": cost}
        peer.raw(line("status_update", data={**told, "pid": agents[1].pid}))
        deadline = time.monotonic() + PATIENCE_SECS
        while sorted(one["status"] for one in peer.sessions().values()) != WORDS:
            assert time.monotonic() < deadline, peer.sessions()
        yield running
    for agent in agents:
        agent.kill()
        agent.wait()


def command(atmd: Daemon, *arguments: str, **env: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "clawdforge", "status", *arguments],
        env={**atmd.env, **env},
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE_SECS,
    )


def test_the_command_and_the_program_say_what_the_monitor_knows(
    atmd: Daemon, programs: dict[Form, Path]
) -> None:
    assert command(atmd).stdout == "2↑ 1! $4.20\n"
    assert json.loads(command(atmd, "--json").stdout) == {
        "active": 2,
        "waiting": 1,
        "working": 1,
        "idle": 1,
        "asleep": 0,
        "sessions": 3,
        "cost_microusd": 4_200_000,
    }
    for program in programs.values():
        done = subprocess.run([program, "--bar"], env=atmd.env, capture_output=True, check=True)
        assert done.stdout.decode() == "2↑ 1! $4.20\n"


def test_a_wrong_shape_is_told(atmd: Daemon) -> None:
    done = command(atmd, "--format", "{wating} wait")
    assert done.returncode == 2
    assert "there is no figure 'wating'" in done.stderr
    assert "waiting" in done.stderr


def test_without_a_monitor_the_command_says_how_to_start_one(atmd: Daemon, tmp_path: Path) -> None:
    done = command(atmd, ATM_SOCKET=str(tmp_path / "none.sock"))
    assert done.returncode == 3
    assert done.stdout == ""
    assert "atmd start -d" in done.stderr


@pytest.mark.parametrize("shape", [None, "#[fg=red]{waiting} of {sessions}# 100% $ it's {cost}"])
def test_tmux_shows_the_line(atmd: Daemon, tmp_path: Path, shape: str | None) -> None:
    folder = tmp_path / "it's a $HOME, 100% #1"
    folder.mkdir()
    options = ["--data-dir", str(folder), *([] if shape is None else ["--format", shape])]
    done = command(atmd, "--tmux", *options)
    assert done.returncode == 0, done.stderr
    conf = tmp_path / "tmux.conf"
    conf.write_text(f"set -g status-right-length 80\nset -g status-right ''\n{done.stdout}")
    env = {**atmd.env, "TMUX_TMPDIR": str(tmp_path), "LANG": "C.UTF-8", "TERM": "xterm-256color"}
    screen = Terminal(env)  # a terminal for the one that is looked at
    try:
        screen.command(f"env -u TMUX tmux -u -L inner -f {conf} new-session -s x")
        screen.see("2↑ 1! $4.20" if shape is None else "1 of 3# 100% $ it's 4.20")
    finally:
        subprocess.run(["tmux", "-L", "inner", "kill-server"], env=env, check=False)
        screen.close()


def test_where_there_is_no_compiler_the_lines_name_a_script(atmd: Daemon, tmp_path: Path) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    done = command(atmd, "--tmux", "--data-dir", str(tmp_path), PATH=str(empty))
    assert done.returncode == 0, done.stderr
    made = tmp_path / "bin" / "clawdforge-bar"
    assert str(made) in done.stdout
    assert made.read_bytes().startswith(b"#!")
    assert shutil.which("cc") is None or not made.read_bytes().startswith(b"\x7fELF")


def test_atmd_restart_leaves_another_one_with_the_same_sessions(tmp_path: Path) -> None:
    with daemon(tmp_path) as first:
        done = first.command("restart", "--json")
        try:
            assert done.returncode == 0, done.stderr
            pid = json.loads(done.stdout)["pid"]
            assert pid != first.pid
            assert json.loads(first.command("status", "--json").stdout)["pid"] == pid
        finally:
            assert first.command("stop").returncode == 0
    assert first.command("status").returncode == 1
