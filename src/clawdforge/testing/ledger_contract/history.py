"""What a ledger must do with its history."""

# ruff: noqa: D102 - a test's name says what it shows

from dataclasses import replace

import pytest

from clawdforge.core.history import HOUR_SECS, Span, Spent, Wanted, Work
from clawdforge.core.records import RunState
from clawdforge.core.session_records import TurnState
from clawdforge.core.usage import Usage
from clawdforge.store.ledger import Ledger
from clawdforge.testing.ledger_contract.records import a_run, an_end, an_entry, reopened
from clawdforge.testing.ledger_contract.session_records import (
    a_session,
    a_start,
    a_turn_end,
    entry_of,
    owned,
)

SOME = Usage(
    input_tokens=1, output_tokens=2, cache_read_tokens=3, cache_write_tokens=4, cost_microusd=5
)
DAY_SECS = 86_400


async def a_turn(
    ledger: Ledger,
    session_id: str = "s1",
    *,
    app_id: str = "shop",
    at: int = 1_000,
    state: TurnState | None = TurnState.DONE,
) -> None:
    """A closed session with one turn; `state` None: it runs."""
    session = replace(a_session(session_id, app_id=app_id), closed_at=9)
    claim = await owned(ledger, session)
    end = None if state is None else replace(a_turn_end(state=state), usage=SOME, duration_ms=70)
    start = replace(a_start(), started_at=at)
    entry = replace(entry_of(claim), turn_start=start, turn_end=end)
    assert await ledger.append([entry])


async def some_run(
    ledger: Ledger, run_id: str = "r1", *, app_id: str = "shop", at: int = 1_000
) -> None:
    """A run that ended well."""
    await ledger.start_run(a_run(run_id, app_id=app_id, started_at=at))
    await ledger.end_run(run_id, replace(an_end(), usage=SOME, duration_ms=30))


async def ids(ledger: Ledger, wanted: Wanted | None = None) -> list[str]:
    """The ids of all that is wanted."""
    return [work.work_id for work in await ledger.work(wanted or Wanted(), limit=99)]


