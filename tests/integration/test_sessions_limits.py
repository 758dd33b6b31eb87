"""What is too much, and how it is told; who gets an agent when there are fewer than wanted."""

import threading
from collections.abc import Iterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest
from sessions_http import (
    App,
    Server,
    agents_of,
    at_once,
    burst,
    code_of,
    eventually,
    serving,
    text_of,
    well,
)

NEVER = 3600
IMPATIENT: dict[str, Any] = {"max_active_agents": 1, "max_line_wait_secs": 1}


@pytest.fixture
def one_place(tmp_path: Path) -> Iterator[Server]:
    """A server with a place for one agent."""
    with serving(tmp_path, max_active_agents=1, hibernate_after_secs=NEVER) as server:
        yield server


def is_live(app: App, session: str) -> bool:
    return bool(app.row(session)["live"])


# Too much


def test_an_inbox_that_is_full_says_so_and_empties_in_order(tmp_path: Path) -> None:
    with serving(tmp_path, turn_inbox=2) as server, server.app() as app:
        session = app.create()
        app.begin(session, "/hang")
        attached = [app.upload("note.txt", b"a note")]
        replies: list[httpx.Response] = []
        with ExitStack() as stack:
            for number in (2, 3):

                def take(prompt: str = f"/echo {number}") -> None:
                    replies.append(app.turn(session, prompt))

                def in_line(count: int = number - 1) -> bool:
                    return server.waiting(session) == count

                stack.enter_context(at_once(take))
                eventually(in_line)
            refused = app.turn(session, "/echo 4", files=attached)
            assert code_of(refused) == (429, "inbox_full")
            assert code_of(app.turn(session, "/echo 4", wait=False)) == (429, "inbox_full")
            assert app.cancel(session)["turn_index"] == 1
        assert [(r.json()["turn_index"], text_of(r.json())) for r in replies] == [
            (2, "2"),
            (3, "3"),
        ]
        assert not list(server.work(session).glob("attachment-*"))
        assert app.said(session, "/echo 4") == "4"


def test_no_more_sessions_are_open_than_may_be(tmp_path: Path) -> None:
    with serving(tmp_path, max_live_sessions=2) as server, server.app() as app:
        first, second = app.create(), app.create()
        app.said(first, "/remember blue")
        with server.app() as other:
            assert code_of(other.post("/sessions")) == (503, "sessions_full")
        assert code_of(app.post(f"/sessions/{first}/fork")) == (503, "sessions_full")
        well(app.close(second))
        third = app.create()
        assert code_of(app.post(f"/sessions/{second}/resume")) == (503, "sessions_full")
        assert well(app.post(f"/sessions/{first}/resume"))["closed_at"] is None
        well(app.close(third))
        assert well(app.post(f"/sessions/{second}/resume"))["closed_at"] is None
        folders = {path.name for path in (server.data / "sessions").iterdir()}
        assert folders == {first, second, third}


def test_a_line_that_is_full_says_so(tmp_path: Path) -> None:
    limits: dict[str, Any] = {"max_active_agents": 1, "max_waiting_runs": 1}
    with serving(tmp_path, **limits) as server, server.app() as app:
        busy, patient, late = (app.create() for _ in range(3))
        app.begin(busy, "/hang")
        with at_once(lambda: app.said(patient, "/echo me")) as (work,):
            eventually(lambda: app.row(patient)["state"] == "running")
            for wait in (True, False):
                assert code_of(app.turn(late, "/echo me", wait=wait)) == (503, "line_full")
            stream = app.post(
                f"/sessions/{late}/turn", {"prompt": "/echo me"}, Accept="text/event-stream"
            )
            assert code_of(stream) == (503, "line_full")
            app.cancel(busy)
            assert work.result() == "me"
        assert app.row(late)["turn_count"] == 0
        assert app.events(late) == []
        assert app.said(late, "/echo me") == "me"


def test_who_waits_in_line_for_too_long_is_sent_away(tmp_path: Path) -> None:
    with serving(tmp_path, **IMPATIENT) as server, server.app() as app:
        busy, late = app.create(), app.create()
        app.begin(busy, "/hang")
        assert code_of(app.turn(late, "/echo me")) == (503, "line_wait")
        row = app.row(late)
        assert (row["turn_count"], row["turn"], row["live"]) == (0, None, False)
        app.cancel(busy)
        assert app.said(late, "/echo me") == "me"


