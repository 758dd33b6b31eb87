"""What becomes of sessions in time: idle ones are closed, closed ones are deleted."""

import logging
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

from clawdforge.core.options import Adopted, SessionOptions
from clawdforge.core.records import AuditEntry
from clawdforge.core.session_records import Session
from clawdforge.core.session_state import UNPROVEN
from clawdforge.errors import AgentError, BusyError, ConflictError, NotFoundError
from clawdforge.gateway.sessions.service import Sessions
from clawdforge.gateway.sessions.specs import Specs
from clawdforge.gateway.sessions.supervisor import Supervisor
from clawdforge.store.session_ledger import SessionLedger

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Swept:
    """What one pass has done."""

    soft_closed: int
    hard_deleted: int


class SessionSweeper:
    """Closes and deletes sessions that nobody uses.

    Args:
        ttl_secs: How long an open session may be idle.
        hard_ttl_secs: How long a closed one is kept.
        utc: Seconds since 1970.
    """

    def __init__(
        self,
        *,
        ledger: SessionLedger,
        sessions: Sessions,
        supervisor: Supervisor,
        specs: Specs,
        ttl_secs: int,
        hard_ttl_secs: int,
        utc: Callable[[], float],
    ) -> None:
        self.ttl_secs = ttl_secs
        self.hard_ttl_secs = hard_ttl_secs
        self._ledger = ledger
        self._sessions = sessions
        self._supervisor = supervisor
        self._specs = specs
        self._utc = utc

    async def sweep(self) -> Swept:
        """One pass."""
        now = int(self._utc())
        closed = 0
        for session_id in await self._ledger.idle_sessions(now - self.ttl_secs):
            closed += await self._close(session_id)
        deleted = 0
        users: dict[str, Counter[str]] = {}
        for session in await self._ledger.closed_sessions(now - self.hard_ttl_secs):
            if session.app_id not in users:
                users[session.app_id] = await self._users(session.app_id)
            deleted += await self._delete(session, now, users[session.app_id])
        return Swept(soft_closed=closed, hard_deleted=deleted)

    async def _close(self, session_id: str) -> bool:
        actor = self._supervisor.awake(session_id)
        if actor is not None and actor.busy:
            return False
        try:
            return await self._sessions.end(session_id, reason="idle", audit="session.sweep_close")
        except (BusyError, ConflictError, NotFoundError, AgentError) as error:
            log.info("an idle session was not closed", extra={"reason": error.message})
            return False

    async def _users(self, app_id: str) -> Counter[str]:
        """How many of an app's sessions may still need each conversation."""
        found = await self._ledger.sessions(app_id)
        return Counter(name for session in found for name in _conversations(session))

    async def _delete(self, session: Session, now: int, users: Counter[str]) -> bool:
        entry = AuditEntry(
            at=now,
            actor="server",
            action="session.hard_delete",
            subject=session.session_id,
            detail={"app": session.app_name, "turns": session.turn_count},
        )
        for name in _conversations(session):
            users[name] -= 1
            if not users[name]:
                await self._specs.forget(session, name)
        await self._specs.remove(session)
        return await self._ledger.delete_session(session.session_id, entry)


def _conversations(session: Session) -> set[str]:
    """What a session's agent may be asked to go on with: of a new fork also its source's."""
    known_as = session.agent_session_id
    if known_as is None:
        return set()
    found = {known_as.removeprefix(UNPROVEN)}
    source = session.options.get("fork")
    if known_as.startswith(UNPROVEN) and source is not None:
        found.add(source)
    theirs = Adopted.of(SessionOptions.of(session.options).adopted).theirs
    return found - {theirs}
