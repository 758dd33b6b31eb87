"""What a ledger must do with runs."""

# ruff: noqa: D102 - a test's name says what it shows

from dataclasses import replace

import pytest

from clawdforge.core.records import Run, RunEnd, RunState
from clawdforge.core.usage import Usage
from clawdforge.errors import ConflictError
from clawdforge.store.ledger import Ledger
from clawdforge.testing.ledger_contract.records import (
    a_run,
    an_end,
    ids_of,
)


class RunsContract:
    """Runs."""

    async def test_a_run_is_running_until_it_ends(self, ledger: Ledger) -> None:
        await ledger.start_run(a_run())
        run = await ledger.run("shop", "r1")
        assert run == Run(start=a_run())
        assert run.state is RunState.RUNNING

    async def test_a_run_without_the_optional_things(self, ledger: Ledger) -> None:
        start = replace(a_run(), model=None, effort=None, prompt_text=None)
        end = RunEnd(state=RunState.FAILED, duration_ms=0, ended_at=1_000)
        await ledger.start_run(start)
        assert await ledger.end_run("r1", end) is True
        assert await ledger.run("shop", "r1") == Run(start=start, end=end)

    @pytest.mark.parametrize("state", [s for s in RunState if s is not RunState.RUNNING])
    async def test_a_run_ends(self, ledger: Ledger, state: RunState) -> None:
        await ledger.start_run(a_run())
        assert await ledger.end_run("r1", an_end(state)) is True
        assert await ledger.run("shop", "r1") == Run(start=a_run(), end=an_end(state))

    async def test_a_run_ends_once(self, ledger: Ledger) -> None:
        await ledger.start_run(a_run())
        assert await ledger.end_run("r1", an_end(RunState.DONE)) is True
        assert await ledger.end_run("r1", an_end(RunState.FAILED)) is False
        assert await ledger.end_run("unknown", an_end()) is False
        run = await ledger.run("shop", "r1")
        assert run is not None
        assert run.state is RunState.DONE

    async def test_ids_of_runs_are_unique(self, ledger: Ledger) -> None:
        await ledger.start_run(a_run())
        await ledger.end_run("r1", an_end())
        with pytest.raises(ConflictError):
            await ledger.start_run(a_run(started_at=9))
        assert await ledger.run("shop", "r1") == Run(start=a_run(), end=an_end())

    async def test_foreign_runs_look_like_unknown_ones(self, ledger: Ledger) -> None:
        await ledger.start_run(a_run())
        assert await ledger.run("other", "r1") is None
        assert await ledger.run("shop", "unknown") is None
        assert list(await ledger.runs("other", limit=10)) == []

    async def test_runs_come_newest_first(self, ledger: Ledger) -> None:
        for run_id, started_at in (("b", 10), ("a", 10), ("c", 9), ("d", 11)):
            await ledger.start_run(a_run(run_id, started_at=started_at))
        await ledger.end_run("a", an_end())
        assert ids_of(await ledger.runs("shop", limit=10)) == ["d", "b", "a", "c"]
        assert ids_of(await ledger.runs("shop", limit=2)) == ["d", "b"]

    async def test_runs_are_paged_without_gap_or_repeat(self, ledger: Ledger) -> None:
        for number in range(10):
            await ledger.start_run(a_run(f"r{number}", started_at=number // 4))
            await ledger.start_run(a_run(f"x{number}", app_id="other", started_at=number))
        pages: list[list[str]] = []
        before: tuple[int, str] | None = None
        while page := await ledger.runs("shop", limit=3, before=before):
            pages.append(ids_of(page))
            before = (page[-1].start.started_at, page[-1].start.run_id)
        assert pages == [["r9", "r8", "r7"], ["r6", "r5", "r4"], ["r3", "r2", "r1"], ["r0"]]

    async def test_paging_starts_between_runs_too(self, ledger: Ledger) -> None:
        await ledger.start_run(a_run("a", started_at=1))
        await ledger.start_run(a_run("b", started_at=5))
        assert ids_of(await ledger.runs("shop", limit=9, before=(5, "a"))) == ["a"]
        assert ids_of(await ledger.runs("shop", limit=9, before=(5, "c"))) == ["b", "a"]
        assert ids_of(await ledger.runs("shop", limit=9, before=(0, "z"))) == []

    async def test_what_a_dead_server_left_is_interrupted(self, ledger: Ledger) -> None:
        await ledger.start_run(a_run("late", started_at=1_010))
        await ledger.start_run(a_run("early", app_id="other", started_at=1_000))
        await ledger.start_run(a_run("ended"))
        await ledger.end_run("ended", an_end())
        assert list(await ledger.interrupt_runs(1_030)) == ["early", "late"]
        run = await ledger.run("shop", "late")
        assert run is not None
        assert run.end is not None
        assert (run.state, run.end.duration_ms, run.end.ended_at) == (
            RunState.INTERRUPTED,
            20_000,
            1_030,
        )
        assert run.end.usage == Usage()
        assert await ledger.run("shop", "ended") == Run(start=a_run("ended"), end=an_end())

    async def test_interruptions_are_audited(self, ledger: Ledger) -> None:
        await ledger.start_run(a_run("a", started_at=1))
        await ledger.start_run(a_run("b", started_at=2))
        await ledger.interrupt_runs(9)
        entries = await ledger.audit_entries(limit=10)
        assert [(e.at, e.actor, e.action, e.subject) for e in entries] == [
            (9, "server", "run.interrupted", "b"),
            (9, "server", "run.interrupted", "a"),
        ]

    async def test_runs_are_interrupted_once(self, ledger: Ledger) -> None:
        await ledger.start_run(a_run())
        assert list(await ledger.interrupt_runs(2_000)) == ["r1"]
        assert list(await ledger.interrupt_runs(3_000)) == []
        assert await ledger.end_run("r1", an_end()) is False
        assert len(await ledger.audit_entries(limit=10)) == 1

    async def test_a_clock_that_went_back_gives_no_negative_duration(self, ledger: Ledger) -> None:
        await ledger.start_run(a_run(started_at=1_000))
        await ledger.interrupt_runs(900)
        run = await ledger.run("shop", "r1")
        assert run is not None
        assert run.end is not None
        assert run.end.duration_ms == 0
