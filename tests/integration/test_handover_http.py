"""Conversations that change hands, over HTTP: who may, what is refused, what is answered.

The agent is the demo's, and a Claude Code of which only what it keeps on the disk is there.
"""

import json
import subprocess
import sys
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from sessions_http import App, Json, Server, code_of, eventually, serving, well

from clawdforge.monitor.sources.procfs import identity

NOBODYS = "00000000-0000-0000-0000-000000000000"


class Desk:
    """The server, what lies on the disk, and who asks."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self.home = server.folder / "home" / ".claude"
        self.work = server.folder / "projects" / "mine"
        self.work.mkdir(parents=True, exist_ok=True)

    def conversation(self, *prompts: str, home: Path | None = None, cwd: Path | None = None) -> str:
        """What somebody said in a terminal; its id."""
        name = str(uuid.uuid4())
        folder = (home or self.home) / "projects" / "-mine"
        folder.mkdir(parents=True, exist_ok=True)
        lines = [line for said in prompts for line in turn_lines(said, cwd or self.work)]
        lines.append({"type": "cost-state", "totalCostUSD": 0.25, "cwd": str(cwd or self.work)})
        text = "".join(json.dumps(line) + "\n" for line in lines)
        (folder / f"{name}.jsonl").write_text(text)
        return name

    def record(self, conversation: str, pid: int) -> None:
        """The agent's record that a process has it."""
        process = identity(pid)
        assert process is not None
        folder = self.home / "sessions"
        folder.mkdir(parents=True, exist_ok=True)
        about = {"pid": pid, "sessionId": conversation, "procStart": str(process.start)}
        (folder / f"{pid}.json").write_text(json.dumps(about | {"tmux": "0:@1.%7"}))

    def call(self, path: str, body: Any, token: str | None = None) -> httpx.Response:
        """As the admin, or with that token."""
        headers = {"Authorization": f"Bearer {token or self.server.admin_token}"}
        return httpx.post(
            f"{self.server.url}{path}", json=body, headers=headers, verify=False, trust_env=False
        )

    def adopt(self, conversation: str, **more: Any) -> httpx.Response:
        return self.call("/sessions/adopt", {"conversation": conversation, **more})

    @contextmanager
    def app(self, *scopes: str) -> Iterator[App]:
        """An app with those scopes; in the end its sessions are closed."""
        name = f"app-{uuid.uuid4().hex[:8]}"
        made = well(self.call("/admin/tokens", {"name": name, "scopes": ["run", *scopes]}))
        app = App(self.server.url, made["token"], name)
        with app.http:
            yield app
            eventually(lambda: not any(row["attached"] for row in open_sessions(app)))
            app.close_all()


def open_sessions(app: App) -> list[Json]:
    return list(well(app.get("/sessions", include_closed=False))["sessions"])


def turn_lines(said: str, cwd: Path) -> list[Json]:
    about = {"cwd": str(cwd), "timestamp": "2026-11-21T02:40:10.500Z"}
    answer = {
        "id": f"m-{said}",
        "model": "opus",
        "content": [{"type": "text", "text": f"You said {said}."}],
        "stop_reason": "end_turn",
        "usage": {"input_tokens": 10, "output_tokens": 1},
    }
    return [
        {"type": "user", "promptSource": "typed", "message": {"content": said}, **about},
        {"type": "assistant", "message": answer, **about},
    ]


@contextmanager
def a_process() -> Iterator[tuple[int, int]]:
    """Some process of ours: its pid, and when it began."""
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as child:
        process = identity(child.pid)
        assert process is not None
        try:
            yield process.pid, process.start
        finally:
            child.kill()


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    folder = tmp_path_factory.mktemp("handover")
    with serving(
        folder,
        claude_bin=sys.executable,
        workspace_roots=[str(folder / "projects")],
        environ={"ANTHROPIC_API_KEY": "the-servers", "UNRELATED": "x"},
    ) as server:
        yield Desk(server)


# --- taking over ------------------------------------------------------------------------------


