"""What every implementation of the port `Ledger` must do, as tests to inherit from.

Write a subclass and a fixture `ledger` that yields one that is open and empty:

    class TestMyLedger(LedgerContract):
        @pytest.fixture
        async def ledger(self, tmp_path):
            async with MyLedger(tmp_path) as ledger:
                yield ledger

The tests are coroutines: run them with pytest-asyncio in its `auto` mode. The module needs
pytest; nothing else of clawdforge imports it.
"""

from clawdforge.testing.ledger_contract.records import (
    NOT_UNICODE,
    a_file,
    a_run,
    an_app,
    an_end,
    an_entry,
)
from clawdforge.testing.ledger_contract.session_records import (
    a_node,
    a_permission,
    a_session,
    a_start,
    a_turn_end,
    an_event,
    some_events,
)
from clawdforge.testing.ledger_contract.whole import LedgerContract, SessionLedgerContract

__all__ = [
    "NOT_UNICODE",
    "LedgerContract",
    "SessionLedgerContract",
    "a_file",
    "a_node",
    "a_permission",
    "a_run",
    "a_session",
    "a_start",
    "a_turn_end",
    "an_app",
    "an_end",
    "an_entry",
    "an_event",
    "some_events",
]
