"""Agents that speak ACP badly: each turn ends, says what happened, and the next one goes well."""

import base64
import functools
import json
from collections.abc import Iterator
from typing import Any

import pytest
from bad_input import BadTimes, Victim, agent_tables, assert_usable, failure, victim
from sessions_http import App, Json, agents_of, at_once, eventually, text_of, well

STARTS = ("exits", "hangs", "chats", "list", "other-version", "no-session", "twice", "orphan")
CONFIG = agent_tables({"bad": (), **{name: (name,) for name in STARTS}}, "acp", "acp.py")
TRY_IT = "stderr has what it said, and `clawdforge doctor` tries it out"
AGAIN = "the next turn starts it again"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Victim]:
    folder = tmp_path_factory.mktemp("bad")
    with victim(folder, CONFIG, agent_start_secs=1.5, cancel_grace_secs=0.5) as server:
        yield server


@pytest.fixture(scope="module")
def bad_times(server: Victim) -> Iterator[BadTimes]:
    with server.bad_times() as bad_times:
        yield bad_times


@pytest.fixture
def app(bad_times: BadTimes) -> Iterator[App]:
    with bad_times.guest() as app:
        yield app


@pytest.fixture
def session(app: App) -> str:
    return app.create(agent="bad")


def news(session: str = "the-session", **update: Any) -> str:
    """A prompt that has the agent tell that."""
    params = {"sessionId": session, "update": update}
    return "raw " + json.dumps({"method": "session/update", "params": params})


def events_of(app: App, session: str, kind: str) -> list[Json]:
    return [event for event in app.events(session) if event["type"] == kind]


# --- while it starts --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("agent", "error", "stderr"),
    [
        ("exits", f"exits ended before it was ready (exit 7); {TRY_IT}", "I will not work here\n"),
        (
            "hangs",
            f"hangs was not ready within 1.5 s (agent_start_secs); {TRY_IT}",
            "I am thinking about it\n",
        ),
        ("chats", f"chats was not ready within 1.5 s (agent_start_secs); {TRY_IT}", ""),
        ("orphan", f"orphan ended before it was ready (exit 0); {TRY_IT}", ""),
        ("list", "the agent does not answer as ACP agents do; is its command right?", ""),
        (
            "other-version",
            "the agent speaks version 99 of ACP, clawdforge 1; install a version of it that fits",
            "",
        ),
        (
            "no-session",
            "the agent gave its session no name, as ACP wants it; try another version of it",
            "",
        ),
    ],
)
def test_an_agent_that_starts_badly_fails_the_turn_and_the_next_turn_tries_again(
    app: App, agent: str, error: str, stderr: str
) -> None:
    session = app.create(agent=agent)
    assert failure(app, session, "hello") == ("error", error, stderr)
    assert_usable(app, session)


def test_an_agent_that_answers_the_greeting_twice_works(app: App) -> None:
    assert_usable(app, app.create(agent="twice"))


# --- what it says -----------------------------------------------------------------------------


def test_garbage_between_the_messages_is_passed_over(app: App, session: str) -> None:
    assert app.said(session, "garbage") == "after all that"
    assert_usable(app, session)


def test_an_agent_that_leaves_in_the_middle_of_a_line_fails_the_turn(
    app: App, session: str
) -> None:
    error = f"bad ended in the middle of the turn (exit 0); {AGAIN}"
    assert failure(app, session, "half") == ("error", error, "")
    assert_usable(app, session)


@pytest.mark.parametrize(
    ("prompt", "error", "stderr"),
    [
        ("exit 3", f"bad ended in the middle of the turn (exit 3); {AGAIN}", "too much for me\n"),
        ("die", f"bad ended in the middle of the turn (signal 11); {AGAIN}", ""),
        ("orphan", f"bad ended in the middle of the turn (exit 0); {AGAIN}", ""),
    ],
)
def test_an_agent_that_dies_takes_its_children_with_it(
    app: App, server: Victim, session: str, prompt: str, error: str, stderr: str
) -> None:
    reason, told, said = failure(app, session, prompt)
    assert (reason, told) == ("error", error)
    assert said.endswith(stderr)
    eventually(lambda: agents_of(server.server, session) == [])
    assert_usable(app, session)


