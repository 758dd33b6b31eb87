"""Sessions that go on differently: with other options, opened again, or as a copy."""

from collections.abc import Iterator
from typing import Any

import pytest
from sessions_http import (
    App,
    Json,
    Server,
    agents_of,
    at_once,
    code_of,
    eventually,
    serving,
    text_of,
    well,
)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with serving(tmp_path_factory.mktemp("changes")) as server:
        yield server


@pytest.fixture
def app(server: Server) -> Iterator[App]:
    with server.app() as app:
        yield app


@pytest.fixture
def session(app: App) -> str:
    session = app.create()
    app.said(session, "/remember blue")
    return session


def settings(app: App, session: str) -> dict[str, str]:
    """What the agent says is set."""
    pairs = app.said(session, "/settings").split()
    return dict(pair.split("=", 1) for pair in pairs)


def fork(app: App, session: str, **body: Any) -> str:
    return str(well(app.post(f"/sessions/{session}/fork", body))["session_id"])


# How a session begins


def test_options_reach_the_agent_from_the_first_turn(app: App) -> None:
    session = app.create(model="demo-slow", effort="high", mode="plan", system="Be brief.")
    assert settings(app, session) == {"mode": "plan", "model": "demo-slow", "effort": "high"}
    assert app.said(session, "/system") == "Be brief."
    row = app.row(session)
    assert row["model"] == "demo-slow"
    assert (row["options"]["effort"], row["options"]["mode"]) == ("high", "plan")


def test_a_session_that_asks_for_nothing_has_the_agents_defaults(app: App) -> None:
    session = app.create()
    assert settings(app, session)["mode"] == "default"
    row = app.row(session)
    assert row["model"] is None
    assert row["options"] == {
        "system_mode": "append",
        "effort": None,
        "mode": None,
        "permissions": None,
        "workspace": None,
        "mcp_servers": [],
        "secrets": [],
    }


def test_the_text_of_a_system_prompt_is_shown_nowhere(app: App, server: Server) -> None:
    text = "the duck flies at midnight"
    session = app.create(system=text)
    app.said(session, "/echo hi")
    well(app.patch(session, system=f"{text} again"))
    seen = f"{app.row(session)} {app.events(session)} {well(app.get('/sessions'))}"
    assert text not in seen
    audit = server.sql("SELECT detail FROM audit")
    assert all(text not in str(row) for row in audit)


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"agent": "nobody"}, "unknown_agent"),
        ({"agent": "--help"}, "unknown_agent"),
        ({"agent": "../demo"}, "unknown_agent"),
        ({"model": "-rf"}, "invalid_model"),
        ({"model": "a b"}, "invalid_model"),
        ({"model": "x" * 129}, "invalid_model"),
        ({"effort": "huge"}, "invalid_request"),
        ({"system_mode": "prepend"}, "invalid_request"),
        ({"mode": "x" * 65}, "invalid_request"),
        ({"meta": {"x": "y" * 70_000}}, "meta_too_large"),
        ({"meta": []}, "invalid_request"),
        ({"workspace": "here"}, "invalid_request"),
    ],
)
def test_a_session_that_cannot_be_is_refused(app: App, body: Json, code: str) -> None:
    assert code_of(app.post("/sessions", body)) == (422, code)
    assert well(app.get("/sessions"))["count"] == 0


# Between two turns


def test_an_agent_that_runs_is_told_what_changes(app: App, session: str) -> None:
    row = well(app.patch(session, model="demo-slow", mode="plan", effort="low"))
    assert row["model"] == "demo-slow"
    assert (row["options"]["mode"], row["options"]["effort"]) == ("plan", "low")
    assert settings(app, session) == {"mode": "plan", "model": "demo-slow", "effort": "low"}
    assert app.types(session).count("agent_started") == 1
    changed = {e["key"]: e["value"] for e in app.seen(session, "setting_changed", 3)}
    assert changed == {"model": "demo-slow", "mode": "plan", "effort": "low"}
    assert app.said(session, "/recall") == "blue"


