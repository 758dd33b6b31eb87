"""Agents that are started before there is a prompt."""

import time
from pathlib import Path

import httpx

from clawdforge.testing.serving import RunningServer, running_server


def calls(server: RunningServer) -> httpx.Client:
    headers = {"Authorization": f"Bearer {server.token}"}
    return httpx.Client(base_url=server.url, headers=headers, timeout=30)


def is_live(client: httpx.Client, session_id: str) -> bool:
    return bool(client.get(f"/sessions/{session_id}").json()["live"])


def wait_until_live(client: httpx.Client, session_id: str) -> None:
    deadline = time.monotonic() + 20
    while not is_live(client, session_id):
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_new_sessions_are_warm_up_to_the_limit(tmp_path: Path) -> None:
    with running_server(tmp_path, warm_agents=1) as server, calls(server) as client:
        first = client.post("/sessions", json={}).json()["session_id"]
        wait_until_live(client, first)
        second = client.post("/sessions", json={}).json()["session_id"]
        assert not is_live(client, second)
        assert client.get(f"/sessions/{first}").json()["turn_count"] == 0
        reply = client.post(f"/sessions/{first}/turn", json={"prompt": "/echo hi"}).json()
        assert reply["turn_index"] == 1
        assert reply["events"] == [{"type": "text", "content": "hi"}]
        third = client.post("/sessions", json={}).json()["session_id"]
        wait_until_live(client, third)  # the first has had its turn: it counts no more


def test_a_warm_agent_gives_its_place_to_who_has_something_to_do(tmp_path: Path) -> None:
    with (
        running_server(tmp_path, warm_agents=1, max_active_agents=1) as server,
        calls(server) as client,
    ):
        warm = client.post("/sessions", json={}).json()["session_id"]
        wait_until_live(client, warm)
        other = client.post("/sessions", json={}).json()["session_id"]
        said = client.post(f"/sessions/{other}/turn", json={"prompt": "/echo me"})
        assert said.status_code == 200
        said = client.post(f"/sessions/{warm}/turn", json={"prompt": "/echo and me"})
        assert said.json()["events"] == [{"type": "text", "content": "and me"}]


def test_without_the_setting_nothing_is_started(tmp_path: Path) -> None:
    with running_server(tmp_path) as server, calls(server) as client:
        session_id = client.post("/sessions", json={}).json()["session_id"]
        assert not is_live(client, session_id)
        caps = {row["name"]: row["caps"] for row in client.get("/agents").json()["agents"]}
        assert caps["demo"] is None
        client.post(f"/sessions/{session_id}/turn", json={"prompt": "/echo hi"})
        caps = {row["name"]: row["caps"] for row in client.get("/agents").json()["agents"]}
        assert caps["demo"]["resume"] is True
