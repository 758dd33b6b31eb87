"""Requests that are sent twice with an `Idempotency-Key`: what is asked for happens once."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from sessions_http import (
    App,
    Server,
    at_once,
    burst,
    code_of,
    eventually,
    mortal,
    serving,
    text_of,
    well,
)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with serving(tmp_path_factory.mktemp("keys")) as server:
        yield server


@pytest.fixture
def app(server: Server) -> Iterator[App]:
    with server.app() as app:
        yield app


def make(app: App, key: str, **body: object) -> httpx.Response:
    return app.post("/sessions", body, Idempotency_Key=key)


def turn(app: App, session: str, key: str, prompt: str, **body: object) -> httpx.Response:
    path = f"/sessions/{session}/turn"
    return app.post(path, {"prompt": prompt, **body}, Idempotency_Key=key)


# Sessions


def test_a_session_that_is_asked_for_twice_is_made_once(app: App) -> None:
    first = make(app, "order-1", meta={"order": 1})
    assert well(make(app, "order-1", meta={"order": 1})) == well(first)
    assert well(app.get("/sessions"))["count"] == 1


def test_the_key_of_a_session_that_was_closed_still_names_it(app: App) -> None:
    first = well(make(app, "once"))
    well(app.close(first["session_id"]))
    assert well(make(app, "once")) == first


def test_another_body_under_a_sessions_key_is_refused(app: App) -> None:
    well(make(app, "order-1", meta={"order": 1}))
    for body in ({"meta": {"order": 2}}, {}, {"meta": {"order": 1}, "effort": "low"}):
        assert code_of(make(app, "order-1", **body)) == (422, "idempotency_mismatch")


def test_two_apps_may_use_the_same_key(server: Server, app: App) -> None:
    with server.app() as other:
        mine, theirs = well(make(app, "order-1")), well(make(other, "order-1"))
        assert mine["session_id"] != theirs["session_id"]
        assert well(other.get("/sessions"))["count"] == 1


def test_a_session_that_is_asked_for_many_times_at_once_is_made_once(app: App) -> None:
    replies = burst(app, "/sessions", [({}, "storm")] * 12)
    assert {(status, code) for status, code, _ in replies} <= {
        (200, None),
        (409, "idempotency_running"),
    }
    (made,) = {body["session_id"] for status, _, body in replies if status == 200}
    assert well(app.get("/sessions"))["count"] == 1
    assert well(make(app, "storm"))["session_id"] == made


def test_no_folder_is_left_of_a_session_that_lost_the_race(app: App, server: Server) -> None:
    burst(app, "/sessions", [({}, "race")] * 12)
    known = {row["session_id"] for row in well(app.get("/sessions"))["sessions"]}
    folders = {path.name for path in (server.data / "sessions").iterdir()}
    everybodys = {row[0] for row in server.sql("SELECT session_id FROM sessions")}
    assert known <= folders
    assert folders <= everybodys


# Turns


def test_a_turn_that_is_sent_twice_is_taken_once(app: App) -> None:
    session = app.create()
    first = well(turn(app, session, "turn-1", "/remember blue"))
    assert well(turn(app, session, "turn-1", "/remember blue")) == first
    assert app.row(session)["turn_count"] == 1
    assert app.said(session, "/recall") == "blue"


def test_a_failed_turn_is_answered_again_and_not_tried_again(app: App) -> None:
    session = app.create()
    first = turn(app, session, "turn-1", "/fail no luck")
    again = turn(app, session, "turn-1", "/fail no luck")
    assert first.status_code == again.status_code == 502
    assert again.json() == first.json()
    assert app.row(session)["turn_count"] == 1


def test_a_repeated_turn_can_be_streamed_or_looked_at_later(app: App) -> None:
    session = app.create()
    well(turn(app, session, "turn-1", "/echo hi"))
    stored = app.events(session)
    app.said(session, "/echo between")
    headers = {"Accept": "text/event-stream", "Idempotency-Key": "turn-1"}
    path = f"/sessions/{session}/turn"
    streamed = app.http.post(path, json={"prompt": "/echo hi"}, headers=headers)
    numbers = [line[4:] for line in streamed.text.splitlines() if line.startswith("id: ")]
    assert numbers == [str(event["seq"]) for event in stored]
    accepted = turn(app, session, "turn-1", "/echo hi", wait=False)
    assert accepted.json()["turn_index"] == 1
    assert app.row(session)["turn_count"] == 2


def test_a_turn_under_way_is_conflict_for_its_key(app: App) -> None:
    session = app.create()
    assert turn(app, session, "slow", "/hang", wait=False).status_code == 202
    for _ in range(2):
        reply = turn(app, session, "slow", "/hang", wait=False)
        assert code_of(reply) == (409, "idempotency_running")
    app.cancel(session)
    told = well(turn(app, session, "slow", "/hang"))
    assert (told["turn_index"], told["stop_reason"]) == (1, "cancelled")


def test_a_turn_that_waits_behind_another_is_conflict_for_its_key(app: App, server: Server) -> None:
    session = app.create()
    app.begin(session, "/hang")
    with at_once(lambda: turn(app, session, "second", "/echo me")) as (waiting,):
        eventually(lambda: server.waiting(session) == 1)
        reply = turn(app, session, "second", "/echo me")
        assert code_of(reply) == (409, "idempotency_running")
        app.cancel(session)
        assert text_of(well(waiting.result())) == "me"
    assert app.row(session)["turn_count"] == 2


def test_another_body_under_a_turns_key_is_refused(app: App) -> None:
    session = app.create()
    well(turn(app, session, "turn-1", "/echo one"))
    assert code_of(turn(app, session, "turn-1", "/echo two")) == (422, "idempotency_mismatch")
    later = turn(app, session, "turn-1", "/echo one", timeout_secs=7)
    assert code_of(later) == (422, "idempotency_mismatch")


def test_a_turns_key_belongs_to_its_session(app: App) -> None:
    one, two = app.create(), app.create()
    assert text_of(well(turn(app, one, "turn-1", "/echo one"))) == "one"
    assert text_of(well(turn(app, two, "turn-1", "/echo two"))) == "two"


@pytest.mark.parametrize("awake", [True, False])
def test_a_turn_that_is_sent_many_times_at_once_is_taken_once(app: App, awake: bool) -> None:
    session = app.create()
    if awake:
        app.said(session, "/remember blue")
    before = app.row(session)["turn_count"]
    other = {"prompt": "/echo not harmed"}
    requests = [({"prompt": "/echo once"}, "storm")] * 8
    replies = burst(app, f"/sessions/{session}/turn", [*requests, (other, None)])
    assert replies[-1][0] == 200, replies[-1]
    assert text_of(replies[-1][2]) == "not harmed"
    assert {(status, code) for status, code, _ in replies} <= {
        (200, None),
        (409, "idempotency_running"),
    }
    assert app.row(session)["turn_count"] == before + 2
    assert text_of(well(turn(app, session, "storm", "/echo once"))) == "once"
    assert app.types(session).count("agent_started") == 1


def test_a_turn_that_never_began_leaves_its_key_free(tmp_path: Path) -> None:
    limits: dict[str, Any] = {"max_active_agents": 1, "max_waiting_runs": 0}
    with serving(tmp_path, **limits) as server, server.app() as app:
        busy, session = app.create(), app.create()
        app.begin(busy, "/hang")
        assert code_of(turn(app, session, "turn-1", "/echo me")) == (503, "line_full")
        app.cancel(busy)
        app.close(busy)
        assert text_of(well(turn(app, session, "turn-1", "/echo me"))) == "me"


def test_a_closed_sessions_turns_are_still_answered(app: App) -> None:
    session = app.create()
    first = well(turn(app, session, "turn-1", "/echo hi"))
    app.close(session)
    assert well(turn(app, session, "turn-1", "/echo hi")) == first
    assert code_of(turn(app, session, "turn-2", "/echo hi")) == (410, "session_closed")


@pytest.mark.parametrize("key", ["", "a b", "ä", "x" * 201])
def test_a_key_that_is_none_is_refused(app: App, key: str) -> None:
    headers = {b"Idempotency-Key": key.encode()}
    reply = app.http.post("/sessions", json={}, headers=headers)
    assert code_of(reply) == (422, "invalid_idempotency_key")


def test_keys_survive_a_server_that_is_killed(tmp_path: Path) -> None:
    with mortal(tmp_path, log_level="error") as stage:
        app = stage.start().new_app()
        with app.http:
            made = well(make(app, "order-1"))
            session = made["session_id"]
            first = well(turn(app, session, "turn-1", "/remember blue"))
            assert turn(app, session, "turn-2", "/hang", wait=False).status_code == 202
        stage.kill()
        app = app.at(stage.start())
        with app.http:
            assert well(make(app, "order-1")) == made
            assert well(turn(app, session, "turn-1", "/remember blue")) == first
            reply = turn(app, session, "turn-2", "/hang")
            assert (reply.status_code, reply.json()["stop_reason"]) == (502, "interrupted")
            other = turn(app, session, "turn-1", "/remember red")
            assert code_of(other) == (422, "idempotency_mismatch")
            assert app.row(session)["turn_count"] == 2
            assert app.said(session, "/recall") == "blue"
