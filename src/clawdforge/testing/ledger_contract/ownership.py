"""What a ledger must do with nodes and with who owns a session."""

# ruff: noqa: D102 - a test's name says what it shows

import asyncio
from dataclasses import replace

import pytest

from clawdforge.core.session_records import Claim, Node
from clawdforge.errors import ConflictError
from clawdforge.store.ledger import Ledger
from clawdforge.testing.ledger_contract.session_records import (
    LONG,
    NONE,
    a_node,
    a_permission,
    a_session,
    a_start,
    a_turn_end,
    entry_of,
    made,
    owned,
    some_events,
    taken,
)

_RACES = 200


class OwnershipContract:
    """Leases, claims and fences."""

    async def test_a_claim_tells_of_the_session(self, ledger: Ledger) -> None:
        session = await made(ledger)
        claim = await taken(ledger)
        assert claim == Claim(epoch=claim.epoch, session=session)
        assert claim.epoch > 0

    async def test_four_that_claim_at_once_have_one_winner(self, ledger: Ledger) -> None:
        nodes = [a_node(f"n{number}") for number in range(4)]
        for node in nodes:
            await ledger.beat(node, LONG)
        epochs: list[int] = []
        for number in range(_RACES):
            session_id = f"s{number}"
            await made(ledger, a_session(session_id))
            async with asyncio.TaskGroup() as group:
                tries = [group.create_task(ledger.claim(session_id, node)) for node in nodes]
            won = [claim for one in tries if (claim := one.result()) is not None]
            assert len(won) == 1
            assert await ledger.append([entry_of(won[0], *some_events(1, 1))]) == {session_id}
            epochs.append(won[0].epoch)
        assert epochs == sorted(set(epochs))

    async def test_four_that_want_the_session_of_a_dead_one(self, ledger: Ledger) -> None:
        nodes = [a_node(f"n{number}") for number in range(4)]
        for node in nodes:
            await ledger.beat(node, LONG)
        dead = await owned(ledger, node=a_node("dead"))
        await ledger.leave(a_node("dead"))
        async with asyncio.TaskGroup() as group:
            tries = [group.create_task(ledger.claim("s1", node)) for node in nodes]
        (won,) = [claim for one in tries if (claim := one.result()) is not None]
        assert won.epoch > dead.epoch

    async def test_who_does_not_live_claims_nothing(self, ledger: Ledger) -> None:
        await made(ledger)
        assert await ledger.claim("s1", a_node("never-seen")) is None
        await ledger.beat(a_node("gone"), LONG)
        await ledger.leave(a_node("gone"))
        assert await ledger.claim("s1", a_node("gone")) is None
        await ledger.beat(a_node("late"), NONE)
        assert await ledger.claim("s1", a_node("late")) is None
        assert await ledger.claim("s1", a_node()) is None

    async def test_there_is_nothing_to_claim(self, ledger: Ledger) -> None:
        await ledger.beat(a_node(), LONG)
        assert await ledger.claim("unknown", a_node()) is None

    async def test_who_owns_it_gets_a_new_epoch(self, ledger: Ledger) -> None:
        first = await owned(ledger)
        second = await taken(ledger)
        assert second.epoch > first.epoch
        assert not await ledger.append([entry_of(first, *some_events(1, 1))])
        assert await ledger.append([entry_of(second, *some_events(1, 1))]) == {"s1"}

    async def test_epochs_grow_over_all_sessions(self, ledger: Ledger) -> None:
        epochs = []
        for number in range(10):
            epochs.append((await owned(ledger, a_session(f"s{number}"))).epoch)
            epochs.append((await taken(ledger, f"s{number // 2}")).epoch)
        assert epochs == sorted(set(epochs))

    async def test_a_lease_that_ran_out_frees_what_it_held(self, ledger: Ledger) -> None:
        old = await owned(ledger, node=a_node("old"))
        new = a_node("new")
        await ledger.beat(new, LONG)
        assert await ledger.claim("s1", new) is None
        await ledger.beat(a_node("old"), 0.05)
        async with asyncio.timeout(30):
            while (claim := await ledger.claim("s1", new)) is None:  # noqa: ASYNC110 - a clock
                await asyncio.sleep(0)
        assert claim.epoch > old.epoch

    async def test_a_lease_that_is_renewed_holds(self, ledger: Ledger) -> None:
        await owned(ledger, node=a_node("old"))
        await ledger.beat(a_node("old"), NONE)
        await ledger.beat(a_node("old"), LONG)
        await ledger.beat(a_node("new"), LONG)
        assert await ledger.claim("s1", a_node("new")) is None
        assert list(await ledger.reap()) == []

    async def test_a_zombie_adds_nothing(self, ledger: Ledger) -> None:
        zombie = await owned(ledger, node=a_node("old"))
        await ledger.append([entry_of(zombie, *some_events(1, 2))])
        await ledger.leave(a_node("old"))
        heir = await taken(ledger, node=a_node("new"))
        assert heir.session.last_seq == 2
        late = replace(
            entry_of(zombie, *some_events(3, 3)),
            turn_start=a_start(),
            permissions=(a_permission(),),
        )
        assert not await ledger.append([late])
        assert len(await ledger.read("s1", after=0, limit=9)) == 2
        assert await ledger.turn("s1", 1) is None
        assert await ledger.permission("p1") is None
        assert await ledger.append([entry_of(heir, *some_events(3, 3))]) == {"s1"}

    async def test_a_new_incarnation_frees_what_the_old_one_held(self, ledger: Ledger) -> None:
        old = await owned(ledger, node=a_node(incarnation="old"))
        new = await taken(ledger, node=a_node(incarnation="new"))
        assert new.epoch > old.epoch
        assert not await ledger.append([entry_of(old, *some_events(1, 1))])

    async def test_an_old_incarnation_does_not_come_back(self, ledger: Ledger) -> None:
        old, new = a_node(incarnation="old"), a_node(incarnation="new")
        await ledger.beat(old, LONG)
        await ledger.beat(new, LONG)
        with pytest.raises(ConflictError):
            await ledger.beat(old, LONG)
        await made(ledger)
        assert await ledger.claim("s1", old) is None
        await ledger.beat(new, NONE)
        await ledger.reap()
        with pytest.raises(ConflictError):
            await ledger.beat(old, LONG)
        await ledger.leave(new)
        with pytest.raises(ConflictError):
            await ledger.beat(old, LONG)
        await ledger.beat(new, LONG)

    async def test_nodes_do_not_care_for_each_other(self, ledger: Ledger) -> None:
        await ledger.beat(a_node("a", "same"), LONG)
        await ledger.beat(a_node("b", "same"), LONG)
        await ledger.beat(a_node("a", "same"), LONG)
        await ledger.leave(a_node("unknown"))

    async def test_a_node_without_an_address(self, ledger: Ledger) -> None:
        bare = Node(node_id="bare", incarnation="i")
        await ledger.beat(bare, LONG)
        await made(ledger)
        assert await ledger.claim("s1", bare) is not None

    async def test_what_was_released_is_free(self, ledger: Ledger) -> None:
        old = await owned(ledger, node=a_node("old"))
        assert await ledger.release("s1", old.epoch) is True
        assert await ledger.release("s1", old.epoch) is False
        assert not await ledger.append([entry_of(old, *some_events(1, 1))])
        new = await taken(ledger, node=a_node("new"))
        assert new.epoch > old.epoch
        assert await ledger.release("s1", old.epoch) is False
        assert await ledger.append([entry_of(new, *some_events(1, 1))]) == {"s1"}
        assert await ledger.release("unknown", new.epoch) is False

    async def test_an_heir_is_told_what_was_left(self, ledger: Ledger) -> None:
        old = await owned(ledger, node=a_node("old"))
        left = replace(
            entry_of(old, *some_events(1, 2)),
            turn_start=a_start(),
            permissions=(a_permission("p2", at=2), a_permission("p1", at=1)),
        )
        await ledger.append([left])
        await ledger.leave(a_node("old"))
        heir = await taken(ledger, node=a_node("new"))
        assert (heir.session.last_seq, heir.session.turn_count) == (2, 1)
        assert heir.running == await ledger.turn("s1", 1)
        assert heir.running is not None
        assert heir.pending == (a_permission("p1", at=1), a_permission("p2", at=2))
        await ledger.append([replace(entry_of(heir), turn_end=a_turn_end())])
        again = await taken(ledger, node=a_node("new"))
        assert again.running is None


