"""The transcript, and what is asked."""

from typing import Any

import msgspec
import pytest
from tui_world import DRIVEN, NOW, question, story, view, world

from clawdforge.client import events
from clawdforge.client.approvals import ApprovalInfo
from clawdforge.tui.asked import Questions
from clawdforge.tui.background import shade_of, shade_of_colorfgbg
from clawdforge.tui.questions import (
    answered_args,
    change_lines,
    has_own_options,
    question_lines,
    questions_of,
    ways_to_answer,
)
from clawdforge.tui.spans import Line, width_of
from clawdforge.tui.story import MAX_BLOCKS, MAX_TEXT_CHARS, Story
from clawdforge.wire.forge_sessions import PermissionOption, Usage


def text(line: Line) -> str:
    return "".join(span.text for span in line)


def told(*given: events.Event, width: int = 70) -> str:
    made = Story()
    for event in given:
        made.add(event)
    lines = made.lines(width)
    assert all(width_of(line) <= width for line in lines)
    return "\n".join(map(text, lines))


class Teller:
    """Makes events in order."""

    def __init__(self) -> None:
        self.seq = 0

    def __call__(self, kind_: type[events.Event], /, **facts: Any) -> events.Event:
        self.seq += 1
        return kind_(seq=self.seq, turn=facts.pop("turn", 1), at=0, **facts)


@pytest.fixture
def event() -> Teller:
    return Teller()


# --- transcripts ------------------------------------------------------------------------------


def test_a_story_reads_as_it_happened() -> None:
    assert told(*story()).splitlines() == [
        "",
        " ─ turn 1 " + "─" * 58,
        "",
        "  The release branch is behind. First look what is new.",
        "",
        "  ✓ Bash  git log --oneline release..main",
        "    4e7ab75 Sessions in parts",
        "    abaf37d Hook client",
        "    7cbb573 Docs",
        "",
        "  Three commits are new. I will rebase the branch and push it.",
        "",
        "  ✓ Edit  CHANGELOG.md",
        "     # Changelog",
        "    ",
        "    -## unreleased",
        "    +## 1.4.0",
        "",
        "  ✓ look what is new",
        "  ● push the branch",
        "  ○ tell the others",
    ]


def test_pieces_of_text_are_joined_and_may_be_replaced(event: Teller) -> None:
    pieces = [event(events.Text, text=part) for part in ("one ", "two\n", "three")]
    assert told(*pieces) == "\n  one two\n  three"
    assert told(*pieces, event(events.Text, text="anew", replaces=True)) == "\n  anew"


def test_a_long_text_loses_nothing_and_is_kept_in_parts(event: Teller) -> None:
    lines = [f"line {number} of a long answer" for number in range(2000)]
    whole = "\n".join(lines)
    pieces = [event(events.Text, text=whole[at : at + 700]) for at in range(0, len(whole), 700)]
    assert len(whole) > 5 * MAX_TEXT_CHARS
    assert [line.strip() for line in told(*pieces).splitlines()[1:]] == lines
    assert [line.strip() for line in told(event(events.Text, text=whole)).splitlines()[1:]] == lines


def test_a_very_long_story_keeps_its_newest_part(event: Teller) -> None:
    notes = [event(events.Note, kind="x", text=f"note {number}") for number in range(1000)]
    shown = told(*notes).splitlines()
    assert len(shown) == MAX_BLOCKS
    assert shown[-1].strip() == "note 999"


def test_the_policys_own_decisions_are_not_told_but_a_persons_are(event: Teller) -> None:
    own = event(events.PermissionResolved, permission_id=None, state="allowed", by="policy")
    hers = event(events.PermissionResolved, permission_id="p", state="denied", by="app:ci")
    assert told(own, hers).strip() == "denied by app:ci"


def test_how_a_turn_ended(event: Teller) -> None:
    usage = Usage(cost_microusd=1_500_000)
    done = event(events.TurnEnded, state="done", duration_ms=61_000, usage=usage)
    assert told(done) == "  done · 1m · $1.50"
    failed = event(events.TurnEnded, state="failed", error="out\x1b[2J of\nmemory")
    assert told(failed) == "  failed · 0s · out\ufffd[2J of memory"


