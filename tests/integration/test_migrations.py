"""The migration scripts, on real files."""

import asyncio
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine
from sqlalchemy.pool import NullPool

from clawdforge.core.records import RunState
from clawdforge.errors import LedgerCorruptError, StorageError
from clawdforge.store.migrate import (
    HEAD_REVISION,
    VERSION_TABLE,
    revision_of,
    scripts_config,
    upgrade,
)
from clawdforge.store.schema import metadata
from clawdforge.store.sqlite import SqliteLedger
from clawdforge.testing.ledger_contract import a_session, an_entry

OPEN_AND_TELL = """
import asyncio, sys
from pathlib import Path
from clawdforge.store.sqlite import SqliteLedger

async def main():
    async with SqliteLedger(Path(sys.argv[1])) as ledger:
        await ledger.check()

asyncio.run(main())
print("alembic" in sys.modules)
"""

OLD_ROWS = """
INSERT INTO apps (app_id, name, token_digest, ip_cidrs, scopes, created_at)
    VALUES ('a1', 'shop', 'd', '[]', '["run"]', 1);
INSERT INTO files VALUES ('t', 'a1', 'f1', 'o', 1, 'x', 1, 2);
INSERT INTO runs (run_id, app_id, app_name, agent, prompt_bytes, prompt_sha256, prompt_text,
                  file_count, timeout_secs, started_at, waited_ms, state, duration_ms, ended_at)
    VALUES ('r1', 'a1', 'shop', 'claude', 5, 'x', 'hello', 0, 9, 1, 0, 'done', 7, 2);
INSERT INTO audit (at, actor, action, subject, detail)
    VALUES (1, 'admin', 'app.create', 'shop', '{}');
"""


