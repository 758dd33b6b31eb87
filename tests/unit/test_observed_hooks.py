"""What each hook means, told to the registry: the table of atmd 0.2.2, and the finer states."""

from typing import Any

import pytest
from observed_story import PID, Story

IDLE, WORKING, ATTENTION = "idle", "working", "attention_needed"

TABLE: list[tuple[str, dict[str, Any], str, str | None]] = [
    *[
        ("PreToolUse", {"tool_name": name}, ATTENTION, name)
        for name in ("AskUserQuestion", "EnterPlanMode", "ExitPlanMode", " AskUserQuestion ")
    ],
    ("PreToolUse", {"tool_name": "Bash"}, WORKING, "Bash"),
    ("PreToolUse", {"tool_name": ""}, WORKING, ""),
    ("PreToolUse", {"tool_name": "askuserquestion"}, WORKING, "askuserquestion"),
    ("PostToolUse", {"tool_name": "Bash"}, WORKING, "Thinking"),
    ("PostToolUseFailure", {}, WORKING, "Thinking"),
    ("UserPromptSubmit", {"prompt": "hello"}, WORKING, None),
    ("Stop", {}, IDLE, None),
    *[
        ("SessionStart", {"source": source}, IDLE, None)
        for source in (None, "startup", "resume", "clear", "compact")
    ],
    ("PreCompact", {}, WORKING, "Compacting"),
    ("Setup", {}, WORKING, "Setup"),
    ("Notification", {"notification_type": "permission_prompt"}, ATTENTION, "Permission"),
    ("Notification", {"notification_type": "idle_prompt"}, IDLE, None),
    ("Notification", {"notification_type": "elicitation_dialog"}, ATTENTION, "MCP Input"),
]
BEFORE: dict[str, tuple[str, dict[str, Any]]] = {
    "nothing": ("SessionStart", {}),
    "a prompt": ("UserPromptSubmit", {}),
    "a tool": ("PreToolUse", {"tool_name": "Read"}),
    "a question": ("PreToolUse", {"tool_name": "AskUserQuestion"}),
    "a dialog": ("Notification", {"notification_type": "permission_prompt"}),
    "a form": ("Notification", {"notification_type": "elicitation_dialog"}),
    "the end of a turn": ("Stop", {}),
    "compaction": ("PreCompact", {}),
}


@pytest.mark.parametrize("before", BEFORE)
@pytest.mark.parametrize(("name", "fields", "status", "detail"), TABLE)
def test_after_each_hook_status_and_detail_are_those_of_atmd(
    before: str, name: str, fields: dict[str, Any], status: str, detail: str | None
) -> None:
    first, first_fields = BEFORE[before]
    story = Story().hook(first, **first_fields).hook(name, **fields)
    assert story.shows() == (status, detail)


UNCHANGED: list[tuple[str, dict[str, Any]]] = [
    ("PreToolUse", {}),
    ("Notification", {}),
    ("Notification", {"notification_type": "auth_success"}),
    ("Notification", {"notification_type": "elicitation_response"}),
    ("MessageDisplay", {}),
    ("InstructionsLoaded", {}),
    ("SomethingOfNextYear", {}),
]


@pytest.mark.parametrize("before", BEFORE)
@pytest.mark.parametrize(("name", "fields"), UNCHANGED)
def test_a_hook_that_says_nothing_changes_only_the_time_of_activity(
    before: str, name: str, fields: dict[str, Any]
) -> None:
    first, first_fields = BEFORE[before]
    story = Story().hook(first, **first_fields)
    was, active = story.shows(), story.view().last_activity
    story.wait(1).told()
    story.hook(name, **fields)
    assert story.shows() == was
    assert story.view().last_activity > active
    assert story.told() == ([], ["a"])


@pytest.mark.parametrize("before", BEFORE)
@pytest.mark.parametrize("name", ["SubagentStart", "SubagentStop"])
def test_a_subagent_means_work_and_leaves_the_detail(before: str, name: str) -> None:
    first, fields = BEFORE[before]
    story = Story().hook(first, **fields)
    _, detail = story.shows()
    assert story.hook(name, agent_id="x", agent_type="Explore").shows() == (WORKING, detail)


@pytest.mark.parametrize("reason", [None, "other", "prompt_input_exit", "logout"])
def test_the_end_of_a_session_removes_it_at_once(reason: str | None) -> None:
    story = Story().hook("SessionStart")
    story.told()
    story.hook("SessionEnd", reason=reason)
    assert story.told() == (["a"], [])
    assert story.ids() == []


