"""Which entry a signal goes to: the cases S1-S6 and H1-H3 of atmd, and what it got wrong."""

import pytest
from observed_story import OTHER, PID, PROCESS, Story, context, cost

from clawdforge.core.observed.signals import Model

# Status lines


def test_s1_a_status_line_of_a_known_pid_and_id_updates_in_place() -> None:
    story = Story().line(cost=cost(0.1))
    story.told()
    story.line(cost=cost(0.2))
    assert story.told() == ([], ["a"])
    assert story.view().cost_usd == 0.2


def test_s2_a_status_line_with_another_id_renames_and_keeps_what_is_known() -> None:
    story = Story().hook("UserPromptSubmit", prompt="hi", tmux_pane="%1").line(cost=cost())
    started = story.view().started_at
    story.told()
    story.wait(5).line("b")
    assert story.told() == (["a"], ["b"])
    view = story.view("b")
    assert (view.started_at, view.first_prompt, view.tmux_pane) == (started, "hi", "%1")
    assert story.ids() == ["b"]


def test_s3_a_status_line_of_a_new_pid_creates_an_idle_session() -> None:
    story = Story().line(cost=cost(), context_window=context(43_000))
    view = story.view()
    assert (view.status, view.model, view.context_display) == (
        "idle",
        "Opus 4.6",
        "21.5% (43K/200K)",
    )
    assert story.told() == ([], ["a"])


@pytest.mark.parametrize(
    ("pid", "model"), [(PID, None), (None, Model(id="x")), (0, Model(id="x")), (None, None)]
)
def test_s4_and_s6_a_status_line_that_names_no_session_is_passed_over(
    pid: int | None, model: Model | None
) -> None:
    story = Story().line(pid=pid, model=model)
    assert story.told() == ([], [])


@pytest.mark.parametrize("pid", [None, 0])
def test_s5_a_status_line_without_pid_goes_by_its_id(pid: int | None) -> None:
    story = Story().line().line(pid=pid, cost=cost(2.0), model=None)
    assert story.view().cost_usd == 2.0
    assert story.view().pid == PID


def test_a_partial_status_line_keeps_what_it_leaves_out() -> None:
    story = Story().line(
        cost=cost(total_lines_added=150, total_lines_removed=30),
        context_window=context(43_000, context_window_size=1_000_000),
        cwd="/w",
    )
    before = story.view()
    story.line(model=None)
    assert story.view() == before
    story.line(model=None, cost=cost(0.5), context_window=context(50_000))
    view = story.view()
    assert (view.lines_display, view.context_display) == ("+150 -30", "5.0% (50K/1.0M)")
    story.line(context_window=context(0, context_window_size=200_000))
    assert story.view().context_display == "0.0% (0/200K)"


def test_a_status_line_tells_pane_and_folder() -> None:
    story = Story().hook("Stop").line(tmux_pane="%7", cwd="/w")
    assert (story.view().tmux_pane, story.view().cwd) == ("%7", "/w")


def test_a_status_line_alone_never_makes_an_idle_session_work() -> None:
    story = Story().hook("UserPromptSubmit").hook("Stop").line().line()
    assert story.shows() == ("idle", None)
    assert story.hook("PreToolUse", tool_name="Bash").line().shows() == ("working", "Bash")


# Hooks


def test_h1_a_hook_of_a_known_pid_with_another_id_goes_to_the_entry_of_the_pid() -> None:
    story = Story().line()
    story.told()
    story.hook("PreToolUse", "b", tool_name="Bash")
    assert story.told() == ([], ["a"])
    assert story.shows() == ("working", "Bash")


def test_h2_a_hook_of_an_unknown_pid_creates_a_session() -> None:
    story = Story().hook("PreToolUse", tool_name="Bash")
    assert story.view().model == "Unknown"
    assert story.shows() == ("working", "Bash")


@pytest.mark.parametrize("pid", [None, 0])
def test_h3_a_hook_of_nobody_is_passed_over(pid: int | None) -> None:
    story = Story().hook("PreToolUse", "unknown", pid, tool_name="Bash")
    story.hook("SessionEnd", "unknown", pid)
    assert story.told() == ([], [])


def test_a_hook_with_pid_zero_is_passed_over_and_one_without_goes_by_its_id() -> None:
    story = Story().line().hook("PreToolUse", pid=0, tool_name="Bash")
    assert story.shows()[0] == "idle"
    assert story.hook("PreToolUse", pid=None, tool_name="Bash").shows()[0] == "working"


# Discovery


def test_a_found_process_is_pending_until_its_id_is_told() -> None:
    story = Story().found(cwd="/w", tmux_pane="%3")
    assert story.told() == ([], [f"pending-{PID}"])
    view = story.view(f"pending-{PID}")
    assert (view.status, view.cwd, view.tmux_pane) == ("idle", "/w", "%3")
    story.line()
    assert story.told() == ([f"pending-{PID}"], ["a"])
    assert story.view().cwd == "/w"


def test_a_hook_too_gives_a_pending_session_its_id() -> None:
    story = Story().found()
    story.told()
    story.hook("UserPromptSubmit")
    assert story.told() == ([f"pending-{PID}"], ["a"])


def test_a_scan_keeps_the_real_ids_and_what_is_known() -> None:
    story = Story().line(process=PROCESS, cost=cost(2.0), cwd="/told")
    story.told()
    story.found(cwd="/started-in").found(tmux_pane="%9")
    assert story.told() == ([], ["a"])
    assert (story.view().cost_usd, story.view().cwd) == (2.0, "/told")
    assert story.view().tmux_pane == "%9"


# Renames and switches


def test_clear_switches_to_the_new_id_without_losing_the_session() -> None:
    story = Story().hook("UserPromptSubmit", prompt="hi")
    story.told()
    story.hook("SessionEnd", reason="clear")
    assert story.told()[0] == []
    story.wait(0.1).hook("SessionStart", "b", source="clear")
    assert story.told() == (["a"], ["b"])
    story.wait(10)
    assert story.ids() == ["b"]
    assert story.view("b").first_prompt == "hi"


def test_clear_after_which_nothing_comes_ends_the_session() -> None:
    story = Story().hook("SessionStart").hook("SessionEnd", reason="clear")
    story.wait(0.6)
    assert story.ids() == []


def test_clear_after_which_the_record_says_that_it_lives_ends_nothing() -> None:
    story = Story().record("idle").hook("SessionEnd", reason="resume").wait(1)
    assert story.ids() == ["a"]


def test_a_resume_to_a_session_that_is_open_elsewhere_joins_the_two() -> None:
    story = Story().line("a", process=PROCESS).line("b", pid=OTHER.pid, process=OTHER)
    story.told()
    story.line("b")
    assert story.told()[0] == ["a"]
    assert story.ids() == ["b"]
    story.died(OTHER)
    assert story.ids() == ["b"]
    story.died(PROCESS)
    assert story.ids() == []


def test_a_record_of_the_old_id_shortly_after_the_switch_does_not_switch_back() -> None:
    story = Story().record("idle").hook("SessionEnd", reason="clear")
    story.hook("SessionStart", "b", source="clear").record("busy", "a")
    assert story.ids() == ["b"]
    story.wait(2).record("idle", "a")
    assert story.ids() == ["a"]


def test_a_record_with_another_id_is_a_switch_that_no_hook_told() -> None:
    story = Story().record("idle")
    story.told()
    story.record("idle", "b")
    assert story.told() == (["a"], ["b"])
