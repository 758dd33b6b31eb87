"""Approvals of sessions that were started by hand: real hooks, a real daemon, no agent."""

import json
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from approving import BASH, RULE, Desk, Hook, Json, asked, built, until
from atm_client import Daemon, line

from clawdforge.monitor.hooks.building import Form

FORMS = [Form.NATIVE, Form.PYTHON]


@pytest.fixture(scope="module")
def programs(tmp_path_factory: pytest.TempPathFactory) -> dict[Form, Path]:
    folder = tmp_path_factory.mktemp("clients")
    return {form: built(folder, form) for form in FORMS}


@pytest.fixture
def atmd(tmp_path: Path) -> Iterator[Daemon]:
    made = Daemon(tmp_path, ATMD_DISCOVERY="off")
    yield made.start()
    made.close()


@pytest.fixture
def desk(atmd: Daemon, programs: dict[Form, Path]) -> Iterator[Desk]:
    made = Desk(atmd, programs[Form.NATIVE])
    yield made
    made.close()


@pytest.fixture(params=FORMS)
def either(request: pytest.FixtureRequest, desk: Desk, programs: dict[Form, Path]) -> Desk:
    """The desk, asked by either client."""
    desk.program = programs[request.param]
    return desk


# --- answers ----------------------------------------------------------------------------------


def test_what_is_asked_is_told_as_it_is(either: Desk) -> None:
    _, row = either.ask(tool_input=BASH | {"odd": ['\n\u00e9\U0001f600"\\', 1.5, None, {}]})
    assert row["permission_id"].startswith("ap_")
    assert row["args"] == BASH | {"odd": ['\n\u00e9\U0001f600"\\', 1.5, None, {}]}
    assert (row["state"], row["tool"], row["kind"]) == ("pending", "Bash", "execute")
    assert (row["session_id"], row["agent_session_id"], row["pid"]) == (
        "s-1",
        "s-1",
        either.agent.pid,
    )
    assert (row["cwd"], row["tmux_pane"], row["permission_mode"]) == ("/work", "%5", "default")
    assert (row["title"], row["text"]) == ("Make it", "Bash: touch /tmp/x")
    assert row["always"] == [
        "Bash(touch:*) is allowed, in this project, for you (.claude/settings.local.json)"
    ]
    assert [option["kind"] for option in row["options"]] == [
        "allow_once",
        "allow_always",
        "reject_once",
    ]
    assert row["expires_at"] - row["asked_at"] == 590
    assert not row["cut"]
    view = either.view()
    assert (view["approval_id"], view["approval"]) == (row["permission_id"], "Bash: touch /tmp/x")
    assert view["status"] == "attention_needed"


def test_a_yes_reaches_the_hook(either: Desk) -> None:
    hook, row = either.ask()
    told = either.answer(row, decision="allow")
    assert told["type"] == "approval_answered"
    assert hook.decision() == {"behavior": "allow"}
    answered = told["approval"]
    assert (answered["state"], answered["answer"]) == (
        "allowed",
        {"decision": "allow", "scope": "once"},
    )
    assert answered["answered_by"].startswith("user:")
    assert either.rows() == []
    assert "approval_id" not in either.view()


def test_a_no_reaches_the_hook_with_its_words(either: Desk) -> None:
    hook, row = either.ask()
    told = either.answer(row, decision="deny", message='Not "there".\n', interrupt=True)
    assert told["approval"]["state"] == "denied"
    assert hook.decision() == {
        "behavior": "deny",
        "message": 'Not "there".\n',
        "interrupt": True,
    }


def test_always_is_what_the_agent_suggested(either: Desk) -> None:
    hook, row = either.ask()
    assert either.answer(row, decision="allow", option_id="always")["type"] == "approval_answered"
    assert hook.decision() == {"behavior": "allow", "updatedPermissions": [RULE]}


def test_a_mode_that_was_suggested_may_be_switched_to(desk: Desk) -> None:
    edits = {"type": "setMode", "mode": "acceptEdits", "destination": "session"}
    answers: list[Json] = [{"scope": "always"}, {"mode": "acceptEdits"}]
    for answer in answers:
        hook, row = desk.ask(tool_name="Edit", permission_suggestions=[edits])
        assert row["modes"] == ["acceptEdits"]
        desk.answer(row, decision="allow", **answer)
        assert hook.decision() == {"behavior": "allow", "updatedPermissions": [edits]}


