"""The installed command as people use it: serve, run, token, runs, doctor, Ctrl-C."""

import json
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

START_SECS = 20.0
Completed = subprocess.CompletedProcess[str]


@dataclass(frozen=True)
class Home:
    """A user with nothing but a home folder, and no claude."""

    path: Path

    @property
    def environ(self) -> dict[str, str]:
        return {
            "PATH": "/usr/bin:/bin",
            "HOME": str(self.path),
            "CLAWDFORGE_DATA_DIR": str(self.path / "data"),
            "CLAWDFORGE_MONITOR": "off",
            "CLAWDFORGE_CLAUDE_BIN": str(self.path / "no-claude-here"),
            "CLAWDFORGE_STOP_GRACE_SECS": "1",
        }

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-m", "clawdforge", *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=self.environ,
        )

    def cli(self, *arguments: str, stdin: str = "") -> Completed:
        return subprocess.run(
            [sys.executable, "-m", "clawdforge", *arguments],
            input=stdin,
            capture_output=True,
            text=True,
            check=False,
            timeout=40,
            env=self.environ,
        )

    def json(self, *arguments: str) -> dict[str, Any]:
        done = self.cli(*arguments, "--json")
        assert done.returncode == 0, done.stderr
        value: dict[str, Any] = json.loads(done.stdout)
        return value


@dataclass(frozen=True)
class Serving:
    home: Home
    process: subprocess.Popen[str]
    welcome: str


@contextmanager
def serving(home: Home, *arguments: str) -> Iterator[Serving]:
    """A server that accepts requests; ended, and looked at, afterwards."""
    process = home.start("serve", "--port", "0", *arguments)
    assert process.stdout is not None
    try:
        lines = []
        for line in process.stdout:
            lines.append(line)
            if "Ctrl-C" in line:
                break
        yield Serving(home, process, "".join(lines))
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGINT)
        try:
            process.communicate(timeout=START_SECS)
        finally:
            process.kill()
            process.wait()


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path)


@pytest.fixture
def server(home: Home) -> Iterator[Serving]:
    with serving(home) as running:
        yield running


def eventually(condition: Callable[[], bool], what: str, secs: float = 10.0) -> None:
    deadline = time.monotonic() + secs
    while not condition():
        assert time.monotonic() < deadline, what
        time.sleep(0.02)


def test_serve_says_how_to_go_on(server: Serving) -> None:
    assert re.match(r"clawdforge listens on http://127\.0\.0\.1:\d+\n", server.welcome)
    assert 'clawdforge run "Say hello."' in server.welcome
    assert "clawdforge token create my-app" in server.welcome
    assert "curl http://127.0.0.1:" in server.welcome
    assert "Default agent: demo" in server.welcome
    assert "npm install -g @anthropic-ai/claude-code" in server.welcome


def test_the_curl_line_works_as_it_stands(server: Serving) -> None:
    line = next(line for line in server.welcome.splitlines() if line.strip().startswith("curl"))
    done = subprocess.run(
        ["/bin/sh", "-c", line + " --silent --show-error"],
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
        env=server.home.environ,
    )
    if done.returncode == 127 or "option --json" in done.stderr:
        pytest.skip("there is no curl, or it is older than 7.82")
    assert json.loads(done.stdout)["ok"] is True, done.stderr


def test_sigint_ends_it_with_0_and_leaves_nothing(home: Home) -> None:
    with serving(home) as running:
        running.process.send_signal(signal.SIGINT)
        assert running.process.wait(timeout=START_SECS) == 0
    assert not (home.path / "data" / "server.json").exists()
    assert home.cli("agents").returncode == 3


def test_run_and_what_is_kept_of_it(server: Serving) -> None:
    home = server.home
    done = home.cli("run", "Say hello.")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.strip()

    reply = home.json("run", "Say hello.")
    assert reply["ok"] is True
    page = home.json("runs", "list")
    assert page["count"] == 2
    info = home.json("runs", "show", str(reply["run_id"]))
    assert (info["state"], info["agent"]) == ("done", "demo")

    table = home.cli("runs", "list").stdout
    assert str(reply["run_id"]) in table
    assert "STATE" in table
    shown = home.cli("runs", "show", str(reply["run_id"])).stdout
    assert "duration" in shown


def test_the_prompt_may_come_from_a_pipe(server: Serving) -> None:
    for arguments in (("run",), ("run", "-")):
        done = server.home.cli(*arguments, stdin="Say hello.")
        assert done.returncode == 0, done.stderr
        assert done.stdout.strip()


def test_files_are_attached(server: Serving, tmp_path: Path) -> None:
    home = server.home
    file = tmp_path / "a.txt"
    file.write_text("some text")
    reply = json.loads(
        home.cli("run", "Read both.", "-f", str(file), "-f", "-", "--json", stdin="more").stdout
    )
    assert home.json("runs", "show", reply["run_id"])["file_count"] == 2

    done = home.cli("run", "Read it.", "--file", str(tmp_path / "none"))
    assert done.returncode == 2
    assert "cannot read" in done.stderr


