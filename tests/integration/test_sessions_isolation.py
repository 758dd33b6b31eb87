"""No app sees or touches another's sessions, by any route that there is."""

from collections.abc import Iterator, Mapping
from typing import Any

import httpx
import pytest
from sessions_http import App, Json, Server, code_of, serving, text_of, well

from clawdforge.http.app import ROUTERS
from clawdforge.http.strict import AppRoute

NOBODYS = "00000000-0000-0000-0000-000000000000"
BODIES: dict[tuple[str, str], Json] = {
    ("POST", "/sessions/{session_id}/turn"): {"prompt": "/echo got in"},
    ("PATCH", "/sessions/{session_id}"): {"model": "got-in"},
    ("POST", "/permissions/{permission_id}"): {"decision": "allow"},
    ("POST", "/sessions/{session_id}/attach"): {"pid": 1, "start": 1},
}
"""What a route needs beyond an empty object, so that it looks for the thing at all."""
SCOPES = ("run", "adopt")
"""So that it is not the scope that keeps an app away."""
NOTHING: dict[str, Any] = {
    "session_id": NOBODYS,
    "permission_id": "pm_nobodys",
    "approval_id": "ap_nobodys",
    "run_id": NOBODYS,
    "number": 1,
}
"""For all names that stand in paths: who adds another one says here what it can be."""


def operations() -> list[tuple[str, str]]:
    """Every operation on something that has an owner: also those that will come."""
    return [
        (method, route.path_format)
        for router in ROUTERS
        for route in router.routes
        if isinstance(route, AppRoute)
        and "{" in route.path_format
        and not route.path_format.startswith("/monitor/")  # the machine's, not an app's
        for method in sorted(route.methods or ())
    ]


def app_routes() -> list[tuple[str, str]]:
    """Every operation that takes an app's token."""
    return [
        (method, route.path_format)
        for router in ROUTERS
        for route in router.routes
        if isinstance(route, AppRoute)
        for method in sorted(route.methods or ())
    ]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with serving(tmp_path_factory.mktemp("isolation")) as server:
        yield server


@pytest.fixture
def app(server: Server) -> Iterator[App]:
    with server.app(scopes=SCOPES) as app:
        yield app


@pytest.fixture
def other(server: Server) -> Iterator[App]:
    with server.app(scopes=SCOPES) as app:
        yield app


class Owned:
    """A session at work, with a question, of somebody."""

    def __init__(self, app: App) -> None:
        self.app = app
        self.session = app.create(permissions="ask", meta={"mine": True})
        app.said(self.session, "/remember blue")
        app.begin(self.session, "/ask touch a.txt")
        run = app.post("/run", {"prompt": "/echo a run"}).headers["x-run-id"]
        permission = app.question()["permission_id"]
        names = {"session_id": self.session, "permission_id": permission, "run_id": run}
        self.names: dict[str, Any] = {**NOTHING, **names}

    def state(self) -> Any:
        return self.app.row(self.session), self.app.events(self.session)


@pytest.fixture
def owned(app: App) -> Owned:
    return Owned(app)


def call(app: App, method: str, path: str, names: Mapping[str, Any]) -> httpx.Response:
    content: Json = {} if method in {"GET", "DELETE"} else {"json": BODIES.get((method, path), {})}
    return app.http.request(method, path.format(**names), **content)


def test_the_routes_are_those_that_the_document_tells(app: App) -> None:
    paths = well(app.get("/openapi.json"))["paths"]
    told = {
        (method.upper(), path)
        for path, methods in paths.items()
        for method, about in methods.items()
        if {"app": []} in about.get("security", [])
    }
    assert told == set(app_routes())
    assert len(operations()) >= 13


@pytest.mark.parametrize(("method", "path"), operations())
def test_another_apps_things_are_as_if_they_were_not_there(
    owned: Owned, other: App, method: str, path: str
) -> None:
    before = owned.state()
    foreign = call(other, method, path, owned.names)
    assert code_of(foreign) == (404, "not_found")
    unknown = call(other, method, path, NOTHING)
    assert foreign.json() == unknown.json()
    assert owned.state() == before


