"""A turn's events, as clients of 0.2 get them."""

from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clawdforge.core.sdk_events import sdk_events


def text(said: str, **more: Any) -> dict[str, Any]:
    return {"type": "text", "text": said, **more}


def thinking(said: str) -> dict[str, Any]:
    return {"type": "thinking", "text": said}


def call(call_id: str, **patch: Any) -> dict[str, Any]:
    return {"type": "tool_call", "call_id": call_id, **patch}


def test_adjacent_pieces_are_one_event() -> None:
    assert sdk_events([text("Hel"), text("lo"), thinking("a"), thinking("b"), text("!")]) == [
        {"type": "text", "content": "Hello"},
        {"type": "thinking", "content": "ab"},
        {"type": "text", "content": "!"},
    ]


def test_pieces_of_different_messages_are_one_event_too() -> None:
    pieces = [text("a", message_id="1"), text("b", message_id="2")]
    assert sdk_events(pieces) == [{"type": "text", "content": "ab"}]


def test_what_is_not_shown_cuts_no_text() -> None:
    between: list[dict[str, Any]] = [
        {"type": "usage", "context_used": 5, "context_size": 10},
        {"type": "note", "kind": "warning", "text": "not the answer"},
        {"type": "permission_request", "permission_id": "p"},
        {"type": "unknown", "raw": {}},
        text(""),
    ]
    for one in between:
        assert sdk_events([text("a"), one, text("b")]) == [{"type": "text", "content": "ab"}]


def test_a_tool_call_is_shown_where_it_first_appeared_as_it_was_in_the_end() -> None:
    events = sdk_events(
        [
            text("I look."),
            call("1", name="Bash", title="Terminal", status="pending"),
            text("And"),
            call("1", args={"command": "ls"}, title="ls"),
            text(" then?"),
            call("1", status="completed", result="a.txt"),
            text(" Done."),
        ]
    )
    assert events == [
        {"type": "text", "content": "I look."},
        {"type": "tool_call", "name": "Bash", "args": {"command": "ls"}, "result": "a.txt"},
        {"type": "text", "content": "And then? Done."},
    ]


def test_a_patch_that_says_nothing_takes_nothing_away() -> None:
    events = sdk_events([call("1", name="Read", args={"p": 1}), call("1", name=None, args=None)])
    assert events == [{"type": "tool_call", "name": "Read", "args": {"p": 1}, "result": None}]


@pytest.mark.parametrize("value", ["", 0, [], False])
def test_a_result_that_is_false_or_empty_is_a_result(value: Any) -> None:
    assert sdk_events([call("1", result=value)])[0]["result"] == value


def test_a_tool_call_always_has_a_name() -> None:
    patches: list[dict[str, Any]] = [{}, {"kind": "read"}, {"kind": "read", "title": "a.txt"}]
    named = [sdk_events([call("1", **patch)])[0]["name"] for patch in patches]
    assert named == ["tool", "read", "a.txt"]


def test_two_calls_at_once_are_kept_apart() -> None:
    events = sdk_events(
        [call("1", name="A"), call("2", name="B"), call("1", result=1), call("2", result=2)]
    )
    assert [(event["name"], event["result"]) for event in events] == [("A", 1), ("B", 2)]


def test_a_whole_answer_replaces_what_was_said_since_the_last_news_of_a_tool() -> None:
    events = sdk_events(
        [
            text("before"),
            call("1", name="A"),
            thinking("hm"),
            text("half"),
            text("half and"),
            text("the whole", replaces=True),
        ]
    )
    assert events == [
        {"type": "text", "content": "before"},
        {"type": "tool_call", "name": "A", "args": None, "result": None},
        {"type": "thinking", "content": "hm"},
        {"type": "text", "content": "the whole"},
    ]


def test_only_what_came_after_the_news_is_replaced() -> None:
    events = sdk_events(
        [
            call("1", name="A"),
            text("kept "),
            call("1", result=1),
            text("x"),
            text("y", replaces=True),
        ]
    )
    assert events[1:] == [{"type": "text", "content": "kept y"}]


def test_what_makes_no_sense_is_left_out() -> None:
    bodies: list[dict[str, Any]] = [
        {},
        {"type": 5},
        {"type": "text"},
        {"type": "text", "text": None},
        {"type": "tool_call"},
        {"type": "turn_ended", "state": "done"},
    ]
    assert sdk_events(bodies) == []


PIECES = st.one_of(
    st.builds(text, st.text(max_size=3)),
    st.builds(thinking, st.text(max_size=3)),
    st.builds(call, st.sampled_from("123"), name=st.sampled_from([None, "A", "B"])),
    st.just({"type": "usage"}),
)


@given(st.lists(PIECES, max_size=30))
def test_nothing_said_is_lost_doubled_or_moved(bodies: list[dict[str, Any]]) -> None:
    events = sdk_events(bodies)
    for kind in ("text", "thinking"):
        said = "".join(body["text"] for body in bodies if body["type"] == kind)
        assert "".join(event["content"] for event in events if event["type"] == kind) == said
    calls = {body["call_id"] for body in bodies if body["type"] == "tool_call"}
    assert sum(event["type"] == "tool_call" for event in events) == len(calls)
    for one, other in pairwise(events):
        assert one["type"] != other["type"] or one["type"] == "tool_call"
    assert all(event["content"] for event in events if "content" in event)
