"""How a browser logs in, what its cookie may do, and what the page is sent with."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest

from clawdforge.client import Client
from clawdforge.http.browser_login import KEY_HEADER
from clawdforge.testing.serving import RunningServer, running_server

MAX_PAGE_BYTES = 100_000
MAX_UNPACKED_BYTES = 200 * 1024


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    with running_server(tmp_path_factory.mktemp("page")) as server:
        yield server


@dataclass
class Browser:
    """A browser as the server sees it: a jar of cookies, and the page's key."""

    url: str
    http: httpx.Client
    key: str = field(default="none", repr=False)

    def send(self, method: str, path: str, **more: Any) -> httpx.Response:
        headers = {KEY_HEADER: self.key, "Origin": self.url, **more.pop("headers", {})}
        return self.http.request(method, path, headers=headers, **more)

    def log_in(self, **proof: str) -> httpx.Response:
        reply = self.send("POST", "/login", json=proof)
        if reply.is_success:
            self.key = reply.json()["key"]
        return reply


@pytest.fixture
def browser(server: RunningServer) -> Iterator[Browser]:
    with httpx.Client(base_url=server.url, timeout=20) as http:
        yield Browser(server.url, http)


def code_of(server: RunningServer) -> str:
    with Client(server.url, server.token, admin_token=server.admin_token, environ={}) as client:
        link = client.page_link()
    address, _, code = link.url.partition("/#code=")
    assert address == server.url
    assert link.expires_in_secs == 120
    return code


def app_of(server: RunningServer, name: str, *scopes: str) -> str:
    with Client(server.url, admin_token=server.admin_token, environ={}) as client:
        return client.create_token(name, scopes=scopes).token


def error_of(reply: httpx.Response) -> tuple[int, str]:
    return reply.status_code, reply.json()["error"]["code"]


# --- the page ---------------------------------------------------------------------------------


def test_the_page_is_sent_with_a_strict_policy(browser: Browser) -> None:
    for path in ("/", "/page/main.js", "/page/base.css", "/page/icon.svg", "/favicon.ico"):
        reply = browser.http.get(path)
        assert reply.status_code == 200
        policy = reply.headers["Content-Security-Policy"].split("; ")
        assert policy[:5] == [
            "default-src 'none'",
            "script-src 'self'",
            "style-src 'self'",
            "img-src 'self'",
            "connect-src 'self'",
        ]
        assert "frame-ancestors 'none'" in policy
        assert "unsafe" not in reply.headers["Content-Security-Policy"]
        assert reply.headers["X-Frame-Options"] == "DENY"
        assert reply.headers["X-Content-Type-Options"] == "nosniff"
        assert reply.headers["Referrer-Policy"] == "no-referrer"
        assert "set-cookie" not in reply.headers


def test_the_page_has_no_inline_script_or_style(browser: Browser) -> None:
    html = browser.http.get("/").text
    assert "<style" not in html
    assert " style=" not in html
    assert "<script>" not in html
    assert "http:" not in html
    assert "https:" not in html


def test_the_page_is_light(browser: Browser) -> None:
    folder = Path(__file__).parent.parent.parent / "src" / "clawdforge" / "http" / "page"
    names = ["", *(f"page/{path.name}" for path in folder.iterdir())]
    sent = {}
    for name in names:
        with browser.http.stream("GET", f"/{name}", headers={"Accept-Encoding": "gzip"}) as reply:
            assert reply.headers["Content-Encoding"] == "gzip"
            sent[name] = len(b"".join(reply.iter_raw()))
    assert sum(sent.values()) < MAX_PAGE_BYTES, sent
    sizes = {path.name: path.stat().st_size for path in folder.iterdir()}
    assert sum(sizes.values()) < MAX_UNPACKED_BYTES, sizes


def test_who_takes_no_gzip_gets_none(browser: Browser) -> None:
    reply = browser.http.get("/page/main.js", headers={"Accept-Encoding": "identity"})
    assert "Content-Encoding" not in reply.headers
    assert reply.text == browser.http.get("/page/main.js").text


def test_data_becomes_text_and_nothing_else() -> None:
    folder = Path(__file__).parent.parent.parent / "src" / "clawdforge" / "http" / "page"
    for path in folder.glob("*.js"):
        text = path.read_text()
        for word in ("innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval("):
            if path.name != "dom.js":
                assert word not in text, path.name


def test_what_is_known_is_not_sent_again(browser: Browser) -> None:
    first = browser.http.get("/page/main.js")
    known = {"If-None-Match": first.headers["ETag"]}
    assert browser.http.get("/page/main.js", headers=known).status_code == 304


