"""Turns that are told to stop, run out of time, or lose their session: how they end."""

import threading
from collections.abc import Iterator
from pathlib import Path
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

from clawdforge.agents.demo.agent import default_command

NOTHING = {"ok": True, "cancelled": False, "turn_index": None}


def after(shell: str) -> Json:
    """The demo agent, behind a shell that does something first."""
    command = ["/bin/sh", "-c", f'{shell}; exec "$@"', "sh", *default_command()]
    return {"driver": "demo", "command": command}


SETTINGS: dict[str, Any] = {
    "agents": {"late": after("sleep 0.4"), "never": after("sleep 600")},
    "cancel_grace_secs": 0.3,
    "agent_start_secs": 2,
    "permissions": "ask",
}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with serving(tmp_path_factory.mktemp("cancel"), **SETTINGS) as server:
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


def assert_usable(app: App, session: str) -> None:
    assert app.row(session)["turn"] is None
    assert app.said(session, "/recall") == "blue"


def end_of(app: App, session: str, turn: int) -> Json:
    (end,) = [
        event
        for event in app.events(session)
        if event["type"] == "turn_ended" and event["turn"] == turn
    ]
    return end


# In the middle of something


def test_a_turn_that_is_cancelled_answers_with_what_was_said_so_far(app: App, session: str) -> None:
    with at_once(lambda: app.turn(session, "/stream 5000 10")) as (work,):
        app.seen(session, "text", 3)
        assert app.cancel(session) == {"ok": True, "cancelled": True, "turn_index": 2}
        told = app.row(session)
        reply = well(work.result())
    assert (told["state"], told["turn"]) == ("idle", None)
    assert (reply["ok"], reply["turn_index"], reply["stop_reason"]) == (True, 2, "cancelled")
    numbers = text_of(reply).split()
    assert numbers == [str(number) for number in range(1, len(numbers) + 1)]
    assert 2 < len(numbers) < 5000
    later = app.outcome(session, 2)
    assert (later["ok"], later["state"], later["error"]) == (True, "cancelled", None)
    assert later["events"] == reply["events"]
    assert end_of(app, session, 2)["state"] == "cancelled"
    assert_usable(app, session)


def test_a_tool_that_runs_is_ended_with_its_turn(app: App, server: Server) -> None:
    session = app.create(permissions="allow-all")
    app.said(session, "/remember blue")
    quiet = len(agents_of(server, session))
    app.begin(session, "/ask sleep 600")
    eventually(lambda: len(agents_of(server, session)) > quiet)
    assert app.cancel(session)["cancelled"]
    eventually(lambda: len(agents_of(server, session)) == quiet)
    (call,) = [e for e in app.outcome(session, 2)["events"] if e["type"] == "tool_call"]
    assert call["name"] == "Bash"
    assert_usable(app, session)


def test_a_question_is_taken_back_with_its_turn(app: App, session: str) -> None:
    app.begin(session, "/ask touch a.txt")
    question = app.question()
    assert app.row(session)["pending_permissions"] == 1
    assert app.cancel(session)["cancelled"]
    path = f"/permissions/{question['permission_id']}"
    assert well(app.get(path))["state"] == "withdrawn"
    assert code_of(app.answer(question, decision="allow")) == (409, "already_answered")
    assert app.row(session)["pending_permissions"] == 0
    resolved = app.seen(session, "permission_resolved")
    assert [event["state"] for event in resolved] == ["withdrawn"]
    assert resolved[0]["seq"] < end_of(app, session, 2)["seq"]
    assert_usable(app, session)


def test_a_turn_is_cancelled_while_its_agent_starts(app: App) -> None:
    session = app.create(agent="late")
    app.begin(session, "/remember red")
    assert app.cancel(session) == {"ok": True, "cancelled": True, "turn_index": 1}
    assert app.outcome(session, 1)["state"] == "cancelled"
    app.said(session, "/remember blue")
    assert app.said(session, "/recall").split()[-1] == "blue"