def test_a_plan_is_approved_with_how_to_go_on(desk: Desk) -> None:
    _, row = desk.ask(tool_name="ExitPlanMode", tool_input={}, permission_suggestions=None)
    assert [option["option_id"] for option in row["options"]] == [
        "mode:acceptEdits",
        "mode:default",
        "no",
    ]
    assert desk.answer(row, decision="allow")["code"] == "mode_missing"
    assert desk.answer(row, decision="allow", option_id="mode:default")["type"] != "error"
    mode = {"type": "setMode", "mode": "default", "destination": "session"}
    assert desk.hooks[-1].decision() == {
        "behavior": "allow",
        "updatedInput": {},  # without it Claude Code asks in its terminal again (2.1.329)
        "updatedPermissions": [mode],
    }


QUESTIONS: Json = {
    "questions": [
        {"question": "Which?", "options": [{"label": "Red"}, {"label": "Blue"}]},
        {"question": "And \u00e9?", "options": [{"label": "A"}], "multiSelect": True},
    ]
}


@pytest.mark.parametrize("whole", [True, False])
def test_a_question_is_answered(either: Desk, whole: bool) -> None:
    hook, row = either.ask(tool_name="AskUserQuestion", tool_input=QUESTIONS)
    answers = {"Which?": "Blue", "And \u00e9?": "A, something else"}
    given: Json = {"args": QUESTIONS | {"answers": answers}} if whole else {"answers": answers}
    told = either.answer(row, decision="allow", **given)
    assert told["approval"]["answer"]["answers"] == answers
    assert hook.decision() == {
        "behavior": "allow",
        "updatedInput": QUESTIONS | {"answers": answers},
    }


# --- what is no answer ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        ({}, "invalid_message"),
        ({"decision": ""}, "invalid_message"),
        ({"decision": None}, "invalid_message"),
        ({"decision": True}, "invalid_message"),
        ({"decision": "Allow"}, "invalid_message"),
        ({"decision": "allow", "scope": "ever"}, "invalid_message"),
        ({"decision": "allow", "sope": "once"}, "invalid_message"),
        ({"decision": "allow", "interrupt": 1}, "invalid_message"),
        ({"decision": "deny", "message": "x" * 4001}, "invalid_message"),
        ({"decision": "deny", "message": 5}, "invalid_message"),
        ({"decision": "allow", "message": "fine"}, "message_not_taken"),
        ({"decision": "allow", "interrupt": True}, "interrupt_not_taken"),
        ({"decision": "allow", "args": {"command": "rm -rf /"}}, "args_not_taken"),
        ({"decision": "allow", "answers": {}}, "args_not_taken"),
        ({"decision": "allow", "mode": "acceptEdits"}, "mode_not_offered"),
        ({"decision": "allow", "mode": "bypassPermissions"}, "mode_not_offered"),
        ({"decision": "allow", "option_id": "nonsense"}, "unknown_option"),
        ({"decision": "allow", "option_id": "no"}, "option_mismatch"),
        ({"decision": "deny", "option_id": "once"}, "option_mismatch"),
        ({"decision": "deny", "option_id": "always"}, "option_mismatch"),
        ({"decision": "allow", "option_id": "once", "scope": "always"}, "option_mismatch"),
        ({"decision": "deny", "scope": "always"}, "always_not_offered"),
        ({"decision": "deny", "args": {}}, "args_not_taken"),
    ],
)
def test_what_is_no_answer_is_none(desk: Desk, answer: Json, code: str) -> None:
    hook, row = desk.ask()
    told = desk.answer(row, **answer)
    assert (told["type"], told.get("code")) == ("error", code)
    assert desk.row(row)["state"] == "pending"
    assert hook.waits
    assert desk.answer(row, decision="deny")["type"] == "approval_answered"
    assert hook.decision() == {"behavior": "deny"}


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        ({}, "answers_missing"),
        ({"answers": {}}, "answers_missing"),
        ({"answers": {"Which?": "Blue"}}, "answers_missing"),
        ({"answers": {"Which?": "Blue", "And \u00e9?": " "}}, "answers_missing"),
        ({"answers": {"Which?": "Blue", "And \u00e9?": ["A"]}}, "answers_missing"),
        ({"answers": {"Which?": "a", "And \u00e9?": "b", "Else?": "c"}}, "args_not_taken"),
        ({"args": {"answers": {"Which?": "a", "And \u00e9?": "b"}}}, "args_not_taken"),
        ({"args": QUESTIONS}, "answers_missing"),
    ],
)
def test_a_question_needs_all_of_its_answers(desk: Desk, answer: Json, code: str) -> None:
    hook, row = desk.ask(tool_name="AskUserQuestion", tool_input=QUESTIONS)
    assert desk.answer(row, decision="allow", **answer)["code"] == code
    assert hook.waits


