"""A server that ends, politely or not, and the next one on the same folder."""

import functools
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Protocol

import httpx
import pytest
from sessions_http import (
    App,
    Frame,
    Json,
    Mortal,
    Server,
    at_once,
    code_of,
    eventually,
    mortal,
    serving,
    text_of,
    well,
)

SETTINGS: dict[str, Any] = {"max_active_agents": 3, "log_level": "error"}


class Power(Protocol):
    """Starts servers on a folder, and ends them."""

    def start(self) -> Server: ...

    def end(self) -> None: ...


class Killed:
    """Processes that are ended by `kill -9`."""

    def __init__(self, stage: Mortal) -> None:
        self.start = stage.start
        self.end = stage.kill


class Stopped:
    """Servers that are told to stop."""

    def __init__(self, folder: Path, **settings: Any) -> None:
        self._folder = folder
        self._settings = settings
        self._stack = ExitStack()

    def start(self) -> Server:
        return self._stack.enter_context(serving(self._folder, **self._settings))

    def end(self) -> None:
        self._stack.close()


@pytest.fixture(params=["killed", "stopped"])
def power(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Power]:
    with ExitStack() as stack:
        if request.param == "killed":
            yield Killed(stack.enter_context(mortal(tmp_path, **SETTINGS)))
        else:
            polite = Stopped(tmp_path, **SETTINGS)
            stack.callback(polite.end)
            yield polite


class Follower:
    """Reads a session's events until the connection ends, as a dashboard would."""

    def __init__(self, app: App, session: str, after: int) -> None:
        self.frames: list[Frame] = []
        self._app = app
        self._session = session
        self._after = after
        self._thread = threading.Thread(target=self._read)
        self._thread.start()

    def events(self) -> list[Json]:
        return [frame.data for frame in list(self.frames) if frame.id is not None]

    def has(self, event: Json) -> bool:
        return event in self.events()

    def join(self) -> None:
        self._thread.join(20)
        assert not self._thread.is_alive()

    def _read(self) -> None:
        try:
            after = str(self._after)
            with self._app.reading(self._session, Last_Event_ID=after) as reader:
                for frame in reader.frames():
                    self.frames.append(frame)
        except (httpx.TransportError, AssertionError):
            return  # the server is gone, maybe in the middle of a frame


def test_a_reader_misses_and_repeats_nothing_across_restarts(tmp_path: Path) -> None:
    with mortal(tmp_path, stop_grace_secs=0, **SETTINGS) as stage:
        app = stage.start().new_app()
        session, read = "", list[Json]()
        for number, end in enumerate((stage.kill, stage.stop), 1):
            with app.http:
                session = session or app.create()
                follower = Follower(app, session, len(read))
                with app.streaming(session, "/stream 5000 5") as reader:
                    streamed = reader.events()
                    mine = [next(streamed) for _ in range(6)]
                    eventually(functools.partial(follower.has, mine[-1]))
                    end()
                follower.join()
            read += follower.events()
            if end == stage.stop:
                assert follower.frames[-1].event == "stopping"
            app = app.at(stage.start())
            with app.http:
                assert app.outcome(session, number)["state"] == "interrupted"
                told = [event for event in app.events(session) if event["turn"] == number]
                assert told[: len(mine)] == mine
                assert told[-1]["type"] == "turn_ended"
            app = App(str(app.http.base_url), app.token, app.name)
        with app.http:
            assert app.events(session)[: len(read)] == read
            with app.reading(session, Last_Event_ID=str(len(read))) as reader:
                app.said(session, "/echo on")
                app.close(session)
                read += list(reader.events())
            assert read == app.events(session)
            assert [event["seq"] for event in read] == list(range(1, len(read) + 1))
            assert "owner_changed" in app.types(session)


def test_every_session_is_afterwards_what_it_was_or_can_be(power: Power) -> None:
    """Fresh, idle, closed, copied, at work for the first time, with a question, in line."""
    app = power.start().new_app()
    with app.http:
        fresh = app.create(meta={"a": 1}, mode="plan")
        idle, closed, busy, asking, late = (app.create(permissions="ask") for _ in range(5))
        for session in (idle, closed, asking, late):
            app.said(session, "/remember blue")
        app.close(closed)
        copy = well(app.post(f"/sessions/{idle}/fork"))["session_id"]
        resting = {session: app.row(session) for session in (fresh, copy, closed)}
        app.begin(busy, "/stream 5000 5")
        app.begin(asking, "/ask touch a.txt")
        question = app.question()
        behind = app.create()
        app.begin(behind, "/hang")
        app.seen(busy, "text", 3)
        told = {session: app.events(session) for session in (idle, busy, asking, behind, late)}
        replies: list[tuple[int, str] | None] = []

        def wait_in_line() -> None:
            try:
                replies.append(code_of(app.turn(late, "/echo late")))
            except httpx.TransportError:
                replies.append(None)

        with at_once(wait_in_line):
            eventually(lambda: app.row(late)["state"] == "running")
            power.end()
    assert replies in ([None], [(503, "stopping")])
    app = app.at(power.start())
    with app.http:
        for session, row in resting.items():
            assert app.row(session) == row
        for session, events in told.items():
            assert app.events(session)[: len(events)] == events
            row = app.row(session)
            assert (row["state"], row["live"], row["turn"]) == ("hibernated", False, None)
        for session, number in ((busy, 1), (behind, 1), (asking, 2)):
            turn = app.outcome(session, number)
            assert (turn["state"], turn["ok"]) == ("interrupted", False)
            assert app.events(session)[-2:][-1]["type"] in {"turn_ended", "agent_stopped"}
        assert text_of(app.outcome(busy, 1)).startswith("1 2 3")
        assert well(app.get(f"/permissions/{question['permission_id']}"))["state"] == "withdrawn"
        assert app.row(late)["turn_count"] == 1  # its second turn never began
        assert code_of(app.turn(closed, "/echo no")) == (410, "session_closed")
        well(app.post(f"/sessions/{closed}/resume"))
        for session in (idle, asking, late, closed, copy):
            assert app.said(session, "/recall") == "blue"
        assert "mode=plan" in app.said(fresh, "/settings")
        for session in (busy, behind):
            app.said(session, "/remember green")
            assert app.said(session, "/recall").split()[-1] == "green"
        for row in well(app.get("/sessions"))["sessions"]:
            numbers = [event["seq"] for event in app.events(row["session_id"])]
            assert numbers == list(range(1, len(numbers) + 1))


def test_a_server_that_is_told_to_stop_lets_a_turn_end_well(tmp_path: Path) -> None:
    with serving(tmp_path, stop_grace_secs=15) as server:
        app = server.new_app()
        session = app.create()
        replies: list[httpx.Response] = []
        with at_once(lambda: replies.append(app.turn(session, "/stream 40 10"))):
            app.seen(session, "text", 2)
            assert server.thread is not None
            server.thread.loop.call_soon_threadsafe(server.thread._until.set)
        app.http.close()
    assert text_of(well(replies[0])).split()[-1] == "40"
    with serving(tmp_path) as server, app.at(server).http as http:
        app.http = http
        assert app.outcome(session, 1)["state"] == "done"
        app.close_all()
