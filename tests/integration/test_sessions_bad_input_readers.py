"""Clients that behave badly: readers that never read, a thousand of them, turns sent twice."""

import resource
import selectors
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import psutil
import pytest
from bad_input import MB, BadTimes, Victim, agent_tables, assert_usable, victim
from sessions_http import App, at_once, eventually, serving, text_of, well

from clawdforge.http import sse

CONFIG = agent_tables({"bad": ()}, "acp", "acp.py")
READERS = 1000
"""As many as there may be (`max_event_readers`)."""
HEAD = b"HTTP/1.1 200 OK\r\n"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Victim]:
    folder = tmp_path_factory.mktemp("readers")
    with usual_limit(), victim(folder, CONFIG, cancel_grace_secs=0.5) as server:
        yield server


@contextmanager
def usual_limit() -> Iterator[None]:
    """Start what is started now with the limit of open files that most systems have."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (1024, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.fixture(scope="module")
def bad_times(server: Victim) -> Iterator[BadTimes]:
    with server.bad_times() as bad_times:
        yield bad_times


@pytest.fixture
def app(bad_times: BadTimes) -> Iterator[App]:
    with bad_times.guest() as app:
        yield app


@pytest.fixture
def session(app: App) -> str:
    return app.create(agent="bad")


@contextmanager
def many_files() -> Iterator[None]:
    """This process needs a socket for each reader."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 4 * READERS), hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def connect(app: App, session: str, *, window: int | None = None) -> socket.socket:
    """A reader of a session's events that has sent its request, and not read anything."""
    url = urlsplit(str(app.http.base_url))
    assert url.hostname is not None
    reader = socket.socket()
    if window is not None:
        reader.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, window)
    reader.settimeout(20)
    reader.connect((url.hostname, url.port))
    reader.sendall(
        f"GET /sessions/{session}/events HTTP/1.1\r\nHost: {url.netloc}\r\n"
        f"Authorization: Bearer {app.token}\r\nAccept: text/event-stream\r\n\r\n".encode()
    )
    return reader


@contextmanager
def never_reading(app: App, session: str, number: int) -> Iterator[list[socket.socket]]:
    with ExitStack() as stack:
        yield [
            stack.enter_context(closing(connect(app, session, window=4096))) for _ in range(number)
        ]


def readers_of(server: Victim) -> int:
    """How many the server knows of."""
    headers = {"Authorization": f"Bearer {server.server.admin_token}"}
    url = f"{server.server.url}/metrics"
    for line in httpx.get(url, headers=headers, verify=False, trust_env=False).text.splitlines():
        if line.startswith("clawdforge_event_readers "):
            return int(float(line.split()[1]))
    raise AssertionError


# --- readers ----------------------------------------------------------------------------------


def test_readers_that_never_read_cost_little_and_slow_nobody(
    server: Victim, app: App, session: str
) -> None:
    app.said(session, "hello")
    with never_reading(app, session, 50), app.reading(session, after=0) as reader:
        reader.until("turn_ended")
        before = server.memory
        with server.watched() as watch:
            assert len(app.said(session, "line 10")) == 10 * MB
            assert len(reader.until("turn_ended")[-2]["text"]) == 10 * MB
            assert app.said(session, "hello") == "hello"
            assert reader.until("turn_ended")[-2]["text"] == "hello"
        # Each copying what it does not read would be 500 MB.
        assert watch.most - before < 150 * MB
    assert_usable(app, session)


def test_a_reader_that_never_reads_is_cut_off(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sse, "SLOW_READER_SECS", 0.3)  # so that it need not be 30
    with serving(tmp_path) as server, server.app() as app:
        session = app.create(agent="demo")
        with never_reading(app, session, 1) as (reader,):
            local = reader.getsockname()
            app.said(session, f"/echo {'x' * 6 * MB}")
            eventually(lambda: not _is_connected(local))
            assert app.said(session, "/echo still here") == "still here"
            assert _rest(reader) < 6 * MB
        assert server.gateway is not None
        assert server.gateway.services.hub.readers == 0