class ReapContract:
    """Which sessions need an owner."""

    async def test_exactly_those_that_are_unfinished_and_have_no_owner(
        self, ledger: Ledger
    ) -> None:
        dead, alive = a_node("dead"), a_node("alive")
        for number, (name, node) in enumerate(
            [
                ("asks", dead),
                ("runs", dead),
                ("rests", dead),
                ("ended", dead),
                ("asks-and-runs", dead),
                ("runs-elsewhere", alive),
                ("runs-but-released", alive),
            ]
        ):
            await self._begin(ledger, name, node, created_at=100 - number)
        assert list(await ledger.reap()) == ["runs-but-released"]
        await ledger.beat(dead, NONE)
        orphans = ["runs-but-released", "asks-and-runs", "runs", "asks"]
        assert list(await ledger.reap()) == orphans
        assert list(await ledger.reap()) == orphans
        assert list(await ledger.reap(limit=2)) == orphans[:2]
        await ledger.beat(alive, LONG)
        for session_id in orphans[:2]:
            assert await ledger.claim(session_id, alive) is not None
        assert list(await ledger.reap()) == orphans[2:]

    async def _begin(self, ledger: Ledger, name: str, node: Node, *, created_at: int) -> None:
        claim = await owned(ledger, a_session(name, created_at=created_at), node)
        entry = entry_of(claim)
        if "asks" in name:
            asked = a_permission(f"p-{name}", session_id=name)
            entry = replace(entry, permissions=(asked,))
        if "runs" in name or "ended" in name:
            entry = replace(entry, turn_start=a_start())
        await ledger.append([entry])
        if "ended" in name:
            await ledger.append([replace(entry_of(claim), turn_end=a_turn_end())])
        if "released" in name:
            await ledger.release(name, claim.epoch)

    async def test_there_is_nobody_to_bury(self, ledger: Ledger) -> None:
        assert list(await ledger.reap()) == []
        await owned(ledger)
        assert list(await ledger.reap()) == []

    async def test_a_restart_leaves_its_unfinished_turns_to_be_found(self, ledger: Ledger) -> None:
        claim = await owned(ledger, node=a_node(incarnation="old"))
        await ledger.append([replace(entry_of(claim), turn_start=a_start())])
        await ledger.beat(a_node(incarnation="new"), LONG)
        assert list(await ledger.reap()) == ["s1"]
