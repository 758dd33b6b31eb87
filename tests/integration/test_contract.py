"""The HTTP contract of 0.1 and 0.2 for /healthz, /run, /files and /admin/tokens, statement by
statement, over real sockets."""

import json
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from clawdforge.testing.serving import RunningServer, running_server

Json = dict[str, Any]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    with running_server(tmp_path_factory.mktemp("contract"), log_level="error") as running:
        yield running


@pytest.fixture
def app(server: RunningServer) -> Iterator[httpx.Client]:
    headers = {"Authorization": f"Bearer {server.token}"}
    with httpx.Client(base_url=server.url, headers=headers, timeout=30) as client:
        yield client


@pytest.fixture
def admin(server: RunningServer) -> Iterator[httpx.Client]:
    headers = {"Authorization": f"Bearer {server.admin_token}"}
    with httpx.Client(base_url=server.url, headers=headers, timeout=30) as client:
        yield client


def is_error(reply: httpx.Response, status: int, code: str | None = None) -> None:
    body = reply.json()
    assert reply.status_code == status, body
    assert set(body) == {"ok", "error", "detail"}
    assert body["ok"] is False
    assert set(body["error"]) == {"code", "message"}
    assert body["detail"] == body["error"]["message"]
    if code is not None:
        assert body["error"]["code"] == code


def run(app: httpx.Client, prompt: str = "/echo hi", **more: Any) -> httpx.Response:
    return app.post("/run", json={"prompt": prompt, **more})


def upload(app: httpx.Client, data: bytes = b"data", name: str = "a.txt", **kw: Any) -> Json:
    reply = app.post("/files", files={"file": (name, data)}, **kw)
    assert reply.status_code == 200, reply.text
    body: Json = reply.json()
    return body


def make_app(server: RunningServer, admin: httpx.Client, name: str, **more: Any) -> httpx.Client:
    admin.delete(f"/admin/tokens/{name}")
    made = admin.post("/admin/tokens", json={"name": name, **more})
    assert made.status_code == 200, made.text
    headers = {"Authorization": f"Bearer {made.json()['token']}"}
    return httpx.Client(base_url=server.url, headers=headers, timeout=30)


def ledger_bytes(server: RunningServer) -> bytes:
    """Read by another process: closing the file in this one would drop SQLite's locks on it."""
    paths = [str(path) for path in server.data_dir.glob("ledger.sqlite3*")]
    return subprocess.run(["cat", *paths], capture_output=True, check=True).stdout


def expire_files(ledger: Path) -> None:
    """By another process, for the same reason."""
    script = (
        "import sqlite3, sys; ledger = sqlite3.connect(sys.argv[1]); "
        "ledger.execute('update files set expires_at = 1'); ledger.commit()"
    )
    subprocess.run([sys.executable, "-c", script, ledger], check=True)


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.01)


class TestHealthz:
    def test_keys_and_types(self, server: RunningServer) -> None:
        reply = httpx.get(f"{server.url}/healthz", headers={"Authorization": "Bearer"})
        body = reply.json()
        assert reply.status_code == 200
        assert set(body) == {
            "ok",
            "claude_present",
            "claude_version",
            "acpx_present",
            "acpx_version",
            "open_sessions",
        }
        assert body["ok"] is True
        assert body["open_sessions"] == 0
        for program in ("claude", "acpx"):
            version = body[f"{program}_version"]
            assert (version is None) == (not body[f"{program}_present"])