NEW = (
    news(sessionUpdate="from_the_future", anything=[1, {"a": None}]),
    news(sessionUpdate=17),
    news(sessionUpdate=None),
    news(sessionUpdate=["tool_call"]),
    news(sessionUpdate="agent_message_chunk", content={"type": "image", "data": 1}),
    news(sessionUpdate="agent_message_chunk", content=[]),
    news(sessionUpdate="tool_call"),
    news(sessionUpdate="tool_call", toolCallId=5),
    news(sessionUpdate="plan", entries="all of it"),
    news("another session", sessionUpdate="agent_message_chunk", content={"type": "text"}),
    'raw {"method":"session/update","params":{"update":"text"}}',
    'raw {"method":"session/update","params":[1]}',
    'raw {"method":"session/update"}',
    'raw {"method":"_somebody/else","params":{"a":1}}',
)


def test_what_nobody_understands_is_kept_as_unknown(app: App, session: str) -> None:
    for number, prompt in enumerate(NEW, start=1):
        assert text_of(well(app.turn(session, prompt))) == "", prompt
        raw = [event["raw"] for event in events_of(app, session, "unknown")]
        assert len(raw) == number, prompt
        assert raw[-1] is not None, prompt
    assert_usable(app, session)


NONSENSE = (
    'raw {"id":999,"result":{}}',
    'raw {"id":"ID","result":{}}',
    'raw {"id":999,"error":{"code":1,"message":"no"}}',
    'raw {"id":null,"error":"no"}',
    'raw {"id":ID.0,"result":{}}',
    'raw {"id":1.5,"method":"session/request_permission","params":{}}',
    'raw {"id":"x","method":"fs/read_text_file","params":{"path":"/etc/passwd"}}',
    'raw {"method":"$/cancel_request","params":{"requestId":{"a":1}}}',
    'raw {"method":"$/cancel_request","params":{"requestId":"never asked"}}',
    news(sessionUpdate="usage_update", used=-1, size="big", cost={"amount": -3}),
    news(sessionUpdate="plan", entries=[1, None, {"content": 5}]),
    news(sessionUpdate="config_option_update", configOptions={"id": 3}),
    news(sessionUpdate="current_mode_update", currentModeId=[]),
    news(sessionUpdate="available_commands_update", availableCommands=7),
)


def test_what_makes_no_sense_changes_nothing(app: App, session: str) -> None:
    for prompt in NONSENSE:
        assert well(app.turn(session, prompt))["events"] == [], prompt
        assert events_of(app, session, "unknown") == [], prompt
    assert_usable(app, session)


def test_a_prompt_that_is_answered_twice_is_answered_once(app: App, session: str) -> None:
    well(app.turn(session, 'raw {"id":ID,"result":{"stopReason":"max_tokens"}}'))
    turn = well(app.get(f"/sessions/{session}/turns/1"))
    assert (turn["state"], turn["stop_reason"]) == ("done", "max_tokens")
    assert_usable(app, session)


# --- values that not everybody can read -------------------------------------------------------


@pytest.mark.parametrize(
    ("args", "shown"),
    [
        ('{"half": "a\\ud800b", "\\udfff": 1}', {"half": "a?b", "?": 1}),
        ('{"whole": "\\ud83d\\ude00"}', {"whole": "\N{GRINNING FACE}"}),
        ('{"nul": "a\\u0000b"}', {"nul": "a\0b"}),
        ('{"a": NaN, "b": [Infinity, -Infinity]}', {"a": None, "b": [None, None]}),
        ('{"a": 1e999, "b": -1e999, "c": 1.5}', {"a": None, "b": None, "c": 1.5}),
        ('{"huge": ' + "9" * 4000 + "}", {"huge": int("9" * 4000)}),
        ('{"deep": ' + "[" * 150 + "]" * 150 + "}", {"deep": json.loads("[" * 150 + "]" * 150)}),
    ],
    ids=("surrogates", "a pair", "NUL", "NaN", "infinite", "huge", "deep"),
)
def test_what_an_agent_tells_can_be_read_again_by_everybody(
    app: App, session: str, args: str, shown: Any
) -> None:
    call = f'{{"sessionUpdate": "tool_call", "toolCallId": "c", "title": "t", "rawInput": {args}}}'
    prompt = f'raw {{"method": "session/update", "params": {{"update": {call}}}}}'
    (event,) = well(app.turn(session, prompt))["events"]
    assert event["args"] == shown
    (stored,) = events_of(app, session, "tool_call")
    assert stored["args"] == shown
    (later,) = well(app.get(f"/sessions/{session}/turns/1"))["events"]
    assert later["args"] == shown
    with app.reading(session, after=0) as reader:
        assert reader.until("tool_call")[-1]["args"] == shown
    assert_usable(app, session)


