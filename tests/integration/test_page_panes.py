"""Terminals of sessions over HTTP: looked at, typed into, ended, begun; in a real tmux."""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from atm_client import Peer
from pane_stage import SESSION, AgentPane, agent_pane, fake_claude
from tmux_stage import Stage, stage, until

from clawdforge.testing.serving import RunningServer, running_server

HERE = f"/monitor/sessions/{SESSION}"
Json = dict[str, Any]


@dataclass
class Place:
    """A server, the tmux that it may look at, and what its admin sees."""

    server: RunningServer
    tmux: Stage
    admin: httpx.Client

    def token(self, name: str, *scopes: str) -> str:
        body = {"name": name, "scopes": list(scopes)}
        token: str = self.admin.post("/admin/tokens", json=body).json()["token"]
        return token

    def audit(self, action: str) -> list[Json]:
        entries: list[Json] = self.admin.get("/admin/audit?limit=100").json()["entries"]
        return [one for one in entries if one["action"] == action]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    with stage() as tmux:
        tmux.env["PATH"] = f"{fake_claude(tmux.folder)}:{tmux.env['PATH']}"
        folder = tmp_path_factory.mktemp("panes")
        environ = {**tmux.env, "CLAWDFORGE_SECRET": "not for tmux"}
        with (
            running_server(folder, environ=environ, monitor="auto") as server,
            httpx.Client(
                base_url=server.url,
                headers={"Authorization": f"Bearer {server.admin_token}"},
                timeout=30,
                limits=httpx.Limits(max_keepalive_connections=0),
            ) as admin,
        ):
            yield Place(server, tmux, admin)


@pytest.fixture(scope="module")
def agent(place: Place) -> Iterator[AgentPane]:
    with agent_pane(place.tmux, place.tmux.folder / "atm.sock") as agent:
        until(lambda: place.admin.get(f"{HERE}/screen").status_code == 200)
        yield agent


def error_of(reply: httpx.Response) -> tuple[int, str]:
    return reply.status_code, reply.json()["error"]["code"]


def test_a_terminal_is_seen_as_it_looks(place: Place, agent: AgentPane) -> None:
    told = place.admin.get(f"{HERE}/screen").json()
    assert told["pane"] == agent.pane
    assert told["place"] == "work:0.0"
    assert (told["width"], told["height"]) == (80, 24)
    assert "\x1b[31mred" in told["screen"]
    assert "38;2;1;200;3" in told["screen"]


@pytest.mark.parametrize(
    "text", ["plain", "-dash; and $(things) \"q\" 'q'", "Enter", "two\nlines", "naïve 🦀"]
)
def test_a_text_is_typed_as_it_is(place: Place, agent: AgentPane, text: str) -> None:
    mark = f"<{time.monotonic_ns()}>"
    reply = place.admin.post(f"{HERE}/input", json={"text": mark + text, "enter": False})
    assert reply.json() == {"ok": True, "pane": agent.pane}
    agent.see(mark)
    entry = place.audit("pane.input")[0]
    assert entry["subject"] == SESSION
    assert entry["detail"] == {"pane": agent.pane, "bytes": len((mark + text).encode())}
    assert mark not in str(entry)


def test_keys_are_pressed(place: Place, agent: AgentPane) -> None:
    reply = place.admin.post(f"{HERE}/input", json={"keys": ["Up", "C-b"]})
    assert reply.status_code == 200, reply.text
    agent.see("^[[A^B")
    assert place.audit("pane.input")[0]["detail"] == {"pane": agent.pane, "keys": 2}


def test_an_interrupt_is_the_key_of_the_agent(place: Place, agent: AgentPane) -> None:
    assert place.admin.post(f"{HERE}/interrupt").status_code == 200
    agent.see("^[")
    assert place.audit("pane.interrupt")[0]["actor"] == "admin"


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"text": "a", "keys": ["Enter"]},
        {"keys": ["rm -rf"]},
        {"keys": ["Enter"] * 51},
        {"text": "\x03"},
        {"text": 1},
    ],
)
def test_what_makes_no_sense_is_not_typed(place: Place, agent: AgentPane, body: Json) -> None:
    reply = place.admin.post(f"{HERE}/input", json=body)
    assert reply.status_code in {409, 422}, reply.text