def connect(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(path, isolation_level=None)


def small(path: Path) -> sqlite3.Connection:
    """A connection that runs out of room while tables are made."""
    connection = connect(path)
    connection.execute("PRAGMA max_page_count=6")
    return connection


def tables_of(path: Path) -> dict[str, str]:
    with closing(connect(path)) as connection:
        found = connection.execute(
            "SELECT name, sql FROM sqlite_schema WHERE sql IS NOT NULL AND name NOT LIKE ?",
            (VERSION_TABLE,),
        ).fetchall()
    return {name: " ".join(sql.split()) for name, sql in found}


def set_revision(path: Path, revision: str) -> None:
    with closing(connect(path)) as connection:
        connection.execute(f"UPDATE {VERSION_TABLE} SET version_num = ?", (revision,))


@pytest.fixture
def migrated(tmp_path: Path) -> Path:
    path = tmp_path / "ledger.db"
    upgrade(lambda: connect(path), None)
    return path


class TestScripts:
    def test_the_newest_is_the_one_that_the_code_names(self) -> None:
        scripts = ScriptDirectory.from_config(scripts_config())
        assert scripts.get_heads() == [HEAD_REVISION]

    def test_they_make_what_the_schema_says(self, migrated: Path) -> None:
        engine = create_engine(f"sqlite:///{migrated}", poolclass=NullPool)
        with engine.connect() as connection:
            context = MigrationContext.configure(
                connection, opts={"version_table": VERSION_TABLE, "compare_type": True}
            )
            assert compare_metadata(context, metadata) == []

    def test_they_make_it_to_the_letter(self, migrated: Path, tmp_path: Path) -> None:
        fresh = tmp_path / "fresh.db"
        engine = create_engine(f"sqlite:///{fresh}", poolclass=NullPool)
        metadata.create_all(engine)
        assert tables_of(migrated) == tables_of(fresh)
        assert len(tables_of(fresh)) >= len(metadata.tables)

    def test_tables_are_strict(self, migrated: Path) -> None:
        with closing(connect(migrated)) as connection:
            strict = dict(connection.execute("SELECT name, strict FROM pragma_table_list"))
        assert all(strict[name] for name in metadata.tables)

    def test_the_running_runs_are_found_by_index(self, migrated: Path) -> None:
        from clawdforge.store.statements import RUNNING_RUNS

        with closing(connect(migrated)) as connection:
            (plan,) = connection.execute(f"EXPLAIN QUERY PLAN {RUNNING_RUNS}").fetchall()
        assert "runs_running" in plan[-1]


class TestUpgrade:
    def test_an_empty_database_has_no_revision(self, tmp_path: Path) -> None:
        with closing(connect(tmp_path / "empty.db")) as connection:
            assert revision_of(connection) is None

    def test_afterwards_it_is_at_the_newest(self, migrated: Path) -> None:
        with closing(connect(migrated)) as connection:
            assert revision_of(connection) == HEAD_REVISION

    def test_a_second_one_that_knew_less_does_nothing(self, migrated: Path) -> None:
        before = tables_of(migrated)
        upgrade(lambda: connect(migrated), None)
        assert tables_of(migrated) == before

    def test_all_or_nothing(self, tmp_path: Path) -> None:
        path = tmp_path / "ledger.db"
        with pytest.raises(sqlite3.OperationalError, match="full"):
            upgrade(lambda: small(path), None)
        assert tables_of(path) == {}
        upgrade(lambda: connect(path), None)
        assert set(metadata.tables) <= set(tables_of(path))

    def test_a_database_of_a_newer_clawdforge(self, migrated: Path) -> None:
        with pytest.raises(StorageError, match="newer clawdforge") as caught:
            upgrade(lambda: connect(migrated), "9999")
        assert not isinstance(caught.value, LedgerCorruptError)
        assert "'9999'" in caught.value.message
        assert caught.value.hint

    @pytest.mark.parametrize(
        "made_by", ["CREATE TABLE photos (id)", f"CREATE TABLE {VERSION_TABLE} (version_num)"]
    )
    def test_a_database_of_another_program(self, tmp_path: Path, made_by: str) -> None:
        with closing(connect(tmp_path / "other.db")) as connection:
            connection.execute(made_by)
            with pytest.raises(LedgerCorruptError):
                revision_of(connection)


class TestFromTheFirstTables:
    """A ledger of clawdforge at revision 0001, with something in every table."""

    @pytest.fixture
    def old(self, tmp_path: Path) -> Path:
        path = tmp_path / "ledger.db"
        config = scripts_config()
        engine = create_engine(f"sqlite:///{path}", poolclass=NullPool)
        with engine.begin() as connection:
            config.attributes["connection"] = connection
            command.upgrade(config, "0001")
        with closing(connect(path)) as raw:
            raw.executescript(OLD_ROWS)
        return path

    async def test_everything_is_there_and_sessions_can_be_made(self, old: Path) -> None:
        async with SqliteLedger(old) as ledger:
            (app,) = await ledger.live_apps()
            assert (app.app_id, app.scopes, app.policy) == ("a1", ("run",), None)
            assert set(await ledger.file_names()) == {"f1"}
            (run,) = await ledger.runs("a1", limit=9)
            assert (run.state, run.start.prompt_text) == (RunState.DONE, "hello")
            assert [entry.action for entry in await ledger.audit_of("shop")] == ["app.create"]
            assert await ledger.create_session(a_session(), an_entry(), max_open=1)

    def test_it_ends_as_a_new_one_begins(self, old: Path, tmp_path: Path) -> None:
        fresh = tmp_path / "fresh.db"
        upgrade(lambda: connect(fresh), None)
        upgrade(lambda: connect(old), "0001")
        assert tables_of(old) == tables_of(fresh)
        with closing(connect(old)) as connection:
            assert revision_of(connection) == HEAD_REVISION

    def test_a_disk_that_is_full_leaves_the_old_ledger(self, old: Path) -> None:
        before = tables_of(old)

        def full() -> sqlite3.Connection:
            connection = connect(old)
            (pages,) = connection.execute("PRAGMA page_count").fetchone()
            connection.execute(f"PRAGMA max_page_count={pages + 3}")
            return connection

        with pytest.raises(sqlite3.OperationalError, match="full"):
            upgrade(full, "0001")
        assert tables_of(old) == before
        with closing(connect(old)) as connection:
            assert revision_of(connection) == "0001"
            assert connection.execute("SELECT count(*) FROM runs").fetchone() == (1,)


class TestOpening:
    async def test_two_that_open_a_new_ledger_at_once(self, tmp_path: Path) -> None:
        path = tmp_path / "ledger.db"

        async def use() -> None:
            async with SqliteLedger(path) as ledger:
                await ledger.check()

        async with asyncio.TaskGroup() as group:
            for _ in range(4):
                group.create_task(use())

    async def test_a_newer_ledger_is_refused_and_left_alone(self, tmp_path: Path) -> None:
        path = tmp_path / "ledger.db"
        async with SqliteLedger(path):
            pass
        set_revision(path, "9999")
        before = tables_of(path)
        with pytest.raises(StorageError, match="newer clawdforge"):
            await SqliteLedger(path).__aenter__()
        assert tables_of(path) == before

    def test_alembic_is_imported_only_when_needed(self, tmp_path: Path) -> None:
        def tells() -> str:
            command = [sys.executable, "-c", OPEN_AND_TELL, str(tmp_path / "ledger.db")]
            return subprocess.run(command, check=True, capture_output=True, text=True).stdout

        assert [tells(), tells()] == ["True\n", "False\n"]