def test_what_changed_outlives_the_agent(app: App, session: str) -> None:
    well(app.patch(session, mode="plan", model="demo-slow"))
    app.close(session)
    well(app.post(f"/sessions/{session}/resume"))
    found = settings(app, session)
    assert (found["mode"], found["model"]) == ("plan", "demo-slow")
    assert app.outcome(session, app.row(session)["turn_count"])["model"] == "demo-slow"


def test_a_session_that_sleeps_is_changed_too(app: App) -> None:
    session = app.create()
    row = well(app.patch(session, mode="plan"))
    assert (row["options"]["mode"], row["live"]) == ("plan", False)
    assert settings(app, session)["mode"] == "plan"


def test_a_value_that_the_agent_refuses_changes_nothing(app: App, session: str) -> None:
    refused = app.patch(session, mode="nonsense")
    assert code_of(refused) == (422, "cannot_set")
    assert "mode" in refused.json()["detail"]
    assert app.row(session)["options"]["mode"] is None
    assert settings(app, session)["mode"] == "default"
    assert app.said(session, "/recall") == "blue"


def test_a_value_that_a_sleeping_agent_would_refuse_fails_its_next_turn(app: App) -> None:
    session = app.create()
    well(app.patch(session, mode="nonsense"))
    reply = app.turn(session, "/echo hi")
    assert reply.status_code == 502
    assert "nonsense" in reply.json()["error"] or "mode" in reply.json()["error"]
    well(app.patch(session, mode="plan"))
    assert app.said(session, "/echo hi") == "hi"


def test_a_system_prompt_changes_with_the_next_start(app: App, session: str) -> None:
    row = well(app.patch(session, system="Be brief.", system_mode="replace"))
    assert row["options"]["system_mode"] == "replace"
    assert app.said(session, "/recall") == "blue"
    assert app.types(session).count("agent_started") == 2
    assert app.said(session, "/system") == "Be brief."
    assert app.said(fork(app, session), "/system") == "Be brief."
    well(app.patch(session, system=""))
    assert app.said(session, "/system") == "(none)"


def test_nothing_is_changed_while_a_turn_runs_or_waits(app: App, session: str) -> None:
    app.begin(session, "/hang")
    assert code_of(app.patch(session, model="demo-slow")) == (409, "session_running")
    assert code_of(app.patch(session, permissions="deny")) == (409, "session_running")
    app.cancel(session)
    assert app.row(session)["model"] is None
    assert well(app.patch(session, model="demo-slow"))["model"] == "demo-slow"


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({}, "nothing_to_change"),
        ({"model": None, "mode": None}, "nothing_to_change"),
        ({"color": "red"}, "nothing_to_change"),
        ({"model": "-rf"}, "invalid_model"),
        ({"effort": "huge"}, "invalid_request"),
        ({"permissions": "all"}, "invalid_permissions"),
    ],
)
def test_a_change_that_makes_no_sense_is_refused(
    app: App, session: str, body: Json, code: str
) -> None:
    before = app.row(session)
    assert code_of(app.patch(session, **body)) == (422, code)
    assert app.row(session)["options"] == before["options"]


def test_changes_and_turns_that_come_at_once_do_not_harm_each_other(app: App, session: str) -> None:
    def change(number: int) -> int:
        return app.patch(session, mode=("plan", "default")[number % 2]).status_code

    def talk(_: int) -> int:
        return app.turn(session, "/echo hi").status_code

    for number in range(6):
        with at_once(*[lambda f=f: f(number) for f in (change, talk, change)]) as works:  # noqa: B023
            codes = [work.result() for work in works]
        assert codes[1] == 200
        assert {codes[0], codes[2]} <= {200, 409}
    assert app.said(session, "/recall") == "blue"
    assert settings(app, session)["mode"] == (app.row(session)["options"]["mode"] or "default")


# Opened again