def test_a_conversation_becomes_a_session_with_its_history(desk: Desk) -> None:
    with desk.app("adopt") as app:
        conversation = desk.conversation("hello", "again")
        row = well(desk.adopt(conversation, app=app.name, meta={"why": "to go on"}))
        session = row["session_id"]
        assert app.row(session) == row
        assert (row["agent"], row["turn_count"], row["state"]) == ("claude", 2, "hibernated")
        assert row["options"]["folder"] == str(desk.work)
        assert row["usage"]["cost_microusd"] == 250_000
        assert row["usage"]["input_tokens"] == 20
        assert row["meta"] == {"why": "to go on"}
        assert row["attached"] is None
        first, *_, last = app.events(session)
        assert (first["seq"], first["type"], first["turn"]) == (1, "adopted", 0)
        assert first["conversation"] == conversation
        assert first["copied"] is False
        assert (last["type"], last["turns"], last["cost_known"]) == ("taken_back", 2, True)
        turn = well(app.get(f"/sessions/{session}/turns/2"))
        assert (turn["origin"], turn["ok"], turn["model"]) == ("terminal", True, "opus")
        assert turn["started_at"] == 1795228810
        assert turn["prompt"] is None  # the operator keeps no prompts
        assert turn["events"] == [{"type": "text", "content": "You said again."}]


def test_it_is_the_local_apps_unless_the_admin_says_whose(desk: Desk) -> None:
    session = well(desk.adopt(desk.conversation("hello")))
    assert session["app_name"] == "local"
    assert code_of(desk.adopt(desk.conversation("hello"), app="nobody")) == (404, "unknown_app")


def test_an_app_needs_the_scope_and_a_folder_under_a_root(desk: Desk) -> None:
    conversation = desk.conversation("hello")
    with desk.app() as app:
        reply = app.post("/sessions/adopt", {"conversation": conversation})
        assert code_of(reply) == (403, "scope_missing")
    with desk.app("adopt") as app:
        outside = desk.conversation("hello", cwd=desk.server.folder)
        reply = app.post("/sessions/adopt", {"conversation": outside})
        assert code_of(reply) == (422, "workspace_not_allowed")
        for more in ({"app": "local"}, {"home": "/"}):
            reply = app.post("/sessions/adopt", {"conversation": conversation, **more})
            assert code_of(reply) == (403, "admin_only")
        assert app.post("/sessions/adopt", {"conversation": conversation}).status_code == 200


def test_a_link_out_of_a_root_does_not_count_as_inside(desk: Desk) -> None:
    link = desk.work.parent / "out"
    link.symlink_to(desk.server.folder)
    conversation = desk.conversation("hello", cwd=link)
    with desk.app("adopt") as app:
        reply = app.post("/sessions/adopt", {"conversation": conversation})
        assert code_of(reply) == (422, "workspace_not_allowed")


def test_a_conversation_is_one_session(desk: Desk) -> None:
    with desk.app("adopt") as app, desk.app("adopt") as other:
        conversation = desk.conversation("hello")
        made = well(app.post("/sessions/adopt", {"conversation": conversation}))
        again = app.post("/sessions/adopt", {"conversation": conversation})
        assert code_of(again) == (409, "already_driven")
        assert made["session_id"] in again.json()["detail"]
        foreign = other.post("/sessions/adopt", {"conversation": conversation})
        assert code_of(foreign) == (409, "already_driven")
        assert made["session_id"] not in foreign.json()["detail"]
        app.close(made["session_id"])
        closed = app.post("/sessions/adopt", {"conversation": conversation})
        assert "closed and can be resumed" in closed.json()["detail"]


