"""The line in front of the agents, as something to await."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from clawdforge.errors import BusyError
from clawdforge.gateway.slots import Slot, Slots
from clawdforge.tasks import TaskOwner


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def owner() -> AsyncIterator[TaskOwner]:
    owner = TaskOwner()
    yield owner
    await owner.cancel()


def slots(
    clock: Clock, *, places: int = 1, max_waiting: int = 8, max_wait_secs: float = 60
) -> Slots:
    return Slots(
        places=places, max_waiting=max_waiting, max_wait_secs=max_wait_secs, clock=clock
    )  # fmt: skip


async def settle() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


async def test_a_place_is_handed_on(clock: Clock, owner: TaskOwner) -> None:
    line = slots(clock)
    first = await line.acquire("a")
    second = owner.start(line.acquire("a"), name="second", awaited=True)
    third = owner.start(line.acquire("a"), name="third", awaited=True)
    await settle()
    assert (line.active, line.waiting) == (1, 2)
    first.release()
    first.release()  # twice is harmless
    (await second).release()
    (await third).release()
    assert (line.active, line.waiting) == (0, 0)


async def test_who_gives_up_waiting_is_passed_over(clock: Clock, owner: TaskOwner) -> None:
    line = slots(clock)
    first = await line.acquire("a")
    second = owner.start(line.acquire("a"), name="second", awaited=True)
    third = owner.start(line.acquire("a"), name="third", awaited=True)
    await settle()
    second.cancel()
    await settle()
    assert line.waiting == 1
    first.release()
    (await third).release()
    assert (line.active, line.waiting) == (0, 0)


@pytest.mark.parametrize("cancel_first", [True, False])
async def test_one_cancelled_in_the_moment_of_its_turn(
    clock: Clock, owner: TaskOwner, cancel_first: bool
) -> None:
    line = slots(clock)
    first = await line.acquire("a")
    second = owner.start(line.acquire("a"), name="second", awaited=True)
    third = owner.start(line.acquire("b"), name="third", awaited=True)
    await settle()
    if cancel_first:
        second.cancel()
        first.release()
    else:
        first.release()
        second.cancel()
    with pytest.raises(asyncio.CancelledError):
        await second
    (await asyncio.wait_for(third, 5)).release()
    assert (line.active, line.waiting) == (0, 0)


async def test_a_full_line_says_when_to_come_back(clock: Clock, owner: TaskOwner) -> None:
    line = slots(clock, places=2, max_waiting=2)
    held = [await line.acquire("a"), await line.acquire("a")]
    waiting = [
        owner.start(line.acquire(app), name=app, awaited=True) for app in ("a", "b")
    ]  # fmt: skip
    await settle()
    with pytest.raises(BusyError) as raised:
        await line.acquire("c")
    assert raised.value.code == "line_full"
    assert raised.value.retry_after_secs == 15  # 10 s a run, three of them at two places
    for slot in held:
        slot.release()
    for task in waiting:
        (await task).release()
    assert line.active == 0


async def test_retry_after_follows_how_long_runs_take(clock: Clock) -> None:
    line = slots(clock, max_waiting=0)

    async def refused() -> int:
        with pytest.raises(BusyError) as raised:
            await line.acquire("b")
        return raised.value.retry_after_secs

    async def hold(seconds: float) -> int:
        slot = await line.acquire("a")
        clock.now += seconds
        told = await refused()
        slot.release()
        return told

    assert await hold(0.0) == 10
    for _ in range(40):
        await hold(0.1)
    assert await hold(0.1) == 1
    for _ in range(40):
        await hold(10_000)
    assert await hold(1) == 60


async def test_a_wait_is_bounded(clock: Clock) -> None:
    line = slots(clock, max_wait_secs=0.01)
    slot = await line.acquire("a")
    with pytest.raises(BusyError) as raised:
        await line.acquire("b")
    assert raised.value.code == "line_wait"
    assert (line.active, line.waiting) == (1, 0)
    slot.release()
    assert line.active == 0


async def test_many_come_and_go(clock: Clock, owner: TaskOwner) -> None:
    line = slots(clock, places=3, max_waiting=100, max_wait_secs=30)
    most = 0

    async def visit(number: int) -> None:
        nonlocal most
        slot: Slot = await line.acquire(f"app-{number % 4}")
        try:
            most = max(most, line.active)
            for _ in range(number % 3):
                await asyncio.sleep(0)
        finally:
            slot.release()

    tasks = [owner.start(visit(n), name=f"visit-{n}", awaited=True) for n in range(90)]
    for step, task in enumerate(tasks):
        await asyncio.sleep(0)
        if step % 5 == 0:
            task.cancel()
    await asyncio.wait(tasks, timeout=20)
    assert all(task.done() for task in tasks)
    assert (line.active, line.waiting, most) == (0, 0, 3)
