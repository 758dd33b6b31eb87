"""The limits of a server that runs, and how far they are used up."""

from collections.abc import Sequence

from clawdforge.config import Settings
from clawdforge.gateway.sessions.hub import Hub
from clawdforge.gateway.slots import Slots
from clawdforge.http.services import Limit
from clawdforge.store.ledger import Ledger


class Limits:
    """Tells them."""

    def __init__(self, settings: Settings, *, slots: Slots, ledger: Ledger, hub: Hub) -> None:
        self._settings = settings
        self._slots = slots
        self._ledger = ledger
        self._hub = hub

    async def __call__(self) -> Sequence[Limit]:
        """All of them, as they are now."""
        its, slots = self._settings, self._slots
        opened = await self._ledger.count_open_sessions()
        return (
            Limit(
                "max_active_agents", "Agents at work at once.", its.max_active_agents, slots.active
            ),
            Limit(
                "max_waiting_runs", "Runs and turns in line.", its.max_waiting_runs, slots.waiting
            ),
            Limit("max_live_sessions", "Open sessions.", its.max_live_sessions, opened),
            Limit(
                "max_event_readers", "Streams of events.", its.max_event_readers, self._hub.readers
            ),
            Limit("turn_inbox", "Turns that wait in one session.", its.turn_inbox),
            Limit("default_timeout_secs", "A turn, if it names no time.", its.default_timeout_secs),
            Limit("max_timeout_secs", "The longest turn.", its.max_timeout_secs),
            Limit("hibernate_after_secs", "Then an idle agent sleeps.", its.hibernate_after_secs),
            Limit("session_ttl_secs", "Then an idle session is closed.", its.session_ttl_secs),
            Limit(
                "session_hard_ttl_secs", "Then a closed one is deleted.", its.session_hard_ttl_secs
            ),
        )
