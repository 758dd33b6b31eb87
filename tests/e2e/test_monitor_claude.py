"""The real `claude` in a real tmux, with our hooks: what a subscriber of the real `atmd` sees."""

import json
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from atm_client import Daemon, Peer

from clawdforge.testing.model_api import CallTool, ModelApi, Say, Stall
from clawdforge.testing.model_api.script import ScriptItem

pytestmark = [pytest.mark.real_agent, pytest.mark.timeout(120)]

PATIENCE_SECS = 40.0
PANE = "monitored"


class Terminal:
    """A tmux server of its own, with one pane."""

    def __init__(self, environ: dict[str, str], folder: Path) -> None:
        self._environ = environ
        self._folder = folder

    def run(self, *arguments: str) -> str:
        done = subprocess.run(
            ["tmux", "-L", PANE, "-f", "/dev/null", *arguments],
            env=self._environ,
            capture_output=True,
            text=True,
            check=True,
        )
        return done.stdout

    def start(self, *command: str) -> None:
        size = ("-x", "120", "-y", "40")
        self.run("new-session", "-d", *size, "-c", str(self._folder), *command)

    def type(self, text: str) -> None:
        self.run("send-keys", "-l", text)
        self.wait_for(text)
        self.run("send-keys", "Enter")

    def press(self, key: str) -> None:
        self.run("send-keys", key)

    @property
    def screen(self) -> str:
        return self.run("capture-pane", "-p")

    def wait_for(self, text: str) -> None:
        deadline = time.monotonic() + PATIENCE_SECS
        while text not in self.screen:
            assert time.monotonic() < deadline, self.screen
            time.sleep(0.05)


class Subscriber(threading.Thread):
    """Keeps what it was told, in order."""

    def __init__(self, peer: Peer, screen: Callable[[], str]) -> None:
        super().__init__()
        self._screen = screen
        self._past = 0
        self.told: list[dict[str, Any]] = []
        self._peer = peer
        peer.send("subscribe")
        peer.read_type("session_list")
        peer.socket.settimeout(None)
        self.start()

    def run(self) -> None:
        try:
            while True:
                self.told.append(self._peer.read())
        except (AssertionError, OSError):
            return

    def views(self) -> list[dict[str, Any]]:
        return [one["session"] for one in self.told if one["type"] == "session_updated"]

    def wait(self, what: str, condition: Callable[[dict[str, Any]], Any]) -> dict[str, Any]:
        """The next view of which it is true: what was waited for before is past."""
        deadline = time.monotonic() + PATIENCE_SECS
        while time.monotonic() < deadline:
            while self._past < len(self.told):
                one = self.told[self._past]
                if one["type"] == "session_updated" and condition(one["session"]):
                    view: dict[str, Any] = one["session"]
                    return view
                self._past += 1
            time.sleep(0.02)
        states = [(view["state"], view["activity_detail"]) for view in self.views()]
        raise AssertionError(what, states, self._screen())

    def end(self) -> None:
        self._peer.socket.shutdown(socket.SHUT_RDWR)
        self.join()


@pytest.fixture
def atmd(tmp_path: Path) -> Iterator[Daemon]:
    made = Daemon(tmp_path)
    yield made.start()
    made.close()


@pytest.fixture
def api() -> Iterator[ModelApi]:
    script: list[ScriptItem] = [
        CallTool("Bash", {"command": "sleep 2; touch made"}),
        Say("I have made it."),
        Stall(after_chars=16, of=Say("Once upon a time there was a long story.")),
    ]
    with ModelApi(script) as running:
        yield running


@pytest.fixture
def terminal(atmd: Daemon, api: ModelApi, claude_bin: Path, tmp_path: Path) -> Iterator[Terminal]:
    """Claude Code as a person has it: introduced, in a folder that is trusted."""
    work = tmp_path / "work"
    work.mkdir()
    model = api.environment()
    known = {
        "hasCompletedOnboarding": True,
        "theme": "dark",
        "customApiKeyResponses": {"approved": [model["ANTHROPIC_API_KEY"][-20:]], "rejected": []},
        "projects": {str(work): {"hasTrustDialogAccepted": True}},
    }
    (tmp_path / ".claude.json").write_text(json.dumps(known))
    environ = {**atmd.env, **model, "TERM": "xterm-256color", "LANG": "C.UTF-8"}
    command = [sys.executable, "-m", "clawdforge", "hooks", "install"]
    subprocess.run([*command, "--data-dir", str(tmp_path / "data")], env=environ, check=True)
    made = Terminal({**environ, "PATH": os.environ["PATH"]}, work)
    made.start(str(claude_bin), "--permission-mode", "default")
    try:
        yield made
    finally:
        subprocess.run(["tmux", "-L", PANE, "kill-server"], env=environ, check=False)


def test_a_day_of_a_session(atmd: Daemon, terminal: Terminal, tmp_path: Path) -> None:
    seen = Subscriber(atmd.peer(), lambda: terminal.screen)
    try:
        terminal.wait_for("\N{HEAVY RIGHT-POINTING ANGLE QUOTATION MARK ORNAMENT}")
        ready = seen.wait("it is there", lambda view: view["model"].startswith("Opus"))
        assert ready["status"] == "idle"
        assert ready["tmux_pane"] == "%0"
        assert ready["cwd"] == str(tmp_path / "work")
        assert ready["source"] == "terminal"

        terminal.type("make it")
        seen.wait("it works", lambda view: view["status"] == "working")
        asks = seen.wait("it asks", lambda view: view["state"] == "permission")
        assert (asks["status"], asks["needs_attention"]) == ("attention_needed", True)
        assert not (tmp_path / "work" / "made").exists()
        terminal.wait_for("Do you want to proceed")
        while "Do you want to proceed" in terminal.screen:
            terminal.press("Enter")  # the first ones may come too early for it
            time.sleep(0.5)
        tool = seen.wait("the tool runs", lambda view: view["state"] == "tool")
        assert (tool["status"], tool["activity_detail"]) == ("working", "Bash")
        done = seen.wait("it has ended", lambda view: view["state"] == "idle" and view["cost_usd"])
        assert (tmp_path / "work" / "made").exists()
        assert done["first_prompt"] == "make it"

        terminal.type("tell me a story")
        seen.wait("it works again", lambda view: view["state"] == "working")
        terminal.wait_for("esc to interrupt")
        terminal.press("Escape")
        stopped = seen.wait("it was interrupted", lambda view: view["state"] == "interrupted")
        assert stopped["status"] == "idle"  # and no hook has told of it

        terminal.type("/exit")
        deadline = time.monotonic() + PATIENCE_SECS
        while seen.told[-1]["type"] != "session_removed":
            assert time.monotonic() < deadline
            time.sleep(0.02)
        assert {view["id"] for view in seen.views()} == {seen.told[-1]["session_id"]}
    finally:
        seen.end()
