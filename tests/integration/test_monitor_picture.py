"""One picture: sessions that a server drives and those started by hand, each once, over HTTP."""

import contextlib
import json
import os
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from atm_client import Daemon, Peer

from clawdforge.testing.serving import RunningServer, running_server

Json = dict[str, Any]
PATIENCE_SECS = 20.0


def until(condition: Callable[[], Any]) -> Any:
    deadline = time.monotonic() + PATIENCE_SECS
    while not (found := condition()):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    return found


class Place:
    """A server with a monitor, and what is needed to talk to both."""

    def __init__(self, server: RunningServer, folder: Path) -> None:
        self.server = server
        self.socket = folder / "run" / "atm.sock"
        self._stack = contextlib.ExitStack()
        self.app = self._client(server.token)
        self.admin = self._client(server.admin_token)

    def _client(self, token: str) -> httpx.Client:
        headers = {"Authorization": f"Bearer {token}"}
        made = httpx.Client(base_url=self.server.url, headers=headers, timeout=PATIENCE_SECS)
        self._stack.callback(made.close)
        return made

    def watcher(self) -> httpx.Client:
        """A client whose token has the scope `monitor` alone."""
        self.admin.delete("/admin/tokens/watcher")
        body = {"name": "watcher", "scopes": ["monitor"]}
        made = self.admin.post("/admin/tokens", json=body)
        return self._client(made.json()["token"])

    def peer(self) -> Peer:
        made = Peer(self.socket)
        self._stack.callback(made.close)
        made.hello()
        return made

    def picture(self) -> Json:
        reply = self.admin.get("/monitor/sessions")
        assert reply.status_code == 200, reply.text
        found: Json = reply.json()
        assert found["count"] == len(found["sessions"])
        return found

    def views(self) -> dict[str, Json]:
        return {view["id"]: view for view in self.picture()["sessions"]}

    def session(self, **body: Any) -> str:
        session_id: str = self.app.post("/sessions", json=body).json()["session_id"]
        return session_id

    def turn(self, session_id: str, prompt: str, **more: Any) -> Json:
        reply = self.app.post(f"/sessions/{session_id}/turn", json={"prompt": prompt, **more})
        assert reply.status_code in (200, 202), reply.text
        found: Json = reply.json()
        return found

    def close(self) -> None:
        self._stack.close()


def environ_of(folder: Path) -> dict[str, str]:
    return {
        "PATH": os.environ["PATH"],
        "HOME": str(folder),
        "ATM_SOCKET": str(folder / "run" / "atm.sock"),
        "TMUX_TMPDIR": str(folder),
        "ATMD_DISCOVERY": "off",
    }


@contextlib.contextmanager
def serving(folder: Path, name: str = "data") -> Iterator[Place]:
    with running_server(
        folder / name, environ=environ_of(folder), monitor="auto", log_level="error"
    ) as server:
        place = Place(server, folder)
        try:
            yield place
        finally:
            place.close()


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    with serving(tmp_path) as made:
        yield made


@pytest.fixture
def by_hand() -> Iterator[subprocess.Popen[bytes]]:
    """A process that stands for an agent in a terminal."""
    with subprocess.Popen(["sleep", "600"]) as process:
        yield process
        process.kill()


def test_both_kinds_of_sessions_side_by_side_each_once(
    place: Place, by_hand: subprocess.Popen[bytes]
) -> None:
    driven = place.session()
    place.turn(driven, "/remember blue")
    hook = {"session_id": "by-hand", "hook_event_name": "SessionStart", "pid": by_hand.pid}
    peer = place.peer()
    peer.send("hook_event", data={**hook, "cwd": "/work"})
    found = until(lambda: views if len(views := place.views()) == 2 else None)
    assert (found[driven]["source"], found["by-hand"]["source"]) == ("gateway", "terminal")
    assert found[driven]["app"] == "local"
    assert found[driven]["agent"] == "demo"
    assert found[driven]["session"] == driven
    assert place.picture()["monitor"] == "embedded"
    assert set(peer.sessions()) == {driven, "by-hand"}


def test_how_a_driven_session_stands(place: Place) -> None:
    session_id = place.session(permissions="ask")
    place.turn(session_id, "/ask echo hi", wait=False)
    asking = until(lambda: _in_state(place, session_id, "permission"))
    assert asking["status"] == "attention_needed"
    [question] = place.app.get("/permissions").json()["permissions"]
    place.app.post(f"/permissions/{question['permission_id']}", json={"decision": "allow"})
    until(lambda: _in_state(place, session_id, "idle"))
    place.turn(session_id, "/stream 400 20", wait=False)
    assert until(lambda: _in_state(place, session_id, "working"))["status"] == "working"
    place.app.post(f"/sessions/{session_id}/cancel")
    until(lambda: _in_state(place, session_id, "idle"))
    place.app.delete(f"/sessions/{session_id}")
    until(lambda: session_id not in place.views())


def _in_state(place: Place, session_id: str, state: str) -> Json | None:
    view = place.views().get(session_id)
    return view if view is not None and view["state"] == state else None


