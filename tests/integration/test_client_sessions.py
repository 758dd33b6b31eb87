"""Sessions in both clients, over real sockets, against a small server that plays a part."""

import asyncio
import contextlib
import gc
import inspect
import json
import re
import threading
from collections.abc import Awaitable, Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from clawdforge.client import (
    Answer,
    ApiError,
    AsyncClient,
    BusyError,
    Client,
    ClosedError,
    ClosedSession,
    ConflictError,
    GoneError,
    NotFoundError,
    Policy,
    ProtocolError,
    RequestError,
    RunFailure,
    TransportError,
    TurnFailure,
    TurnResult,
    Workspace,
    events,
)

TOKEN = "cf_app-token-0123456789"
MADE = {"ok": True, "session_id": "s-1", "agent": "demo", "created_at": 7, "model": None}
ROW = {
    "ok": True,
    "session_id": "s-1",
    "app_name": "app",
    "agent": "demo",
    "model": None,
    "created_at": 7,
    "turn_count": 1,
    "last_turn_at": 8,
    "closed_at": None,
    "live": True,
    "meta": {"a": 1},
    "state": "idle",
    "turn": None,
    "options": {"permissions": "ask"},
    "forked_from": None,
    "last_seq": 4,
    "usage": {"input_tokens": 5, "context_used": None},
    "pending_permissions": 0,
}
TURN = {
    "ok": True,
    "session_id": "s-1",
    "turn_index": 1,
    "events": [
        {"type": "thinking", "content": "hm"},
        {"type": "text", "content": "Hel"},
        {"type": "tool_call", "name": "Bash", "args": {}, "result": "x"},
        {"type": "text", "content": None},
        {"type": "text", "content": "lo."},
        {"type": "text"},
    ],
    "stop_reason": "end_turn",
    "duration_ms": 12,
}
FAILED = {
    "ok": False,
    "error": "demo exit 1",
    "stderr": "last words",
    "stop_reason": "error",
    "duration_ms": 3,
    "session_id": "s-1",
}
TURN_ROW = {
    **TURN,
    "origin": "user",
    "state": "done",
    "started_at": 7,
    "ended_at": 8,
    "usage": {"output_tokens": 5},
    "stderr": "",
}
PERMISSION = {
    "permission_id": "p-1",
    "session_id": "s-1",
    "turn": 1,
    "state": "pending",
    "asked_at": 7,
    "expires_at": 67,
    "answered_at": None,
    "answered_by": None,
    "tool": "Bash",
    "kind": "execute",
    "title": "touch x",
    "args": {"command": "touch x"},
    "paths": [],
    "options": [{"option_id": "o1", "kind": "allow_once", "name": "Yes"}],
    "answer": None,
}


def event(seq: int, kind: str = "text", turn: int = 1, **body: Any) -> dict[str, Any]:
    if kind == "text":
        body = {"text": str(seq), **body}
    return {"seq": seq, "turn": turn, "at": 7, "type": kind, **body}


ASK = event(2, "permission_request", permission_id="p-1", tool="Bash", title="touch x")
STORY = [event(1, "turn_started"), *map(event, range(2, 9)), event(9, "turn_ended", state="done")]