def test_a_turn_is_cancelled_whose_agent_never_starts(app: App, server: Server) -> None:
    session = app.create(agent="never")
    app.begin(session, "/echo hi")
    eventually(lambda: agents_of(server, session))
    assert app.cancel(session)["cancelled"]
    assert app.outcome(session, 1)["state"] == "cancelled"
    assert app.seen(session, "agent_stopped")[0]["reason"] == "it did not get ready"
    eventually(lambda: not agents_of(server, session))
    eventually(lambda: app.row(session)["state"] == "hibernated")


@pytest.mark.parametrize("prompt", ["/stall", "/deaf"])
def test_an_agent_that_does_not_listen_is_killed(
    app: App, session: str, server: Server, prompt: str
) -> None:
    app.begin(session, prompt)
    assert app.cancel(session) == {"ok": True, "cancelled": True, "turn_index": 2}
    eventually(lambda: not agents_of(server, session))
    outcome = app.outcome(session, 2)
    assert (outcome["state"], outcome["ok"]) == ("cancelled", True)
    assert_usable(app, session)


def test_what_an_agent_does_by_itself_can_be_cancelled(app: App, session: str) -> None:
    app.said(session, "/background 0.02 news")
    app.seen(session, "turn_started", 3)
    eventually(lambda: app.row(session)["turn"] == 3)
    assert app.cancel(session) == {"ok": True, "cancelled": True, "turn_index": 3}
    assert app.outcome(session, 3)["state"] == "cancelled"
    assert_usable(app, session)


# In line


def test_a_turn_that_waits_for_a_place_is_cancelled_there(tmp_path: Path) -> None:
    with serving(tmp_path, max_active_agents=1) as server, server.app() as app:
        busy, late = app.create(), app.create()
        app.begin(busy, "/hang")
        with at_once(lambda: app.turn(late, "/echo hi")) as (work,):
            eventually(lambda: app.row(late)["state"] == "running")
            assert app.cancel(late) == {"ok": True, "cancelled": True, "turn_index": 1}
            reply = well(work.result())
        assert (reply["stop_reason"], reply["events"]) == ("cancelled", [])
        assert "agent_started" not in app.types(late)
        assert app.row(late)["state"] == "hibernated"
        assert server.gateway is not None
        (line,) = {server.gateway.services.runs._slots.waiting}
        assert line == 0
        app.cancel(busy)
        assert app.said(late, "/echo still here") == "still here"


def test_the_turns_behind_a_cancelled_one_are_taken(app: App, session: str) -> None:
    app.begin(session, "/hang")
    with at_once(lambda: app.said(session, "/echo next")) as (work,):
        assert app.cancel(session)["turn_index"] == 2
        assert work.result() == "next"


# More than once, and too late


def test_a_turn_that_is_cancelled_twice_at_once_ends_once(app: App, session: str) -> None:
    app.begin(session, "/hang")
    with at_once(*[lambda: app.cancel(session)] * 6) as works:
        replies = [work.result() for work in works]
    assert {"ok": True, "cancelled": True, "turn_index": 2} in replies
    assert all(reply["turn_index"] == 2 or reply == NOTHING for reply in replies)
    assert app.types(session).count("turn_ended") == 2
    assert_usable(app, session)


def test_when_nothing_runs_nothing_is_cancelled(app: App, session: str) -> None:
    fresh, closed = app.create(), app.create()
    app.close(closed)
    for one in (fresh, session, closed):
        assert app.cancel(one) == NOTHING
    assert app.row(session)["turn_count"] == 1
    assert_usable(app, session)


def test_a_cancel_at_any_moment_tells_the_truth(app: App, session: str) -> None:
    for number in range(30):
        replies: list[Json] = []
        delay = threading.Event()

        def cancel(number: int = number, delay: threading.Event = delay) -> None:
            delay.wait(number * 0.0007)
            replies.append(app.cancel(session))  # noqa: B023 - joined below

        with at_once(cancel):
            reply = well(app.turn(session, "/stream 3 4"))
        (told,) = replies
        was_cancelled = reply["stop_reason"] == "cancelled"
        assert told["cancelled"] == was_cancelled, (number, told, reply)
        if was_cancelled:
            assert told["turn_index"] == reply["turn_index"]
    assert_usable(app, session)


# Time-outs


