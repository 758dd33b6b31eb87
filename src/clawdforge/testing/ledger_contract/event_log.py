"""What a ledger must do with what owners append, and how it tells of it."""

# ruff: noqa: D102 - a test's name says what it shows

import asyncio
from dataclasses import replace

import pytest

from clawdforge.core.session_records import Append, SessionPatch
from clawdforge.errors import ConflictError, InputError, StorageError
from clawdforge.store.ledger import Ledger
from clawdforge.testing.ledger_contract.records import NOT_UNICODE, an_entry, reopened
from clawdforge.testing.ledger_contract.session_records import (
    a_permission,
    a_session,
    a_start,
    an_event,
    entry_of,
    log_of,
    owned,
    some_events,
    taken,
)


class AppendContract:
    """Events: appended in order, read in order."""

    async def test_events_come_back_as_they_were(self, ledger: Ledger) -> None:
        claim = await owned(ledger)
        events = (an_event(1, text="\N{SNOWMAN} \x00 \u2028"), an_event(2, text="x" * 100_000))
        assert await ledger.append([entry_of(claim, *events)]) == {"s1"}
        assert list(await log_of(ledger)) == list(events)
        session = await ledger.session("s1")
        assert session is not None
        assert session.last_seq == 2

    async def test_reading_goes_on_where_it_ended(self, ledger: Ledger) -> None:
        claim = await owned(ledger)
        await ledger.append([entry_of(claim, *some_events(1, 25))])
        seen: list[int] = []
        while page := await ledger.read("s1", after=len(seen), limit=10):
            seen.extend(event.seq for event in page)
        assert seen == list(range(1, 26))
        assert list(await ledger.read("s1", after=25, limit=10)) == []
        assert list(await ledger.read("s1", after=99, limit=10)) == []
        assert list(await ledger.read("unknown", after=0, limit=10)) == []

    async def test_everything_is_there_after_opening_again(self, ledger: Ledger) -> None:
        claim = await owned(ledger)
        await ledger.append([entry_of(claim, *some_events(1, 3))])
        again = await reopened(ledger)
        assert list(await log_of(again)) == list(some_events(1, 3))
        assert (await taken(again)).epoch > claim.epoch

    async def test_the_same_entry_again_is_passed_over(self, ledger: Ledger) -> None:
        claim = await owned(ledger)
        entry = entry_of(claim, *some_events(1, 3))
        for _ in range(3):
            assert await ledger.append([entry]) == {"s1"}
        assert await ledger.append([entry, entry_of(claim, an_event(4)), entry]) == {"s1"}
        assert list(await log_of(ledger)) == list(some_events(1, 4))

    async def test_what_is_there_already_is_passed_over(self, ledger: Ledger) -> None:
        claim = await owned(ledger)
        await ledger.append([entry_of(claim, *some_events(1, 3))])
        await ledger.append([entry_of(claim, *some_events(2, 5))])
        assert list(await log_of(ledger)) == list(some_events(1, 5))

    @pytest.mark.parametrize("numbers", [(2,), (0, 1), (1, 3), (2, 1), (1, 1), (-1,)])
    async def test_numbers_have_no_gaps(self, ledger: Ledger, numbers: tuple[int, ...]) -> None:
        claim = await owned(ledger)
        with pytest.raises(ConflictError):
            await ledger.append([entry_of(claim, *map(an_event, numbers))])
        assert list(await log_of(ledger)) == []

    async def test_a_number_says_one_thing(self, ledger: Ledger) -> None:
        claim = await owned(ledger)
        await ledger.append([entry_of(claim, *some_events(1, 2))])
        with pytest.raises(ConflictError):
            await ledger.append([entry_of(claim, an_event(2, text="other"), an_event(3))])
        assert list(await log_of(ledger)) == list(some_events(1, 2))

    async def test_when_one_does_not_fit_nothing_is_written(self, ledger: Ledger) -> None:
        good = await owned(ledger, a_session("good"))
        bad = await owned(ledger, a_session("bad"))
        right = replace(
            entry_of(good, an_event(1)),
            turn_start=a_start(),
            patch=SessionPatch(model="new"),
            permissions=(a_permission(session_id="good"),),
            audit=(an_entry("asked", subject="good"),),
        )
        before = await ledger.session("good")
        with pytest.raises(ConflictError):
            await ledger.append([right, entry_of(bad, an_event(2))])
        assert list(await log_of(ledger, "good")) == []
        assert await ledger.session("good") == before
        assert await ledger.turn("good", 1) is None
        assert await ledger.permission("p1") is None
        assert list(await ledger.audit_of("good")) == []
        assert await ledger.append([right]) == {"good"}

    async def test_text_that_is_no_unicode_is_refused(self, ledger: Ledger) -> None:
        claim = await owned(ledger)
        broken = replace(an_event(2), body=NOT_UNICODE)
        with pytest.raises(InputError):
            await ledger.append([entry_of(claim, an_event(1), broken)])
        assert list(await log_of(ledger)) == []

    async def test_one_fenced_session_does_not_harm_the_rest(self, ledger: Ledger) -> None:
        old = await owned(ledger, a_session("a"))
        await taken(ledger, "a")
        b, c = await owned(ledger, a_session("b")), await owned(ledger, a_session("c"))
        batch = [entry_of(claim, *some_events(1, 2)) for claim in (b, old, c)]
        unknown = Append(session_id="unknown", epoch=c.epoch, events=some_events(1, 1))
        assert await ledger.append([*batch, unknown]) == {"b", "c"}
        logs = [len(await log_of(ledger, name)) for name in ("a", "b", "c", "unknown")]
        assert logs == [0, 2, 2, 0]

    async def test_a_session_with_two_epochs_counts_as_fenced(self, ledger: Ledger) -> None:
        old = await owned(ledger)
        new = await taken(ledger)
        batch = [entry_of(claim, an_event(1)) for claim in (new, old)]
        assert not await ledger.append(batch)
        assert list(await log_of(ledger)) == [an_event(1)]

    async def test_a_session_without_an_owner_takes_nothing(self, ledger: Ledger) -> None:
        claim = await owned(ledger)
        await ledger.release("s1", claim.epoch)
        for epoch in (0, claim.epoch, claim.epoch + 1):
            entry = Append(session_id="s1", epoch=epoch, events=(an_event(1),))
            assert not await ledger.append([entry])

    async def test_nothing_is_appended(self, ledger: Ledger) -> None:
        claim = await owned(ledger)
        assert not await ledger.append([])
        assert await ledger.append([entry_of(claim)]) == {"s1"}

    async def test_several_entries_of_a_session_follow_each_other(self, ledger: Ledger) -> None:
        claim = await owned(ledger)
        batch = [entry_of(claim, *some_events(n, n + 1)) for n in (1, 3, 5)]
        assert await ledger.append(batch) == {"s1"}
        assert list(await log_of(ledger)) == list(some_events(1, 6))

    async def test_many_sessions_at_once(self, ledger: Ledger) -> None:
        claims = [await owned(ledger, a_session(f"s{number}")) for number in range(30)]
        async with asyncio.TaskGroup() as group:
            for claim in claims:
                for first in range(1, 40, 4):
                    batch = [entry_of(claim, *some_events(first, first + 3))]
                    group.create_task(ledger.append(batch))
        for claim in claims:
            log = await log_of(ledger, claim.session.session_id)
            assert list(log) == list(some_events(1, 40))

    async def test_a_cancelled_append_happens_whole_or_not_at_all(self, ledger: Ledger) -> None:
        claims = [await owned(ledger, a_session(f"s{number}")) for number in range(20)]
        entries = [
            replace(entry_of(claim, *some_events(1, 3)), turn_start=a_start()) for claim in claims
        ]
        async with asyncio.TaskGroup() as group:
            adding = [group.create_task(ledger.append([entry])) for entry in entries]
            await asyncio.sleep(0)
            for task in adding[::2]:
                task.cancel()
        for entry in entries:
            log = await log_of(ledger, entry.session_id)
            started = await ledger.turn(entry.session_id, 1)
            assert (len(log), started is not None) in {(0, False), (3, True)}
            assert await ledger.append([entry]) == {entry.session_id}
            assert len(await log_of(ledger, entry.session_id)) == 3


