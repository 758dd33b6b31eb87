"""When a person is told of a session: dwell, cool-down, flapping, quiet while watched, ends."""

import itertools
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clawdforge.core.observed.attention import Attention
from clawdforge.core.observed.attention_values import Notice, Policy, Subject, Told
from clawdforge.core.observed.attention_words import lasting, words_of
from clawdforge.core.observed.signals import Moment

START_UTC = 1_700_000_000.0
STATES = ["working", "tool", "permission", "input", "idle", "interrupted", "error", "background"]


class Desk:
    """A machine, a clock that is set by hand, and somebody who looks or not."""

    def __init__(self, told: dict[str, Told] | None = None, **policy: Any) -> None:
        self.attention = Attention(Policy(**policy), told)
        self.secs = 0.0
        self.looks = False
        self.told: list[tuple[float, str, str, str]] = []
        """When, kind, reason, session."""
        self._since: dict[int, tuple[str, float]] = {}

    @property
    def now(self) -> Moment:
        return Moment(utc=START_UTC + self.secs, mono=5000.0 + self.secs)

    def subject(self, state: str, number: int = 1, **more: Any) -> Subject:
        known = self._since.get(number)
        if known is None or known[0] != state:
            self._since[number] = (state, self.now.utc)
        given: dict[str, Any] = {"session_id": f"s-{number}", "since": self._since[number][1]}
        return Subject(number=number, state=state, **(given | more))  # type: ignore[arg-type]

    def is_(self, state: str, number: int = 1, **more: Any) -> "Desk":
        self.attention.hear(self.subject(state, number, **more), self.now)
        return self

    def gone(self, reason: str, number: int = 1) -> "Desk":
        self.attention.gone(f"s-{number}", reason, self.now)
        return self

    def after(self, secs: float) -> "Desk":
        """Time passes; everything is done at its time."""
        end = self.secs + secs
        while (due := self.attention.next_deadline) is not None and due - 5000.0 <= end:
            self.secs = max(self.secs, due - 5000.0)
            for notice in self.attention.tick(self.now):
                self.settle(notice)
        self.secs = end
        return self

    def settle(self, notice: Notice) -> None:
        if self.attention.settle(notice, self.now, seen=self.looks):
            told = (notice.kind, notice.reason, notice.subject.session_id)
            self.told.append((round(self.secs, 3), *told))


# --- dwell --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("state", "reason"),
    [("permission", "permission"), ("input", "question"), ("error", "error")],
)
def test_a_need_is_told_once_it_has_held_for_a_while(state: str, reason: str) -> None:
    one = Desk().is_("working").after(60).is_(state)
    one.after(4.9)
    assert one.told == []
    one.after(0.2)
    assert one.told == [(65.0, "needs_you", reason, "s-1")]
    one.after(3600)
    assert len(one.told) == 1


def test_a_quick_answer_is_never_followed_by_a_notice() -> None:
    one = Desk().is_("working").is_("permission").after(4.9).is_("tool").after(3600)
    assert one.told == []
    assert one.attention.next_deadline is None


def test_a_next_question_has_its_own_dwell() -> None:
    one = Desk(cooldown_secs=0).is_("permission").after(3).is_("tool").after(1).is_("permission")
    one.after(4)
    assert one.told == []
    one.after(1)
    assert [told[0] for told in one.told] == [9.0]


def test_a_question_that_replaces_another_is_told_too() -> None:
    one = Desk(cooldown_secs=0).is_("permission", approval_id="ap_1").after(5)
    one.is_("permission", approval_id="ap_2").after(5)
    assert [told[0] for told in one.told] == [5.0, 10.0]


def test_a_questions_id_that_comes_later_or_goes_changes_nothing() -> None:
    one = Desk(cooldown_secs=0).is_("permission").after(1).is_("permission", approval_id="ap_1")
    one.after(4)
    assert [told[0] for told in one.told] == [5.0]
    one.is_("permission").after(60)
    assert len(one.told) == 1


