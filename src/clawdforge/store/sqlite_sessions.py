"""The sessions' part of the ledger in SQLite."""

# ruff: noqa: D102 - the port says what each method promises

import functools
import math
from collections.abc import Collection, Sequence

from clawdforge.core.records import AuditEntry
from clawdforge.core.session_records import (
    Append,
    Claim,
    Node,
    Permission,
    PermissionState,
    Session,
    StoredEvent,
    Turn,
)
from clawdforge.core.session_state import UNPROVEN
from clawdforge.store import ownership, session_writes
from clawdforge.store import session_statements as sql
from clawdforge.store.appending import Appended, append
from clawdforge.store.rows import Row, audit_of
from clawdforge.store.session_rows import event_of, permission_of, session_of, turn_of
from clawdforge.store.sqlite_lanes import SqliteLanes
from clawdforge.store.statements import AUDIT_ABOUT

_ALL = -1
"""A limit that is none."""
_BEYOND_ALL = 2**63 - 1
"""Larger than every number of a turn."""


class SqliteSessions(SqliteLanes):
    """The port `SessionLedger` on SQLite; see there for what each method promises."""

    # Ownership

    async def beat(self, node: Node, lease_secs: float) -> None:
        lease_ms = math.ceil(lease_secs * 1000)
        await self._write(functools.partial(ownership.beat, node, lease_ms, self._now_ms))

    async def leave(self, node: Node) -> None:
        await self._write(functools.partial(ownership.leave, node))

    async def claim(self, session_id: str, node: Node) -> Claim | None:
        return await self._write(functools.partial(ownership.claim, session_id, node, self._now_ms))

    async def release(self, session_id: str, epoch: int) -> bool:
        return await self._write(functools.partial(ownership.release, session_id, epoch))

    async def append(self, batch: Sequence[Append]) -> Collection[str]:
        work = functools.partial(append, tuple(batch))
        return (await self._write(work, self._tell)).accepted

    async def read(self, session_id: str, *, after: int, limit: int) -> Sequence[StoredEvent]:
        return await self._list(
            event_of, sql.EVENTS, session_id=session_id, after=after, limit=limit
        )

    async def reap(self, *, limit: int = 1000) -> Sequence[str]:
        return await self._write(functools.partial(ownership.reap, limit, self._now_ms))

    async def wait_news(self) -> Collection[str]:
        return await self._news.wait()

    # Sessions

    async def create_session(self, session: Session, audit: AuditEntry, *, max_open: int) -> bool:
        return await self._write(
            functools.partial(session_writes.create_session, session, audit, max_open)
        )

    async def session(self, session_id: str) -> Session | None:
        return await self._find(session_of, sql.SESSION, session_id=session_id)

    async def session_of_key(self, app_id: str, key: str) -> Session | None:
        return await self._find(session_of, sql.SESSION_OF_KEY, app_id=app_id, key=key)

    async def sessions(
        self,
        app_id: str,
        *,
        limit: int | None = None,
        before: tuple[int, str] | None = None,
        include_closed: bool = True,
    ) -> Sequence[Session]:
        created_at, session_id = before or (0, "")
        return await self._list(
            session_of,
            sql.SESSIONS[before is not None, include_closed],
            app_id=app_id,
            limit=_ALL if limit is None else limit,
            created_at=created_at,
            session_id=session_id,
        )

    async def sessions_of_conversation(self, agent_session_id: str) -> Sequence[Session]:
        return await self._list(
            session_of,
            sql.SESSIONS_OF_CONVERSATION,
            name=agent_session_id,
            unproven=f"{UNPROVEN}{agent_session_id}",
        )

    async def attached_sessions(self) -> Sequence[Session]:
        return await self._list(session_of, sql.ATTACHED_SESSIONS)

    async def session_ids(self) -> Collection[str]:
        return frozenset(await self._list(_session_id, sql.SESSION_IDS))

    async def count_open_sessions(self) -> int:
        (count,) = await self._list(_count, sql.COUNT_OPEN)
        return count

    async def idle_sessions(self, before: int, *, limit: int = 1000) -> Sequence[str]:
        return await self._list(_session_id, sql.IDLE_SESSIONS, before=before, limit=limit)

    async def closed_sessions(self, before: int, *, limit: int = 1000) -> Sequence[Session]:
        return await self._list(session_of, sql.CLOSED_SESSIONS, before=before, limit=limit)

    async def delete_session(self, session_id: str, audit: AuditEntry) -> bool:
        return await self._write(
            functools.partial(session_writes.delete_session, session_id, audit)
        )

    # Turns

    async def turn(self, session_id: str, turn: int) -> Turn | None:
        return await self._find(turn_of, sql.TURN, session_id=session_id, turn=turn)

    async def turn_of_key(self, session_id: str, key: str) -> Turn | None:
        return await self._find(turn_of, sql.TURN_OF_KEY, session_id=session_id, key=key)

    async def turns(
        self, session_id: str, *, limit: int, before: int | None = None
    ) -> Sequence[Turn]:
        return await self._list(
            turn_of,
            sql.TURNS,
            session_id=session_id,
            limit=limit,
            before=_BEYOND_ALL if before is None else before,
        )

    # Permissions

    async def permission(self, permission_id: str) -> Permission | None:
        return await self._find(permission_of, sql.PERMISSION, permission_id=permission_id)

    async def permissions(
        self, app_id: str, *, limit: int, state: PermissionState | None = None
    ) -> Sequence[Permission]:
        if state is None:
            return await self._list(permission_of, sql.PERMISSIONS, app_id=app_id, limit=limit)
        return await self._list(
            permission_of, sql.PERMISSIONS_IN_STATE, app_id=app_id, limit=limit, state=state.value
        )

    async def audit_of(self, subject: str, *, limit: int = 1000) -> Sequence[AuditEntry]:
        return await self._list(audit_of, AUDIT_ABOUT, subject=subject, limit=limit)

    def _tell(self, done: Appended) -> None:
        self._news.tell(done.news)


def _count(row: Row) -> int:
    count: int = row["count"]
    return count


def _session_id(row: Row) -> str:
    session_id: str = row["session_id"]
    return session_id