def test_a_closed_session_is_opened_again_with_its_memory(app: App, session: str) -> None:
    app.close(session)
    row = well(app.post(f"/sessions/{session}/resume"))
    assert (row["closed_at"], row["state"], row["turn_count"]) == (None, "hibernated", 1)
    assert app.said(session, "/recall") == "blue"
    assert app.types(session).count("session_closed") == 1
    assert app.types(session).count("session_reopened") == 1
    seqs = [event["seq"] for event in app.events(session)]
    assert seqs == list(range(1, len(seqs) + 1))


def test_an_open_session_is_opened_again_without_harm(app: App, session: str) -> None:
    before = app.events(session)
    assert well(app.post(f"/sessions/{session}/resume"))["state"] == "idle"
    assert app.events(session) == before


def test_a_session_without_a_turn_is_opened_again(app: App) -> None:
    session = app.create()
    app.close(session)
    well(app.post(f"/sessions/{session}/resume"))
    assert app.said(session, "/echo hi") == "hi"


def test_resume_takes_a_body_or_none(app: App, session: str) -> None:
    bodies: tuple[Json, ...] = ({}, {"json": {}}, {"content": b""})
    for more in bodies:
        app.close(session)
        assert well(app.http.post(f"/sessions/{session}/resume", **more))["closed_at"] is None


def test_a_session_is_opened_again_once_by_many(app: App, session: str) -> None:
    app.close(session)
    with at_once(*[lambda: app.post(f"/sessions/{session}/resume")] * 6) as works:
        assert {work.result().status_code for work in works} == {200}
    assert app.said(session, "/recall") == "blue"
    assert app.types(session).count("session_reopened") == 1


def test_closing_and_opening_at_once_leaves_one_or_the_other(app: App, session: str) -> None:
    for _ in range(5):
        with at_once(
            lambda: app.close(session), lambda: app.post(f"/sessions/{session}/resume")
        ) as works:
            assert {work.result().status_code for work in works} == {200}
        row = app.row(session)
        last = [t for t in app.types(session) if t.startswith("session_")][-1:]
        assert (row["closed_at"] is not None) == (last == ["session_closed"])
        well(app.post(f"/sessions/{session}/resume"))
    assert app.said(session, "/recall") == "blue"


# Copied


def test_a_fork_goes_on_with_a_copy_of_memory_and_folder(
    app: App, session: str, server: Server
) -> None:
    (server.work(session) / "notes.txt").write_text("from the source")
    reply = well(app.post(f"/sessions/{session}/fork", {"meta": {"why": "another idea"}}))
    copy = reply["session_id"]
    assert set(reply) == {"ok", "session_id", "agent", "created_at", "model"}
    row = app.row(copy)
    assert (row["forked_from"], row["meta"]) == (session, {"why": "another idea"})
    assert (row["turn_count"], row["last_seq"]) == (0, 0)
    assert set(row["usage"].values()) == {None}
    assert app.said(copy, "/recall") == "blue"
    app.said(copy, "/remember green")
    app.said(session, "/remember red")
    assert app.said(copy, "/recall") == "blue green"
    assert app.said(session, "/recall") == "blue red"
    assert (server.work(copy) / "notes.txt").read_text() == "from the source"
    (server.work(copy) / "notes.txt").write_text("changed")
    assert (server.work(session) / "notes.txt").read_text() == "from the source"


@pytest.mark.parametrize("more", [{}, {"json": {}}, {"json": {"meta": None}}, {"content": b""}])
def test_a_fork_needs_no_body(app: App, session: str, more: Any) -> None:
    reply = well(app.http.post(f"/sessions/{session}/fork", **more))
    assert app.said(reply["session_id"], "/recall") == "blue"
    assert app.row(reply["session_id"])["meta"] is None


def test_a_fork_keeps_model_and_options_of_its_source(app: App) -> None:
    session = app.create(model="demo-slow", mode="plan", effort="low", permissions="deny")
    app.said(session, "/remember blue")
    copy = fork(app, session)
    assert app.row(copy)["options"] == app.row(session)["options"]
    assert settings(app, copy) == {"mode": "plan", "model": "demo-slow", "effort": "low"}


