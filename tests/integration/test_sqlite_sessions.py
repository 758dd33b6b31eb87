"""Sessions in the SQLite ledger: plans of its queries, its clock, group commit, `kill -9`."""

import asyncio
import signal
import sqlite3
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from clawdforge.core.session_records import Append, Claim
from clawdforge.errors import ConflictError, LedgerCorruptError
from clawdforge.store import ownership_statements as ownership
from clawdforge.store import session_statements as sql
from clawdforge.store.migrate import upgrade
from clawdforge.store.sqlite import SqliteLedger
from clawdforge.store.statements import AUDIT_ABOUT
from clawdforge.testing.ledger_contract import (
    a_node,
    a_permission,
    a_session,
    a_start,
    an_entry,
    some_events,
)

APPEND_FOR_EVER = """
import asyncio, sys
from pathlib import Path
from clawdforge.core.session_records import Append
from clawdforge.store.sqlite import SqliteLedger
from clawdforge.testing.ledger_contract import a_node, a_session, an_entry, some_events

async def append(ledger, session_id):
    await ledger.create_session(a_session(session_id), an_entry(), max_open=99)
    epoch = (await ledger.claim(session_id, a_node())).epoch
    newest = 0
    while True:
        events = some_events(newest + 1, newest + 5)
        assert await ledger.append([Append(session_id=session_id, epoch=epoch, events=events)])
        newest += 5
        print(session_id, newest, flush=True)

async def main():
    async with SqliteLedger(Path(sys.argv[1])) as ledger, asyncio.TaskGroup() as group:
        await ledger.beat(a_node(), 600)
        for number in range(8):
            group.create_task(append(ledger, f"s{number}"))

asyncio.run(main())
"""


class Clock:
    """A clock that stands still until it is moved."""

    def __init__(self) -> None:
        self.now = 1_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "ledger.db"


@pytest.fixture
async def ledger(path: Path, clock: Clock) -> AsyncIterator[SqliteLedger]:
    async with SqliteLedger(path, clock=clock) as ledger:
        yield ledger


async def claimed(ledger: SqliteLedger, session_id: str = "s1") -> Claim:
    await ledger.beat(a_node(), 15)
    await ledger.create_session(a_session(session_id), an_entry(), max_open=99)
    claim = await ledger.claim(session_id, a_node())
    assert claim is not None
    return claim


