"""Nodes and who owns a session, in memory."""

# ruff: noqa: D102 - the port says what each method promises

import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

from clawdforge.core.session_records import Append, Claim, Node
from clawdforge.errors import ConflictError
from clawdforge.testing.memory_append import Draft, Kept
from clawdforge.testing.memory_base import MemoryBase

_GONE = 0.0


@dataclass(slots=True)
class _Life:
    """One incarnation of a node."""

    began: int
    lease_until: float


class MemoryOwners(MemoryBase):
    """The part of the port `SessionLedger` that is about owners and their appends."""

    def __init__(self, *, clock: Callable[[], float] = time.time) -> None:
        super().__init__()
        self._clock = clock
        self._epoch = 0
        self._lives: dict[tuple[str, str], _Life] = {}
        self._sessions: dict[str, Kept] = {}

    async def beat(self, node: Node, lease_secs: float) -> None:
        self._require_open()
        until = self._clock() + lease_secs
        others = [life for (name, _), life in self._lives.items() if name == node.node_id]
        life = self._lives.get(_who(node))
        if life is None:
            for other in others:
                other.lease_until = _GONE
            self._lives[_who(node)] = _Life(began=len(self._lives), lease_until=until)
        elif any(other.began > life.began for other in others):
            raise ConflictError(f"Another server has taken the place of node {node.node_id!r}.")
        else:
            life.lease_until = until

    async def leave(self, node: Node) -> None:
        self._require_open()
        life = self._lives.get(_who(node))
        if life is not None:
            life.lease_until = _GONE

    async def claim(self, session_id: str, node: Node) -> Claim | None:
        self._require_open()
        kept = self._sessions.get(session_id)
        if kept is None or not self._lives_now(node):
            return None
        if (
            self._lives_now(kept.owner)
            and kept.owner is not None
            and _who(kept.owner) != _who(node)
        ):
            return None
        self._epoch += 1
        kept.owner, kept.epoch = node, self._epoch
        return Claim(
            epoch=kept.epoch, session=kept.session, running=kept.running, pending=kept.pending
        )

    async def release(self, session_id: str, epoch: int) -> bool:
        self._require_open()
        kept = self._owned(session_id, epoch)
        if kept is None:
            return False
        kept.owner = None
        return True

    async def append(self, batch: Sequence[Append]) -> Collection[str]:
        self._require_open()
        drafts: dict[str, Draft] = {}
        fenced: set[str] = set()
        for entry in batch:
            kept = self._owned(entry.session_id, entry.epoch)
            if kept is None:
                fenced.add(entry.session_id)
                continue
            if entry.session_id not in drafts:
                drafts[entry.session_id] = Draft(kept)
            drafts[entry.session_id].add(entry)
        for draft in drafts.values():
            draft.apply()
            self._audit.extend(draft.audit)
        self._news.tell([session_id for session_id, draft in drafts.items() if draft.events])
        return drafts.keys() - fenced

    async def reap(self, *, limit: int = 1000) -> Sequence[str]:
        self._require_open()
        for life in self._lives.values():
            if life.lease_until <= self._clock():
                life.lease_until = _GONE
        orphans = (
            (kept.session.created_at, session_id)
            for session_id, kept in self._sessions.items()
            if (kept.running or kept.pending) and not self._lives_now(kept.owner)
        )
        return [session_id for _, session_id in sorted(orphans)[:limit]]

    async def wait_news(self) -> Collection[str]:
        return await self._news.wait()

    def _owned(self, session_id: str, epoch: int) -> Kept | None:
        kept = self._sessions.get(session_id)
        return kept if kept and kept.owner is not None and kept.epoch == epoch else None

    def _lives_now(self, node: Node | None) -> bool:
        life = self._lives.get(_who(node)) if node is not None else None
        return life is not None and life.lease_until > self._clock()


def _who(node: Node) -> tuple[str, str]:
    return node.node_id, node.incarnation
