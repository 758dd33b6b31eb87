"""Uploads over raw sockets, where an HTTP client is too polite; and what is kept of them."""

import json
import resource
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import psutil
import pytest

from clawdforge.testing.serving import RunningServer, running_server

CAP = 4_000_000
FILE = b'Content-Disposition: form-data; name="file"; filename="a.txt"\r\n\r\n'
FORM = "multipart/form-data; boundary=b"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    folder = tmp_path_factory.mktemp("uploads")
    with running_server(folder, max_upload_bytes=CAP, log_level="error") as running:
        yield running


@pytest.fixture
def app(server: RunningServer) -> Iterator[httpx.Client]:
    headers = {"Authorization": f"Bearer {server.token}"}
    with httpx.Client(base_url=server.url, headers=headers, timeout=30) as client:
        yield client


def is_error(reply: httpx.Response, status: int, code: str) -> None:
    body = reply.json()
    assert (reply.status_code, body["error"]["code"]) == (status, code)
    assert body == {
        "ok": False,
        "error": {"code": code, "message": body["detail"]},
        "detail": body["detail"],
    }


def eventually(condition: Callable[[], bool], secs: float = 20) -> None:
    deadline = time.monotonic() + secs
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.01)


def kept(server: RunningServer) -> set[Path]:
    return set((server.data_dir / "files").iterdir())


def rows(server: RunningServer) -> list[dict[str, Any]]:
    """By another process: closing the file in this one would drop SQLite's locks on it."""
    script = (
        "import json, sqlite3, sys; ledger = sqlite3.connect(sys.argv[1]); "
        "ledger.row_factory = sqlite3.Row; "
        "print(json.dumps([dict(row) for row in ledger.execute('select * from files')]))"
    )
    path = server.data_dir / "ledger.sqlite3"
    done = subprocess.run([sys.executable, "-c", script, path], capture_output=True, check=True)
    found: list[dict[str, Any]] = json.loads(done.stdout)
    return found


def row_count(server: RunningServer) -> int:
    return len(rows(server))


@contextmanager
def uploading(server: RunningServer, *headers: str) -> Iterator[socket.socket]:
    """A connection on which the head of an upload has been sent."""
    at = urlsplit(server.url)
    head = [
        "POST /files HTTP/1.1",
        f"Host: {at.netloc}",
        f"Authorization: Bearer {server.token}",
        f"Content-Type: {FORM}",
        *headers,
    ]
    with socket.create_connection((at.hostname or "", at.port or 0), timeout=20) as connection:
        connection.sendall("\r\n".join(head).encode() + b"\r\n\r\n")
        yield connection


def answer(connection: socket.socket) -> tuple[int, dict[str, Any]]:
    """The status and the JSON body of one reply."""
    with connection.makefile("rb") as stream:
        status = int(stream.readline().split()[1])
        length = 0
        while line := stream.readline().strip():
            name, _, value = line.partition(b":")
            length = int(value) if name.lower() == b"content-length" else length
        body: dict[str, Any] = json.loads(stream.read(length))
        return status, body


def test_any_file_comes_back_to_the_byte(app: httpx.Client, server: RunningServer) -> None:
    data = bytes(range(256)) * 4000 + b"\r\n--b--\r\n\r\r\n\n--b\r\n" * 50
    before = kept(server)
    assert app.post("/files", files={"file": ("x.bin", data)}).json()["size"] == len(data)
    (path,) = kept(server) - before
    assert path.read_bytes() == data


def test_in_chunks_of_one_byte(server: RunningServer) -> None:
    before = kept(server)
    form = b"--b\r\n" + FILE + b"line\r\n--\r\n-b\r\n\r\n--b--\r\n"
    with uploading(server, "Transfer-Encoding: chunked") as connection:
        for position in range(len(form)):
            connection.sendall(b"1\r\n" + form[position : position + 1] + b"\r\n")
        connection.sendall(b"0\r\n\r\n")
        status, body = answer(connection)
    assert (status, body["size"]) == (200, len(b"line\r\n--\r\n-b\r\n"))
    (path,) = kept(server) - before
    assert path.read_bytes() == b"line\r\n--\r\n-b\r\n"


def test_a_client_that_waits_for_the_go_ahead(server: RunningServer) -> None:
    form = b"--b\r\n" + FILE + b"x\r\n--b--\r\n"
    length = f"Content-Length: {len(form)}"
    with uploading(server, length, "Expect: 100-continue") as connection:
        assert connection.recv(1000).startswith(b"HTTP/1.1 100")
        connection.sendall(form)
        assert answer(connection)[0] == 200
    with uploading(server, f"Content-Length: {CAP * 2}", "Expect: 100-continue") as connection:
        status, body = answer(connection)  # before any of it is sent
        assert (status, body["error"]["code"]) == (413, "body_too_large")