def test_other_events_are_told_in_a_line_or_not_at_all(event: Teller) -> None:
    assert "try 3" in told(event(events.Retry, attempt=3))
    assert told(event(events.Context, context_used=1)) == ""
    assert told(event(events.Other, raw={"type": "news"})) == ""
    assert "closed" in told(event(events.SessionClosed))
    assert "begun by the agent" in told(event(events.TurnStarted, origin="agent"))


def test_results_of_tools_are_cut(event: Teller) -> None:
    result = "\n".join(f"line {number}" for number in range(100))
    call = event(events.ToolCall, call_id="c", name="Bash", status="failed", result=result)
    shown = told(call)
    assert shown.startswith("\n  ✗ Bash")
    assert "… 94 lines more" in shown


def test_a_story_is_drawn_only_when_it_has_changed(event: Teller) -> None:
    made = Story()
    made.add(event(events.Text, text="one"))
    first = made.lines(40)
    assert [id(line) for line in made.lines(40)] == [id(line) for line in first]
    version = made.version
    made.add(event(events.Text, text=" two"))
    assert made.version != version
    assert text(made.lines(40)[1]) == "  one two"


def test_texts_of_agents_cannot_steer_the_terminal(event: Teller) -> None:
    evil = "a\x1b[2J\x07b\r\u202ec"
    given = [
        event(events.Text, text=evil),
        event(events.Thinking, text=evil),
        event(events.ToolCall, call_id=evil, name=evil, title=evil, result=evil, args={evil: evil}),
        event(
            events.ToolCall,
            call_id="d",
            name=evil,
            diffs=(events.Diff(path=evil, old_text=evil, new_text=evil + "x"),),
        ),
        event(events.Plan, entries=(events.PlanEntry(content=evil, status=evil),)),
        event(events.Note, kind="x", text=evil),
        event(events.PermissionResolved, permission_id="p", state=evil, by=evil),
        event(events.TurnEnded, state=evil, error=evil),
    ]
    assert told(*given).replace("\n", "").isprintable()


# --- questions --------------------------------------------------------------------------------

CHOICES = {
    "questions": [
        {
            "question": "Which one?",
            "header": "Store",
            "options": [{"label": "SQLite", "description": "small"}, {"label": "Postgres"}],
        },
        {"question": "And?", "multiSelect": True, "options": [{"label": "a"}, {"label": "b"}]},
    ]
}


def asked_text(**facts: Any) -> str:
    lines = question_lines(question(**facts), width=60, now=NOW)
    assert all(width_of(line) <= 60 for line in lines)
    return "\n".join(map(text, lines))


def test_a_command_is_shown_whole() -> None:
    command = "set -e\n" + "x" * 200
    shown = asked_text(args={"command": command})
    assert "".join(shown.split("\n")[1:]).replace(" ▌ ", "") == command.replace("\n", "")


def test_a_change_of_a_file_is_shown_as_a_difference() -> None:
    shown = asked_text(
        tool="Edit",
        title=None,
        paths=("a.py",),
        args={"file_path": "a.py", "old_string": "one\ntwo", "new_string": "one\n2"},
    )
    assert "▌ a.py" in shown
    assert "▌ -two" in shown
    assert "▌ +2" in shown
    assert "file_path" not in shown


def test_a_huge_change_is_cut_and_says_so() -> None:
    new = "\n".join(map(str, range(100_000)))
    lines = list(change_lines("", new, 60))
    assert len(lines) < 500
    shown = asked_text(tool="Write", args={"file_path": "a", "content": new})
    assert "0 lines become 100000" in shown
    assert "lines more: clawdforge permissions show" in shown


def test_the_last_seconds_are_said_louder() -> None:
    soon = question_lines(question(expires_at=int(NOW) + 9), width=60, now=NOW)[0]
    assert ("  9s left", "warn") in soon
    assert "left" not in asked_text(expires_at=None)