SUGGESTED: list[tuple[Any, bool]] = [
    (None, False),
    ([], False),
    ("nonsense", False),
    ([5], False),
    ([{"type": "somethingNew", "destination": "session"}], False),
    ([RULE, {"type": "somethingNew", "destination": "session"}], False),
    ([RULE | {"destination": "elsewhere"}], False),
    ([RULE | {"behavior": "deny"}], False),
    ([RULE | {"rules": []}], False),
    ([RULE | {"rules": [{"ruleContent": "x"}]}], False),
    ([RULE | {"rules": [{"toolName": "Bash", "ruleContent": "x" * 600}]}], False),
    ([{"type": "setMode", "mode": "bypassPermissions", "destination": "session"}], False),
    ([{"type": "addDirectories", "directories": [], "destination": "session"}], False),
    ([{"type": "addDirectories", "directories": ["/srv"], "destination": "session"}], True),
]


@pytest.mark.parametrize(("suggestions", "offered"), SUGGESTED)
def test_always_is_offered_only_where_it_can_be_told_what_that_is(
    desk: Desk, suggestions: Any, offered: bool
) -> None:
    _, row = desk.ask(permission_suggestions=suggestions)
    assert bool(row["always"]) is offered
    told = desk.answer(row, decision="allow", scope="always")
    assert told.get("code") == (None if offered else "always_not_offered")


def test_who_answers_first_wins(desk: Desk) -> None:
    hook, row = desk.ask()
    others = [desk.atmd.peer() for _ in range(8)]
    for number, peer in enumerate(others):
        decision = "allow" if number % 2 else "deny"
        peer.send(
            "answer_approval", approval_id=row["permission_id"], answer={"decision": decision}
        )
    told = [peer.read() for peer in others]
    [won] = [one["approval"] for one in told if one["type"] == "approval_answered"]
    assert [one["code"] for one in told if one["type"] == "error"] == ["already_answered"] * 7
    assert all(one["approval_id"] == row["permission_id"] for one in told if "code" in one)
    assert hook.decision()["behavior"] == won["answer"]["decision"]
    assert len(desk.audit()) == 1
    assert desk.answer(row, decision="allow")["code"] == "already_answered"


def test_nobody_answers_what_was_never_asked(desk: Desk) -> None:
    told = desk.answer({"permission_id": "ap_nothing"}, decision="allow")
    assert told["code"] == "not_found"
    desk.me.send("answer_approval", answer={"decision": "allow"})
    assert desk.me.read()["code"] == "invalid_message"


# --- long inputs ------------------------------------------------------------------------------


def test_a_long_input_is_shown_whole_as_far_as_it_goes(either: Desk) -> None:
    content = "line of a file\n" * 3000
    hook, row = either.ask(tool_name="Write", tool_input={"content": content})
    assert row["args"] == {"content": content}
    assert not row["cut"]
    either.answer(row, decision="allow")
    assert hook.decision() == {"behavior": "allow"}


def test_what_was_cut_says_so_and_is_never_allowed_for_ever(either: Desk) -> None:
    command = "x" * 200_000
    edits = {"type": "setMode", "mode": "acceptEdits", "destination": "session"}
    hook, row = either.ask(tool_input={"command": command}, permission_suggestions=[RULE, edits])
    assert row["cut"]
    assert row["args"]["command"].startswith("x" * 65_536)
    left_out = 200_000 - 65_536
    assert row["args"]["command"].endswith(f"x … [{left_out} bytes more]")
    assert (row["always"], row["modes"]) == ([], [])
    assert either.answer(row, decision="allow", scope="always")["code"] == "always_not_offered"
    assert either.answer(row, decision="allow", mode="acceptEdits")["code"] == "mode_not_offered"
    assert either.answer(row, decision="allow")["type"] == "approval_answered"
    assert hook.decision() == {"behavior": "allow"}


