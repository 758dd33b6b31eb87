"""The feed that readers of /monitor/events follow."""

import asyncio

from clawdforge.monitor.feed import MIN_PAUSE_SECS, Batch, Feed


async def taken(batches: "asyncio.Queue[Batch]") -> Batch:
    async with asyncio.timeout(5):
        return await batches.get()


async def test_what_changes_while_a_reader_pauses_is_told() -> None:
    feed = Feed()
    batches: asyncio.Queue[Batch] = asyncio.Queue()

    async def read() -> None:
        async for batch in feed.follow(None):
            batches.put_nowait(batch)

    async with asyncio.TaskGroup() as group:
        group.create_task(read())
        assert (await taken(batches)).is_whole
        feed.replace({"a": b"1"})
        assert (await taken(batches)).views == {"a": b"1"}
        # The reader has just been told, so it pauses now.
        feed.replace({"a": b"2"})
        await asyncio.sleep(3 * MIN_PAUSE_SECS)
        assert (await taken(batches)).views == {"a": b"2"}
        feed.close()