def test_what_runs_in_a_terminal_can_be_copied_only(desk: Desk) -> None:
    with desk.app("adopt") as app, a_process() as (pid, _):
        conversation = desk.conversation("hello")
        desk.record(conversation, pid)
        reply = desk.adopt(conversation, app=app.name)
        assert code_of(reply) == (409, "conversation_in_use")
        assert f"process {pid}, tmux pane %7" in reply.json()["detail"]
        assert "/exit" in reply.json()["detail"]
        row = well(desk.adopt(conversation, app=app.name, fork=True))
        assert row["turn_count"] == 1
        assert row["usage"]["cost_microusd"] is None
        copy = desk.home / "projects" / "-mine" / f"{row['session_id']}.jsonl"
        assert copy.read_bytes() == copy.with_name(f"{conversation}.jsonl").read_bytes()
        assert copy.stat().st_mode & 0o777 == 0o600
    reply = desk.adopt(conversation)  # its process has ended, whatever the record says
    assert reply.status_code == 200


def test_what_lies_in_another_home_is_brought_over(desk: Desk) -> None:
    elsewhere = desk.server.folder / "elsewhere"
    conversation = desk.conversation("hello", home=elsewhere)
    assert code_of(desk.adopt(conversation)) == (404, "not_found")
    row = well(desk.adopt(conversation, home=str(elsewhere)))
    assert (desk.home / "projects" / "-mine" / f"{row['session_id']}.jsonl").exists()
    assert row["usage"]["cost_microusd"] == 250_000


def test_a_persons_own_conversation_is_not_removed_with_the_session(desk: Desk) -> None:
    with desk.app("adopt") as app:
        mine, copied = desk.conversation("hello"), desk.conversation("hello")
        kept = well(desk.adopt(mine, app=app.name))["session_id"]
        copy = well(desk.adopt(copied, app=app.name, fork=True))["session_id"]
        for session in (kept, copy):
            app.close(session)
            desk.server.grow_older(session, 10_000_000)
        desk.server.sweep()
        names = {path.stem for path in desk.home.glob("projects/*/*.jsonl")}
        assert {mine, copied} <= names
        assert copy not in names
        assert desk.work.is_dir()


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({}, 422, "invalid_request"),
        ({"conversation": ""}, 422, "invalid_request"),
        ({"conversation": 7}, 422, "invalid_request"),
        ({"conversation": "../../etc/passwd"}, 404, "not_found"),
        ({"conversation": "*"}, 404, "not_found"),
        ({"conversation": NOBODYS}, 404, "not_found"),
        ({"conversation": NOBODYS, "agent": "nobody"}, 422, "unknown_agent"),
        ({"conversation": NOBODYS, "agent": "demo"}, 409, "not_adoptable"),
        ({"conversation": NOBODYS, "fork": "yes"}, 422, "invalid_request"),
        ({"conversation": NOBODYS, "permissions": "everything"}, 422, "invalid_permissions"),
        ({"conversation": NOBODYS, "meta": {"long": "x" * 70_000}}, 422, "meta_too_large"),
        ({"conversation": NOBODYS, "home": "relative"}, 404, "not_found"),
    ],
)
def test_what_makes_no_sense_is_refused(desk: Desk, body: Json, status: int, code: str) -> None:
    assert code_of(desk.call("/sessions/adopt", body)) == (status, code)


def test_a_conversation_must_say_something_and_have_its_folder(desk: Desk) -> None:
    assert code_of(desk.adopt(desk.conversation())) == (409, "not_adoptable")
    gone = desk.conversation("hello", cwd=desk.work / "gone")
    assert code_of(desk.adopt(gone)) == (422, "workspace_gone")
    link = desk.conversation("hello")
    path = desk.home / "projects" / "-mine" / f"{link}.jsonl"
    path.rename(path.with_suffix(".moved"))
    path.symlink_to(path.with_suffix(".moved"))
    assert code_of(desk.adopt(link)) == (404, "not_found")


# --- into a terminal --------------------------------------------------------------------------


