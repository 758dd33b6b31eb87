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
SLEEPING = "time.sleep(600)"
"""How the model says that."""
OPEN = "acpx-open"


def nothing(_: Callable[[str], str]) -> str:
    return ""


def over_acpx(agent_bin: Callable[[str], str]) -> str:
    """Its permissions are settled by the operator: one agent may nothing, one everything."""
    command = f'driver = "acpx"\ncommand = {json.dumps([agent_bin("acpx")])}'
    return f'{command}\n\n[agents.{OPEN}]\n{command}\nargs = ["--approve-all"]'


def no_home(home: Path, url: str) -> dict[str, str]:
    return {}


def codex_home(home: Path, url: str) -> dict[str, str]:
    """A model that it knows: of others it says so in each answer."""
    (home / ".codex").mkdir()
    (home / ".codex" / "config.toml").write_text(
        'model = "gpt-5.6-terra"\n'
        'model_provider = "scripted"\n'
        "[model_providers.scripted]\n"
        'name = "scripted"\n'
        f'base_url = "{url}/v1"\n'
        'wire_api = "responses"\n'
        'env_key = "OPENAI_API_KEY"\n'
    )
    return {"OPENAI_API_KEY": "no-key"}


def goose_home(home: Path, url: str) -> dict[str, str]:
    return {
        "OPENAI_HOST": url,
        "OPENAI_API_KEY": "no-key",
        "GOOSE_PROVIDER": "openai",
        "GOOSE_MODEL": "gpt-scripted",
        "GOOSE_DISABLE_KEYRING": "1",
        "GOOSE_PROVIDER_SKIP_BACKOFF": "true",
    }


def opencode_home(home: Path, url: str) -> dict[str, str]:
    """It fetches plugins in the background; here it gets none."""
    (home / ".npmrc").write_text(f"registry={url}/npm/\n")
    provider = {
        "npm": "@ai-sdk/openai-compatible",
        "options": {"baseURL": f"{url}/v1", "apiKey": "no-key"},
        "models": {"scripted": {"name": "Scripted"}},
    }
    settings = {"model": "scripted/scripted", "provider": {"scripted": provider}}
    (home / ".config" / "opencode").mkdir(parents=True)
    (home / ".config" / "opencode" / "opencode.json").write_text(json.dumps(settings))
    return {"OPENCODE_DISABLE_MODELS_FETCH": "1"}


@dataclass(frozen=True)
class Kind:
    """An agent under test."""

    name: str
    table: Callable[[Callable[[str], str]], str] = nothing
    """Its table of the configuration file, given where programs are; mostly it needs none."""
    home: Callable[[Path, str], dict[str, str]] = no_home
    """Puts its settings into the home, given where the model is; returns variables for it."""
    asks: bool = True
    """It asks the gateway for permission."""
    gives_up: bool = False
    """A tool that is denied ends its turn."""
    leaves_commands: bool = False
    """A command goes on when its turn is cancelled, until the session is closed."""


KINDS = [
    Kind(name="claude"),
    Kind(name="claude-acp"),
    Kind(name="acpx", table=over_acpx, asks=False),
    Kind(name="codex", home=codex_home, gives_up=True),
    Kind(name="goose", home=goose_home, leaves_commands=True),
    Kind(name="opencode", home=opencode_home),
]


@dataclass
class Stage:
    """A data folder, a home, and the servers on it, one after the other."""

    folder: Path
    environ: dict[str, str]
    config: str
    kind: Kind
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
                env={
                    **self.environ,
                    "CLAWDFORGE_DATA_DIR": str(self.data),
                    "CLAWDFORGE_MONITOR": "off",
                },
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

    def left(self, word: str = "") -> list[int]:
        """Processes of this stage's agents that live, with that word in their command."""
        found = []
        for process in psutil.process_iter():
            try:
                environ, command = process.environ(), " ".join(process.cmdline())
            except psutil.Error:
                continue
            mine = MARK_VARIABLE in environ and environ.get("HOME") == self.environ["HOME"]
            if mine and word in command:
                found.append(process.pid)
        return found

    def session(self, **options: Any) -> str:
        reply = self.call("POST", "/sessions", json={"agent": self.kind.name, **options})
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

    def events(self, session: str, after: int = 0) -> list[dict[str, Any]]:
        params = {"limit": 1000, "after": after}
        reply = self.call("GET", f"/sessions/{session}/events", params=params)
        return list(reply.json()["events"])

    def last(self, session: str) -> int:
        """The number of its newest event."""
        return max((event["seq"] for event in self.events(session)), default=0)

    def work(self, session: str) -> Path:
        """The folder in which its agent works."""
        return self.data / "sessions" / session / "work"

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

    def cancel_when(
        self, session: str, after: int, ready: Callable[[list[dict[str, Any]]], bool]
    ) -> None:
        eventually(lambda: ready(self.events(session, after)))
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


