"""Sessions, turns and permissions, in memory."""

# ruff: noqa: D102 - the port says what each method promises

import heapq
from collections.abc import Callable, Collection, Sequence
from dataclasses import replace

from clawdforge.core.records import AuditEntry
from clawdforge.core.session_records import (
    Permission,
    PermissionState,
    Session,
    StoredEvent,
    Turn,
)
from clawdforge.core.session_state import UNPROVEN
from clawdforge.errors import ConflictError
from clawdforge.testing.memory_append import Kept
from clawdforge.testing.memory_base import entry_as_kept, object_as_kept, require_text
from clawdforge.testing.memory_owners import MemoryOwners
from clawdforge.testing.memory_works import OfApp, works_of


class MemorySessions(MemoryOwners):
    """The port `SessionLedger` in memory."""

    def __init__(self, *, clock: Callable[[], float]) -> None:
        super().__init__(clock=clock)
        self._deleted: list[OfApp] = []
        """What deleted sessions did: it goes on to count."""

    async def read(self, session_id: str, *, after: int, limit: int) -> Sequence[StoredEvent]:
        self._require_open()
        kept = self._sessions.get(session_id)
        first = max(after, 0)
        return kept.events[first : first + limit] if kept else []

    async def create_session(self, session: Session, audit: AuditEntry, *, max_open: int) -> bool:
        self._require_open()
        require_text(session)
        entry = entry_as_kept(audit)
        key = session.idempotency_key
        if session.session_id in self._sessions:
            raise ConflictError("There is such a session already.")
        if key is not None and self._of_key(session.app_id, key):
            raise ConflictError("There is a session of that idempotency key already.")
        if len(self._open_ones()) >= max_open:
            return False
        meta = None if session.meta is None else object_as_kept(session.meta)
        attached = None if session.attached is None else object_as_kept(session.attached)
        self._sessions[session.session_id] = Kept(
            replace(session, meta=meta, options=object_as_kept(session.options), attached=attached)
        )
        self._audit.append(entry)
        return True

    async def session(self, session_id: str) -> Session | None:
        self._require_open()
        kept = self._sessions.get(session_id)
        return kept.session if kept else None

    async def session_of_key(self, app_id: str, key: str) -> Session | None:
        self._require_open()
        return self._of_key(app_id, key)

    async def sessions(
        self,
        app_id: str,
        *,
        limit: int | None = None,
        before: tuple[int, str] | None = None,
        include_closed: bool = True,
    ) -> Sequence[Session]:
        self._require_open()
        found = (
            kept.session
            for kept in self._sessions.values()
            if kept.session.app_id == app_id
            and (include_closed or kept.session.closed_at is None)
            and (before is None or _order(kept.session) < before)
        )
        return sorted(found, key=_order, reverse=True)[:limit]

    async def sessions_of_conversation(self, agent_session_id: str) -> Sequence[Session]:
        self._require_open()
        names = {agent_session_id, f"{UNPROVEN}{agent_session_id}"}
        found = (kept.session for kept in self._sessions.values())
        return sorted((one for one in found if one.agent_session_id in names), key=_order)

    async def attached_sessions(self) -> Sequence[Session]:
        self._require_open()
        found = (kept.session for kept in self._sessions.values())
        return sorted(
            (one for one in found if one.attached is not None), key=lambda one: one.session_id
        )

    async def session_ids(self) -> Collection[str]:
        self._require_open()
        return frozenset(self._sessions)

    async def count_open_sessions(self) -> int:
        self._require_open()
        return len(self._open_ones())

    async def idle_sessions(self, before: int, *, limit: int = 1000) -> Sequence[str]:
        self._require_open()
        idle = (
            (kept.last_used_at, kept.session.session_id)
            for kept in self._open_ones()
            if kept.last_used_at < before and kept.running is None
        )
        return [session_id for _, session_id in heapq.nsmallest(limit, idle)]

    async def closed_sessions(self, before: int, *, limit: int = 1000) -> Sequence[Session]:
        self._require_open()
        closed = [
            (kept.session.closed_at, session_id)
            for session_id, kept in self._sessions.items()
            if kept.session.closed_at is not None and kept.session.closed_at < before
        ]
        return [self._sessions[one].session for _, one in heapq.nsmallest(limit, closed)]

    async def delete_session(self, session_id: str, audit: AuditEntry) -> bool:
        self._require_open()
        entry = entry_as_kept(audit)
        kept = self._sessions.get(session_id)
        if kept is None or kept.session.closed_at is None:
            return False
        self._deleted.extend(works_of(kept))
        del self._sessions[session_id]
        self._audit.append(entry)
        return True

    async def turn(self, session_id: str, turn: int) -> Turn | None:
        return next((one for one in self._turns(session_id) if one.start.turn == turn), None)

    async def turn_of_key(self, session_id: str, key: str) -> Turn | None:
        turns = self._turns(session_id)
        return next((one for one in turns if one.start.idempotency_key == key), None)

    async def turns(
        self, session_id: str, *, limit: int, before: int | None = None
    ) -> Sequence[Turn]:
        turns = self._turns(session_id)
        found = [one for one in turns if before is None or one.start.turn < before]
        return found[::-1][:limit]

    async def permission(self, permission_id: str) -> Permission | None:
        self._require_open()
        of_all = (kept.permissions.get(permission_id) for kept in self._sessions.values())
        return next((one for one in of_all if one is not None), None)

    async def permissions(
        self, app_id: str, *, limit: int, state: PermissionState | None = None
    ) -> Sequence[Permission]:
        self._require_open()
        found = (
            one
            for kept in self._sessions.values()
            for one in kept.permissions.values()
            if one.app_id == app_id and (state is None or one.state is state)
        )
        return heapq.nlargest(limit, found, key=lambda one: (one.asked_at, one.permission_id))

    async def audit_of(self, subject: str, *, limit: int = 1000) -> Sequence[AuditEntry]:
        self._require_open()
        return [entry for entry in self._audit if entry.subject == subject][:limit]

    def _turns(self, session_id: str) -> Sequence[Turn]:
        self._require_open()
        kept = self._sessions.get(session_id)
        return tuple(kept.turns) if kept else ()

    def _open_ones(self) -> list[Kept]:
        return [kept for kept in self._sessions.values() if kept.session.closed_at is None]

    def _of_key(self, app_id: str, key: str) -> Session | None:
        for kept in self._sessions.values():
            if kept.session.app_id == app_id and kept.session.idempotency_key == key:
                return kept.session
        return None


def _order(session: Session) -> tuple[int, str]:
    return session.created_at, session.session_id