def test_other_arguments_are_shown_too() -> None:
    shown = asked_text(tool="mcp__x__y", title="y", args={"deep": {"a": [1, 2]}, "text": "hi"})
    assert '▌ deep: {"a": [1, 2]}' in shown
    assert "▌ text: hi" in shown
    assert '▌ ["a"]' in asked_text(args=["a"])
    assert asked_text(args=None).count("\n") == 0


def test_questions_to_the_user_are_read_and_answered() -> None:
    asked = question(tool="AskUserQuestion", args=CHOICES)
    found = questions_of(asked)
    assert [one.multi_select for one in found] == [False, True]
    assert answered_args(asked, ((1,), (0, 1))) == {
        **CHOICES,
        "answers": {"Which one?": "Postgres", "And?": "a, b"},
    }
    assert "2 Postgres" in asked_text(tool="AskUserQuestion", args=CHOICES)


@pytest.mark.parametrize(
    "args", [None, {}, {"questions": 5}, {"questions": [{"question": "x"}]}, {"questions": [{}]}]
)
def test_what_is_no_question_is_only_allowed_or_denied(args: Any) -> None:
    assert questions_of(question(tool="AskUserQuestion", args=args)) == ()


def test_other_answers_than_yes_and_no_are_noticed() -> None:
    assert not has_own_options(question())
    other = PermissionOption(option_id="x", kind="allow_always", name="in this folder")
    assert has_own_options(question(options=(*question().options, other)))
    assert has_own_options(question(options=(PermissionOption(option_id="x"),)))
    assert not has_own_options(question(options=()))


def approval(**facts: Any) -> ApprovalInfo:
    return msgspec.convert({**msgspec.to_builtins(question()), **facts}, ApprovalInfo)


def test_always_is_offered_by_a_terminal_only_with_what_it_means() -> None:
    assert ways_to_answer(question()) == {"allow", "allow_always", "deny"}
    assert ways_to_answer(approval()) == {"allow", "deny"}
    means = approval(always=("Bash(git push) is allowed, in this project",))
    assert ways_to_answer(means) == {"allow", "allow_always", "deny"}
    shown = "\n".join(text(line) for line in question_lines(means, width=80, now=NOW))
    assert "always: Bash(git push) is allowed, in this project" in shown


def test_what_is_left_out_of_a_question_is_said() -> None:
    shown = "\n".join(text(line) for line in question_lines(approval(cut=True), width=80, now=NOW))
    assert "This is not all of it" in shown


def test_what_stands_in_the_title_does_not_stand_below_it_again() -> None:
    shown = asked_text(title="Push it", args={"command": "git push", "description": "Push it"})
    assert shown.count("Push it") == 1


def test_questions_are_found_by_any_id_of_their_session() -> None:
    driven = next(one for one in world() if one.id == DRIVEN)
    waiting = Questions()
    older = question(permission_id="pm_0", asked_at=5)
    waiting.replace([question(), older, question(permission_id="pm_2", state="allowed")])
    assert [one.permission_id for one in waiting.of(driven)] == ["pm_0", "pm_1"]
    assert waiting.tools([driven, view("b")]) == {DRIVEN: "Bash"}
    by_agent = view("c", agent_session_id=DRIVEN)
    assert waiting.of(by_agent)
    waiting.drop("pm_0")
    waiting.drop("pm_1")
    assert not waiting.of(driven)


# --- light or dark ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("answer", "shade"),
    [
        (b"\x1b]11;rgb:0000/0000/0000\x1b\\\x1b[?62;c", "dark"),
        (b"\x1b]11;rgb:ffff/ffff/f0f0\x07", "light"),
        (b"\x1b]11;rgba:1c/1c/1c/ff\x07", "dark"),
        (b"\x1b[?62;22c", None),
        (b"", None),
    ],
)
def test_the_terminals_answer_tells_light_from_dark(answer: bytes, shade: str | None) -> None:
    assert shade_of(answer) == shade


def test_the_variable_of_older_terminals_is_understood() -> None:
    found = [shade_of_colorfgbg(one) for one in ("15;0", "0;15", "0;default;15", "7;8", "", "x")]
    assert found == ["dark", "light", "light", "dark", None, None]
