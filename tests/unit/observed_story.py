"""A registry with a clock, for tests that tell it a story."""

from typing import Any

from clawdforge.core.observed.registry import Changes, Registry
from clawdforge.core.observed.signals import (
    ContextWindow,
    Cost,
    CurrentUsage,
    Driven,
    Found,
    Hook,
    Model,
    Moment,
    ProcessId,
    Record,
    StatusLine,
)
from clawdforge.core.observed.views import SessionView

START_UTC = 1_795_000_000.0
PID = 41200
PROCESS = ProcessId(PID, 777)
OTHER = ProcessId(41300, 888)
OPUS = Model(id="claude-opus-4-6", display_name="Opus 4.6")


class Story:
    """What is told to a registry, one thing after the other."""

    def __init__(self, **options: Any) -> None:
        self.registry = Registry(**options)
        self.mono = 100.0

    @property
    def now(self) -> Moment:
        return Moment(utc=START_UTC + self.mono, mono=self.mono)

    def wait(self, secs: float) -> "Story":
        """Time passes, and the registry is ticked whenever it asks for it."""
        until = self.mono + secs
        while (due := self.registry.next_deadline) is not None and due <= until:
            self.mono = max(self.mono, due)
            self.registry.tick(self.now)
            after = self.registry.next_deadline
            assert after is None or after > due, "a deadline that is reached must go away"
        self.mono = until
        return self

    def hook(
        self,
        name: str,
        session_id: str = "a",
        pid: int | None = PID,
        process: ProcessId | None = None,
        **fields: Any,
    ) -> "Story":
        hook = Hook(session_id=session_id, hook_event_name=name, pid=pid, **fields)
        self.registry.hook(hook, self.now, process)
        return self

    def line(
        self,
        session_id: str = "a",
        pid: int | None = PID,
        process: ProcessId | None = None,
        model: Model | None = OPUS,
        **fields: Any,
    ) -> "Story":
        line = StatusLine(session_id=session_id, pid=pid, model=model, **fields)
        self.registry.status_line(line, self.now, process)
        return self

    def record(
        self,
        status: str | None,
        session_id: str = "a",
        process: ProcessId = PROCESS,
        waiting_for: str | None = None,
        **fields: Any,
    ) -> "Story":
        record = Record(
            pid=process.pid,
            proc_start=str(process.start),
            session_id=session_id,
            status=status,
            waiting_for=waiting_for,
            status_updated_at=self.now.utc * 1000,
            **fields,
        )
        self.registry.record(record, self.now)
        return self

    def found(self, process: ProcessId = PROCESS, **fields: Any) -> "Story":
        self.registry.found(Found(process=process, **fields), self.now)
        return self

    def died(self, process: ProcessId = PROCESS) -> "Story":
        self.registry.died(process, self.now)
        return self

    def driven(self, status: str = "running", session_id: str = "ses_1", **fields: Any) -> "Story":
        driven = Driven(session_id=session_id, app="shop", agent="claude", status=status, **fields)
        self.registry.driven(driven, self.now)
        return self

    def views(self) -> list[SessionView]:
        return self.registry.views(self.now)

    def view(self, session_id: str = "a") -> SessionView:
        entry = self.registry.entry(session_id)
        assert entry is not None, f"no session {session_id}"
        return self.registry.view(entry, self.now)

    def ids(self) -> list[str]:
        return [view.id for view in self.views()]

    def shows(self, session_id: str = "a") -> tuple[str, str | None]:
        """`status` and `activity_detail`."""
        view = self.view(session_id)
        return view.status, view.activity_detail

    def state(self, session_id: str = "a") -> str:
        return self.view(session_id).state

    def changes(self) -> Changes:
        return self.registry.take_changes()

    def told(self) -> tuple[list[str], list[str]]:
        """What changed since last asked: the ids that were removed, and that were updated."""
        changes = self.changes()
        return changes.removed, [entry.id for entry in changes.updated]


def cost(usd: float = 0.35, **fields: Any) -> Cost:
    return Cost(total_cost_usd=usd, total_duration_ms=135_000, **fields)


def context(used: int, **fields: Any) -> ContextWindow:
    return ContextWindow(current_usage=CurrentUsage(cache_read_input_tokens=used), **fields)
