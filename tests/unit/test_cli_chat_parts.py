"""The parts of the chat that need no server and no terminal."""

from typing import Any

import pytest

from clawdforge.cli import ids
from clawdforge.cli.chat_questions import read_answer, what
from clawdforge.cli.chat_screen import Call, about
from clawdforge.cli.event_lines import event_line
from clawdforge.cli.screen import harmless, in_short, one_line, usage_line
from clawdforge.client import Answer, Usage, events
from clawdforge.errors import InputError
from clawdforge.wire.forge_events import event_of

BEL = "\x07\x1b[2J"


def event(kind: str, /, **body: Any) -> events.Event:
    return event_of({"seq": 3, "turn": 1, "at": 7, "type": kind, **body})


@pytest.mark.parametrize(
    ("typed", "answer"),
    [
        ("y", Answer(allow=True)),
        (" Yes ", Answer(allow=True)),
        ("a", Answer(allow=True, scope="always")),
        ("always", Answer(allow=True, scope="always")),
        ("n", Answer(allow=False)),
        ("no", Answer(allow=False)),
        ("n use the other file", Answer(allow=False, message="use the other file")),
        ("N: not now", Answer(allow=False, message="not now")),
    ],
)
def test_answers_are_understood(typed: str, answer: Answer) -> None:
    assert read_answer(typed) == answer


@pytest.mark.parametrize("typed", ["", " ", "e", "?", "yn", "y but only this", "ok", "always no"])
def test_what_is_no_clear_answer_allows_nothing(typed: str) -> None:
    assert read_answer(typed) is None


@pytest.mark.parametrize(
    ("args", "expected"),
    [
        (None, ""),
        ({}, ""),
        ({"command": "ls\n-la", "x": 1}, "ls -la"),
        ({"file_path": "/a/b", "content": "…"}, "/a/b"),
        ({"x": [1]}, '{"x":[1]}'),
        ("plain", "plain"),
        ([1, 2], "[1,2]"),
        ({"command": BEL}, "\N{REPLACEMENT CHARACTER}\N{REPLACEMENT CHARACTER}[2J"),
    ],
)
def test_arguments_in_short(args: Any, expected: str) -> None:
    assert in_short(args) == expected


def test_one_line_is_short_and_harmless() -> None:
    assert one_line("a\n b\tc") == "a b c"
    assert one_line("x" * 500) == "x" * 99 + "…"
    assert one_line(BEL) == harmless(BEL)


def test_a_tool_call_is_put_together_from_its_news() -> None:
    call = Call()
    first = event("tool_call", call_id="c", name="Bash", status="pending")
    done = event("tool_call", call_id="c", status="failed", result="denied")
    args = event("tool_call", call_id="c", args={"command": "ls"}, title="ls")
    for news in (first, args, done):
        assert isinstance(news, events.ToolCall)
        call = call.with_news(news)
    assert call.line(80) == "✗ Bash ls: denied"
    assert len(Call(name="x", args="y" * 500).line(40)) == 40


def test_a_nameless_tool_is_called_by_its_kind() -> None:
    news = event("tool_call", call_id="c", kind="edit", title="Edit a.txt")
    assert isinstance(news, events.ToolCall)
    assert Call().with_news(news).line(80) == "· edit Edit a.txt"


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        (event("turn_started", waited_ms=10), ""),
        (event("turn_started", waited_ms=3000), "waited 3.0 s for a free agent"),
        (event("turn_started", origin="agent"), "the agent goes on by itself:"),
        (event("retry", attempt=2, max_attempts=5, status=529), "the model call failed (529)"),
        (event("note", kind="compacted"), "compacted"),
        (event("setting_changed", key="model", value="opus"), "model: opus"),
        (event("setting_changed", key="title", value="A chat"), ""),
        (
            event("permission_resolved", permission_id=None, state="denied", tool="Bash"),
            "✗ not permitted here: Bash",
        ),
        (
            event("permission_resolved", permission_id="p", state="expired"),
            "nobody answered in time",
        ),
        (event("from_the_future", x=1), ""),
    ],
    ids=lambda value: value.type if isinstance(value, events.Event) else None,
)
def test_what_is_said_about_other_events(told: events.Event, expected: str) -> None:
    assert about(told).startswith(expected)
    assert bool(about(told)) == bool(expected)


@pytest.mark.parametrize(
    "told",
    [
        event("text", text=BEL),
        event("tool_call", call_id="c", name=BEL, args={"command": BEL}, result=BEL),
        event("plan", entries=[{"content": BEL, "status": "pending"}]),
        event("permission_request", permission_id="p", tool=BEL, args=BEL),
        event("turn_ended", state="failed", error=BEL),
        event("note", kind="x", text=BEL),
        event("from_the_future", x=BEL),
    ],
    ids=lambda told: told.type,
)
def test_an_event_is_one_harmless_line(told: events.Event) -> None:
    line = event_line(told)
    assert told.type in line
    assert line.isprintable()
    assert about(told).isprintable()


def test_a_question_says_what_exactly_is_asked() -> None:
    asked = event("permission_request", permission_id="p", tool="Bash", args={"command": "ls"})
    assert isinstance(asked, events.PermissionRequest)
    assert what(asked) == "Bash ls"


def test_usage_says_only_what_is_known() -> None:
    assert usage_line(Usage()) == ""
    usage = Usage(input_tokens=1200, output_tokens=3, cost_microusd=1_500_000)
    assert usage_line(usage, 2345) == "2.3 s · 1,200 tokens in, 3 out · $1.50"


def test_only_one_id_may_fit() -> None:
    assert ids.only("ab", ["abc"], "session") == "abc"
    assert ids.only("ab", ["abc", "ab"], "session") == "ab"
    with pytest.raises(InputError, match="no session"):
        ids.only("ab", [], "session")
    with pytest.raises(InputError, match="more than one session"):
        ids.only("ab", ["abc", "abd"], "session")
