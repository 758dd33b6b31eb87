"""A `claude` that speaks its stream-json badly: what is asked of ACP agents holds for it, too."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from bad_input import MB, BadTimes, Victim, agent_tables, assert_usable, failure, victim
from sessions_http import App, Json, agents_of, text_of, well

STARTS = ("exits", "hangs", "badly", "twice")
CONFIG = agent_tables(
    {"bad": ("behaves",), **{name: (name,) for name in STARTS}}, "claude", "stream_json.py"
)
TRY_IT = "stderr has what it said, and `clawdforge doctor` tries it out"
AGAIN = "the next turn starts it again"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Victim]:
    folder = tmp_path_factory.mktemp("claude")
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


def message(**fields: Any) -> str:
    """A prompt that has the agent tell that, and end the turn."""
    return f"raw {json.dumps(fields)}"


def events_of(app: App, session: str, kind: str) -> list[Json]:
    return [event for event in app.events(session) if event["type"] == kind]


@pytest.mark.parametrize(
    ("agent", "error", "stderr"),
    [
        ("exits", f"exits ended before it was ready (exit 1); {TRY_IT}", "Invalid API key\n"),
        ("hangs", f"hangs was not ready within 1.5 s (agent_start_secs); {TRY_IT}", ""),
    ],
)
def test_a_claude_that_starts_badly_fails_the_turn_and_the_next_turn_tries_again(
    app: App, agent: str, error: str, stderr: str
) -> None:
    session = app.create(agent=agent)
    assert failure(app, session, "hello") == ("error", error, stderr)
    assert_usable(app, session)


@pytest.mark.parametrize("agent", ["badly", "twice"])
def test_a_handshake_that_makes_no_sense_is_a_handshake(app: App, agent: str) -> None:
    assert_usable(app, app.create(agent=agent))


def test_garbage_between_the_messages_is_passed_over(app: App, session: str) -> None:
    assert app.said(session, "garbage") == "after all that"
    assert_usable(app, session)


@pytest.mark.parametrize(
    ("prompt", "code", "stderr"),
    [("half", 0, ""), ("exit 3", 3, "that was too much for me\n")],
)
def test_a_claude_that_leaves_fails_the_turn(
    app: App, session: str, prompt: str, code: int, stderr: str
) -> None:
    error = f"bad ended in the middle of the turn (exit {code}); {AGAIN}"
    assert failure(app, session, prompt) == ("error", error, stderr)
    assert_usable(app, session)


NEW = (
    message(type="from_the_future", a=1),
    message(type="assistant"),
    message(type="assistant", message="text"),
    message(type="assistant", message={"content": "text"}),
    message(type="system", subtype="from_the_future"),
    message(type="system"),
    message(type="control_response"),
    message(type="control_response", response=[1]),
)


def test_what_nobody_understands_is_kept_as_unknown(app: App, session: str) -> None:
    for number, prompt in enumerate(NEW, start=1):
        assert text_of(well(app.turn(session, prompt))) == "", prompt
        raw = [event["raw"] for event in events_of(app, session, "unknown")]
        assert len(raw) == number, prompt
        assert raw[-1] is not None, prompt
    assert_usable(app, session)


NONSENSE = (
    message(type="assistant", message={"content": [1, None, {"type": "text", "text": 5}]}),
    message(type="assistant", message={"content": [{"type": "tool_use", "id": 5}]}),
    message(type="user", message={"content": [{"type": "tool_result", "tool_use_id": {}}]}),
    message(type="user", message=7, tool_use_result="x"),
    message(type="stream_event", event=[1]),
    message(type="stream_event", event={"type": "content_block_delta", "delta": 5}),
    message(type="stream_event", event={"type": "message_delta", "usage": [1]}),
    message(type="stream_event", event={"type": "message_start", "message": {"id": 5}}),
    message(type="control_cancel_request", request_id=[1]),
    message(type="control_response", response={"request_id": "never asked"}),
    message(type="control_request", request_id=5, request="x"),
    message(type="command_lifecycle", command_uuid=[], state={}),
    message(type="keep_alive", x=[1]),
    message(type="system", subtype="status", permissionMode=5),
    message(type="tool_progress", x=[1]),
)


def test_what_makes_no_sense_changes_nothing(app: App, session: str) -> None:
    for prompt in NONSENSE:
        assert well(app.turn(session, prompt))["events"] == [], prompt
        assert events_of(app, session, "unknown") == [], prompt
    assert_usable(app, session)


def test_news_of_the_wrong_type_are_told_as_far_as_they_say_anything(
    app: App, session: str
) -> None:
    app.said(session, message(type="system", subtype="api_retry", attempt="x", error_status=1e999))
    (retry,) = events_of(app, session, "retry")
    assert (retry["attempt"], retry["status"]) == (0, None)
    tasks = [1, {"description": 5}, {"task_id": "t"}]
    app.said(session, message(type="system", subtype="background_tasks_changed", tasks=tasks))
    app.said(session, message(type="system", subtype="background_tasks_changed", tasks="none"))
    assert [e["tasks"] for e in events_of(app, session, "background")] == [["a task", "t"], []]
    assert_usable(app, session)


RESULTS: tuple[tuple[Json, str], ...] = (
    ({"subtype": "success", "result": None}, "end_turn"),
    ({"subtype": "success", "result": 5, "stop_reason": 7}, "end_turn"),
    ({"subtype": "success", "is_error": 0, "usage": "much"}, "end_turn"),
    ({"subtype": "success", "stop_reason": "x" * 1000}, "x" * 100),
)


def test_a_result_of_the_wrong_type_is_a_result(app: App, session: str) -> None:
    for fields, reason in RESULTS:
        reply = well(app.turn(session, f"last {json.dumps({'type': 'result', **fields})}"))
        assert reply["stop_reason"] == reason, fields
    assert_usable(app, session)


FAILURES: tuple[tuple[Json, str], ...] = (
    ({}, "the turn failed, and the agent gave no reason"),
    ({"subtype": ["success"]}, "the turn failed, and the agent gave no reason"),
    ({"subtype": "error_during_execution"}, "error_during_execution"),
    ({"subtype": "error_during_execution", "errors": [5, None]}, "5; None"),
    ({"subtype": "success", "is_error": "yes", "result": "x" * 10_000}, "x" * 500),
)


def test_a_failure_of_the_wrong_type_is_told_as_far_as_it_says_anything(
    app: App, session: str
) -> None:
    for fields, error in FAILURES:
        prompt = f"last {json.dumps({'type': 'result', **fields})}"
        assert failure(app, session, prompt) == ("error", error, "")
        assert_usable(app, session)


def test_a_second_result_ends_nothing(app: App, session: str) -> None:
    result = json.dumps({"type": "result", "subtype": "success", "result": "first"})
    assert app.said(session, f"raw {result}") == "first"
    assert_usable(app, session)
    states = [turn["state"] for turn in well(app.get(f"/sessions/{session}/turns"))["turns"]]
    assert set(states) == {"done"}


def test_counts_and_costs_that_cannot_be_are_left_out(app: App, session: str) -> None:
    usage = '{"input_tokens": -5, "output_tokens": NaN, "cache_read_input_tokens": 1e300}'
    more = '"total_cost_usd": -3, "modelUsage": {"m": {"contextWindow": -1}}'
    app.said(session, f'last {{"type": "result", "subtype": "success", "usage": {usage}, {more}}}')
    more = '"total_cost_usd": Infinity, "modelUsage": [1]'
    app.said(session, f'last {{"type": "result", "subtype": "success", "usage": [], {more}}}')
    assert set(app.row(session)["usage"].values()) == {None}
    assert_usable(app, session)


def test_what_it_tells_can_be_read_again_by_everybody(app: App, session: str) -> None:
    call = (
        '{"type": "tool_use", "id": "c", "name": "n\\ud800", "input": {"a": NaN, "b": "\\udfff"}}'
    )
    told = f'raw {{"type": "assistant", "message": {{"content": [{call}]}}}}'
    (event,) = well(app.turn(session, told))["events"]
    assert event == {
        "type": "tool_call",
        "name": "n?",
        "args": {"a": None, "b": "?"},
        "result": None,
    }
    (stored,) = events_of(app, session, "tool_call")
    assert stored["args"] == event["args"]
    result = '{"type": "result", "subtype": "success", "is_error": true, "result": "bad\\ud800"}'
    assert failure(app, session, f"last {result}") == ("error", "bad?", "")
    assert_usable(app, session)


@pytest.mark.parametrize("prompt", ["hang", "deaf"])
def test_a_claude_that_never_answers_an_interrupt_is_ended(
    app: App, server: Victim, session: str, prompt: str
) -> None:
    turn = app.begin(session, prompt)
    app.seen(session, "text")
    agents = agents_of(server.server, session)
    assert app.cancel(session) == {"ok": True, "cancelled": True, "turn_index": turn}
    assert app.outcome(session, turn)["state"] == "cancelled"
    assert_usable(app, session)
    assert not set(agents) & set(agents_of(server.server, session))


@pytest.mark.parametrize(
    ("requests", "said"),
    [
        ([{"subtype": "can_use_tool"}], "deny:1"),
        ([{"subtype": "can_use_tool", "tool_name": 5, "input": {}}], "deny:1"),
        ([{"subtype": "can_use_tool", "tool_name": "Bash", "input": "ls"}], "allow:1"),
        ([{"subtype": "can_use_tool", "tool_name": "Bash"}] * 300, "allow:300"),
        ([{"subtype": "from_the_future"}, {}, {"subtype": 5}], "error:3"),
        ([{"subtype": "elicitation"}], "success:1"),
    ],
)
def test_a_question_that_is_asked_badly_is_answered(
    app: App, requests: list[Json], said: str
) -> None:
    session = app.create(agent="bad", permissions="allow-all")
    assert app.said(session, f"ask {json.dumps(requests)}") == said
    assert_usable(app, session)


def test_too_much_of_everything_costs_little(server: Victim, app: App, session: str) -> None:
    before = server.memory
    with server.watched() as watch:
        assert app.said(session, "shout 200") == "hoarse"
        reason, error, _ = failure(app, session, "endless 100")
        assert reason == "error"
        assert error.startswith("the agent wrote more than 67,108,864 bytes; ")
        assert len(app.said(session, "line 10")) == 10 * MB
    assert watch.most - before < 150 * MB
    assert_usable(app, session)