def test_a_server_that_stops_takes_nothing_new_and_lets_turns_end(tmp_path: Path) -> None:
    with serving(tmp_path, stop_grace_secs=NEVER) as server:
        app = server.new_app()
        busy, idle, asleep = (app.create() for _ in range(3))
        app.said(idle, "/echo hi")
        app.begin(busy, "/hang")
        assert server.thread is not None
        server.thread.loop.call_soon_threadsafe(server.thread._until.set)
        eventually(lambda: app.post("/sessions").status_code == 503)
        assert code_of(app.post("/sessions")) == (503, "stopping")
        for session in (busy, idle, asleep):
            assert code_of(app.turn(session, "/echo no")) == (503, "stopping")
        assert app.row(busy)["state"] == "running"
        assert app.cancel(busy) == {"ok": True, "cancelled": True, "turn_index": 1}
        app.http.close()
    with serving(tmp_path) as server, app.at(server).http as http:
        app.http = http
        assert app.outcome(busy, 1)["state"] == "cancelled"
        assert {app.row(session)["state"] for session in (busy, idle, asleep)} == {"hibernated"}
        app.close_all()


# One place, several sessions


def test_sessions_share_one_place_and_keep_their_memories(one_place: Server) -> None:
    with one_place.app() as app:
        words = {app.create(): word for word in ("red", "green", "blue", "white")}
        for session, word in words.items():
            app.said(session, f"/remember {word}")
            assert sum(is_live(app, other) for other in words) == 1
        with at_once(*[lambda s=session: app.said(s, "/recall") for session in words]) as works:
            assert [work.result() for work in works] == list(words.values())
        stopped = [
            event["reason"]
            for session in words
            for event in app.events(session)
            if event["type"] == "agent_stopped"
        ]
        assert set(stopped) == {"its place was needed"}
        assert len(stopped) == 7  # eight starts, and the last one is still there


def test_who_waited_is_told_how_long(one_place: Server) -> None:
    with one_place.app() as app:
        busy, late = app.create(), app.create()
        app.begin(busy, "/stream 10 20")
        well(app.turn(late, "/echo me"))
        assert app.outcome(late, 1)["waited_ms"] > 100
        assert app.outcome(busy, 1)["waited_ms"] < 100
        assert app.events(late)[0]["waited_ms"] == app.outcome(late, 1)["waited_ms"]


def test_the_agent_that_was_idle_longest_is_put_to_sleep(tmp_path: Path) -> None:
    with serving(tmp_path, max_active_agents=3) as server, server.app() as app:
        one, two, three, four = (app.create() for _ in range(4))
        for session in (one, two, three, one):
            app.said(session, "/echo hi")
        app.said(four, "/echo hi")
        live = [is_live(app, session) for session in (one, two, three, four)]
        assert live == [True, False, True, True]
        app.said(two, "/echo hi")
        live = [is_live(app, session) for session in (one, two, three, four)]
        assert live == [True, True, False, True]


def test_an_agent_at_work_is_not_put_to_sleep(tmp_path: Path) -> None:
    with serving(tmp_path, **IMPATIENT) as server, server.app() as app:
        worker, other = app.create(), app.create()
        app.said(worker, "/echo hi")
        app.begin(worker, "/hang")
        assert code_of(app.turn(other, "/echo no")) == (503, "line_wait")
        assert app.row(worker)["state"] == "running"
        app.cancel(worker)


def test_as_many_idle_agents_make_room_as_are_needed_at_once(tmp_path: Path) -> None:
    limits: dict[str, Any] = {"max_active_agents": 3, "max_line_wait_secs": 5}
    with serving(tmp_path, **limits) as server, server.app() as app:
        idle = [app.create() for _ in range(3)]
        for session in idle:
            app.said(session, "/echo hi")
        fresh = [app.create() for _ in range(3)]

        def hang(session: str) -> httpx.Response:
            return app.turn(session, "/hang", wait=False)

        with at_once(*[lambda s=session: hang(s) for session in fresh]) as works:
            assert [work.result().status_code for work in works] == [202] * 3
        assert not any(is_live(app, session) for session in idle)


def test_a_run_gets_the_place_of_an_idle_session(one_place: Server) -> None:
    with one_place.app() as app:
        session = app.create()
        app.said(session, "/remember blue")
        assert is_live(app, session)
        assert well(app.post("/run", {"prompt": "/echo a run"}))["result"] == "a run"
        assert not is_live(app, session)
        assert app.said(session, "/recall") == "blue"


