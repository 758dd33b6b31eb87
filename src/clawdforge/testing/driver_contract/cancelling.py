"""Turns that are cancelled, and conversations that are closed, in the middle of things."""

# ruff: noqa: D102 - a test's name says what it shows

import asyncio
import uuid

import pytest

from clawdforge.core.events import Ask, AskWithdrawn, Stop, TurnEnded
from clawdforge.testing.driver_contract.bench import (
    ALLOW,
    STATES,
    Bench,
    ContractBase,
    State,
    Talk,
    all_gone,
    closed,
    descendants,
    is_there,
    only_end,
    until_sleeping,
)

TIMES = 5
"""How often a race is run."""


class CancellingContract(ContractBase):
    """A part of `DriverContract`."""

    async def still_usable(self, talk: Talk) -> None:
        """The conversation goes on, where the agent can do that."""
        if talk.driver.caps.cancel:
            assert (await talk.take("/echo and on")).answer.strip() == "and on"

    @pytest.mark.parametrize("state", STATES)
    async def test_a_cancelled_turn_ends_as_such(self, bench: Bench, state: State) -> None:
        async with self.talking(bench.kept(asks=True, streams=True)) as talk:
            turn_id = await talk.reach(state)
            await talk.driver.cancel(turn_id)
            assert (await talk.end_of(turn_id)).stop is Stop.CANCELLED
            await until_sleeping(gone=True)
            await self.still_usable(talk)

    async def test_a_cancel_right_after_the_prompt_is_not_lost(self, bench: Bench) -> None:
        async with self.talking(bench.kept(streams=True)) as talk:
            if talk.driver.caps.cancel:
                await talk.take("/echo warm")
            for _ in range(TIMES if talk.driver.caps.cancel else 1):
                turn_id = await talk.prompt("/hang")
                await talk.driver.cancel(turn_id)
                assert (await talk.end_of(turn_id)).stop is Stop.CANCELLED
                await self.still_usable(talk)

    @pytest.mark.parametrize("wait_ms", [1, 5, 10, 20, 50])
    async def test_a_cancel_soon_after_the_prompt_is_not_lost(
        self, bench: Bench, wait_ms: int
    ) -> None:
        async with self.talking(bench.kept(streams=True)) as talk:
            if talk.driver.caps.cancel:
                await talk.take("/echo warm")
            turn_id = await talk.prompt("/hang")
            await asyncio.sleep(wait_ms / 1000)  # the race is what is tested
            await talk.driver.cancel(turn_id)
            assert (await talk.end_of(turn_id)).stop is Stop.CANCELLED
            await self.still_usable(talk)

    async def test_a_question_is_withdrawn_with_its_turn(self, bench: Bench) -> None:
        async with self.talking(bench.kept(asks=True)) as talk:
            turn_id = await talk.prompt("/ask touch late.txt")
            ask = await talk.until(Ask) if talk.driver.caps.asks else None
            await talk.driver.cancel(turn_id)
            turn = await talk.ended(turn_id)
            assert turn.end.stop is Stop.CANCELLED
            if ask is not None:
                withdrawn = [event.ask_id for event in turn.of(AskWithdrawn)]
                assert withdrawn == [ask.ask_id]
                await talk.driver.answer(ask.ask_id, ALLOW)
            await self.still_usable(talk)
            assert not await is_there(bench.spec.cwd / "late.txt")

    async def test_a_cancel_when_there_is_nothing_to_do_does_nothing(self, bench: Bench) -> None:
        async with self.talking(bench.kept()) as talk:
            await talk.ready()
            await talk.driver.cancel(str(uuid.uuid4()))
            turn = await talk.take("/echo one")
            assert turn.end.turn_id is not None
            await talk.driver.cancel(turn.end.turn_id)
            await talk.driver.cancel(str(uuid.uuid4()))
            after = await talk.take("/echo two")
            assert (turn.answer, after.answer) == ("one", "two")
            assert {turn.end.stop, after.end.stop} == {Stop.DONE}

    async def test_a_turn_may_be_cancelled_twice(self, bench: Bench) -> None:
        async with self.talking(bench.kept(streams=True)) as talk:
            turn_id = await talk.reach("stream")
            await talk.driver.cancel(turn_id)
            await talk.driver.cancel(turn_id)
            assert (await talk.end_of(turn_id)).stop is Stop.CANCELLED
            await talk.driver.cancel(turn_id)
            await self.still_usable(talk)
            ends = [event for event in talk.heard if isinstance(event, TurnEnded)]
            assert len({end.turn_id for end in ends}) == len(ends)

    @pytest.mark.parametrize("state", STATES)
    async def test_a_close_in_the_middle_ends_everything(self, bench: Bench, state: State) -> None:
        before = await asyncio.to_thread(descendants)
        async with self.talking(bench.kept(asks=True, streams=True)) as talk:
            turn_id = await talk.reach(state)
            await closed(talk.driver)
            await all_gone(before)
            end = only_end(await talk.rest())
            # An agent that learns that nobody answers may end its turn by itself.
            ends = {Stop.LOST, Stop.DONE} if state == "ask" else {Stop.LOST}
            assert (end.turn_id, end.stop in ends) == (turn_id, True)