class NewsContract:
    """Being told of new events."""

    async def test_what_is_told_can_be_read(self, ledger: Ledger) -> None:
        claim = await owned(ledger)
        async with asyncio.TaskGroup() as group:
            waiting = group.create_task(ledger.wait_news())
            await asyncio.sleep(0)
            assert not waiting.done()
            group.create_task(ledger.append([entry_of(claim, an_event(1))]))
            assert await waiting == {"s1"}
            assert list(await log_of(ledger)) == [an_event(1)]

    async def test_what_happened_meanwhile_is_told_once(self, ledger: Ledger) -> None:
        claims = [await owned(ledger, a_session(name)) for name in ("a", "b", "c")]
        for claim in claims[:2]:
            await ledger.append([entry_of(claim, an_event(1))])
            await ledger.append([entry_of(claim, an_event(2))])
        assert await ledger.wait_news() == {"a", "b"}
        await ledger.append([entry_of(claims[2], an_event(1))])
        assert await ledger.wait_news() == {"c"}

    async def test_what_adds_no_event_is_no_news(self, ledger: Ledger) -> None:
        claim = await owned(ledger)
        entry = entry_of(claim, an_event(1))
        await ledger.append([entry])
        assert await ledger.wait_news() == {"s1"}
        await ledger.append([entry])  # a repetition
        await ledger.append([replace(entry_of(claim), patch=SessionPatch(model="new"))])
        await ledger.append([replace(entry_of(claim, an_event(2)), epoch=claim.epoch - 1)])
        with pytest.raises(ConflictError):
            await ledger.append([entry_of(claim, an_event(9))])
        other = await owned(ledger, a_session("other"))
        await ledger.append([entry_of(other, an_event(1))])
        assert await ledger.wait_news() == {"other"}

    async def test_a_cancelled_wait_loses_nothing(self, ledger: Ledger) -> None:
        claim = await owned(ledger)
        for seq in range(1, 20):
            waiting = asyncio.ensure_future(ledger.wait_news())
            await asyncio.sleep(0)
            await ledger.append([entry_of(claim, an_event(seq))])
            waiting.cancel()
            await asyncio.wait({waiting})
            async with asyncio.timeout(30):
                ids = await ledger.wait_news() if waiting.cancelled() else waiting.result()
            assert ids == {"s1"}

    async def test_an_append_that_nobody_waits_for_is_news(self, ledger: Ledger) -> None:
        claim = await owned(ledger)
        adding = asyncio.ensure_future(ledger.append([entry_of(claim, an_event(1))]))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        adding.cancel()
        await asyncio.wait({adding})
        await ledger.append([entry_of(claim, an_event(1))])  # it is there now, in any case
        async with asyncio.timeout(30):
            assert await ledger.wait_news() == {"s1"}

    async def test_of_two_that_wait_one_hears_of_each(self, ledger: Ledger) -> None:
        claims = [await owned(ledger, a_session(f"s{number}")) for number in range(50)]
        heard: list[str] = []

        async def listen() -> None:
            while True:
                heard.extend(await ledger.wait_news())

        listeners = [asyncio.ensure_future(listen()) for _ in range(2)]
        async with asyncio.TaskGroup() as group:
            for claim in claims:
                group.create_task(ledger.append([entry_of(claim, an_event(1))]))
        async with asyncio.timeout(30):
            while len(heard) < len(claims):  # noqa: ASYNC110 - no event tells of it
                await asyncio.sleep(0)
        for listener in listeners:
            listener.cancel()
        await asyncio.wait(listeners)
        assert sorted(heard) == sorted(claim.session.session_id for claim in claims)

    async def test_closing_sends_away_who_waits(self, ledger: Ledger) -> None:
        waiting = asyncio.ensure_future(ledger.wait_news())
        await asyncio.sleep(0)
        await ledger.__aexit__(None, None, None)
        with pytest.raises(StorageError):
            await waiting
        with pytest.raises(StorageError):
            await ledger.wait_news()

    async def test_a_ledger_that_opens_again_tells_again(self, ledger: Ledger) -> None:
        again = await reopened(ledger)
        claim = await owned(again)
        await again.append([entry_of(claim, an_event(1))])
        assert await again.wait_news() == {"s1"}
