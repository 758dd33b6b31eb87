"""What was done and what it cost, over HTTP: for an app its own, for the admin all."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from clawdforge.client import Client
from clawdforge.testing.serving import RunningServer, running_server

Json = dict[str, Any]


@dataclass
class Door:
    """The server, with a token."""

    url: str
    token: str

    def get(self, path: str, **params: Any) -> Json:
        reply = self.ask(path, **params)
        assert reply.status_code == 200, reply.text
        value: Json = reply.json()
        return value

    def ask(self, path: str, **params: Any) -> httpx.Response:
        headers = {"Authorization": f"Bearer {self.token}"}
        return httpx.get(f"{self.url}{path}", params=params, headers=headers, timeout=20)


@dataclass
class Stage:
    shop: Door
    bakery: Door
    admin: Door


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """The shop had a run and two turns, of which one failed; the bakery a run."""
    with running_server(tmp_path_factory.mktemp("history")) as server:
        yield filled(server)


def filled(server: RunningServer) -> Stage:
    with Client(server.url, admin_token=server.admin_token, environ={}) as admin:
        shop, bakery = (admin.create_token(name).token for name in ("shop", "bakery"))
    with Client(server.url, shop, environ={}) as client:
        client.run("/echo one")
        with client.create_session(agent="demo") as session:
            session.turn("/usage")
            with pytest.raises(Exception, match="told to fail"):
                session.turn("/fail it was told to fail")
    with Client(server.url, bakery, environ={}) as client:
        client.run("/echo two")
    doors = (Door(server.url, token) for token in (shop, bakery, server.admin_token))
    return Stage(*doors)


def test_an_app_sees_its_own_work(stage: Stage) -> None:
    found = stage.shop.get("/history")
    assert (found["count"], found["next"]) == (3, None)
    assert {row["app_name"] for row in found["work"]} == {"shop"}
    assert sorted((row["kind"], row["state"]) for row in found["work"]) == [
        ("run", "done"),
        ("turn", "done"),
        ("turn", "failed"),
    ]
    assert [row["app_name"] for row in stage.bakery.get("/history")["work"]] == ["bakery"]


def test_the_admin_sees_all_work_and_chooses(stage: Stage) -> None:
    assert stage.admin.get("/admin/history")["count"] == 4
    assert stage.admin.get("/admin/history", app="shop")["count"] == 3
    assert stage.admin.get("/admin/history", kind="run")["count"] == 2
    (failed,) = stage.admin.get("/admin/history", state="failed")["work"]
    assert (failed["app_name"], failed["turn"]) == ("shop", 2)
    assert failed["id"] == f"{failed['session_id']}-2"
    assert stage.admin.get("/admin/history", agent="claude")["count"] == 0


def test_work_is_read_page_by_page(stage: Stage) -> None:
    seen: list[str] = []
    before = None
    while True:
        page = stage.admin.get("/admin/history", limit=3, **({"before": before} if before else {}))
        seen += [row["id"] for row in page["work"]]
        before = page["next"]
        if before is None:
            break
    assert len(seen) == len(set(seen)) == 4


@pytest.mark.parametrize("by", ["hour", "day"])
def test_usage_is_added_up(stage: Stage, by: str) -> None:
    (row,) = stage.shop.get("/usage", by=by)["usage"]
    assert (row["app_name"], row["agent"]) == ("shop", "demo")
    assert (row["runs"], row["turns"], row["failed"]) == (1, 2, 1)
    assert row["cost_microusd"] == 250_000
    assert row["begins_at"] % 3600 == 0
    rows = stage.admin.get("/admin/usage", by=by)["usage"]
    assert sorted(one["app_name"] for one in rows) == ["bakery", "shop"]


def test_days_are_those_of_the_caller(stage: Stage) -> None:
    (row,) = stage.shop.get("/usage", offset_mins=-90)["usage"]
    assert (row["begins_at"] - 90 * 60) % 86_400 == 0
    assert stage.shop.get("/usage", since=2**40)["usage"] == []


def test_the_audit_is_the_admins(stage: Stage) -> None:
    page = stage.admin.get("/admin/audit", action="app", limit=1)
    (entry,) = page["entries"]
    assert (entry["action"], entry["subject"], entry["actor"]) == ("app.create", "bakery", "admin")
    rest = stage.admin.get("/admin/audit", action="app", before=page["next"])["entries"]
    assert [one["subject"] for one in rest] == ["shop", "local"]
    assert stage.admin.get("/admin/audit", actor="app:shop")["count"] > 0


def test_limits_tell_how_far_they_are_used(stage: Stage) -> None:
    limits = {row["name"]: row for row in stage.admin.get("/limits")["limits"]}
    assert limits["max_active_agents"]["limit"] == 8
    assert limits["max_live_sessions"]["used"] == 0
    assert limits["max_timeout_secs"]["used"] is None


@pytest.mark.parametrize("path", ["/admin/history", "/admin/usage", "/admin/audit", "/limits"])
def test_what_is_of_all_is_not_for_apps(stage: Stage, path: str) -> None:
    assert stage.shop.ask(path).status_code in {401, 403}


@pytest.mark.parametrize(
    ("path", "params"),
    [
        ("/history", {"limit": 0}),
        ("/history", {"limit": 201}),
        ("/history", {"before": "x"}),
        ("/history", {"kind": "walk"}),
        ("/usage", {"by": "year"}),
        ("/usage", {"since": -1}),
        ("/usage", {"since": 2**60}),
        ("/usage", {"offset_mins": 10_000}),
    ],
)
def test_what_makes_no_sense_is_refused(stage: Stage, path: str, params: Json) -> None:
    assert stage.shop.ask(path, **params).status_code == 422