def is_running(events: list[dict[str, Any]]) -> bool:
    """Whether a tool was called, and nobody has to allow that first."""
    kinds = [event["type"] for event in events]
    return "tool_call" in kinds and kinds[-1] != "permission_request"


def has_text(events: list[dict[str, Any]]) -> bool:
    return any(event["type"] == "text" for event in events)


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
            **kind.home(home, api.url),
        }
        stage = Stage(folder, environ, config, kind)
        try:
            stage.start()
            yield stage
        finally:
            stage.stop()
            left = stage.left()
    assert not left


@pytest.fixture(params=KINDS, ids=lambda kind: kind.name)
def stage(
    request: pytest.FixtureRequest,
    tmp_path: Path,
    agent_bin: Callable[[str], str],
    node_path: str,
    claude_bin: str,
) -> Iterator[Stage]:
    with staged(request.param, tmp_path, agent_bin, node_path, claude_bin) as stage:
        yield stage


def test_a_conversation_from_its_first_turn_to_its_end(stage: Stage) -> None:
    session = stage.session()
    two_turns_share_a_memory(stage, session)
    an_attachment_is_in_the_folder(stage, session)
    a_tool_call_is_denied(stage, session)
    a_cancel_comes_in_the_middle_of_the_text(stage, session)
    the_model_refuses(stage, session)
    # Who never asks the gateway may run commands in a session of its own only.
    free = session if stage.kind.asks else stage.session(agent=OPEN)
    a_tool_call_is_allowed(stage, free)
    a_cancel_comes_while_a_tool_runs(stage, free)
    for each in {session, free}:
        stage.close(each)
        assert stage.call("GET", f"/sessions/{each}").json()["live"] is False
    assert not stage.left()


def two_turns_share_a_memory(stage: Stage, session: str) -> None:
    stage.said(session, "/remember blue")
    assert "blue" in stage.said(session, "/recall")


def an_attachment_is_in_the_folder(stage: Stage, session: str) -> None:
    upload = stage.call("POST", "/files", files={"file": ("notes.txt", b"the word is plum")})
    token = upload.json()["file_token"]
    assert "hello" in stage.said(session, "/echo hello", files=[token])
    [attachment] = stage.work(session).glob("attachment-*.txt")
    assert attachment.read_bytes() == b"the word is plum"


def a_tool_call_is_denied(stage: Stage, session: str) -> None:
    if stage.kind.asks:
        with stage.meanwhile(lambda: stage.answer("deny")):
            reply = stage.turn(session, "/ask touch denied.txt")
        stop = "cancelled" if stage.kind.gives_up else "end_turn"
        assert reply.json()["stop_reason"] == stop, reply.text
    else:
        stage.said(session, "/ask touch denied.txt")
    assert not (stage.work(session) / "denied.txt").exists()
    assert "still here" in stage.said(session, "/echo still here")


def a_tool_call_is_allowed(stage: Stage, session: str) -> None:
    if stage.kind.asks:
        with stage.meanwhile(lambda: stage.answer("allow")):
            stage.said(session, "/ask touch allowed.txt")
    else:
        stage.said(session, "/ask touch allowed.txt")
    assert (stage.work(session) / "allowed.txt").exists()


def a_cancel_comes_in_the_middle_of_the_text(stage: Stage, session: str) -> None:
    before = stage.last(session)
    with stage.meanwhile(lambda: stage.cancel_when(session, before, has_text)):
        reply = stage.turn(session, "/stream 2000 20")
    assert reply.status_code == 200, reply.text
    assert reply.json()["stop_reason"] == "cancelled"
    assert text_of(reply.json()).startswith("1 2")
    assert "still here" in stage.said(session, "/echo still here")


def the_model_refuses(stage: Stage, session: str) -> None:
    reply = stage.turn(session, "/fail The purse is empty.")
    assert reply.status_code == 502, reply.text
    assert "purse is empty" in reply.json()["error"]
    assert "still here" in stage.said(session, "/echo still here")


def a_cancel_comes_while_a_tool_runs(stage: Stage, session: str) -> None:
    before = stage.last(session)

    def allow_then_cancel() -> None:
        if stage.kind.asks:
            stage.answer("allow")
        stage.cancel_when(session, before, is_running)

    with stage.meanwhile(allow_then_cancel):
        reply = stage.turn(session, f"/ask {BLOCKING}")
    assert reply.json()["stop_reason"] == "cancelled", reply.text
    eventually(lambda: bool(stage.left(SLEEPING)) is stage.kind.leaves_commands)
    assert "still here" in stage.said(session, "/echo still here")


def test_a_killed_server_loses_nothing(stage: Stage) -> None:
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
