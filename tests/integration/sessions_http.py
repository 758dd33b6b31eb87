"""What the tests of sessions over HTTP share: a server, apps at its door, readers of events."""

import asyncio
import json
import signal
import socket
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import httpx
import psutil

from clawdforge.config import environment, load_settings
from clawdforge.processes.containment import MARK_VARIABLE
from clawdforge.server import Gateway, serve
from clawdforge.store.sqlite import SqliteLedger
from clawdforge.testing.contract_store import ContractConnection
from clawdforge.testing.loop_thread import LoopThread

PATIENCE_SECS = 20.0
"""How long a condition may take to come true on a busy machine."""
SOON_SECS = 0.01
LANES = 3
"""Connections of a server to its ledger."""

Json = dict[str, Any]
T = TypeVar("T")


def eventually(what: Callable[[], T], secs: float = PATIENCE_SECS) -> T:
    """The first value that is true."""
    deadline = time.monotonic() + secs
    while not (found := what()):
        assert time.monotonic() < deadline, f"it never came to that: {found!r}"
        time.sleep(SOON_SECS)
    return found


@contextmanager
def at_once(*works: Callable[[], T]) -> Iterator[list["Future[T]"]]:
    """Do things at the same time, and wait for them at the end of the block."""
    with ThreadPoolExecutor(max_workers=len(works)) as pool:
        yield [pool.submit(work) for work in works]


def text_of(reply: Mapping[str, Any]) -> str:
    """All that was said in a turn."""
    return "".join(event["content"] for event in reply["events"] if event["type"] == "text")


def code_of(reply: httpx.Response) -> tuple[int, str]:
    """Status and code of an error, whose shape is looked at."""
    body = reply.json()
    assert body["ok"] is False, body
    assert body["detail"] == body["error"]["message"]
    if reply.status_code in {429, 503}:
        assert int(reply.headers["Retry-After"]) >= 1
    return reply.status_code, body["error"]["code"]


def burst(
    app: "App", path: str, requests: Sequence[tuple[Json, str | None]]
) -> list[tuple[int, str | None, Json]]:
    """POST bodies with their keys at the same time, to the last byte: status, error code, body."""
    with ExitStack() as stack:
        lines = []
        for body, key in requests:
            request = app.http.build_request("POST", path, json=body)
            named = {**request.headers, "connection": "close"}
            if key is not None:
                named["idempotency-key"] = key
            head = "".join(f"{name}: {value}\r\n" for name, value in named.items())
            whole = f"POST {path} HTTP/1.1\r\n{head}\r\n".encode() + request.content
            address = (request.url.host, request.url.port)
            line = stack.enter_context(socket.create_connection(address, PATIENCE_SECS))
            line.sendall(whole[:-1])
            lines.append((line, whole[-1:]))
        for line, last in lines:
            line.sendall(last)
        return [_reply(line) for line, _ in lines]


def _reply(line: socket.socket) -> tuple[int, str | None, Json]:
    found = b""
    while piece := line.recv(65536):
        found += piece
    head, _, content = found.partition(b"\r\n\r\n")
    body = json.loads(content)
    return int(head.split()[1]), body.get("error", {}).get("code"), body


@dataclass(frozen=True)
class Frame:
    """A piece of a stream of server-sent events."""

    event: str | None = None
    id: str | None = None
    data: Any = None
    comment: str | None = None


class Reader:
    """Reads a stream of events, frame by frame."""

    def __init__(self, response: httpx.Response) -> None:
        self.response = response
        self._lines = _lines(response)
        self._deadline = time.monotonic() + PATIENCE_SECS

    def frames(self) -> Iterator[Frame]:
        """All that comes, comments included, until the server ends the stream."""
        found: dict[str, str] = {}
        for line in self._lines:
            assert time.monotonic() < self._deadline, "nothing but heartbeats"
            if line:
                key, _, value = line.partition(":")
                assert key not in found, f"twice in a frame: {line}"
                found[key] = value.removeprefix(" ")
            elif found:
                yield _frame(found)
                found = {}
        assert not found, f"the stream ends in the middle of a frame: {found}"

    def events(self) -> Iterator[Json]:
        """The session's events; what else is told must not come."""
        for frame in self.frames():
            if frame.comment is None:
                assert frame.id is not None, frame
                assert frame.event == frame.data["type"]
                assert frame.id == str(frame.data["seq"])
                yield frame.data

    def until(self, kind: str) -> list[Json]:
        """The events up to the next one of a kind, and that one."""
        found: list[Json] = []
        for event in self.events():
            found.append(event)
            if event["type"] == kind:
                return found
        raise AssertionError([event["type"] for event in found])


