"""Where a stream goes on: every event once, in order, whatever becomes of the connections."""

import json
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clawdforge.client import session_calls
from clawdforge.client.calls import Call
from clawdforge.client.errors import (
    ApiError,
    BusyError,
    ConflictError,
    ForgeError,
    GoneError,
    ProtocolError,
    RequestError,
    TransportError,
)
from clawdforge.client.following import LONGEST_PAUSE_SECS, PATIENCE_SECS, Following
from clawdforge.client.results import TurnResult
from clawdforge.wire.forge_events import Event, Text, TurnEnded


def frame(seq: int, kind: str = "text", turn: int = 1, **body: Any) -> bytes:
    if kind == "text":
        body = {"text": str(seq), **body}
    told = json.dumps({"seq": seq, "turn": turn, "at": 7, "type": kind, **body})
    return f"id: {seq}\nevent: {kind}\ndata: {told}\n\n".encode()


def turn_call() -> Call[TurnResult]:
    return session_calls.turn(
        "s1", "hi", files=(), timeout_secs=None, idempotency_key="k", streamed=True
    )


def turn_of(first: int, last: int, turn: int = 1) -> list[bytes]:
    return [
        frame(first, "turn_started", turn),
        *(frame(seq, turn=turn) for seq in range(first + 1, last)),
        frame(last, "turn_ended", turn, state="done"),
    ]


def seqs(following: Following) -> list[int]:
    found = [event.seq for event in following.ready]
    following.ready.clear()
    return found


def test_it_begins_where_it_is_told_to() -> None:
    call = Following("s1", after=7).call()
    assert (call.method, call.path) == ("GET", "/sessions/s1/events")
    assert call.query == {"after": "7"}
    assert call.headers == {"last-event-id": "7"}
    assert call.accept == "text/event-stream"


def test_after_a_break_it_goes_on_at_once_after_the_newest_event() -> None:
    following = Following("s1")
    following.call()
    following.opened(0.0)
    following.feed(frame(1) + frame(2) + frame(3)[:-5], 1.0)
    following.lost(TransportError("broke"), 2.0)
    assert following.pause_secs == 0
    assert following.call().headers == {"last-event-id": "2"}
    following.feed(frame(2) + frame(3) + frame(4), 3.0)
    assert seqs(following) == [1, 2, 3, 4]


def test_it_pauses_longer_and_longer_and_gives_up_in_the_end() -> None:
    following = Following("s1")
    following.opened(0.0)
    now, pauses = 0.0, []
    error = TransportError("cannot reach it")
    while now < PATIENCE_SECS:
        following.failed(error, now)
        pauses.append(following.pause_secs)
        now += following.pause_secs + 0.01
    assert pauses == sorted(pauses)
    assert pauses[0] == 0
    assert pauses[-1] == LONGEST_PAUSE_SECS
    with pytest.raises(TransportError) as caught:
        following.failed(error, now)
    assert caught.value is error
    assert "after=0" in str(error)


def test_news_make_it_patient_again() -> None:
    following = Following("s1")
    following.opened(0.0)
    for hour in range(10):
        now = hour * 3600.0
        following.feed(frame(hour + 1), now)
        following.lost(None, now + 1)
        assert following.pause_secs == 0
        following.failed(TransportError("cannot reach it"), now + 2)
    following.feed(b": heartbeat\n\n", 1e6)
    following.lost(None, 1e6 + 1)


def test_what_was_never_there_is_not_waited_for() -> None:
    for error in (TransportError("cannot reach it"), BusyError("later"), GoneError("closed")):
        following = Following("s1")
        following.call()
        with pytest.raises(ForgeError) as caught:
            following.failed(error, 0.0)
        assert caught.value is error


@pytest.mark.parametrize("error", [ApiError("no", status=500), GoneError("closed", status=410)])
def test_a_refusal_ends_it(error: ApiError) -> None:
    following = Following("s1")
    following.opened(0.0)
    with pytest.raises(ApiError):
        following.failed(error, 1.0)


def test_a_busy_server_is_asked_again_later() -> None:
    following = Following("s1")
    following.opened(0.0)
    busy = BusyError("later", status=503)
    busy.retry_after_secs = 60
    following.failed(busy, 1.0)
    assert following.pause_secs == LONGEST_PAUSE_SECS


def test_the_last_words_of_a_server_are_no_events() -> None:
    following = Following("s1")
    following.opened(0.0)
    following.feed(frame(1) + b'event: lagged\ndata: {"after": 1}\n\n', 1.0)
    following.feed(b"event: stopping\ndata: {}\n\n", 1.0)
    assert seqs(following) == [1]
    following.lost(None, 1.0)
    assert not following.over