def test_a_fork_of_a_fork_remembers_both(app: App, session: str) -> None:
    copy = fork(app, session)
    app.said(copy, "/remember green")
    assert app.said(fork(app, copy), "/recall") == "blue green"


def test_a_fork_of_a_fork_that_was_never_used(app: App, session: str) -> None:
    copy = fork(app, session)
    second = fork(app, copy)
    app.said(session, "/remember red")
    assert app.said(second, "/recall").split()[0] == "blue"


def test_a_fork_of_a_closed_session_goes_on(app: App, session: str) -> None:
    app.close(session)
    copy = fork(app, session)
    assert app.said(copy, "/recall") == "blue"
    assert app.row(session)["state"] == "closed"


def test_a_fork_that_is_closed_and_opened_again_still_has_its_memory(
    app: App, session: str
) -> None:
    unused, used = fork(app, session), fork(app, session)
    app.said(used, "/remember green")
    for copy in (unused, used):
        app.close(copy)
        well(app.post(f"/sessions/{copy}/resume"))
    assert app.said(unused, "/recall") == "blue"
    assert app.said(used, "/recall") == "blue green"


@pytest.mark.parametrize("prompt", ["/crash", "/exit 1"])
def test_a_fork_whose_first_turn_fails_has_its_memory_in_the_next(
    app: App, session: str, prompt: str
) -> None:
    copy = fork(app, session)
    assert app.turn(copy, prompt).status_code == 502
    assert app.said(copy, "/recall") == "blue"
    app.said(copy, "/remember green")
    assert app.said(session, "/recall") == "blue"


def test_what_cannot_be_copied_is_refused(app: App) -> None:
    fresh = app.create()
    assert code_of(app.post(f"/sessions/{fresh}/fork")) == (409, "not_forkable")
    app.turn(fresh, "/exit 1")
    assert code_of(app.post(f"/sessions/{fresh}/fork")) == (409, "not_forkable")
    app.said(fresh, "/remember blue")
    assert app.said(fork(app, fresh), "/recall") == "blue"


def test_a_session_at_work_is_not_copied(app: App, session: str) -> None:
    app.begin(session, "/hang")
    assert code_of(app.post(f"/sessions/{session}/fork")) == (409, "session_running")
    app.cancel(session)
    assert app.said(fork(app, session), "/recall") == "blue"


def test_meta_of_a_fork_is_looked_at(app: App, session: str) -> None:
    refused = app.post(f"/sessions/{session}/fork", {"meta": {"x": "y" * 70_000}})
    assert code_of(refused) == (422, "meta_too_large")
    assert code_of(app.post(f"/sessions/{session}/fork", {"meta": 1})) == (422, "invalid_request")
    assert well(app.get("/sessions"))["count"] == 1


def test_many_forks_at_once(app: App, session: str, server: Server) -> None:
    (server.work(session) / "notes.txt").write_text("from the source")
    with at_once(*[lambda: fork(app, session)] * 5) as works:
        copies = [work.result() for work in works]
    with at_once(*[lambda c=copy: app.turn(c, "/recall") for copy in copies]) as turns:
        assert {text_of(well(turn.result())) for turn in turns} == {"blue"}
    assert len(set(copies)) == 5


def test_what_an_agent_can_do_is_told_once_it_was_there(app: App, session: str) -> None:
    rows = {row["name"]: row["caps"] for row in well(app.get("/agents"))["agents"]}
    caps = rows["demo"]
    assert (caps["resume"], caps["fork"], caps["asks"], caps["cancel"]) == (True,) * 4
    assert set(caps["sets"]) == {"model", "mode", "effort"}


# In time