def test_apps_take_turns_in_line(tmp_path: Path) -> None:
    limits: dict[str, Any] = {"max_active_agents": 2, "max_waiting_runs": 10}
    with (
        serving(tmp_path, **limits) as server,
        server.app() as greedy,
        server.app() as modest,
    ):
        first, second, third, fourth = (greedy.create() for _ in range(4))
        theirs = modest.create()
        greedy.begin(first, "/hang")
        greedy.begin(second, "/hang")
        order: list[str] = []
        lock = threading.Lock()

        def take(app: App, session: str, name: str) -> None:
            app.begin(session, "/hang")
            with lock:
                order.append(name)

        def stands_in_line(app: App, session: str) -> bool:
            return bool(app.row(session)["state"] == "running")

        with ExitStack() as stack:
            for app, session, name in (
                (greedy, third, "greedy"),
                (greedy, fourth, "greedy"),
                (modest, theirs, "modest"),
            ):
                stack.enter_context(at_once(partial(take, app, session, name)))
                eventually(partial(stands_in_line, app, session))
            greedy.cancel(first)
            eventually(lambda: order)
            assert order == ["modest"]
            greedy.cancel(second)
            eventually(lambda: len(order) == 2)
            greedy.close_all()
            modest.close_all()


def test_no_app_fills_more_than_half_of_the_line(tmp_path: Path) -> None:
    limits: dict[str, Any] = {"max_active_agents": 1, "max_waiting_runs": 2}
    with (
        serving(tmp_path, **limits) as server,
        server.app() as greedy,
        server.app() as modest,
    ):
        busy, patient, late = (greedy.create() for _ in range(3))
        theirs = modest.create()
        greedy.begin(busy, "/hang")
        with at_once(lambda: greedy.said(patient, "/echo mine")) as (mine,):
            eventually(lambda: greedy.row(patient)["state"] == "running")
            assert code_of(greedy.turn(late, "/echo no")) == (503, "line_full")
            with at_once(lambda: modest.said(theirs, "/echo theirs")) as (other,):
                eventually(lambda: modest.row(theirs)["state"] == "running")
                greedy.cancel(busy)
                assert (mine.result(), other.result()) == ("mine", "theirs")


# Starting


def test_many_sessions_begin_at_once(tmp_path: Path) -> None:
    with serving(tmp_path, max_active_agents=16) as server, server.app() as app:
        sessions = [app.create() for _ in range(16)]
        prompts = [({"prompt": f"/echo {number}"}, None) for number in range(4)]
        with at_once(
            *[lambda s=session: burst(app, f"/sessions/{s}/turn", prompts) for session in sessions]
        ) as works:
            for work in works:
                replies = work.result()
                assert {status for status, _, _ in replies} == {200}
                assert sorted(text_of(body) for _, _, body in replies) == ["0", "1", "2", "3"]
        for session in sessions:
            assert app.types(session).count("agent_started") == 1


BROKEN = {
    "ends": {"driver": "demo", "command": ["/bin/false"]},
    "sleeps": {"driver": "demo", "command": ["/bin/sleep", "600"]},
    "missing": {"driver": "demo", "command": ["/nowhere/at-all"]},
    "talks": {"driver": "demo", "command": ["/bin/echo", "hello"]},
}


def test_agents_that_do_not_start_are_told_and_hold_up_nobody(tmp_path: Path) -> None:
    settings: dict[str, Any] = {"agents": BROKEN, "agent_start_secs": 0.3, "max_active_agents": 2}
    with serving(tmp_path, **settings) as server, server.app() as app:
        for name in [*BROKEN, *BROKEN, *BROKEN]:
            session = app.create(agent=name)
            reply = app.turn(session, "/echo hi")
            assert reply.status_code == 502, (name, reply.text)
            body = reply.json()
            assert body["stop_reason"] == "error", name
            assert body["error"], name
            assert "/nowhere" not in reply.text or name == "missing"
            row = app.row(session)
            assert (row["state"], row["turn_count"]) == ("hibernated", 1)
            assert app.types(session)[-1] in {"turn_ended", "agent_stopped"}
            assert not agents_of(server, session)
            well(app.close(session))
        good = app.create()
        assert app.said(good, "/echo hi") == "hi"
