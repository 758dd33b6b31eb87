"""Which processes a session has, agents within agents, and room for all of them."""

from typing import Any

import pytest
from observed_story import OTHER, PID, PROCESS, Story, cost

from clawdforge.core.observed.registry import RegistryFullError
from clawdforge.core.observed.signals import ProcessId

# Processes


def test_the_same_id_under_two_pids_is_one_session_until_both_are_gone() -> None:
    story = Story().line(process=PROCESS).line(pid=OTHER.pid, process=OTHER)
    assert story.ids() == ["a"]
    story.told()
    story.died(PROCESS)
    assert story.told() == ([], ["a"])
    assert story.view().pid == OTHER.pid
    story.died(OTHER)
    assert story.told() == (["a"], [])


def test_when_one_of_two_processes_goes_to_another_session_there_are_two() -> None:
    story = Story().line(process=PROCESS).line(pid=OTHER.pid, process=OTHER)
    story.line("b", pid=OTHER.pid)
    assert sorted(story.ids()) == ["a", "b"]
    assert story.view("a").pid == PID
    assert story.view("b").pid == OTHER.pid


def test_one_of_two_processes_ends_its_session_and_the_other_goes_on() -> None:
    story = Story().line(process=PROCESS).line(pid=OTHER.pid, process=OTHER)
    story.hook("SessionEnd", pid=OTHER.pid, reason="other")
    assert story.view().pid == PID


def test_a_pid_that_is_used_again_is_another_session() -> None:
    story = Story().line(process=PROCESS, cost=cost(9.0))
    story.told()
    story.line("b", process=ProcessId(PID, 999))
    assert story.told() == (["a"], ["b"])
    assert story.view("b").cost_usd == 0.0
    story.died(PROCESS)
    assert story.ids() == ["b"]


def test_the_death_of_a_process_removes_its_session_once() -> None:
    story = Story().line(process=PROCESS)
    story.told()
    story.died().died()
    changes = story.changes()
    assert (changes.removed, changes.reasons) == (["a"], {"a": "died"})


def test_the_stale_record_of_a_killed_process_brings_nothing_back() -> None:
    story = Story().record("busy").died()
    assert story.record("busy").ids() == []
    assert story.record("busy", process=ProcessId(PID, 999)).ids() == ["a"]


def test_stragglers_of_a_session_that_has_ended_bring_nothing_back() -> None:
    story = Story().hook("Stop", process=PROCESS).hook("SessionEnd", reason="other")
    story.hook("PostToolUse", tool_name="Bash", process=PROCESS).hook("Stop")
    story.record("idle")
    assert story.ids() == []
    assert story.hook("SessionStart", process=PROCESS).ids() == ["a"]


def test_a_process_whose_pid_is_told_from_within_a_namespace_is_known_by_its_real_pid() -> None:
    story = Story().line("a", pid=7, process=PROCESS).line("b", pid=7, process=OTHER)
    assert sorted(story.ids()) == ["a", "b"]
    assert not story.registry.knows(7)
    assert story.registry.processes() == {PROCESS, OTHER}


def test_a_removed_record_ends_the_session_unless_it_shows_signs_of_life() -> None:
    story = Story().record("idle")
    story.registry.record_removed(PID, story.now)
    assert story.ids() == ["a"]
    story.line().wait(1)
    assert story.ids() == ["a"]
    story.record("idle")
    story.registry.record_removed(PID, story.now)
    assert story.wait(1).ids() == []


# Agents within agents


def test_an_agent_within_an_agent_is_a_session_of_its_own() -> None:
    story = Story().hook("PreToolUse", tool_name="Bash", process=PROCESS)
    inner: dict[str, Any] = {"session_id": "inner", "pid": OTHER.pid}
    story.hook("SessionStart", process=OTHER, source="startup", **inner)
    story.hook("Stop", **inner).hook("SessionEnd", **inner)
    assert story.ids() == ["a"]
    assert story.shows() == ("working", "Bash")