def _rest(reader: socket.socket) -> int:
    """How much there is still to read."""
    size = 0
    while piece := reader.recv(1 << 20):
        size += len(piece)
    return size


def _is_connected(peer: tuple[str, int]) -> bool:
    """Whether the server's end of that connection is there."""
    found = psutil.Process().net_connections("tcp")
    return any(tuple(each.raddr) == peer for each in found)


def test_a_thousand_readers_all_get_each_event(server: Victim, app: App, session: str) -> None:
    with ExitStack() as stack:
        stack.enter_context(many_files())
        readers = [stack.enter_context(closing(connect(app, session))) for _ in range(READERS)]
        eventually(lambda: readers_of(server) == READERS)
        refused = app.http.get(
            f"/sessions/{session}/events", headers={"Accept": "text/event-stream"}
        )
        assert refused.status_code == 503
        assert refused.json()["error"]["code"] == "readers_full"
        assert app.said(session, "hello") == "hello"
        last = app.row(session)["last_seq"]
        for got in _until(readers, f"\nid: {last}\nevent: turn_ended\n".encode()):
            assert got.startswith(HEAD)
            ids = [int(line[4:]) for line in got.splitlines() if line.startswith(b"id: ")]
            assert ids == [*range(1, last + 1)]
    eventually(lambda: readers_of(server) == 0)
    assert_usable(app, session)


def test_agents_may_open_as_many_files_as_usual_though_the_server_opens_more(
    server: Victim, app: App, session: str
) -> None:
    assert server.process.rlimit(psutil.RLIMIT_NOFILE)[0] > 2 * READERS
    assert app.said(session, "open-files") == "1024"


def _until(readers: list[socket.socket], mark: bytes) -> list[bytes]:
    """What each reader gets, up to a mark."""
    got = [b""] * len(readers)
    deadline = time.monotonic() + 20
    with selectors.DefaultSelector() as selector:
        for number, reader in enumerate(readers):
            selector.register(reader, selectors.EVENT_READ, number)
        while selector.get_map():
            assert time.monotonic() < deadline, f"{len(selector.get_map())} did not get it"
            for key, _ in selector.select(timeout=1):
                got[key.data] += readers[key.data].recv(1 << 16)
                if mark in got[key.data]:
                    selector.unregister(key.fileobj)
    return got


def test_readers_that_come_and_go_leave_nothing_behind(
    server: Victim, app: App, session: str
) -> None:
    assert_usable(app, session)
    files = server.process.num_fds()
    for _ in range(200):
        connect(app, session).close()
    eventually(lambda: readers_of(server) == 0)
    eventually(lambda: server.process.num_fds() <= files + 2)
    assert_usable(app, session)


# --- turns sent twice -------------------------------------------------------------------------


def test_the_same_turn_twice_at_once_is_two_turns(app: App, session: str) -> None:
    with at_once(*[lambda: app.said(session, "hello")] * 4) as taken:
        pass
    assert [each.result() for each in taken] == ["hello"] * 4
    assert app.row(session)["turn_count"] == 4
    assert_usable(app, session)


@pytest.mark.parametrize("awake", [False, True])
def test_the_same_turn_twice_at_once_under_one_key_is_one_turn(
    server: Victim, app: App, session: str, awake: bool
) -> None:
    if awake:
        app.said(session, "hello")

    def send() -> httpx.Response:
        return app.post(f"/sessions/{session}/turn", {"prompt": "wait go"}, Idempotency_Key="one")

    with at_once(*[send] * 8) as taken:
        eventually(lambda: sum(each.done() for each in taken) == 7)
        app.seen(session, "text", 1 + awake)
        (server.server.work(session) / "go").touch()
    replies = [each.result() for each in taken]
    assert sorted(reply.status_code for reply in replies) == [200] + [409] * 7
    refused = [reply.json()["error"]["code"] for reply in replies if reply.status_code == 409]
    assert refused == ["idempotency_running"] * 7
    (first,) = [reply.json() for reply in replies if reply.status_code == 200]
    assert text_of(first) == "waitingdone"
    assert [well(send()) for _ in range(2)] == [first, first]
    assert app.row(session)["turn_count"] == 1 + awake
    assert_usable(app, session)
