"""Real agents in conversations over HTTP, a scripted model behind them, the server killed once.

One story for every agent, told by what it is able to do: the same words go to all of them.
"""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

from clawdforge.processes.containment import MARK_VARIABLE
from clawdforge.testing.driver_contract import obey, told
from clawdforge.testing.model_api import Always, ModelApi

pytestmark = [pytest.mark.real_agent, pytest.mark.timeout(180)]
PATIENCE_SECS = 60.0
BLOCKING = "sleep 600"
OPEN = "acpx-open"


def nothing(_: Callable[[str], str]) -> str:
    return ""


def over_acpx(agent_bin: Callable[[str], str]) -> str:
    """Its permissions are settled by the operator: one agent may nothing, one everything."""
    command = f'driver = "acpx"\ncommand = {json.dumps([agent_bin("acpx")])}'
    return f'{command}\n\n[agents.{OPEN}]\n{command}\nargs = ["--approve-all"]'


@dataclass(frozen=True)
class Kind:
    """An agent under test."""

    name: str
    table: Callable[[Callable[[str], str]], str] = nothing
    """Its table of the configuration file, given where programs are; mostly it needs none."""
    asks: bool = True
    """It asks the gateway for permission."""


KINDS = [
    Kind(name="claude"),
    Kind(name="claude-acp"),
    Kind(name="acpx", table=over_acpx, asks=False),
]


@dataclass
class Stage:
    """A data folder, a home, and the servers on it, one after the other."""

    folder: Path
    environ: dict[str, str]
    config: str
    agent: str
    process: "subprocess.Popen[bytes] | None" = None
    url: str = ""
    token: str = field(default="", repr=False)

    @property
    def data(self) -> Path:
        return self.folder / "data"

    def start(self) -> None:
        config = self.folder / "config.toml"
        config.write_text(self.config)
        command = ["-m", "clawdforge", "serve", "--port", "0", "--config", str(config)]
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, *command],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=log,
                env={**self.environ, "CLAWDFORGE_DATA_DIR": str(self.data)},
            )
        eventually(self.announced)
        self.url = json.loads((self.data / "server.json").read_text())["url"]
        self.token = (self.data / "local-token").read_text()

    def call(self, method: str, path: str, **more: Any) -> httpx.Response:
        """One request over a connection of its own: tests may not leave any open."""
        headers = {"Authorization": f"Bearer {self.token}"}
        url = f"{self.url}{path}"
        return httpx.request(method, url, headers=headers, timeout=PATIENCE_SECS, **more)

    def announced(self) -> bool:
        assert self.process is not None
        assert self.process.poll() is None, (self.folder / "log").read_text()
        try:
            about = json.loads((self.data / "server.json").read_text())
        except (FileNotFoundError, ValueError):
            return False
        return bool(about["pid"] == self.process.pid)

    def kill(self) -> None:
        assert self.process is not None
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()
        eventually(lambda: not self.left())

    def stop(self) -> None:
        if self.process is not None:
            self.process.terminate()
            self.process.wait(PATIENCE_SECS)

    def left(self) -> list[int]:
        """Processes of this stage's agents that live."""
        found = []
        for process in psutil.process_iter():
            try:
                environ = process.environ()
            except psutil.Error:
                continue
            if MARK_VARIABLE in environ and environ.get("HOME") == self.environ["HOME"]:
                found.append(process.pid)
        return found

    def session(self, **options: Any) -> str:
        reply = self.call("POST", "/sessions", json={"agent": self.agent, **options})
        assert reply.status_code == 200, reply.text
        return str(reply.json()["session_id"])

    def close(self, session: str) -> None:
        assert self.call("DELETE", f"/sessions/{session}").status_code == 200

    def turn(self, session: str, command: str, **more: Any) -> httpx.Response:
        body = {"prompt": told(command), **more}
        return self.call("POST", f"/sessions/{session}/turn", json=body)

    def said(self, session: str, command: str, **more: Any) -> str:
        reply = self.turn(session, command, **more)
        assert reply.status_code == 200, reply.text
        return text_of(reply.json())

    def events(self, session: str) -> list[dict[str, Any]]:
        reply = self.call("GET", f"/sessions/{session}/events", params={"limit": 1000})
        return list(reply.json()["events"])

    @contextmanager
    def meanwhile(self, work: Callable[[], object]) -> Iterator[None]:
        """Do something while the block waits for its reply."""
        faults: list[BaseException] = []

        def run() -> None:
            try:
                work()
            except BaseException as fault:  # noqa: BLE001 - raised below
                faults.append(fault)

        thread = threading.Thread(target=run)
        thread.start()
        yield
        thread.join(PATIENCE_SECS)
        assert not thread.is_alive()
        if faults:
            raise faults[0]

    def answer(self, decision: str) -> None:
        def pending() -> list[Any]:
            return list(self.call("GET", "/permissions").json()["permissions"])

        asked = eventually(pending)
        reply = self.call(
            "POST", f"/permissions/{asked[0]['permission_id']}", json={"decision": decision}
        )
        assert reply.status_code == 200, reply.text

    def cancel_when(self, session: str, ready: Callable[[list[dict[str, Any]]], bool]) -> None:
        eventually(lambda: ready(self.events(session)))
        reply = self.call("POST", f"/sessions/{session}/cancel")
        assert reply.json()["cancelled"] is True, reply.text


