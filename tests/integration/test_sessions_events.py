"""Events of sessions over HTTP: pages, streams, readers that come back; turns looked at later."""

import json
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from sessions_http import (
    PATIENCE_SECS,
    App,
    Json,
    Server,
    at_once,
    code_of,
    eventually,
    serving,
    text_of,
    well,
)

from clawdforge.gateway.sessions import hub


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with serving(tmp_path_factory.mktemp("events"), sse_heartbeat_secs=0.1) as server:
        yield server


@pytest.fixture
def app(server: Server) -> Iterator[App]:
    with server.app() as app:
        yield app


@pytest.fixture
def session(app: App) -> str:
    """A session with two turns: about a dozen events."""
    session = app.create()
    app.said(session, "/plan")
    app.said(session, "/tool hammer")
    return session


# Pages


def test_events_are_numbered_from_one_without_gaps(app: App, session: str) -> None:
    events = app.events(session)
    assert [event["seq"] for event in events] == list(range(1, len(events) + 1))
    assert events[0]["type"] == "turn_started"
    assert {event["turn"] for event in events} == {1, 2}
    assert app.row(session)["last_seq"] == len(events)


@pytest.mark.parametrize("size", [1, 2, 3, 5, 1000])
def test_pages_of_any_size_are_the_same_events(app: App, session: str, size: int) -> None:
    everything = app.events(session)
    found: list[Json] = []
    after: int | None = 0
    while after is not None:
        params = {"after": after, "limit": size}
        page = well(app.get(f"/sessions/{session}/events", **params))
        assert set(page) == {"events", "next"}
        assert page["events"], "a page was announced that is empty"
        found += page["events"]
        after = page["next"]
    assert found == everything


def test_next_is_null_when_nothing_more_is_stored(app: App, session: str) -> None:
    last = app.row(session)["last_seq"]
    path = f"/sessions/{session}/events"
    assert well(app.get(path, limit=last))["next"] is None
    assert well(app.get(path, limit=last - 1))["next"] == last - 1
    assert well(app.get(path, after=last)) == {"events": [], "next": None}
    assert well(app.get(path, after=last + 100)) == {"events": [], "next": None}


def test_a_new_session_has_no_events(app: App) -> None:
    session = app.create()
    assert app.events(session) == []
    assert app.row(session)["last_seq"] == 0


@pytest.mark.parametrize(
    "params", [{"after": -1}, {"after": "x"}, {"limit": 0}, {"limit": 1001}, {"limit": "all"}]
)
def test_a_page_that_makes_no_sense_is_refused(app: App, params: Json) -> None:
    session = app.create()
    assert code_of(app.get(f"/sessions/{session}/events", **params)) == (422, "invalid_request")


# Streams


def test_a_stream_tells_what_is_stored_and_then_what_comes(app: App, session: str) -> None:
    stored = app.events(session)
    with app.reading(session) as reader:
        events = reader.events()
        assert [next(events) for _ in stored] == stored
        app.said(session, "/echo more")
        fresh = reader.until("turn_ended")
    assert stored + fresh == app.events(session)


def test_the_last_event_id_beats_after(app: App, session: str) -> None:
    with app.reading(session, after=1, Last_Event_ID="4") as reader:
        assert next(reader.events())["seq"] == 5
    with app.reading(session, after=1) as reader:
        assert next(reader.events())["seq"] == 2


def test_a_last_event_id_that_is_no_number_is_refused(app: App, session: str) -> None:
    for text in ("x", "-1", "1.5", "9" * 40):
        reply = app.http.get(
            f"/sessions/{session}/events",
            headers={"Accept": "text/event-stream", "Last-Event-ID": text},
        )
        assert code_of(reply) == (422, "invalid_last_event_id")


def test_a_reader_that_comes_back_after_any_event_misses_and_repeats_nothing(
    app: App, session: str
) -> None:
    app.close(session)
    everything = app.events(session)
    assert everything[-1]["type"] == "session_closed"
    for seq in range(len(everything) + 1):
        with app.reading(session, Last_Event_ID=str(seq)) as reader:
            assert list(reader.events()) == everything[seq:]


