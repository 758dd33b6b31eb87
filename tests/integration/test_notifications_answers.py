"""A webhook is told what a session asks, and its reply answers: real hooks, a real daemon."""

import contextlib
import json
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from approving import BASH, Desk, built
from notifying import SECRET, Receiver, Teller, asks, receiver, teller, until, webhook

from clawdforge.testing.serving import running_server

Json = dict[str, Any]


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return built(tmp_path_factory.mktemp("hook"))


@pytest.fixture
def out() -> Iterator[Receiver]:
    with receiver() as made:
        yield made


@pytest.fixture
def asked(
    tmp_path: Path, program: Path, out: Receiver
) -> Iterator[Callable[..., tuple[Teller, Desk]]]:
    """A monitor that tells that receiver, and sessions that ask."""
    with contextlib.ExitStack() as stack:

        def make(**more: object) -> tuple[Teller, Desk]:
            text = webhook("bot", out.url, **({"may_answer": True} | more))
            one = stack.enter_context(teller(tmp_path, text))
            desk = Desk(one.atmd, program)
            stack.callback(desk.close)
            return one, desk

        yield make


def replies(out: Receiver, **answer: Any) -> None:
    out.answers.append((200, {"content-type": "application/json"}, json.dumps(answer).encode()))


def test_a_yes_in_the_reply_is_the_answer(
    asked: Callable[..., tuple[Teller, Desk]], out: Receiver
) -> None:
    replies(out, decision="allow")
    one, desk = asked()
    hook, row = desk.ask()
    assert hook.decision() == {"behavior": "allow"}
    told = out.got()[0].data
    assert told["may_answer"]
    assert told["text"].startswith("Bash: touch /tmp/x")
    question = told["question"]
    assert (question["tool"], question["args"]) == ("Bash", BASH)
    assert question["permission_id"] == row["permission_id"]
    assert one.result("bot")["result"] == "answered"
    [entry] = desk.audit()
    assert (entry["by"], entry["state"], entry["peer"]) == ("webhook:bot", "allowed", "127.0.0.1")


def test_a_no_in_the_reply_is_told_to_the_agent(
    asked: Callable[..., tuple[Teller, Desk]], out: Receiver
) -> None:
    replies(out, decision="deny", message="not on a Friday", ticket=7)
    _, desk = asked()
    hook, _ = desk.ask()
    assert hook.decision() == {"behavior": "deny", "message": "not on a Friday"}


@pytest.mark.parametrize(
    ("reply", "problem"),
    [
        (b'{"decision":"yes"}', "Invalid enum value"),
        (b'{"decision":"allow","message":"fine"}', "message: goes with a no only"),
        (b'{"decision":"allow","scope":"always"}', None),
        (b"<html>ok</html>", None),
        (b"[1]", None),
        (b"{}", None),
    ],
)
def test_a_reply_that_is_no_answer_answers_nothing_for_ever(
    asked: Callable[..., tuple[Teller, Desk]], out: Receiver, reply: bytes, problem: str | None
) -> None:
    out.answers.append((200, {}, reply))
    one, desk = asked()
    hook, row = desk.ask()
    if b"always" in reply:
        # Nothing that holds for longer than once: the yes holds for this one.
        assert hook.decision() == {"behavior": "allow"}
        assert desk.row(row)["answer"]["scope"] == "once"
        return
    told = one.result("bot")
    assert told["result"] == "sent"
    assert (told["problem"] is None) == (problem is None)
    assert problem is None or problem in told["problem"]
    assert hook.waits
    assert desk.row(row)["state"] == "pending"


def test_who_may_not_answer_does_not(
    asked: Callable[..., tuple[Teller, Desk]], out: Receiver
) -> None:
    replies(out, decision="allow")
    one, desk = asked(may_answer=False)
    hook, _ = desk.ask()
    assert one.result("bot")["result"] == "sent"
    assert out.requests[0].data["may_answer"] is False
    assert hook.waits