class TestPlans:
    """Nothing that is asked often reads a whole table, whatever is in it."""

    @pytest.fixture
    def connection(self, path: Path) -> Iterator[sqlite3.Connection]:
        def connect() -> sqlite3.Connection:
            return sqlite3.connect(path, isolation_level=None)

        upgrade(connect, None)
        with closing(connect()) as connection:
            yield connection

    @pytest.mark.parametrize(
        ("query", "indexes"),
        [
            (sql.SESSION, ["sqlite_autoindex_sessions_1"]),
            (sql.SESSION_OF_KEY, ["sessions_key"]),
            (sql.SESSIONS[False, True], ["sessions_of_app"]),
            (sql.SESSIONS[True, True], ["sessions_of_app"]),
            (sql.SESSIONS[False, False], ["sessions_open_of_app"]),
            (sql.SESSIONS[True, False], ["sessions_open_of_app"]),
            (sql.COUNT_OPEN, ["sessions_open"]),
            (sql.CLOSED_SESSION, ["sqlite_autoindex_sessions_1"]),
            (sql.IDLE_SESSIONS, ["sessions_open", "turns_running"]),
            (sql.CLOSED_SESSIONS, ["sessions_closed"]),
            (sql.DELETE_SESSION[0], ["sqlite_autoindex_events_1"]),
            (sql.DELETE_SESSION[1], ["sqlite_autoindex_turns_1"]),
            (sql.DELETE_SESSION[2], ["permissions_of_session"]),
            (sql.FENCE, ["sqlite_autoindex_sessions_1"]),
            (sql.ADVANCE, ["sqlite_autoindex_sessions_1"]),
            (sql.PATCH_SESSION, ["sqlite_autoindex_sessions_1"]),
            (sql.END_TURN, ["turns"]),
            (sql.TURN, ["sqlite_autoindex_turns_1"]),
            (sql.RUNNING_TURN, ["turns_running"]),
            (sql.TURN_OF_KEY, ["turns_key"]),
            (sql.TURNS, ["sqlite_autoindex_turns_1"]),
            (sql.EVENTS, ["sqlite_autoindex_events_1"]),
            (sql.EVENT, ["sqlite_autoindex_events_1"]),
            (sql.PERMISSION, ["sqlite_autoindex_permissions_1"]),
            (sql.PENDING_PERMISSIONS, ["permissions_pending"]),
            (sql.PERMISSIONS, ["permissions_of_app"]),
            (sql.PERMISSIONS_IN_STATE, ["permissions_in_state"]),
            (AUDIT_ABOUT, ["audit_subject"]),
            (ownership.RENEW, ["PRIMARY KEY", "nodes_began"]),
            (ownership.NODE, ["PRIMARY KEY"]),
            (ownership.BURY, ["nodes_living"]),
            (ownership.LIVES, ["PRIMARY KEY"]),
            (ownership.CLAIMABLE, ["sqlite_autoindex_sessions_1", "PRIMARY KEY"]),
            (ownership.CLAIM, ["sqlite_autoindex_sessions_1"]),
            (ownership.RELEASE, ["sqlite_autoindex_sessions_1"]),
            (ownership.ORPHANS, ["turns_running", "permissions_pending", "autoindex_sessions"]),
        ],
    )
    def test_they_use_their_indexes(
        self, connection: sqlite3.Connection, query: str, indexes: list[str]
    ) -> None:
        plan = [row[-1] for row in connection.execute(f"EXPLAIN QUERY PLAN {query}", _Nulls())]
        said = "\n".join(plan)
        assert all(index in said for index in indexes), said
        for step in plan:
            small = "INDEX turns_running" in step or "INDEX permissions_pending" in step
            assert not step.startswith("SCAN") or small or query == sql.COUNT_OPEN, said
            assert "TEMP B-TREE" not in step or query in (
                ownership.ORPHANS,
                sql.PENDING_PERMISSIONS,
            ), said


class _Nulls(dict[str, None]):
    """A value for every parameter."""

    def __missing__(self, name: str) -> None:
        return None