class TestRun:
    def test_exactly_four_keys(self, app: httpx.Client) -> None:
        reply = run(app)
        body = reply.json()
        assert set(body) == {"ok", "result", "duration_ms", "stop_reason"}
        assert body["ok"] is True
        assert body["result"] == "hi"
        assert body["stop_reason"] == "end_turn"
        assert type(body["duration_ms"]) is int
        assert reply.headers["x-run-id"].startswith("run_")

    @pytest.mark.parametrize("value", [{"a": [1, None]}, [1, 2], 7, True, None, "text", 1.5])
    def test_results_are_json_when_they_can_be(self, app: httpx.Client, value: Any) -> None:
        assert run(app, f"/json {json.dumps(value)}").json()["result"] == value
        assert run(app, f"/echo {json.dumps(value)}").json()["result"] == value

    def test_what_is_not_json_stays_text(self, app: httpx.Client) -> None:
        assert run(app, "/echo {not json").json()["result"] == "{not json"
        assert run(app, "/echo NaN").json()["result"] == "NaN"

    def test_failure_is_a_superset_at_the_top_level(self, app: httpx.Client) -> None:
        reply = run(app, "/fail because")
        body = reply.json()
        assert reply.status_code == 502
        assert set(body) >= {"ok", "error", "stderr", "duration_ms", "stop_reason"}
        assert body["ok"] is False
        assert body["error"].startswith("demo exit 1")
        assert body["stop_reason"] == "error"
        assert "demo agent" in body["stderr"]

    def test_an_agent_that_dies_is_a_failure(self, app: httpx.Client) -> None:
        body = run(app, "/exit 3").json()
        assert (body["ok"], body["error"], body["stop_reason"]) == (False, "demo exit 3", "error")

    def test_time_out(self, app: httpx.Client) -> None:
        reply = run(app, "/hang", timeout_secs=5)
        assert reply.status_code == 502
        assert reply.json()["stop_reason"] == "timeout"

    def test_a_missing_program_is_a_502_too(self, app: httpx.Client) -> None:
        reply = run(app, agent="claude")
        assert reply.status_code == 502
        assert reply.json()["stop_reason"] == "error"

    @pytest.mark.parametrize(
        "more",
        [
            {"model": None, "system": None, "system_mode": None, "effort": None, "files": None},
            {"model": "", "system": "", "timeout_secs": None, "agent": None},
            {"model": "opus", "system": "be brief", "system_mode": "replace", "effort": "max"},
            {"timeout_secs": 5},
            {"timeout_secs": 600},
            {"files": []},
            {"unknown": 1, "created_at": 0},
        ],
    )
    def test_accepted(self, app: httpx.Client, more: Json) -> None:
        assert run(app, **more).status_code == 200

    @pytest.mark.parametrize(
        "body",
        [
            {},
            {"prompt": None},
            {"prompt": ""},
            {"prompt": " \n\t"},
            {"prompt": 7},
            {"prompt": "nul \0"},
            {"prompt": "x", "timeout_secs": 4},
            {"prompt": "x", "timeout_secs": 601},
            {"prompt": "x", "timeout_secs": 0},
            {"prompt": "x", "timeout_secs": -5},
            {"prompt": "x", "timeout_secs": True},
            {"prompt": "x", "timeout_secs": "60"},
            {"prompt": "x", "timeout_secs": 60.0},
            {"prompt": "x", "timeout_secs": 10**400},
            {"prompt": "x", "effort": "huge"},
            {"prompt": "x", "system_mode": "prepend"},
            {"prompt": "x", "model": "--dangerously-skip-permissions"},
            {"prompt": "x", "model": "-p"},
            {"prompt": "x", "model": "a b"},
            {"prompt": "x", "model": 7},
            {"prompt": "x", "agent": "--help"},
            {"prompt": "x", "agent": "/bin/sh"},
            {"prompt": "x", "agent": "nobody"},
            {"prompt": "x", "files": "ff_x"},
            {"prompt": "x", "files": [7]},
            {"prompt": "x", "files": ["ff_x"] * 65},
            [],
            "text",
            7,
        ],
    )
    def test_refused(self, app: httpx.Client, body: Any) -> None:
        is_error(app.post("/run", json=body), 422)

    def test_an_unknown_agent_names_the_known(self, app: httpx.Client) -> None:
        reply = run(app, agent="nobody")
        is_error(reply, 422, "unknown_agent")
        assert "claude, demo" in reply.json()["detail"]

    def test_prompts_that_look_like_flags_are_prompts(self, app: httpx.Client) -> None:
        assert run(app, "--help -p --version").json()["ok"] is True

    @pytest.mark.parametrize(
        ("content", "status", "code"),
        [
            (b'{"prompt": "a", "prompt": "b"}', 422, "duplicate_key"),
            (b'{"prompt": "\xff"}', 422, "invalid_utf8"),
            (b'{"prompt": "\\ud800"}', 422, "invalid_request"),
            (b'{"prompt": "a", "timeout_secs": NaN}', 422, "invalid_json"),
            (b'{"prompt": ', 422, "invalid_json"),
            (b"", 422, None),
            (b"[" * 100_000, 422, "invalid_json"),
            (b'{"prompt": "' + b"x" * 10_000_000 + b'"}', 413, "body_too_large"),
        ],
    )
    def test_bodies_that_make_no_sense(
        self, app: httpx.Client, content: bytes, status: int, code: str | None
    ) -> None:
        headers = {"Content-Type": "application/json"}
        is_error(app.post("/run", content=content, headers=headers), status, code)

    def test_json_must_say_that_it_is(self, app: httpx.Client) -> None:
        is_error(app.post("/run", content=b'{"prompt": "x"}'), 415, "unsupported_media_type")

    def test_a_body_of_undeclared_length_is_bounded_too(self, app: httpx.Client) -> None:
        def endless() -> Iterator[bytes]:
            yield b'{"prompt": "'
            for _ in range(200):
                yield b"x" * 100_000

        headers = {"Content-Type": "application/json"}
        is_error(app.post("/run", content=endless(), headers=headers), 413, "body_too_large")

    def test_tokens(self, server: RunningServer) -> None:
        for headers in ({}, {"Authorization": "Bearer"}, {"Authorization": "Bearer cf_wrong"}):
            reply = httpx.post(f"{server.url}/run", json={"prompt": "x"}, headers=headers)
            is_error(reply, 401, "unauthorized")
            assert reply.headers["www-authenticate"] == "Bearer"

    def test_the_ledger_has_a_row_and_not_the_prompt(
        self, app: httpx.Client, server: RunningServer
    ) -> None:
        run_id = run(app, "/echo unmistakable-words").headers["x-run-id"]
        row = app.get(f"/runs/{run_id}").json()
        assert row["state"] == "done"
        assert row["prompt_bytes"] == len("/echo unmistakable-words")
        assert row["output_tokens"] == 1
        assert b"unmistakable-words" not in ledger_bytes(server)


