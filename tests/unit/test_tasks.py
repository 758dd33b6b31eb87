"""Owned tasks: kept, seen off, and awaited to their end."""

import asyncio
import logging

import pytest

from clawdforge.tasks import TaskOwner, finish


class BrokenError(Exception):
    pass


async def fail() -> None:
    raise BrokenError


async def answer(value: int, after: asyncio.Event | None = None) -> int:
    if after is not None:
        await after.wait()
    return value


async def turns(count: int = 5) -> None:
    """Let other tasks have some turns."""
    for _ in range(count):
        await asyncio.sleep(0)


async def test_wait_includes_tasks_that_are_started_meanwhile() -> None:
    owner = TaskOwner()
    done = []

    async def first() -> None:
        await turns(1)
        owner.start(second(), name="second")

    async def second() -> None:
        await turns(1)
        done.append("second")

    task = owner.start(first(), name="first")
    assert task.get_name() == "first"
    assert owner.busy
    await owner.wait()
    assert done == ["second"]
    assert not owner.busy


async def test_cancel_ends_all_of_them() -> None:
    owner = TaskOwner()
    tasks = [owner.start(asyncio.Event().wait(), name=f"task-{n}") for n in range(3)]
    await turns()
    await owner.cancel()
    assert all(task.cancelled() for task in tasks)


async def test_a_failure_is_logged_with_its_name(caplog: pytest.LogCaptureFixture) -> None:
    owner = TaskOwner()
    owner.start(fail(), name="the-broken-one")
    await owner.wait()
    await turns()
    (record,) = caplog.records
    assert record.levelno == logging.ERROR
    assert record.__dict__["task"] == "the-broken-one"
    assert record.exc_info is not None
    assert record.exc_info[0] is BrokenError


async def test_an_awaited_failure_is_not_logged(caplog: pytest.LogCaptureFixture) -> None:
    owner = TaskOwner()
    with pytest.raises(BrokenError):
        await finish(owner.start(fail(), name="awaited", awaited=True))
    await turns()
    assert caplog.records == []


async def test_finish_gives_the_result() -> None:
    assert await finish(TaskOwner().start(answer(7), name="seven")) == 7


@pytest.mark.parametrize("times", [1, 2, 3])
async def test_finish_is_late_when_cancelled_never_early(times: int) -> None:
    owner, go = TaskOwner(), asyncio.Event()
    task = owner.start(answer(7, go), name="work")
    waiting = owner.start(finish(task), name="waiting", awaited=True)
    for _ in range(times):
        await turns()
        waiting.cancel()
    await turns()
    assert not waiting.done()
    go.set()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert task.result() == 7


async def test_finish_passes_on_the_cancellation_even_of_failed_work() -> None:
    owner, go = TaskOwner(), asyncio.Event()

    async def work() -> None:
        await go.wait()
        raise BrokenError

    task = owner.start(work(), name="work", awaited=True)
    waiting = owner.start(finish(task), name="waiting", awaited=True)
    await turns()
    waiting.cancel()
    go.set()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert isinstance(task.exception(), BrokenError)


async def test_finish_of_work_that_was_cancelled_itself() -> None:
    owner = TaskOwner()
    task = owner.start(asyncio.Event().wait(), name="work")
    waiting = owner.start(finish(task), name="waiting", awaited=True)
    await turns()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting


async def test_a_time_out_around_finish_comes_after_the_end() -> None:
    owner, go = TaskOwner(), asyncio.Event()
    task = owner.start(answer(7, go), name="work")
    asyncio.get_running_loop().call_later(0.05, go.set)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.01):
            await finish(task)
    assert task.result() == 7