def test_a_session_is_given_to_a_process_and_comes_back_with_its_end(desk: Desk) -> None:
    with desk.app("adopt") as app:
        session = well(desk.adopt(desk.conversation("hello"), app=app.name))["session_id"]
        with a_process() as (pid, start):
            given = well(app.post(f"/sessions/{session}/attach", {"pid": pid, "start": start}))
            launch, row = given["launch"], given["session"]
            assert launch["argv"][:2] == [sys.executable, "--resume"]
            assert launch["cwd"] == str(desk.work)
            assert launch["env"]["ANTHROPIC_API_KEY"] == "the-servers"
            assert launch["env"]["HOME"] == str(desk.home.parent)
            assert "UNRELATED" not in launch["env"]
            assert "ANTHROPIC_*" in launch["without"]
            assert row["attached"] == app.row(session)["attached"]
            assert (row["attached"]["pid"], row["attached"]["by"]) == (pid, f"app:{app.name}")
            for reply in (
                app.turn(session, "hello?"),
                app.close(session),
                app.post(f"/sessions/{session}/attach", {"pid": pid, "start": start}),
            ):
                assert code_of(reply) == (409, "session_attached")
                assert f"process {pid}, since " in reply.json()["detail"]
            desk.server.grow_older(session, 100_000)
            desk.server.sweep()
            assert app.row(session)["closed_at"] is None  # nor is it swept away
            path = desk.home / "projects" / "-mine" / f"{given['conversation']}.jsonl"
            with path.open("a") as file:
                for line in turn_lines("there", desk.work):
                    file.write(json.dumps(line) + "\n")
        eventually(lambda: app.row(session)["attached"] is None)
        assert app.types(session)[-5:] == [
            "attached",
            "turn_started",
            "text",
            "turn_ended",
            "taken_back",
        ]
        assert app.row(session)["turn_count"] == 2


def test_who_wants_the_session_first_takes_it_back(desk: Desk) -> None:
    with desk.app("adopt") as app:
        session = app.create(agent="claude")
        with a_process() as (pid, start):
            attached = app.post(f"/sessions/{session}/attach", {"pid": pid, "start": start})
            assert attached.status_code == 200
        # Python is no Claude Code: the turn fails, but it is taken.
        assert app.turn(session, "hello?").status_code == 502
        assert "taken_back" in app.types(session)


def test_another_apps_session_is_not_there(desk: Desk) -> None:
    with desk.app("adopt") as app, desk.app("adopt") as other, a_process() as (pid, start):
        session = app.create(agent="claude")
        body = {"pid": pid, "start": start}
        foreign = other.post(f"/sessions/{session}/attach", body)
        assert code_of(foreign) == (404, "not_found")
        assert foreign.json() == other.post(f"/sessions/{NOBODYS}/attach", body).json()
        assert app.row(session)["attached"] is None


def test_the_scope_is_needed(desk: Desk) -> None:
    with desk.app() as app, a_process() as (pid, start):
        session = app.create(agent="claude")
        reply = app.post(f"/sessions/{session}/attach", {"pid": pid, "start": start})
        assert code_of(reply) == (403, "scope_missing")


def test_an_agent_without_a_program_for_terminals_is_refused(desk: Desk) -> None:
    with desk.app("adopt") as app, a_process() as (pid, start):
        session = app.create(agent="demo")
        reply = app.post(f"/sessions/{session}/attach", {"pid": pid, "start": start})
        assert code_of(reply) == (409, "not_attachable")
        assert "the agent demo" in reply.json()["detail"]
        assert app.said(session, "/echo still here") == "still here"


def test_a_process_that_is_not_here_gets_nothing(desk: Desk) -> None:
    with desk.app("adopt") as app, a_process() as (pid, start):
        session = app.create(agent="claude")
        path = f"/sessions/{session}/attach"
        for body in ({"pid": pid, "start": start + 1}, {"pid": 2**22 + 1, "start": start}):
            assert code_of(app.post(path, body)) == (422, "not_here")
        for bad in ({}, {"pid": 0, "start": 1}, {"pid": "1", "start": 1}, {"pid": -1, "start": 0}):
            assert code_of(app.post(path, bad)) == (422, "invalid_request")
        assert app.row(session)["attached"] is None


def test_a_closed_session_is_resumed_first(desk: Desk) -> None:
    with desk.app("adopt") as app, a_process() as (pid, start):
        session = app.create(agent="claude")
        app.close(session)
        reply = app.post(f"/sessions/{session}/attach", {"pid": pid, "start": start})
        assert code_of(reply) == (410, "session_closed")