class TestFiles:
    def test_reply(self, app: httpx.Client) -> None:
        body = upload(app, b"12345")
        assert set(body) == {"file_token", "ttl_secs", "size"}
        assert body["file_token"].startswith("ff_")
        assert (body["ttl_secs"], body["size"]) == (3600, 5)

    @pytest.mark.parametrize(
        ("asked", "given"), [(1, 60), (60, 60), (61, 61), (86400, 86400), (10**9, 86400), (-5, 60)]
    )
    def test_ttl_is_clamped(self, app: httpx.Client, asked: int, given: int) -> None:
        assert upload(app, params={"ttl_secs": asked})["ttl_secs"] == given
        form = app.post("/files", files={"file": ("a", b"x")}, data={"ttl_secs": str(asked)})
        assert form.json()["ttl_secs"] == given

    def test_ttl_that_is_no_number(self, app: httpx.Client) -> None:
        files = {"file": ("a", b"x")}
        is_error(app.post("/files", files=files, data={"ttl_secs": "soon"}), 422, "invalid_ttl")
        is_error(app.post("/files", files=files, params={"ttl_secs": "soon"}), 422)

    def test_bytes_survive(self, app: httpx.Client, server: RunningServer) -> None:
        data = bytes(range(256)) * 5000 + b"\r\n--boundary--\r\n\n\r"
        before = set((server.data_dir / "files").iterdir())
        upload(app, data, "weird.bin")
        (path,) = set((server.data_dir / "files").iterdir()) - before
        assert path.read_bytes() == data
        assert path.stat().st_mode & 0o777 == 0o600

    def test_attachments_are_staged_under_names_of_ours(self, app: httpx.Client) -> None:
        names = ["report.PDF", "../../etc/passwd", "a\\b.txt", 'quote".csv', "no-extension"]
        tokens = [upload(app, b"x", name)["file_token"] for name in names]
        listed = run(app, "/cwd", files=tokens).json()["result"].split("\n")
        assert listed == [
            "attachment-1.pdf",
            "attachment-2",
            "attachment-3.txt",
            "attachment-4.csv",
            "attachment-5",
        ]

    def test_foreign_unknown_and_expired_look_alike(
        self, app: httpx.Client, admin: httpx.Client, server: RunningServer
    ) -> None:
        token = upload(app)["file_token"]
        with make_app(server, admin, "other") as other:
            foreign = run(other, files=[token])
        unknown = run(app, files=["ff_unknown"])
        expire_files(server.data_dir / "ledger.sqlite3")
        expired = run(app, files=[token])
        for reply in (foreign, unknown, expired):
            is_error(reply, 404, "file_not_found")
        assert foreign.json() == unknown.json() == expired.json()

    @pytest.mark.parametrize(
        ("kind", "content"),
        [
            ("multipart/form-data", b"x"),
            ("multipart/form-data; boundary=b", b""),
            ("multipart/form-data; boundary=b", b"--b\r\n"),
            ("multipart/form-data; boundary=b", b"--c\r\n\r\nx\r\n--c--\r\n"),
            ("multipart/form-data; boundary=b", b"--b--\r\n"),
            (
                "multipart/form-data; boundary=b",
                b'--b\nContent-Disposition: form-data; name="file"; filename="a"\n\nx\n--b--\n',
            ),
            (
                "multipart/form-data; boundary=b",
                b'--b\r\nContent-Disposition: form-data; name="other"\r\n\r\nx\r\n--b--\r\n',
            ),
            ("application/json", b"{}"),
            ("", b""),
        ],
    )
    def test_forms_that_make_no_sense_leave_nothing(
        self, app: httpx.Client, server: RunningServer, kind: str, content: bytes
    ) -> None:
        before = set((server.data_dir / "files").iterdir())
        is_error(app.post("/files", content=content, headers={"Content-Type": kind}), 422)
        assert set((server.data_dir / "files").iterdir()) == before

    def test_an_upload_that_is_cut_off_leaves_nothing(
        self, server: RunningServer, caplog: pytest.LogCaptureFixture
    ) -> None:
        folder = server.data_dir / "files"
        before = set(folder.iterdir())
        host, port = server.url.removeprefix("http://").split(":")
        head = (
            f"POST /files HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {server.token}\r\n"
            "Content-Type: multipart/form-data; boundary=b\r\nContent-Length: 9000000\r\n\r\n"
            '--b\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\n'
        )
        with socket.create_connection((host, int(port))) as connection:
            connection.sendall(head.encode() + b"x" * 3_000_000)
            wait_until(lambda: set(folder.iterdir()) != before)
        wait_until(lambda: set(folder.iterdir()) == before)
        assert not [record for record in caplog.records if record.exc_info]

    def test_needs_a_token(self, server: RunningServer) -> None:
        is_error(httpx.post(f"{server.url}/files", files={"file": b"x"}), 401)


