"""What a ledger must do while sessions change hands in the middle of a flood of appends."""

# ruff: noqa: D102 - a test's name says what it shows

import asyncio
import itertools
import json
from dataclasses import dataclass, field

from clawdforge.core.session_records import Claim
from clawdforge.store.ledger import Ledger
from clawdforge.testing.ledger_contract.session_records import (
    LONG,
    a_node,
    a_session,
    entry_of,
    log_of,
    owned,
    some_events,
    taken,
)

_TAKEOVERS = 30
_AT_LEAST = 3
"""How many appends an owner makes before the next one comes."""


@dataclass
class Flood:
    """An owner that appends until it is fenced."""

    claim: Claim
    acknowledged: int = 0
    """The number of the newest event that it was told to be durable."""
    busy: asyncio.Event = field(default_factory=asyncio.Event)
    """It has appended a few times."""

    async def run(self, ledger: Ledger) -> None:
        """Append one event, then two … as fast as the ledger takes them."""
        newest = self.claim.session.last_seq
        for round_ in itertools.count(1):
            last = newest + 1 + round_ % 4
            events = some_events(newest + 1, last, epoch=self.claim.epoch)
            if not await ledger.append([entry_of(self.claim, *events)]):
                self.busy.set()
                return
            newest = self.acknowledged = last
            if round_ >= _AT_LEAST:
                self.busy.set()
            await asyncio.sleep(0)  # a ledger in memory would never let go


class TakeoverContract:
    """Nothing is lost, repeated or mixed up."""

    async def test_takeovers_in_a_flood_leave_one_log(self, ledger: Ledger) -> None:
        floods = [Flood(await owned(ledger, node=a_node("n0")))]
        async with asyncio.timeout(50), asyncio.TaskGroup() as group:
            group.create_task(floods[0].run(ledger))
            for number in range(1, _TAKEOVERS + 1):
                await floods[-1].busy.wait()
                await ledger.leave(a_node(f"n{number - 1}"))
                floods.append(Flood(await taken(ledger, node=a_node(f"n{number}"))))
                group.create_task(floods[-1].run(ledger))
            await floods[-1].busy.wait()
            assert await ledger.release("s1", floods[-1].claim.epoch)
        log = await log_of(ledger)
        assert [event.seq for event in log] == list(range(1, len(log) + 1))
        # One epoch up to a point, and the next one after it: exactly what was acknowledged.
        wanted: list[int] = []
        for flood in floods:
            wanted += [flood.claim.epoch] * (flood.acknowledged - len(wanted))
        assert [json.loads(event.body)["epoch"] for event in log] == wanted
        assert wanted == sorted(wanted)
        assert len(set(wanted)) == len(floods)
        assert [flood.claim.session.last_seq for flood in floods[1:]] == [
            flood.acknowledged for flood in floods[:-1]
        ]

    async def test_a_flood_of_batches_goes_on_for_those_that_were_not_taken(
        self, ledger: Ledger
    ) -> None:
        names = [f"s{number}" for number in range(6)]
        claims = {name: await owned(ledger, a_session(name)) for name in names}
        await ledger.beat(a_node("heir"), LONG)
        newest = dict.fromkeys(names, 0)
        lost: list[str] = []

        async def flood() -> None:
            while len(lost) < len(names):
                left = [name for name in names if name not in lost]
                batch = [
                    entry_of(claims[name], *some_events(newest[name] + 1, newest[name] + 3))
                    for name in left
                ]
                landed = await ledger.append(batch)
                for name in left:
                    if name in landed:
                        newest[name] += 3
                    else:
                        lost.append(name)
                await asyncio.sleep(0)

        async with asyncio.timeout(50), asyncio.TaskGroup() as group:
            group.create_task(flood())
            for name in names:
                while newest[name] < 9 * (names.index(name) + 1):  # noqa: ASYNC110
                    await asyncio.sleep(0)
                await ledger.release(name, claims[name].epoch)
                assert await ledger.claim(name, a_node("heir")) is not None
        assert lost == names
        for name in names:
            assert list(await log_of(ledger, name)) == list(some_events(1, newest[name]))
