"""The SQLite ledger on files and disks that are not as they should be."""

# ruff: noqa: ASYNC221, ASYNC240 - the loop of a test has nothing else to do

import os
import sqlite3
import subprocess
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from clawdforge.errors import LedgerCorruptError, StorageError
from clawdforge.store.ledger import Ledger
from clawdforge.store.sqlite import SqliteLedger
from clawdforge.testing.ledger_contract import a_run, an_entry

NOBODY = 65534


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "ledger.db"


async def fill(path: Path) -> None:
    """A ledger of some hundred pages."""
    async with SqliteLedger(path) as ledger:
        for number in range(100):
            await ledger.start_run(replace(a_run(f"r{number}"), prompt_text="x" * 5_000))


async def refused(path: Path) -> StorageError:
    """What opening the ledger raises."""
    with pytest.raises(StorageError) as caught:
        async with SqliteLedger(path):
            pass
    assert str(path) in caught.value.message or isinstance(caught.value, LedgerCorruptError)
    assert caught.value.hint
    return caught.value


async def write_until_refused(ledger: Ledger) -> tuple[list[str], StorageError]:
    """The ids of the runs that were acknowledged, and why it ended."""
    acknowledged: list[str] = []
    for number in range(10_000):
        run = replace(a_run(f"run-{number}"), prompt_text="x" * 10_000)
        try:
            await ledger.start_run(run)
        except StorageError as error:
            return acknowledged, error
        acknowledged.append(run.run_id)
    raise AssertionError("the disk never got full")


@contextmanager
def as_nobody() -> Iterator[None]:
    """Without the rights of root, which may do anything."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(0)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of one megabyte; needs root."""
    place = tmp_path / "disk"
    place.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(place)]
    if os.geteuid() != 0 or subprocess.run(mount, check=False, capture_output=True).returncode:
        pytest.skip("no file system can be mounted here")
    yield place
    subprocess.run(["umount", str(place)], check=True)


class TestPermissions:
    async def test_all_its_files_are_private(self, path: Path) -> None:
        before = os.umask(0)
        try:
            async with SqliteLedger(path) as ledger:
                await ledger.check()
                modes = {file.name: file.stat().st_mode & 0o777 for file in path.parent.iterdir()}
        finally:
            os.umask(before)
        assert modes == {"ledger.db": 0o600, "ledger.db-wal": 0o600, "ledger.db-shm": 0o600}

    async def test_a_file_that_others_could_read_becomes_private(self, path: Path) -> None:
        path.touch(0o644)
        async with SqliteLedger(path):
            pass
        assert path.stat().st_mode & 0o777 == 0o600

    async def test_unreadable(self, path: Path) -> None:
        await fill(path)
        path.parent.chmod(0o700)
        path.chmod(0o000)
        with as_nobody():
            error = await refused(path)
        path.chmod(0o600)
        assert "cannot be opened" in error.message

    async def test_a_read_only_disk(self, small_disk: Path) -> None:
        path = small_disk / "ledger.db"
        async with SqliteLedger(path):
            pass
        subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
        assert "cannot be written" in (await refused(path)).message


class TestPlaces:
    async def test_a_folder(self, path: Path) -> None:
        path.mkdir()
        assert "not a file" in (await refused(path)).message

    async def test_no_folder(self, path: Path) -> None:
        assert "folder is not there" in (await refused(path / "ledger.db")).message

    async def test_a_pipe(self, path: Path) -> None:
        os.mkfifo(path)
        assert "not a file" in (await refused(path)).message

    async def test_a_link_to_itself(self, path: Path) -> None:
        path.symlink_to(path)
        assert "not a file" in (await refused(path)).message

    async def test_names_with_signs_of_urls(self, tmp_path: Path) -> None:
        path = tmp_path / "50% ü?mode=ro#x.db"
        async with SqliteLedger(path) as ledger:
            await ledger.check()
        assert [file.name for file in tmp_path.iterdir()] == [path.name]

    async def test_locked_by_another_program(
        self, path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("clawdforge.store.opening.LOCK_TIMEOUT_SECS", 0.01)
        async with SqliteLedger(path) as ledger:
            with closing(sqlite3.connect(path, isolation_level=None)) as other:
                other.execute("BEGIN IMMEDIATE")
                with pytest.raises(StorageError, match="locked") as caught:
                    await ledger.start_run(a_run())
                assert caught.value.hint
            await ledger.start_run(a_run())


def garbage(path: Path) -> None:
    path.write_bytes(b"This is a diary. " * 1_000)


def scrap(path: Path) -> None:
    path.write_bytes(b"x" * 10)


def only_a_header(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:16] + os.urandom(8_000))


