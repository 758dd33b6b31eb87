"""Agents that come and go beneath their sessions: put to sleep, woken, killed."""

import os
import signal
import threading
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from sessions_http import (
    App,
    Server,
    agents_of,
    at_once,
    eventually,
    serving,
    text_of,
    well,
)

NAP_SECS = 0.15


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("sleep")
    with serving(folder, hibernate_after_secs=NAP_SECS, cancel_grace_secs=0.3) as server:
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


def asleep(app: App, session: str) -> None:
    eventually(lambda: app.row(session)["state"] == "hibernated")


def agent_of(server: Server, session: str) -> int:
    """The agent's own process, beneath those that contain it."""
    (found,) = [
        pid
        for pid in eventually(lambda: agents_of(server, session))
        if "program.py" in psutil.Process(pid).cmdline()[-1]
        and psutil.Process(pid).name() != "unshare"
        and psutil.Process(pid).cmdline()[0].endswith(("python", "python3", "python3.11"))
    ]
    return found


def test_an_idle_agent_is_put_to_sleep_and_remembers_when_it_is_woken(
    app: App, session: str, server: Server
) -> None:
    assert app.row(session)["live"] is True
    assert app.row(session)["state"] == "idle"
    asleep(app, session)
    assert app.row(session)["live"] is False
    eventually(lambda: not agents_of(server, session))
    assert app.said(session, "/recall") == "blue"
    assert app.row(session)["live"] is True
    kinds = [event for event in app.events(session) if event["type"].startswith("agent_")]
    assert [(event["type"], event.get("reason")) for event in kinds] == [
        ("agent_started", None),
        ("agent_stopped", "hibernated"),
        ("agent_started", None),
    ]
    assert [e["resumed"] for e in kinds if e["type"] == "agent_started"] == [False, True]


def test_a_session_sleeps_and_wakes_again_and_again(app: App, session: str) -> None:
    for number in range(3):
        asleep(app, session)
        assert app.said(session, "/recall").split()[0] == "blue"
        assert app.row(session)["turn_count"] == number + 2
    starts = app.types(session).count("agent_started")
    assert starts == 4


def test_an_agent_at_work_is_not_put_to_sleep(app: App, session: str) -> None:
    assert app.said(session, f"/stream 3 {int(NAP_SECS * 1500)}") == "1 2 3"
    assert app.types(session).count("agent_started") == 1


def test_looking_at_a_session_does_not_wake_it(app: App, session: str) -> None:
    asleep(app, session)
    app.row(session)
    app.events(session)
    app.get(f"/sessions/{session}/turns")
    app.get("/sessions")
    app.cancel(session)
    with app.reading(session) as reader:
        next(reader.events())
    assert app.row(session)["state"] == "hibernated"
    assert app.types(session).count("agent_started") == 1


def test_turns_that_come_while_an_agent_is_put_to_sleep_are_taken(app: App, session: str) -> None:
    pause = threading.Event()
    for number in range(6):
        pause.wait(NAP_SECS * (0.9 + number * 0.04))  # around the very moment
        assert app.said(session, "/recall") == "blue"


def test_attachments_and_files_of_the_agent_are_still_there(
    app: App, session: str, server: Server
) -> None:
    app.said(session, "/echo hi", files=[app.upload("a.txt", b"attached")])
    (server.work(session) / "made.txt").write_text("made")
    asleep(app, session)
    listed = app.said(session, "/cwd").split()
    assert listed == ["attachment-2-1.txt", "made.txt"]


# Killed


def test_an_agent_that_is_killed_in_a_turn_fails_it_and_the_next_turn_works(
    app: App, session: str, server: Server
) -> None:
    with at_once(lambda: app.turn(session, "/stream 5000 10")) as (work,):
        app.seen(session, "text", 3)
        os.kill(agent_of(server, session), signal.SIGKILL)
        reply = work.result()
    assert reply.status_code == 502
    body = reply.json()
    assert (body["ok"], body["stop_reason"]) == (False, "error")
    assert "signal 9" in body["error"]
    outcome = app.outcome(session, 2)
    assert outcome["state"] == "failed"
    assert text_of(outcome).startswith("1 2")
    assert app.said(session, "/recall") == "blue"
    assert app.types(session).count("agent_started") == 2


@pytest.mark.parametrize("prompt", ["/crash", "/exit 3", "/exit 0", "/half begun"])
def test_an_agent_that_ends_by_itself_fails_its_turn(app: App, session: str, prompt: str) -> None:
    reply = app.turn(session, prompt)
    assert reply.status_code == 502
    assert reply.json()["error"]
    assert app.outcome(session, 2)["state"] == "failed"
    assert app.said(session, "/recall") == "blue"


def test_an_agent_that_dies_in_its_very_first_turn_is_started_anew(app: App) -> None:
    session = app.create()
    assert app.turn(session, "/crash").status_code == 502
    app.said(session, "/remember blue")
    assert app.said(session, "/recall") == "blue"


def test_an_idle_agent_that_dies_is_woken_by_the_next_turn(
    app: App, session: str, server: Server
) -> None:
    os.kill(agent_of(server, session), signal.SIGKILL)
    asleep(app, session)
    assert app.said(session, "/recall") == "blue"
    assert app.types(session)[:5].count("turn_ended") == 1
    assert app.row(session)["turn_count"] == 2