@pytest.mark.parametrize("name", ["nothing.js", "..%2fapp.py", "%2e%2e/app.py", "__init__.py"])
def test_nothing_else_is_sent(browser: Browser, name: str) -> None:
    assert browser.http.get(f"/page/{name}").status_code == 404


# --- logging in -------------------------------------------------------------------------------


def test_a_code_logs_in_once(browser: Browser, server: RunningServer) -> None:
    code = code_of(server)
    reply = browser.log_in(code=code)
    assert reply.json()["app"] == {"name": "local", "scopes": ["run", "metrics"]}
    assert reply.json()["admin"] is True
    assert error_of(browser.log_in(code=code)) == (401, "code_invalid")
    assert browser.send("GET", "/sessions").status_code == 200
    assert browser.send("GET", "/admin/tokens").status_code == 200


def test_the_cookie_is_for_this_page_alone(browser: Browser, server: RunningServer) -> None:
    cookie = browser.log_in(token=server.token).headers["Set-Cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=strict" in cookie
    assert "path=/" in cookie
    assert "domain" not in cookie
    assert "secure" not in cookie  # plain http, as on this machine
    again = browser.send(
        "POST", "/login", json={"token": server.token}, headers={"Origin": server.url}
    )
    assert again.is_success


def test_who_is_not_logged_in_is_told_so(browser: Browser) -> None:
    assert error_of(browser.send("GET", "/login")) == (401, "not_logged_in")
    assert error_of(browser.send("GET", "/sessions")) == (401, "unauthorized")


@pytest.mark.parametrize(
    "proof", [{"token": "cf_wrong"}, {"code": "wrong"}, {"token": ""}, {"token": " "}]
)
def test_a_wrong_proof_opens_nothing(browser: Browser, proof: dict[str, str]) -> None:
    reply = browser.log_in(**proof)
    assert reply.status_code == 401
    assert "set-cookie" not in reply.headers


def test_a_login_needs_a_proof(browser: Browser) -> None:
    assert browser.log_in().status_code == 422


def test_codes_are_given_for_tokens_only(server: RunningServer) -> None:
    for tokens in ([], ["cf_wrong"], [server.token, "cf_wrong"]):
        reply = httpx.post(f"{server.url}/login/codes", json={"tokens": tokens})
        assert reply.status_code in {401, 422}


def test_another_token_adds_its_rights(browser: Browser, server: RunningServer) -> None:
    browser.log_in(token=server.token)
    assert browser.send("GET", "/admin/tokens").status_code == 401
    before = browser.key
    reply = browser.log_in(token=server.admin_token)
    assert (reply.json()["app"]["name"], reply.json()["admin"]) == ("local", True)
    assert browser.send("GET", "/admin/tokens").status_code == 200
    assert browser.send("GET", "/sessions").status_code == 200
    browser.key = before
    assert browser.send("GET", "/sessions").status_code == 401


# --- what a login may do ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("scopes", "allowed"),
    [
        (("run",), {"/sessions", "/permissions", "/history", "/usage", "/agents"}),
        (("monitor",), {"/monitor/sessions"}),
        (("metrics",), {"/metrics", "/limits"}),
    ],
)
def test_a_login_has_the_rights_of_its_token(
    browser: Browser, server: RunningServer, scopes: tuple[str, ...], allowed: set[str]
) -> None:
    token = app_of(server, f"only-{scopes[0]}", *scopes)
    browser.log_in(token=token)
    paths = ["/sessions", "/permissions", "/history", "/usage", "/agents", "/monitor/sessions"]
    paths += ["/metrics", "/limits", "/admin/tokens", "/admin/usage", "/admin/audit"]
    for path in paths:
        by_cookie = browser.send("GET", path).status_code
        by_token = httpx.get(
            f"{server.url}{path}", headers={"Authorization": f"Bearer {token}"}
        ).status_code
        assert by_cookie == by_token, path
        assert (by_cookie == 200) is (path in allowed), path


def test_an_admin_is_no_app(browser: Browser, server: RunningServer) -> None:
    browser.log_in(token=server.admin_token)
    assert browser.send("GET", "/sessions").status_code == 401
    assert browser.send("GET", "/monitor/sessions").status_code == 200
    assert browser.send("GET", "/admin/history").status_code == 200