def test_a_body_of_undeclared_length_is_bounded(server: RunningServer) -> None:
    before, rows_before = kept(server), row_count(server)
    memory = psutil.Process().memory_info().rss
    with uploading(server, "Transfer-Encoding: chunked") as connection:
        connection.sendall(b"%x\r\n" % len(b"--b\r\n" + FILE) + b"--b\r\n" + FILE + b"\r\n")
        chunk = b"10000\r\n" + b"x" * 0x10000 + b"\r\n"
        for _ in range(2000):  # 131 MB
            connection.sendall(chunk)
        status, body = answer(connection)
    # The file, or the whole body: what is noticed first.
    assert status == 413
    assert body["error"]["code"] in {"file_too_large", "body_too_large"}
    assert psutil.Process().memory_info().rss - memory < 60_000_000
    assert (kept(server), row_count(server)) == (before, rows_before)


def test_too_much_beside_the_file(app: httpx.Client, server: RunningServer) -> None:
    before = kept(server)
    files = {"file": b"x" * CAP}
    assert app.post("/files", files=files).status_code == 200
    is_error(app.post("/files", files={"file": b"x" * (CAP + 1)}), 413, "file_too_large")
    form = b"--b\r\n" + FILE + b"x" * CAP + b"\r\n--b--\r\n" + b"epilogue" * 100_000
    reply = app.post("/files", content=form, headers={"Content-Type": FORM})
    is_error(reply, 413, "body_too_large")
    assert len(kept(server) - before) == 1