def test_only_the_scope_control_reaches_terminals(place: Place, agent: AgentPane) -> None:
    tokens = {
        "none": None,
        "weak": place.token("weak", "run", "monitor", "approve", "metrics"),
        "strong": place.token("strong", "control"),
    }
    found = {}
    for name, token in tokens.items():
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        with httpx.Client(base_url=place.server.url, headers=headers, timeout=30) as http:
            found[name] = [
                http.get(f"{HERE}/screen").status_code,
                http.post(f"{HERE}/input", json={"text": "x", "enter": False}).status_code,
                http.post("/monitor/spawn", json={"agent": "nothing"}).status_code,
            ]
    assert found == {"none": [401] * 3, "weak": [403] * 3, "strong": [200, 200, 422]}
    assert place.audit("pane.input")[0]["actor"] == "app:strong"


def test_an_agent_is_started_beside_it_and_killed(
    place: Place, agent: AgentPane, tmp_path: Path
) -> None:
    folder = tmp_path / "a folder; #{x}"
    folder.mkdir()
    body = {"agent": "claude", "beside": SESSION, "cwd": str(folder), "model": "haiku"}
    made = place.admin.post("/monitor/spawn", json=body).json()
    assert made["cwd"] == str(folder)
    assert made["pane"] in agent.panes()
    AgentPane(place.tmux, made["pane"]).see("claude --model haiku")
    assert place.audit("pane.spawn")[0]["detail"] == {"pane": made["pane"], "agent": "claude"}
    place.tmux.tmux("default", "kill-pane", "-t", made["pane"])


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"agent": "sh"}, "unknown_agent"),
        ({"agent": "codex"}, "agent_missing"),
        ({"agent": "claude", "model": "--dangerously"}, "invalid_request"),
        ({"agent": "claude", "cwd": "/nowhere/at/all"}, "no_folder"),
        ({"agent": "claude", "cwd": "relative"}, "no_folder"),
        ({"agent": "claude", "beside": "nobody"}, "not_found"),
        ({"agent": "claude", "side": "inside"}, "invalid_request"),
    ],
)
def test_what_cannot_be_started_is_said(
    place: Place, agent: AgentPane, body: Json, code: str
) -> None:
    before = agent.panes()
    reply = place.admin.post("/monitor/spawn", json=body)
    assert reply.json()["error"]["code"] == code
    assert agent.panes() == before


def test_a_session_without_a_pane_says_so(place: Place, agent: AgentPane) -> None:
    assert error_of(place.admin.get("/monitor/sessions/nobody/screen")) == (404, "not_found")
    peer = Peer(place.tmux.folder / "atm.sock")
    try:
        peer.hello("hook-test")
        data = {"session_id": "bare", "pid": 999_999, "hook_event_name": "SessionStart"}
        peer.send("hook_event", data=data)
        path = "/monitor/sessions/bare/screen"
        until(lambda: place.admin.get(path).status_code == 409)
        assert error_of(place.admin.get(path)) == (409, "no_pane")
    finally:
        peer.close()


def test_a_kill_closes_the_pane(place: Place, agent: AgentPane) -> None:
    assert place.admin.post(f"{HERE}/kill").json() == {"ok": True, "pane": agent.pane}
    until(lambda: agent.pane not in agent.panes())
    assert place.audit("pane.kill")[0]["detail"] == {"pane": agent.pane}


def test_where_no_tmux_runs_one_is_started(place: Place, agent: AgentPane) -> None:
    place.tmux.tmux("default", "kill-server", check=False)
    made = place.admin.post("/monitor/spawn", json={"agent": "claude"}).json()
    assert made["cwd"] == str(place.tmux.folder)
    AgentPane(place.tmux, made["pane"]).see("claude")
    told = place.tmux.tmux("default", "show-environment", "-g")
    assert "CLAWDFORGE_SECRET" not in told
    place.tmux.tmux("default", "kill-server")