@pytest.mark.parametrize("depth", [300, 940, 100_000])
@pytest.mark.parametrize("kind", ["tool_call", "from_the_future"])
def test_what_is_nested_too_deep_to_be_read_again_is_passed_over(
    app: App, session: str, depth: int, kind: str
) -> None:
    deep = "[" * depth + "]" * depth
    told = f'{{"sessionUpdate": "{kind}", "toolCallId": "c", "rawInput": {deep}}}'
    prompt = f'raw {{"method": "session/update", "params": {{"update": {told}}}}}'
    assert well(app.turn(session, prompt))["events"] == []
    assert {"tool_call", "unknown"}.isdisjoint(app.types(session))
    assert_usable(app, session)


def test_bytes_that_are_no_text_are_replaced(app: App, session: str) -> None:
    said = b'{"sessionUpdate": "agent_message_chunk", "content": "caf\xe9 \xff\xf0\x9f"}'
    line = b'{"method": "session/update", "params": {"update": ' + said + b"}}"
    prompt = f"raw-bytes {base64.b64encode(line).decode()}"
    assert app.said(session, prompt) == "caf\ufffd \ufffd\ufffd"
    assert_usable(app, session)


def test_texts_that_no_ledger_takes_are_mended_wherever_they_stand(app: App, session: str) -> None:
    app.said(session, news(sessionUpdate="session_info_update", title="a\ud800\0"))
    app.said(session, news(sessionUpdate="current_mode_update", currentModeId="m\udfff"))
    changed = [event["value"] for event in events_of(app, session, "setting_changed")]
    assert changed == ["a?\0", "m?"]
    reply = app.turn(session, 'end {"id": ID, "result": {"stopReason": "s\\ud800"}}')
    assert well(reply)["stop_reason"] == "s?"
    answer = '{"code": 1, "message": "m\\ud800", "data": {"errorKind": "k\\ud800"}}'
    assert failure(app, session, f'end {{"id": ID, "error": {answer}}}') == ("error", "m?", "")
    assert_usable(app, session)


# --- how it ends a turn -----------------------------------------------------------------------


ENDS = (
    ('"text"', "end_turn"),
    ("null", "end_turn"),
    ("[]", "end_turn"),
    ('{"stopReason": 17}', "end_turn"),
    ('{"stopReason": null}', "end_turn"),
    ('{"stopReason": "a new one"}', "a new one"),
    (json.dumps({"stopReason": "x" * 100_000}), "x" * 100),
)


def test_an_end_of_the_wrong_type_is_an_end(app: App, session: str) -> None:
    for result, reason in ENDS:
        reply = well(app.turn(session, f'end {{"id": ID, "result": {result}}}'))
        assert reply["stop_reason"] == reason, result[:100]
    assert_usable(app, session)


ERRORS = (
    ('"because"', "because"),
    ("null", "the agent gave no reason"),
    ("{}", "the agent gave no reason"),
    ('{"code": "x", "message": 7, "data": [1]}', "the agent gave no reason"),
    ('{"code": 1, "message": "", "data": "the disk"}', "the agent gave no reason: the disk"),
    (json.dumps({"code": 1, "message": "x" * 100_000}), "x" * 500),
    ('{"code": -32002, "message": "lost"}', "the agent does not know this conversation"),
)


def test_an_error_of_the_wrong_type_is_told_as_far_as_it_says_anything(
    app: App, session: str
) -> None:
    for error, told in ERRORS:
        reason, message, _ = failure(app, session, f'end {{"id": ID, "error": {error}}}')
        assert reason == "error", error[:100]
        assert message.startswith(told), error[:100]
        assert_usable(app, session)


def test_counts_that_cannot_be_are_left_out(app: App, session: str) -> None:
    counts = '{"inputTokens": -5, "outputTokens": NaN, "cachedReadTokens": 1e300'
    counts += ', "cachedWriteTokens": "7"}'
    result = f'{{"stopReason": "end_turn", "usage": {counts}}}'
    well(app.turn(session, f'end {{"id": ID, "result": {result}}}'))
    cost = {"amount": 1e300, "currency": "USD"}
    app.said(session, news(sessionUpdate="usage_update", used=1e30, size=-7, cost=cost))
    counts = '{"inputTokens": 5, "outputTokens": 1e999}'
    well(app.turn(session, f'end {{"id": ID, "result": {{"usage": {counts}}}}}'))
    usage = app.row(session)["usage"]
    assert usage.pop("input_tokens") == 5
    assert set(usage.values()) == {None}
    assert_usable(app, session)