def test_the_hooks_of_a_driven_agent_meet_its_entry(place: Place) -> None:
    session_id = place.session()
    place.turn(session_id, "hello")
    known = until(lambda: place.views().get(session_id, {}).get("agent_session_id"))
    peer = place.peer()
    hook = {"session_id": known, "pid": os.getpid(), "tool_name": "Bash"}
    peer.send("hook_event", data={**hook, "hook_event_name": "PreToolUse"})
    assert peer.silent()
    assert set(peer.sessions()) == {session_id}
    assert set(place.views()) == {session_id}


def test_who_may_look(place: Place) -> None:
    for path in ("/monitor/sessions", "/monitor/events"):
        assert place.app.get(path).status_code == 403
        bare = httpx.get(f"{place.server.url}{path}")
        assert bare.status_code == 401
    watcher = place.watcher()
    assert watcher.get("/monitor/sessions").status_code == 200
    assert watcher.get("/sessions").status_code == 403
    assert watcher.get("/monitor/events?after=x").status_code == 422


class Reader(threading.Thread):
    """Reads server-sent events of the monitor."""

    def __init__(self, client: httpx.Client, after: str | None = None) -> None:
        super().__init__()
        self.events: list[tuple[str, Json]] = []
        self.last_id: str | None = None
        self._headers = {} if after is None else {"Last-Event-ID": after}
        self._client = client
        self._response: httpx.Response | None = None
        self._ended = False
        self.start()
        until(lambda: self.events or not self.is_alive())

    def run(self) -> None:
        with (
            contextlib.suppress(httpx.HTTPError, httpx.StreamError),
            self._client.stream("GET", "/monitor/events", headers=self._headers) as response,
        ):
            kind = ""
            for line in response.iter_lines():
                name, _, value = line.partition(": ")
                if name == "event":
                    kind = value
                elif name == "id":
                    self.last_id = value
                elif name == "data":
                    self.events.append((kind, json.loads(value)))
                if self._ended:
                    return

    def kinds(self) -> list[str]:
        return [kind for kind, _ in self.events]

    def end(self, place: Place) -> None:
        self._ended = True
        place.session()  # nothing of it is seen; a turn would be
        peer = place.peer()
        hook = {"session_id": "end", "hook_event_name": "SessionStart", "pid": os.getpid()}
        peer.send("hook_event", data=hook)
        self.join(PATIENCE_SECS)
        peer.send("hook_event", data={**hook, "hook_event_name": "SessionEnd"})
        assert peer.silent()


def test_changes_are_followed_and_taken_up_again(place: Place) -> None:
    watcher = place.watcher()
    first = Reader(watcher)
    assert first.events[0] == ("sessions", {"sessions": []})
    peer = place.peer()
    for name in ("a", "b"):
        hook = {"session_id": name, "hook_event_name": "SessionStart", "pid": 4_200_000 + ord(name)}
        peer.send("hook_event", data=hook)
    until(lambda: first.kinds().count("session_updated") >= 2 and first.kinds()[-1] == "position")
    position = first.last_id
    first.end(place)
    gone = {"session_id": "a", "hook_event_name": "SessionEnd", "pid": 4_200_000 + ord("a")}
    peer.send("hook_event", data=gone)
    assert peer.silent()
    second = Reader(watcher, after=position)
    until(lambda: "session_removed" in second.kinds())
    assert "sessions" not in second.kinds()
    assert ("session_removed", {"session_id": "a"}) in second.events
    assert not any(
        kind == "session_updated" and event["session"]["id"] == "b" for kind, event in second.events
    )
    second.end(place)
    stranger = Reader(watcher, after="00000000-5")
    assert stranger.kinds()[0] == "sessions"
    stranger.end(place)


def test_a_server_follows_an_atmd_that_runs_and_takes_its_place(
    tmp_path: Path, by_hand: subprocess.Popen[bytes]
) -> None:
    atmd = Daemon(tmp_path).start()
    try:
        peer = atmd.peer()
        hook = {"session_id": "by-hand", "hook_event_name": "SessionStart", "pid": by_hand.pid}
        peer.send("hook_event", data=hook)
        assert peer.silent()
        with serving(tmp_path) as place:
            until(lambda: place.picture()["monitor"] == "client")
            session_id = place.session()
            place.turn(session_id, "hello")
            until(lambda: set(place.views()) == {session_id, "by-hand"})
            assert set(peer.sessions()) == {session_id, "by-hand"}
            assert atmd.stop() == 0
            until(lambda: place.picture()["monitor"] == "embedded")
            until(lambda: set(place.views()) == {session_id, "by-hand"})
        atmd.start()
        assert set(atmd.peer().sessions()) == {"by-hand"}
    finally:
        atmd.close()


def test_what_a_server_drove_is_gone_with_it(tmp_path: Path) -> None:
    with contextlib.closing(Daemon(tmp_path).start()) as atmd:
        peer = atmd.peer()
        with serving(tmp_path) as place:
            session_id = place.session()
            place.turn(session_id, "hello")
            until(lambda: set(peer.sessions()) == {session_id})
        until(lambda: not peer.sessions())


def test_two_servers_are_in_one_picture(tmp_path: Path) -> None:
    with serving(tmp_path, "one") as one, serving(tmp_path, "two") as two:
        ids = set()
        for place in (one, two):
            session_id = place.session()
            place.turn(session_id, "hello")
            ids.add(session_id)
        until(lambda: set(one.views()) == ids and set(two.views()) == ids)
        assert [place.picture()["monitor"] for place in (one, two)] == ["embedded", "client"]