def cut_in_half(path: Path) -> None:
    os.truncate(path, path.stat().st_size // 2)


def cut_inside_a_page(path: Path) -> None:
    os.truncate(path, path.stat().st_size - 1_000)


def overwritten(path: Path) -> None:
    with path.open("r+b") as file:
        file.seek(40_960)
        file.write(os.urandom(path.stat().st_size // 2))


class TestDamage:
    @pytest.mark.parametrize(
        "harm", [garbage, scrap, only_a_header, cut_in_half, cut_inside_a_page, overwritten]
    )
    async def test_it_is_found_at_once_and_can_be_moved_away(
        self, path: Path, harm: Callable[[Path], None]
    ) -> None:
        await fill(path)
        harm(path)
        error = await refused(path)
        assert isinstance(error, LedgerCorruptError)
        assert error.hint is not None
        assert f"mv {path} {path}.damaged" in error.hint
        path.rename(f"{path}.damaged")
        async with SqliteLedger(path) as ledger:
            assert await ledger.runs("shop", limit=1) == []

    async def test_the_database_of_another_program_is_left_alone(self, path: Path) -> None:
        with closing(sqlite3.connect(path)) as connection:
            connection.execute("CREATE TABLE photos (id)")
        before = path.read_bytes()
        assert isinstance(await refused(path), LedgerCorruptError)
        assert path.read_bytes() == before

    async def test_a_row_that_says_nonsense(self, path: Path) -> None:
        async with SqliteLedger(path) as ledger:
            await ledger.audit(an_entry())
            with closing(sqlite3.connect(path)) as connection:
                connection.execute("UPDATE audit SET detail = 'not JSON'")
                connection.commit()
            with pytest.raises(LedgerCorruptError):
                await ledger.audit_entries(limit=1)
            await ledger.check()

    async def test_damage_while_it_is_open(self, path: Path) -> None:
        await fill(path)
        async with SqliteLedger(path) as ledger:
            overwritten(path)
            with pytest.raises(LedgerCorruptError):
                await ledger.runs("shop", limit=1_000)


class TestFullDisk:
    async def test_a_real_one(self, small_disk: Path) -> None:
        path = small_disk / "ledger.db"
        ballast = small_disk / "ballast"
        ballast.write_bytes(b"x" * 400_000)
        async with SqliteLedger(path) as ledger:
            acknowledged, error = await write_until_refused(ledger)
            assert "no room" in error.message
            assert error.hint
            assert acknowledged
            ballast.unlink()
            await ledger.check()
            await ledger.start_run(a_run("after"))
        async with SqliteLedger(path) as ledger:
            found = {run.start.run_id for run in await ledger.runs("shop", limit=10_000)}
        assert found == {*acknowledged, "after"}

    async def test_one_where_not_even_a_ledger_fits(self, small_disk: Path) -> None:
        (small_disk / "ballast").write_bytes(b"x" * 1_020_000)
        path = small_disk / "ledger.db"
        assert "no room" in (await refused(path)).message
        (small_disk / "ballast").unlink()
        async with SqliteLedger(path) as ledger:
            await ledger.check()

    async def test_a_limit_on_the_file(self, path: Path) -> None:
        async with SqliteLedger(path) as ledger:
            await ledger._writer.do(lambda c: c.execute("PRAGMA max_page_count=60").fetchone())
            acknowledged, error = await write_until_refused(ledger)
            assert "no room" in error.message
            found = {run.start.run_id for run in await ledger.runs("shop", limit=10_000)}
            assert found == set(acknowledged)
