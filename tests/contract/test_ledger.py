"""Every ledger of ours keeps the port's promises."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from clawdforge.store.ledger import Ledger
from clawdforge.store.sqlite import SqliteLedger
from clawdforge.testing.ledger_contract import LedgerContract
from clawdforge.testing.memory_ledger import MemoryLedger


class TestMemoryLedger(LedgerContract):
    @pytest.fixture
    async def ledger(self) -> AsyncIterator[Ledger]:
        async with MemoryLedger() as ledger:
            yield ledger


class TestSqliteLedger(LedgerContract):
    @pytest.fixture
    async def ledger(self, tmp_path: Path) -> AsyncIterator[Ledger]:
        async with SqliteLedger(tmp_path / "ledger.db") as ledger:
            yield ledger
