"""Decides when a session is worth a person's attention. Pure: the clock comes with each call.

A need has to hold for a while before it is told (dwell), so a quick answer is never followed by a
notice. After a notice the session is left alone for a while (cool-down); what still holds then is
told then. Who decides does not know whether somebody looks: it asks, by handing out a `Notice`,
and hears the answer in `settle`. What somebody looks at is asked about again later.
"""

from collections.abc import Iterable, Mapping

from clawdforge.core.observed.attention_values import (
    NEEDS,
    UNTOLD,
    Notice,
    Policy,
    Reason,
    Subject,
    Told,
)
from clawdforge.core.observed.attention_watch import Watch
from clawdforge.core.observed.signals import Moment
from clawdforge.core.observed.states import GROUPS

DIED = "died"
OVER = frozenset({"ended", "exited"})
"""Reasons for which a session is gone, after which its work may be told as finished."""
STALE_SECS = 600.0
"""An error that is older when it is first heard of was seen, or is nobody's concern."""


class Attention:
    """Knows what each session needs, and what was told of it.

    Args:
        policy: When to tell.
        told: What an earlier start has told, by session id.
    """

    def __init__(self, policy: Policy, told: Mapping[str, Told] | None = None) -> None:
        self.policy = policy
        self._watches: dict[int, Watch] = {}
        self._numbers: dict[str, int] = {}
        self._dues: dict[int, float] = {}
        """Those that have to be looked at, by their numbers (mono)."""
        self._told = dict(told or {})

    @property
    def next_deadline(self) -> float | None:
        """When `tick` is wanted next (mono); None: when something is heard."""
        return min(self._dues.values(), default=None)

    @property
    def told(self) -> dict[str, Told]:
        """What was told last of each session that there still is, for the next start."""
        return self._told

    def hear(self, subject: Subject, now: Moment) -> None:
        """A session is new, or has changed."""
        watch = self._watches.get(subject.number)
        is_new = watch is None
        if watch is None:
            watch = self._watches[subject.number] = Watch(subject)
            self._lay_ghost(subject)
        self._rename(watch.subject.session_id, subject)
        before, watch.subject = watch.subject, subject
        self._work(watch, now, is_new=is_new)
        reason = NEEDS.get(subject.state)
        if reason is None:
            if watch.need is not None:
                watch.calm()
        elif self._wants_needs(subject) and self._is_other(watch, before, reason):
            self._need(watch, reason, now, is_new=is_new)
        self._rest(watch, now)
        self._track(watch)

    def gone(self, session_id: str, reason: str, now: Moment) -> None:
        """A session is gone; `reason` is the registry's word."""
        number = self._numbers.get(session_id)
        watch = None if number is None else self._watches[number]
        if watch is None or watch.subject.session_id != session_id:
            return
        was_busy = watch.busy_at is not None
        self._stop_work(watch, now)
        watch.gone = True
        if reason == DIED and was_busy and self._wants_needs(watch.subject):
            watch.begin_need("died", now.utc, self._after(watch, self.policy.needs_you_secs, now))
        elif reason in OVER and watch.worked > 0.0 and watch.need is None:
            if watch.finished_utc is None:
                watch.finish(now.utc, self._after(watch, self.policy.finished_secs, now))
        else:
            self._forget(watch)
        self._track(watch)

    def tick(self, now: Moment) -> list[Notice]:
        """Time has passed: what is to be told, if nobody looks. Each wants to be settled."""
        found = []
        for number in [number for number, due in self._dues.items() if due <= now.mono]:
            watch = self._watches[number]
            if (notice := self._notice(watch, now)) is not None:
                found.append(notice)
            self._track(watch)
        return found

    def settle(self, notice: Notice, now: Moment, *, seen: bool) -> bool:
        """Somebody looks at it, or nobody does.

        Returns:
            Whether to tell it: nobody looks, and it still holds.
        """
        watch = self._watches.get(notice.subject.number)
        if watch is None or watch.episode != notice.episode or not watch.asked:
            return False
        watch.asked = False
        if seen:
            self._was_seen(watch, now)
            self._track(watch)
            return False
        watch.cool_until = now.mono + self.policy.cooldown_secs
        self._told[watch.subject.session_id] = Told(reason=notice.reason, at=now.utc)
        if watch.gone:
            self._forget(watch)
        elif notice.kind == "needs_you":
            watch.told = True
        else:
            watch.forget_work()
        self._track(watch)
        return True

    def holds(self, session_id: str) -> bool | None:
        """Whether a session still needs somebody; None: it is not known."""
        number = self._numbers.get(session_id)
        watch = None if number is None else self._watches.get(number)
        return None if watch is None else watch.need is not None

    def keep(self, session_ids: Iterable[str]) -> None:
        """These are all sessions there are: forget what was told of others."""
        there = set(session_ids)
        self._told = {name: told for name, told in self._told.items() if name in there}

    # Inside

    def _track(self, watch: Watch) -> None:
        number = watch.subject.number
        if watch.due is None or self._watches.get(number) is not watch:
            self._dues.pop(number, None)
        else:
            self._dues[number] = watch.due

    def _work(self, watch: Watch, now: Moment, *, is_new: bool) -> None:
        """Count how long it works."""
        busy = GROUPS[watch.subject.state] == "busy"
        if busy and watch.busy_at is None:
            before = max(0.0, now.utc - watch.subject.since) if is_new else 0.0
            watch.busy_at = now.mono - before
            if watch.finished_utc is not None:
                watch.finished_utc = None
                watch.calm()
        elif not busy:
            self._stop_work(watch, now)

    def _stop_work(self, watch: Watch, now: Moment) -> None:
        if watch.busy_at is not None:
            watch.worked += now.mono - watch.busy_at
            watch.busy_at = None

    def _wants_needs(self, subject: Subject) -> bool:
        policy = self.policy
        return "needs_you" in policy.events and subject.source in policy.needs_you_of

    def _rest(self, watch: Watch, now: Moment) -> None:
        """See whether its work is over."""
        state = watch.subject.state
        if watch.busy_at is not None or GROUPS[state] == "waiting":
            return
        if state in UNTOLD:
            watch.worked = 0.0
            if watch.finished_utc is not None:
                watch.forget_work()
        elif watch.worked > 0.0 and watch.finished_utc is None:
            watch.finish(now.utc, self._after(watch, self.policy.finished_secs, now))

    def _is_other(self, watch: Watch, before: Subject, reason: Reason) -> bool:
        """Whether it needs something else than it did.

        A question's id may come a moment after it is seen that something is asked. Who was told by
        then is told again: now it can be answered.
        """
        asked = watch.subject.approval_id
        another = asked is not None and asked != before.approval_id
        if another and before.approval_id is None:
            another = watch.told
        return watch.need != reason or another or before.since != watch.subject.since

    def _need(self, watch: Watch, reason: Reason, now: Moment, *, is_new: bool) -> None:
        subject = watch.subject
        watch.begin_need(reason, now.utc, self._after(watch, self.policy.needs_you_secs, now))
        if is_new and self._is_old_news(subject, reason, now):
            watch.told, watch.due = True, None

    def _is_old_news(self, subject: Subject, reason: Reason, now: Moment) -> bool:
        """Whether an earlier start has told it, or nobody would want to hear it now."""
        told = self._told.get(subject.session_id)
        if told is not None and told.reason == reason and subject.since <= told.at:
            return True
        return reason == "error" and now.utc - subject.since > STALE_SECS

    def _after(self, watch: Watch, secs: float, now: Moment) -> float:
        return max(now.mono + secs, watch.cool_until)

    def _notice(self, watch: Watch, now: Moment) -> Notice | None:
        watch.due = None
        subject, episode = watch.subject, watch.episode
        if watch.need is not None:
            watch.asked = True
            return Notice(
                kind="needs_you",
                reason=watch.need,
                subject=subject,
                since=watch.need_utc,
                episode=episode,
            )
        if not self._is_worth_it(watch):
            self._drop_work(watch)
            return None
        watch.asked = True
        return Notice(
            kind="finished",
            reason="done",
            subject=subject,
            since=now.utc if watch.finished_utc is None else watch.finished_utc,
            worked_secs=watch.worked,
            episode=episode,
        )

    def _drop_work(self, watch: Watch) -> None:
        watch.forget_work()
        if watch.gone:
            self._forget(watch)

    def _is_worth_it(self, watch: Watch) -> bool:
        subject, policy = watch.subject, self.policy
        wanted = "finished" in policy.events and subject.source in policy.finished_of
        return wanted and subject.parent_id is None and watch.worked >= policy.min_work_secs

    def _was_seen(self, watch: Watch, now: Moment) -> None:
        if watch.gone:
            self._forget(watch)
        elif watch.need is not None:
            watch.due = now.mono + self.policy.recheck_secs
        else:
            watch.forget_work()

    def _rename(self, before: str, subject: Subject) -> None:
        if before != subject.session_id:
            self._numbers.pop(before, None)
            if (told := self._told.pop(before, None)) is not None:
                self._told[subject.session_id] = told
        self._numbers[subject.session_id] = subject.number

    def _lay_ghost(self, subject: Subject) -> None:
        """A session that had ended goes on: its end is not to be told."""
        number = self._numbers.get(subject.session_id)
        if number is not None and number != subject.number:
            self._watches.pop(number, None)
            self._dues.pop(number, None)

    def _forget(self, watch: Watch) -> None:
        self._watches.pop(watch.subject.number, None)
        if self._numbers.get(watch.subject.session_id) == watch.subject.number:
            del self._numbers[watch.subject.session_id]
        self._told.pop(watch.subject.session_id, None)
