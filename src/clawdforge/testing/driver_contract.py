"""What every implementation of the port `Driver` must do, as tests to inherit from.

Write a subclass and a fixture `bench`:

    class TestMyDriver(DriverContract):
        @pytest.fixture
        def bench(self, processes, tmp_path):
            return Bench(make=lambda limit: MyDriver(…, max_output_bytes=limit), spec=…)

The agent must do what a line of the prompt says, as the demo agent does: `/echo TEXT`,
`/fail MESSAGE`, `/hang`, `/flood BYTES`. An agent with a scripted model behind it does so when
the script is `Always(obey)`.

The tests are coroutines: run them with pytest-asyncio in its `auto` mode.
"""

# ruff: noqa: D102 - a test's name says what it shows

import asyncio
import contextlib
import uuid
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

import psutil
import pytest

from clawdforge.agents.driver import Driver, SessionSpec
from clawdforge.core.events import Event, Exited, Stop, Text, TurnEnded
from clawdforge.errors import AgentError, AgentProtocolError
from clawdforge.tasks import TaskOwner
from clawdforge.testing.model_api import Fail, Request, Say, Stall, Step

MIB = 1024 * 1024
PATIENCE_SECS = 30.0
"""For what should take a moment, on a machine with other things to do."""
SECRET = "the-service-keeps-this-to-itself"  # noqa: S105 - looked for, and never found


@dataclass(frozen=True, slots=True, kw_only=True)
class Bench:
    """The driver under test."""

    make: Callable[[int], Driver]
    """A new driver, whose agent may write that many bytes. `SECRET` is in the environment of the
    service as `CLAWDFORGE_ADMIN_TOKEN`."""
    spec: SessionSpec


def obey(request: Request) -> Step:
    """A model that does what the last prompt says. Not for prompts that say nothing to do."""
    for line in request.prompt.splitlines():
        match line.rstrip().partition(" "):
            case "/echo", _, text:
                return Say(text)
            case "/flood", _, size:
                return Say("x" * int(size))
            case "/fail", _, message:
                return Fail(status=400, message=message)
            case "/hang", _, _:
                return Stall()
    return Say("There was nothing to do.")


def told(command: str) -> str:
    """A prompt; agents may have commands of their own that begin with a slash."""
    return f"Do this:\n{command}"


async def events_of(driver: Driver) -> list[Event]:
    """All events that are left."""
    events = []
    async with asyncio.timeout(PATIENCE_SECS):
        while (event := await driver.next_event()) is not None:
            events.append(event)
    return events


async def end_of(driver: Driver) -> TurnEnded:
    """How the turn ended."""
    async with asyncio.timeout(PATIENCE_SECS):
        while (event := await driver.next_event()) is not None:
            if isinstance(event, TurnEnded):
                return event
    raise AssertionError("the turn has no end")


def descendants() -> set[psutil.Process]:
    """All processes below this one that run."""
    found = set()
    for process in psutil.Process().children(recursive=True):
        try:
            if process.status() != psutil.STATUS_ZOMBIE:
                found.add(process)
        except psutil.NoSuchProcess:
            continue
    return found


async def started_since(before: set[psutil.Process]) -> set[psutil.Process]:
    """The processes that were started since and run."""
    return await asyncio.to_thread(descendants) - before


async def kill_started_since(before: set[psutil.Process]) -> None:
    """Kill what was started since, and wait until it has ended."""
    for process in await started_since(before):
        with contextlib.suppress(psutil.NoSuchProcess):
            await asyncio.to_thread(process.kill)
    await all_gone(before)


async def all_gone(before: set[psutil.Process]) -> None:
    """Wait until what was started since has ended: the kernel may take a moment."""
    async with asyncio.timeout(PATIENCE_SECS):
        while await started_since(before):  # noqa: ASYNC110 - nobody tells
            await asyncio.sleep(0.01)