def test_hooks_of_an_inner_agent_with_the_outer_pid_do_the_outer_no_harm() -> None:
    story = Story().hook("PreToolUse", tool_name="Bash", process=PROCESS)
    story.hook("SessionStart", "inner", source="startup").hook("UserPromptSubmit", "inner")
    assert story.ids() == ["a", "inner"]
    story.hook("Stop", "inner")
    assert story.shows("a") == ("working", "Bash")
    assert story.shows("inner") == ("idle", None)
    story.hook("SessionEnd", "inner", reason="other")
    assert story.ids() == ["a"]


def test_the_record_tells_an_inner_agent_from_a_switch() -> None:
    story = Story().record("busy").hook("UserPromptSubmit", "inner")
    assert story.ids() == ["a", "inner"]
    story.hook("SessionEnd", "never-seen", reason="other")
    assert story.ids() == ["a", "inner"]


def test_a_child_is_linked_to_the_session_whose_subagent_it_is() -> None:
    story = Story().hook("SubagentStart", agent_id="x", agent_type="Explore", process=PROCESS)
    story.found(OTHER, parents=(9, PID))
    child = f"pending-{OTHER.pid}"
    assert story.view(child).parent_session_id == "a"
    assert story.view(child).agent_type == "explore"
    assert story.view().child_session_ids == [child]
    story.line("b", pid=OTHER.pid)
    assert story.view().child_session_ids == ["b"]
    story.line("c")
    assert story.view("b").parent_session_id == "c"
    story.died(OTHER)
    assert story.view("c").child_session_ids == []


def test_nobody_is_its_own_parent_and_late_children_are_strangers() -> None:
    story = Story().hook("SubagentStart", agent_id="x", process=PROCESS)
    story.found(PROCESS, parents=(PID,))
    assert story.view().parent_session_id is None
    story.wait(31).found(OTHER, parents=(PID,))
    assert story.view().child_session_ids == []


def test_a_parent_that_ends_leaves_no_link() -> None:
    story = Story().hook("SubagentStart", agent_id="x", process=PROCESS)
    story.found(OTHER, parents=(PID,)).died(PROCESS)
    assert story.view(f"pending-{OTHER.pid}").parent_session_id is None


# Room


def test_a_full_registry_makes_room_by_dropping_the_oldest_that_nobody_vouches_for() -> None:
    story = Story(max_sessions=3).line("a", 1, ProcessId(1, 1))
    story.line("b", 2).wait(100).line("c", 3).wait(100)
    story.told()
    story.line("d", 4)
    assert story.told() == (["b"], ["d"])
    assert story.ids() == ["a", "c", "d"]


def test_one_that_was_heard_of_just_now_is_spared() -> None:
    story = Story(max_sessions=2).line("a", 1).line("b", 2).wait(100).line("a", 1)
    assert story.line("c", 3).ids() == ["a", "c"]


def test_a_registry_full_of_living_processes_refuses_in_the_words_of_atmd() -> None:
    story = Story(max_sessions=2).line("a", 1, ProcessId(1, 1)).found(ProcessId(2, 1))
    with pytest.raises(RegistryFullError) as refused:
        story.line("b", 3)
    assert refused.value.message == "Registry error: registry is full (max: 2 sessions)"
    with pytest.raises(RegistryFullError):
        story.found(ProcessId(3, 1))
    story.hook("SessionStart", "b", 3).record("idle", "b", ProcessId(3, 1))
    assert len(story.ids()) == 2
    assert story.line("a", 1).driven().ids() == ["a", "pending-2", "ses_1"]


def test_a_session_that_cannot_be_watched_is_dropped_after_an_hour_of_silence() -> None:
    story = Story().line("fake", 1).line("real", 2, ProcessId(2, 1))
    story.wait(3500).line("fake", 1).wait(3500)
    assert story.ids() == ["fake", "real"]
    story.wait(101)
    assert story.ids() == ["real"]
    assert story.registry.next_deadline is None or story.wait(99_999).ids() == ["real"]


def test_what_is_to_be_watched_is_told_with_a_version() -> None:
    story = Story()
    version = story.registry.version
    story.line(process=PROCESS, cwd="/w")
    assert story.registry.version != version
    assert story.registry.folders() == {"/w"}
    assert story.registry.processes() == {PROCESS}
    assert story.registry.knows(PID)
    version = story.registry.version
    story.line(cwd="/w")
    assert story.registry.version == version
