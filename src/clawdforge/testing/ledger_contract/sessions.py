"""What a ledger must do with the sessions themselves."""

# ruff: noqa: D102 - a test's name says what it shows

import asyncio
from dataclasses import replace

import pytest

from clawdforge.core.session_records import Session, SessionPatch
from clawdforge.errors import ConflictError, InputError
from clawdforge.store.ledger import Ledger
from clawdforge.testing.ledger_contract.records import NOT_UNICODE, an_entry, reopened
from clawdforge.testing.ledger_contract.session_records import (
    MANY,
    USED,
    a_permission,
    a_session,
    a_start,
    a_turn_end,
    an_event,
    closed,
    entry_of,
    log_of,
    made,
    owned,
    session_ids,
    taken,
)


class SessionsContract:
    """Sessions: made, listed, changed, closed, removed."""

    async def test_sessions_come_back_as_they_were(self, ledger: Ledger) -> None:
        bare = Session(session_id="b", app_id="shop", app_name="s", agent="demo", created_at=1)
        full = replace(
            a_session(),
            last_turn_at=1_001,
            closed_at=1_002,
            agent_session_id="theirs",
            usage=USED,
            context_used=5,
            context_size=10,
        )
        await made(ledger, bare)
        await made(ledger, full)
        assert await ledger.session("b") == bare
        assert await ledger.session("s1") == full
        assert await ledger.session("unknown") is None
        again = await reopened(ledger)
        assert await again.session("s1") == full

    async def test_a_session_comes_with_its_audit_entry(self, ledger: Ledger) -> None:
        await made(ledger)
        assert list(await ledger.audit_entries(limit=10)) == [an_entry("session.create")]

    @pytest.mark.parametrize(
        "second",
        [replace(a_session(), idempotency_key=None), replace(a_session("x"), idempotency_key="k")],
        ids=["same-id", "same-key"],
    )
    async def test_ids_and_keys_are_unique(self, ledger: Ledger, second: Session) -> None:
        first = await made(ledger, replace(a_session(), idempotency_key="k"))
        for max_open in (MANY, 1):  # it is told also when there is no room
            with pytest.raises(ConflictError):
                await ledger.create_session(second, an_entry(), max_open=max_open)
        assert list(await ledger.sessions("shop")) == [first]
        assert len(await ledger.audit_entries(limit=10)) == 1

    async def test_sessions_are_found_by_their_conversation(self, ledger: Ledger) -> None:
        proven = await made(ledger, replace(a_session("a"), agent_session_id="talk"))
        await made(ledger, replace(a_session("b"), agent_session_id="other"))
        unproven = replace(a_session("c", app_id="other"), agent_session_id="unproven:talk")
        await made(ledger, unproven)
        await made(ledger, a_session("d"))
        assert list(await ledger.sessions_of_conversation("talk")) == [proven, unproven]
        assert list(await ledger.sessions_of_conversation("unknown")) == []

    async def test_a_session_can_be_lent_and_taken_back(self, ledger: Ledger) -> None:
        assert list(await ledger.attached_sessions()) == []
        lease = {"by": "admin", "pid": 7, "after": 2**40}
        await made(ledger, replace(a_session("made"), attached=lease))
        kept = await owned(ledger)
        await ledger.append([replace(entry_of(kept), patch=SessionPatch(attached=lease))])
        await ledger.append([replace(entry_of(kept), patch=SessionPatch(model="opus"))])
        ledger = await reopened(ledger)
        found = await ledger.attached_sessions()
        assert [(one.session_id, one.attached) for one in found] == [("made", lease), ("s1", lease)]
        kept = await taken(ledger)
        assert kept.session.attached == lease
        await ledger.append([replace(entry_of(kept), patch=SessionPatch(detach=True))])
        assert [one.session_id for one in await ledger.attached_sessions()] == ["made"]
        back = await ledger.session("s1")
        assert back is not None
        assert back.attached is None

    async def test_a_session_is_found_by_its_key(self, ledger: Ledger) -> None:
        mine = await made(ledger, replace(a_session("a"), idempotency_key="k"))
        theirs = replace(a_session("b", app_id="other"), idempotency_key="k")
        await made(ledger, theirs)
        await made(ledger, replace(a_session("c"), idempotency_key=None))
        await made(ledger, replace(a_session("d"), idempotency_key=None))
        assert await ledger.session_of_key("shop", "k") == mine
        assert await ledger.session_of_key("other", "k") == theirs
        assert await ledger.session_of_key("shop", "unknown") is None

    async def test_two_that_come_with_one_key_at_once(self, ledger: Ledger) -> None:
        async def create(number: int) -> bool:
            session = replace(a_session(f"s{number}"), idempotency_key="k")
            try:
                return await ledger.create_session(session, an_entry(), max_open=MANY)
            except ConflictError:
                return False

        async with asyncio.TaskGroup() as group:
            tries = [group.create_task(create(number)) for number in range(10)]
        assert [one.result() for one in tries].count(True) == 1
        assert len(await ledger.sessions("shop")) == 1

    async def test_never_more_are_open_than_may_be(self, ledger: Ledger) -> None:
        async with asyncio.TaskGroup() as group:
            tries = [
                group.create_task(
                    ledger.create_session(a_session(f"s{number}"), an_entry(), max_open=7)
                )
                for number in range(50)
            ]
        assert [one.result() for one in tries].count(True) == 7
        assert await ledger.count_open_sessions() == 7
        assert len(await ledger.session_ids()) == 7
        assert len(await ledger.audit_entries(limit=100)) == 7

    async def test_closed_ones_take_no_room(self, ledger: Ledger) -> None:
        await closed(ledger, a_session("closed"))
        other = a_session("other", app_id="other")
        assert await ledger.create_session(other, an_entry(), max_open=1) is True
        assert await ledger.create_session(a_session(), an_entry(), max_open=1) is False
        assert await ledger.create_session(a_session(), an_entry(), max_open=0) is False
        assert await ledger.count_open_sessions() == 1
        assert await ledger.session("s1") is None

    async def test_text_that_is_no_unicode_is_refused(self, ledger: Ledger) -> None:
        with pytest.raises(InputError):
            await made(ledger, replace(a_session(), app_name=NOT_UNICODE))
        assert await ledger.session("s1") is None
        assert list(await ledger.audit_entries(limit=10)) == []

    async def test_sessions_come_newest_first(self, ledger: Ledger) -> None:
        for session_id, created_at in (("b", 10), ("a", 10), ("c", 9), ("d", 11)):
            await made(ledger, a_session(session_id, created_at=created_at))
        await made(ledger, a_session("x", app_id="other"))
        assert session_ids(await ledger.sessions("shop")) == ["d", "b", "a", "c"]
        assert session_ids(await ledger.sessions("shop", limit=2)) == ["d", "b"]
        assert list(await ledger.sessions("unknown")) == []

    @pytest.mark.parametrize("include_closed", [True, False])
    async def test_sessions_are_paged_without_gap_or_repeat(
        self, ledger: Ledger, *, include_closed: bool
    ) -> None:
        wanted = []
        for number in range(20):
            session = a_session(f"s{number:02}", created_at=number // 4)
            await made(ledger, a_session(f"x{number}", app_id="other", created_at=number))
            if number % 3:
                await made(ledger, session)
            else:
                await closed(ledger, session)
            if include_closed or number % 3:
                wanted.append(session.session_id)
        seen: list[str] = []
        before: tuple[int, str] | None = None
        while page := await ledger.sessions(
            "shop", limit=3, before=before, include_closed=include_closed
        ):
            seen += session_ids(page)
            before = (page[-1].created_at, page[-1].session_id)
        assert seen == wanted[::-1]

    async def test_idle_are_the_open_ones_that_nobody_used(self, ledger: Ledger) -> None:
        await made(ledger, a_session("new", created_at=200))
        await made(ledger, a_session("old", created_at=90))
        await made(ledger, a_session("edge", created_at=100))
        await closed(ledger, a_session("closed", created_at=10))
        for name, created_at in (("used", 20), ("runs", 30), ("ran", 40)):
            claim = await owned(ledger, a_session(name, created_at=created_at))
            patch = SessionPatch(last_turn_at=150 if name == "used" else 95)
            start = None if name == "used" else a_start()
            await ledger.append([replace(entry_of(claim), patch=patch, turn_start=start)])
            if name == "ran":
                await ledger.append([replace(entry_of(claim), turn_end=a_turn_end())])
        assert list(await ledger.idle_sessions(100)) == ["old", "ran"]
        assert list(await ledger.idle_sessions(100, limit=1)) == ["old"]
        assert list(await ledger.idle_sessions(0)) == []
        assert set(await ledger.idle_sessions(1_000)) == {"old", "ran", "edge", "used", "new"}

    async def test_closed_ones_come_oldest_first(self, ledger: Ledger) -> None:
        for name, at in (("c", 300), ("a", 100), ("b", 200), ("d", 301)):
            await closed(ledger, a_session(name), at=at)
        await made(ledger, a_session("open"))
        assert session_ids(await ledger.closed_sessions(301)) == ["a", "b", "c"]
        assert session_ids(await ledger.closed_sessions(301, limit=2)) == ["a", "b"]
        assert list(await ledger.closed_sessions(100)) == []

    async def test_what_is_removed_leaves_only_its_audit(self, ledger: Ledger) -> None:
        for name in ("goes", "stays"):
            claim = await owned(ledger, a_session(name))
            asked = a_permission(f"p-{name}", session_id=name)
            whole = replace(
                entry_of(claim, an_event(1)),
                turn_start=a_start(key="k"),
                permissions=(asked,),
                audit=(an_entry("permission.ask", subject=name),),
                patch=SessionPatch(closed_at=9),
            )
            assert await ledger.append([whole]) == {name}
        audit = an_entry("session.delete", subject="goes")
        assert await ledger.delete_session("goes", audit) is True
        assert await ledger.session("goes") is None
        assert await ledger.session_of_key("shop", "key-of-goes") is None
        assert list(await log_of(ledger, "goes")) == []
        assert list(await ledger.turns("goes", limit=9)) == []
        assert await ledger.turn_of_key("goes", "k") is None
        assert await ledger.permission("p-goes") is None
        assert [entry.action for entry in await ledger.audit_of("goes")] == [
            "permission.ask",
            "session.delete",
        ]
        assert list(await log_of(ledger, "stays")) == [an_event(1)]
        assert await ledger.permission("p-stays") is not None

    async def test_only_what_is_closed_can_be_removed(self, ledger: Ledger) -> None:
        await made(ledger)
        assert await ledger.delete_session("s1", an_entry("session.delete")) is False
        assert await ledger.delete_session("unknown", an_entry("session.delete")) is False
        assert await ledger.session("s1") is not None
        assert len(await ledger.audit_entries(limit=10)) == 1

    async def test_an_owner_of_what_was_removed_is_fenced(self, ledger: Ledger) -> None:
        claim = await owned(ledger, replace(a_session(), closed_at=9))
        await ledger.delete_session("s1", an_entry())
        assert not await ledger.append([entry_of(claim, an_event(1))])
        await made(ledger)
        assert not await ledger.append([entry_of(claim, an_event(1))])
        assert (await taken(ledger)).epoch > claim.epoch

    async def test_audit_about_one_subject_comes_oldest_first(self, ledger: Ledger) -> None:
        for at, subject in ((3, "s1"), (1, "s2"), (2, "s1")):
            await ledger.audit(an_entry(at=at, subject=subject))
        assert [entry.at for entry in await ledger.audit_of("s1")] == [3, 2]
        assert [entry.at for entry in await ledger.audit_of("s1", limit=1)] == [3]
        assert list(await ledger.audit_of("unknown")) == []
