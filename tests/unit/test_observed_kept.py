"""A registry goes on where an earlier one ended."""

import msgspec
from observed_story import OTHER, PID, PROCESS, Story, context, cost

from clawdforge.core.observed.registry import Kept
from clawdforge.core.observed.signals import ProcessId


def restarted(story: Story, *alive: ProcessId, after: float = 10.0) -> Story:
    """The story goes on with a new registry, by way of JSON."""
    data = msgspec.json.encode(story.registry.snapshot())
    later = Story()
    later.mono = story.mono + after
    later.registry.restore(
        msgspec.json.decode(data, type=list[Kept]), lambda process: process in alive, later.now
    )
    return later


def test_all_that_is_shown_of_a_living_session_outlives_a_restart() -> None:
    story = Story().hook("UserPromptSubmit", prompt="hi", tmux_pane="%1", process=PROCESS)
    story.line(cost=cost(total_lines_added=3), context_window=context(9), cwd="/w")
    story.hook("PreToolUse", tool_name="Bash")
    before = story.view()
    later = restarted(story, PROCESS, after=0.0)
    assert msgspec.structs.replace(later.view(), evidence=()) == msgspec.structs.replace(
        before, evidence=()
    )
    assert later.hook("PostToolUse", tool_name="Bash").state() == "working"
    assert later.died().ids() == []


def test_every_state_outlives_a_restart_and_is_left_as_always() -> None:
    for name, fields in (
        ("PermissionRequest", {"tool_name": "Bash"}),
        ("PreToolUse", {"tool_name": "AskUserQuestion"}),
        ("PreCompact", {"trigger": "auto"}),
        ("Stop", {"background_tasks": [{"type": "shell"}]}),
        ("Stop", {"background_tasks": [{"type": "subagent"}]}),
        ("Stop", {"session_crons": [1]}),
        ("StopFailure", {}),
        ("SessionStart", {}),
    ):
        story = Story().hook(name, process=PROCESS, **fields)
        later = restarted(story, PROCESS)
        assert (later.state(), later.shows()) == (story.state(), story.shows())
        assert later.hook("UserPromptSubmit").state() == "working"


def test_what_has_ended_meanwhile_is_gone() -> None:
    story = Story().line("a", 1, ProcessId(1, 1)).line("b", 2, ProcessId(2, 1)).found(PROCESS)
    later = restarted(story, ProcessId(1, 1))
    assert later.ids() == ["a"]


def test_the_record_corrects_a_state_that_has_changed_meanwhile() -> None:
    story = Story().hook("UserPromptSubmit", process=PROCESS)
    later = restarted(story, PROCESS, after=100)
    assert later.record("idle").wait(0.4).state() == "interrupted"


def test_a_session_with_a_claimed_pid_is_kept_for_its_hour_of_silence() -> None:
    story = Story().line()
    assert restarted(story, after=3000).ids() == ["a"]
    assert restarted(story, after=3000).wait(601).ids() == []
    assert restarted(story, after=3601).ids() == []
    assert restarted(story, after=10).line().view().pid == PID


def test_driven_sessions_are_told_again_by_their_gateway() -> None:
    story = Story().driven(process=PROCESS).line("b", OTHER.pid, OTHER)
    assert restarted(story, PROCESS, OTHER).ids() == ["b"]


def test_links_are_kept_as_far_as_both_ends_live() -> None:
    story = Story().hook("SubagentStart", agent_id="x", process=PROCESS)
    story.found(OTHER, parents=(PID,))
    child = f"pending-{OTHER.pid}"
    assert restarted(story, PROCESS, OTHER).view(child).parent_session_id == "a"
    assert restarted(story, OTHER).view(child).parent_session_id is None
    assert restarted(story, PROCESS).view().child_session_ids == []


def test_what_was_told_before_the_restore_counts_more() -> None:
    story = Story().line("a", process=PROCESS).line("b", OTHER.pid, OTHER)
    later = Story().line("now", process=PROCESS).line("b", 5)
    later.registry.restore(story.registry.snapshot(), lambda _: True, later.now)
    assert later.ids() == ["now", "b"]