def test_the_last_words_of_a_dead_agent_are_kept(app: App, session: str) -> None:
    app.turn(session, "/stderr 300")
    reply = app.turn(session, "/exit 3").json()
    assert reply["stderr"].strip().endswith("eee")
    assert app.outcome(session, 3)["stderr"] == reply["stderr"]


def test_memory_that_is_gone_is_told_and_never_replaced(
    app: App, session: str, server: Server
) -> None:
    asleep(app, session)
    memory = server.folder / "home" / ".clawdforge-demo"
    for path in memory.iterdir():
        path.unlink()
    reply = app.turn(session, "/recall")
    assert reply.status_code == 502
    assert "does not know this conversation any more" in reply.json()["error"]
    assert app.turn(session, "/recall").status_code == 502


def test_a_workspace_that_is_gone_is_told(app: App, session: str, server: Server) -> None:
    asleep(app, session)
    server.work(session).rename(server.work(session).with_name("elsewhere"))
    reply = app.turn(session, "/recall")
    assert reply.status_code == 502
    assert "workspace is gone" in reply.json()["error"]
    server.work(session).with_name("elsewhere").rename(server.work(session))
    assert app.said(session, "/recall") == "blue"


def test_whatever_is_wanted_of_a_session_that_nobody_owns_any_more_works(
    app: App, server: Server
) -> None:
    """A second after its agent was put to sleep nothing of a session is in memory."""
    names = ("talk", "set", "fork", "cancel", "close", "attach", "stream")
    sessions = {name: app.create() for name in names}
    for session in sessions.values():
        app.said(session, "/remember blue")
    assert server.gateway is not None
    supervisor = server.gateway.conversations.supervisor
    eventually(lambda: not any(supervisor.awake(session) for session in sessions.values()))
    assert app.said(sessions["talk"], "/recall") == "blue"
    assert well(app.patch(sessions["set"], mode="plan"))["state"] == "hibernated"
    assert app.said(sessions["set"], "/recall") == "blue"
    copy = well(app.post(f"/sessions/{sessions['fork']}/fork"))["session_id"]
    assert app.said(copy, "/recall") == "blue"
    assert app.cancel(sessions["cancel"])["cancelled"] is False
    files = [app.upload("a.txt", b"attached")]
    assert app.said(sessions["attach"], "/recall", files=files) == "blue"
    with app.streaming(sessions["stream"], "/recall") as reader:
        assert list(reader.events())[-1]["state"] == "done"
    assert well(app.close(sessions["close"]))["already_closed"] is False


# What strange agents say


def test_an_agent_that_writes_too_much_in_a_turn_is_ended(tmp_path: Path) -> None:
    with serving(tmp_path, max_output_bytes=100_000) as server, server.app() as app:
        session = app.create()
        app.said(session, "/remember blue")
        for _ in range(3):  # the limit is one turn's
            assert len(app.said(session, "/flood 60000")) == 60_000
        reply = app.turn(session, "/flood 200000")
        assert reply.status_code == 502
        assert "100" in reply.json()["error"]
        assert app.said(session, "/recall") == "blue"


@pytest.mark.parametrize(
    ("prompt", "said"),
    [
        ("/garbage", "after the garbage"),
        ("/unknown", "after the unknown"),
        ("/stderr 200000", "after the flood"),
    ],
)
def test_an_agent_that_talks_nonsense_is_understood_as_far_as_can_be(
    app: App, session: str, prompt: str, said: str
) -> None:
    assert app.said(session, prompt) == said
    assert app.said(session, "/recall") == "blue"


def test_usage_is_told_for_the_turn_and_summed_for_the_session(app: App) -> None:
    session = app.create()
    nothing = app.row(session)["usage"]
    assert set(nothing.values()) == {None}
    app.said(session, "/usage")
    first = app.outcome(session, 1)["usage"]
    assert set(first) == {
        *("input_tokens", "output_tokens", "cache_read_tokens", "cache_write_tokens"),
        "cost_microusd",
    }
    assert first["cost_microusd"] == 250_000
    app.said(session, "/usage")  # the agent adds up: the same sum is nothing new
    second = app.outcome(session, 2)["usage"]
    assert second["cost_microusd"] == 0
    asleep(app, session)
    app.said(session, "/echo three words here")
    third = app.outcome(session, 3)["usage"]
    row = app.row(session)["usage"]
    for key in ("input_tokens", "output_tokens"):
        assert row[key] == first[key] + second[key] + third[key] > 0
    assert row["cost_microusd"] == 250_000
    assert (row["context_used"], row["context_size"]) == (1200, 200_000)
    (used, _) = app.seen(session, "usage")
    assert (used["context_used"], used["context_size"]) == (1200, 200_000)
    ends = app.seen(session, "turn_ended", 3)
    assert [end["usage"] for end in ends] == [first, second, third]
    turns = well(app.get(f"/sessions/{session}/turns"))["turns"]
    assert [turn["usage"] for turn in turns] == [third, second, first]