STATES: list[tuple[str, list[tuple[str, dict[str, Any]]]]] = [
    ("starting", [("SessionStart", {})]),
    ("working", [("UserPromptSubmit", {})]),
    ("tool", [("PreToolUse", {"tool_name": "Bash"})]),
    ("working", [("PreToolUse", {"tool_name": "Bash"}), ("PostToolUse", {"tool_name": "Bash"})]),
    ("permission", [("PermissionRequest", {"tool_name": "Bash"})]),
    ("input", [("PermissionRequest", {"tool_name": "AskUserQuestion"})]),
    ("input", [("PermissionRequest", {"tool_name": "ExitPlanMode"})]),
    ("input", [("Elicitation", {})]),
    ("working", [("Elicitation", {}), ("ElicitationResult", {})]),
    ("input", [("Notification", {"notification_type": "agent_needs_input"})]),
    ("working", [("PermissionRequest", {"tool_name": "Bash"}), ("PermissionDenied", {})]),
    ("compacting", [("PreCompact", {"trigger": "auto"})]),
    ("working", [("PreCompact", {"trigger": "auto"}), ("PostCompact", {"trigger": "auto"})]),
    ("idle", [("PreCompact", {"trigger": "manual"}), ("PostCompact", {"trigger": "manual"})]),
    ("idle", [("Stop", {})]),
    ("background", [("Stop", {"background_tasks": [{"type": "subagent", "status": "running"}]})]),
    ("background", [("Stop", {"background_tasks": [{"type": "shell", "status": "running"}]})]),
    ("idle", [("Stop", {"background_tasks": [{"type": "shell", "status": "completed"}]})]),
    ("scheduled", [("Stop", {"session_crons": [{"id": "x"}]})]),
    ("error", [("StopFailure", {"error": "rate_limit"})]),
    ("working", [("StopFailure", {}), ("UserPromptSubmit", {})]),
    ("error", [("StopFailure", {}), ("Notification", {"notification_type": "idle_prompt"})]),
]


@pytest.mark.parametrize(("state", "hooks"), STATES)
def test_hooks_lead_to_the_finer_states(
    state: str, hooks: list[tuple[str, dict[str, Any]]]
) -> None:
    story = Story()
    for name, fields in hooks:
        story.hook(name, **fields)
    assert story.state() == state


def test_work_of_agents_in_the_background_counts_as_working_and_that_of_a_shell_as_idle() -> None:
    story = Story().hook("Stop", background_tasks=[{"type": "subagent"}])
    assert story.shows() == (WORKING, "Background")
    story.hook("Stop", background_tasks=[{"type": "shell"}, {"type": "monitor"}])
    assert story.shows() == (IDLE, "Background")


@pytest.mark.parametrize("tasks", [None, 7, "x", {}, [None, 7, "x", {"status": 3}, []], [{}]])
def test_background_tasks_of_any_shape_do_no_harm(tasks: object) -> None:
    Story().hook("Stop", background_tasks=tasks, session_crons=tasks).shows()


def test_a_teammate_that_is_idle_is_no_work_though_it_stays_in_the_list() -> None:
    mate: dict[str, Any] = {"agent_id": "mate", "agent_type": "worker"}
    listed = [{"type": "teammate", "status": "running"}]
    story = Story().hook("UserPromptSubmit").hook("SubagentStart", **mate)
    assert story.hook("Stop", background_tasks=listed).shows()[0] == WORKING
    assert story.hook("SubagentStop", **mate).hook("TeammateIdle", **mate).shows() == (IDLE, None)
    assert story.hook("Stop", background_tasks=listed).state() == "idle"


def test_of_parallel_tools_the_state_is_tool_until_the_last_has_ended() -> None:
    story = Story().hook("UserPromptSubmit")
    for use in "123":
        story.hook("PreToolUse", tool_name="Read", tool_use_id=use)
    for use, state in (("2", "tool"), ("1", "tool"), ("3", "working")):
        story.hook("PostToolUse", tool_name="Read", tool_use_id=use)
        assert story.state() == state


def test_a_batch_ends_the_tools_of_its_agent_and_no_others() -> None:
    story = Story().hook("UserPromptSubmit")
    story.hook("PreToolUse", tool_name="Read", tool_use_id="1")
    story.hook("PreToolUse", tool_name="Bash", tool_use_id="2", agent_id="sub")
    assert story.hook("PostToolBatch").state() == "tool"
    assert story.hook("PostToolBatch", agent_id="sub").state() == "working"


def test_a_question_of_one_agent_stays_while_others_work() -> None:
    story = Story().hook("UserPromptSubmit")
    story.hook("PreToolUse", tool_name="Bash", tool_use_id="1", agent_id="x")
    story.hook("PermissionRequest", tool_name="Bash", agent_id="x")
    story.hook("PreToolUse", tool_name="Read", tool_use_id="2", agent_id="y")
    story.hook("PostToolUse", tool_name="Read", tool_use_id="2", agent_id="y")
    story.hook("SubagentStop", agent_id="y", agent_type="Explore")
    assert story.shows() == (ATTENTION, "Permission")
    story.hook("Stop", background_tasks=[{"type": "subagent"}])
    assert story.shows() == (ATTENTION, "Permission")
    story.hook("PostToolUse", tool_name="Bash", tool_use_id="1", agent_id="x")
    assert story.state() == "background"