@pytest.mark.parametrize(("method", "path"), operations())
def test_that_holds_for_sessions_that_are_closed_or_asleep(
    app: App, other: App, method: str, path: str
) -> None:
    session = app.create()
    app.said(session, "/echo hi")
    app.close(session)
    foreign = call(other, method, path, {**NOTHING, "session_id": session})
    assert code_of(foreign) == (404, "not_found")


def test_lists_are_of_ones_own(owned: Owned, other: App) -> None:
    assert well(other.get("/sessions")) == {"sessions": [], "count": 0, "next": None}
    assert well(other.get("/permissions", state="all")) == {"permissions": [], "count": 0}
    page = well(other.get("/sessions", limit=1))
    assert page["count"] == 0
    rows = well(owned.app.get("/sessions"))["sessions"]
    assert [row["session_id"] for row in rows] == [owned.session]


def test_a_cursor_of_another_app_leads_nowhere(app: App, other: App) -> None:
    for _ in range(3):
        app.create()
    cursor = well(app.get("/sessions", limit=1))["next"]
    assert well(other.get("/sessions", before=cursor))["count"] == 0


@pytest.mark.parametrize(("method", "path"), app_routes())
def test_without_a_valid_token_nothing_is_told(
    server: Server, app: App, method: str, path: str
) -> None:
    for token in (None, "", "Bearer", "Bearer cf_wrong", f"Basic {app.token}"):
        headers = {} if token is None else {"Authorization": token}
        url = server.url + path.format(**NOTHING)
        with httpx.Client(verify=False, trust_env=False) as client:
            reply = client.request(method, url, headers=headers, content=b"{" * 10)
        assert code_of(reply) == (401, "unauthorized")


def test_the_admin_token_is_no_apps_token(server: Server, app: App) -> None:
    session = app.create()
    headers = {"Authorization": f"Bearer {server.admin_token}"}
    reply = app.http.get(f"/sessions/{session}", headers=headers)
    assert reply.status_code == 401


def test_an_app_of_the_same_name_does_not_inherit(server: Server) -> None:
    admin = {"Authorization": f"Bearer {server.admin_token}"}
    first = server.new_app()
    with first.http:
        session = first.create()
        assert first.said(session, "/remember blue") == "remembered blue"
        first.close(session)
        first.http.delete(f"/admin/tokens/{first.name}", headers=admin).raise_for_status()
        assert first.get(f"/sessions/{session}").status_code == 401
        made = first.http.post("/admin/tokens", json={"name": first.name}, headers=admin)
        second = App(server.url, well(made)["token"], first.name)
    with second.http:
        assert code_of(second.get(f"/sessions/{session}")) == (404, "not_found")
        assert well(second.get("/sessions"))["count"] == 0


def test_a_token_without_the_scope_may_nothing(server: Server, app: App) -> None:
    session = app.create()
    admin = {"Authorization": f"Bearer {server.admin_token}"}
    body = {"name": "watcher", "scopes": ["metrics"]}
    made = well(app.http.post("/admin/tokens", json=body, headers=admin))
    watcher = App(server.url, made["token"], "watcher")
    with watcher.http:
        for method, path in operations():
            reply = call(watcher, method, path, {**NOTHING, "session_id": session})
            assert code_of(reply) == (403, "scope_missing"), path


def test_what_was_said_in_one_session_is_not_known_in_another(app: App, server: Server) -> None:
    one, two = app.create(), app.create()
    app.said(one, "/remember blue")
    assert app.said(two, "/recall") == "(nothing)"
    (server.work(one) / "private.txt").write_text("private")
    assert app.said(two, "/cwd") == "(empty)"
    reply = app.turn(one, "/echo hi")
    assert text_of(well(reply)) == "hi"


@pytest.mark.parametrize("name", ["../x", "%2e%2e%2fx", "x" * 200, "a b", "é", "';--", "%00"])
def test_ids_that_cannot_be_are_not_there(app: App, name: str) -> None:
    for method, path in operations():
        if "{session_id}" not in path:
            continue
        reply = call(app, method, path, {**NOTHING, "session_id": name})
        assert reply.status_code in {404, 405}, (method, path, reply.text)
