"""The port of the ledger's sessions: one owner each, an event log, and what is read of them.

One machine is a cluster of one: the operations are those that many servers on one PostgreSQL
need. A session belongs to a node (`claim`); its owner alone adds to it (`append`), under the
epoch of its claim. A server that starts is a new incarnation, so what its predecessor owned is
free to be claimed: recovery after a crash is takeover.

Rules beyond those of `store.ledger`:

* A node lives while its lease, renewed by `beat`, has not run out by the store's own clock, and
  no newer incarnation of it has begun.
* Epochs come from one sequence that only grows and are never used again.
* `append` is fenced and idempotent: with an old epoch nothing is written; the same entry
  handed in again is passed over. In one session numbers have no gaps.
* What `read` gives has been committed, and `wait_news` tells of it only then.
"""

from collections.abc import Collection, Sequence
from typing import Protocol

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


class SessionLedger(Protocol):
    """The sessions' part of the ledger."""

    # Ownership

    async def beat(self, node: Node, lease_secs: float) -> None:
        """Renew the node's lease, from now; the first time it begins to live.

        A newer incarnation takes the place of an older one of the same `node_id`. A node whose
        lease had run out lives again, and has again what nobody claimed meanwhile.

        Raises:
            ConflictError: an incarnation that began later has taken this one's place.
        """
        ...

    async def leave(self, node: Node) -> None:
        """The node stops: what it owned may be claimed. Nothing happens when it is not there."""
        ...

    async def claim(self, session_id: str, node: Node) -> Claim | None:
        """Own a session under a new epoch. None: there is none, or another owner lives.

        A node that claims what it owns already gets a new epoch, too. The node must live: one
        without a lease claims nothing.
        """
        ...

    async def release(self, session_id: str, epoch: int) -> bool:
        """Give a session up; False when the epoch is an old one."""
        ...

    async def append(self, batch: Sequence[Append]) -> Collection[str]:
        """Add to sessions. The ids of those that were added to: the others are fenced.

        Each entry is written whole or not at all, whatever becomes of the others; they are
        durable together. An entry is fenced when the session's epoch is another one, or when
        the session was released or is gone. A session that comes with two epochs counts as
        fenced, though what came under the right one is written.

        Whoever does not know whether an append took place hands in the same entries again:

        * Events with a number that is there are passed over, and so are the start of a turn
          that is there and the end of a turn that has ended.
        * When that leaves nothing of an entry's events, `turn_start` and `turn_end`, and there
          was one of them, the entry is a repetition: nothing of it is written, and its session
          is among the ids, as the first time.
        * Else the rest is written, too: `patch`, `permissions`, `audit`. But `patch.add_usage`
          of an entry with a `turn_end` is added only if that ends the turn here and now.
        * An entry with nothing to know it by (no event, no start or end of a turn) is written
          each time: give it an event, or no `add_usage` and no `audit`.
        * A permission that is not `pending` any more is left as it is.

        Raises:
            ConflictError: events or a turn that do not follow the session's newest one, that
                are there with other contents, or the end of a turn that never was; an
                idempotency key that another turn of the session has. Nothing of the batch is
                written.
        """
        ...

    async def read(self, session_id: str, *, after: int, limit: int) -> Sequence[StoredEvent]:
        """The session's events with `seq > after`, in order."""
        ...

    async def reap(self, *, limit: int = 1000) -> Sequence[str]:
        """Bury nodes whose lease has run out; sessions without a living owner that need one.

        Those are the ones with a turn that is `running` or a permission that is `pending`,
        oldest first by (created_at, session_id). Others wait until somebody wants them.
        """
        ...

    async def wait_news(self) -> Collection[str]:
        """Wait until events have been added to sessions since the last call; their ids.

        For one caller at a time: of several, only one hears of each. A cancelled wait loses
        nothing. It tells of what was added through this object, since it was opened.

        Raises:
            StorageError: the ledger was closed.
        """
        ...

    # Sessions

    async def create_session(self, session: Session, audit: AuditEntry, *, max_open: int) -> bool:
        """Add a session with its audit entry; False when `max_open` are open already.

        Nobody owns it yet.

        Raises:
            ConflictError: the id, or the app's `idempotency_key`, is in use.
        """
        ...

    async def session(self, session_id: str) -> Session | None:
        """One session, of whatever app: the caller checks whose it is."""
        ...

    async def session_of_key(self, app_id: str, key: str) -> Session | None:
        """The app's session that was created with that idempotency key."""
        ...

    async def sessions(
        self,
        app_id: str,
        *,
        limit: int | None = None,
        before: tuple[int, str] | None = None,
        include_closed: bool = True,
    ) -> Sequence[Session]:
        """The app's sessions, newest first by (created_at, session_id).

        `before`: only those that sort after this (created_at, session_id), for paging.
        """
        ...

    async def sessions_of_conversation(self, agent_session_id: str) -> Sequence[Session]:
        """The sessions, of whatever app, whose agent knows the conversation by that name.

        Also those in which that is unproven. Oldest first by (created_at, session_id).
        """
        ...

    async def attached_sessions(self) -> Sequence[Session]:
        """The sessions whose conversation somebody else has (`Session.attached`), by id."""
        ...

    async def session_ids(self) -> Collection[str]:
        """All sessions, also closed ones, so that strays on the disk can be told apart."""
        ...

    async def count_open_sessions(self) -> int:
        """How many sessions are open, of all apps."""
        ...

    async def idle_sessions(self, before: int, *, limit: int = 1000) -> Sequence[str]:
        """Open sessions without a running turn, last used (else created) before that time."""
        ...

    async def closed_sessions(self, before: int, *, limit: int = 1000) -> Sequence[Session]:
        """Sessions that were closed before that time, oldest first."""
        ...

    async def delete_session(self, session_id: str, audit: AuditEntry) -> bool:
        """Remove a closed session with its turns, events and permissions; its audit stays.

        False, and no audit entry, when there is none that is closed.
        """
        ...

    # Turns

    async def turn(self, session_id: str, turn: int) -> Turn | None:
        """One turn."""
        ...

    async def turn_of_key(self, session_id: str, key: str) -> Turn | None:
        """The turn that was asked for with that idempotency key."""
        ...

    async def turns(
        self, session_id: str, *, limit: int, before: int | None = None
    ) -> Sequence[Turn]:
        """The session's turns, newest first; `before`: only those with a smaller number."""
        ...

    # Permissions

    async def permission(self, permission_id: str) -> Permission | None:
        """One question, of whatever app."""
        ...

    async def permissions(
        self, app_id: str, *, limit: int, state: PermissionState | None = None
    ) -> Sequence[Permission]:
        """The app's questions, newest first by (asked_at, permission_id)."""
        ...

    async def audit_of(self, subject: str, *, limit: int = 1000) -> Sequence[AuditEntry]:
        """The audit entries about one subject, oldest first."""
        ...
