"""A server killed in the middle of a run: what is left, and what the next one makes of it."""

import json
import signal
import sqlite3
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
import pytest

from clawdforge.testing.model_api import Always, CallTool, ModelApi, Say

WAIT_SECS = 20.0
GONE_SECS = 2.0
"""Namespaces end everything with the server; the rest is the machine's other work."""
MARK = "CLAWDFORGE_CHILD_OF"
SLEEP = "exec setsid --wait python3 -c 'import time; time.sleep(300)'"


@dataclass
class Folder:
    """A data folder and the servers on it, one after the other."""

    home: Path
    more: dict[str, str] = field(default_factory=dict)

    @property
    def data(self) -> Path:
        return self.home / "data"

    @property
    def environ(self) -> dict[str, str]:
        return {
            "PATH": "/usr/bin:/bin",
            "HOME": str(self.home),
            "CLAWDFORGE_DATA_DIR": str(self.data),
            "CLAWDFORGE_MONITOR": "off",
            "CLAWDFORGE_CLAUDE_BIN": str(self.home / "no-claude-here"),
            "CLAWDFORGE_STOP_GRACE_SECS": "1",
            **self.more,
        }

    def start(self) -> "subprocess.Popen[str]":
        return subprocess.Popen(
            [sys.executable, "-m", "clawdforge", "serve", "--port", "0"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            env=self.environ,
        )

    def refused(self) -> str:
        """What a server that does not start says."""
        process = self.start()
        _, said = process.communicate(timeout=WAIT_SECS)
        assert process.returncode not in {0, -9}, said
        assert "Traceback" not in said
        assert "error:" in said
        return said

    @contextmanager
    def serving(self) -> Iterator["Server"]:
        process = self.start()
        try:
            eventually(lambda: self.announced_by(process), "the server does not start")
            yield Server(self, process, json.loads((self.data / "server.json").read_text())["url"])
        finally:
            if process.poll() is None:
                process.terminate()
            try:
                process.communicate(timeout=WAIT_SECS)
            finally:
                process.kill()
                process.wait()

    def announced_by(self, process: "subprocess.Popen[str]") -> bool:
        assert process.poll() is None, process.communicate()[1]
        try:
            about = json.loads((self.data / "server.json").read_text())
        except FileNotFoundError:
            return False
        return bool(about["pid"] == process.pid)

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        with closing(sqlite3.connect(self.data / "ledger.sqlite3")) as ledger:
            return ledger.execute(query).fetchall()

    def run_folders(self) -> list[Path]:
        return list((self.data / "runs").iterdir())


@dataclass
class Server:
    folder: Folder
    process: "subprocess.Popen[str]"
    url: str

    def run(self, prompt: str, **more: Any) -> tuple[int, dict[str, Any]]:
        token = (self.folder.data / "local-token").read_text()
        request = urllib.request.Request(
            f"{self.url}/run",
            json.dumps({"prompt": prompt, **more}).encode(),
            {"Authorization": f"Bearer {token}", "Content-Type": "application/json"},
        )
        try:
            with urllib.request.urlopen(request, timeout=60) as reply:
                return reply.status, json.load(reply)
        except urllib.error.HTTPError as error:
            with error:
                return error.code, json.load(error)

    @contextmanager
    def running(self, prompt: str, **more: Any) -> Iterator[list[tuple[int, dict[str, Any]]]]:
        """A run under way; its reply, once there is one."""
        replies: list[tuple[int, dict[str, Any]]] = []

        def ask() -> None:
            try:
                replies.append(self.run(prompt, **more))
            except OSError:  # the server died
                return

        thread = threading.Thread(target=ask)
        thread.start()
        try:
            yield replies
        finally:
            thread.join(WAIT_SECS)
            assert not thread.is_alive()


def eventually(condition: Callable[[], object], what: str, secs: float = WAIT_SECS) -> None:
    deadline = time.monotonic() + secs
    while not condition():
        assert time.monotonic() < deadline, what
        time.sleep(0.01)


def children(mark: str) -> list[list[str]]:
    """Command lines of the agents and their descendants, known by what their environment says."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.status() == psutil.STATUS_ZOMBIE:
                continue
            if process.environ().get(MARK, "").startswith(mark):
                found.append(process.cmdline())
        except psutil.Error:
            continue
    return found


def has_grandchild(mark: str) -> bool:
    return any("time.sleep(" in " ".join(line[-1:]) for line in children(mark))


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder(tmp_path)


def mark_of(folder: Folder) -> str:
    return (folder.data / "folder-id").read_text() + ":"


def is_at_work(folder: Folder) -> bool:
    """Whether an agent got a prompt."""
    return bool(folder.rows("SELECT 1 FROM runs WHERE state = 'running'")) and any(
        "program.py" in " ".join(line) for line in children(mark_of(folder))
    )


def check_recovery(folder: Folder) -> None:
    """The next server: finds out what happened, and works."""
    stale = json.loads((folder.data / "server.json").read_text())
    assert len(folder.run_folders()) == 1
    with folder.serving() as server:
        assert server.url != stale["url"] or server.process.pid != stale["pid"]
        assert folder.run_folders() == []
        assert [state for (state,) in folder.rows("SELECT state FROM runs")] == ["interrupted"]
        (run_id,) = folder.rows("SELECT run_id FROM runs")[0]
        audit = folder.rows("SELECT actor, subject FROM audit WHERE action = 'run.interrupted'")
        assert audit == [("server", run_id)]
        assert server.run("/echo it works again")[1]["result"] == "it works again"
    assert not (folder.data / "server.json").exists()


@pytest.mark.parametrize("prompt", ["/hang", "/grandchild hang", "/deaf"])
def test_kill_9_in_the_middle_of_a_run(folder: Folder, prompt: str) -> None:
    with folder.serving() as server:
        mark = mark_of(folder)
        with server.running(prompt):
            eventually(lambda: is_at_work(folder), "the agent does not start")
            if "grandchild" in prompt:
                eventually(lambda: has_grandchild(mark), "the grandchild does not start")
            server.process.kill()
            server.process.wait()
            eventually(lambda: not children(mark), "processes outlive the server", GONE_SECS)
    check_recovery(folder)


@pytest.mark.real_agent
def test_kill_9_while_claude_runs_a_command(tmp_path: Path, claude_bin: Path) -> None:
    (tmp_path / ".claude").mkdir()
    allowed = {"permissions": {"allow": ["Bash"]}}
    (tmp_path / ".claude" / "settings.json").write_text(json.dumps(allowed))
    call = CallTool("Bash", {"command": SLEEP, "description": "sleep"})
    with ModelApi([call, Always(Say("too late"))]) as api:
        more = {"CLAWDFORGE_CLAUDE_BIN": str(claude_bin), "CLAWDFORGE_DEFAULT_AGENT": "demo"}
        folder = Folder(tmp_path, {**api.environment(), **more})
        with folder.serving() as server:
            mark = mark_of(folder)
            with server.running("x", agent="claude"):
                eventually(lambda: has_grandchild(mark), "the command does not start")
                server.process.kill()
                server.process.wait()
                eventually(lambda: not children(mark), "processes outlive the server", GONE_SECS)
    check_recovery(folder)


def test_sigterm_lets_a_run_end(folder: Folder) -> None:
    folder.more["CLAWDFORGE_STOP_GRACE_SECS"] = "20"
    with folder.serving() as server:
        with server.running("/slow 10 100") as replies:
            eventually(lambda: is_at_work(folder), "the agent does not start")
            server.process.terminate()
        assert server.process.wait(WAIT_SECS) == 0
    ((status, reply),) = replies
    assert (status, reply["ok"]) == (200, True)
    assert folder.rows("SELECT state FROM runs") == [("done",)]
    assert folder.run_folders() == []


@pytest.mark.parametrize("prompt", ["/hang", "/deaf", "/grandchild hang"])
def test_sigterm_ends_a_run_that_does_not_end(folder: Folder, prompt: str) -> None:
    with folder.serving() as server:
        mark = mark_of(folder)
        with server.running(prompt) as replies:
            eventually(lambda: is_at_work(folder), "the agent does not start")
            server.process.terminate()
        assert server.process.wait(WAIT_SECS) == 0
        assert not children(mark)
    ((status, reply),) = replies
    assert (status, reply["ok"], reply["stop_reason"]) == (502, False, "cancelled")
    assert folder.rows("SELECT state FROM runs") == [("cancelled",)]
    assert folder.run_folders() == []
    assert not (folder.data / "server.json").exists()


def test_a_second_sigterm_does_not_wait(folder: Folder) -> None:
    folder.more["CLAWDFORGE_STOP_GRACE_SECS"] = "600"
    with folder.serving() as server:
        mark = mark_of(folder)
        with server.running("/hang"):
            eventually(lambda: is_at_work(folder), "the agent does not start")
            server.process.send_signal(signal.SIGTERM)
            refused = f"{server.url}/readyz"
            eventually(lambda: _status(refused) == 503, "it does not begin to stop")
            server.process.send_signal(signal.SIGTERM)
            assert server.process.wait(WAIT_SECS) == 0
        assert not children(mark)
    assert folder.rows("SELECT state FROM runs") == [("cancelled",)]
    assert folder.run_folders() == []


def _status(url: str) -> int:
    try:
        with urllib.request.urlopen(url, timeout=5) as reply:
            return int(reply.status)
    except urllib.error.HTTPError as error:
        error.close()
        return error.code


def test_a_second_server_on_the_folder_is_refused(folder: Folder) -> None:
    with folder.serving() as server:
        said = folder.refused()
        assert "another clawdforge server uses the data folder" in said
        assert str(folder.data) in said
        assert folder.announced_by(server.process)
        assert server.run("/echo still here")[0] == 200


def test_a_corrupted_ledger(folder: Folder) -> None:
    with folder.serving() as server:
        server.run("/echo x")
    ledger = folder.data / "ledger.sqlite3"
    broken = b"garbage " * 512 + ledger.read_bytes()[4096:]
    ledger.write_bytes(broken)
    assert "ledger" in folder.refused()
    assert ledger.read_bytes() == broken, "it is kept for who may mend it"
    assert not (folder.data / "server.json").exists()


def test_a_data_folder_that_is_none(folder: Folder) -> None:
    folder.data.write_text("a file")
    said = folder.refused()
    assert f"cannot use the folder {folder.data}" in said
    assert "--data-dir" in said
    assert folder.data.read_text() == "a file"


def test_a_data_folder_that_cannot_be_made(folder: Folder) -> None:
    # Not even root can make a folder there.
    nowhere = Folder(folder.home, {"CLAWDFORGE_DATA_DIR": "/proc/clawdforge"})
    assert "cannot use the folder /proc/clawdforge" in nowhere.refused()


def test_a_lock_that_cannot_be_used(folder: Folder) -> None:
    (folder.data / "lock").mkdir(parents=True)
    assert "cannot use" in folder.refused()
    assert [entry.name for entry in folder.data.iterdir() if entry.is_file()] == []