def _lines(response: httpx.Response) -> Iterator[str]:
    """Lines as the standard has them: other line breaks than these stand in texts."""
    rest = b""
    for piece in response.iter_raw():
        *lines, rest = (rest + piece).split(b"\n")
        for line in lines:
            yield line.decode()
    assert not rest


def _frame(found: dict[str, str]) -> Frame:
    if "" in found:
        assert len(found) == 1, found
        return Frame(comment=found[""])
    return Frame(event=found.get("event"), id=found.get("id"), data=json.loads(found["data"]))


class App:
    """An app at the server's door."""

    def __init__(self, url: str, token: str, name: str) -> None:
        self.name = name
        self.token = token
        self.http = httpx.Client(
            base_url=url,
            headers={"Authorization": f"Bearer {token}"},
            timeout=PATIENCE_SECS,
            verify=False,  # a context of certificates takes long to make, and is not needed
            trust_env=False,
        )

    def at(self, server: "Server") -> "App":
        """The same app at another start of the server; its caller closes it."""
        return App(server.url, self.token, self.name)

    def get(self, path: str, **params: Any) -> httpx.Response:
        return self.http.get(path, params=params)

    def post(self, path: str, body: Any = None, **headers: str) -> httpx.Response:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.http.post(path, json={} if body is None else body, headers=named)

    def patch(self, session: str, **body: Any) -> httpx.Response:
        return self.http.patch(f"/sessions/{session}", json=body)

    def close(self, session: str) -> httpx.Response:
        return self.http.delete(f"/sessions/{session}")

    def create(self, **body: Any) -> str:
        """A session that was made."""
        return str(well(self.post("/sessions", body))["session_id"])

    def turn(self, session: str, prompt: str, **body: Any) -> httpx.Response:
        return self.post(f"/sessions/{session}/turn", {"prompt": prompt, **body})

    def said(self, session: str, prompt: str, **body: Any) -> str:
        """What the agent says in a turn that goes well."""
        return text_of(well(self.turn(session, prompt, **body)))

    def begin(self, session: str, prompt: str, **body: Any) -> int:
        """The number of a turn that runs now."""
        reply = self.turn(session, prompt, wait=False, **body)
        assert reply.status_code == 202, reply.text
        return int(reply.json()["turn_index"])

    def outcome(self, session: str, turn: int) -> Json:
        """A turn, once it has ended."""
        path = f"/sessions/{session}/turns/{turn}"

        def found() -> Json:
            told = well(self.get(path))
            return told if told["ok"] is not None else {}

        return eventually(found)

    def row(self, session: str) -> Json:
        return well(self.get(f"/sessions/{session}"))

    def events(self, session: str, after: int = 0) -> list[Json]:
        """All events that are stored after one."""
        found: list[Json] = []
        at: int | None = after
        while at is not None:
            page = well(self.get(f"/sessions/{session}/events", after=at, limit=1000))
            found += page["events"]
            at = page["next"]
        return found

    def types(self, session: str) -> list[str]:
        return [event["type"] for event in self.events(session)]

    def seen(self, session: str, kind: str, count: int = 1) -> list[Json]:
        """The events of a kind, once there are that many."""

        def found() -> list[Json]:
            events = [event for event in self.events(session) if event["type"] == kind]
            return events if len(events) >= count else []

        return eventually(found)

    @contextmanager
    def reading(self, session: str, after: int | None = None, **headers: str) -> Iterator[Reader]:
        """A reader of a session's events."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        params = {} if after is None else {"after": after}
        with self.http.stream(
            "GET",
            f"/sessions/{session}/events",
            params=params,
            headers={"Accept": "text/event-stream", **named},
        ) as response:
            assert response.status_code == 200, response.read()
            assert response.headers["content-type"].startswith("text/event-stream")
            yield Reader(response)

    @contextmanager
    def streaming(self, session: str, prompt: str, **body: Any) -> Iterator[Reader]:
        """A turn whose events come as they happen."""
        with self.http.stream(
            "POST",
            f"/sessions/{session}/turn",
            json={"prompt": prompt, **body},
            headers={"Accept": "text/event-stream"},
        ) as response:
            assert response.status_code == 200, response.read()
            yield Reader(response)

    def cancel(self, session: str) -> Json:
        return well(self.post(f"/sessions/{session}/cancel"))

    def question(self) -> Json:
        """The newest question that waits for an answer, once there is one."""
        return eventually(lambda: self.get("/permissions").json()["permissions"])[0]  # type: ignore[no-any-return]

    def answer(self, permission: Mapping[str, Any] | str, **body: Any) -> httpx.Response:
        name = permission if isinstance(permission, str) else permission["permission_id"]
        return self.post(f"/permissions/{name}", body)

    def upload(self, name: str, content: bytes) -> str:
        reply = self.http.post("/files", files={"file": (name, content)})
        return str(well(reply)["file_token"])

    def close_all(self) -> None:
        """Close what is open: then no agent is left."""
        for row in well(self.get("/sessions", include_closed=False))["sessions"]:
            well(self.close(row["session_id"]))


def well(reply: httpx.Response) -> Json:
    """The body of a reply that is not an error."""
    assert reply.status_code == 200, f"{reply.status_code} {reply.text}"
    body: Json = reply.json()
    return body


def a_home(folder: Path) -> dict[str, str]:
    """An environment with a home of its own for agents."""
    home = folder / "home"
    home.mkdir(exist_ok=True)
    return {"PATH": environment()["PATH"], "HOME": str(home), "LANG": "C.UTF-8"}


@dataclass
class Server:
    """A server that answers."""

    url: str
    folder: Path
    admin_token: str = field(repr=False)
    gateway: Gateway | None = None
    """When it runs in this process."""
    thread: LoopThread | None = None

    @property
    def data(self) -> Path:
        return self.folder / "data"

    def work(self, session: str) -> Path:
        """The folder that a session works in."""
        return self.data / "sessions" / session / "work"

    def new_app(self, permissions: Any = None, scopes: Sequence[str] = ("run",)) -> App:
        """An app of its own; its caller closes it."""
        name = f"app-{uuid.uuid4().hex[:8]}"
        body: Json = {"name": name, "scopes": list(scopes)}
        if permissions is not None:
            body["permissions"] = permissions
        headers = {"Authorization": f"Bearer {self.admin_token}"}
        reply = httpx.post(
            f"{self.url}/admin/tokens", json=body, headers=headers, verify=False, trust_env=False
        )
        return App(self.url, well(reply)["token"], name)

    @contextmanager
    def app(self, permissions: Any = None, scopes: Sequence[str] = ("run",)) -> Iterator[App]:
        """An app for one test: in the end its sessions are closed."""
        app = self.new_app(permissions, scopes)
        with app.http:
            yield app
            app.close_all()

    def waiting(self, session: str) -> int:
        """How many turns wait in a session."""
        assert self.gateway is not None
        actor = self.gateway.conversations.supervisor.awake(session)
        return actor.waiting if actor is not None else 0

    def sweep(self) -> Mapping[str, int]:
        """One pass of the sweeper."""
        assert self.thread is not None
        assert self.gateway is not None
        return self.thread.submit(self.gateway.sweep()).result(PATIENCE_SECS)

    def sql(self, statement: str, *params: Any) -> list[tuple[Any, ...]]:
        """Something with the ledger, behind the server's back."""
        assert self.thread is not None
        assert self.gateway is not None
        ledger = self.gateway.services.ledger
        assert isinstance(ledger, SqliteLedger)
        found = ContractConnection(ledger, self.thread).execute(statement, params)
        return [tuple(row) for row in found]

    def grow_older(self, session: str, secs: int) -> None:
        """As if all that happened to a session had been that much earlier."""
        columns = ("created_at", "last_turn_at", "last_used_at", "closed_at")
        changes = ", ".join(f"{column} = {column} - {secs}" for column in columns)
        self.sql(f"UPDATE sessions SET {changes} WHERE session_id = ?", session)