class Stage(ThreadingHTTPServer):
    """A real server; `parts` says what it does for each method and path."""

    daemon_threads = False

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Exchange)
        self.parts: dict[str, Callable[[Exchange], None]] = {}
        self.seen: list[str] = []
        self.bodies: list[Any] = []
        self.headers: list[dict[str, str]] = []
        self.over = threading.Event()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Clients go away in these tests: that is no news."""

    def on(self, what: str, value: Any, status: int = 200, **headers: str) -> None:
        self.parts[what] = lambda exchange: exchange.reply(value, status, headers)


class Exchange(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Stage
    timeout = 10

    def do_GET(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        what = f"{self.command} {self.path}"
        self.server.seen.append(what)
        self.server.bodies.append(json.loads(body) if body else None)
        self.server.headers.append({k.lower(): v for k, v in self.headers.items()})
        for pattern, part in self.server.parts.items():
            if re.fullmatch(pattern, what):
                return part(self)
        return self.reply({"detail": "no such thing"}, 404)

    do_POST = do_PATCH = do_DELETE = do_GET  # noqa: N815 - the names http.server looks for

    def log_message(self, *_: Any) -> None:
        pass

    def reply(self, value: Any, status: int = 200, headers: dict[str, str] | None = None) -> None:
        body = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("content-length", str(len(body)))
        for name, text in (headers or {}).items():
            self.send_header(name.replace("_", "-"), text)
        self.end_headers()
        self.wfile.write(body)

    def begin_stream(self, **headers: str) -> None:
        self.send_response(200)
        self.send_header("content-type", "text/event-stream; charset=utf-8")
        self.send_header("transfer-encoding", "chunked")
        for name, text in headers.items():
            self.send_header(name.replace("_", "-"), text)
        self.end_headers()

    def say(self, *told: dict[str, Any]) -> None:
        for each in told:
            self.chunk(f"id: {each['seq']}\ndata: {json.dumps(each)}\n\n".encode())

    def chunk(self, data: bytes) -> None:
        self.wfile.write(f"{len(data):x}\r\n".encode() + data + b"\r\n")

    def end_stream(self) -> None:
        self.wfile.write(b"0\r\n\r\n")

    def hang_up(self) -> None:
        self.close_connection = True


@pytest.fixture
def stage() -> Iterator[Stage]:
    with Stage() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        server.on("POST /sessions", MADE)
        server.on("DELETE /sessions/s-1", {"ok": True, "already_closed": False})
        server.on("POST /sessions/s-1/turn", TURN)
        server.on("GET /sessions/s-1/turns/1", TURN_ROW)
        yield server
        server.over.set()
        server.shutdown()
        thread.join()


Flow = Callable[[Any], Awaitable[Any]]
Play = Callable[[str, Flow], Any]


@pytest.fixture(params=["blocking", "asynchronous"])
def play(request: pytest.FixtureRequest) -> Play:
    """Run one story with either client."""

    def played(url: str, flow: Flow) -> Any:
        async def told() -> Any:
            if request.param == "blocking":
                with Client(url, TOKEN, environ={}, timeout_secs=5) as client:
                    return await flow(client)
            async with AsyncClient(url, TOKEN, environ={}, timeout_secs=5) as awaited:
                return await flow(awaited)

        return asyncio.run(told())

    return played


async def of(value: Any) -> Any:
    """The value of a call, of either client."""
    return await value if inspect.isawaitable(value) else value


async def every(stream: Any) -> list[events.Event]:
    if hasattr(stream, "__aiter__"):
        return [found async for found in stream]
    return list(stream)


async def first(stream: Any) -> events.Event:
    found = await anext(stream) if hasattr(stream, "__anext__") else next(stream)
    assert isinstance(found, events.Event)
    return found


@contextlib.asynccontextmanager
async def inside(thing: Any) -> Any:
    if hasattr(thing, "__aenter__"):
        async with thing as entered:
            yield entered
    else:
        with thing as entered:
            yield entered


def seqs(found: list[events.Event]) -> list[int]:
    return [each.seq for each in found]


# --- making, finding, closing -----------------------------------------------------------------


def test_a_session_is_made_used_and_closed(stage: Stage, play: Play) -> None:
    async def flow(client: Any) -> TurnResult:
        async with inside(await of(client.create_session())) as session:
            assert (session.id, session.agent, session.closed) == ("s-1", "demo", False)
            result = await of(session.turn("hi"))
        assert session.closed
        return result  # type: ignore[no-any-return]

    result = play(stage.url, flow)
    assert result.text() == "Hello."
    assert (result.turn_index, result.stop_reason, result.duration_ms) == (1, "end_turn", 12)
    assert result.events == tuple(TURN["events"])  # type: ignore[arg-type]
    assert not result.cancelled
    assert stage.seen == ["POST /sessions", "POST /sessions/s-1/turn", "DELETE /sessions/s-1"]
    assert stage.bodies == [{}, {"prompt": "hi"}, None]
    assert all(each["authorization"] == f"Bearer {TOKEN}" for each in stage.headers)
    assert "idempotency-key" not in stage.headers[1]


def test_everything_that_a_session_can_be_made_with(stage: Stage, play: Play) -> None:
    async def flow(client: Any) -> None:
        await of(
            client.create_session(
                agent="claude",
                meta={"a": [1]},
                model="opus",
                system="Be brief.",
                system_mode="replace",
                effort="max",
                mode="plan",
                permissions={"mode": "ask", "rules": [{"tool": "Bash*", "action": "deny"}]},
                workspace=Workspace(git="/repo", ref="main", worktree=True),
                mcp_servers=["files"],
                secrets=["key"],
                idempotency_key="k-1",
            )
        )
        await of(client.create_session(permissions=Policy(mode="ask", timeout_secs=5), model=""))

    play(stage.url, flow)
    assert stage.bodies[0] == {
        "agent": "claude",
        "meta": {"a": [1]},
        "model": "opus",
        "system": "Be brief.",
        "system_mode": "replace",
        "effort": "max",
        "mode": "plan",
        "permissions": {"mode": "ask", "rules": [{"tool": "Bash*", "action": "deny"}]},
        "workspace": {"git": "/repo", "ref": "main", "worktree": True},
        "mcp_servers": ["files"],
        "secrets": ["key"],
    }
    assert stage.headers[0]["idempotency-key"] == "k-1"
    assert stage.bodies[1] == {"permissions": {"mode": "ask", "timeout_secs": 5}}


@pytest.mark.parametrize(
    "wrong",
    [
        {"agent": "-rf"},
        {"model": "--x"},
        {"meta": [1]},
        {"meta": {"a": NotImplemented}},
        {"permissions": "yes"},
        {"permissions": {"mode": "ask", "rulez": []}},
        {"workspace": {"git": ""}},
        {"workspace": {"path": "/x"}},
        {"effort": "extreme"},
        {"mcp_servers": "files"},
        {"secrets": "key"},
        {"idempotency_key": "a b"},
        {"idempotency_key": ""},
        {"idempotency_key": "x" * 201},
        {"idempotency_key": "ä"},
    ],
    ids=str,
)
def test_what_cannot_be_right_is_not_sent(stage: Stage, play: Play, wrong: dict[str, Any]) -> None:
    async def flow(client: Any) -> None:
        with pytest.raises(RequestError):
            await of(client.create_session(**wrong))

    play(stage.url, flow)
    assert stage.seen == []


@pytest.mark.parametrize("name", ["", "a/b", "..", "a?b", "a%2fb", "a\n", "ä", 7, None, "x" * 129])
def test_ids_cannot_change_the_path(stage: Stage, play: Play, name: Any) -> None:
    async def flow(client: Any) -> None:
        calls: tuple[Callable[[], Any], ...] = (
            lambda: client.session(name),
            lambda: client.get_session(name),
            lambda: client.get_permission(name),
            lambda: client.answer_permission(name, allow=True),
        )
        for call in calls:
            with pytest.raises(RequestError):
                await of(call())

    play(stage.url, flow)
    assert stage.seen == []


def test_sessions_are_listed_and_looked_at(stage: Stage, play: Play) -> None:
    stage.on(r"GET /sessions\?.*", {"sessions": [ROW], "count": 1, "next": "7-s-1"})
    stage.on("GET /sessions/s-1", ROW | {"new": 1})

    async def flow(client: Any) -> None:
        page = await of(client.list_sessions(include_closed=False, limit=5, before="9-x"))
        assert (page.count, page.next, page.sessions[0].session_id) == (1, "7-s-1", "s-1")
        for row in (await of(client.get_session("s-1")), await of(client.session("s-1").state())):
            assert (row.turn_count, row.live, row.state, row.meta) == (1, True, "idle", {"a": 1})
            assert (row.usage.input_tokens, row.last_seq) == (5, 4)
        await of(client.list_sessions())

    play(stage.url, flow)
    assert stage.seen[0] == "GET /sessions?include_closed=false&limit=5&before=9-x"
    assert stage.seen[-1] == "GET /sessions?include_closed=true"


def test_a_server_of_0_2_is_understood(stage: Stage, play: Play) -> None:
    old = ("session_id", "agent", "created_at", "turn_count", "last_turn_at", "closed_at")
    row = {key: ROW[key] for key in (*old, "live", "meta")}
    stage.on("GET /sessions/s-1", row)

    async def flow(client: Any) -> None:
        info = await of(client.get_session("s-1"))
        assert (info.state, info.model, info.usage.cost_microusd) == (None, None, None)

    play(stage.url, flow)


def test_closing_again_sends_nothing(stage: Stage, play: Play) -> None:
    async def flow(client: Any) -> None:
        session = client.session("s-1")
        for _ in range(3):
            await of(session.close())

    play(stage.url, flow)
    assert stage.seen == ["DELETE /sessions/s-1"]


def test_a_close_that_failed_may_be_tried_again(stage: Stage, play: Play) -> None:
    stage.parts["DELETE /sessions/s-1"] = Exchange.hang_up

    async def flow(client: Any) -> None:
        session = client.session("s-1")
        with pytest.raises(TransportError):
            await of(session.close())
        assert not session.closed
        stage.on("DELETE /sessions/s-1", {"ok": True, "already_closed": True})
        await of(session.close())
        await of(session.close())

    play(stage.url, flow)
    assert stage.seen == ["DELETE /sessions/s-1"] * 2


def test_a_close_that_fails_does_not_hide_what_went_wrong_before(stage: Stage, play: Play) -> None:
    stage.on("DELETE /sessions/s-1", {"detail": "no"}, 500)

    async def flow(client: Any) -> None:
        with pytest.raises(ZeroDivisionError):
            async with inside(client.session("s-1")):
                raise ZeroDivisionError
        with pytest.raises(ApiError):
            async with inside(client.session("s-1")):
                pass

    play(stage.url, flow)


def test_a_closed_session_is_not_used_any_more(stage: Stage, play: Play) -> None:
    async def flow(client: Any) -> None:
        session = client.session("s-1")
        await of(session.close())
        calls: tuple[Callable[[], Any], ...] = (
            lambda: session.turn("hi"),
            lambda: session.turn("hi", on_permission=lambda _: True),
            lambda: session.stream("hi"),
            lambda: session.cancel(),
            lambda: session.set(model="opus"),
        )
        for call in calls:
            with pytest.raises(ClosedSession) as caught:
                await of(call())
            assert isinstance(caught.value, ClosedError)

    play(stage.url, flow)
    assert stage.seen == ["DELETE /sessions/s-1"]


def test_a_closed_session_can_be_read_and_resumed(stage: Stage, play: Play) -> None:
    stage.on("GET /sessions/s-1", ROW | {"closed_at": 9, "state": "closed"})
    stage.on("POST /sessions/s-1/resume", ROW)

    async def flow(client: Any) -> None:
        session = client.session("s-1")
        await of(session.close())
        assert (await of(session.state())).state == "closed"
        assert (await of(session.resume())).state == "idle"
        assert not session.closed
        assert (await of(session.turn("hi"))).text() == "Hello."

    play(stage.url, flow)


def test_a_closed_client_sends_nothing(stage: Stage, play: Play) -> None:
    async def flow(client: Any) -> None:
        session = client.session("s-1")
        await of(client.close())
        calls: tuple[Callable[[], Any], ...] = (
            lambda: session.turn("hi"),
            lambda: session.state(),
            lambda: every(session.events()),
            lambda: every(session.stream("hi")),
        )
        for call in calls:
            with pytest.raises(ClosedError):
                await of(call())

    play(stage.url, flow)
    assert stage.seen == []


# --- turns ------------------------------------------------------------------------------------


def test_everything_that_a_turn_can_be_asked_with(stage: Stage, play: Play) -> None:
    async def flow(client: Any) -> None:
        session = client.session("s-1")
        files = (name for name in ["ff_a", "ff_b"])
        await of(session.turn("hi", files=files, timeout_secs=5, idempotency_key="k-1"))

    play(stage.url, flow)
    assert stage.bodies == [{"prompt": "hi", "files": ["ff_a", "ff_b"], "timeout_secs": 5}]
    assert stage.headers[0]["idempotency-key"] == "k-1"
    assert stage.headers[0]["accept"] == "application/json"


@pytest.mark.parametrize("prompt", ["", " \n", None, 7])
def test_a_blank_prompt_is_refused_here(stage: Stage, play: Play, prompt: Any) -> None:
    async def flow(client: Any) -> None:
        session = client.session("s-1")
        calls: tuple[Callable[[], Any], ...] = (
            lambda: session.turn(prompt),
            lambda: session.turn(prompt, on_permission=lambda _: True),
            lambda: session.stream(prompt),
        )
        for call in calls:
            with pytest.raises(RequestError, match="blank"):
                await of(call())

    play(stage.url, flow)
    assert stage.seen == []


def test_a_failed_turn_tells_all_about_it(stage: Stage, play: Play) -> None:
    stage.on("POST /sessions/s-1/turn", FAILED, 502, x_turn_index="3")

    async def flow(client: Any) -> None:
        session = client.session("s-1")
        with pytest.raises(TurnFailure, match="demo exit 1") as caught:
            await of(session.turn("hi"))
        error = caught.value
        assert isinstance(error, RunFailure)
        assert (error.error, error.stderr, error.stop_reason) == (
            "demo exit 1",
            "last words",
            "error",
        )
        assert (error.session_id, error.turn_index, error.duration_ms) == ("s-1", 3, 3)
        stage.on("POST /sessions/s-1/turn", TURN)
        await of(session.turn("again"))

    play(stage.url, flow)


@pytest.mark.parametrize(
    ("status", "code", "kind"),
    [
        (404, "not_found", NotFoundError),
        (410, "session_closed", GoneError),
        (410, "session_closed", ClosedSession),
        (409, "idempotency_running", ConflictError),
        (422, "idempotency_mismatch", ApiError),
        (429, "inbox_full", BusyError),
        (503, "line_full", BusyError),
    ],
)
def test_what_the_server_refuses(
    stage: Stage, play: Play, status: int, code: str, kind: type[ApiError]
) -> None:
    body = {"ok": False, "error": {"code": code, "message": "No."}, "detail": "No."}
    stage.on("POST /sessions/s-1/turn", body, status, retry_after="7")

    async def flow(client: Any) -> None:
        session = client.session("s-1")
        for call in (lambda: session.turn("hi"), lambda: every(session.stream("hi"))):
            with pytest.raises(kind) as caught:
                await of(call())
            assert (caught.value.status, caught.value.code) == (status, code)
            if isinstance(caught.value, BusyError):
                assert caught.value.retry_after_secs == 7

    play(stage.url, flow)
    assert len(stage.seen) == 2


@pytest.mark.parametrize(
    "content", [{}, [], {"ok": True}, TURN | {"events": None}, TURN | {"ok": 1}]
)
def test_nonsense_is_a_protocol_error(stage: Stage, play: Play, content: Any) -> None:
    stage.on("POST /sessions/s-1/turn", content)

    async def flow(client: Any) -> None:
        with pytest.raises(ProtocolError):
            await of(client.session("s-1").turn("hi"))

    play(stage.url, flow)


def test_one_turn_at_a_time(stage: Stage) -> None:
    begun, go_on = threading.Event(), threading.Event()

    def slowly(exchange: Exchange) -> None:
        begun.set()
        assert go_on.wait(10)
        exchange.reply(TURN)

    stage.parts["POST /sessions/s-1/turn"] = slowly
    stage.on("POST /sessions/s-1/cancel", {"ok": True, "cancelled": True, "turn_index": 1})
    with Client(stage.url, TOKEN, environ={}) as client:
        session = client.session("s-1")
        thread = threading.Thread(target=session.turn, args=("hi",))
        thread.start()
        assert begun.wait(10)
        calls: tuple[Callable[[], Any], ...] = (
            lambda: session.turn("b"),
            lambda: list(session.stream("b")),
        )
        for call in calls:
            with pytest.raises(RequestError, match="under way") as caught:
                call()
            assert caught.value.code == "turn_running"
        assert session.cancel().turn_index == 1
        go_on.set()
        thread.join()
        session.turn("c")
    assert stage.seen.count("POST /sessions/s-1/turn") == 2


def test_other_things_that_a_session_can_do(stage: Stage, play: Play) -> None:
    stage.on("POST /sessions/s-1/cancel", {"ok": True, "cancelled": False, "turn_index": None})
    stage.on("PATCH /sessions/s-1", ROW | {"model": "opus"})
    stage.on("POST /sessions/s-1/fork", MADE | {"session_id": "s-2"})
    stage.on(r"GET /sessions/s-1/turns(\?.*)?", {"turns": [TURN_ROW], "count": 1, "next": 1})
    stage.on(r"GET /sessions/s-1/events\?.*", {"events": STORY[:2], "next": 2})

    async def flow(client: Any) -> None:
        session = client.session("s-1")
        assert not (await of(session.cancel())).cancelled
        assert (await of(session.set(model="opus", system=""))).model == "opus"
        with pytest.raises(RequestError, match="nothing"):
            await of(session.set())
        assert (await of(session.fork(meta={"a": 1}))).id == "s-2"
        assert (await of(session.turns(limit=2, before=9))).turns[0].usage.output_tokens == 5
        assert (await of(session.get_turn(1))).events[0]["type"] == "thinking"
        page = await of(session.event_page(7, limit=2))
        assert (seqs(list(page.events)), page.next) == ([1, 2], 2)
        with pytest.raises(RequestError):
            await of(session.get_turn(0))
        with pytest.raises(RequestError):
            await of(session.event_page(-1))

    play(stage.url, flow)
    assert stage.seen == [
        "POST /sessions/s-1/cancel",
        "PATCH /sessions/s-1",
        "POST /sessions/s-1/fork",
        "GET /sessions/s-1/turns?limit=2&before=9",
        "GET /sessions/s-1/turns/1",
        "GET /sessions/s-1/events?after=7&limit=2",
    ]
    assert stage.bodies[1] == {"model": "opus", "system": ""}
    assert stage.bodies[2] == {"meta": {"a": 1}}


def test_a_turn_is_started_and_left_to_itself(stage: Stage, play: Play) -> None:
    url = "/sessions/s-1/turns/3"
    begun = {"ok": True, "session_id": "s-1", "turn_index": 3, "state": "running", "url": url}
    stage.on("POST /sessions/s-1/turn", begun, 202)

    async def flow(client: Any) -> None:
        session = client.session("s-1")
        started = await of(session.start_turn("hi", timeout_secs=9))
        assert (started.turn_index, started.url) == (3, url)
        with pytest.raises(RequestError):
            await of(session.start_turn(" "))

    play(stage.url, flow)
    assert stage.bodies[0] == {"prompt": "hi", "timeout_secs": 9, "wait": False}


# --- streams ----------------------------------------------------------------------------------


def streamed(*told: dict[str, Any]) -> Callable[[Exchange], None]:
    def part(exchange: Exchange) -> None:
        exchange.begin_stream()
        exchange.chunk(b": connected\n\n")
        exchange.say(*told)
        exchange.end_stream()

    return part


def test_a_turn_is_seen_while_it_runs(stage: Stage, play: Play) -> None:
    stage.parts["POST /sessions/s-1/turn"] = streamed(*STORY)

    async def flow(client: Any) -> None:
        stream = client.session("s-1").stream("hi")
        assert stage.seen == []
        found = await every(stream)
        assert seqs(found) == list(range(1, 10))
        assert isinstance(found[1], events.Text)
        assert (stream.turn_index, stream.ended.state, stream.after) == (1, "done", 9)
        assert (await of(stream.result())).text() == "Hello."
        assert await every(stream) == []

    play(stage.url, flow)
    assert stage.headers[0]["accept"] == "text/event-stream"
    assert stage.headers[0]["idempotency-key"]
    assert stage.seen == ["POST /sessions/s-1/turn", "GET /sessions/s-1/turns/1"]


def test_the_result_of_a_stream_that_failed_is_an_error(stage: Stage, play: Play) -> None:
    end = event(2, "turn_ended", state="failed", error="demo exit 1", stop_reason="error")
    stage.parts["POST /sessions/s-1/turn"] = streamed(event(1, "turn_started"), end)
    row = {**TURN_ROW, "ok": False, "state": "failed", "error": "demo exit 1", "stderr": "words"}
    stage.on("GET /sessions/s-1/turns/1", row)

    async def flow(client: Any) -> None:
        stream = client.session("s-1").stream("hi")
        with pytest.raises(TurnFailure, match="demo exit 1") as caught:
            await of(stream.result())
        assert (caught.value.stderr, caught.value.turn_index) == ("words", 1)
        assert stream.ended.state == "failed"

    play(stage.url, flow)


def cut(exchange: Exchange) -> None:
    exchange.hang_up()


def ended(exchange: Exchange) -> None:
    exchange.end_stream()


def lagged(exchange: Exchange) -> None:
    exchange.chunk(b'event: lagged\ndata: {"after": 1}\n\n')
    exchange.end_stream()


def half_an_event(exchange: Exchange) -> None:
    exchange.chunk(b'id: 9\ndata: {"seq": ')
    exchange.hang_up()


def reset(exchange: Exchange) -> None:
    exchange.wfile.write(b"zz\r\n")
    exchange.hang_up()


def stopping(exchange: Exchange) -> None:
    exchange.chunk(b"event: stopping\ndata: {}\n\n")
    exchange.end_stream()


def silent(exchange: Exchange) -> None:
    exchange.server.over.wait(10)
    exchange.hang_up()


BREAKS = [cut, ended, lagged, half_an_event, reset, stopping, silent]


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("clawdforge.client.target.SILENCE_SECS", 0.2)
    monkeypatch.setattr("clawdforge.client.following.PATIENCE_SECS", 1.0)


def in_pieces(stage: Stage, story: list[dict[str, Any]], how: Callable[[Exchange], None]) -> None:
    """Two events a connection, then it breaks."""

    def part(exchange: Exchange) -> None:
        after = int(exchange.headers.get("last-event-id", 0))
        left = [each for each in story if each["seq"] > after]
        exchange.begin_stream()
        exchange.say(*left[:2])
        if len(left) > 2:
            how(exchange)
        else:
            exchange.end_stream()

    stage.parts["POST /sessions/s-1/turn"] = part
    stage.parts[r"GET /sessions/s-1/events\?.*"] = part


@pytest.mark.parametrize("how", BREAKS)
@pytest.mark.usefixtures("impatient")
def test_a_stream_goes_on_where_it_broke_off(
    stage: Stage, play: Play, how: Callable[[Exchange], None]
) -> None:
    in_pieces(stage, STORY, how)

    async def flow(client: Any) -> None:
        assert seqs(await every(client.session("s-1").stream("hi"))) == list(range(1, 10))

    play(stage.url, flow)
    assert stage.seen == [
        "POST /sessions/s-1/turn",
        *(f"GET /sessions/s-1/events?after={seq}" for seq in (2, 4, 6, 8)),
    ]


@pytest.mark.parametrize("how", BREAKS)
@pytest.mark.usefixtures("impatient")
def test_events_go_on_where_they_broke_off_until_the_session_is_closed(
    stage: Stage, play: Play, how: Callable[[Exchange], None]
) -> None:
    in_pieces(stage, [*STORY[:-1], event(9, "session_closed", 0)], how)

    async def flow(client: Any) -> None:
        assert seqs(await every(client.session("s-1").events(after=1))) == list(range(2, 10))

    play(stage.url, flow)
    assert [each["last-event-id"] for each in stage.headers] == ["1", "3", "5", "7"]


def test_a_server_that_starts_again_is_waited_for(stage: Stage, play: Play) -> None:
    in_pieces(stage, STORY, stopping)
    begun = stage.parts[r"GET /sessions/s-1/events\?.*"]
    refusals = iter([503])

    def busy(exchange: Exchange) -> None:
        status = next(refusals, None)
        if status is None:
            return begun(exchange)
        return exchange.reply({"error": {"code": "stopping", "message": "x"}}, status)

    stage.parts[r"GET /sessions/s-1/events\?.*"] = busy

    async def flow(client: Any) -> None:
        assert seqs(await every(client.session("s-1").stream("hi"))) == list(range(1, 10))

    play(stage.url, flow)


@pytest.mark.usefixtures("impatient")
def test_a_server_that_is_gone_is_given_up(
    stage: Stage, play: Play, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("clawdforge.client.following.PATIENCE_SECS", 0.3)
    in_pieces(stage, STORY, cut)
    stage.parts[r"GET /sessions/s-1/events\?.*"] = cut

    async def flow(client: Any) -> None:
        session = client.session("s-1")
        stream = session.stream("hi")
        with pytest.raises(TransportError, match=r"Session\.events\(after=2\)"):
            await every(stream)
        assert await every(stream) == []
        in_pieces(stage, STORY, cut)
        await every(session.stream("again"))

    play(stage.url, flow)


def test_a_stream_that_never_began_is_not_tried_again(stage: Stage, play: Play) -> None:
    stage.parts["POST /sessions/s-1/turn"] = cut

    async def flow(client: Any) -> None:
        with pytest.raises(TransportError, match="broke"):
            await every(client.session("s-1").stream("hi"))

    play(stage.url, flow)
    assert stage.seen == ["POST /sessions/s-1/turn"]


def test_a_turn_that_was_carried_out_before_is_told_from_the_ledger(
    stage: Stage, play: Play
) -> None:
    stage.parts[r"GET /sessions/s-1/events\?.*"] = streamed(*STORY)

    async def flow(client: Any) -> None:
        found = await every(client.session("s-1").stream("hi", idempotency_key="k-1"))
        assert seqs(found) == list(range(1, 10))

    play(stage.url, flow)
    assert stage.headers[0]["idempotency-key"] == "k-1"


def test_a_stream_that_is_no_stream_is_a_protocol_error(stage: Stage, play: Play) -> None:
    stage.on(r"GET /sessions/s-1/events\?.*", {"events": [], "next": None})

    async def flow(client: Any) -> None:
        with pytest.raises(ProtocolError, match="stream of events was expected"):
            await every(client.session("s-1").events())

    play(stage.url, flow)


def test_nonsense_in_a_stream_is_a_protocol_error(stage: Stage, play: Play) -> None:
    def part(exchange: Exchange) -> None:
        exchange.begin_stream()
        exchange.chunk(b"data: nonsense\n\n")
        exchange.server.over.wait(10)
        exchange.end_stream()

    stage.parts["POST /sessions/s-1/turn"] = part

    async def flow(client: Any) -> None:
        session = client.session("s-1")
        with pytest.raises(ProtocolError):
            await every(session.stream("hi"))
        stage.on("POST /sessions/s-1/turn", TURN)
        await of(session.turn("the place is free"))

    play(stage.url, flow)


def endless(exchange: Exchange) -> None:
    exchange.begin_stream()
    seq = 1
    with contextlib.suppress(OSError):
        while not exchange.server.over.wait(0.005):
            exchange.say(event(seq))
            seq += 1
    exchange.hang_up()


def test_leaving_a_stream_hangs_up_and_frees_the_place(stage: Stage, play: Play) -> None:
    stage.parts["POST /sessions/s-1/turn"] = endless

    async def flow(client: Any) -> None:
        session = client.session("s-1")
        async with inside(session.stream("hi")) as stream:
            assert (await first(stream)).seq == 1
            with pytest.raises(RequestError, match="under way"):
                await of(session.turn("b"))
        assert await every(stream) == []
        with pytest.raises(RequestError, match="closed before its turn ended"):
            await of(stream.result())
        stage.on("POST /sessions/s-1/turn", TURN)
        await of(session.turn("b"))

    play(stage.url, flow)


def test_a_stream_that_is_forgotten_frees_the_place(stage: Stage, play: Play) -> None:
    stage.parts["POST /sessions/s-1/turn"] = endless

    async def flow(client: Any) -> None:
        session = client.session("s-1")
        stream = session.stream("hi")
        await first(stream)
        del stream
        gc.collect()
        stage.on("POST /sessions/s-1/turn", TURN)
        await of(session.turn("b"))

    play(stage.url, flow)


def test_a_cancelled_anext_loses_no_event(stage: Stage) -> None:
    def one_and_no_more(exchange: Exchange) -> None:
        after = int(exchange.headers.get("last-event-id", 0))
        exchange.begin_stream()
        exchange.say(STORY[after])
        with contextlib.suppress(OSError):
            while not exchange.server.over.wait(0.01):
                exchange.chunk(b": heartbeat\n\n")
        exchange.hang_up()

    stage.parts["POST /sessions/s-1/turn"] = one_and_no_more
    stage.parts[r"GET /sessions/s-1/events\?.*"] = one_and_no_more

    async def flow() -> list[int]:
        found: list[int] = []
        async with (
            AsyncClient(stage.url, TOKEN, environ={}) as client,
            client.session("s-1").stream("hi") as stream,
        ):
            while len(found) < len(STORY):
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(0.1):
                        found.append((await anext(stream)).seq)
        return found

    assert asyncio.run(flow()) == list(range(1, 10))


# --- permissions ------------------------------------------------------------------------------


def test_permissions_are_listed_and_answered(stage: Stage, play: Play) -> None:
    other = PERMISSION | {"session_id": "s-2", "permission_id": "p-2"}
    stage.on(r"GET /permissions\?.*", {"permissions": [PERMISSION, other], "count": 2})
    stage.on("GET /permissions/p-1", PERMISSION)
    stage.on("POST /permissions/p-1", PERMISSION | {"state": "allowed"})

    async def flow(client: Any) -> None:
        assert len(await of(client.permissions())) == 2
        (mine,) = await of(client.session("s-1").permissions())
        assert (mine.permission_id, mine.args) == ("p-1", {"command": "touch x"})
        await of(client.permissions(state="all", limit=5))
        assert (await of(client.get_permission("p-1"))).options[0].kind == "allow_once"
        assert (await of(client.answer_permission("p-1", allow=True))).state == "allowed"
        answer = {"allow": False, "scope": "always", "message": "No.", "args": {"a": 1}}
        await of(client.session("s-1").answer_permission("p-1", option_id="o1", **answer))
        for wrong in ({"allow": "no"}, {"allow": 1}, {"allow": True, "scope": "ever"}):
            with pytest.raises(RequestError):
                await of(client.answer_permission("p-1", **wrong))

    play(stage.url, flow)
    assert stage.seen[2] == "GET /permissions?state=all&limit=5"
    assert stage.bodies[-2:] == [
        {"decision": "allow", "scope": "once"},
        {
            "decision": "deny",
            "scope": "always",
            "message": "No.",
            "option_id": "o1",
            "args": {"a": 1},
        },
    ]


@pytest.mark.parametrize(
    ("answer", "body"),
    [
        (True, {"decision": "allow"}),
        (False, {"decision": "deny"}),
        (Answer(allow=True, scope="always"), {"decision": "allow", "scope": "always"}),
        (
            Answer(allow=False, message="No."),
            {"decision": "deny", "scope": "once", "message": "No."},
        ),
        (None, None),
    ],
)
def test_a_callback_answers_what_the_agent_asks(
    stage: Stage, play: Play, answer: Any, body: Any
) -> None:
    answered = threading.Event()

    def part(exchange: Exchange) -> None:
        exchange.begin_stream()
        exchange.say(STORY[0], ASK)
        if body is not None:
            assert answered.wait(10)
        exchange.say(*STORY[2:])
        exchange.end_stream()

    def settle(exchange: Exchange) -> None:
        answered.set()
        exchange.reply(PERMISSION | {"state": "allowed"})

    stage.parts["POST /sessions/s-1/turn"] = part
    stage.parts["POST /permissions/p-1"] = settle
    asked: list[events.PermissionRequest] = []

    def decide(request: events.PermissionRequest) -> Any:
        asked.append(request)
        return answer

    async def flow(client: Any) -> None:
        result = await of(client.session("s-1").turn("hi", on_permission=decide))
        assert result.text() == "Hello."

    play(stage.url, flow)
    assert [(each.tool, each.title) for each in asked] == [("Bash", "touch x")]
    assert [each for each in stage.bodies if each and "decision" in each] == (
        [body] if body else []
    )


def test_a_callback_may_be_a_coroutine_function(stage: Stage) -> None:
    stage.parts["POST /sessions/s-1/turn"] = streamed(STORY[0], ASK, *STORY[2:])
    stage.on("POST /permissions/p-1", PERMISSION)

    async def decide(_: events.PermissionRequest) -> bool:
        await asyncio.sleep(0)
        return True

    async def flow() -> None:
        async with AsyncClient(stage.url, TOKEN, environ={}) as client:
            await client.session("s-1").turn("hi", on_permission=decide)

    asyncio.run(flow())
    assert {"decision": "allow"} in stage.bodies


def test_an_answer_that_comes_too_late_is_no_error(stage: Stage, play: Play) -> None:
    stage.parts["POST /sessions/s-1/turn"] = streamed(STORY[0], ASK, *STORY[2:])
    body = {"error": {"code": "already_answered", "message": "x"}}
    stage.on("POST /permissions/p-1", body, 409)

    async def flow(client: Any) -> None:
        stream = client.session("s-1").stream("hi", on_permission=lambda _: True)
        assert seqs(await every(stream)) == list(range(1, 10))

    play(stage.url, flow)


def test_a_callback_that_fails_ends_the_stream_and_frees_the_place(
    stage: Stage, play: Play
) -> None:
    stage.parts["POST /sessions/s-1/turn"] = streamed(STORY[0], ASK, *STORY[2:])

    def decide(_: events.PermissionRequest) -> bool:
        raise ZeroDivisionError

    async def flow(client: Any) -> None:
        session = client.session("s-1")
        with pytest.raises(ZeroDivisionError):
            await of(session.turn("hi", on_permission=decide))
        stage.on("POST /sessions/s-1/turn", TURN)
        await of(session.turn("again"))

    play(stage.url, flow)
