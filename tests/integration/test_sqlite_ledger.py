"""The SQLite ledger at work: group commit, waiting, cancelling, closing, `kill -9`."""

# ruff: noqa: ASYNC240 - the loop of a test has nothing else to do

import asyncio
import functools
import os
import signal
import sqlite3
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack, closing, contextmanager
from pathlib import Path
from typing import Self

import pytest

from clawdforge.core.records import RunState
from clawdforge.errors import ConflictError, InputError, StorageError
from clawdforge.store.lane import Job, Lane
from clawdforge.store.sqlite import SqliteLedger
from clawdforge.store.sqlite_lanes import READERS
from clawdforge.store.writer import commit_together
from clawdforge.testing.ledger_contract import (
    NOT_UNICODE,
    a_run,
    an_app,
    an_end,
    an_entry,
)

WRITE_FOR_EVER = """
import asyncio, itertools, sys
from pathlib import Path
from clawdforge.store.sqlite import SqliteLedger
from clawdforge.testing.ledger_contract import a_run, an_end

async def write(ledger, numbers):
    for number in numbers:
        await ledger.start_run(a_run(f"r{number}"))
        print(f"r{number} running", flush=True)
        await ledger.end_run(f"r{number}", an_end())
        print(f"r{number} done", flush=True)

async def main():
    numbers = itertools.count()
    async with SqliteLedger(Path(sys.argv[1])) as ledger, asyncio.TaskGroup() as group:
        for _ in range(8):
            group.create_task(write(ledger, numbers))

asyncio.run(main())
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "ledger.db"


@pytest.fixture
async def ledger(path: Path) -> AsyncIterator[SqliteLedger]:
    async with SqliteLedger(path) as ledger:
        yield ledger


class Hold:
    """Keeps a lane's thread busy until `release`."""

    def __init__(self, lane: Lane) -> None:
        self._lane = lane
        self._release = threading.Event()
        self._busy = asyncio.Event()
        self._loop = asyncio.get_running_loop()

    async def __aenter__(self) -> Self:
        self._task = asyncio.ensure_future(self._lane.do(self._work))
        await self._busy.wait()
        return self

    async def __aexit__(self, *failure: object) -> None:
        self.release()
        await self._task

    def release(self) -> None:
        self._release.set()

    def _work(self, connection: sqlite3.Connection) -> None:
        self._loop.call_soon_threadsafe(self._busy.set)
        assert self._release.wait(30)


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(30):
        while not condition():  # noqa: ASYNC110 - threads set no event
            await asyncio.sleep(0)


async def statements(ledger: SqliteLedger) -> list[str]:
    """What the writer executes from now on."""
    said: list[str] = []
    await ledger._writer.do(lambda connection: connection.set_trace_callback(said.append))
    said.clear()
    return said


async def pragma(ledger: SqliteLedger, name: str) -> object:
    (value,) = await ledger._writer.do(
        lambda connection: connection.execute(f"PRAGMA {name}").fetchone()
    )
    return value


