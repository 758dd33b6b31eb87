"""The contract of 0.2 for sessions, through the fixture `client` that its own tests use.

A file of such tests, written for clawdforge 0.2, can be put beside these and must pass unchanged:
so this one uses the fixture as that one would, its private names included.
"""

import asyncio
import time
import uuid
from typing import Any

import httpx
import pytest

from clawdforge.acpx_runner import (
    _extract_stop_reason,
    _format_prompt_with_files,
    _parse_ndjson,
)
from clawdforge.runner import RunResult

Json = dict[str, Any]
Pair = tuple[httpx.Client, Json]

ROW_KEYS = {
    "session_id",
    "agent",
    "created_at",
    "turn_count",
    "last_turn_at",
    "closed_at",
    "live",
    "meta",
}


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def create(client: Pair, token: str | None = None, **body: Any) -> str:
    tc, ctx = client
    reply = tc.post("/sessions", json=body, headers=bearer(token or ctx["app_token"]))
    assert reply.status_code == 200, reply.text
    session_id: str = reply.json()["session_id"]
    return session_id


def sweep(ctx: Json) -> Json:
    swept: Json = asyncio.get_event_loop().run_until_complete(ctx["server"]._sweep_once())
    return swept


def events_of(ctx: Json, session_id: str) -> list[str]:
    return [event["event"] for event in ctx["store"].list_session_events(session_id)]


def age(ctx: Json, session_id: str, column: str, secs: int) -> None:
    with ctx["store"]._conn() as connection:
        connection.execute(
            f"UPDATE sessions SET {column} = ? WHERE session_id = ?",
            (int(time.time()) - secs, session_id),
        )


def test_a_session_is_made_and_its_row_can_be_read_from_the_store(client: Pair) -> None:
    tc, ctx = client
    body = {"agent": "claude", "meta": {"job": 7, "tags": ["a"]}, "unknown": "ignored"}
    reply = tc.post("/sessions", json=body, headers=bearer(ctx["app_token"]))
    assert reply.status_code == 200
    made = reply.json()
    assert made["ok"] is True
    assert made["agent"] == "claude"
    assert str(uuid.UUID(made["session_id"])) == made["session_id"]
    assert abs(made["created_at"] - time.time()) < 60
    assert made["model"] is None
    row = ctx["store"].get_session(made["session_id"])
    assert row["app_name"] == ctx["app_name"]
    assert row["meta"] == {"job": 7, "tags": ["a"]}
    assert ctx["store"].get_session("00000000-0000-0000-0000-000000000000") is None


def test_an_empty_object_is_a_session_of_claude(client: Pair) -> None:
    tc, ctx = client
    reply = tc.post("/sessions", json={}, headers=bearer(ctx["app_token"]))
    assert reply.status_code == 200
    assert reply.json()["agent"] == "claude"
    assert ctx["store"].get_session(reply.json()["session_id"])["meta"] is None


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/sessions"),
        ("GET", "/sessions"),
        ("GET", "/sessions/x"),
        ("POST", "/sessions/x/turn"),
        ("DELETE", "/sessions/x"),
    ],
)
@pytest.mark.parametrize("headers", [{}, {"Authorization": "Bearer cf_wrong"}])
def test_without_a_token_there_is_nothing(
    client: Pair, method: str, path: str, headers: dict[str, str]
) -> None:
    tc, _ = client
    assert tc.request(method, path, headers=headers).status_code == 401


def test_a_turn_hands_through_what_the_manager_gave_unchanged(client: Pair) -> None:
    tc, ctx = client
    session_id = create(client)
    raw = [
        {"jsonrpc": "2.0", "method": "session/update", "params": {"sessionUpdate": "odd", "n": 1}},
        {"jsonrpc": "2.0", "id": 2, "result": {"stopReason": "end_turn"}},
    ]
    ctx["fake_acpx"].next_turn_events = raw
    url = f"/sessions/{session_id}/turn"
    reply = tc.post(url, json={"prompt": "hi"}, headers=bearer(ctx["app_token"]))
    assert reply.status_code == 200
    body = reply.json()
    assert set(body) == {
        "ok",
        "session_id",
        "turn_index",
        "events",
        "stop_reason",
        "duration_ms",
    }
    assert body["ok"] is True
    assert body["session_id"] == session_id
    assert body["turn_index"] == 1
    assert body["events"] == raw
    assert body["stop_reason"] == "end_turn"
    assert isinstance(body["duration_ms"], int)
    state = tc.get(f"/sessions/{session_id}", headers=bearer(ctx["app_token"])).json()
    assert state["turn_count"] == 1
    assert isinstance(state["last_turn_at"], int)
    second = tc.post(url, json={"prompt": "/echo me"}, headers=bearer(ctx["app_token"])).json()
    assert second["turn_index"] == 2
    assert second["events"] == [{"type": "text", "content": "me"}]