def test_a_refused_run(server: Serving) -> None:
    done = server.home.cli("run", "hi", "--agent", "nobody")
    assert done.returncode == 4
    assert "error:" in done.stderr
    assert "demo" in done.stderr


def test_a_missing_agent(server: Serving) -> None:
    done = server.home.cli("run", "hi", "--agent", "claude")
    assert done.returncode == 1
    assert "hint:" in done.stderr
    assert "clawdforge doctor" in done.stderr
    failed = server.home.cli("run", "hi", "--agent", "claude", "--json")
    assert failed.returncode == 1
    assert json.loads(failed.stdout)["ok"] is False


def test_tokens(server: Serving) -> None:
    home = server.home
    made = home.cli("token", "create", "my-app", "--cidr", "127.0.0.0/8")
    token = made.stdout.strip()
    assert (made.returncode, token[:3]) == (0, "cf_")
    assert "cannot be shown again" in made.stderr

    listed = home.cli("token", "list")
    assert "my-app" in listed.stdout
    assert "127.0.0.0/8" in listed.stdout
    assert token not in listed.stdout

    again = home.cli("token", "create", "my-app")
    assert (again.returncode, again.stdout) == (4, "")
    assert home.cli("token", "create", "Not A Name").returncode == 2

    asked = home.cli("token", "revoke", "my-app")
    assert asked.returncode == 2
    assert home.cli("token", "revoke", "my-app", "--yes").returncode == 0
    assert home.cli("token", "revoke", "my-app", "--yes").returncode == 4


def test_agents(server: Serving) -> None:
    found = {info["name"]: info for info in server.home.json("agents")["agents"]}
    assert found["demo"]["default"] is True
    assert found["claude"]["available"] is False
    table = server.home.cli("agents").stdout
    assert "npm install" in table


def test_ctrl_c_cancels_the_run_on_the_server_too(server: Serving) -> None:
    home = server.home
    process = home.start("run", "/hang")
    eventually(lambda: home.json("runs", "list")["count"] == 1, "the run does not start")
    process.send_signal(signal.SIGINT)
    stdout, stderr = process.communicate(timeout=10)
    assert (process.returncode, stdout) == (130, "")
    assert "Traceback" not in stderr

    def state() -> str:
        return str(home.json("runs", "list")["runs"][0]["state"])

    eventually(lambda: state() == "cancelled", "the run goes on")


def test_the_data_folder_in_the_file_is_found_by_all_commands(tmp_path: Path) -> None:
    home = Home(tmp_path)
    config = tmp_path / "c.toml"
    config.write_text(f'data_dir = "{tmp_path / "elsewhere"}"\n')
    environ = {**home.environ, "CLAWDFORGE_CONFIG": str(config)}
    del environ["CLAWDFORGE_DATA_DIR"]
    process = subprocess.Popen(
        [sys.executable, "-m", "clawdforge", "serve", "--port", "0"],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env=environ,
    )
    try:
        assert process.stdout is not None
        assert "listens on" in process.stdout.readline()
        done = subprocess.run(
            [sys.executable, "-m", "clawdforge", "run", "hi"], check=False, timeout=30, env=environ
        )
        assert done.returncode == 0
    finally:
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=START_SECS)
    assert process.returncode == 0


def test_a_port_in_use(home: Home) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        done = home.cli("serve", "--port", port)
        doctor = home.cli("doctor")
    assert done.returncode == 2
    assert f"error: cannot listen on 127.0.0.1:{port}" in done.stderr
    assert "hint:" in done.stderr
    assert "--port" in done.stderr
    assert "Traceback" not in done.stderr
    assert doctor.returncode in {0, 1}


def test_a_folder_in_use(server: Serving) -> None:
    done = server.home.cli("serve", "--port", "0")
    assert done.returncode == 1
    assert "another clawdforge server uses the data folder" in done.stderr
    assert "hint:" in done.stderr


def test_a_broken_ledger(home: Home) -> None:
    data = home.path / "data"
    data.mkdir(mode=0o700)
    (data / "ledger.sqlite3").write_bytes(b"not a ledger" * 1000)
    done = home.cli("serve", "--port", "0")
    assert done.returncode == 1
    assert "error: The ledger at" in done.stderr
    assert "Traceback" not in done.stderr
    doctor = home.cli("doctor")
    assert doctor.returncode == 1
    assert "fail" in doctor.stdout


def test_doctor_beside_a_server(server: Serving) -> None:
    report = server.home.json("doctor")
    checks = {check["check"]: check["level"] for check in report["checks"]}
    assert report["ok"] is True
    assert checks["server"] == checks["ledger"] == checks["credentials"] == "ok"
    assert checks["agent claude"] == "warn"


def test_doctor_after_a_server(home: Home) -> None:
    with serving(home):
        pass
    done = home.cli("doctor")
    assert done.returncode in {0, 1}, done.stderr  # 1: something else may have port 8800
    assert "sound, 0 runs in it" in done.stdout


def test_output_to_a_pipe_is_plain(server: Serving) -> None:
    for arguments in (("agents",), ("doctor",), ("token", "list"), ("config",)):
        done = server.home.cli(*arguments)
        assert "\x1b" not in done.stdout + done.stderr