class TestDurability:
    async def test_the_disk_is_waited_for(self, ledger: SqliteLedger) -> None:
        assert await pragma(ledger, "journal_mode") == "wal"
        assert await pragma(ledger, "synchronous") == 2  # FULL
        assert await pragma(ledger, "foreign_keys") == 1

    def test_what_was_acknowledged_survives_kill_9(self, path: Path) -> None:
        command = [sys.executable, "-c", WRITE_FOR_EVER, str(path)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as child:
            assert child.stdout is not None
            acknowledged = [child.stdout.readline() for _ in range(1_000)]
            child.send_signal(signal.SIGKILL)
            acknowledged += child.stdout.readlines()
        assert child.returncode == -signal.SIGKILL
        whole = [line.split() for line in acknowledged if line.endswith("\n")]
        asyncio.run(self.expect(path, whole))

    async def expect(self, path: Path, acknowledged: list[list[str]]) -> None:
        async with SqliteLedger(path) as ledger:
            states = {
                run.start.run_id: run.state for run in await ledger.runs("shop", limit=1_000_000)
            }
            left = [run_id for run_id, state in states.items() if state is RunState.RUNNING]
            assert sorted(await ledger.interrupt_runs(2_000)) == sorted(left)
        assert len(acknowledged) >= 1_000
        for run_id, state in acknowledged:
            assert run_id in states
            assert state == "running" or states[run_id] is RunState.DONE

    async def test_readiness_is_proved_by_a_write(self, ledger: SqliteLedger) -> None:
        said = await statements(ledger)
        await ledger.check()
        assert said[0] == "BEGIN IMMEDIATE"
        assert said[2].startswith("UPDATE")
        assert said[-1] == "COMMIT"

    async def test_a_ledger_that_was_deleted_is_not_ready(
        self, ledger: SqliteLedger, path: Path
    ) -> None:
        path.unlink()
        with pytest.raises(StorageError):
            await ledger.check()

    async def test_a_ledger_that_was_replaced_is_not_ready(
        self, ledger: SqliteLedger, path: Path
    ) -> None:
        path.rename(path.with_name("moved.db"))
        path.touch()
        with pytest.raises(StorageError, match="replaced"):
            await ledger.check()


class TestGroupCommit:
    async def test_what_waited_is_committed_together(self, ledger: SqliteLedger) -> None:
        said = await statements(ledger)
        async with asyncio.TaskGroup() as group, Hold(ledger._writer) as hold:
            for number in range(50):
                group.create_task(ledger.start_run(a_run(f"r{number}")))
            await until(lambda: ledger._writer.load == 51)
            hold.release()
        assert said.count("COMMIT") == 2  # that of the hold, and one for all the others
        assert len(await ledger.runs("shop", limit=100)) == 50

    async def test_one_that_fails_does_not_harm_its_neighbours(self, ledger: SqliteLedger) -> None:
        await ledger.add_app(an_app("taken"), an_entry())
        async with Hold(ledger._writer) as hold:
            writes = [
                asyncio.ensure_future(write)
                for write in (
                    ledger.start_run(a_run("first")),
                    ledger.start_run(a_run("first")),
                    ledger.add_app(an_app("taken", app_id="x", digest="x"), an_entry()),
                    ledger.start_run(a_run(NOT_UNICODE)),
                    ledger.start_run(a_run("huge", started_at=2**63)),
                    ledger.start_run(a_run("last")),
                )
            ]
            await until(lambda: ledger._writer.load == 7)
            hold.release()
            await asyncio.wait(writes)
        failures = [type(write.exception()) for write in writes]
        none = type(None)
        assert failures == [none, ConflictError, ConflictError, InputError, InputError, none]
        assert {r.start.run_id for r in await ledger.runs("shop", limit=9)} == {"first", "last"}

    async def test_nobody_is_told_before_the_commit(self, ledger: SqliteLedger, path: Path) -> None:
        async with asyncio.TaskGroup() as group, Hold(ledger._writer) as hold:
            write = group.create_task(ledger.start_run(a_run()))
            await until(lambda: ledger._writer.load == 2)
            assert not write.done()
            assert await ledger.run("shop", "r1") is None  # readers do not wait for the writer
            hold.release()
            await write
            assert await ledger.run("shop", "r1") is not None


class TestCommitTogether:
    """The batch itself, without threads."""

    @pytest.fixture
    def connection(self) -> Iterator[sqlite3.Connection]:
        with closing(sqlite3.connect(":memory:", isolation_level=None)) as connection:
            connection.execute("PRAGMA foreign_keys=ON")
            connection.execute("CREATE TABLE parents (id INTEGER PRIMARY KEY)")
            connection.execute(
                "CREATE TABLE children (parent INTEGER REFERENCES parents"
                " DEFERRABLE INITIALLY DEFERRED)"
            )
            yield connection

    @pytest.fixture
    def job(self) -> Iterator[Callable[[Callable[[sqlite3.Connection], object]], Job]]:
        with closing(asyncio.new_event_loop()) as loop:
            yield lambda work: Job(work, loop.create_future())

    def test_when_the_commit_fails_nothing_is_left(
        self, connection: sqlite3.Connection, job: Callable[..., Job]
    ) -> None:
        jobs = [
            job(lambda c: c.execute("INSERT INTO parents VALUES (1)").rowcount),
            job(lambda c: c.execute("INSERT INTO children VALUES (2)").rowcount),
        ]
        with pytest.raises(sqlite3.IntegrityError):
            commit_together(connection, jobs)
        assert not connection.in_transaction
        assert connection.execute("SELECT * FROM parents").fetchall() == []
        commit_together(connection, jobs[:1])
        assert connection.execute("SELECT * FROM parents").fetchall() == [(1,)]

    def test_when_the_transaction_is_lost_all_of_them_fail(
        self, connection: sqlite3.Connection, job: Callable[..., Job]
    ) -> None:
        def lose(connection: sqlite3.Connection) -> None:
            connection.execute("ROLLBACK")  # as SQLite itself does when the disk is full
            raise sqlite3.OperationalError("database or disk is full")

        jobs = [
            job(lambda c: c.execute("INSERT INTO parents VALUES (1)").rowcount),
            job(lose),
            job(lambda c: c.execute("INSERT INTO parents VALUES (2)").rowcount),
        ]
        with pytest.raises(sqlite3.OperationalError, match="full"):
            commit_together(connection, jobs)
        assert connection.execute("SELECT * FROM parents").fetchall() == []


class TestWaiting:
    @pytest.fixture
    async def lane(self) -> AsyncIterator[Lane]:
        lane = Lane("narrow", memory, commit_together, batch=10, room=3)
        await lane.open()
        yield lane
        await lane.close()

    async def test_who_finds_no_room_waits(self, lane: Lane) -> None:
        done: list[int] = []
        async with asyncio.TaskGroup() as group, Hold(lane) as hold:
            for number in range(10):
                group.create_task(lane.do(functools.partial(note, done, number)))
            await until(lambda: lane.load == 3)
            hold.release()
        assert done == list(range(10))
        assert lane.load == 0

    async def test_who_waits_for_room_when_it_closes_is_refused(self, lane: Lane) -> None:
        done: list[int] = []
        async with AsyncExitStack() as stack:
            hold = await stack.enter_async_context(Hold(lane))
            tasks = [
                asyncio.ensure_future(lane.do(functools.partial(note, done, number)))
                for number in range(10)
            ]
            await until(lambda: lane.load == 3)
            closed = asyncio.ensure_future(lane.close())
            await until(lambda: not lane._accepting)
            hold.release()
            await closed
            await asyncio.wait(tasks)
        assert done == [0, 1]
        refused = [task.exception() for task in tasks[2:]]
        assert all(isinstance(error, StorageError) for error in refused)

    async def test_a_cancelled_caller_breaks_nothing(self, ledger: SqliteLedger) -> None:
        async with Hold(ledger._writer) as hold:
            write = asyncio.ensure_future(ledger.start_run(a_run("given-up")))
            await until(lambda: ledger._writer.load == 2)
            write.cancel()
            with pytest.raises(asyncio.CancelledError):
                await write
            assert ledger._writer.load == 2  # it still takes up room
            hold.release()
        await ledger.start_run(a_run("next"))
        assert await ledger.run("shop", "given-up") is not None
        assert ledger._writer.load == 0

    async def test_a_cancelled_wait_for_room_breaks_nothing(self, lane: Lane) -> None:
        async with Hold(lane) as hold:
            tasks = [asyncio.ensure_future(lane.do(lambda _: None)) for _ in range(5)]
            await until(lambda: lane.load == 3)
            tasks[4].cancel()
            hold.release()
            await asyncio.wait(tasks)
        assert [task.cancelled() for task in tasks] == [False] * 4 + [True]
        assert await lane.do(lambda _: "room again") == "room again"

    async def test_readers_share_the_work(self, ledger: SqliteLedger) -> None:
        async with Hold(ledger._readers[0]):
            for _ in range(20):
                assert await ledger.live_apps() == []


def note(done: list[int], number: int, connection: sqlite3.Connection) -> None:
    done.append(number)


def memory() -> sqlite3.Connection:
    return sqlite3.connect(":memory:", isolation_level=None)


class TestClosing:
    async def test_it_finishes_what_was_handed_in(self, path: Path) -> None:
        ledger = await SqliteLedger(path).__aenter__()
        async with asyncio.TaskGroup() as group, Hold(ledger._writer) as hold:
            for number in range(300):  # more than one batch
                group.create_task(ledger.start_run(a_run(f"r{number}")))
            await until(lambda: ledger._writer.load == 301)
            closing = group.create_task(ledger.__aexit__(None, None, None))
            await until(lambda: not ledger._writer._accepting)
            hold.release()
            await closing
        async with SqliteLedger(path) as ledger:
            assert len(await ledger.runs("shop", limit=1_000)) == 300

    async def test_a_cancelled_close_closes_all_the_same(self, path: Path) -> None:
        ledger = await SqliteLedger(path).__aenter__()
        before = threading.active_count()
        async with Hold(ledger._writer) as hold:
            closing = asyncio.ensure_future(ledger.__aexit__(None, None, None))
            await until(lambda: not ledger._writer._accepting)
            for _ in range(2):
                closing.cancel()
                await asyncio.sleep(0)
            assert not closing.done()
            hold.release()
            with pytest.raises(asyncio.CancelledError):
                await closing
        await until(lambda: threading.active_count() == before - READERS - 1)

    async def test_two_that_close_at_once(self, path: Path) -> None:
        ledger = await SqliteLedger(path).__aenter__()
        async with asyncio.TaskGroup() as group:
            for _ in range(2):
                group.create_task(ledger.__aexit__(None, None, None))
        with pytest.raises(StorageError):
            await ledger.check()

    async def test_it_leaves_one_file(self, path: Path) -> None:
        async with SqliteLedger(path) as ledger:
            await ledger.start_run(a_run())
            await ledger.end_run("r1", an_end())
        assert [file.name for file in path.parent.iterdir()] == [path.name]

    async def test_an_open_that_is_cancelled_leaves_no_thread(self) -> None:
        may_go_on = threading.Event()

        def slow() -> sqlite3.Connection:
            assert may_go_on.wait(30)
            return memory()

        before = threading.active_count()
        lane = Lane("slow", slow, commit_together, batch=1, room=1)
        opening = asyncio.ensure_future(lane.open())
        await until(lambda: threading.active_count() > before)
        opening.cancel()
        await asyncio.sleep(0)
        may_go_on.set()
        with pytest.raises(asyncio.CancelledError):
            await opening
        assert threading.active_count() == before
        with pytest.raises(StorageError):
            await lane.do(lambda _: None)

    async def test_opening_and_closing_leaks_nothing(self, path: Path) -> None:
        async with SqliteLedger(path):
            pass
        with unchanged_resources():
            for _ in range(20):
                async with SqliteLedger(path) as ledger:
                    await ledger.check()
                    await ledger.live_apps()

    async def test_failing_to_open_leaks_nothing(self, path: Path) -> None:
        path.write_bytes(os.urandom(10_000))
        with unchanged_resources():
            for _ in range(20):
                with pytest.raises(StorageError):
                    await SqliteLedger(path).__aenter__()


@contextmanager
def unchanged_resources() -> Iterator[None]:
    files = Path("/dev/fd")
    before = len(list(files.iterdir())), threading.active_count()
    yield
    assert (len(list(files.iterdir())), threading.active_count()) == before
