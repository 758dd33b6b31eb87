"""The history, in memory."""

# ruff: noqa: D102 - the port says what each method promises

import heapq
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict

from clawdforge.core.history import HOUR_SECS, WELL, Span, Spent, Wanted, Work
from clawdforge.core.records import AuditEntry, Run
from clawdforge.core.usage import Usage
from clawdforge.testing.memory_sessions import MemorySessions
from clawdforge.testing.memory_works import OfApp, works_of


class MemoryHistory(MemorySessions):
    """The port `History` in memory."""

    def __init__(self, *, clock: Callable[[], float]) -> None:
        super().__init__(clock=clock)
        self._runs: dict[str, Run] = {}

    async def work(
        self, wanted: Wanted, *, limit: int, before: tuple[int, str] | None = None
    ) -> Sequence[Work]:
        self._require_open()
        found = (
            work
            for app_id, work in self._works()
            if _is_wanted(work, app_id, wanted) and (before is None or _order(work) < before)
        )
        return heapq.nlargest(limit, found, key=_order)

    async def spending(self, span: Span, *, app_id: str | None = None) -> Sequence[Spent]:
        self._require_open()
        sums: dict[tuple[int, str, str], dict[str, int]] = defaultdict(lambda: defaultdict(int))
        deleted = (
            (its_app, work, work.started_at // HOUR_SECS * HOUR_SECS)
            for its_app, work in self._deleted
        )
        there = ((its_app, work, work.started_at) for its_app, work in self._works())
        for its_app, work, at in (*there, *deleted):
            if at < span.since or app_id not in {None, its_app}:
                continue
            step = (at + span.offset_secs) // span.step_secs * span.step_secs - span.offset_secs
            for name, number in _counted(work).items():
                sums[step, work.app_name, work.agent][name] += number
        return [
            Spent(begins_at=at, app_name=app, agent=agent, **its)
            for (at, app, agent), its in sorted(sums.items(), key=lambda item: item[0])
        ]

    async def audit_page(
        self,
        *,
        limit: int,
        before: int | None = None,
        actor: str | None = None,
        action: str | None = None,
        subject: str | None = None,
    ) -> Sequence[tuple[int, AuditEntry]]:
        self._require_open()
        found = [
            (number, entry)
            for number, entry in enumerate(self._audit, 1)
            if (before is None or number < before)
            and actor in {None, entry.actor}
            and subject in {None, entry.subject}
            and (action is None or entry.action == action or entry.action.startswith(f"{action}."))
        ]
        return found[::-1][:limit]

    def _works(self) -> Iterator[OfApp]:
        for run in self._runs.values():
            start, end = run.start, run.end
            yield (
                start.app_id,
                Work(
                    kind="run",
                    work_id=start.run_id,
                    app_name=start.app_name,
                    agent=start.agent,
                    model=start.model,
                    state=run.state.value,
                    started_at=start.started_at,
                    duration_ms=end.duration_ms if end else None,
                    waited_ms=start.waited_ms,
                    stop_reason=end.stop_reason if end else None,
                    error=end.error if end else None,
                    prompt_bytes=start.prompt_bytes,
                    usage=end.usage if end else Usage(),
                ),
            )
        for kept in self._sessions.values():
            yield from works_of(kept)


def _counted(work: Work) -> dict[str, int]:
    return {
        "runs": int(work.kind == "run"),
        "turns": int(work.kind == "turn"),
        "failed": int(work.state not in WELL),
        "duration_ms": work.duration_ms or 0,
        **{name: number or 0 for name, number in asdict(work.usage).items()},
    }


def _is_wanted(work: Work, app_id: str, wanted: Wanted) -> bool:
    return (
        wanted.app_id in {None, app_id}
        and wanted.app_name in {None, work.app_name}
        and wanted.agent in {None, work.agent}
        and wanted.state in {None, work.state}
        and wanted.kind in {None, work.kind}
    )


def _order(work: Work) -> tuple[int, str]:
    return work.started_at, work.work_id