def test_what_cannot_be_shown_can_only_be_refused(either: Desk) -> None:
    edits = [{"old": str(number), "new": "y"} for number in range(20_000)]
    hook, row = either.ask(tool_name="MultiEdit", tool_input={"edits": edits})
    assert (row["args"], row["cut"]) == (None, True)
    assert either.answer(row, decision="allow")["code"] == "not_shown"
    assert either.answer(row, decision="deny")["type"] == "approval_answered"
    assert hook.decision() == {"behavior": "deny"}


def test_a_question_that_was_cut_is_answered_in_its_terminal(desk: Desk) -> None:
    question = {"question": "y" * 100_000, "options": [{"label": "A"}]}
    _, row = desk.ask(tool_name="AskUserQuestion", tool_input={"questions": [question]})
    shown = row["args"]["questions"][0]["question"]
    assert desk.answer(row, decision="allow", answers={shown: "A"})["code"] == "not_shown"


# --- answered in the terminal -----------------------------------------------------------------


def test_a_no_in_the_terminal_withdraws_it_within_a_second(either: Desk) -> None:
    hook, row = either.ask()
    watcher = either.atmd.peer()
    watcher.send("subscribe_approvals")
    assert watcher.read_type("approval_list")["approvals"] == [row]
    began = time.monotonic()
    hook.signal(signal.SIGTERM)
    gone = watcher.read_type("approval_removed")
    assert time.monotonic() - began < 1
    assert gone["approval_id"] == row["permission_id"]
    assert (gone["approval"]["state"], gone["approval"]["reason"]) == ("withdrawn", "terminal")
    assert hook.end() == b""
    assert "approval_id" not in either.view()
    assert either.answer(row, decision="allow")["code"] == "already_answered"


@pytest.mark.parametrize(
    "events",
    [
        [("PostToolUse", {"tool_name": "Bash", "tool_input": BASH, "tool_use_id": "t"})],
        [("PostToolUseFailure", {"tool_name": "Bash", "tool_input": BASH})],
        [("PostToolUse", {"tool_name": "Bash", "tool_input": None})],
        [("PermissionDenied", {"tool_name": "Bash", "tool_input": BASH})],
        [("PostToolBatch", {"tool_calls": []})],
        [("Stop", {})],
        [("StopFailure", {"error": "unknown"})],
        [("SessionEnd", {"reason": "other"})],
    ],
)
def test_a_yes_in_the_terminal_withdraws_it(either: Desk, events: list[tuple[str, Json]]) -> None:
    hook, row = either.ask()
    for event, more in events:
        either.event(event, sent_at=time.time() + 1, **more)
    gone = either.settled(row)
    expected = "ended" if events[0][0] == "SessionEnd" else "terminal"
    assert (gone["state"], gone["reason"]) == ("withdrawn", expected)
    assert hook.end() == b""


@pytest.mark.parametrize(
    ("event", "more"),
    [
        ("PostToolUse", {"tool_name": "Bash", "tool_input": BASH | {"command": "other"}}),
        ("PostToolUse", {"tool_name": "Read", "tool_input": BASH}),
        ("PostToolUse", {"tool_name": "Bash", "tool_input": BASH, "agent_id": "a1"}),
        ("PostToolUse", {"tool_name": "Bash", "tool_input": BASH, "session_id": "s-2"}),
        ("PostToolUse", {"tool_name": "Bash", "tool_input": BASH, "sent_at": 1.0}),
        ("PostToolBatch", {"agent_id": "a1"}),
        ("PostToolBatch", {"sent_at": 1.0}),
        ("Stop", {"agent_id": "a1"}),
        ("SubagentStop", {"agent_id": "a1"}),
        ("Notification", {"notification_type": "permission_prompt"}),
        ("PreToolUse", {"tool_name": "Bash", "tool_input": BASH}),
        ("UserPromptSubmit", {"prompt": "later"}),
    ],
)
def test_what_is_about_something_else_withdraws_nothing(desk: Desk, event: str, more: Json) -> None:
    hook, row = desk.ask()
    desk.event(event, **({"sent_at": time.time() + 1} | more))
    assert desk.row(row)["state"] == "pending"
    assert hook.waits


