"""One turn, and the process around it: limits, ends, what others can see of it."""

# ruff: noqa: D102 - a test's name says what it shows

import asyncio
import contextlib
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from clawdforge.agents.driver import Driver
from clawdforge.core.events import Event, Exited, Stop, Text, TurnEnded
from clawdforge.errors import AgentError, AgentProtocolError
from clawdforge.tasks import TaskOwner
from clawdforge.testing.driver_contract.bench import (
    MIB,
    PATIENCE_SECS,
    SECRET,
    Bench,
    ContractBase,
    Talk,
    all_gone,
    closed,
    descendants,
    kill_started_since,
    only_end,
    started_since,
)
from clawdforge.testing.driver_contract.obeying import told


class ProcessContract(ContractBase):
    """A part of `DriverContract`."""

    @asynccontextmanager
    async def busy(self, bench: Bench) -> AsyncIterator[tuple[Driver, str]]:
        """A driver in the middle of a turn, and the turn's id."""
        async with self.talking(bench) as talk:
            turn_id = await talk.prompt("/hang")
            yield talk.driver, turn_id

    async def test_it_answers(self, bench: Bench) -> None:
        async with self.talking(bench) as talk:
            turn_id = await talk.prompt("/echo forty-two")
            await talk.end_of(turn_id)
            await closed(talk.driver)
            await talk.rest()
        ends = [event for event in talk.heard if isinstance(event, TurnEnded)]
        assert [(end.turn_id, end.stop) for end in ends] == [(turn_id, Stop.DONE)]
        if talk.driver.caps.exact_text:
            assert ends[0].text == "forty-two"
        assert "".join(e.text for e in talk.heard if isinstance(e, Text)) == "forty-two"
        assert [isinstance(event, Exited) for event in talk.heard].index(True) == (
            len(talk.heard) - 1
        )

    async def test_a_failure_is_told(self, bench: Bench) -> None:
        async with self.talking(bench) as talk:
            turn = await talk.take("/fail there is no such thing")
        assert turn.end.stop is Stop.FAILED
        assert "there is no such thing" in (turn.end.text or "")

    async def test_a_turn_is_lost_when_the_agent_dies(self, bench: Bench) -> None:
        before = await asyncio.to_thread(descendants)
        async with self.busy(bench) as (driver, turn_id):
            await kill_started_since(before)
            end = only_end(await Talk(driver).rest())
            assert (end.turn_id, end.stop) == (turn_id, Stop.LOST)

    async def test_a_prompt_for_a_dead_agent_is_lost_too(self, bench: Bench) -> None:
        before = await asyncio.to_thread(descendants)
        async with self.talking(bench) as talk:
            await kill_started_since(before)
            with contextlib.suppress(AgentError):
                await talk.prompt("/echo x")
            assert only_end(await talk.rest()).stop is Stop.LOST

    async def test_after_the_last_event_there_is_nothing_for_ever(self, bench: Bench) -> None:
        async with self.talking(bench) as talk:
            await talk.take("/echo x")
            await closed(talk.driver)
            *_, exited = await talk.rest()
            assert isinstance(exited, Exited)
            for _ in range(3):
                assert await talk.driver.next_event() is None

    async def test_a_cancelled_wait_loses_nothing(self, bench: Bench) -> None:
        async with self.opened(bench) as driver:
            await driver.prompt(str(uuid.uuid4()), told("/echo word " + "word " * 1000 + "end"))
            seen: list[Event] = []
            async with asyncio.timeout(PATIENCE_SECS):
                while not any(isinstance(event, TurnEnded) for event in seen):
                    try:
                        event = await asyncio.wait_for(driver.next_event(), 0.002)
                    except TimeoutError:
                        continue
                    assert event is not None
                    seen.append(event)
        texts = "".join(event.text for event in seen if isinstance(event, Text))
        assert texts == "word " * 1001 + "end"
        assert sum(isinstance(event, TurnEnded) for event in seen) == 1

    async def test_it_may_be_closed_before_it_was_opened(self, bench: Bench) -> None:
        driver = bench.make(MIB)
        await driver.close()
        await driver.close()
        assert driver.stderr == ""

    async def test_it_may_be_closed_before_it_is_ready(self, bench: Bench) -> None:
        async with self.talking(bench.kept()) as talk:
            await closed(talk.driver)
            *_, exited = await talk.rest()
            assert isinstance(exited, Exited)

    async def test_it_may_be_closed_in_the_middle_of_a_turn(self, bench: Bench) -> None:
        before = await asyncio.to_thread(descendants)
        async with self.busy(bench) as (driver, turn_id):
            await closed(driver)
            await all_gone(before)
            await driver.close()
            end = only_end(await Talk(driver).rest())
            assert (end.turn_id, end.stop) == (turn_id, Stop.LOST)

    async def test_a_close_frees_who_waits_for_events(self, bench: Bench) -> None:
        async with self.busy(bench) as (driver, _):
            owner = TaskOwner()
            reading = owner.start(Talk(driver).rest(), name="read", awaited=True)
            await asyncio.sleep(0)
            await asyncio.gather(driver.close(), driver.close())  # noqa: TID251 - two at once
            assert isinstance((await reading)[-1], Exited)

    async def test_a_cancelled_close_ends_the_agent_all_the_same(self, bench: Bench) -> None:
        before = await asyncio.to_thread(descendants)
        async with self.busy(bench) as (driver, _):
            closing = TaskOwner().start(driver.close(), name="close", awaited=True)
            for _ in range(3):
                await asyncio.sleep(0)
                closing.cancel()
            with pytest.raises(asyncio.CancelledError):
                await closing
            await all_gone(before)

    async def test_a_very_long_line(self, bench: Bench) -> None:
        async with self.talking(bench) as talk:
            turn = await talk.take(f"/flood {20 * MIB}")
        assert turn.end.stop is Stop.DONE
        assert len(turn.answer) == 20 * MIB

    async def test_more_output_than_it_may_write(self, bench: Bench) -> None:
        async with self.opened(bench, limit=MIB) as driver:
            await driver.prompt(str(uuid.uuid4()), told(f"/flood {2 * MIB}"))
            with pytest.raises(AgentProtocolError):
                await Talk(driver).rest()

    async def test_the_limit_of_output_is_that_of_one_turn(self, bench: Bench) -> None:
        async with self.opened(bench.kept(), limit=3 * MIB) as driver:
            talk = Talk(driver)
            for _ in range(4):
                assert (await talk.take(f"/flood {MIB}")).end.stop is Stop.DONE

    @pytest.mark.parametrize("start", ["--help", "-p", "--", "---\ntitle: x\n---"])
    async def test_a_prompt_is_no_flag(self, bench: Bench, start: str) -> None:
        async with self.opened(bench) as driver:
            turn_id = str(uuid.uuid4())
            await driver.prompt(turn_id, f"{start}\n/echo still a prompt")
            talk = Talk(driver)
            end = await talk.end_of(turn_id)
        assert end.stop is Stop.DONE
        assert "".join(e.text for e in talk.heard if isinstance(e, Text)) == "still a prompt"

    async def test_a_long_prompt(self, bench: Bench) -> None:
        prompt = "word " * (600 * 1024 // 5) + "\n/echo read it all"
        async with self.opened(bench) as driver:
            turn_id = str(uuid.uuid4())
            await driver.prompt(turn_id, prompt)
            talk = Talk(driver)
            assert (await talk.end_of(turn_id)).stop is Stop.DONE
        assert "".join(e.text for e in talk.heard if isinstance(e, Text)) == "read it all"

    async def test_the_agent_does_not_see_what_is_the_services(self, bench: Bench) -> None:
        before = await asyncio.to_thread(descendants)
        async with self.busy(bench):
            started = await started_since(before)
            assert started
            for process in started:
                assert SECRET not in str(await asyncio.to_thread(process.environ))

    async def test_the_prompt_is_in_no_command_line(self, bench: Bench) -> None:
        before = await asyncio.to_thread(descendants)
        async with self.opened(bench) as driver:
            await driver.prompt(str(uuid.uuid4()), "A word nobody else uses: xylograph.\n/hang")
            for process in await started_since(before):
                assert "xylograph" not in str(await asyncio.to_thread(process.cmdline))