def test_every_key_of_a_session_is_there_from_the_start(client: Pair) -> None:
    tc, ctx = client
    session_id = create(client, meta={"a": 1}, model="some-model")
    state = tc.get(f"/sessions/{session_id}", headers=bearer(ctx["app_token"])).json()
    assert set(state) >= ROW_KEYS | {"ok", "app_name", "model"}
    assert state["turn_count"] == 0
    assert state["last_turn_at"] is None
    assert state["closed_at"] is None
    assert state["live"] is False
    assert state["meta"] == {"a": 1}
    assert state["model"] == "some-model"


def test_another_apps_session_is_not_there(client: Pair) -> None:
    tc, ctx = client
    session_id = create(client)
    other = bearer(ctx["other_token"])
    path = f"/sessions/{session_id}"
    assert tc.get(path, headers=other).status_code == 404
    assert tc.post(f"{path}/turn", json={"prompt": "x"}, headers=other).status_code == 404
    assert tc.delete(path, headers=other).status_code == 404
    assert tc.get("/sessions", headers=other).json()["sessions"] == []
    assert tc.get(path, headers=bearer(ctx["app_token"])).json()["closed_at"] is None


def test_an_unknown_session_is_not_there(client: Pair) -> None:
    tc, ctx = client
    path = f"/sessions/{uuid.uuid4()}"
    mine = bearer(ctx["app_token"])
    assert tc.get(path, headers=mine).status_code == 404
    assert tc.delete(path, headers=mine).status_code == 404
    assert tc.post(f"{path}/turn", json={"prompt": "x"}, headers=mine).status_code == 404


def test_closing_twice_is_fine_and_a_closed_session_takes_no_turn(client: Pair) -> None:
    tc, ctx = client
    session_id = create(client)
    mine = bearer(ctx["app_token"])
    first = tc.delete(f"/sessions/{session_id}", headers=mine)
    assert (first.status_code, first.json()["ok"]) == (200, True)
    again = tc.delete(f"/sessions/{session_id}", headers=mine)
    assert again.status_code == 200
    assert again.json() == {"ok": True, "already_closed": True}
    turn = tc.post(f"/sessions/{session_id}/turn", json={"prompt": "x"}, headers=mine)
    assert turn.status_code == 410
    state = tc.get(f"/sessions/{session_id}", headers=mine).json()
    assert isinstance(state["closed_at"], int)
    assert state["live"] is False
    assert events_of(ctx, session_id) == ["create", "close"]


def test_the_list_is_of_the_calling_app_and_newest_first(client: Pair) -> None:
    tc, ctx = client
    mine = bearer(ctx["app_token"])
    made = [create(client) for _ in range(3)]
    create(client, token=ctx["other_token"])
    tc.delete(f"/sessions/{made[0]}", headers=mine)
    everything = tc.get("/sessions", headers=mine).json()
    assert [row["session_id"] for row in everything["sessions"]] == made[::-1]
    assert everything["count"] == 3
    assert set(everything["sessions"][0]) >= ROW_KEYS
    still = tc.get("/sessions", params={"include_closed": "false"}, headers=mine).json()
    assert [row["session_id"] for row in still["sessions"]] == made[:0:-1]
    assert still["count"] == 2


def test_a_full_server_says_503_and_the_limit_is_read_at_each_create(client: Pair) -> None:
    tc, ctx = client
    mine = bearer(ctx["app_token"])
    ctx["fake_acpx"].max_live_sessions = 1
    first = create(client)
    refused = tc.post("/sessions", json={}, headers=mine)
    assert refused.status_code == 503
    assert int(refused.headers["Retry-After"]) > 0
    tc.delete(f"/sessions/{first}", headers=mine)
    create(client)
    ctx["fake_acpx"].max_live_sessions = 2
    create(client)
    assert ctx["fake_acpx"].max_live_sessions == 2


def test_the_sweeper_closes_idle_sessions_and_deletes_old_ones(client: Pair) -> None:
    tc, ctx = client
    mine = bearer(ctx["app_token"])
    idle, fresh = create(client), create(client)
    age(ctx, idle, "created_at", ctx["cfg"].session_ttl_secs + 10)
    swept = sweep(ctx)
    assert (swept["soft_closed"], swept["hard_deleted"]) == (1, 0)
    assert {"create", "sweep_close"} <= set(events_of(ctx, idle))
    assert tc.get(f"/sessions/{idle}", headers=mine).json()["closed_at"] is not None
    assert tc.get(f"/sessions/{fresh}", headers=mine).json()["closed_at"] is None
    age(ctx, idle, "closed_at", ctx["cfg"].session_hard_ttl_secs + 10)
    swept = sweep(ctx)
    assert (swept["soft_closed"], swept["hard_deleted"]) == (0, 1)
    assert ctx["store"].get_session(idle) is None
    assert tc.get(f"/sessions/{idle}", headers=mine).status_code == 404
    assert events_of(ctx, idle)[-1] == "hard_delete"
    assert ctx["store"].get_session(fresh) is not None


