"""What a ledger must do as a whole."""

# ruff: noqa: D102 - a test's name says what it shows

import asyncio
from dataclasses import replace

import pytest

from clawdforge.core.records import Run, RunState
from clawdforge.errors import InputError, StorageError
from clawdforge.store.ledger import Ledger
from clawdforge.testing.ledger_contract.event_log import AppendContract, NewsContract
from clawdforge.testing.ledger_contract.history import HistoryContract
from clawdforge.testing.ledger_contract.ownership import OwnershipContract, ReapContract
from clawdforge.testing.ledger_contract.records import (
    NOT_UNICODE,
    a_file,
    a_run,
    an_app,
    an_end,
    an_entry,
    reopened,
)
from clawdforge.testing.ledger_contract.runs import RunsContract
from clawdforge.testing.ledger_contract.sessions import SessionsContract
from clawdforge.testing.ledger_contract.tables import AppsContract, AuditContract, FilesContract
from clawdforge.testing.ledger_contract.takeover import TakeoverContract
from clawdforge.testing.ledger_contract.turns import PermissionsContract, TurnsContract


class SessionLedgerContract(
    OwnershipContract,
    ReapContract,
    AppendContract,
    NewsContract,
    TakeoverContract,
    SessionsContract,
    TurnsContract,
    PermissionsContract,
):
    """The sessions' part of the port."""


class LedgerContract(
    AppsContract,
    FilesContract,
    RunsContract,
    AuditContract,
    HistoryContract,
    SessionLedgerContract,
):
    """The whole port."""

    async def test_it_is_ready(self, ledger: Ledger) -> None:
        await ledger.check()

    async def test_everything_is_there_after_opening_again(self, ledger: Ledger) -> None:
        await ledger.add_app(an_app(), an_entry())
        await ledger.add_file(a_file(), an_entry())
        await ledger.start_run(a_run())
        await ledger.end_run("r1", an_end())
        again = await reopened(ledger)
        assert list(await again.live_apps()) == [an_app()]
        assert set(await again.file_names()) == {"f1"}
        assert await again.run("shop", "r1") == Run(start=a_run(), end=an_end())
        assert len(await again.audit_entries(limit=10)) == 2

    async def test_closing_twice_is_harmless(self, ledger: Ledger) -> None:
        await ledger.__aexit__(None, None, None)
        await ledger.__aexit__(None, None, None)

    async def test_a_closed_ledger_says_so(self, ledger: Ledger) -> None:
        await ledger.__aexit__(None, None, None)
        with pytest.raises(StorageError):
            await ledger.check()
        with pytest.raises(StorageError):
            await ledger.live_apps()
        with pytest.raises(StorageError):
            await ledger.start_run(a_run())

    async def test_what_was_read_before_is_not_changed_by_writes(self, ledger: Ledger) -> None:
        await ledger.add_app(an_app(), an_entry())
        before = await ledger.live_apps()
        await ledger.revoke_app("shop", an_entry())
        assert list(before) == [an_app()]

    async def test_text_that_is_no_unicode_is_refused(self, ledger: Ledger) -> None:
        with pytest.raises(InputError):
            await ledger.start_run(replace(a_run(), prompt_text=NOT_UNICODE))
        with pytest.raises(InputError):
            await ledger.add_file(replace(a_file(), original_name=NOT_UNICODE), an_entry())
        assert await ledger.run("shop", "r1") is None
        assert list(await ledger.audit_entries(limit=10)) == []

    async def test_writes_of_one_task_happen_in_order(self, ledger: Ledger) -> None:
        async def write(number: int) -> None:
            run_id = f"r{number}"
            await ledger.start_run(a_run(run_id))
            assert await ledger.end_run(run_id, an_end()) is True
            run = await ledger.run("shop", run_id)
            assert run is not None
            assert run.state is RunState.DONE

        async with asyncio.TaskGroup() as group:
            for number in range(50):
                group.create_task(write(number))

    async def test_a_cancelled_write_happens_whole_or_not_at_all(self, ledger: Ledger) -> None:
        async with asyncio.TaskGroup() as group:
            adding = [
                group.create_task(ledger.add_app(an_app(f"app-{number}"), an_entry()))
                for number in range(20)
            ]
            await asyncio.sleep(0)
            for task in adding[::2]:
                task.cancel()
        added = await ledger.live_apps()
        assert len(added) >= len(adding[1::2])
        assert len(await ledger.audit_entries(limit=100)) == len(added)
        await ledger.check()