def eventually(what: Callable[[], Any]) -> Any:
    deadline = time.monotonic() + PATIENCE_SECS
    while not (found := what()):
        assert time.monotonic() < deadline, "it never came to that"
        time.sleep(0.02)
    return found


def text_of(reply: dict[str, Any]) -> str:
    return "".join(event["content"] for event in reply["events"] if event["type"] == "text")


def has_text(events: list[dict[str, Any]]) -> bool:
    return any(event["type"] == "text" for event in events)


@pytest.fixture(scope="module", params=KINDS, ids=lambda kind: kind.name)
def kind(request: pytest.FixtureRequest) -> Kind:
    found: Kind = request.param
    return found


@contextmanager
def staged(
    kind: Kind, folder: Path, agent_bin: Callable[[str], str], path: str, claude: str
) -> Iterator[Stage]:
    """A server with that agent, and a model behind it."""
    home = folder / "home"
    home.mkdir()
    table = kind.table(agent_bin)
    config = f"[agents.{kind.name}]\n{table}\n" if table else ""
    programs = Path(agent_bin("acpx")).parent
    with ModelApi([Always(obey)]) as api:
        environ = {
            "PATH": f"{programs}{os.pathsep}{path}",
            "HOME": str(home),
            "LANG": "C.UTF-8",
            "ANTHROPIC_BASE_URL": api.url,
            "ANTHROPIC_API_KEY": "no-key",
            "CLAUDE_CODE_EXECUTABLE": claude,
            "CLAWDFORGE_CLAUDE_BIN": claude,
            "CLAWDFORGE_PERMISSIONS": "ask",
            "CLAWDFORGE_HIBERNATE_AFTER_SECS": "600",
        }
        stage = Stage(folder, environ, config, kind.name)
        try:
            stage.start()
            yield stage
        finally:
            stage.stop()
            left = stage.left()
    assert not left


@pytest.fixture(scope="module")
def stage(
    kind: Kind,
    tmp_path_factory: pytest.TempPathFactory,
    agent_bin: Callable[[str], str],
    node_path: str,
    claude_bin: str,
) -> Iterator[Stage]:
    folder = tmp_path_factory.mktemp(kind.name)
    with staged(kind, folder, agent_bin, node_path, claude_bin) as stage:
        yield stage


@pytest.fixture
def mortal(
    kind: Kind,
    tmp_path: Path,
    agent_bin: Callable[[str], str],
    node_path: str,
    claude_bin: str,
) -> Iterator[Stage]:
    """A stage for one test, which may kill its server."""
    with staged(kind, tmp_path, agent_bin, node_path, claude_bin) as stage:
        yield stage