def test_who_was_told_before_it_could_be_answered_is_told_again_when_it_can() -> None:
    one = Desk(cooldown_secs=0, needs_you_secs=0.1).is_("permission").after(1)
    one.is_("permission", approval_id="ap_1").after(60)
    assert [told[0] for told in one.told] == [0.1, 1.1]


def test_what_was_asked_between_two_looks_is_told_too() -> None:
    one = Desk(cooldown_secs=0).is_("permission").after(6)
    one.attention.hear(one.subject("permission", since=one.now.utc - 1), one.now)  # answered, asked
    one.after(6)
    assert len(one.told) == 2


def test_finished_work_is_told_after_a_while() -> None:
    one = Desk().is_("working").after(31).is_("idle").after(2.9)
    assert one.told == []
    one.after(0.2)
    assert one.told == [(34.0, "finished", "done", "s-1")]


def test_what_somebody_stopped_is_not_called_finished() -> None:
    assert Desk().is_("working").after(600).is_("interrupted").after(60).told == []


def test_short_work_is_not_worth_it() -> None:
    one = Desk()
    for _ in range(20):
        one.is_("working").after(20).is_("idle").after(10)
    assert one.told == []


def test_waiting_for_a_person_is_no_work() -> None:
    one = Desk().is_("working").after(10).is_("permission").after(600).is_("tool").after(10)
    one.is_("idle").after(10)
    assert [told[1] for told in one.told] == ["needs_you"]


def test_background_agents_are_work() -> None:
    one = Desk().is_("working").after(20).is_("background").after(20).is_("idle").after(10)
    assert [told[0] for told in one.told] == [43.0]


def test_work_that_went_on_before_the_monitor_counts() -> None:
    one = Desk()
    one.is_("working", since=START_UTC - 300).after(1).is_("idle").after(5)
    assert [told[1] for told in one.told] == ["finished"]


# --- flapping, cool-down ------------------------------------------------------------------------


def test_a_session_that_flaps_is_told_when_it_rests() -> None:
    one = Desk().is_("working").after(40)
    for _ in range(50):
        one.is_("idle").after(1).is_("working").after(1)
    assert one.told == []
    one.is_("idle").after(10)
    assert [told[1] for told in one.told] == ["finished"]


def test_a_permission_that_flaps_is_not_told_until_it_holds() -> None:
    one = Desk()
    for _ in range(100):
        one.is_("permission").after(2).is_("working").after(0.5)
    assert one.told == []


def test_in_the_cool_down_nothing_is_told_and_after_it_what_still_holds() -> None:
    one = Desk(cooldown_secs=60).is_("permission").after(5)
    one.is_("tool").after(1).is_("permission").after(30).is_("tool").after(1).is_("permission")
    assert len(one.told) == 1
    one.after(60)
    assert [told[0] for told in one.told] == [5.0, 65.0]


def test_what_ends_in_the_cool_down_is_not_told() -> None:
    one = Desk(cooldown_secs=60).is_("permission").after(5).is_("tool").is_("permission").after(30)
    one.is_("tool").after(600)
    assert len(one.told) == 1


def test_each_session_has_its_own_cool_down() -> None:
    one = Desk(cooldown_secs=60).is_("permission").after(1).is_("permission", 2).after(5)
    assert [told[3] for told in one.told] == ["s-1", "s-2"]


# --- quiet while watched ------------------------------------------------------------------------


def test_what_somebody_looks_at_is_told_when_they_look_away() -> None:
    one = Desk(recheck_secs=15)
    one.looks = True
    one.is_("permission").after(50)
    assert one.told == []
    one.looks = False
    one.after(600)
    assert [told[0] for told in one.told] == [65.0]


def test_what_somebody_saw_finish_is_not_told_later() -> None:
    one = Desk()
    one.looks = True
    one.is_("working").after(60).is_("idle").after(10)
    one.looks = False
    one.after(3600)
    assert one.told == []