def test_of_a_subagent_only_its_own_events_count(desk: Desk) -> None:
    hook, row = desk.ask(agent_id="a1", agent_type="Explore")
    assert (row["subagent"], row["subagent_type"]) == ("a1", "Explore")
    later = time.time() + 1
    desk.event("Stop", sent_at=later)
    desk.event("PostToolBatch", sent_at=later, agent_id="a2")
    assert desk.row(row)["state"] == "pending"
    desk.event("SubagentStop", sent_at=later, agent_id="a1", agent_type="Explore")
    assert desk.settled(row)["reason"] == "terminal"
    assert hook.end() == b""


def test_long_inputs_are_recognised_though_each_hook_cuts_them_elsewhere(desk: Desk) -> None:
    text = "z" * 100_000
    _, row = desk.ask(tool_name="Write", tool_input={"content": text})
    later = time.time() + 1
    other = {"content": "y" * 2048}
    desk.event("PostToolUse", tool_name="Write", tool_input=other, sent_at=later)
    assert desk.row(row)["state"] == "pending"
    same = {"content": text[:2048]}
    desk.event("PostToolUse", tool_name="Write", tool_input=same, sent_at=later)
    assert desk.settled(row)["reason"] == "terminal"


@pytest.mark.parametrize("after", ["busy", "idle", "shell"])
def test_the_record_tells_of_a_yes_before_any_hook_does(desk: Desk, after: str) -> None:
    desk.record("busy")
    until(lambda: "s-1" in desk.me.sessions())
    hook, row = desk.ask()
    desk.record("waiting", waitingFor="permission prompt")
    until(lambda: _says(desk, "waiting"))
    assert desk.row(row)["state"] == "pending"
    began = time.monotonic()
    desk.record(after)
    gone = desk.settled(row)
    assert time.monotonic() - began < 1
    assert (gone["state"], gone["reason"]) == ("withdrawn", "terminal")
    assert hook.end() == b""


def test_a_record_that_never_said_waiting_says_nothing(desk: Desk) -> None:
    desk.record("waiting", waitingFor="permission prompt", statusUpdatedAt=1000)
    until(lambda: "s-1" in desk.me.sessions())
    hook, row = desk.ask()
    desk.record("busy")
    until(lambda: _says(desk, "busy"))
    time.sleep(0.4)  # longer than a record is given to think again
    assert desk.row(row)["state"] == "pending"
    assert hook.waits


def test_the_next_dialog_keeps_it(desk: Desk) -> None:
    desk.record("busy")
    until(lambda: "s-1" in desk.me.sessions())
    _, row = desk.ask()
    for _ in range(4):
        desk.record("waiting", waitingFor="permission prompt")
        until(lambda: _says(desk, "waiting"))
        desk.record("busy")
        until(lambda: _says(desk, "busy"))
    desk.record("waiting", waitingFor="permission prompt")
    until(lambda: _says(desk, "waiting"))
    time.sleep(0.4)
    assert desk.row(row)["state"] == "pending"


def _says(desk: Desk, status: str) -> bool:
    return any(one["says"].split(":")[0] == status for one in desk.view()["evidence"])


# --- ends -------------------------------------------------------------------------------------


def test_without_an_answer_the_terminal_is_as_always(either: Desk) -> None:
    hook, row = either.ask("--wait", "1")
    assert row["expires_at"] - row["asked_at"] in (1, 2)
    assert hook.end() == b""
    gone = either.settled(row)
    assert (gone["state"], gone["reason"]) == ("expired", "timeout")
    assert "approval_id" not in either.view()
    assert either.answer(row, decision="allow")["code"] == "already_answered"


@pytest.mark.parametrize("how", ["kill", "stop"])
def test_the_end_of_the_monitor_lets_the_hook_go(either: Desk, how: str) -> None:
    hook, _ = either.ask()
    began = time.monotonic()
    getattr(either.atmd, how)()
    assert hook.end() == b""
    assert time.monotonic() - began < 5