def test_readers_that_come_and_go_while_a_turn_runs_see_each_event_once(app: App) -> None:
    session = app.create()
    app.begin(session, "/stream 60 8")
    found: list[Json] = []
    while not found or found[-1]["type"] != "turn_ended":
        with app.reading(session, Last_Event_ID=str(len(found))) as reader:
            events = reader.events()
            for _ in range(3):
                found.append(next(events))
                if found[-1]["type"] == "turn_ended":
                    break
    assert found == app.events(session)
    said = "".join(event["text"] for event in found if event["type"] == "text")
    assert said.split() == [str(number) for number in range(1, 61)]


def test_many_readers_see_the_same(app: App) -> None:
    session = app.create()

    def read() -> list[Json]:
        with app.reading(session) as reader:
            return list(reader.events())

    with at_once(*[read] * 8) as readers:
        app.said(session, "/stream 30 1")
        well(app.close(session))
    everything = app.events(session)
    assert all(reader.result() == everything for reader in readers)


def test_nothing_is_left_of_readers_that_went_away(app: App, server: Server) -> None:
    session = app.create()
    app.said(session, "/echo hi")
    assert server.gateway is not None
    hub = server.gateway.services.hub
    for _ in range(3):
        with app.reading(session) as reader, app.reading(session):
            next(reader.events())
            assert hub.readers == 2
        eventually(lambda: hub.readers == 0)


def test_silence_is_broken_by_heartbeats(app: App) -> None:
    session = app.create()
    with app.reading(session) as reader:
        comments = [frame.comment for frame, _ in zip(reader.frames(), range(4), strict=False)]
    assert comments[1:] == ["heartbeat"] * 3


def test_a_stream_ends_after_session_closed(app: App, session: str) -> None:
    with app.reading(session) as reader, at_once(lambda: app.close(session)):
        assert [event["type"] for event in reader.events()][-1] == "session_closed"


def test_who_has_seen_all_of_a_closed_session_is_told_so_at_once(app: App, session: str) -> None:
    """As browsers do: an EventSource comes back by itself when a stream ends."""
    app.close(session)
    with app.reading(session, Last_Event_ID=str(app.row(session)["last_seq"])) as reader:
        assert list(reader.events()) == []


def test_a_reader_goes_on_through_a_session_that_was_opened_again(app: App, session: str) -> None:
    app.close(session)
    well(app.post(f"/sessions/{session}/resume"))
    with app.reading(session) as reader:
        events = reader.events()
        read = [next(events) for _ in range(app.row(session)["last_seq"])]
        app.said(session, "/echo again")
        read += reader.until("turn_ended")
    assert read == app.events(session)
    assert "session_closed" in {event["type"] for event in read}


def test_another_apps_session_is_not_there_for_readers(server: Server, app: App) -> None:
    session = app.create()
    with server.app() as other:
        for accept in ("application/json", "text/event-stream"):
            reply = other.http.get(f"/sessions/{session}/events", headers={"Accept": accept})
            assert code_of(reply) == (404, "not_found")


def test_a_reader_beyond_the_limit_is_told_so(tmp_path: Path) -> None:
    with serving(tmp_path, max_event_readers=1) as server, server.app() as app:
        session = app.create()
        app.said(session, "/echo hi")
        path = f"/sessions/{session}/events"
        stream = {"Accept": "text/event-stream"}
        with app.reading(session) as reader:
            next(reader.events())
            assert code_of(app.http.get(path, headers=stream)) == (503, "readers_full")
            before = app.row(session)["turn_count"]
            refused = app.post(f"/sessions/{session}/turn", {"prompt": "/echo no"}, **stream)
            assert code_of(refused) == (503, "readers_full")
            assert app.said(session, "/echo yes") == "yes"
            assert app.row(session)["turn_count"] == before + 1, "refused, and begun all the same"

        def free() -> bool:
            with app.http.stream("GET", path, headers=stream) as reply:
                return reply.status_code == 200

        eventually(free)


class SlowReader:
    """A reader with a small buffer, who does not read at first."""

    def __init__(self, app: App, session: str) -> None:
        address = urlsplit(str(app.http.base_url))
        self.socket = socket.socket()
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        self.socket.settimeout(PATIENCE_SECS)
        self.socket.connect((address.hostname, address.port))
        head = (
            f"GET /sessions/{session}/events HTTP/1.1\r\nHost: {address.netloc}\r\n"
            f"Authorization: Bearer {app.token}\r\nAccept: text/event-stream\r\n"
            "Connection: close\r\n\r\n"
        )
        self.socket.sendall(head.encode())

    def rest(self) -> bytes:
        found = b""
        while piece := self.socket.recv(1 << 20):
            found += piece
        return found