def test_a_verdict_that_comes_too_late_tells_nothing() -> None:
    one = Desk().is_("permission")
    one.secs = 5.0
    [notice] = one.attention.tick(one.now)
    one.is_("tool")
    assert not one.attention.settle(notice, one.now, seen=False)
    one.is_("permission")
    assert not one.attention.settle(notice, one.now, seen=False)
    one.after(10)
    assert len(one.told) == 1


def test_while_it_is_asked_whether_somebody_looks_it_is_not_asked_again() -> None:
    one = Desk().is_("permission")
    one.secs = 5.0
    assert len(one.attention.tick(one.now)) == 1
    assert one.attention.tick(one.now) == []
    assert one.attention.next_deadline is None


# --- ends ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("reason", ["ended", "exited", "died", "closed", "expired", "switched"])
def test_a_session_that_ends_while_it_waits_is_not_told(reason: str) -> None:
    assert Desk().is_("permission").after(2).gone(reason).after(600).told == []


def test_a_process_that_dies_at_work_is_told() -> None:
    one = Desk().is_("working").after(2).gone("died").after(600)
    assert one.told == [(7.0, "needs_you", "died", "s-1")]
    assert one.attention.next_deadline is None
    assert one.attention.told == {}


def test_a_process_that_dies_at_rest_is_not_told() -> None:
    assert Desk().is_("working").is_("idle").after(60).gone("died").after(600).told == []


def test_a_session_that_is_taken_up_again_has_not_died() -> None:
    one = Desk().is_("working").after(2).gone("died").after(1).is_("working", session_id="s-1")
    one.attention.hear(one.subject("working", 2, session_id="s-1"), one.now)
    assert one.after(600).told == []


@pytest.mark.parametrize("reason", ["ended", "exited"])
def test_a_command_that_ends_after_its_work_has_finished(reason: str) -> None:
    one = Desk().is_("working", source="background").after(60).gone(reason).after(600)
    assert one.told == [(63.0, "finished", "done", "s-1")]


def test_nothing_is_left_of_what_is_gone() -> None:
    one = Desk()
    for number in range(50):
        one.is_("permission", number).after(1).gone("ended", number)
    assert one.attention.next_deadline is None
    assert one.attention.told == {}
    assert one.attention.holds("s-1") is None


# --- names, sources -----------------------------------------------------------------------------


def test_a_rename_is_the_same_session() -> None:
    one = Desk().is_("permission", session_id="pending-1").after(2)
    one.is_("permission", session_id="s-1")
    one.attention.gone("pending-1", "renamed", one.now)
    one.after(3)
    assert one.told == [(5.0, "needs_you", "permission", "s-1")]


def test_sessions_of_apps_are_told_only_when_they_need_somebody() -> None:
    one = Desk().is_("working", source="gateway").after(60).is_("permission", source="gateway")
    one.after(10).is_("idle", source="gateway").after(60)
    assert [told[1] for told in one.told] == ["needs_you"]


def test_a_session_below_another_is_not_told_when_it_has_finished() -> None:
    one = Desk().is_("working", parent_id="s-0").after(60).is_("idle", parent_id="s-0").after(60)
    assert one.told == []


@pytest.mark.parametrize("event", ["needs_you", "finished"])
def test_a_target_may_want_one_of_both(event: str) -> None:
    one = Desk(events=frozenset([event])).is_("working").after(60).is_("permission").after(60)
    one.is_("working").after(60).is_("idle").after(60)
    assert [told[1] for told in one.told] == [event]


# --- restart ------------------------------------------------------------------------------------


def test_what_was_told_is_not_told_again_after_a_restart() -> None:
    one = Desk().is_("permission").after(6)
    again = Desk(told=one.attention.told)
    again.secs = 100.0
    again.is_("permission", since=START_UTC).after(600)
    assert again.told == []


def test_what_was_not_told_yet_is_told_after_a_restart() -> None:
    again = Desk(told={})
    again.secs = 100.0
    again.is_("permission", since=START_UTC).after(600)
    assert [told[0] for told in again.told] == [105.0]


