"""Sessions that a gateway drives, and what their agents' hooks tell: one entry each."""

import itertools

import pytest
from observed_story import OTHER, PID, PROCESS, Story, context, cost

from clawdforge.core.observed.signals import ProcessId

STATES = [
    ("running", None, "working", None, "working"),
    ("running", "Bash", "working", "Bash", "tool"),
    ("waiting", "Bash", "attention_needed", "Permission", "permission"),
    ("idle", None, "idle", None, "idle"),
    ("hibernated", None, "idle", None, "hibernated"),
    ("a word of next year", None, "idle", None, "idle"),
]


@pytest.mark.parametrize(("told", "tool", "status", "detail", "state"), STATES)
def test_the_gateway_s_word_is_the_state(
    told: str, tool: str | None, status: str, detail: str | None, state: str
) -> None:
    story = Story().driven(told, tool=tool)
    assert story.shows("ses_1") == (status, detail)
    assert story.state("ses_1") == state


def test_a_driven_session_shows_what_its_gateway_knows() -> None:
    story = Story().driven(
        model="opus",
        cwd="/w",
        cost_microusd=1_500_000,
        context_used=50_000,
        context_size=200_000,
        started_at=1_794_000_000.0,
        first_prompt="hi",
        agent_session_id="a",
        process=PROCESS,
    )
    view = story.view("ses_1")
    assert (view.source, view.app, view.session) == ("gateway", "shop", "ses_1")
    assert (view.agent_session_id, view.pid, view.agent) == ("a", PID, "claude")
    assert (view.model, view.cwd, view.first_prompt) == ("opus", "/w", "hi")
    assert (view.cost_display, view.cost_microusd) == ("$1.50", 1_500_000)
    assert view.context_display == "25.0% (50K/200K)"
    assert view.started_at < story.driven(session_id="ses_2").view("ses_2").started_at


SIGNALS = {
    "hook": lambda story: story.hook("UserPromptSubmit", process=PROCESS, prompt="hi"),
    "line": lambda story: story.line(process=PROCESS, cost=cost(), context_window=context(9)),
    "record": lambda story: story.record("busy"),
    "found": lambda story: story.found(),
    "driven": lambda story: story.driven(agent_session_id="a", process=PROCESS),
}


@pytest.mark.parametrize("order", list(itertools.permutations(SIGNALS)))
def test_a_driven_session_is_shown_once_whatever_was_heard_first(order: tuple[str, ...]) -> None:
    story = Story()
    for name in order:
        SIGNALS[name](story)
    story.wait(1)
    assert story.ids() == ["ses_1"]
    view = story.view("ses_1")
    assert (view.first_prompt, view.cost_usd, view.pid) == ("hi", 0.35, PID)
    assert story.registry.entry("a") is story.registry.entry("ses_1")
    removed, updated = story.told()
    assert updated == ["ses_1"]
    assert "ses_1" not in removed


def test_its_agent_may_be_known_by_its_process_alone_or_by_its_id_alone() -> None:
    story = Story().hook("Stop", process=PROCESS).driven(process=PROCESS)
    assert story.ids() == ["ses_1"]
    story = Story().hook("Stop", pid=OTHER.pid, process=OTHER).driven(agent_session_id="a")
    assert story.ids() == ["ses_1"]


def test_inner_pids_of_two_namespaces_are_not_taken_for_each_other() -> None:
    story = Story().driven(agent_session_id="a").driven(session_id="ses_2", agent_session_id="b")
    story.hook("Stop", "a", 7).hook("UserPromptSubmit", "b", 7, prompt="to b")
    assert story.ids() == ["ses_1", "ses_2"]
    assert story.view("ses_2").first_prompt == "to b"
    assert story.view("ses_1").first_prompt is None


def test_a_process_that_an_adapter_starts_belongs_to_the_session_its_children_do_not() -> None:
    story = Story().driven(process=PROCESS)
    story.found(OTHER, parents=(5000, PID, 1))
    assert story.ids() == ["ses_1"]
    story.found(ProcessId(41400, 9), parents=(OTHER.pid, 5000, PID, 1))
    assert story.ids() == ["ses_1", "pending-41400"]


def test_an_agent_found_as_such_is_not_taken_for_an_adapter() -> None:
    story = Story().driven(process=PROCESS).found(PROCESS, parents=(1,))
    story.found(OTHER, parents=(PID, 1))
    assert story.ids() == ["ses_1", f"pending-{OTHER.pid}"]


def test_the_end_of_the_agent_is_not_the_end_of_the_session() -> None:
    story = Story().driven(agent_session_id="a", process=PROCESS)
    story.hook("SessionEnd", reason="other").died().driven("hibernated", agent_session_id="a")
    assert story.ids() == ["ses_1"]
    assert story.view("ses_1").pid is None
    assert story.registry.processes() == set()
    story.driven(agent_session_id="a", process=OTHER)
    assert story.view("ses_1").pid == OTHER.pid


def test_its_id_never_changes_whatever_its_agent_calls_itself() -> None:
    story = Story().driven(process=PROCESS)
    story.hook("SessionStart", "a").line("b").hook("SessionStart", "c", source="clear")
    story.told()
    assert story.ids() == ["ses_1"]
    assert all(story.registry.entry(one) is not None for one in "abc")


def test_a_removed_session_is_gone_once_and_only_a_driven_one_can_be() -> None:
    story = Story().driven(agent_session_id="a").line("b")
    story.told()
    for name in ("ses_1", "ses_1", "a", "b", "nobody"):
        story.registry.driven_removed(name, story.now)
    changes = story.changes()
    assert (changes.removed, changes.reasons) == (["ses_1"], {"ses_1": "closed"})
    assert story.ids() == ["b"]
    assert story.registry.entry("a") is None


def test_a_driven_session_does_not_expire() -> None:
    assert Story().driven("hibernated").wait(99_999).ids() == ["ses_1"]


def test_two_sessions_that_claim_the_same_agent_stay_two() -> None:
    story = Story().driven(agent_session_id="a", process=PROCESS)
    story.driven(session_id="ses_2", agent_session_id="a", process=PROCESS)
    story.hook("UserPromptSubmit", prompt="hi")
    assert story.ids() == ["ses_1", "ses_2"]
    assert story.view("ses_2").first_prompt == "hi"
    assert story.view("ses_1").pid is None