class TestUploadCap:
    def test_over_the_cap(self, tmp_path: Path) -> None:
        with running_server(tmp_path, max_upload_bytes=100_000, log_level="error") as server:
            headers = {"Authorization": f"Bearer {server.token}"}
            for size, status in ((100_000, 200), (100_001, 413), (1_000_000, 413)):
                reply = httpx.post(
                    f"{server.url}/files", files={"file": b"x" * size}, headers=headers
                )
                assert reply.status_code == status
            assert len(list((tmp_path / "files").iterdir())) == 1


class TestAdmin:
    def test_create_list_revoke(self, server: RunningServer, admin: httpx.Client) -> None:
        made = admin.post(
            "/admin/tokens",
            json={"name": "a-b_9", "ip_cidrs": ["127.0.0.0/8"], "created_at": 0, "token": None},
        )
        assert made.status_code == 200
        assert set(made.json()) == {"name", "token", "ip_cidrs"}
        token = made.json()["token"]
        assert token.startswith("cf_")
        (row,) = [r for r in admin.get("/admin/tokens").json()["tokens"] if r["name"] == "a-b_9"]
        assert row["ip_cidrs"] == ["127.0.0.0/8"]
        assert type(row["created_at"]) is int
        assert row.get("token") is None
        assert token.encode() not in ledger_bytes(server)
        is_error(admin.post("/admin/tokens", json={"name": "a-b_9"}), 409, "already_exists")
        headers = {"Authorization": f"Bearer {token}"}
        assert httpx.get(f"{server.url}/runs", headers=headers).status_code == 200
        gone = admin.delete("/admin/tokens/%61-b_9")
        assert (gone.status_code, gone.json()) == (200, {"ok": True})
        is_error(httpx.get(f"{server.url}/runs", headers=headers), 401)
        is_error(admin.delete("/admin/tokens/a-b_9"), 404, "not_found")

    @pytest.mark.parametrize(
        "body",
        [
            {},
            {"name": ""},
            {"name": " "},
            {"name": "Upper"},
            {"name": "a/b"},
            {"name": "a" * 65},
            {"name": "a\n"},
            {"name": 7},
            {"name": "a", "ip_cidrs": ["nonsense"]},
            {"name": "a", "ip_cidrs": "10.0.0.0/8"},
            {"name": "a", "ip_cidrs": [7]},
            {"name": "a", "scopes": ["root"]},
        ],
    )
    def test_refused(self, admin: httpx.Client, body: Json) -> None:
        is_error(admin.post("/admin/tokens", json=body), 422)

    def test_only_for_the_admin(self, app: httpx.Client) -> None:
        for reply in (
            app.get("/admin/tokens"),
            app.post("/admin/tokens", json={"name": "x"}),
            app.delete("/admin/tokens/local"),
        ):
            is_error(reply, 401)

    def test_a_new_app_of_an_old_name_inherits_nothing(
        self, server: RunningServer, admin: httpx.Client
    ) -> None:
        with make_app(server, admin, "again") as old:
            token = upload(old)["file_token"]
            run_id = run(old).headers["x-run-id"]
        with make_app(server, admin, "again") as new:
            is_error(run(new, files=[token]), 404)
            is_error(new.get(f"/runs/{run_id}"), 404)
            assert new.get("/runs").json()["runs"] == []

    def test_an_app_can_be_bound_to_networks(
        self, server: RunningServer, admin: httpx.Client
    ) -> None:
        with make_app(server, admin, "far", ip_cidrs=["10.9.0.0/16"]) as far:
            is_error(run(far), 403, "peer_not_allowed")
        with make_app(server, admin, "near", ip_cidrs=["127.0.0.1"]) as near:
            assert run(near).status_code == 200