class DriverContract:
    """Inherit, and provide `bench`."""

    @pytest.fixture
    def bench(self) -> Bench:
        raise NotImplementedError

    @asynccontextmanager
    async def opened(self, bench: Bench, limit: int = 64 * MIB) -> AsyncIterator[Driver]:
        """A driver with an agent; afterwards no process is left."""
        before = await asyncio.to_thread(descendants)
        driver = bench.make(limit)
        try:
            await driver.open(bench.spec)
            yield driver
        finally:
            await driver.close()
        await all_gone(before)

    @asynccontextmanager
    async def busy(self, bench: Bench) -> AsyncIterator[tuple[Driver, str]]:
        """A driver in the middle of a turn, and the turn's id."""
        async with self.opened(bench) as driver:
            turn_id = str(uuid.uuid4())
            await driver.prompt(turn_id, told("/hang"))
            yield driver, turn_id

    async def answer(self, driver: Driver, prompt: str) -> TurnEnded:
        turn_id = str(uuid.uuid4())
        await driver.prompt(turn_id, prompt)
        end = await end_of(driver)
        assert end.turn_id == turn_id
        return end

    async def test_it_answers(self, bench: Bench) -> None:
        async with self.opened(bench) as driver:
            turn_id = str(uuid.uuid4())
            await driver.prompt(turn_id, told("/echo forty-two"))
            closing = TaskOwner()
            seen: list[Event] = []
            async with asyncio.timeout(PATIENCE_SECS):
                while (event := await driver.next_event()) is not None:
                    seen.append(event)
                    if isinstance(event, TurnEnded):
                        closing.start(driver.close(), name="close")
            await closing.wait()
        ends = [event for event in seen if isinstance(event, TurnEnded)]
        assert [(end.turn_id, end.stop, end.text) for end in ends] == [
            (turn_id, Stop.DONE, "forty-two")
        ]
        assert "".join(event.text for event in seen if isinstance(event, Text)) == "forty-two"
        assert [isinstance(event, Exited) for event in seen].index(True) == len(seen) - 1

    async def test_a_failure_is_told(self, bench: Bench) -> None:
        async with self.opened(bench) as driver:
            end = await self.answer(driver, told("/fail there is no such thing"))
        assert end.stop is Stop.FAILED
        assert "there is no such thing" in (end.text or "")

    async def test_a_turn_is_lost_when_the_agent_dies(self, bench: Bench) -> None:
        before = await asyncio.to_thread(descendants)
        async with self.busy(bench) as (driver, turn_id):
            await kill_started_since(before)
            *_, lost, exited = await events_of(driver)
            assert isinstance(lost, TurnEnded)
            assert (lost.turn_id, lost.stop) == (turn_id, Stop.LOST)
            assert isinstance(exited, Exited)

    async def test_a_prompt_for_a_dead_agent_is_lost_too(self, bench: Bench) -> None:
        before = await asyncio.to_thread(descendants)
        async with self.opened(bench) as driver:
            await kill_started_since(before)
            turn_id = str(uuid.uuid4())
            with contextlib.suppress(AgentError):
                await driver.prompt(turn_id, told("/echo x"))
            *_, exited = events = await events_of(driver)
            ends = [event.stop for event in events if isinstance(event, TurnEnded)]
            assert ends == [Stop.LOST]
            assert isinstance(exited, Exited)

    async def test_after_the_last_event_there_is_nothing_for_ever(self, bench: Bench) -> None:
        async with self.opened(bench) as driver:
            await self.answer(driver, told("/echo x"))
            await driver.close()
            *_, exited = await events_of(driver)
            assert isinstance(exited, Exited)
            for _ in range(3):
                assert await driver.next_event() is None

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

    async def test_it_may_be_closed_in_the_middle_of_a_turn(self, bench: Bench) -> None:
        before = await asyncio.to_thread(descendants)
        async with self.busy(bench) as (driver, turn_id):
            await asyncio.wait_for(driver.close(), PATIENCE_SECS)
            await all_gone(before)
            await driver.close()
            events = await events_of(driver)
            ends = [event for event in events if isinstance(event, TurnEnded)]
            assert [(end.turn_id, end.stop) for end in ends] == [(turn_id, Stop.LOST)]

    async def test_a_close_frees_who_waits_for_events(self, bench: Bench) -> None:
        async with self.busy(bench) as (driver, _):
            owner = TaskOwner()
            reading = owner.start(events_of(driver), name="read", awaited=True)
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
        async with self.opened(bench) as driver:
            end = await self.answer(driver, told(f"/flood {20 * MIB}"))
        assert end.stop is Stop.DONE
        assert len(end.text or "") == 20 * MIB

    async def test_more_output_than_it_may_write(self, bench: Bench) -> None:
        async with self.opened(bench, limit=MIB) as driver:
            await driver.prompt(str(uuid.uuid4()), told(f"/flood {2 * MIB}"))
            with pytest.raises(AgentProtocolError):
                await events_of(driver)

    @pytest.mark.parametrize("start", ["--help", "-p", "--", "---\ntitle: x\n---"])
    async def test_a_prompt_is_no_flag(self, bench: Bench, start: str) -> None:
        async with self.opened(bench) as driver:
            end = await self.answer(driver, f"{start}\n/echo still a prompt")
        assert (end.stop, end.text) == (Stop.DONE, "still a prompt")

    async def test_a_long_prompt(self, bench: Bench) -> None:
        prompt = "word " * (600 * 1024 // 5) + "\n/echo read it all"
        async with self.opened(bench) as driver:
            end = await self.answer(driver, prompt)
        assert (end.stop, end.text) == (Stop.DONE, "read it all")

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