@contextmanager
def serving(
    folder: Path, *, environ: Mapping[str, str] | None = None, **settings: Any
) -> Iterator[Server]:
    """A server in this process, with the demo agent."""
    environ = {**a_home(folder), **(environ or {})}
    flags = {
        "monitor": "off",
        "default_agent": "demo",
        "port": 0,
        "data_dir": str(folder / "data"),
        "stop_grace_secs": 0,
        "log_level": "error",
        **settings,
    }
    chosen = load_settings(flags=flags, environ=environ).settings
    gateways: list[Gateway] = []

    async def work(ready: Callable[[str], None], until: Any) -> None:
        await serve(chosen, environ, opened=gateways.append, ready=ready, until=until)

    async def read() -> None:
        async with asyncio.TaskGroup() as group:
            for _ in range(16):
                group.create_task(gateways[0].services.ledger.session_ids())

    thread = LoopThread()
    url = thread.start(work)
    try:
        # The ledger opens files when they are first needed: that is to be no test's own.
        while sum(file.path.endswith("-wal") for file in psutil.Process().open_files()) < LANES:
            thread.submit(read()).result(PATIENCE_SECS)
        yield Server(url, folder, gateways[0].admin_token, gateways[0], thread)
    finally:
        thread.stop()


@dataclass
class Mortal:
    """A data folder and the server processes on it, one after the other."""

    folder: Path
    settings: Mapping[str, str] = field(default_factory=dict)
    """Environment variables of settings, without CLAWDFORGE_ and in small letters."""
    more: Mapping[str, str] = field(default_factory=dict)
    """Further variables."""
    process: "subprocess.Popen[bytes] | None" = None

    def start(self) -> Server:
        environ = a_home(self.folder)
        environ |= {f"CLAWDFORGE_{name.upper()}": text for name, text in self.settings.items()}
        environ |= {
            "CLAWDFORGE_DATA_DIR": str(self.folder / "data"),
            "CLAWDFORGE_MONITOR": "off",
        }
        environ |= {"CLAWDFORGE_DEFAULT_AGENT": "demo", **self.more}
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "clawdforge", "serve", "--port", "0"],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=log,
                env=environ,
            )
        about = eventually(self._announced)
        token = (self.folder / "data" / "admin-token").read_text()
        return Server(about["url"], self.folder, token.strip())

    def kill(self) -> None:
        """`kill -9`, and wait until nothing of its agents is left."""
        assert self.process is not None
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()
        eventually(lambda: not self.left())

    def stop(self) -> None:
        """Tell it to stop, and wait for it."""
        if self.process is not None:
            self.process.terminate()
            self.process.wait(PATIENCE_SECS)
            self.process = None

    def log(self) -> str:
        return (self.folder / "log").read_text()

    def left(self) -> list[int]:
        """Processes of its agents that live."""
        return [pid for pid, environ in _marked() if environ.get("HOME") == f"{self.folder}/home"]

    def _announced(self) -> Json:
        assert self.process is not None
        assert self.process.poll() is None, self.log()
        try:
            about: Json = json.loads((self.folder / "data" / "server.json").read_text())
        except (FileNotFoundError, ValueError):
            return {}
        return about if about["pid"] == self.process.pid else {}


@contextmanager
def mortal(folder: Path, **settings: Any) -> Iterator[Mortal]:
    """A server that may be killed."""
    stage = Mortal(folder, {name: str(value) for name, value in settings.items()})
    with ExitStack() as stack:
        stack.callback(stage.stop)
        yield stage


def agents_of(server: Server, session: str) -> list[int]:
    """The processes that work in a session's folder."""
    work = str(server.work(session))
    found = []
    for pid, _ in _marked():
        try:
            if psutil.Process(pid).cwd() == work:
                found.append(pid)
        except psutil.Error:
            continue
    return found


def _marked() -> Iterator[tuple[int, Mapping[str, str]]]:
    for process in psutil.process_iter():
        try:
            environ = process.environ()
        except psutil.Error:
            continue
        if MARK_VARIABLE in environ:
            yield process.pid, environ
