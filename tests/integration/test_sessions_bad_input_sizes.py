"""Agents that write much too much: the server's memory stays bounded, and it answers at once."""

from collections.abc import Iterator

import pytest
from bad_input import MB, BadTimes, Victim, agent_tables, assert_usable, failure, victim
from sessions_http import App, eventually, text_of, well

CONFIG = agent_tables({"bad": ()}, "acp", "acp.py")
MAX_OUTPUT = 64 * 1024 * 1024
"""The default of `max_output_bytes`, and so of a line."""
LITTLE = 40 * MB
"""What may be needed meanwhile for things that are not kept. Measured: below 10 MB; a busy
machine's allocator keeps more."""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Victim]:
    with victim(tmp_path_factory.mktemp("sizes"), CONFIG, cancel_grace_secs=0.5) as server:
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


# In this order: what the allocator keeps of the large ones would hide what the small ones need.


def test_a_flood_on_standard_error_is_read_and_forgotten(
    server: Victim, app: App, session: str
) -> None:
    before = server.memory
    with server.watched() as watch:
        assert app.said(session, "shout 500") == "hoarse"
    assert watch.most - before < LITTLE
    assert_usable(app, session)


def test_of_a_flood_on_standard_error_the_last_is_told_when_the_turn_fails(
    app: App, session: str
) -> None:
    _, _, stderr = failure(app, session, "shout-and-exit 5")
    assert len(stderr) == 8192
    assert stderr.endswith("noisethat was too much for me\n")
    assert "\0\ufffd noise" in stderr
    assert_usable(app, session)


def test_many_small_messages_that_nobody_knows_cost_no_memory(
    server: Victim, app: App, session: str
) -> None:
    before = server.memory
    with server.watched() as watch:
        turn = well(app.turn(session, "flood 1"))
    assert watch.most - before < LITTLE
    assert turn["events"] == []
    last = app.row(session)["last_seq"]
    assert last > 30_000
    (event, end) = well(app.get(f"/sessions/{session}/events", after=last - 2))["events"]
    assert (event["type"], end["type"]) == ("unknown", "turn_ended")
    assert_usable(app, session)


def test_an_agent_that_asks_on_and_on_and_reads_no_answer_is_ended(
    server: Victim, app: App, session: str
) -> None:
    before = server.memory
    with server.watched() as watch:
        told = failure(app, session, "nag 60")
    error = "the agent leaves more than 33,554,432 bytes unread that it was sent"
    assert told == ("error", error, "")
    assert watch.most - before < 32 * 1024 * 1024 + LITTLE
    assert_usable(app, session)


def test_a_prompt_as_large_as_it_may_be_reaches_the_agent(app: App, session: str) -> None:
    room = 8 * 1024 * 1024 - len('{"prompt":"length "}')
    body = b'{"prompt":"length ' + b"x" * room + b'"}'
    json = {"Content-Type": "application/json"}
    reply = app.http.post(f"/sessions/{session}/turn", content=body, headers=json)
    assert text_of(well(reply)) == str(room)
    reply = app.http.post(f"/sessions/{session}/turn", content=body + b" ", headers=json)
    assert reply.status_code == 413
    assert_usable(app, session)


def test_a_large_prompt_to_an_agent_that_does_not_read_can_be_cancelled(
    server: Victim, app: App, session: str
) -> None:
    assert app.said(session, "sleep-after ID") == "good night"
    turn = app.begin(session, "x" * (8 * 1024 * 1024 - 100))
    assert app.cancel(session)["turn_index"] == turn
    assert app.outcome(session, turn)["state"] == "cancelled"
    assert_usable(app, session)


def test_a_tool_call_with_10_mb_of_arguments_is_passed_on_whole(
    server: Victim, app: App, session: str
) -> None:
    before = server.memory
    with server.watched() as watch, app.reading(session) as reader:
        (call,) = well(app.turn(session, "tool 10"))["events"]
        first, second = [e for e in reader.until("turn_ended") if e["type"] == "tool_call"]
    assert len(call["args"]["content"]) == 10 * MB
    assert call["result"] == "ok"
    assert len(first["args"]["content"]) == 10 * MB
    assert "args" not in second
    assert watch.most - before < 100 * MB + LITTLE
    assert_usable(app, session)


def test_a_line_without_an_end_fails_the_turn_at_once(
    server: Victim, app: App, session: str
) -> None:
    before = server.memory
    with server.watched() as watch:
        told = failure(app, session, "endless 100")
    limit = "the setting max_output_bytes allows it more"
    assert told == ("error", f"the agent wrote more than 67,108,864 bytes; {limit}", "")
    assert watch.most - before < MAX_OUTPUT + LITTLE
    assert_usable(app, session)


def test_a_line_of_64_mb_is_passed_on_whole(server: Victim, app: App, session: str) -> None:
    before = server.memory
    with server.watched() as watch:
        assert len(app.said(session, "line 64")) == 64 * MB
    # The line, its text, the stored body, the reply, and one more while each is made.
    assert watch.most - before < 5 * MAX_OUTPUT + LITTLE
    eventually(lambda: server.memory - before < 2 * MAX_OUTPUT + LITTLE)
    assert_usable(app, session)


def test_the_limit_is_meant_for_one_turn(app: App, session: str) -> None:
    for _ in range(3):
        assert len(app.said(session, "line 30")) == 30 * MB
    assert_usable(app, session)