def test_an_idle_session_is_closed_and_a_closed_one_deleted_in_time(
    app: App, session: str, server: Server
) -> None:
    young = app.create()
    server.sweep()
    assert app.row(session)["state"] == "idle"
    server.grow_older(session, 3601)
    assert server.sweep()["soft_closed"] == 1
    row = app.row(session)
    assert row["state"] == "closed"
    assert app.events(session)[-1]["reason"] == "idle"
    assert app.row(young)["state"] == "hibernated"
    eventually(lambda: not agents_of(server, session))
    assert server.work(session).is_dir()
    server.grow_older(session, 86_401)
    assert server.sweep()["hard_deleted"] == 1
    assert code_of(app.get(f"/sessions/{session}")) == (404, "not_found")
    assert not server.work(session).parent.exists()
    assert code_of(app.post(f"/sessions/{session}/resume")) == (404, "not_found")
    assert code_of(app.close(session)) == (404, "not_found")
    for table in ("events", "turns", "permissions", "sessions"):
        left = server.sql(f"SELECT count(*) FROM {table} WHERE session_id = ?", session)
        assert left == [(0,)], table
    actions = server.sql("SELECT action FROM audit WHERE subject = ? ORDER BY id", session)
    assert [action for (action,) in actions] == [
        "session.create",
        "session.turn",
        "session.sweep_close",
        "session.hard_delete",
    ]
    assert app.row(young)["ok"] is True


def test_a_session_at_work_is_not_closed_for_idleness(
    app: App, session: str, server: Server
) -> None:
    app.begin(session, "/hang")
    server.grow_older(session, 4000)
    server.sweep()
    assert app.row(session)["state"] == "running"
    app.cancel(session)
    server.sweep()
    assert app.row(session)["state"] == "idle"  # its last turn ended just now


def test_a_session_that_was_opened_again_is_not_closed_at_once(
    app: App, session: str, server: Server
) -> None:
    app.close(session)
    server.grow_older(session, 4000)
    well(app.post(f"/sessions/{session}/resume"))
    server.sweep()
    assert app.row(session)["closed_at"] is None


def test_a_deleted_session_is_forgotten_by_its_agent(
    app: App, session: str, server: Server
) -> None:
    memory = server.folder / "home" / ".clawdforge-demo"
    before = set(memory.iterdir())
    other = app.create()
    app.said(other, "/remember red")
    assert len(set(memory.iterdir()) - before) == 1
    app.close(other)
    server.grow_older(other, 90_000)
    server.sweep()
    assert set(memory.iterdir()) == before
    assert app.said(session, "/recall") == "blue"


def test_a_fork_that_is_deleted_unused_leaves_its_sources_memory_alone(
    app: App, session: str, server: Server
) -> None:
    copy = fork(app, session)
    app.close(copy)
    server.grow_older(copy, 90_000)
    server.sweep()
    assert code_of(app.get(f"/sessions/{copy}")) == (404, "not_found")
    app.close(session)
    well(app.post(f"/sessions/{session}/resume"))
    assert app.said(session, "/recall") == "blue"


def test_a_fork_outlives_its_source(app: App, session: str, server: Server) -> None:
    used, unused, failed = (fork(app, session) for _ in range(3))
    assert app.said(used, "/recall") == "blue"
    assert app.turn(failed, "/crash").status_code == 502
    app.close(session)
    server.grow_older(session, 90_000)
    server.sweep()
    assert code_of(app.get(f"/sessions/{session}")) == (404, "not_found")
    for copy in (used, unused, failed):
        assert app.said(copy, "/recall") == "blue"
        assert app.row(copy)["forked_from"] == session


def test_the_last_that_knows_a_conversation_has_it_forgotten(
    app: App, session: str, server: Server
) -> None:
    memory = server.folder / "home" / ".clawdforge-demo"
    before = set(memory.iterdir())
    copy = fork(app, session)
    for one in (session, copy):
        app.close(one)
        server.grow_older(one, 90_000)
        assert server.sweep()["hard_deleted"] == 1
    assert before - set(memory.iterdir()), "its file is left for ever"