@pytest.mark.parametrize("method", ["GET", "POST", "PATCH", "DELETE"])
@pytest.mark.parametrize("headers", [{}, {KEY_HEADER: "none"}, {KEY_HEADER: "x" * 43}])
def test_a_cookie_alone_opens_nothing(
    browser: Browser, server: RunningServer, method: str, headers: dict[str, str]
) -> None:
    browser.log_in(token=server.token)
    session = browser.send("POST", "/sessions", json={}).json()["session_id"]
    path = "/sessions" if method in {"GET", "POST"} else f"/sessions/{session}"
    body: dict[str, Any] = {} if method in {"GET", "DELETE"} else {"json": {}}
    assert browser.http.request(method, path, headers=headers, **body).status_code == 401


def test_a_page_of_another_origin_is_refused(browser: Browser, server: RunningServer) -> None:
    browser.log_in(token=server.token)
    foreign = {"Origin": "https://evil.example"}
    assert error_of(browser.send("GET", "/sessions", headers=foreign)) == (
        403,
        "origin_not_allowed",
    )
    preflight = browser.http.options(
        "/sessions", headers={**foreign, "Access-Control-Request-Headers": KEY_HEADER}
    )
    assert preflight.status_code == 403
    assert "access-control-allow-origin" not in preflight.headers


def test_only_the_page_logs_in(browser: Browser, server: RunningServer) -> None:
    reply = browser.http.post("/login", json={"token": server.token})
    assert error_of(reply) == (403, "page_header_missing")
    form = browser.http.post("/login", data={"token": server.token}, headers={KEY_HEADER: "none"})
    assert form.status_code == 415


def test_a_token_in_the_request_counts_alone(browser: Browser, server: RunningServer) -> None:
    browser.log_in(token=server.admin_token)
    own = {"Authorization": f"Bearer {server.token}"}
    assert browser.send("GET", "/sessions", headers=own).status_code == 200
    assert browser.send("GET", "/admin/tokens", headers=own).status_code == 401
    wrong = {"Authorization": "Bearer cf_wrong"}
    assert browser.send("GET", "/admin/tokens", headers=wrong).status_code == 401


def test_a_revoked_token_ends_its_logins(browser: Browser, server: RunningServer) -> None:
    browser.log_in(token=app_of(server, "short-lived", "run"))
    assert browser.send("GET", "/sessions").status_code == 200
    with Client(server.url, admin_token=server.admin_token, environ={}) as client:
        client.revoke_token("short-lived")
    assert browser.send("GET", "/sessions").status_code == 401
    assert error_of(browser.send("GET", "/login")) == (401, "not_logged_in")


def test_who_logs_out_is_out(browser: Browser, server: RunningServer) -> None:
    browser.log_in(token=server.token)
    cookies = dict(browser.http.cookies)
    reply = browser.send("DELETE", "/login")
    assert reply.is_success
    assert not browser.http.cookies
    for name, value in cookies.items():
        browser.http.cookies.set(name, value)
    assert browser.send("GET", "/sessions").status_code == 401


def test_streams_take_the_cookie_too(browser: Browser, server: RunningServer) -> None:
    browser.log_in(token=server.token)
    session = browser.send("POST", "/sessions", json={}).json()["session_id"]
    browser.send("POST", f"/sessions/{session}/turn", json={"prompt": "/echo hello"})
    browser.send("DELETE", f"/sessions/{session}")
    reply = browser.send(
        "GET", f"/sessions/{session}/events", headers={"Accept": "text/event-stream"}
    )
    assert "event: turn_ended" in reply.text
    bare = {"Accept": "text/event-stream"}
    assert browser.http.get(f"/sessions/{session}/events", headers=bare).status_code == 401


def test_logins_are_in_the_audit(browser: Browser, server: RunningServer) -> None:
    browser.log_in(code=code_of(server))
    found = browser.send("GET", "/admin/audit?action=login&limit=1").json()["entries"]
    assert [(one["action"], one["actor"], one["subject"]) for one in found] == [
        ("login.begin", "app:local", "admin")
    ]
    assert found[0]["peer"] == "127.0.0.1"


def test_a_restart_logs_nobody_out(tmp_path: Path) -> None:
    with running_server(tmp_path) as server, httpx.Client(base_url=server.url) as http:
        first = Browser(server.url, http)
        first.log_in(token=server.token)
        cookies = dict(http.cookies)
    kept = tmp_path / "browser-logins.json"
    assert kept.stat().st_mode & 0o077 == 0
    with (
        running_server(tmp_path) as server,
        httpx.Client(base_url=server.url, cookies=cookies) as http,
    ):
        second = Browser(server.url, http, first.key)
        assert second.send("GET", "/sessions").status_code == 200
        second.send("DELETE", "/login")
        assert second.send("GET", "/sessions").status_code == 401