@pytest.mark.parametrize(
    "sent", [b"", b"--b\r\n", b"--b\r\n" + FILE, b"--b\r\n" + FILE + b"x" * 10**6]
)
@pytest.mark.parametrize("framing", ["Content-Length: 3000000", "Transfer-Encoding: chunked"])
def test_an_upload_that_breaks_off_leaves_nothing(
    server: RunningServer, framing: str, sent: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    before, rows_before = kept(server), row_count(server)
    with uploading(server, framing) as connection:
        connection.sendall(b"f4246\r\n" + sent if "chunked" in framing else sent)
    with httpx.Client(base_url=server.url) as client:
        seen = lambda: 'route="/files",status="499"' in metrics(client, server)  # noqa: E731
        eventually(seen)
    eventually(lambda: kept(server) == before)
    assert row_count(server) == rows_before
    assert not [record for record in caplog.records if record.exc_info]


def metrics(client: httpx.Client, server: RunningServer) -> str:
    headers = {"Authorization": f"Bearer {server.admin_token}"}
    return client.get("/metrics", headers=headers).text


@pytest.mark.parametrize(
    ("kind", "body", "code"),
    [
        (FORM, b"", "invalid_multipart"),
        (FORM, b"--b--\r\n", "file_missing"),
        (FORM, b"--c\r\n" + FILE + b"x\r\n--c--\r\n", "invalid_multipart"),
        (FORM, b"--b\n" + FILE.replace(b"\r\n", b"\n") + b"x\n--b--\n", "invalid_multipart"),
        (FORM, b"--b\r\n" + FILE + b"x", "invalid_multipart"),
        (FORM, (b"--b\r\n" + FILE + b"x\r\n") * 2 + b"--b--\r\n", "invalid_multipart"),
        (FORM, (b"--b\r\n" + FILE.replace(b'"file"', b'"f"')) * 120, "invalid_multipart"),
        (FORM, b"--b\r\nX: " + b"y" * 30_000 + b"\r\n" + FILE, "invalid_multipart"),
        (
            FORM,
            b"--b\r\n" + FILE.replace(b"a.txt", b"n" * 300) + b"x\r\n--b--\r\n",
            "invalid_file_name",
        ),
        ("multipart/form-data; boundary=" + "b" * 300, b"x", "invalid_multipart"),
        ("multipart/form-data", b"--b--\r\n", "invalid_multipart"),
        ("multipart/mixed; boundary=b", b"--b--\r\n", "invalid_multipart"),
        ("application/json", b"{}", "invalid_multipart"),
        ("application/x-www-form-urlencoded", b"file=x", "invalid_multipart"),
    ],
)
def test_forms_that_are_refused(
    app: httpx.Client, server: RunningServer, kind: str, body: bytes, code: str
) -> None:
    before, rows_before = kept(server), row_count(server)
    is_error(app.post("/files", content=body, headers={"Content-Type": kind}), 422, code)
    assert (kept(server), row_count(server)) == (before, rows_before)


@pytest.mark.parametrize(
    ("name", "stored"),
    [
        ("../../etc/passwd", "passwd"),
        ("a\\b.txt", "b.txt"),
        ("Grüße 你好.md", "Grüße 你好.md"),
        ("--dangerously-skip-permissions", "--dangerously-skip-permissions"),
        ('x"; name="ttl_secs', 'x"; name="ttl_secs'),
        ("..", "file"),
    ],
)
def test_file_names(app: httpx.Client, server: RunningServer, name: str, stored: str) -> None:
    before = {row["stored_name"] for row in rows(server)}
    quoted = name.replace("\\", "\\\\").replace('"', '\\"').encode()
    form = b"--b\r\n" + FILE.replace(b"a.txt", quoted) + b"x\r\n--b--\r\n"
    reply = app.post("/files", content=form, headers={"Content-Type": FORM})
    assert reply.status_code == 200, reply.text
    (row,) = [row for row in rows(server) if row["stored_name"] not in before]
    assert row["original_name"] == stored
    assert (server.data_dir / "files" / row["stored_name"]).read_bytes() == b"x"


def test_what_is_kept_of_an_upload(app: httpx.Client, server: RunningServer) -> None:
    reply = app.post("/files", files={"file": ("a.txt", b"hello")}, data={"ttl_secs": "600"})
    token = reply.json()["file_token"]
    assert token.removeprefix("ff_").replace("-", "").replace("_", "").isalnum()
    assert len(token) == len("ff_") + 43  # 256 bit, URL-safe
    row = rows(server)[-1]
    assert row["expires_at"] - row["created_at"] == 600
    assert row["size_bytes"] == 5
    assert token not in json.dumps(rows(server))
    (server.data_dir / "files" / row["stored_name"]).unlink()  # as if swept in this moment
    used = app.post("/run", json={"prompt": "/cwd", "files": [token]})
    is_error(used, 404, "file_not_found")


@pytest.mark.parametrize(
    ("query", "form", "secs"),
    [(None, "", None), ("90", None, 90), ("90", "120", 120), (None, "0" * 20 + "61", 61)],
)
def test_ttl_from_the_form_and_the_query(
    app: httpx.Client, query: str | None, form: str | None, secs: int | None
) -> None:
    reply = app.post(
        "/files",
        files={"file": b"x"},
        params={} if query is None else {"ttl_secs": query},
        data={} if form is None else {"ttl_secs": form},
    )
    if secs is None:
        is_error(reply, 422, "invalid_ttl")
    else:
        assert reply.json()["ttl_secs"] == secs


@pytest.mark.parametrize("query", ["", "x", "1.5", "true", "0x40"])
def test_a_ttl_in_the_query_that_is_no_number(
    app: httpx.Client, server: RunningServer, query: str
) -> None:
    before = kept(server)
    reply = app.post("/files", files={"file": b"x"}, params={"ttl_secs": query})
    is_error(reply, 422, "invalid_request")
    assert kept(server) == before


def test_many_at_once(app: httpx.Client, server: RunningServer) -> None:
    before = kept(server)
    datas = [bytes([number]) * (number * 10_000 + 1) for number in range(24)]
    with ThreadPoolExecutor(8) as pool:
        replies = list(pool.map(lambda data: app.post("/files", files={"file": data}), datas))
    assert [reply.json()["size"] for reply in replies] == [len(data) for data in datas]
    assert len({reply.json()["file_token"] for reply in replies}) == len(datas)
    assert {path.read_bytes() for path in kept(server) - before} == set(datas)


@contextmanager
def full_disk(max_file_bytes: int) -> Iterator[None]:
    """No file of this process grows beyond a size: writes fail as on a full disk."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (max_file_bytes, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_disk_that_takes_no_more(app: httpx.Client, server: RunningServer) -> None:
    before, rows_before = kept(server), row_count(server)
    with full_disk(2_500_000):
        reply = app.post("/files", files={"file": b"x" * 3_500_000})
    is_error(reply, 503, "storage_unavailable")
    assert int(reply.headers["retry-after"]) > 0
    assert str(server.data_dir) not in reply.text
    assert (kept(server), row_count(server)) == (before, rows_before)
    assert app.post("/files", files={"file": b"x" * 3_500_000}).status_code == 200