def test_without_a_monitor_nothing_is_waited_for(
    programs: dict[Form, Path], tmp_path: Path
) -> None:
    env = {"ATM_SOCKET": str(tmp_path / "none.sock"), "HOME": str(tmp_path)}
    for program in programs.values():
        assert Hook(program, env, asked()).end() == b""
    assert list(tmp_path.rglob("*.jsonl")) == []


def test_the_end_of_the_agent_withdraws_it(either: Desk) -> None:
    hook, row = either.ask()
    either.agent.kill()
    either.agent.wait()
    assert either.settled(row)["reason"] == "ended"
    assert hook.end() == b""


def test_an_agent_that_reads_no_more_withdraws_it(either: Desk) -> None:
    hook, row = either.ask()
    hook.hang_up()
    assert either.settled(row)["state"] == "withdrawn"


def test_a_hook_that_is_killed_withdraws_it(desk: Desk) -> None:
    hook, row = desk.ask()
    hook.signal(signal.SIGKILL)
    assert desk.settled(row)["state"] == "withdrawn"


# --- who is not asked -------------------------------------------------------------------------


def test_a_session_without_a_terminal_is_not_held_up(either: Desk) -> None:
    hook = either.hook(CLAUDE_CODE_ENTRYPOINT="sdk-cli")
    assert hook.end() == b""
    assert either.rows() == []
    _, row = either.ask("--headless")
    assert row["state"] == "pending"


def test_headless_sessions_ask_where_that_is_wanted(either: Desk) -> None:
    either.hook(asked(), "--headless", CLAUDE_CODE_ENTRYPOINT="sdk-cli")
    [row] = until(either.rows)
    either.answer(row, decision="allow")
    assert either.hooks[-1].decision() == {"behavior": "allow"}


def test_a_session_that_a_gateway_drives_is_asked_by_that_alone(desk: Desk) -> None:
    driven = {
        "session_id": "driven",
        "app": "local",
        "agent": "claude",
        "status": "running",
        "agent_session_id": "s-1",
    }
    gateway = desk.atmd.peer()
    gateway.send("driven_update", data=[driven])
    assert gateway.silent()
    assert desk.hook().end() == b""
    assert desk.rows() == []


def test_two_ask_at_once(desk: Desk) -> None:
    first, one = desk.ask()
    second, other = desk.ask(tool_input={"command": "other"})
    assert desk.view()["approval_id"] == one["permission_id"]
    desk.answer(one, decision="deny")
    assert first.decision() == {"behavior": "deny"}
    assert desk.view()["approval_id"] == other["permission_id"]
    desk.answer(other, decision="allow")
    assert second.decision() == {"behavior": "allow"}
    assert [row["permission_id"] for row in desk.rows(state="all")] == [
        other["permission_id"],
        one["permission_id"],
    ]


ANSWERS = """
import json, socket, sys, time
link = socket.socket(socket.AF_UNIX)
link.connect(sys.argv[1])
stream = link.makefile("rwb")

def say(kind, **more):
    told = {"protocol_version": [1, 0], "type": kind, **more}
    stream.write(json.dumps(told).encode() + bytes([10]))
    stream.flush()
    return json.loads(stream.readline())

say("connect")
while not (rows := say("list_approvals")["approvals"]):
    time.sleep(0.01)
answer = {"decision": "allow"}
print(say("answer_approval", approval_id=rows[0]["permission_id"], answer=answer)["code"])
"""
ASKS_AND_ANSWERS = f"""
import os, subprocess, sys
program, path = sys.argv[1:]
env = {{**os.environ, "CLAUDE_PID": str(os.getpid())}}
hook = subprocess.Popen([program, "--approve"], stdin=-1, stdout=-1, env=env)
hook.stdin.write(sys.stdin.buffer.read())
hook.stdin.close()
subprocess.run([sys.executable, "-c", {ANSWERS!r}, path], check=True)
hook.kill()
hook.wait()
"""