def test_a_session_is_over_when_it_was_closed_and_the_stream_ends() -> None:
    following = Following("s1")
    following.opened(0.0)
    following.feed(frame(1, "session_closed", 0), 1.0)
    assert not following.over
    following.feed(frame(2, "session_reopened", 0) + frame(3), 1.0)
    following.lost(None, 1.0)
    assert not following.over
    following.feed(frame(4, "session_closed", 0), 1.0)
    following.lost(None, 1.0)
    assert following.over


def test_a_turn_is_over_with_its_end() -> None:
    following = Following("s1", turn=turn_call())
    assert following.call().method == "POST"
    following.opened(0.0)
    following.feed(b"".join(turn_of(8, 12, turn=3)), 1.0)
    assert following.over
    assert following.turn_index == 3
    assert isinstance(following.ended, TurnEnded)
    assert seqs(following) == [8, 9, 10, 11, 12]
    assert following.result_call().path == "/sessions/s1/turns/3"


def test_a_turn_goes_on_among_all_events_and_shows_its_own_only() -> None:
    following = Following("s1", turn=turn_call())
    following.call()
    following.opened(0.0)
    following.feed(frame(8, "turn_started", 3) + frame(9, turn=3), 1.0)
    following.lost(None, 1.0)
    assert following.call().headers == {"last-event-id": "9"}
    following.feed(frame(10, "agent_stopped", 0) + b"".join(turn_of(11, 13, turn=4)), 1.0)
    assert not following.over
    following.feed(frame(14, turn=3) + frame(15, "turn_ended", 3, state="done"), 1.0)
    assert seqs(following) == [8, 9, 14, 15]
    assert following.over


def test_a_turn_that_broke_off_before_its_first_event_is_sent_again_with_its_key() -> None:
    following = Following("s1", turn=turn_call())
    first = following.call()
    following.opened(0.0)
    following.lost(TransportError("broke"), 1.0)
    again = following.call()
    assert (first.body, first.headers) == (again.body, again.headers)
    running = ConflictError("it runs", status=409, code="idempotency_running")
    for minute in range(10):
        following.failed(running, minute * 60.0)
        assert following.pause_secs > 0
    result = TurnResult(session_id="s1", turn_index=4, events=(), stop_reason="x", duration_ms=1)
    following.answered(result, 601.0)
    assert following.call().path == "/sessions/s1/events"
    following.feed(b"".join(turn_of(1, 3, turn=3) + turn_of(4, 6, turn=4)), 602.0)
    assert seqs(following) == [4, 5, 6]


def test_a_turn_whose_number_is_told_at_once_is_not_sent_again() -> None:
    following = Following("s1", turn=turn_call())
    following.call()
    following.opened(0.0, turn_index=4)
    following.lost(None, 1.0)
    assert following.call().path == "/sessions/s1/events"


def test_a_conflict_of_another_kind_is_an_error() -> None:
    following = Following("s1", turn=turn_call())
    following.opened(0.0)
    with pytest.raises(ConflictError):
        following.failed(ConflictError("no", status=409, code="other"), 1.0)


def test_a_turn_that_was_left_has_no_result() -> None:
    following = Following("s1", turn=turn_call())
    following.opened(0.0, turn_index=4)
    with pytest.raises(RequestError, match="before its turn ended"):
        following.result_call()


@pytest.mark.parametrize("body", [b"data: {\n\n", b"data: []\n\n", b'data: {"seq": 1}\n\n'])
def test_nonsense_is_an_error(body: bytes) -> None:
    following = Following("s1")
    following.opened(0.0)
    with pytest.raises(ProtocolError, match="makes no sense"):
        following.feed(body, 1.0)


def told(events: Sequence[Event]) -> list[int]:
    return [event.seq for event in events]


@given(
    last=st.integers(2, 40),
    cuts=st.lists(st.tuples(st.integers(0, 2000), st.integers(0, 5)), max_size=20),
    one_turn=st.booleans(),
)
def test_wherever_the_connections_break_every_event_is_told_once(
    last: int, cuts: list[tuple[int, int]], one_turn: bool
) -> None:
    """A server that repeats up to five events after each break, as `after` alone would not."""
    frames = turn_of(1, last)
    following = Following("s1", turn=turn_call() if one_turn else None)
    events: list[Event] = []
    for cut, repeated in [*cuts, (10**6, 0)]:
        if following.over:
            break
        call = following.call()
        following.opened(0.0)
        known = 0 if call.method == "POST" else int(call.headers["last-event-id"])
        following.feed(b"".join(frames[max(known - repeated, 0) :])[:cut], 0.0)
        events += following.ready
        following.ready.clear()
        if not following.over:
            following.lost(None, 0.0)
    assert told(events) == list(range(1, last + 1))
    assert all(isinstance(event, Text) for event in events[1:-1])
