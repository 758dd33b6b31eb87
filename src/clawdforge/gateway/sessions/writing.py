"""What an actor writes: facts become numbered events, and go to the ledger in one piece."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from clawdforge.core.records import AuditEntry
from clawdforge.core.run import whole_text
from clawdforge.core.session_effects import Audit, BeginTurn, Change, EndTurn, Fact, Keep
from clawdforge.core.session_inputs import Moment
from clawdforge.core.session_records import (
    Append,
    Claim,
    Permission,
    SessionPatch,
    StoredEvent,
    TurnEnd,
    TurnStart,
)
from clawdforge.core.usage import added
from clawdforge.errors import BusyError
from clawdforge.gateway.sessions.hub import Hub
from clawdforge.store.session_ledger import SessionLedger

MAX_UNKNOWN_CHARS = 16 * 1024
"""What an agent says that nobody here understands is kept up to this length."""

Written = Fact | BeginTurn | EndTurn | Change | Keep | Audit


@dataclass(slots=True)
class _Gathered:
    """What is to be stored in one piece."""

    events: list[StoredEvent] = field(default_factory=list)
    start: TurnStart | None = None
    end: TurnEnd | None = None
    patch: SessionPatch | None = None
    permissions: dict[str, Permission] = field(default_factory=dict)
    audit: list[AuditEntry] = field(default_factory=list)


class Writing:
    """Gathers what belongs together, appends it under the owner's epoch, then publishes it."""

    def __init__(self, *, ledger: SessionLedger, hub: Hub, claim: Claim) -> None:
        self._ledger = ledger
        self._hub = hub
        self._epoch = claim.epoch
        self._session = claim.session
        self._seq = claim.session.last_seq
        self.turn_first_seq = 0
        """The number of the newest turn's first event."""
        self._next = _Gathered()

    @property
    def last_seq(self) -> int:
        """The newest event's number, also of those that are not durable yet."""
        return self._seq

    def must_go_first(self, effect: Written) -> bool:
        """Whether what was gathered has to be stored before this can be added to it."""
        if isinstance(effect, BeginTurn):
            return self._next.start is not None or self._next.end is not None
        if isinstance(effect, EndTurn):
            return self._next.end is not None
        return False

    def add(self, effect: Written, now: Moment) -> None:
        """Gather."""
        match effect:
            case Fact():
                self._seq += 1
                self._next.events.append(
                    StoredEvent(
                        seq=self._seq,
                        turn=effect.turn,
                        at=int(now.utc) if effect.at is None else effect.at,
                        type=effect.type,
                        body=encoded(effect.type, effect.body),
                    )
                )
            case BeginTurn(start=start):
                self.turn_first_seq = self._seq + 1
                self._next.start = replace(start, first_seq=self.turn_first_seq)
            case EndTurn(end=end):
                self._next.end = replace(end, last_seq=self._seq + 1)
            case Change(patch=patch):
                self._next.patch = (
                    patch if self._next.patch is None else merged(self._next.patch, patch)
                )
            case Keep(permission=permission):
                self._next.permissions[permission.permission_id] = permission
            case Audit():
                self._next.audit.append(self._entry(effect, now))

    async def store(self) -> None:
        """Make durable what was gathered, then tell those who watch.

        Raises:
            StorageError: it could not be stored.
            BusyError: another server owns the session now (`code` `session_moved`).
        """
        if self._next == _Gathered():
            return
        append = Append(
            session_id=self._session.session_id,
            epoch=self._epoch,
            events=tuple(self._next.events),
            turn_start=self._next.start,
            turn_end=self._next.end,
            patch=self._next.patch,
            permissions=tuple(self._next.permissions.values()),
            audit=tuple(self._next.audit),
        )
        events = tuple(self._next.events)
        self._next = _Gathered()
        if self._session.session_id not in await self._ledger.append([append]):
            msg = "another server has taken the session over"
            raise BusyError(msg, code="session_moved", retry_after_secs=1)
        self._hub.publish(self._session.session_id, events)

    def _entry(self, effect: Audit, now: Moment) -> AuditEntry:
        return AuditEntry(
            at=int(now.utc),
            actor=effect.actor or f"app:{self._session.app_name}",
            action=effect.action,
            subject=self._session.session_id,
            detail=effect.detail,
        )


def encoded(kind: str, body: Mapping[str, Any]) -> str:
    """An event's body as it is stored: JSON, beginning with its type."""
    text = json.dumps({"type": kind, **body}, ensure_ascii=False, separators=(",", ":"))
    if kind == "unknown" and len(text) > MAX_UNKNOWN_CHARS:
        text = json.dumps({"type": kind, "raw": None, "chars": len(text)})
    return text if text.isascii() else whole_text(text)


def merged(first: SessionPatch, second: SessionPatch) -> SessionPatch:
    """Both changes in one, the second over the first."""
    given = {
        name: value
        for name in SessionPatch.__dataclass_fields__
        if (value := getattr(second, name)) is not None and name != "add_usage"
    }
    given["reopen"] = first.reopen or second.reopen
    given["detach"] = first.detach or second.detach
    return replace(first, **given, add_usage=added(first.add_usage, second.add_usage))


def bodies_of(events: Sequence[StoredEvent]) -> list[dict[str, Any]]:
    """Stored events as values again."""
    return [json.loads(event.body) for event in events]
