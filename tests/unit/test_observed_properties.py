"""Whatever is heard, in whatever order: the table stays whole, and who watches sees all of it."""

import time
from typing import Any

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from observed_story import OPUS, PROCESS, Story, context, cost

from clawdforge.core.observed.hooks import RULES
from clawdforge.core.observed.registry import Kept, Registry, RegistryFullError
from clawdforge.core.observed.signals import (
    Driven,
    Found,
    Hook,
    Moment,
    Place,
    ProcessId,
    Record,
    StatusLine,
)
from clawdforge.wire import atm

IDS = st.sampled_from(["a", "b", "c", "", "pending-1", "ses_1", "ä" * 9])
NUMBERS = st.integers(1, 4)
PIDS = st.none() | st.integers(0, 4)
PROCESSES = st.builds(ProcessId, NUMBERS, st.integers(1, 2))
TEXTS = st.sampled_from([None, "", "x", "Bash", "AskUserQuestion", "permission_prompt", "auto"])
JSON: st.SearchStrategy[Any] = st.sampled_from(
    [None, 1, "x", [], {}, [{"type": "shell"}], [{"type": "subagent"}], [{"type": "teammate"}]]
)
HOOKS = st.builds(
    Hook,
    session_id=IDS,
    hook_event_name=st.sampled_from([*RULES, "SessionEnd", "SessionEnd", "Unknown"]),
    pid=PIDS,
    tool_name=TEXTS,
    tool_use_id=st.sampled_from([None, "1", "2"]),
    agent_id=st.sampled_from([None, None, "x", "y"]),
    agent_type=TEXTS,
    notification_type=st.sampled_from([None, "permission_prompt", "idle_prompt", "x"]),
    reason=st.sampled_from([None, "clear", "resume", "other"]),
    source=st.sampled_from([None, "clear", "resume", "startup", "compact"]),
    trigger=st.sampled_from([None, "manual", "auto"]),
    prompt=TEXTS,
    prompt_id=JSON,
    cwd=TEXTS,
    model=TEXTS,
    background_tasks=JSON,
    session_crons=JSON,
    sent_at=st.sampled_from([None, None, "x", 1.0, 2.0]),
)
LINES = st.builds(
    StatusLine,
    session_id=IDS,
    pid=PIDS,
    model=st.sampled_from([None, OPUS]),
    cost=st.sampled_from([None, cost()]),
    context_window=st.sampled_from([None, context(5)]),
    cwd=TEXTS,
    tmux_pane=TEXTS,
)
RECORDS = st.builds(
    Record,
    pid=st.integers(-1, 4),
    session_id=IDS,
    proc_start=st.sampled_from([None, "", "1", "2", "x", "9" * 30]),
    status=st.sampled_from([None, "busy", "idle", "shell", "waiting", "x"]),
    waiting_for=st.sampled_from([None, "permission prompt", "x"]),
    status_updated_at=st.sampled_from([None, 0.0, 1e300]),
    started_at=st.sampled_from([None, -1.0, 1e300]),
    kind=st.sampled_from([None, "bg", "daemon"]),
    tmux=st.sampled_from([None, "", "m:@1.%2"]),
)
DRIVEN = st.builds(
    Driven,
    session_id=st.sampled_from(["ses_1", "ses_2", "a"]),
    app=st.just("shop"),
    agent=st.just("claude"),
    status=st.sampled_from(["running", "waiting", "idle", "hibernated", "x"]),
    agent_session_id=st.none() | IDS,
    process=st.none() | PROCESSES,
    tool=TEXTS,
    cwd=TEXTS,
)


