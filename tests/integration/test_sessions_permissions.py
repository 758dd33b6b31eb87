"""What agents may do over HTTP: decided by policies, by people, or by nobody in time."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sessions_http import App, Json, Server, at_once, burst, code_of, serving, text_of, well

ALLOWED, REFUSED = "allowed: touched a.txt", "refused"
TOUCH = "/ask touch a.txt"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with serving(tmp_path_factory.mktemp("permissions")) as server:
        yield server


@pytest.fixture
def app(server: Server) -> Iterator[App]:
    with server.app() as app:
        yield app


def asking(app: App, session: str, prompt: str = TOUCH) -> Json:
    """The question that comes of a turn which now runs."""
    app.begin(session, prompt)
    return app.question()


def told(app: App, session: str) -> str:
    """What was said in the newest turn, once it has ended."""
    return text_of(app.outcome(session, app.row(session)["turn_count"]))


def resolved(app: App, session: str) -> list[Json]:
    return [event for event in app.events(session) if event["type"] == "permission_resolved"]


# By policy


@pytest.mark.parametrize(
    ("policy", "allowed"),
    [
        (None, False),  # the default: reads only
        ("deny", False),
        ("allow-reads", False),
        ("allow-all", True),
        ({"mode": "allow-all"}, True),
        ({"mode": "deny", "rules": [{"tool": "Bash", "action": "allow"}]}, True),
        ({"mode": "deny", "rules": [{"tool": "Bash(touch *)", "action": "allow"}]}, True),
        ({"mode": "deny", "rules": [{"tool": "Bash(rm *)", "action": "allow"}]}, False),
        ({"mode": "deny", "rules": [{"tool": "Write", "action": "allow"}]}, False),
        (
            {
                "mode": "allow-all",
                "rules": [
                    {"tool": "B*", "action": "deny"},
                    {"tool": "Bash", "action": "allow"},
                ],
            },
            False,
        ),
        (
            {
                "mode": "deny",
                "rules": [
                    {"tool": "Bash", "action": "allow"},
                    {"tool": "*", "action": "deny"},
                ],
            },
            True,
        ),
    ],
)
def test_a_policy_decides_by_itself(app: App, server: Server, policy: Any, allowed: bool) -> None:
    session = app.create(permissions=policy)
    assert app.said(session, TOUCH) == (ALLOWED if allowed else REFUSED)
    assert (server.work(session) / "a.txt").exists() == allowed
    (event,) = resolved(app, session)
    assert (event["by"], event["permission_id"]) == ("policy", None)
    assert (event["tool"], event["decision"]) == ("Bash", "allow" if allowed else "deny")
    assert event["state"] == ("allowed" if allowed else "denied")
    assert well(app.get("/permissions", state="all"))["count"] == 0


@pytest.mark.parametrize(
    ("rule", "name", "allowed"),
    [
        ({"tool": "Write", "path": "*.txt", "action": "allow"}, "a.txt", True),
        ({"tool": "Write", "path": "*.txt", "action": "allow"}, "a.py", False),
        ({"tool": "Write", "path": "*.txt", "action": "allow"}, "../a.txt", False),
        ({"tool": "Write(src/**)", "action": "allow"}, "a.txt", False),
        ({"tool": "*", "path": "**", "action": "allow"}, "a.txt", True),
    ],
)
def test_rules_look_at_paths(
    app: App, server: Server, rule: Json, name: str, allowed: bool
) -> None:
    session = app.create(permissions={"mode": "deny", "rules": [rule]})
    said = app.said(session, f"/write {name} text")
    assert said == (f"allowed: wrote {name}" if allowed else REFUSED)
    assert (server.work(session) / name).exists() == allowed


@pytest.mark.parametrize(
    "policy",
    [
        "yes",
        "",
        7,
        [],
        True,
        {},
        {"mode": "all"},
        {"mode": "ask", "color": "red"},
        {"mode": "ask", "timeout_secs": 0},
        {"mode": "ask", "timeout_secs": "60"},
        {"mode": "ask", "timeout_secs": True},
        {"mode": "ask", "on_timeout": "maybe"},
        {"mode": "ask", "rules": {}},
        {"mode": "ask", "rules": [{"tool": "Bash"}]},
        {"mode": "ask", "rules": [{"action": "allow"}]},
        {"mode": "ask", "rules": [{"tool": "Bash", "action": "allow", "path": "../x"}]},
        {"mode": "ask", "remembered": []},
    ],
)
def test_a_policy_that_makes_no_sense_is_refused(app: App, policy: Any) -> None:
    refused = app.post("/sessions", {"permissions": policy})
    assert code_of(refused) == (422, "invalid_permissions")
    assert "permissions" in refused.json()["detail"]
    session = app.create()
    assert code_of(app.patch(session, permissions=policy)) == (422, "invalid_permissions")
    assert app.row(session)["options"]["permissions"] is None


# By people


def test_a_question_is_shown_whole(app: App, server: Server) -> None:
    session = app.create(permissions={"mode": "ask", "timeout_secs": 77})
    question = asking(app, session, "/write notes.txt hello")
    path = f"{server.work(session)}/notes.txt"
    assert question["permission_id"].startswith("pm_")
    assert (question["session_id"], question["turn"]) == (session, 1)
    assert question["state"] == "pending"
    assert question["expires_at"] - question["asked_at"] == 77
    assert question["answered_at"] is question["answered_by"] is question["answer"] is None
    assert (question["tool"], question["kind"]) == ("Write", "edit")
    assert question["title"] == "Write notes.txt"
    assert question["args"] == {"file_path": path, "content": "hello"}
    assert question["paths"] == [path]
    kinds = {option["option_id"]: option["kind"] for option in question["options"]}
    assert kinds == {"yes": "allow_once", "yes-always": "allow_always", "no": "reject_once"}
    assert well(app.get(f"/permissions/{question['permission_id']}")) == question
    row = app.row(session)
    assert (row["state"], row["turn"], row["pending_permissions"]) == ("running", 1, 1)
    (event,) = app.seen(session, "permission_request")
    for key in ("permission_id", "tool", "kind", "title", "args", "paths", "call_id", "expires_at"):
        assert event[key] == question[key], key
    app.answer(question, decision="allow")
    assert told(app, session) == "allowed: wrote notes.txt"


@pytest.mark.parametrize(
    ("body", "said", "state"),
    [
        ({"decision": "allow"}, ALLOWED, "allowed"),
        ({"decision": "deny"}, REFUSED, "denied"),
        ({"decision": "allow", "scope": "once", "option_id": "yes"}, ALLOWED, "allowed"),
        ({"decision": "allow", "option_id": "yes-always"}, ALLOWED, "allowed"),
        ({"decision": "deny", "option_id": "no"}, REFUSED, "denied"),
        ({"decision": "deny", "message": "not in here"}, REFUSED, "denied"),
    ],
)
def test_an_answer_is_kept_and_told(app: App, body: Json, said: str, state: str) -> None:
    session = app.create(permissions="ask")
    question = asking(app, session)
    answered = well(app.answer(question, **body))
    assert (answered["state"], answered["answered_by"]) == (state, f"app:{app.name}")
    assert answered["answered_at"] >= answered["asked_at"]
    assert answered["answer"]["decision"] == body["decision"]
    assert answered["answer"]["option_id"] == body.get("option_id")
    assert answered["answer"]["message"] == body.get("message")
    assert told(app, session) == said
    (event,) = resolved(app, session)
    assert (event["decision"], event["scope"]) == (body["decision"], "once")
    assert event["by"] == f"app:{app.name}"
    assert well(app.get("/permissions"))["count"] == 0
    assert well(app.get("/permissions", state="all"))["permissions"] == [answered]


def test_an_answer_comes_once(app: App) -> None:
    session = app.create(permissions="ask")
    question = asking(app, session)
    well(app.answer(question, decision="deny"))
    for decision in ("deny", "allow"):
        late = app.answer(question, decision=decision)
        assert code_of(late) == (409, "already_answered")
    assert told(app, session) == REFUSED
    assert code_of(app.answer(question, decision="allow")) == (409, "already_answered")


def test_of_many_who_answer_at_once_one_wins(app: App) -> None:
    """The others are told, so that nobody believes that his answer holds."""
    session = app.create(permissions="ask")
    for _ in range(5):
        question = asking(app, session)
        path = f"/permissions/{question['permission_id']}"
        answers = [({"decision": d}, None) for d in ("allow", "deny") * 4]
        replies = burst(app, path, answers)
        winners = [body for status, _, body in replies if status == 200]
        codes = [code for status, code, _ in replies if status != 200]
        assert len(winners) == 1
        assert codes == ["already_answered"] * 7
        allowed = winners[0]["answer"]["decision"] == "allow"
        assert told(app, session) == (ALLOWED if allowed else REFUSED)


def test_an_option_that_does_not_fit_is_refused_and_the_question_stays(app: App) -> None:
    session = app.create(permissions="ask")
    question = asking(app, session)
    wrong = app.answer(question, decision="allow", option_id="maybe")
    assert code_of(wrong) == (422, "unknown_option")
    for decision, option in (("allow", "no"), ("deny", "yes"), ("deny", "yes-always")):
        reply = app.answer(question, decision=decision, option_id=option)
        assert code_of(reply) == (422, "option_mismatch")
    for body in ({}, {"decision": "maybe"}, {"decision": "allow", "scope": "ever"}):
        assert code_of(app.answer(question, **body)) == (422, "invalid_request")
    assert app.question() == question
    well(app.answer(question, decision="allow"))
    assert told(app, session) == ALLOWED


def test_an_agent_that_takes_no_other_input_is_not_given_any(app: App, server: Server) -> None:
    session = app.create(permissions="ask")
    question = asking(app, session)
    for command in ("touch b.txt", "touch a.txt"):
        reply = app.answer(question, decision="allow", args={"command": command})
        assert code_of(reply) == (422, "args_not_taken")
    assert app.question() == question
    well(app.answer(question, decision="deny"))
    assert told(app, session) == REFUSED
    assert not list(server.work(session).iterdir())


def test_what_is_allowed_for_always_is_not_asked_again(app: App) -> None:
    session = app.create(permissions="ask")
    well(app.answer(asking(app, session), decision="allow", scope="always"))
    assert told(app, session) == ALLOWED
    assert app.said(session, TOUCH) == ALLOWED
    kept = app.row(session)["options"]["permissions"]
    assert [rule["action"] for rule in kept["remembered"]] == ["allow"]
    # As narrowly as can be: another command is asked about.
    question = asking(app, session, "/ask touch b.txt")
    assert question["args"] == {"command": "touch b.txt"}
    app.answer(question, decision="deny")
    assert told(app, session) == REFUSED


def test_what_is_remembered_outlives_the_agent_and_not_a_new_policy(app: App) -> None:
    session = app.create(permissions="ask")
    well(app.answer(asking(app, session), decision="allow", scope="always"))
    assert told(app, session) == ALLOWED
    app.close(session)
    well(app.post(f"/sessions/{session}/resume"))
    assert app.said(session, TOUCH) == ALLOWED
    well(app.patch(session, permissions="ask"))
    well(app.answer(asking(app, session), decision="deny"))
    assert told(app, session) == REFUSED


def test_a_refusal_for_always_holds_for_the_session(app: App) -> None:
    session = app.create(permissions="ask")
    answered = well(app.answer(asking(app, session), decision="deny", scope="always"))
    assert answered["answer"]["scope"] == "always"
    assert told(app, session) == REFUSED
    assert app.said(session, TOUCH) == REFUSED
    assert well(app.get("/permissions", state="all"))["count"] == 1


def test_questions_of_several_sessions_are_listed_newest_first(app: App) -> None:
    sessions = [app.create(permissions="ask") for _ in range(3)]
    for number, session in enumerate(sessions, 1):
        app.begin(session, f"/ask touch {number}.txt")
        app.seen(session, "permission_request")
    page = well(app.get("/permissions"))
    assert page["count"] == 3
    asked = [question["asked_at"] for question in page["permissions"]]
    assert asked == sorted(asked, reverse=True)
    assert {question["session_id"] for question in page["permissions"]} == set(sessions)
    assert well(app.get("/permissions", limit=2))["count"] == 2
    assert code_of(app.get("/permissions", state="some")) == (422, "invalid_request")
    for question in page["permissions"]:
        well(app.answer(question, decision="allow"))
    assert well(app.get("/permissions")) == {"permissions": [], "count": 0}
    for session in sessions:
        assert told(app, session).startswith("allowed")


def test_an_agent_that_does_not_wait_takes_its_question_back(app: App) -> None:
    session = app.create(permissions="ask")
    assert app.said(session, "/withdraw") == "withdrawn"
    assert [event["state"] for event in resolved(app, session)] == ["withdrawn"]
    (question,) = well(app.get("/permissions", state="all"))["permissions"]
    assert (question["state"], question["answer"]) == ("withdrawn", {})
    assert code_of(app.answer(question, decision="allow")) == (409, "already_answered")


def test_a_question_of_another_app_is_not_there(app: App, server: Server) -> None:
    session = app.create(permissions="ask")
    question = asking(app, session)
    path = f"/permissions/{question['permission_id']}"
    with server.app() as other:
        assert well(other.get("/permissions", state="all"))["count"] == 0
        assert code_of(other.get(path)) == (404, "not_found")
        assert code_of(other.answer(question, decision="allow")) == (404, "not_found")
        assert code_of(other.answer("pm_nothing", decision="allow")) == (404, "not_found")
    well(app.answer(question, decision="deny"))
    assert told(app, session) == REFUSED


# By nobody in time


def test_when_nobody_answers_in_time_the_policy_has_the_last_word(app: App) -> None:
    policies = {"deny": REFUSED, "allow": ALLOWED}
    sessions = {
        app.create(permissions={"mode": "ask", "timeout_secs": 1, "on_timeout": word}): word
        for word in policies
    }
    for session in sessions:
        app.begin(session, TOUCH)
    for session, word in sessions.items():
        assert told(app, session) == policies[word]
        (event,) = resolved(app, session)
        assert (event["state"], event["decision"], event["by"]) == ("expired", word, "server")
        question = well(app.get(f"/permissions/{event['permission_id']}"))
        assert (question["state"], question["answered_by"]) == ("expired", "server")
        assert question["answered_at"] >= question["expires_at"] - 1
        assert code_of(app.answer(question, decision="allow")) == (409, "already_answered")


# Ceilings


def test_a_session_gets_no_more_than_its_app_may_have(server: Server) -> None:
    ceiling = {"mode": "ask", "rules": [{"tool": "Bash(rm *)", "action": "deny"}]}
    with server.app(permissions=ceiling) as app:
        for wide in (
            "allow-all",
            {"mode": "allow-all"},
            {"mode": "deny", "rules": [{"tool": "Bash", "action": "allow"}]},
            {"mode": "ask", "on_timeout": "allow"},
        ):
            refused = app.post("/sessions", {"permissions": wide})
            assert code_of(refused) == (422, "permissions_too_wide"), wide
        session = app.create(permissions="ask")
        assert code_of(app.patch(session, permissions="allow-all")) == (422, "permissions_too_wide")
        assert app.said(session, "/ask rm a.txt") == REFUSED
        assert resolved(app, session)[0]["by"] == "policy"
        well(app.answer(asking(app, session), decision="allow", scope="always"))
        assert told(app, session) == ALLOWED
        assert app.said(session, TOUCH) == ALLOWED


def test_a_wish_below_the_ceiling_is_granted(server: Server) -> None:
    with server.app(permissions="ask") as app:
        for policy in ("deny", "allow-reads", "ask", None):
            app.create(permissions=policy)
        assert app.said(app.create(permissions="deny"), TOUCH) == REFUSED


def test_the_server_bounds_all_apps(tmp_path: Path) -> None:
    with (
        serving(tmp_path, max_permissions="allow-reads", permissions="ask") as server,
        server.app(permissions="allow-all") as app,
    ):
        for policy in ("ask", "allow-all"):
            refused = app.post("/sessions", {"permissions": policy})
            assert code_of(refused) == (422, "permissions_too_wide")
        session = app.create()
        assert app.said(session, TOUCH) == REFUSED


def test_a_fork_has_the_permissions_of_its_source(app: App) -> None:
    session = app.create(permissions="ask")
    well(app.answer(asking(app, session), decision="allow", scope="always"))
    assert told(app, session) == ALLOWED
    copy = well(app.post(f"/sessions/{session}/fork"))["session_id"]
    assert app.said(copy, TOUCH) == ALLOWED
    well(app.answer(asking(app, copy, "/ask touch b.txt"), decision="deny"))
    assert told(app, copy) == REFUSED


def test_permissions_change_between_turns(app: App) -> None:
    session = app.create(permissions="deny")
    assert app.said(session, TOUCH) == REFUSED
    row = well(app.patch(session, permissions="allow-all"))
    assert row["options"]["permissions"] == "allow-all"
    assert app.said(session, TOUCH) == ALLOWED
    well(app.patch(session, permissions={"mode": "deny"}))
    assert app.said(session, TOUCH) == REFUSED
    assert app.types(session).count("agent_started") == 1


def test_what_waits_for_an_answer_is_seen_by_all_who_watch(app: App) -> None:
    session = app.create(permissions="ask")
    with app.reading(session) as reader, at_once(lambda: app.said(session, TOUCH)) as (work,):
        asked = reader.until("permission_request")[-1]
        well(app.answer(asked["permission_id"], decision="allow"))
        answered = reader.until("permission_resolved")[-1]
        assert answered["permission_id"] == asked["permission_id"]
        assert work.result() == ALLOWED