def test_a_new_need_is_told_after_a_restart() -> None:
    one = Desk().is_("permission").after(6)
    again = Desk(told=one.attention.told)
    again.secs = 100.0
    again.is_("permission", since=START_UTC + 50).after(600)
    assert len(again.told) == 1


@pytest.mark.parametrize(("ago", "count"), [(60, 1), (7200, 0)])
def test_an_old_error_that_is_first_heard_of_is_not_news(ago: float, count: int) -> None:
    assert len(Desk().is_("error", since=START_UTC - ago).after(60).told) == count


def test_what_was_told_of_sessions_that_are_gone_is_forgotten() -> None:
    one = Desk(told={"old": Told(reason="permission", at=START_UTC)})
    one.is_("permission").after(6)
    one.attention.keep(["s-1"])
    assert set(one.attention.told) == {"s-1"}


# --- always -------------------------------------------------------------------------------------

Step = tuple[int, str | None, float, bool]
STEPS = st.lists(
    st.tuples(
        st.integers(1, 3),
        st.sampled_from([*STATES, None]),
        st.floats(0, 40, allow_nan=False),
        st.booleans(),
    ),
    max_size=40,
)


@given(STEPS, st.floats(0, 20), st.floats(0, 60))
@settings(max_examples=200, deadline=None)
def test_whatever_happens_dwell_and_cool_down_hold(
    steps: list[Step], dwell: float, cooldown: float
) -> None:
    one = Desk(needs_you_secs=dwell, cooldown_secs=cooldown)
    since: dict[int, float] = {}
    before: dict[int, str] = {}
    for number, state, secs, looks in steps:
        one.looks = looks
        if state is None:
            one.gone("ended", number)
            before.pop(number, None)
        else:
            if before.get(number) != state:
                since[number] = one.secs
            before[number] = state
            known = len(one.told)
            one.is_(state, number)
            assert len(one.told) == known
        start = len(one.told)
        one.after(secs)
        for at, kind, reason, session_id in one.told[start:]:
            if kind == "needs_you" and reason != "died":
                assert at - since[int(session_id[2:])] >= dwell - 0.002
    times: dict[str, list[float]] = {}
    for at, _, _, session_id in one.told:
        times.setdefault(session_id, []).append(at)
    if not any(state is None for _, state, _, _ in steps):
        for told in times.values():
            pauses = [b - a for a, b in itertools.pairwise(told)]
            assert all(pause >= cooldown - 0.002 for pause in pauses)


# --- words --------------------------------------------------------------------------------------


def _notice(**more: Any) -> Notice:
    subject = Subject(
        number=1, session_id="s-1", state="permission", since=0.0, agent="claude",
        cwd="/home/ana/src/widget", branch="main", pane="%3", approval_id="ap_1",
        asked="Bash: rm -rf build",
    )  # fmt: skip
    given: dict[str, Any] = {"kind": "needs_you", "reason": "permission", "since": 0.0}
    return Notice(subject=subject, **(given | more))


def test_a_notice_in_words() -> None:
    words = words_of(_notice(), brief=False)
    assert words.title == "claude in widget asks for permission"
    assert words.text == "Bash: rm -rf build · main · pane %3"


def test_brief_words_do_not_say_what_is_asked() -> None:
    assert words_of(_notice(), brief=True).text == "Bash · main · pane %3"


def test_finished_work_in_words() -> None:
    words = words_of(_notice(kind="finished", reason="done", worked_secs=754.0), brief=True)
    assert words.title == "claude in widget has finished"
    assert words.text.startswith("after 13 min of work")


@pytest.mark.parametrize(
    ("secs", "text"), [(0.4, "0 s"), (89, "89 s"), (90, "2 min"), (7200, "2 h 0 min")]
)
def test_durations_in_words(secs: float, text: str) -> None:
    assert lasting(secs) == text


def test_nothing_that_is_asked_is_in_a_repr() -> None:
    assert "rm -rf" not in repr(_notice())
