"""One state out of hooks and Claude Code's own record, and why it is that."""

import pytest
from msgspec.structs import replace
from observed_story import PID, PROCESS, Story

from clawdforge.core.observed.registry import Explanation

RECORDS = [
    (None, None, "idle", None, "starting"),
    ("busy", None, "working", None, "working"),
    ("idle", None, "idle", None, "idle"),
    ("shell", None, "idle", "Background", "background"),
    ("waiting", "permission prompt", "attention_needed", "Permission", "permission"),
    ("waiting", "sandbox request", "attention_needed", "Permission", "permission"),
    ("waiting", "input needed", "attention_needed", "Input", "input"),
    ("waiting", "dialog open", "attention_needed", "Dialog", "input"),
    ("waiting", "goal proposal", "attention_needed", "Input", "input"),
    ("waiting", None, "attention_needed", "Input", "input"),
    ("a word of next year", None, "idle", None, "starting"),
]


@pytest.mark.parametrize(("told", "waiting_for", "status", "detail", "state"), RECORDS)
def test_a_record_alone_is_believed(
    told: str | None, waiting_for: str | None, status: str, detail: str | None, state: str
) -> None:
    story = Story().record(told, waiting_for=waiting_for).wait(1)
    assert story.shows() == (status, detail)
    assert story.state() == state


def test_a_record_tells_when_where_and_what_kind_of_session_it_is() -> None:
    story = Story()
    story.record("busy", kind="bg", tmux="m:@1.%4", cwd="/w", started_at=1_795_000_000_000.0)
    view = story.view()
    assert (view.source, view.tmux_pane, view.cwd, view.pid) == ("background", "%4", "/w", PID)
    assert view.started_at.startswith("2026-11-18T")
    assert Story().record("busy", kind="daemon").ids() == []


def test_an_interrupt_is_seen_by_the_record_alone() -> None:
    story = Story().hook("UserPromptSubmit").record("busy").wait(3)
    story.hook("PreToolUse", tool_name="Bash").wait(3).record("idle")
    assert story.state() == "tool"
    assert story.wait(0.3).state() == "interrupted"
    assert story.shows() == ("idle", None)
    story.hook("UserPromptSubmit").record("busy")
    assert story.state() == "working", "the tool that was interrupted is forgotten"


def test_a_dialog_that_is_closed_with_escape_ends_the_wait() -> None:
    story = Story().hook("UserPromptSubmit").record("busy")
    story.hook("PermissionRequest", tool_name="Edit").record(
        "waiting", waiting_for="permission prompt"
    )
    story.wait(60).record("idle").wait(0.3)
    assert story.state() == "interrupted"


def test_a_dialog_that_is_answered_goes_on_with_the_tool_before_any_hook() -> None:
    story = Story().hook("UserPromptSubmit").record("busy")
    story.hook("PreToolUse", tool_name="Bash", tool_use_id="1")
    story.hook("PermissionRequest", tool_name="Bash")
    story.record("waiting", waiting_for="permission prompt").wait(9).record("busy")
    assert story.shows() == ("working", "Bash")
    assert story.state() == "tool"


def test_a_newer_hook_is_believed_for_half_a_second() -> None:
    story = Story().record("busy").wait(5).hook("PermissionRequest", tool_name="Bash")
    assert story.wait(0.49).state() == "permission"
    assert story.wait(0.02).state() == "working"


def test_the_end_of_a_turn_is_shown_once_the_record_has_been_idle_for_a_moment() -> None:
    story = Story().hook("UserPromptSubmit").record("busy").wait(2).hook("Stop")
    assert story.state() == "working"
    story.wait(0.08).record("idle").wait(0.29)
    assert story.state() == "working"
    assert story.wait(0.02).state() == "idle"


def test_between_two_queued_prompts_a_session_is_never_idle() -> None:
    story = Story().hook("UserPromptSubmit").record("busy").wait(2).hook("Stop")
    for secs, status in ((0.08, "idle"), (0.06, "busy"), (2, "busy")):
        story.wait(secs).record(status)
        assert story.state() == "working"
    story.hook("Stop").wait(0.08).record("idle").wait(1)
    assert story.state() == "idle", "its Stop was heard: nobody interrupted it"


def test_a_stop_that_another_hook_blocks_does_not_end_the_turn() -> None:
    story = Story().hook("UserPromptSubmit").record("busy").wait(2).hook("Stop").wait(20)
    assert story.state() == "working"
    assert story.record("idle").wait(1).state() == "idle"


def test_work_that_begins_without_a_hook_is_seen() -> None:
    story = Story().hook("SessionStart").record("idle")
    assert story.state() == "idle"
    assert story.record("busy").state() == "working"
    assert story.record("waiting", waiting_for="dialog open").shows()[1] == "Dialog"


def test_a_record_that_is_rewritten_without_news_changes_nothing() -> None:
    story = Story().hook("UserPromptSubmit").record("busy").wait(2).hook("Stop").wait(0.1)
    story.told()
    story.record("busy", name="another")
    assert story.told() == ([], [])
    story.record("idle").wait(0.4)
    assert story.state() == "idle"


def test_the_record_without_status_leaves_the_word_to_the_hooks() -> None:
    story = Story().record(None).hook("UserPromptSubmit").wait(5)
    assert story.state() == "working"


def test_the_time_of_a_record_may_be_nonsense() -> None:
    for at in (None, 0.0, -1e300, 1e300):
        story = Story().hook("UserPromptSubmit")
        record = story.record("busy").registry.entry("a")
        assert record is not None
        assert record.record is not None
        story.wait(1)
        story.registry.record(
            replace(record.record, status="idle", status_updated_at=at), story.now
        )
        assert story.wait(1).state() == "interrupted"


def test_the_state_s_beginning_stays_while_it_lasts() -> None:
    story = Story().hook("UserPromptSubmit").record("busy")
    since = story.view().state_since
    story.wait(3).hook("PostToolUse", tool_name="x").line()
    assert story.view().state_since == since
    assert story.hook("PreToolUse", tool_name="Bash").view().state_since > since


def test_a_view_names_its_evidence_newest_first() -> None:
    story = Story().hook("UserPromptSubmit", process=PROCESS).wait(1)
    story.record("busy").wait(1).line().wait(0.5)
    told = [(one.signal, one.says, one.age_ms, one.contradicts) for one in story.view().evidence]
    assert told == [
        ("status_line", "alive", 500, False),
        ("record", "busy", 1500, False),
        ("hook", "UserPromptSubmit: working", 2500, False),
    ]


def test_evidence_tells_what_contradicts() -> None:
    story = Story().hook("UserPromptSubmit").record("busy").wait(5).record("idle").wait(1)
    told = {one.signal: one.contradicts for one in story.view().evidence}
    assert told == {"hook": True, "record": False}


def test_a_state_is_explained() -> None:
    story = Story().hook("UserPromptSubmit").record("busy").wait(5).record("idle").wait(1)
    told = story.registry.explain("a", story.now)
    assert isinstance(told, Explanation)
    assert (told.state, told.status) == ("interrupted", "idle")
    assert told.reason == "record says idle; against it: hook says UserPromptSubmit: working"
    assert [one.signal for one in told.signals] == ["record", "hook", "process"]
    assert story.registry.explain("nobody", story.now) is None
    found = Story().found()
    assert (told := found.registry.explain(f"pending-{PID}", found.now)) is not None
    assert told.reason.startswith("Nothing was told")