class HistoryContract:
    """Runs and turns together, what they cost, and the audit in pages."""

    async def test_runs_and_turns_are_one_list(self, ledger: Ledger) -> None:
        await some_run(ledger, at=1_001)
        await a_turn(ledger)
        run, turn = await ledger.work(Wanted(), limit=9)
        assert run == Work(
            kind="run",
            work_id="r1",
            app_name="name-of-shop",
            agent="claude",
            model="sonnet",
            state="done",
            started_at=1_001,
            duration_ms=30,
            waited_ms=7,
            stop_reason="end_turn",
            error="It went as well as could be expected.",
            prompt_bytes=12,
            usage=SOME,
        )
        assert turn == replace(
            run,
            kind="turn",
            work_id="s1-1",
            session_id="s1",
            turn=1,
            model="opus",
            started_at=1_000,
            duration_ms=70,
        )

    async def test_what_runs_is_in_it(self, ledger: Ledger) -> None:
        await ledger.start_run(a_run(started_at=2_000))
        await a_turn(ledger, state=None)
        found = await ledger.work(Wanted(state="running"), limit=9)
        assert [(work.kind, work.duration_ms, work.usage) for work in found] == [
            ("run", None, Usage()),
            ("turn", None, Usage()),
        ]

    async def test_work_can_be_chosen(self, ledger: Ledger) -> None:
        await some_run(ledger, "r1", at=1)
        await some_run(ledger, "r2", app_id="other", at=2)
        await a_turn(ledger, "s1", at=3)
        await a_turn(ledger, "s2", app_id="other", at=4, state=TurnState.FAILED)
        assert await ids(ledger) == ["s2-1", "s1-1", "r2", "r1"]
        assert await ids(ledger, Wanted(app_id="shop")) == ["s1-1", "r1"]
        assert await ids(ledger, Wanted(app_name="name-of-other")) == ["s2-1", "r2"]
        assert await ids(ledger, Wanted(kind="run")) == ["r2", "r1"]
        assert await ids(ledger, Wanted(kind="turn", state="failed")) == ["s2-1"]
        assert await ids(ledger, Wanted(agent="claude", app_id="shop", kind="turn")) == ["s1-1"]
        assert await ids(ledger, Wanted(agent="demo")) == []

    async def test_work_is_paged_without_gap_or_repeat(self, ledger: Ledger) -> None:
        for number in range(4):
            await some_run(ledger, f"r{number}", at=number // 2)
            await a_turn(ledger, f"s{number}", at=number // 2)
        pages: list[list[str]] = []
        before: tuple[int, str] | None = None
        while page := await ledger.work(Wanted(), limit=3, before=before):
            pages.append([work.work_id for work in page])
            before = (page[-1].started_at, page[-1].work_id)
        assert pages == [["s3-1", "s2-1", "r3"], ["r2", "s1-1", "s0-1"], ["r1", "r0"]]

    async def test_spending_is_added_up_by_step_app_and_agent(self, ledger: Ledger) -> None:
        await some_run(ledger, "r1", at=HOUR_SECS)
        await some_run(ledger, "r2", at=HOUR_SECS + 5)
        await some_run(ledger, "r3", app_id="other", at=HOUR_SECS)
        await a_turn(ledger, at=2 * HOUR_SECS - 1, state=TurnState.TIMEOUT)
        await ledger.start_run(a_run("r4", started_at=2 * HOUR_SECS))
        other = Spent(
            begins_at=HOUR_SECS,
            app_name="name-of-other",
            agent="claude",
            runs=1,
            duration_ms=30,
            input_tokens=1,
            output_tokens=2,
            cache_read_tokens=3,
            cache_write_tokens=4,
            cost_microusd=5,
        )
        shop = replace(
            other,
            app_name="name-of-shop",
            runs=2,
            turns=1,
            failed=1,
            duration_ms=130,
            input_tokens=3,
            output_tokens=6,
            cache_read_tokens=9,
            cache_write_tokens=12,
            cost_microusd=15,
        )
        running = Spent(begins_at=2 * HOUR_SECS, app_name="name-of-shop", agent="claude", runs=1)
        hours = Span(since=0, step_secs=HOUR_SECS)
        assert list(await ledger.spending(hours)) == [other, shop, running]
        assert list(await ledger.spending(hours, app_id="other")) == [other]
        late = Span(since=HOUR_SECS + 1, step_secs=HOUR_SECS)
        assert [spent.runs for spent in await ledger.spending(late)] == [1, 1]

    @pytest.mark.parametrize("offset", [0, 2 * HOUR_SECS, -5 * HOUR_SECS])
    async def test_days_begin_where_people_are(self, ledger: Ledger, offset: int) -> None:
        midnight = 10 * DAY_SECS - offset
        await some_run(ledger, "before", at=midnight - 1)
        await some_run(ledger, "after", at=midnight)
        span = Span(since=DAY_SECS, step_secs=DAY_SECS, offset_secs=offset)
        found = await ledger.spending(span)
        assert [spent.begins_at for spent in found] == [midnight - DAY_SECS, midnight]

    async def test_a_deleted_session_goes_on_to_count(self, ledger: Ledger) -> None:
        for name in ("s1", "s2", "s3"):
            await a_turn(ledger, name, at=HOUR_SECS + 7)
        hours = Span(since=HOUR_SECS, step_secs=HOUR_SECS)
        before = await ledger.spending(hours)
        assert [spent.turns for spent in before] == [3]
        for name in ("s1", "s2"):
            assert await ledger.delete_session(name, an_entry("session.delete"))
        assert await ledger.spending(hours) == before
        assert await ids(ledger) == ["s3-1"]
        again = await reopened(ledger)
        assert await again.spending(hours, app_id="shop") == before
        assert list(await again.spending(hours, app_id="other")) == []

    async def test_every_state_counts(self, ledger: Ledger) -> None:
        for state in RunState:
            await ledger.start_run(a_run(state.value))
            if state is not RunState.RUNNING:
                await ledger.end_run(state.value, an_end(state))
        (spent,) = await ledger.spending(Span(since=0, step_secs=DAY_SECS))
        assert (spent.runs, spent.failed) == (6, 3)

    async def test_the_audit_comes_in_pages(self, ledger: Ledger) -> None:
        for action in ("session.create", "sessions", "session.close", "app.create"):
            await ledger.audit(an_entry(action, subject=f"of-{action}"))
        first, second = await ledger.audit_page(limit=2)
        assert (first[1].action, second[1].action) == ("app.create", "session.close")
        rest = await ledger.audit_page(limit=9, before=second[0])
        assert [entry.action for _, entry in rest] == ["sessions", "session.create"]
        found = await ledger.audit_page(limit=9, action="session")
        assert [entry.action for _, entry in found] == ["session.close", "session.create"]
        found = await ledger.audit_page(limit=9, action="app.create", actor="admin")
        assert [entry for _, entry in found] == [an_entry("app.create", subject="of-app.create")]
        assert list(await ledger.audit_page(limit=9, actor="nobody")) == []
        found = await ledger.audit_page(limit=9, subject="of-sessions")
        assert [entry.action for _, entry in found] == ["sessions"]