class TestClock:
    async def test_a_lease_lasts_as_long_as_was_said(
        self, ledger: SqliteLedger, clock: Clock
    ) -> None:
        await claimed(ledger)
        heir = a_node("heir")
        await ledger.beat(heir, 600)
        clock.now += 14.999
        assert await ledger.claim("s1", heir) is None
        clock.now += 0.001
        assert await ledger.claim("s1", heir) is not None

    async def test_a_lease_counts_from_its_renewal(
        self, ledger: SqliteLedger, clock: Clock
    ) -> None:
        await claimed(ledger)
        await ledger.beat(a_node("heir"), 600)
        clock.now += 10
        await ledger.beat(a_node(), 15)
        clock.now += 10
        assert await ledger.claim("s1", a_node("heir")) is None
        clock.now += 10
        assert await ledger.claim("s1", a_node("heir")) is not None

    async def test_who_was_buried_stays_dead_when_the_clock_goes_back(
        self, ledger: SqliteLedger, clock: Clock
    ) -> None:
        claim = await claimed(ledger)
        await ledger.append(
            [Append(session_id="s1", epoch=claim.epoch, permissions=(a_permission(),))]
        )
        clock.now += 20
        assert await ledger.reap() == ["s1"]
        clock.now -= 3_600
        assert await ledger.reap() == ["s1"]

    async def test_the_past_of_a_node_is_kept_within_bounds(
        self, path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        async with SqliteLedger(path) as ledger:
            for number in range(ownership.PAST_KEPT + 50):
                await ledger.beat(a_node(incarnation=f"i{number}"), 60)
            with pytest.raises(ConflictError):
                await ledger.beat(a_node(incarnation="i100"), 60)
        with closing(sqlite3.connect(path)) as connection:
            (count,) = connection.execute("SELECT count(*) FROM nodes").fetchone()
        assert count == ownership.PAST_KEPT


class TestAppending:
    async def test_an_append_is_few_statements(self, ledger: SqliteLedger) -> None:
        claim = await claimed(ledger)
        said: list[str] = []
        await ledger._writer.do(lambda connection: connection.set_trace_callback(said.append))
        said.clear()
        entry = Append(session_id="s1", epoch=claim.epoch, events=some_events(1, 20))
        await ledger.append([entry])
        kinds = [statement.split()[0] for statement in said]
        assert kinds == [
            *("BEGIN", "SAVEPOINT", "SELECT"),
            *["INSERT"] * 20,
            *("UPDATE", "RELEASE", "COMMIT"),
        ]

    async def test_events_know_their_epoch(self, ledger: SqliteLedger, path: Path) -> None:
        for first in (1, 3):
            claim = (
                await claimed(ledger, "s1") if first == 1 else await ledger.claim("s1", a_node())
            )
            assert claim is not None
            events = some_events(first, first + 1)
            await ledger.append([Append(session_id="s1", epoch=claim.epoch, events=events)])
        with closing(sqlite3.connect(path)) as connection:
            found = connection.execute("SELECT seq, epoch FROM events ORDER BY seq").fetchall()
        epochs = [epoch for _, epoch in found]
        assert epochs[0] == epochs[1] < epochs[2] == epochs[3]

    async def test_appends_that_waited_share_a_commit(self, ledger: SqliteLedger) -> None:
        claims = [await claimed(ledger, f"s{number}") for number in range(50)]
        said: list[str] = []
        await ledger._writer.do(lambda connection: connection.set_trace_callback(said.append))
        async with asyncio.TaskGroup() as group:
            for claim in claims:
                name = claim.session.session_id
                entry = Append(session_id=name, epoch=claim.epoch, events=some_events(1, 2))
                group.create_task(ledger.append([entry]))
        assert said.count("COMMIT") < 10

    async def test_two_ledgers_on_one_file_see_one_owner(
        self, ledger: SqliteLedger, path: Path
    ) -> None:
        old = await claimed(ledger)
        async with SqliteLedger(path) as other:
            assert await other.claim("s1", a_node("heir")) is None
            await other.beat(a_node("heir"), 600)
            await ledger.leave(a_node())
            heir = await other.claim("s1", a_node("heir"))
            assert heir is not None
            late = Append(session_id="s1", epoch=old.epoch, events=some_events(1, 1))
            assert not await ledger.append([late])
            assert await other.append([replace(late, epoch=heir.epoch)]) == {"s1"}
        assert list(await ledger.read("s1", after=0, limit=9)) == list(some_events(1, 1))

    async def test_a_row_that_says_nonsense(self, ledger: SqliteLedger, path: Path) -> None:
        claim = await claimed(ledger)
        entry = Append(session_id="s1", epoch=claim.epoch, turn_start=a_start())
        await ledger.append([entry])
        with closing(sqlite3.connect(path)) as connection:
            connection.execute("UPDATE turns SET state = 'dreaming'")
            connection.commit()
        with pytest.raises(LedgerCorruptError):
            await ledger.turns("s1", limit=1)


class TestDurability:
    def test_what_was_acknowledged_survives_kill_9(self, path: Path) -> None:
        command = [sys.executable, "-c", APPEND_FOR_EVER, str(path)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as child:
            assert child.stdout is not None
            said = [child.stdout.readline() for _ in range(1_000)]
            child.send_signal(signal.SIGKILL)
            said += child.stdout.readlines()
        assert child.returncode == -signal.SIGKILL
        newest: dict[str, int] = {}
        for line in said:
            if line.endswith("\n"):
                session_id, number = line.split()
                newest[session_id] = int(number)
        assert len(newest) == 8
        asyncio.run(self.expect(path, newest))

    async def expect(self, path: Path, newest: dict[str, int]) -> None:
        async with SqliteLedger(path) as ledger:
            again = a_node(incarnation="second")
            await ledger.beat(again, 600)
            for session_id, number in newest.items():
                claim = await ledger.claim(session_id, again)
                assert claim is not None
                last = claim.session.last_seq
                assert last >= number
                assert last % 5 == 0  # an entry is there whole, or not at all
                log = await ledger.read(session_id, after=0, limit=last + 1)
                assert list(log) == list(some_events(1, last))
                entry = Append(
                    session_id=session_id,
                    epoch=claim.epoch,
                    events=some_events(last + 1, last + 1),
                )
                assert await ledger.append([entry]) == {session_id}