@pytest.fixture
def session(stage: Stage) -> Iterator[str]:
    made = stage.session()
    yield made
    stage.close(made)


def test_two_turns_share_a_memory(stage: Stage, session: str) -> None:
    stage.said(session, "/remember blue")
    assert "blue" in stage.said(session, "/recall")


def test_an_attachment_is_in_the_folder(stage: Stage, session: str) -> None:
    upload = stage.call("POST", "/files", files={"file": ("notes.txt", b"the word is plum")})
    token = upload.json()["file_token"]
    assert "hello" in stage.said(session, "/echo hello", files=[token])
    work = stage.data / "sessions" / session / "work"
    assert (work / "attachment-1.txt").read_bytes() == b"the word is plum"


def test_a_tool_call_that_is_allowed(stage: Stage, kind: Kind) -> None:
    if kind.asks:
        session = stage.session()
        with stage.meanwhile(lambda: stage.answer("allow")):
            stage.said(session, "/ask touch made.txt")
    else:
        session = stage.session(agent=OPEN)
        stage.said(session, "/ask touch made.txt")
    assert (stage.data / "sessions" / session / "work" / "made.txt").exists()
    stage.close(session)


def test_a_tool_call_that_is_denied(stage: Stage, session: str, kind: Kind) -> None:
    if kind.asks:
        with stage.meanwhile(lambda: stage.answer("deny")):
            stage.said(session, "/ask touch made.txt")
    assert not (stage.data / "sessions" / session / "work" / "made.txt").exists()
    assert "still here" in stage.said(session, "/echo still here")


def test_a_cancel_in_the_middle_of_the_text(stage: Stage, session: str) -> None:
    with stage.meanwhile(lambda: stage.cancel_when(session, has_text)):
        reply = stage.turn(session, "/stream 2000 20")
    assert reply.status_code == 200, reply.text
    assert reply.json()["stop_reason"] == "cancelled"
    assert text_of(reply.json()).startswith("1 2")
    assert "still here" in stage.said(session, "/echo still here")


def test_a_cancel_while_a_tool_runs(stage: Stage, kind: Kind) -> None:
    session = stage.session() if kind.asks else stage.session(agent=OPEN)

    def runs(events: list[dict[str, Any]]) -> bool:
        calls = [event for event in events if event["type"] == "tool_call"]
        asked = [event for event in events if event["type"] == "permission_request"]
        return bool(calls) and (not asked or events[-1]["type"] != "permission_request")

    def allow_then_cancel() -> None:
        if kind.asks:
            stage.answer("allow")
        stage.cancel_when(session, runs)

    with stage.meanwhile(allow_then_cancel):
        reply = stage.turn(session, f"/ask {BLOCKING}")
    assert reply.json()["stop_reason"] == "cancelled", reply.text
    assert "still here" in stage.said(session, "/echo still here")
    stage.close(session)


def test_nothing_runs_for_a_closed_session(stage: Stage) -> None:
    session = stage.session()
    stage.said(session, "/echo hello")
    before = stage.left()
    stage.call("DELETE", f"/sessions/{session}")
    assert stage.call("GET", f"/sessions/{session}").json()["live"] is False
    assert len(stage.left()) < len(before)


def test_a_killed_server_loses_nothing(mortal: Stage) -> None:
    stage = mortal
    session = stage.session()
    stage.said(session, "/remember plum")
    accepted = stage.turn(session, "/stream 2000 20", wait=False)
    assert accepted.status_code == 202, accepted.text
    eventually(lambda: sum(event["type"] == "text" for event in stage.events(session)) > 3)
    before = stage.events(session)
    stage.kill()
    stage.start()
    turn = stage.call("GET", f"/sessions/{session}/turns/2").json()
    assert turn["state"] == "interrupted"
    assert text_of(turn).startswith("1 2")
    assert stage.events(session)[: len(before)] == before
    assert "plum" in stage.said(session, "/recall")