def test_a_reader_that_lags_is_told_so_and_comes_back_with_nothing_lost(
    app: App, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hub, "MAX_BEHIND", 200)  # so that it need not be thousands
    session = app.create()
    slow = SlowReader(app, session)
    with slow.socket:
        app.said(session, "/flood 12000000")  # more than the buffers between us hold
        while app.row(session)["last_seq"] < 300:
            app.said(session, "/unknown")
        seen = slow.rest()
    last_words = seen.rindex(b"event: lagged\n")
    after = json.loads(seen[last_words:].split(b"data: ")[1].split(b"\n")[0])["after"]
    numbers = [int(line[4:]) for line in seen.split(b"\n") if line.startswith(b"id: ")]
    assert numbers == list(range(1, after + 1))
    with app.reading(session, Last_Event_ID=str(after)) as reader:
        app.close(session)
        numbers += [event["seq"] for event in reader.events()]
    assert numbers == list(range(1, app.row(session)["last_seq"] + 1))


def test_readers_are_told_that_the_server_stops(tmp_path: Path) -> None:
    frames: list[Any] = []
    with serving(tmp_path) as server:
        app = server.new_app()
        session = app.create()
        app.said(session, "/remember blue")

        def read() -> None:
            with app.reading(session) as reader:
                frames.extend(reader.frames())

        with at_once(read):
            eventually(lambda: any(frame.event == "turn_ended" for frame in frames))
            assert server.thread is not None
            server.thread.loop.call_soon_threadsafe(server.thread._until.set)
    stored = [frame.data for frame in frames if frame.id is not None]
    assert frames[-1].event == "stopping"
    assert frames[-1].id is None
    assert frames[-1].data == {"after": stored[-1]["seq"]}
    app.http.close()
    with serving(tmp_path) as server, app.at(server).http as http:
        app.http = http
        with app.reading(session, Last_Event_ID=str(stored[-1]["seq"])) as reader:
            assert app.said(session, "/recall") == "blue"
            stored += reader.until("turn_ended")
        assert stored == app.events(session)
        app.close_all()


# A turn as a stream, and in the background


def test_a_streamed_turn_is_exactly_that_turn(app: App, session: str) -> None:
    with app.streaming(session, "/think deep") as reader:
        assert reader.response.headers["content-type"].startswith("text/event-stream")
        assert reader.response.headers["x-turn-index"] == "3"
        events = list(reader.events())
    assert {event["turn"] for event in events} == {3}
    assert [events[0]["type"], events[-1]["type"]] == ["turn_started", "turn_ended"]
    assert events == [event for event in app.events(session) if event["turn"] == 3]


def test_a_streamed_turn_comes_while_it_runs(app: App) -> None:
    session = app.create()
    with app.streaming(session, "/hang") as reader:
        assert next(reader.events())["type"] == "turn_started"
        assert app.row(session)["state"] == "running"
        assert app.cancel(session)["cancelled"]
        assert reader.until("turn_ended")[-1]["state"] == "cancelled"


def test_a_streamed_turn_that_fails_is_a_stream_that_says_so(app: App) -> None:
    session = app.create()
    with app.streaming(session, "/fail no luck") as reader:
        end = list(reader.events())[-1]
    assert (end["type"], end["state"], end["error"]) == ("turn_ended", "failed", "no luck")


def test_a_turn_goes_on_when_its_reader_hangs_up(app: App) -> None:
    session = app.create()
    with app.streaming(session, "/stream 20 10") as reader:
        next(reader.events())
    assert text_of(app.outcome(session, 1)).split()[-1] == "20"


def test_a_turn_that_is_not_waited_for_is_accepted_with_its_address(app: App) -> None:
    session = app.create()
    reply = app.turn(session, "/stream 10 5", wait=False)
    url = f"/sessions/{session}/turns/1"
    assert reply.status_code == 202
    assert reply.headers["location"] == url
    assert reply.json() == {
        "ok": True,
        "session_id": session,
        "turn_index": 1,
        "state": "running",
        "url": url,
    }
    running = well(app.get(url))
    assert (running["ok"], running["state"], running["ended_at"]) == (None, "running", None)
    done = app.outcome(session, 1)
    assert (done["ok"], done["state"], done["stop_reason"]) == (True, "done", "end_turn")
    assert text_of(done) == " ".join(str(number) for number in range(1, 11))
    assert (done["origin"], done["prompt_bytes"], done["file_count"]) == ("user", 12, 0)
    assert done["first_seq"] == 1
    assert done["last_seq"] == app.row(session)["last_seq"]


