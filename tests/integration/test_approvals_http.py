"""Approvals over HTTP and by commands: of the server's own monitor, and of an `atmd` beside it."""

import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from approving import BASH, Asking, Hook, Json, asked, built, until
from atm_client import Daemon

from clawdforge.client import AsyncClient, AuthError, Client, ConflictError, NotFoundError
from clawdforge.client.approvals import (
    ApprovalInfo,
    answer_approval,
    give_answer,
    list_approvals,
    waiting_approvals,
)
from clawdforge.client.errors import ApiError, RequestError, TransportError
from clawdforge.testing.serving import RunningServer, running_server

QUESTION: Json = {
    "questions": [{"question": "Which?", "options": [{"label": "A"}, {"label": "B"}]}]
}


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return built(tmp_path_factory.mktemp("client"))


class Place(Asking):
    """A server, and an agent that asks."""

    def __init__(self, server: RunningServer, folder: Path, program: Path) -> None:
        super().__init__(folder, folder / "run" / "atm.sock", program)
        self.server = server
        self.clients = contextlib.ExitStack()
        self.admin = _client(server, server.admin_token)

    def client(self, token: str | None) -> httpx.Client:
        return self.clients.enter_context(_client(self.server, token))

    def token(self, *scopes: str) -> str:
        name = "-".join(scopes)
        self.admin.delete(f"/admin/tokens/{name}")
        made = self.admin.post("/admin/tokens", json={"name": name, "scopes": list(scopes)})
        token: str = made.json()["token"]
        return token

    def rows(self) -> list[Json]:
        reply = self.admin.get("/monitor/approvals")
        assert reply.status_code == 200, reply.text
        told = reply.json()
        assert told["count"] == len(told["permissions"])
        found: list[Json] = told["permissions"]
        return found

    def ask(self, *options: str, **more: Any) -> tuple[Hook, Json]:
        hook = self.hook(asked(**more), *options)
        [row] = until(self.rows)
        return hook, row

    def answer(self, row: Json, client: httpx.Client | None = None, **body: Any) -> httpx.Response:
        path = f"/monitor/approvals/{row['permission_id']}"
        return (client or self.admin).post(path, json=body)

    def command(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        env = self.environ | {"CLAWDFORGE_DATA_DIR": str(self.folder / "data")}
        return subprocess.run(
            [sys.executable, "-m", "clawdforge", *arguments],
            env=env,
            capture_output=True,
            text=True,
            check=False,
        )

    def end_test(self) -> None:
        """Leave nothing of one test to the next."""
        self.end_hooks()
        self.clients.close()
        until(lambda: not self.rows())

    def close(self) -> None:
        self.clients.close()
        self.admin.close()
        super().close()


def _client(server: RunningServer, token: str | None) -> httpx.Client:
    headers = {} if token is None else {"Authorization": f"Bearer {token}"}
    once = httpx.Limits(max_keepalive_connections=0)  # a test leaves no connection
    return httpx.Client(base_url=server.url, headers=headers, timeout=20, limits=once)


def environ_of(folder: Path) -> dict[str, str]:
    return {
        "PATH": os.environ["PATH"],
        "HOME": str(folder),
        "ATM_SOCKET": str(folder / "run" / "atm.sock"),
        "ATMD_DISCOVERY": "off",
        "TMUX_TMPDIR": str(folder),
    }


@contextlib.contextmanager
def serving(folder: Path, program: Path, role: str) -> Iterator[Place]:
    with running_server(
        folder / "data", environ=environ_of(folder), monitor="auto", log_level="error"
    ) as server:
        place = Place(server, folder, program)
        try:
            until(lambda: place.admin.get("/monitor/sessions").json()["monitor"] == role)
            place.ask()  # the first one has threads started that stay
            place.end_test()
            yield place
        finally:
            place.close()


@pytest.fixture(scope="module", params=["embedded", "beside"])
def place(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, program: Path
) -> Iterator[Place]:
    """A server with a monitor of its own, or beside an `atmd`."""
    role: str = request.param
    folder = tmp_path_factory.mktemp(role)
    with contextlib.ExitStack() as stack:
        if role == "beside":
            daemon = Daemon(folder, ATMD_DISCOVERY="off").start()
            stack.callback(daemon.close)
        shown = "client" if role == "beside" else role
        yield stack.enter_context(serving(folder, program, shown))


@pytest.fixture(autouse=True)
def nobody_asks(place: Place) -> Iterator[None]:
    yield
    place.end_test()


# --- over HTTP --------------------------------------------------------------------------------


def test_a_yes_over_http_reaches_the_hook(place: Place) -> None:
    hook, row = place.ask()
    assert (row["state"], row["args"], row["tool"]) == ("pending", BASH, "Bash")
    reply = place.answer(row, decision="allow")
    assert reply.status_code == 200, reply.text
    told = reply.json()
    assert (told["state"], told["answered_by"]) == ("allowed", "admin")
    assert hook.decision() == {"behavior": "allow"}
    path = f"/monitor/approvals/{row['permission_id']}"
    assert place.admin.get(path).json() == told
    assert place.rows() == []
    every = place.admin.get("/monitor/approvals?state=all").json()["permissions"]
    assert told in every


def test_a_no_over_http_reaches_the_hook(place: Place) -> None:
    hook, row = place.ask()
    reply = place.answer(row, decision="deny", message="Not now.", interrupt=True)
    assert reply.json()["state"] == "denied"
    assert hook.decision() == {"behavior": "deny", "message": "Not now.", "interrupt": True}


def test_a_question_over_http_is_answered(place: Place) -> None:
    hook, row = place.ask(tool_name="AskUserQuestion", tool_input=QUESTION)
    reply = place.answer(row, decision="allow", args=QUESTION | {"answers": {"Which?": "B"}})
    assert reply.json()["answer"]["answers"] == {"Which?": "B"}
    assert hook.decision()["updatedInput"]["answers"] == {"Which?": "B"}


def test_the_view_says_what_can_be_answered(place: Place) -> None:
    _, row = place.ask()

    def shown() -> Any:
        views = place.admin.get("/monitor/sessions").json()["sessions"]
        return [view for view in views if view.get("approval_id") == row["permission_id"]]

    [view] = until(shown)
    assert (view["id"], view["approval"]) == (row["session_id"], "Bash: touch /tmp/x")


def test_who_may_see_and_who_may_answer(place: Place) -> None:
    _, row = place.ask()
    path = f"/monitor/approvals/{row['permission_id']}"
    runner, watcher = place.client(place.token("run")), place.client(place.token("monitor"))
    approver = place.client(place.token("approve"))
    nobody = place.client(None)
    for client, sees, answers in (
        (nobody, 401, 401),
        (runner, 403, 403),
        (watcher, 200, 403),
        (approver, 403, 422),
    ):
        assert client.get("/monitor/approvals").status_code == sees
        assert client.get(path).status_code == sees
        assert place.answer(row, client, decision="allow", mode="plan").status_code == answers
    assert place.rows()[0]["state"] == "pending"
    reply = place.answer(row, approver, decision="allow")
    assert reply.json()["answered_by"] == "app:approve"


BAD: list[tuple[Json, str]] = [
    ({}, "invalid_request"),
    ({"decision": ""}, "invalid_request"),
    ({"decision": "yes"}, "invalid_request"),
    ({"decision": ["allow"]}, "invalid_request"),
    ({"decision": "allow", "scope": "ever"}, "invalid_request"),
    ({"decision": "allow", "unknown": 1}, "invalid_request"),
    ({"decision": "allow", "mode": "bypassPermissions"}, "invalid_request"),
    ({"decision": "allow", "mode": "plan"}, "mode_not_offered"),
    ({"decision": "allow", "option_id": "nonsense"}, "unknown_option"),
    ({"decision": "allow", "args": {"command": "rm"}}, "args_not_taken"),
    ({"decision": "deny", "message": "x" * 4001}, "invalid_request"),
]


@pytest.mark.parametrize(("body", "code"), BAD)
def test_what_is_no_answer_is_refused(place: Place, body: Json, code: str) -> None:
    hook, row = place.ask()
    reply = place.answer(row, **body)
    assert reply.status_code == 422
    told = reply.json()
    assert told["error"]["code"] == code, told
    assert hook.waits
    assert place.rows()[0]["state"] == "pending"


def test_what_was_answered_is_answered(place: Place) -> None:
    hook, row = place.ask()
    hook.signal()
    until(lambda: not place.rows())
    reply = place.answer(row, decision="allow")
    assert (reply.status_code, reply.json()["error"]["code"]) == (409, "already_answered")
    assert hook.end() == b""
    unknown = place.answer({"permission_id": "ap_nothing"}, decision="allow")
    assert (unknown.status_code, unknown.json()["error"]["code"]) == (404, "not_found")
    assert place.admin.get("/monitor/approvals/ap_nothing").status_code == 404


def test_every_answer_over_http_is_in_both_audits(place: Place) -> None:
    _, row = place.ask()
    approver = place.client(place.token("approve"))
    path = f"/monitor/approvals/{row['permission_id']}"
    headers = {"X-Request-Id": "who-asked"}
    reply = approver.post(path, json={"decision": "allow", "scope": "always"}, headers=headers)
    assert reply.status_code == 200, reply.text
    log = place.folder / ".local" / "state" / "atm" / "approvals.jsonl"

    def written() -> Any:
        lines = [json.loads(line) for line in log.read_text().splitlines()] if log.exists() else []
        return [one for one in lines if one["approval_id"] == row["permission_id"]]

    [entry] = until(written)
    assert (entry["by"], entry["state"], entry["scope"]) == ("app:approve", "allowed", "always")
    assert (entry["peer"], entry["request_id"]) == ("127.0.0.1", "who-asked")
    query = {"action": "approval.resolve", "subject": row["permission_id"]}
    [kept] = place.admin.get("/admin/audit", params=query).json()["entries"]
    by = (kept["actor"], kept["peer"], kept["request_id"])
    assert by == ("app:approve", "127.0.0.1", "who-asked")
    assert kept["detail"]["scope"] == "always"


# --- by the SDK -------------------------------------------------------------------------------


def test_the_client_answers_over_http(place: Place) -> None:
    hook, row = place.ask()
    with Client(place.server.url, place.token("monitor", "approve")) as client:
        [found] = client.approvals()
        assert isinstance(found, ApprovalInfo)
        assert (found.permission_id, found.args, found.always) == (
            row["permission_id"],
            BASH,
            tuple(row["always"]),
        )
        told = client.answer_approval(found.permission_id, allow=False, message="no")
        assert told.state == "denied"
        assert hook.decision() == {"behavior": "deny", "message": "no"}
        with pytest.raises(ConflictError):
            client.answer_approval(found.permission_id, allow=True)
        with pytest.raises(RequestError):
            client.answer_approval(found.permission_id, allow="no")  # type: ignore[arg-type]
    with Client(place.server.url, place.token("run")) as client, pytest.raises(AuthError):
        client.approvals()


async def test_the_async_client_answers_over_http(place: Place) -> None:
    hook, _ = place.ask()
    async with AsyncClient(place.server.url, place.token("monitor", "approve")) as client:
        [found] = await client.approvals()
        told = await client.answer_approval(found.permission_id, allow=True)
        assert told.state == "allowed"
    assert hook.decision() == {"behavior": "allow"}


def test_the_client_answers_over_the_socket(place: Place) -> None:
    hook, row = place.ask(tool_name="AskUserQuestion", tool_input=QUESTION)
    [found] = waiting_approvals(place.socket)
    assert found.permission_id == row["permission_id"]
    with pytest.raises(ApiError) as caught:
        give_answer(found.permission_id, allow=True, path=place.socket)
    assert caught.value.code == "answers_missing"
    with pytest.raises(RequestError):
        give_answer(found.permission_id, allow=1, path=place.socket)  # type: ignore[arg-type]
    told = give_answer(found.permission_id, allow=True, answers={"Which?": "A"}, path=place.socket)
    assert told.state == "allowed"
    assert hook.decision()["updatedInput"]["answers"] == {"Which?": "A"}
    with pytest.raises(ConflictError):
        give_answer(found.permission_id, allow=True, path=place.socket)
    with pytest.raises(NotFoundError):
        give_answer("ap_nothing", allow=True, path=place.socket)
    assert found.permission_id in {
        one.permission_id for one in waiting_approvals(place.socket, every=True)
    }


async def test_the_same_with_asyncio(place: Place, tmp_path: Path) -> None:
    hook, _ = place.ask()
    [found] = await list_approvals(place.socket)
    told = await answer_approval(found.permission_id, allow=False, path=place.socket)
    assert told.state == "denied"
    assert hook.decision() == {"behavior": "deny"}
    with pytest.raises(TransportError):
        await list_approvals(tmp_path / "none")


# --- by commands ------------------------------------------------------------------------------


def test_commands_see_and_answer_both_kinds(place: Place) -> None:
    app = place.client(place.server.token)
    session = app.post("/sessions", json={"permissions": "ask"}).json()["session_id"]
    app.post(f"/sessions/{session}/turn", json={"prompt": "/ask echo hi", "wait": False})
    [driven] = until(lambda: app.get("/permissions").json()["permissions"])
    hook, row = place.ask()
    listed = json.loads(place.command("permissions", "list", "--json").stdout)["permissions"]
    assert {one["permission_id"] for one in listed} == {
        row["permission_id"],
        driven["permission_id"],
    }
    table = place.command("permissions").stdout
    assert "touch /tmp/x" in table
    assert driven["permission_id"] in table
    done = place.command("approve", row["permission_id"][:8], "--json")
    assert json.loads(done.stdout)["state"] == "allowed", done.stderr
    assert hook.decision() == {"behavior": "allow"}
    assert place.command("approve", driven["permission_id"], "--mode", "plan").returncode == 2
    done = place.command("deny", driven["permission_id"])
    assert done.stderr.startswith("denied: "), done.stderr
    assert app.delete(f"/sessions/{session}").status_code < 300


def test_commands_show_exactly_what_would_be_done(place: Place) -> None:
    _, row = place.ask(tool_input={"command": "x" * 100_000}, agent_type="Explore")
    shown = place.command("permissions", "show", row["permission_id"]).stdout
    assert "this is not all of it" in shown
    assert "bytes more]" in shown
    refused = place.command("approve", row["permission_id"], "--always")
    assert refused.returncode == 4
    assert "not shown as a whole" in refused.stderr


def test_commands_deny_with_words_and_answer_questions(place: Place) -> None:
    hook, row = place.ask()
    done = place.command("deny", row["permission_id"], "-m", "use staging", "--interrupt")
    assert done.returncode == 0, done.stderr
    assert hook.decision() == {"behavior": "deny", "message": "use staging", "interrupt": True}
    again = place.command("deny", row["permission_id"])
    assert again.returncode == 4
    assert "it was denied already, by user:" in again.stderr
    hook, row = place.ask(tool_name="AskUserQuestion", tool_input=QUESTION)
    for wrong in ((), ("--answer", "A", "--answer", "B"), ("--answer", "3")):
        refused = place.command("approve", row["permission_id"], *wrong)
        assert refused.returncode in (2, 4)
        assert "hint: " in refused.stderr
    assert "1 A; 2 B" in place.command("permissions", "show", row["permission_id"]).stdout
    assert "Which?" in place.command("permissions").stdout
    done = place.command("approve", row["permission_id"], "--answer", "2")
    assert done.returncode == 0, done.stderr
    assert hook.decision()["updatedInput"]["answers"] == {"Which?": "B"}


@pytest.mark.parametrize("nothing", ["", " ", "ap_", "p"])
def test_commands_answer_nothing_by_accident(place: Place, nothing: str) -> None:
    """As when the variable of a script is empty, and only one question waits."""
    hook, row = place.ask()
    for arguments in (("approve",), ("deny",), ("permissions", "show")):
        done = place.command(*arguments, nothing)
        assert done.returncode == 2
        assert "names no question" in done.stderr
    unknown = place.command("approve", "ap_nothing")
    assert (unknown.returncode, "hint: " in unknown.stderr) == (2, True)
    question = place.command("approve", row["permission_id"], "--answer", "1")
    assert "it asks no question" in question.stderr
    assert hook.waits


def test_commands_with_a_url_ask_that_server(place: Place) -> None:
    hook, row = place.ask()
    env = environ_of(place.folder) | {
        "CLAWDFORGE_TOKEN": place.token("run", "monitor", "approve"),
        "ATM_SOCKET": str(place.folder / "no.sock"),
    }
    for arguments in (("permissions", "list", "--json"), ("approve", row["permission_id"])):
        done = subprocess.run(
            [sys.executable, "-m", "clawdforge", *arguments, "--url", place.server.url],
            env=env,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
    assert hook.decision() == {"behavior": "allow"}