def test_an_agent_that_says_no_more_runs_out_of_time(app: App, server: Victim) -> None:
    """All at once: no time-out is shorter than 5 s."""
    prompts = {
        "in the middle of a line": "stuck",
        "hanging": "hang",
        "its output closed": "mute",
        "its input closed": "plug",
    }
    sessions = {name: app.create(agent="bad") for name in prompts}
    app.said(sessions["its input closed"], "plug ID")
    late = ("timeout", "no end of the turn within 5 s", "")

    takes = [
        functools.partial(failure, app, sessions[name], prompts[name], timeout_secs=5)
        for name in prompts
    ]
    with at_once(*takes) as taken:
        pass
    assert [each.result() for each in taken] == [late] * len(prompts)
    for session in sessions.values():
        assert_usable(app, session)


@pytest.mark.parametrize("prompt", ["hang", "deaf"])
def test_an_agent_that_never_answers_a_cancel_is_ended(
    app: App, server: Victim, session: str, prompt: str
) -> None:
    turn = app.begin(session, prompt)
    app.seen(session, "text")
    agents = agents_of(server.server, session)
    assert app.cancel(session) == {"ok": True, "cancelled": True, "turn_index": turn}
    assert app.outcome(session, turn)["state"] == "cancelled"
    assert_usable(app, session)
    assert not set(agents) & set(agents_of(server.server, session))


# --- what it asks -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("question", "said"),
    [
        ({"toolCall": {"toolCallId": "c"}}, "cancelled:1"),
        ({"toolCall": {"toolCallId": "c"}, "options": []}, "cancelled:1"),
        ({"toolCall": {"toolCallId": "c"}, "options": {"optionId": "y"}}, "cancelled:1"),
        (
            {"toolCall": 5, "options": [None, 7, {"optionId": 1}, {"kind": "allow_once"}]},
            "cancelled:1",
        ),
        ({"options": [{"optionId": "y", "kind": "allow_for_ever", "name": 5}]}, "cancelled:1"),
        ({"options": [{"optionId": "y", "kind": "allow_once", "name": {"a": 1}}]}, "y:1"),
        (
            {
                "toolCall": {
                    "toolCallId": "c",
                    "title": ["t"],
                    "kind": 5,
                    "rawInput": "text",
                    "locations": [{"path": 3}, 4],
                    "content": [{"type": "diff", "path": 1}, None],
                },
                "options": [{"optionId": "y", "kind": "allow_once"}],
            },
            "y:1",
        ),
    ],
)
def test_a_question_that_is_asked_badly_can_be_answered(
    app: App, session: str, question: Json, said: str
) -> None:
    turn = app.begin(session, f"question {json.dumps(question)}")
    asked = app.question()
    assert well(app.answer(asked, decision="allow"))["state"] == "allowed"
    assert text_of(app.outcome(session, turn)) == said
    assert_usable(app, session)


def test_hundreds_of_questions_at_once_are_all_answered_by_the_policy(app: App) -> None:
    session = app.create(agent="bad", permissions="allow-all")
    assert app.said(session, "ask 500") == "y:500"
    session = app.create(agent="bad", permissions="deny")
    assert app.said(session, "ask 500") == "n:500"
    assert_usable(app, session)


def test_hundreds_of_questions_at_once_are_all_withdrawn_by_a_cancel(
    app: App, session: str
) -> None:
    turn = app.begin(session, "ask 300")
    app.seen(session, "permission_request", 300)
    assert app.row(session)["pending_permissions"] == 300
    assert app.cancel(session)["cancelled"] is True
    assert app.outcome(session, turn)["state"] == "cancelled"
    assert len(app.seen(session, "permission_resolved", 300)) == 300
    assert app.row(session)["pending_permissions"] == 0
    assert_usable(app, session)


def test_two_questions_with_one_number_are_both_answered(app: App, session: str) -> None:
    turn = app.begin(session, "twins")
    app.seen(session, "permission_request", 2)
    for each in well(app.get("/permissions"))["permissions"]:
        assert app.answer(each, decision="allow").status_code == 200
    assert text_of(app.outcome(session, turn)) == "y:2"
    assert_usable(app, session)