def test_the_session_that_asks_cannot_answer_itself(desk: Desk, programs: dict[Form, Path]) -> None:
    done = subprocess.run(
        [sys.executable, "-c", ASKS_AND_ANSWERS, str(desk.program), str(desk.atmd.socket)],
        input=json.dumps(asked()),
        env=desk.env(),
        text=True,
        capture_output=True,
        check=True,
    )
    assert done.stdout == "own_question\n"


# --- who may be asked -------------------------------------------------------------------------


def reply(decision: str, event: str = "PermissionRequest") -> bytes:
    output = f'{{"hookSpecificOutput":{{"hookEventName":"{event}","decision":{decision}}}}}'
    return b'{"type":"approval_answer","approval_id":"a","output":%s}\n' % output.encode()


YES = reply('{"behavior":"allow"}')
REPLIES = [
    b"",
    b"\n",
    b"nonsense\n",
    b"{}\n",
    b'{"type":"approval_answer"}\n',
    b'{"type":"approval_answer","approval_id":"a","output":null}\n',
    b'{"type":"approval_answer","approval_id":"a","output":{}}\n',
    b'{"type":"approval_answer","approval_id":"a","output":{"hookSpecificOutput":{}}}\n',
    reply('{"behavior":""}'),
    reply('{"behavior":"allowed"}'),
    reply('{"behavior":true}'),
    reply("{}"),
    reply("null"),
    reply('{"behavior":"allow"}', event="PreToolUse"),
    YES.removesuffix(b"}\n") + b"\n",
    YES.removesuffix(b"\n"),
    YES[5:],
    b'{"type":"approval_over","reason":"x"}\n' + YES,
    b'{"type":"error","message":"x"}\n' + YES,
    b'{"type":"rejected","reason":"x"}\n' + YES,
    b'{"type":"connected"',
    b"x" * 3_000_000,
    b'{"type":"connected"}\n' * 100_000,
]


@pytest.mark.parametrize("form", FORMS)
def test_what_is_not_exactly_an_answer_allows_nothing(
    form: Form, programs: dict[Form, Path], tmp_path: Path
) -> None:
    path = tmp_path / "odd.sock"
    env = {"ATM_SOCKET": str(path), "HOME": str(tmp_path)}
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
        listener.bind(str(path))
        listener.listen()
        for told in REPLIES:
            hook = Hook(programs[form], env, asked())
            link, _ = listener.accept()
            with link, link.makefile("rb") as stream:
                assert json.loads(stream.readline())["type"] == "connect"
                assert json.loads(stream.readline())["type"] == "approval_request"
                try:
                    link.sendall(told)
                    link.shutdown(socket.SHUT_WR)
                except OSError:
                    pass  # it has gone, as it should
                assert hook.end() == b"", told[:200]


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(
    "payload",
    [b"", b"{}", b"nonsense", b'{"hook_event_name":', b'["hook_event_name"]', b"\xff"],
)
def test_what_is_no_request_asks_nobody(
    form: Form, payload: bytes, desk: Desk, programs: dict[Form, Path]
) -> None:
    desk.program = programs[form]
    hook = Hook(desk.program, desk.env(), payload)
    assert hook.end() == b""
    assert desk.rows(state="all") == []


@pytest.mark.parametrize(
    "more",
    [
        {"hook_event_name": "PreToolUse"},
        {"tool_name": None},
        {"tool_name": 5},
        {"session_id": None},
        {"tool_input": {"a": "\ud800"}},
    ],
)
def test_a_request_that_makes_no_sense_lets_the_hook_go(either: Desk, more: Json) -> None:
    hook = either.hook(asked(**more))
    assert hook.end() == b""
    assert either.rows(state="all") == []


@pytest.mark.parametrize(
    "options", [("--wait",), ("--wait", "0"), ("--wait", "-5"), ("--wait", "x"), ("--what",)]
)
def test_options_that_make_no_sense_ask_nobody(either: Desk, options: tuple[str, ...]) -> None:
    hook = Hook(either.program, either.env(), asked(), *options)
    assert hook.end() == b""
    assert either.rows(state="all") == []


# --- everybody else ---------------------------------------------------------------------------