def test_an_answer_that_comes_second_loses(
    asked: Callable[..., tuple[Teller, Desk]], out: Receiver
) -> None:
    out.hangs.set()
    replies(out, decision="allow")
    one, desk = asked()
    hook, row = desk.ask()
    out.got()
    assert desk.answer(row, decision="deny")["type"] == "approval_answered"
    assert hook.decision()["behavior"] == "deny"
    out.released.set()
    told = one.result("bot")
    assert told["result"] == "sent"
    assert "its answer was not taken" in told["problem"]
    assert "already" in told["problem"]


def test_who_is_told_in_brief_is_not_told_the_question(
    asked: Callable[..., tuple[Teller, Desk]], out: Receiver
) -> None:
    _, desk = asked(may_answer=False, content="brief")
    desk.ask()
    request = out.got()[0]
    assert request.data["question"] is None
    assert b"touch" not in request.body
    assert request.data["text"] == "Bash · pane %5"


def test_a_question_too_long_to_send_can_be_denied_only(
    asked: Callable[..., tuple[Teller, Desk]], out: Receiver
) -> None:
    _, desk = asked()
    desk.ask(tool_input={"command": "x" * 600_000})
    question = out.got()[0].data["question"]
    assert question["cut"]
    assert len(out.requests[0].body) < 200_000
    until(lambda: out.requests)


def test_what_a_driven_session_asks_is_answered_too(tmp_path: Path, out: Receiver) -> None:
    file = tmp_path / "notifications.toml"
    file.write_text(webhook("bot", out.url, may_answer=True))
    environ = {
        "PATH": os.environ["PATH"],
        "HOME": str(tmp_path),
        "ATM_SOCKET": str(tmp_path / "run" / "atm.sock"),
        "TMUX_TMPDIR": str(tmp_path),
        "ATMD_DISCOVERY": "off",
        "CLAWDFORGE_NOTIFICATIONS": str(file),
        "WEBHOOK_SECRET": SECRET,
    }
    replies(out, decision="allow")
    folder = tmp_path / "data"
    with running_server(folder, environ=environ, monitor="auto", log_level="error") as server:
        headers = {"Authorization": f"Bearer {server.token}"}
        with httpx.Client(base_url=server.url, headers=headers, timeout=30) as app:
            made = app.post("/sessions", json={"permissions": "ask"}).json()
            turn = f"/sessions/{made['session_id']}/turn"
            reply = app.post(turn, json={"prompt": "/ask echo hi"}).json()
            assert reply["ok"], reply
            [row] = app.get("/permissions", params={"state": "all"}).json()["permissions"]
        assert (row["state"], row["answered_by"]) == ("allowed", "webhook:bot")
        told = out.got()[0].data
        assert told["question"]["permission_id"] == row["permission_id"]
        assert told["url"] == f"{server.url}/#/s/{made['session_id']}"
        assert told["session"]["app"] == "local"


@pytest.mark.parametrize("beside_atmd", [False, True], ids=["embedded", "beside atmd"])
def test_who_uses_the_page_is_not_told_meanwhile(
    tmp_path: Path, out: Receiver, *, beside_atmd: bool
) -> None:
    text = "look_secs = 2\n" + webhook("out", out.url, recheck_secs=0.2)
    one = Teller(tmp_path)
    one.configure(text)
    with contextlib.ExitStack() as stack:
        stack.callback(one.close)
        if beside_atmd:
            one.atmd.start()
            one.logged("targets=out")
        serving = running_server(
            tmp_path / "data", environ=one.atmd.env, monitor="auto", log_level="error"
        )
        server = stack.enter_context(serving)
        headers = {"Authorization": f"Bearer {server.admin_token}"}
        admin = httpx.Client(base_url=server.url, headers=headers, timeout=30)
        stack.enter_context(admin)
        role = "client" if beside_atmd else "embedded"
        until(lambda: admin.get("/monitor/sessions").json()["monitor"] == role)
        began = time.time()
        assert admin.post("/monitor/looking").status_code == 204
        asks(one.atmd.peer(), "s-1", pid=one.agent())
        [request] = out.got()
        assert request.at - began >= 2.0