def test_turns_that_run_out_of_time_fail_and_their_sessions_go_on(app: App) -> None:
    prompts = ("/hang", "/stall", "/ask touch a.txt", "/stream 5000 100")
    sessions = {app.create(): prompt for prompt in prompts}
    for session in sessions:
        app.said(session, "/remember blue")
    with at_once(
        *[lambda s=s, p=p: app.turn(s, p, timeout_secs=5) for s, p in sessions.items()]
    ) as works:
        replies = [work.result() for work in works]
    for session, reply in zip(sessions, replies, strict=True):
        assert reply.status_code == 502
        body = reply.json()
        assert (body["ok"], body["stop_reason"]) == (False, "timeout")
        assert "5 s" in body["error"]
        assert 5000 <= body["duration_ms"] < 15_000
        outcome = app.outcome(session, 2)
        assert (outcome["ok"], outcome["state"], outcome["timeout_secs"]) == (False, "timeout", 5)
        assert_usable(app, session)
    *_, asking, streaming = sessions
    # A question does not outlive its turn, and what was said is not lost.
    assert [e["state"] for e in app.seen(asking, "permission_resolved")] == ["withdrawn"]
    assert text_of(app.outcome(streaming, 2)).startswith("1 2 3")


@pytest.mark.parametrize("secs", [4, 601, 0, -1])
def test_a_time_out_out_of_bounds_is_refused(app: App, session: str, secs: int) -> None:
    assert code_of(app.turn(session, "/echo hi", timeout_secs=secs)) == (422, "invalid_timeout")


# The session goes away


def test_a_session_that_is_closed_cancels_its_turn_and_refuses_those_behind(
    app: App, session: str, server: Server
) -> None:
    with at_once(lambda: app.turn(session, "/stream 5000 10")) as (running,):
        app.seen(session, "text", 3)
        with at_once(lambda: app.turn(session, "/echo no")) as (behind,):
            eventually(lambda: server.waiting(session) == 1)
            assert well(app.close(session)) == {"ok": True, "already_closed": False}
        assert code_of(behind.result()) == (410, "session_closed")
        assert well(running.result())["stop_reason"] == "cancelled"
    assert app.outcome(session, 2)["state"] == "cancelled"
    assert app.row(session)["turn_count"] == 2
    assert app.events(session)[-1]["type"] == "session_closed"


def test_closing_is_harmless_twice_and_at_once(app: App, session: str) -> None:
    app.begin(session, "/hang")
    with at_once(*[lambda: app.close(session)] * 5) as works:
        replies = [well(work.result()) for work in works]
    assert False in {reply["already_closed"] for reply in replies}
    assert well(app.close(session)) == {"ok": True, "already_closed": True}
    assert app.types(session).count("session_closed") == 1


def test_nothing_can_be_done_with_a_closed_session_but_reading(app: App, session: str) -> None:
    app.close(session)
    row = app.row(session)
    assert (row["state"], row["live"]) == ("closed", False)
    assert isinstance(row["closed_at"], int)
    assert code_of(app.turn(session, "/echo no")) == (410, "session_closed")
    assert code_of(app.turn(session, "/echo no", wait=False)) == (410, "session_closed")
    stream = app.post(
        f"/sessions/{session}/turn", {"prompt": "/echo no"}, Accept="text/event-stream"
    )
    assert code_of(stream) == (410, "session_closed")
    assert code_of(app.patch(session, model="m")) == (410, "session_closed")
    assert app.outcome(session, 1)["state"] == "done"
    assert app.types(session)[-1] == "session_closed"


def test_a_session_is_closed_while_its_agent_starts(app: App, server: Server) -> None:
    session = app.create(agent="late")
    with at_once(lambda: app.turn(session, "/echo hi")) as (work,):
        eventually(lambda: app.row(session)["turn"] == 1)
        assert well(app.close(session)) == {"ok": True, "already_closed": False}
        assert well(work.result())["stop_reason"] == "cancelled"
    assert not agents_of(server, session)
    assert app.types(session)[-1] == "session_closed"


def test_nothing_of_an_agent_is_left_of_a_closed_session(
    app: App, session: str, server: Server
) -> None:
    app.said(session, "/grandchild")
    assert len(agents_of(server, session)) > 1
    app.close(session)
    assert not agents_of(server, session)