def test_only_those_who_asked_are_told_of_approvals(desk: Desk) -> None:
    old = desk.atmd.peer()
    old.send("subscribe")
    old.read_type("session_list")
    watcher = desk.atmd.peer()
    watcher.send("subscribe_approvals")
    assert watcher.read() == {"type": "approval_list", "approvals": []}
    _, row = desk.ask()
    assert watcher.read() == {"type": "approval_updated", "approval": row}
    desk.answer(row, decision="allow")
    assert watcher.read()["type"] == "approval_removed"
    watcher.send("unsubscribe")
    assert watcher.silent()
    desk.ask()
    assert watcher.silent()
    old.send("ping", seq=1)
    told = []
    while (one := old.read())["type"] != "pong":
        told.append(one["type"])
    assert set(told) == {"session_updated"}


def test_a_follower_that_does_not_read_gets_the_list_later(desk: Desk) -> None:
    slow = desk.atmd.peer()
    slow.send("subscribe_approvals")
    big = {"command": "x" * 60_000, "description": "y" * 60_000}
    rows = [desk.ask(tool_input=big | {"n": number})[1] for number in range(6)]
    for row in rows:
        desk.answer(row, decision="deny")
    _, last = desk.ask()
    until(lambda: len(desk.rows(state="all")) == 7)
    deadline = time.monotonic() + 20
    seen: Json = {}
    while last["permission_id"] not in json.dumps(seen):
        assert time.monotonic() < deadline
        seen = slow.read()
    assert seen["type"] in {"approval_updated", "approval_list"}


def test_a_hook_may_be_silent_for_long(atmd: Daemon, desk: Desk) -> None:
    _, row = desk.ask()
    watcher = atmd.peer()
    watcher.send("subscribe_approvals")
    watcher.read()
    time.sleep(1.2)  # a sweep of connections
    assert desk.row(row)["state"] == "pending"
    assert watcher.silent()


def test_every_end_is_in_the_audit(desk: Desk) -> None:
    _, one = desk.ask()
    desk.answer(one, decision="allow", scope="always")
    _, two = desk.ask()
    desk.answer(two, decision="deny", message="a secret reason")
    hook, three = desk.ask(tool_input={"command": "ls\n-la"})
    hook.signal()
    desk.settled(three)
    _, four = desk.ask("--wait", "1")
    desk.settled(four)
    desk.atmd.stop()
    entries = desk.audit()
    assert [entry["approval_id"] for entry in entries] == [
        row["permission_id"] for row in (one, two, three, four)
    ]
    first = entries[0]
    assert (first["state"], first["scope"], first["tool"]) == ("allowed", "always", "Bash")
    assert (first["what"], first["session_id"], first["cwd"]) == (
        "Bash: touch /tmp/x",
        "s-1",
        "/work",
    )
    assert first["by"].startswith("user:")
    assert isinstance(first["pid"], int)
    assert isinstance(first["uid"], int)
    assert entries[1]["state"] == "denied"
    assert "secret" not in json.dumps(entries)
    assert (entries[2]["state"], entries[2]["reason"]) == ("withdrawn", "terminal")
    assert "by" not in entries[2]
    path = desk.atmd.state / "approvals.jsonl"
    assert path.stat().st_mode & 0o777 == 0o600


def test_who_answers_for_somebody_says_for_whom(desk: Desk) -> None:
    _, row = desk.ask()
    behalf = {"actor": "app:web", "peer": "10.0.0.7", "request_id": "r-1"}
    desk.me.send(
        "answer_approval",
        approval_id=row["permission_id"],
        answer={"decision": "allow"},
        on_behalf=behalf,
    )
    assert desk.me.read()["approval"]["answered_by"] == "app:web"
    desk.atmd.stop()
    [entry] = desk.audit()
    assert (entry["by"], entry["peer"], entry["request_id"]) == ("app:web", "10.0.0.7", "r-1")
    assert isinstance(entry["pid"], int)


def test_a_request_in_pieces_and_twice(desk: Desk) -> None:
    data = asked(pid=desk.agent.pid)
    peer = desk.atmd.peer()
    whole = line("approval_request", data=data)
    peer.raw(whole[:100])
    time.sleep(0.1)
    peer.raw(whole[100:])
    assert peer.read()["type"] == "approval_pending"
    peer.raw(whole)
    assert peer.read_type("approval_over")["reason"] == "lost"
    assert peer.ended()
    [row] = desk.rows(state="all")
    assert row["state"] == "withdrawn"
