"""What an append does to a session that is kept in memory. Pure: a draft, until it is applied."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from clawdforge.core.records import AuditEntry
from clawdforge.core.session_records import (
    Append,
    Node,
    Permission,
    PermissionState,
    Session,
    SessionPatch,
    StoredEvent,
    Turn,
)
from clawdforge.core.usage import Usage
from clawdforge.errors import ConflictError
from clawdforge.testing.memory_base import entry_as_kept, object_as_kept, require_text


@dataclass(slots=True)
class Kept:
    """A session with all that is its own."""

    session: Session
    epoch: int = 0
    owner: Node | None = None
    events: list[StoredEvent] = field(default_factory=list)
    turns: list[Turn] = field(default_factory=list)
    permissions: dict[str, Permission] = field(default_factory=dict)

    @property
    def running(self) -> Turn | None:
        """The turn that is under way."""
        return next((turn for turn in reversed(self.turns) if turn.end is None), None)

    @property
    def pending(self) -> tuple[Permission, ...]:
        """The questions without an answer, oldest first."""
        found = (one for one in self.permissions.values() if one.state is PermissionState.PENDING)
        return tuple(sorted(found, key=lambda one: (one.asked_at, one.permission_id)))

    @property
    def last_used_at(self) -> int:
        """When it had its last turn, else when it was made."""
        return max(self.session.created_at, self.session.last_turn_at or 0)


class Draft:
    """What a batch of appends makes of one session."""

    def __init__(self, kept: Kept) -> None:
        self._kept = kept
        self._session = kept.session
        self._turns = list(kept.turns)
        self._permissions = dict(kept.permissions)
        self.events: list[StoredEvent] = []
        """Those that are new."""
        self.audit: list[AuditEntry] = []

    def add(self, entry: Append) -> None:
        """Draw what the entry adds; nothing, when it is a repetition.

        Raises:
            ConflictError: it does not fit to what is there.
        """
        events = self._new_events(entry.events)
        started = self._start_turn(entry)
        ended = self._end_turn(entry)
        recognisable = bool(entry.events or entry.turn_start or entry.turn_end)
        if recognisable and not (events or started or ended):
            return
        for event in events:
            require_text(event)
        self.events.extend(events)
        if events:
            self._session = replace(self._session, last_seq=events[-1].seq)
        if entry.patch is not None:
            add_usage = ended or entry.turn_end is None
            self._session = _patched(self._session, entry.patch, add_usage=add_usage)
        for permission in entry.permissions:
            self._put(permission)
        self.audit.extend(map(entry_as_kept, entry.audit))

    def apply(self) -> None:
        """Make it so."""
        kept = self._kept
        kept.session = self._session
        kept.turns = self._turns
        kept.permissions = self._permissions
        kept.events.extend(self.events)

    def _event(self, seq: int) -> StoredEvent:
        there = len(self._kept.events)
        return self._kept.events[seq - 1] if seq <= there else self.events[seq - 1 - there]

    def _new_events(self, events: Sequence[StoredEvent]) -> Sequence[StoredEvent]:
        if not events:
            return ()
        first, newest = events[0].seq, self._session.last_seq
        if [event.seq for event in events] != list(range(first, first + len(events))):
            raise ConflictError("The numbers of the events are not in a row.")
        if not 1 <= first <= newest + 1:
            raise ConflictError(f"Event {first} does not follow the newest one, {newest}.")
        there = newest + 1 - first
        if any(self._event(event.seq) != event for event in events[:there]):
            raise ConflictError("There is another event of that number already.")
        return events[there:]

    def _start_turn(self, entry: Append) -> bool:
        start = entry.turn_start
        if start is None:
            return False
        require_text(start)
        if 1 <= start.turn <= len(self._turns):
            if self._turns[start.turn - 1].start != start:
                raise ConflictError(f"There is another turn {start.turn} already.")
            return False
        if start.turn != len(self._turns) + 1:
            raise ConflictError(f"Turn {start.turn} does not follow the newest one.")
        key = start.idempotency_key
        if key is not None and any(turn.start.idempotency_key == key for turn in self._turns):
            raise ConflictError("There is a turn of that idempotency key already.")
        self._turns.append(Turn(session_id=entry.session_id, start=start))
        self._session = replace(self._session, turn_count=start.turn)
        return True

    def _end_turn(self, entry: Append) -> bool:
        end = entry.turn_end
        if end is None:
            return False
        require_text(end)
        if not 1 <= end.turn <= len(self._turns):
            raise ConflictError(f"There is no turn {end.turn} to end.")
        turn = self._turns[end.turn - 1]
        if turn.end is not None:
            return False
        self._turns[end.turn - 1] = replace(turn, end=end)
        return True

    def _put(self, permission: Permission) -> None:
        require_text(permission)
        known = self._permissions.get(permission.permission_id)
        if known is not None and known.state is not PermissionState.PENDING:
            return
        answer = None if permission.answer is None else object_as_kept(permission.answer)
        self._permissions[permission.permission_id] = replace(
            known or replace(permission, request=object_as_kept(permission.request)),
            state=permission.state,
            answered_at=permission.answered_at,
            answered_by=permission.answered_by,
            answer=answer,
        )


def _patched(session: Session, patch: SessionPatch, *, add_usage: bool) -> Session:
    require_text(patch)
    names = ("agent_session_id", "model", "last_turn_at", "context_used", "context_size")
    new = {name: getattr(patch, name) for name in (*names, "closed_at")}
    session = replace(session, **{name: v for name, v in new.items() if v is not None})
    if patch.options is not None:
        session = replace(session, options=object_as_kept(patch.options))
    if patch.reopen:
        session = replace(session, closed_at=None)
    if patch.attached is not None:
        session = replace(session, attached=object_as_kept(patch.attached))
    if patch.detach:
        session = replace(session, attached=None)
    if add_usage:
        session = replace(session, usage=_sum(session.usage, patch.add_usage))
    return session


def _sum(first: Usage, second: Usage) -> Usage:
    def add(name: str) -> int | None:
        known = [n for n in (getattr(first, name), getattr(second, name)) if n is not None]
        return sum(known) if known else None

    return Usage(
        input_tokens=add("input_tokens"),
        output_tokens=add("output_tokens"),
        cache_read_tokens=add("cache_read_tokens"),
        cache_write_tokens=add("cache_write_tokens"),
        cost_microusd=add("cost_microusd"),
    )
