"""Both clients over real sockets: streaming, time-outs, and connections that fail."""

import asyncio
import contextlib
import gzip
import hashlib
import io
import json
import os
import socket
import threading
import tracemalloc
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest
from python_multipart.multipart import MultipartParser, parse_options_header

from clawdforge.client import (
    ApiError,
    AsyncClient,
    AuthError,
    Client,
    ForgeError,
    ProtocolError,
    RequestError,
    TransportError,
)
from clawdforge.client.target import IDLE_SECS
from clawdforge.client.upload import open_part, safe_name

TOKEN = "cf_app-token-0123456789"
MIB = 1 << 20
UPLOADED = {"file_token": "ff_abc", "ttl_secs": 60, "size": 3}
RUN_OK = {"ok": True, "result": "hi", "duration_ms": 12, "stop_reason": "end_turn"}

Perform = Callable[..., Any]


class Loopback(ThreadingHTTPServer):
    """A real server; `answer` does what the test at hand wants."""

    daemon_threads = False  # so that closing waits for them

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Exchange)
        self.answer: Callable[[Exchange], None] = _works
        self.over = threading.Event()
        self.seen: list[tuple[str, dict[str, str]]] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Clients go away in these tests: that is no news."""


class Exchange(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Loopback
    timeout = 10

    def do_GET(self) -> None:
        self.server.seen.append((self.path, {k.lower(): v for k, v in self.headers.items()}))
        self.server.answer(self)

    do_POST = do_GET  # noqa: N815 - the name http.server looks for

    def log_message(self, *_: Any) -> None:
        pass

    def reply(self, value: Any, status: int = 200, header: tuple[str, str] | None = None) -> None:
        body = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("content-length", str(len(body)))
        if header:
            self.send_header(*header)
        self.end_headers()
        self.wfile.write(body)

    def body(self) -> Iterator[bytes]:
        if self.headers.get("transfer-encoding", "") == "chunked":
            while size := int(self.rfile.readline(), 16):
                yield self.rfile.read(size)
                self.rfile.readline()
            self.rfile.readline()
            return
        left = int(self.headers.get("content-length", 0))
        while left and (piece := self.rfile.read(min(left, 65536))):
            left -= len(piece)
            yield piece


def _works(exchange: Exchange) -> None:
    list(exchange.body())  # else it would be taken for the connection's next request
    exchange.reply(RUN_OK)


class Received:
    """What a strict multipart parser makes of an upload, piece by piece."""

    def __init__(self) -> None:
        self.fields: dict[str, Any] = {}
        self.filename = b""
        self._header = self._disposition = b""
        self._name = ""
        self._hash = hashlib.sha256()
        self._size = 0

    def take(self, exchange: Exchange) -> None:
        _, options = parse_options_header(exchange.headers["content-type"])
        callbacks: Any = {
            "on_header_field": lambda data, start, end: self._on_name(data[start:end]),
            "on_header_value": lambda data, start, end: self._on_value(data[start:end]),
            "on_headers_finished": self._on_headers,
            "on_part_data": lambda data, start, end: self._on_data(data[start:end]),
            "on_part_end": self._on_end,
        }
        parser = MultipartParser(options[b"boundary"], callbacks)
        for piece in exchange.body():
            parser.write(piece)
        parser.finalize()

    def _on_name(self, piece: bytes) -> None:
        self._header = piece.lower()

    def _on_value(self, piece: bytes) -> None:
        if self._header == b"content-disposition":
            self._disposition += piece

    def _on_headers(self) -> None:
        _, options = parse_options_header(self._disposition)
        self._name = options[b"name"].decode()
        self.filename = options.get(b"filename", self.filename)
        self._disposition = b""
        self._hash, self._size = hashlib.sha256(), 0

    def _on_data(self, piece: bytes) -> None:
        self._hash.update(piece)
        self._size += len(piece)

    def _on_end(self) -> None:
        self.fields[self._name] = (self._size, self._hash.hexdigest())

    def answer(self, exchange: Exchange) -> None:
        self.take(exchange)
        exchange.reply(UPLOADED)


def of(content: bytes) -> tuple[int, str]:
    return len(content), hashlib.sha256(content).hexdigest()


@pytest.fixture
def server() -> Iterator[Loopback]:
    with Loopback() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server
        server.over.set()
        server.shutdown()
        thread.join()


def _perform(kind: str, url: str, method: str, *args: Any, secs: float = 5, **kwargs: Any) -> Any:
    options: dict[str, Any] = {"timeout_secs": secs, "upload_timeout_secs": secs, "environ": {}}
    if kind == "blocking":
        with Client(url, TOKEN, admin_token=TOKEN, **options) as client:
            return getattr(client, method)(*args, **kwargs)

    async def awaited() -> Any:
        async with AsyncClient(url, TOKEN, admin_token=TOKEN, **options) as client:
            return await getattr(client, method)(*args, **kwargs)

    return asyncio.run(awaited())


@pytest.fixture(params=["blocking", "asynchronous"])
def perform(request: pytest.FixtureRequest) -> Perform:
    return lambda url, method, *args, **kwargs: _perform(
        request.param, url, method, *args, **kwargs
    )


def test_a_run_goes_there_and_back(server: Loopback, perform: Perform) -> None:
    def answer(exchange: Exchange) -> None:
        sent = json.loads(b"".join(exchange.body()))
        exchange.reply(RUN_OK | {"result": sent}, header=("X-Run-Id", "run_1"))

    server.answer = answer
    result = perform(server.url + "/prefix/", "run", "hällo ☃" * 1000)
    assert result.result == {"prompt": "hällo ☃" * 1000}
    assert result.run_id == "run_1"
    ((path, headers),) = server.seen
    assert path == "/prefix/run"
    assert headers["authorization"] == f"Bearer {TOKEN}"


def test_a_file_is_streamed_from_the_disk(
    server: Loopback, perform: Perform, tmp_path: Path
) -> None:
    path = tmp_path / "big.bin"
    block = bytes(range(256)) * 256 * 16 + b"\r\n--"
    digest = hashlib.sha256()
    with path.open("wb") as file:
        for _ in range(24):
            file.write(block)
            digest.update(block)
    received = Received()
    server.answer = received.answer
    tracemalloc.start()
    try:
        perform(server.url, "upload_file", path, ttl_secs=60)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert received.fields["file"] == (24 * len(block), digest.hexdigest())
    assert received.fields["ttl_secs"] == of(b"60")
    assert received.filename == b"big.bin"
    assert peak < 6 * MIB
    assert int(server.seen[0][1]["content-length"]) > 24 * len(block)


def _spooled(content: bytes, tmp_path: Path) -> Any:
    path = tmp_path / "stored.bin"
    path.write_bytes(content)
    return path.open("rb")


def _unbuffered(content: bytes, tmp_path: Path) -> Any:
    path = tmp_path / "stored.bin"
    path.write_bytes(content)
    return path.open("rb", buffering=0)


def _gzipped(content: bytes, tmp_path: Path) -> Any:
    path = tmp_path / "stored.gz"
    path.write_bytes(gzip.compress(content))
    return gzip.open(path)


def _pipe(content: bytes, _: Path) -> Any:
    reading, writing = os.pipe()
    os.write(writing, content)  # fits into the pipe's buffer
    os.close(writing)
    return os.fdopen(reading, "rb")


@pytest.mark.parametrize(
    "make",
    [lambda content, _: io.BytesIO(content), _spooled, _unbuffered, _gzipped, _pipe],
    ids=["memory", "file", "unbuffered", "gzip", "pipe"],
)
@pytest.mark.parametrize("content", [b"", b"\x00\r\n--\xff" * 1000], ids=["empty", "binary"])
def test_file_objects_are_sent_whole_and_left_open(
    server: Loopback, perform: Perform, tmp_path: Path, make: Any, content: bytes
) -> None:
    received = Received()
    server.answer = received.answer
    with make(content, tmp_path) as file:
        perform(server.url, "upload_file", file)
        assert not file.closed
    assert received.fields == {"file": of(content)}


def test_a_file_object_is_sent_from_where_it_stands(server: Loopback, perform: Perform) -> None:
    received = Received()
    server.answer = received.answer
    file = io.BytesIO(b"headrest")
    file.seek(4)
    perform(server.url, "upload_file", file, filename="r.txt")
    assert received.fields == {"file": of(b"rest")}


def test_bytes_are_sent_as_they_are(server: Loopback, perform: Perform) -> None:
    for source in (b"\x00\r\n", bytearray(b"\x00\r\n"), memoryview(b"\x00\r\n")):
        received = Received()
        server.answer = received.answer
        perform(server.url, "upload_file", source)
        assert received.fields == {"file": of(b"\x00\r\n")}
        assert received.filename == b"file"


def test_what_cannot_be_read_is_refused(server: Loopback, perform: Perform, tmp_path: Path) -> None:
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    closed = io.BytesIO(b"x")
    closed.close()
    wrong: list[Any] = [
        tmp_path / "missing",
        str(tmp_path),
        fifo,
        "a\0b",
        closed,
        io.StringIO("text"),
        7,
        None,
    ]
    for source in wrong:
        with pytest.raises(RequestError):
            perform(server.url, "upload_file", source)
    assert server.seen == []


@pytest.mark.parametrize("given", [OSError(5, "Input/output error"), ValueError("x"), None, "text"])
def test_a_source_that_fails_on_the_way_is_the_callers_matter(
    server: Loopback, perform: Perform, given: Any
) -> None:
    class Failing:
        pieces = [b"first", given]  # noqa: RUF012

        def __init__(self) -> None:
            self.left = list(self.pieces)

        def read(self, _: int) -> Any:
            piece = self.left.pop(0)
            if isinstance(piece, Exception):
                raise piece
            return piece

    def answer(exchange: Exchange) -> None:
        with contextlib.suppress(ValueError):
            list(exchange.body())

    server.answer = answer
    with pytest.raises(RequestError):
        perform(server.url, "upload_file", Failing())


def test_a_file_that_shrinks_is_noticed(server: Loopback, perform: Perform, tmp_path: Path) -> None:
    path = tmp_path / "shrinking"
    path.write_bytes(b"x" * MIB)

    def answer(exchange: Exchange) -> None:
        with contextlib.suppress(OSError):
            list(exchange.body())

    server.answer = answer
    with path.open("rb", buffering=0) as file:

        class Shrinking(io.FileIO):
            def read(self, size: int | None = -1, /) -> bytes:
                os.truncate(path, 100_000)
                return super().read(-1 if size is None else size) or b""

        with Shrinking(file.fileno(), closefd=False) as shrinking:
            with pytest.raises(RequestError, match="shorter") as caught:
                perform(server.url, "upload_file", shrinking)
            assert caught.value.code == "file_changed"


def test_a_file_that_grows_is_sent_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "growing"
    path.write_bytes(b"before")
    part = open_part(path)
    with path.open("ab") as file:
        file.write(b" and after")
    assert part.content.read(65536) == b"before"
    assert part.content.read(65536) == b""
    part.close()


@pytest.mark.parametrize(
    ("name", "safe"),
    [
        ("report.pdf", "report.pdf"),
        ("/etc/passwd", "passwd"),
        ("..\\..\\x.txt", "x.txt"),
        ('a";x="b.txt', "a_;x=_b.txt"),
        ("a\r\nX: y\0.txt", "a__X: y_.txt"),
        ("ümlaut ☃.txt", "ümlaut ☃.txt"),
        ("\ud800.txt", "_.txt"),
        ("x" * 500 + ".pdf", "x" * 116 + ".pdf"),
        ("", "file"),
        ("..", "file"),
        ("a/", "file"),
    ],
)
def test_file_names_are_made_safe(name: str, safe: str) -> None:
    assert safe_name(name) == safe


def test_names_arrive_as_they_were_made_safe(server: Loopback, perform: Perform) -> None:
    received = Received()
    server.answer = received.answer
    perform(server.url, "upload_file", b"", filename='d/ü";q="\r\n.txt')
    assert received.filename == "ü_;q=___.txt".encode()


@pytest.mark.parametrize("method", ["healthz", "agents", "upload_file"])
def test_a_silent_server_is_given_up(server: Loopback, perform: Perform, method: str) -> None:
    server.answer = lambda exchange: (exchange.server.over.wait(10), None)[1]
    arguments = (b"abc",) if method == "upload_file" else ()
    with pytest.raises(TransportError, match=r"did not answer within 0\.2 s") as caught:
        perform(server.url, method, *arguments, secs=0.2)
    assert caught.value.timed_out


def test_a_run_outlasts_the_time_out_of_small_calls(server: Loopback, perform: Perform) -> None:
    def answer(exchange: Exchange) -> None:
        exchange.server.over.wait(0.5)
        exchange.reply(RUN_OK)

    server.answer = answer
    assert perform(server.url, "run", "hi", secs=0.1).result == "hi"


@pytest.mark.skipif(not hasattr(socket, "TCP_KEEPIDLE"), reason="another name on this system")
def test_a_connection_to_elsewhere_is_watched_by_tcp(
    server: Loopback, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    monkeypatch.setattr("clawdforge.client.target.is_loopback", lambda _: False)
    options: list[int] = []

    def look(response: httpx.Response) -> None:
        connected = response.extensions["network_stream"].get_extra_info("socket")
        options.append(connected.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE))
        options.append(connected.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE))

    with Client(server.url, TOKEN, environ={}) as client:
        client._connection._http.event_hooks = {"response": [look]}
        client.run("hi")
    assert options == [1, IDLE_SECS]


def test_behind_a_proxy_only_the_proxy_would_be_watched(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("clawdforge.client.target.is_loopback", lambda _: False)
    monkeypatch.setenv("https_proxy", "http://127.0.0.1:1")
    with Client("http://forge.example", TOKEN, environ={}) as client:
        assert not client._connection.target.keeps_alive()


def test_nobody_listens(perform: Perform) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with pytest.raises(TransportError, match="clawdforge serve") as caught:
        perform(f"http://127.0.0.1:{port}", "run", "hi")
    assert caught.value.__context__ is None


def test_a_host_that_cannot_be(perform: Perform) -> None:
    with pytest.raises(TransportError, match="cannot reach"):
        perform("http://a..invalid", "healthz")


def _drop(_: Exchange) -> None:
    """Hang up without a word."""


def _half_a_header(exchange: Exchange) -> None:
    exchange.wfile.write(b"HTTP/1.1 200 OK\r\ncontent-le")


def _half_a_body(exchange: Exchange) -> None:
    exchange.wfile.write(b'HTTP/1.1 200 OK\r\ncontent-length: 999\r\n\r\n{"ok":')


def _not_http(exchange: Exchange) -> None:
    exchange.wfile.write(b"SSH-2.0-OpenSSH_9.6\r\n")


def _bad_chunks(exchange: Exchange) -> None:
    exchange.wfile.write(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n")


@pytest.mark.parametrize("how", [_drop, _half_a_header, _half_a_body, _not_http, _bad_chunks])
def test_a_connection_that_breaks_is_not_tried_again(
    server: Loopback, perform: Perform, how: Callable[[Exchange], None]
) -> None:
    def answer(exchange: Exchange) -> None:
        list(exchange.body())
        exchange.close_connection = True
        how(exchange)

    server.answer = answer
    with pytest.raises(TransportError, match="broke") as caught:
        perform(server.url, "run", "hi")
    assert not caught.value.timed_out
    assert len(server.seen) == 1


def test_a_redirect_elsewhere_gets_no_token(server: Loopback, perform: Perform) -> None:
    def answer(exchange: Exchange) -> None:
        list(exchange.body())
        exchange.reply({}, 307, ("location", server.url + "/elsewhere"))

    server.answer = answer
    with pytest.raises(ApiError, match="redirects are not followed"):
        perform(server.url, "run", "hi")
    assert [path for path, _ in server.seen] == ["/run"]


def test_an_early_refusal_of_a_large_upload_is_heard(
    server: Loopback, perform: Perform, tmp_path: Path
) -> None:
    path = tmp_path / "large"
    with path.open("wb") as file:
        file.truncate(64 * MIB)

    def answer(exchange: Exchange) -> None:
        exchange.reply({"detail": "too large"}, 413)
        # Not read to its end: the client must notice while it still sends.
        with contextlib.suppress(OSError):
            next(exchange.body())
        exchange.connection.shutdown(socket.SHUT_WR)
        with contextlib.suppress(OSError):
            while exchange.connection.recv(MIB):
                pass
        exchange.close_connection = True

    server.answer = answer
    with pytest.raises(ApiError, match="too large") as caught:
        perform(server.url, "upload_file", path)
    assert caught.value.status == 413


def test_an_error_that_echoes_the_token_does_not_show_it(
    server: Loopback, perform: Perform
) -> None:
    def answer(exchange: Exchange) -> None:
        list(exchange.body())
        exchange.reply({"detail": f"bad header {exchange.headers['authorization']}"}, 401)

    server.answer = answer
    with pytest.raises(AuthError, match=r"bad header Bearer \[hidden\]") as caught:
        perform(server.url, "run", "hi")
    assert TOKEN not in repr(vars(caught.value))


def test_an_endless_answer_is_cut_off(
    server: Loopback, perform: Perform, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("clawdforge.client.target.MAX_REPLY_BYTES", MIB)

    def answer(exchange: Exchange) -> None:
        exchange.wfile.write(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n")
        with contextlib.suppress(OSError):
            while not exchange.server.over.is_set():
                exchange.wfile.write(b"10000\r\n" + b" " * 65536 + b"\r\n")
        exchange.close_connection = True

    server.answer = answer
    with pytest.raises(ProtocolError, match="larger than 1 MiB"):
        perform(server.url, "agents")


def test_proxies_of_the_environment_do_not_get_between_us_and_loopback(
    server: Loopback, perform: Perform, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    assert perform(server.url, "run", "hi").result == "hi"


@pytest.mark.parametrize("proxy", ["garbage://proxy", "http://user:hush-hush@[bad"])
def test_a_proxy_setting_that_is_wrong_is_explained(
    perform: Perform, monkeypatch: pytest.MonkeyPatch, proxy: str
) -> None:
    monkeypatch.setenv("all_proxy", proxy)
    with pytest.raises(ForgeError) as caught:
        perform("http://forge.example", "healthz")
    assert "hush-hush" not in str(caught.value)


def test_threads_may_share_a_client(server: Loopback) -> None:
    with Client(server.url, TOKEN, environ={}) as client:
        results: list[Any] = []
        threads = [
            threading.Thread(target=lambda: results.append(client.run("hi").result))
            for _ in range(8)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert results == ["hi"] * 8


def test_more_runs_than_a_pool_usually_has_connections(server: Loopback) -> None:
    together = threading.Barrier(120)

    def answer(exchange: Exchange) -> None:
        together.wait(20)
        exchange.reply(RUN_OK)

    server.answer = answer
    server.socket.listen(200)

    async def all_of_them() -> int:
        async with (
            AsyncClient(server.url, TOKEN, environ={}) as client,
            asyncio.TaskGroup() as group,
        ):
            tasks = [group.create_task(client.run("hi")) for _ in range(120)]
        return sum(task.result().result == "hi" for task in tasks)

    assert asyncio.run(all_of_them()) == 120


def test_a_cancelled_call_closes_its_connection_and_the_client_goes_on(server: Loopback) -> None:
    hung_up = threading.Event()

    def answer(exchange: Exchange) -> None:
        list(exchange.body())
        if len(server.seen) > 1:
            return exchange.reply(RUN_OK)
        if exchange.rfile.read(1) == b"":
            hung_up.set()
        exchange.close_connection = True
        return None

    server.answer = answer

    async def cancelled() -> Any:
        async with AsyncClient(server.url, TOKEN, environ={}) as client:
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.2):
                    await client.run("hi")
            assert await asyncio.to_thread(hung_up.wait, 5)
            return (await client.run("again")).result

    assert asyncio.run(cancelled()) == "hi"


def test_a_cancelled_upload_leaves_nothing_open(server: Loopback, tmp_path: Path) -> None:
    path = tmp_path / "large"
    with path.open("wb") as file:
        file.truncate(64 * MIB)
    server.answer = lambda exchange: (exchange.server.over.wait(10), None)[1]
    fds = Path("/proc/self/fd")

    def is_open() -> bool:
        links = []
        for link in fds.iterdir():
            with contextlib.suppress(OSError):
                links.append(link.readlink())
        return path in links

    async def cancelled() -> None:
        async with AsyncClient(server.url, TOKEN, environ={}) as client:
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.3):
                    await client.upload_file(path)

    asyncio.run(cancelled())
    server.over.set()
    if fds.is_dir():
        assert not is_open()


async def test_the_event_loop_is_not_blocked_by_reading(server: Loopback) -> None:
    reading, release = threading.Event(), threading.Event()

    class Slow:
        def read(self, _: int) -> bytes:
            reading.set()
            assert release.wait(5), "the loop could not go on meanwhile"
            return b""

    server.answer = Received().answer
    async with (
        AsyncClient(server.url, TOKEN, environ={}) as client,
        asyncio.TaskGroup() as group,
    ):
        task = group.create_task(client.upload_file(Slow()))  # type: ignore[arg-type]
        assert await asyncio.to_thread(reading.wait, 5)
        release.set()
    assert task.result().size == 3


def test_a_transport_is_a_port(server: Loopback) -> None:
    with Client(server.url, TOKEN, environ={}, transport=httpx.HTTPTransport()) as client:
        assert client.run("hi").result == "hi"
