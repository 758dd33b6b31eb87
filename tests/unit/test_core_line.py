"""The line in front of the agents: never over capacity, nobody lost, everybody fairly served."""

from collections import Counter, deque

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from clawdforge.core.line import Entry, FairLine

PLACES = 3
MAX_WAITING = 5
APPS = ("a", "b", "c")


class LineMachine(RuleBasedStateMachine):
    """The line beside a model of it that is simple enough to be right."""

    def __init__(self) -> None:
        super().__init__()
        self.line = FairLine(places=PLACES, max_waiting=MAX_WAITING)
        self.active: Counter[str] = Counter()
        self.waiting: dict[str, deque[int]] = {app: deque() for app in APPS}
        self.tickets = 0

    @rule(app=st.sampled_from(APPS))
    def enter(self, app: str) -> None:
        self.tickets += 1
        in_line = sum(map(len, self.waiting.values()))
        entry = self.line.enter(app, self.tickets)
        if self.active.total() < PLACES and in_line == 0:
            assert entry is Entry.ADMITTED
            self.active[app] += 1
        elif in_line >= MAX_WAITING or len(self.waiting[app]) >= 3:
            assert entry is Entry.FULL
        else:
            assert entry is Entry.WAITING
            self.waiting[app].append(self.tickets)

    @precondition(lambda self: any(self.waiting.values()))
    @rule(data=st.data())
    def abandon(self, data: st.DataObject) -> None:
        app = data.draw(st.sampled_from([app for app in APPS if self.waiting[app]]))
        ticket = data.draw(st.sampled_from(list(self.waiting[app])))
        self.waiting[app].remove(ticket)
        self.line.abandon(app, ticket)
        self.line.abandon(app, ticket)  # twice is harmless

    @precondition(lambda self: self.active.total() > 0)
    @rule(data=st.data())
    def leave(self, data: st.DataObject) -> None:
        app = data.draw(st.sampled_from([app for app in APPS if self.active[app]]))
        self.active[app] -= 1
        self.line.leave(app)
        ticket = self.line.admit()
        if not any(self.waiting.values()):
            assert ticket is None
            return
        fewest = min(self.active[app] for app in APPS if self.waiting[app])
        fair = [app for app in APPS if self.waiting[app] and self.active[app] == fewest]
        longest = min(fair, key=lambda app: self.waiting[app][0])
        assert ticket == self.waiting[longest].popleft()
        self.active[longest] += 1

    @invariant()
    def counts(self) -> None:
        assert self.line.active == self.active.total() <= PLACES
        assert self.line.waiting == sum(map(len, self.waiting.values())) <= MAX_WAITING

    @invariant()
    def no_place_stays_free(self) -> None:
        if self.line.waiting:
            assert self.line.active == PLACES
            assert self.line.admit() is None

    def teardown(self) -> None:
        """Everybody who still waits gets in, each exactly once."""
        left = sum(map(len, self.waiting.values()))
        served = []
        while self.line.active:
            app = next(app for app in APPS if self.active[app])
            self.active[app] -= 1
            self.line.leave(app)
            if (ticket := self.line.admit()) is not None:
                owner = next(app for app in APPS if ticket in self.waiting[app])
                self.active[owner] += 1
                served.append(ticket)
        assert len(set(served)) == len(served) == left


TestLine = LineMachine.TestCase
TestLine.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)


def test_one_app_cannot_keep_the_others_out() -> None:
    line = FairLine(places=1, max_waiting=4)
    assert line.enter("greedy", 0) is Entry.ADMITTED
    assert [line.enter("greedy", n) for n in (1, 2, 3)] == [
        Entry.WAITING, Entry.WAITING, Entry.FULL,
    ]  # fmt: skip
    assert line.enter("late", 4) is Entry.WAITING
    line.leave("greedy")
    assert line.admit() == 1  # both have nobody at work: the longest waiting
    line.leave("greedy")
    assert line.admit() == 2
    assert line.enter("greedy", 5) is Entry.WAITING
    line.leave("greedy")
    assert line.admit() == 4


def test_who_has_fewer_at_work_goes_first() -> None:
    line = FairLine(places=2, max_waiting=4)
    line.enter("busy", 0)
    line.enter("busy", 1)
    line.enter("busy", 2)
    line.enter("idle", 3)
    line.leave("busy")
    assert line.admit() == 3


def test_a_line_of_no_length() -> None:
    line = FairLine(places=1, max_waiting=0)
    assert line.enter("a", 0) is Entry.ADMITTED
    assert line.enter("b", 1) is Entry.FULL
    line.leave("a")
    assert line.enter("b", 1) is Entry.ADMITTED