class AnySignals(RuleBasedStateMachine):
    @initialize(most=st.sampled_from([2, 4, 100]))
    def begin(self, most: int) -> None:
        self.registry = Registry(max_sessions=most)
        self.mono = 10.0
        self.watched: dict[str, bytes] = {}

    @property
    def now(self) -> Moment:
        return Moment(utc=1_795_000_000 + self.mono, mono=self.mono)

    @rule(hook=HOOKS, process=st.none() | PROCESSES)
    def hook(self, hook: Hook, process: ProcessId | None) -> None:
        self.registry.hook(hook, self.now, process)

    @rule(line=LINES, process=st.none() | PROCESSES)
    def line(self, line: StatusLine, process: ProcessId | None) -> None:
        try:
            self.registry.status_line(line, self.now, process)
        except RegistryFullError:
            assert len(self.registry.views(self.now)) >= 2

    @rule(record=RECORDS)
    def record(self, record: Record) -> None:
        self.registry.record(record, self.now)

    @rule(pid=NUMBERS)
    def record_removed(self, pid: int) -> None:
        self.registry.record_removed(pid, self.now)

    @rule(process=PROCESSES, cwd=TEXTS, parents=st.lists(NUMBERS, max_size=2))
    def found(self, process: ProcessId, cwd: str | None, parents: list[int]) -> None:
        ancestors = tuple(pid for pid in parents if pid < process.pid)
        found = Found(process=process, cwd=cwd, parents=ancestors)
        try:
            self.registry.found(found, self.now)
        except RegistryFullError:
            assert len(self.registry.views(self.now)) >= 2

    @rule(process=PROCESSES)
    def died(self, process: ProcessId) -> None:
        self.registry.died(process, self.now)
        assert process not in self.registry.processes()

    @rule(driven=DRIVEN)
    def driven(self, driven: Driven) -> None:
        self.registry.driven(driven, self.now)
        entry = self.registry.entry(driven.session_id)
        assert entry is not None

    @rule(session_id=IDS)
    def driven_removed(self, session_id: str) -> None:
        self.registry.driven_removed(session_id, self.now)

    @rule(cwd=TEXTS, root=TEXTS)
    def place(self, cwd: str | None, root: str | None) -> None:
        self.registry.place(cwd or "", Place(project_root=root), self.now)

    @rule(secs=st.sampled_from([0.0, 0.01, 0.2, 0.4, 1.0, 20.0, 700.0, 4000.0]))
    def wait(self, secs: float) -> None:
        until = self.mono + secs
        for _ in range(1000):
            due = self.registry.next_deadline
            if due is None or due > until:
                break
            self.mono = max(self.mono, due)
            self.registry.tick(self.now)
        else:
            raise AssertionError("deadlines without end")
        self.mono = until

    @rule()
    def watch(self) -> None:
        """Somebody who applies the changes has what is there."""
        changes = self.registry.take_changes()
        assert not self.registry.has_changes
        assert len(set(changes.removed)) == len(changes.removed)
        assert set(changes.reasons) == set(changes.removed)
        for gone in changes.removed:
            self.watched.pop(gone, None)
        updated = [entry.id for entry in changes.updated]
        assert len(set(updated)) == len(updated)
        for entry in changes.updated:
            view = self.registry.view(entry, self.now)
            self.watched[view.id] = atm.encode_session_updated(view)
        assert set(self.watched) == {view.id for view in self.registry.views(self.now)}

    @rule(alive=st.sets(PROCESSES))
    def restart(self, alive: set[ProcessId]) -> None:
        data = msgspec.json.encode(self.registry.snapshot())
        later = Registry()
        kept = msgspec.json.decode(data, type=list[Kept])
        later.restore(kept, lambda process: process in alive, self.now)
        assert {view.id for view in later.views(self.now)} <= {one.id for one in kept}
        assert later.processes() <= alive
        whole(later, self.now)

    @invariant()
    def the_table_is_whole(self) -> None:
        whole(self.registry, self.now)


def whole(registry: Registry, now: Moment) -> None:
    """Every index fits the entries, and every entry can be shown."""
    table: Any = registry._table
    views = registry.views(now)
    assert len({view.id for view in views}) == len(views)
    assert all(view.status in {"idle", "working", "attention_needed"} for view in views)
    pids = [pid for entry in table.entries for pid in entry.processes]
    assert len(set(pids)) == len(pids)
    assert set(table.pids) == set(pids)
    assert all(pid in entry.processes for pid, entry in table.pids.items())
    assert set(table.ids.values()) <= set(table.entries)
    for entry in table.entries:
        assert table.ids[entry.id] is entry
        assert entry.pid is None or entry.pid in entry.processes
        assert (entry.pid is None) == (not entry.processes)
        assert entry.parent_id is None or entry.id in table.ids[entry.parent_id].children
        assert all(table.ids[child].parent_id == entry.id for child in entry.children)
        assert registry.explain(entry.id, now) is not None
        if not entry.is_verified:
            assert registry.next_deadline is not None


TestAnySignals = AnySignals.TestCase
TestAnySignals.settings = settings(max_examples=150, stateful_step_count=40, deadline=None)


@settings(max_examples=100, deadline=None)
@given(signals=st.lists(HOOKS | RECORDS, max_size=30))
def test_a_session_with_a_record_settles_on_what_the_record_says(
    signals: list[Hook | Record],
) -> None:
    groups = {"busy": "working", "idle": "idle", "shell": "idle", "waiting": "attention_needed"}
    story = Story()
    for signal in signals:
        if isinstance(signal, Record):
            story.record(signal.status, "s", waiting_for=signal.waiting_for)
        elif signal.hook_event_name != "SessionEnd":
            hook = msgspec.structs.replace(signal, session_id="s", pid=PROCESS.pid)
            story.registry.hook(hook, story.now, PROCESS)
        story.wait(0.1)
    for status, word in groups.items():
        story.record(status, "s").wait(0.6)
        assert story.view("s").status == word


def test_a_status_line_of_a_known_session_is_folded_in_less_than_three_microseconds() -> None:
    story = Story().line(process=PROCESS, cost=cost(), context_window=context(5), cwd="/w")
    line = StatusLine(
        session_id="a", pid=PROCESS.pid, model=OPUS, cost=cost(), context_window=context(6)
    )
    now, rounds, times = story.now, 2000, []
    for _ in range(20):
        began = time.perf_counter()
        for _ in range(rounds):
            story.registry.status_line(line, now)
        times.append((time.perf_counter() - began) / rounds)
    print(f"\na status line is folded in {min(times) * 1e6:.2f} us")  # noqa: T201
    assert min(times) < 3e-6