def test_two_questions_need_two_answers() -> None:
    story = Story().hook("UserPromptSubmit")
    for agent in "xy":
        story.hook("PreToolUse", tool_name="Bash", tool_use_id=agent, agent_id=agent)
        story.hook("PermissionRequest", tool_name="Bash", agent_id=agent)
    story.hook("PostToolUse", tool_name="Bash", tool_use_id="x", agent_id="x")
    assert story.state() == "permission"
    story.hook("PostToolUse", tool_name="Bash", tool_use_id="y", agent_id="y")
    assert story.shows()[0] == WORKING


def test_a_prompt_given_during_a_turn_leaves_its_tool_and_is_answered_after_it() -> None:
    story = Story().hook("UserPromptSubmit", prompt_id="1")
    story.hook("PreToolUse", tool_name="Bash", tool_use_id="x", prompt_id="1")
    story.hook("UserPromptSubmit", prompt_id="1")
    assert (story.shows(), story.state()) == ((WORKING, None), "tool")
    assert story.hook("Stop", prompt_id="1").shows() == (WORKING, None)
    assert story.hook("Stop", prompt_id="2").shows() == (IDLE, None)


def test_a_prompt_of_another_turn_ends_what_was_interrupted_silently() -> None:
    story = Story().hook("UserPromptSubmit", prompt_id="1")
    story.hook("PreToolUse", tool_name="Bash", tool_use_id="x", prompt_id="1")
    assert story.hook("UserPromptSubmit", prompt_id="2").state() == "working"


def test_the_hook_of_compaction_s_own_agent_and_its_session_start_end_nothing() -> None:
    story = Story().hook("UserPromptSubmit").hook("PreCompact", trigger="auto")
    story.hook("SubagentStop", agent_id="c", agent_type="")
    assert story.shows() == (WORKING, "Compacting")
    story.hook("SessionStart", source="compact")
    assert story.shows()[0] == WORKING
    assert story.hook("PostCompact", trigger="auto").shows()[0] == WORKING


def test_a_hook_that_was_overtaken_by_the_turn_s_end_changes_nothing() -> None:
    story = Story().hook("UserPromptSubmit", sent_at=1.0).hook("Stop", sent_at=3.0)
    assert story.hook("PostToolUse", tool_name="Bash", sent_at=2.0).state() == "idle"
    assert story.hook("PostToolUse", tool_name="Bash", sent_at=3.5).state() == "working"


def test_the_beginning_of_a_tool_that_comes_after_its_end_changes_nothing() -> None:
    story = Story().hook("UserPromptSubmit")
    story.hook("PostToolUse", tool_name="Bash", tool_use_id="x")
    assert story.hook("PreToolUse", tool_name="Bash", tool_use_id="x").state() == "working"


@pytest.mark.parametrize("sent", [None, "x", float("nan"), [], {}])
def test_a_time_of_sending_that_is_none_is_passed_over(sent: object) -> None:
    assert Story().hook("Stop", sent_at=sent).hook("UserPromptSubmit").state() == "working"


def test_without_a_record_long_silence_ends_a_state_that_no_hook_will_end() -> None:
    story = Story().hook("UserPromptSubmit").wait(599)
    assert story.state() == "working"
    assert story.wait(2).state() == "interrupted"
    story.hook("UserPromptSubmit").hook("PreToolUse", tool_name="Bash").wait(3000)
    assert story.state() == "tool"
    story.hook("PermissionRequest", tool_name="Bash").line().wait(3500)
    assert story.state() == "permission"


def test_the_first_prompt_of_a_person_is_kept() -> None:
    story = Story().hook("UserPromptSubmit", prompt="")
    story.hook("UserPromptSubmit", prompt="<task-notification>\n<task-id>x")
    assert story.view().first_prompt is None
    story.hook("UserPromptSubmit", prompt="add a test").hook("UserPromptSubmit", prompt="more")
    assert story.view().first_prompt == "add a test"


def test_any_hook_may_tell_the_pane_the_folder_and_the_model() -> None:
    story = Story().hook("Stop", tmux_pane="%5", cwd="/w", model="claude-opus-4-5-20260101")
    view = story.view()
    assert (view.tmux_pane, view.cwd, view.model, view.pid) == ("%5", "/w", "Opus 4.5", PID)
    story.hook("PreToolUse", tool_name="Read", cwd="/w/of-a-subagent", agent_id="x")
    assert story.view().cwd == "/w"