class TestDoor:
    @pytest.mark.parametrize(
        ("host", "status"),
        [
            ("localhost:1", 200),
            ("127.0.0.1", 200),
            ("[::1]:80", 200),
            ("192.168.1.7:8800", 200),
            ("evil.example", 421),
            ("localhost.evil.example", 421),
            ("", 421),
        ],
    )
    def test_host(self, app: httpx.Client, host: str, status: int) -> None:
        assert app.get("/runs", headers={"Host": host}).status_code == status

    @pytest.mark.parametrize("origin", ["https://evil.example", "null", "http://localhost:1"])
    def test_foreign_web_pages(self, app: httpx.Client, origin: str) -> None:
        is_error(app.get("/runs", headers={"Origin": origin}), 403, "origin_not_allowed")

    def test_own_web_pages(self, app: httpx.Client, server: RunningServer) -> None:
        assert app.get("/runs", headers={"Origin": server.url}).status_code == 200

    def test_request_ids(self, app: httpx.Client) -> None:
        assert app.get("/runs", headers={"X-Request-Id": "mine-1"}).headers["x-request-id"] == (
            "mine-1"
        )
        made = app.get("/runs", headers={"X-Request-Id": "no good!"}).headers["x-request-id"]
        assert len(made) == 32

    def test_what_is_not_there(self, app: httpx.Client) -> None:
        is_error(app.get("/nothing"), 404, "not_found")
        is_error(app.get("/run"), 405, "method_not_allowed")
        is_error(app.get("/docs"), 404)
        is_error(app.get("/runs/"), 404)

    def test_ready_metrics_and_document(
        self, app: httpx.Client, admin: httpx.Client, server: RunningServer
    ) -> None:
        assert httpx.get(f"{server.url}/readyz").json() == {"ok": True, "problem": None}
        assert "clawdforge_http_requests_total" in admin.get("/metrics").text
        is_error(httpx.get(f"{server.url}/metrics"), 401)
        published = json.loads(Path("docs/openapi.json").read_text())
        assert httpx.get(f"{server.url}/openapi.json").json() == published

    def test_paging(self, app: httpx.Client) -> None:
        for _ in range(3):
            run(app)
        seen: list[str] = []
        page = app.get("/runs?limit=2").json()
        while True:
            seen += [row["run_id"] for row in page["runs"]]
            if page["next"] is None:
                break
            page = app.get("/runs", params={"limit": 2, "before": page["next"]}).json()
        assert len(seen) == len(set(seen)) >= 3
        is_error(app.get("/runs?before=x"), 422, "invalid_cursor")
        is_error(app.get("/runs?limit=0"), 422)