def test_a_session_that_was_used_lately_is_not_idle_however_old_it_is(client: Pair) -> None:
    tc, ctx = client
    mine = bearer(ctx["app_token"])
    session_id = create(client)
    tc.post(f"/sessions/{session_id}/turn", json={"prompt": "hi"}, headers=mine)
    age(ctx, session_id, "created_at", ctx["cfg"].session_ttl_secs * 2)
    assert sweep(ctx)["soft_closed"] == 0
    age(ctx, session_id, "last_turn_at", ctx["cfg"].session_ttl_secs + 10)
    assert sweep(ctx)["soft_closed"] == 1
    assert tc.get(f"/sessions/{session_id}", headers=mine).json()["live"] is False


def test_the_times_to_live_can_be_set(client: Pair) -> None:
    _, ctx = client
    session_id = create(client)
    age(ctx, session_id, "created_at", 100)
    assert sweep(ctx)["soft_closed"] == 0
    ctx["cfg"].session_ttl_secs = 50
    assert sweep(ctx)["soft_closed"] == 1


def test_the_store_commits_and_finds_rows(client: Pair) -> None:
    _, ctx = client
    session_id = create(client)
    with ctx["store"]._conn() as connection:
        query = "SELECT session_id, created_at, closed_at FROM sessions WHERE session_id = ?"
        row = connection.execute(query, (session_id,)).fetchone()
    assert row["session_id"] == session_id
    assert isinstance(row["created_at"], int)
    assert row["closed_at"] is None


def test_the_audit_tells_each_step_and_the_model(client: Pair) -> None:
    tc, ctx = client
    mine = bearer(ctx["app_token"])
    session_id = create(client, model="some-model")
    tc.post(f"/sessions/{session_id}/turn", json={"prompt": "hi"}, headers=mine)
    tc.delete(f"/sessions/{session_id}", headers=mine)
    events = ctx["store"].list_session_events(session_id)
    assert [event["event"] for event in events] == ["create", "turn", "close"]
    assert events[0]["meta"]["model"] == "some-model"


def test_run_uses_a_runner_that_was_put_in_its_place(client: Pair) -> None:
    tc, ctx = client
    called: list[Json] = []

    def run(**kw: Any) -> RunResult:
        called.append(kw)
        return RunResult(
            ok=True,
            result={"n": 1},
            raw_stdout="",
            raw_stderr="",
            duration_ms=12,
            stop_reason=None,
        )

    ctx["server"].runner.run = run
    reply = tc.post("/run", json={"prompt": "hi"}, headers=bearer(ctx["app_token"]))
    assert reply.status_code == 200
    assert reply.json() == {
        "ok": True,
        "result": {"n": 1},
        "duration_ms": 12,
        "stop_reason": None,
    }
    assert called[0]["prompt"] == "hi"


def test_a_runners_failure_is_a_502(client: Pair) -> None:
    tc, ctx = client

    def run(**_: Any) -> RunResult:
        return RunResult(
            ok=False,
            result=None,
            raw_stdout="",
            raw_stderr="boom",
            duration_ms=5,
            stop_reason="error",
            error="claude exit 1",
        )

    ctx["server"].runner.run = run
    reply = tc.post("/run", json={"prompt": "hi"}, headers=bearer(ctx["app_token"]))
    assert reply.status_code == 502
    assert reply.json() == {
        "ok": False,
        "error": "claude exit 1",
        "stderr": "boom",
        "duration_ms": 5,
        "stop_reason": "error",
    }


def test_run_without_a_replacement_is_the_real_one(client: Pair) -> None:
    tc, ctx = client
    reply = tc.post("/run", json={"prompt": "/echo [1, 2]"}, headers=bearer(ctx["app_token"]))
    assert reply.status_code == 200
    assert reply.json()["result"] == [1, 2]


def test_open_sessions_are_counted_in_healthz(client: Pair) -> None:
    tc, ctx = client
    assert tc.get("/healthz").json()["open_sessions"] == 0
    session_id = create(client)
    create(client)
    tc.delete(f"/sessions/{session_id}", headers=bearer(ctx["app_token"]))
    assert tc.get("/healthz").json()["open_sessions"] == 1


def test_the_old_helpers_read_what_acpx_prints() -> None:
    text = '{"a":1}\nnot json\n\n{"b":2}\n   \n[1]\n{"result":{"stopReason":"end_turn"}}\n'
    events = _parse_ndjson(text)
    assert events == [{"a": 1}, {"b": 2}, {"result": {"stopReason": "end_turn"}}]
    assert _extract_stop_reason(events) == "end_turn"
    assert _extract_stop_reason([{"a": 1}]) is None
    assert _format_prompt_with_files("do it", None) == "do it"
    named = _format_prompt_with_files("do it", ["/x/a.txt", "/x/b.txt"])
    assert "/x/a.txt" in named
    assert "/x/b.txt" in named
    assert named.endswith("do it")