def test_a_turns_answer_is_what_can_be_read_later(app: App) -> None:
    session = app.create()
    for prompt in ("/echo hi", "/think hm", "/tool saw", "/plan", "/unknown", "/usage"):
        reply = well(app.turn(session, prompt))
        later = well(app.get(f"/sessions/{session}/turns/{reply['turn_index']}"))
        for key in ("ok", "session_id", "turn_index", "events", "stop_reason", "duration_ms"):
            assert reply[key] == later[key], prompt
        assert set(reply) == {
            *("ok", "session_id", "turn_index", "events", "stop_reason", "duration_ms")
        }


def test_a_failed_turn_is_502_and_can_be_read_later(app: App) -> None:
    session = app.create()
    reply = app.turn(session, "/fail no luck")
    assert reply.status_code == 502
    body = reply.json()
    assert set(body) == {"ok", "error", "stderr", "stop_reason", "duration_ms", "session_id"}
    assert (body["ok"], body["error"], body["stop_reason"]) == (False, "no luck", "error")
    later = well(app.get(f"/sessions/{session}/turns/1"))
    assert (later["ok"], later["state"], later["error"]) == (False, "failed", "no luck")
    assert app.said(session, "/echo on") == "on"


def test_turns_come_in_pages_newest_first(app: App) -> None:
    session = app.create()
    for number in range(1, 6):
        app.said(session, f"/echo {number}")
    path = f"/sessions/{session}/turns"
    numbers, before = list[int](), None
    sizes = []
    while True:
        more: Json = {} if before is None else {"before": before}
        page = well(app.get(path, limit=2, **more))
        assert page["count"] == len(page["turns"])
        assert all("events" not in turn for turn in page["turns"])
        numbers += [turn["turn_index"] for turn in page["turns"]]
        sizes.append(page["count"])
        if (before := page["next"]) is None:
            break
    assert numbers == [5, 4, 3, 2, 1]
    assert sizes == [2, 2, 1]
    assert well(app.get(path, limit=5))["next"] is None
    assert code_of(app.get(f"{path}/6")) == (404, "not_found")
    assert code_of(app.get(f"{path}/0")) == (422, "invalid_request")


def test_sessions_come_in_pages_newest_first(app: App) -> None:
    made = [app.create(meta={"number": number}) for number in range(5)]
    well(app.close(made[2]))
    found: list[str] = []
    before: Json = {}
    sizes = []
    while True:
        page = well(app.get("/sessions", limit=2, **before))
        found += [row["session_id"] for row in page["sessions"]]
        sizes.append(page["count"])
        if page["next"] is None:
            break
        before = {"before": page["next"]}
    assert found == made[::-1]
    assert sizes == [2, 2, 1]
    assert well(app.get("/sessions", limit=5))["next"] is None
    everything = well(app.get("/sessions"))
    assert (everything["count"], everything["next"]) == (5, None)
    open_ones = well(app.get("/sessions", include_closed=False))["sessions"]
    assert {row["session_id"] for row in open_ones} == set(made) - {made[2]}
    assert code_of(app.get("/sessions", before="x")) == (422, "invalid_cursor")


# What an agent does by itself, and strange agents


def test_what_an_agent_says_unasked_is_a_turn_of_its_own(app: App) -> None:
    session = app.create()
    app.said(session, "/background 0.05 the build is done")
    (_, own) = app.seen(session, "turn_started", 2)
    assert (own["turn"], own["origin"]) == (2, "agent")
    app.seen(session, "text", 2)
    assert app.said(session, "/echo and on") == "and on"
    told = app.outcome(session, 2)
    assert (told["origin"], text_of(told)) == ("agent", "the build is done")


def test_a_reply_in_any_script_goes_through_unharmed(app: App) -> None:
    session = app.create()
    text = 'Grüße 你好 🦀 \x7f "quoted" \\n end'
    with app.streaming(session, f"/echo {text}") as reader:
        events = list(reader.events())
    said = "".join(event["text"] for event in events if event["type"] == "text")
    assert said.endswith("end")
    assert text_of(app.outcome(session, 1)) == said
    assert said == text
