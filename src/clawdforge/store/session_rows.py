"""Records of sessions to rows of the ledger and back. Pure, as `rows` is."""

from collections.abc import Iterable
from typing import Any

from clawdforge.core.session_records import (
    Permission,
    PermissionState,
    Session,
    SessionPatch,
    StoredEvent,
    Turn,
    TurnEnd,
    TurnStart,
    TurnState,
)
from clawdforge.core.usage import Usage
from clawdforge.store.rows import (
    USAGE_COLUMNS,
    Row,
    give,
    json_text,
    json_value,
    names_of,
    take,
)

_JSON_OF_SESSION = ("meta", "options", "attached")
_PLAIN_SESSION = tuple(n for n in names_of(Session) if n not in {*_JSON_OF_SESSION, "usage"})
SESSION_COLUMNS = (*_PLAIN_SESSION, *_JSON_OF_SESSION, *USAGE_COLUMNS, "last_used_at", "epoch")
"""What is written of a new session; it has no owner."""

TURN_START_COLUMNS = names_of(TurnStart)
_PLAIN_TURN_END = tuple(n for n in names_of(TurnEnd) if n not in {"turn", "state", "usage"})
TURN_END_COLUMNS = ("state", *_PLAIN_TURN_END, *USAGE_COLUMNS)

EVENT_COLUMNS = ("session_id", "seq", "epoch", "turn", "at", "type", "body")
_PLAIN_PERMISSION = tuple(
    n for n in names_of(Permission) if n not in {"state", "request", "answer"}
)
PERMISSION_COLUMNS = (*_PLAIN_PERMISSION, "state", "request", "answer")
ANSWER_COLUMNS = ("state", "answered_at", "answered_by", "answer")
"""What changes in a permission."""

_PATCHED = (
    "agent_session_id",
    "model",
    "last_turn_at",
    "context_used",
    "context_size",
    "closed_at",
)
_NO_USAGE: dict[str, int | None] = dict.fromkeys(USAGE_COLUMNS)
_NO_PATCH = SessionPatch()


def session_row(session: Session) -> dict[str, Any]:
    """The row of a session that begins."""
    return {
        **give(session, _PLAIN_SESSION),
        **give(session.usage, USAGE_COLUMNS),
        "meta": json_text(session.meta),
        "options": json_text(session.options),
        "attached": json_text(session.attached),
        "last_used_at": max(session.created_at, session.last_turn_at or 0),
        "epoch": 0,
    }


def session_of(row: Row) -> Session:
    """The session of a row."""
    return Session(
        **take(row, _PLAIN_SESSION),
        meta=json_value(row["meta"]),
        options=json_value(row["options"]),
        attached=json_value(row["attached"]),
        usage=Usage(**take(row, USAGE_COLUMNS)),
    )


def patch_row(patch: SessionPatch | None, *, add_usage: bool) -> dict[str, Any]:
    """What changes in a session's row, for `PATCH_SESSION`: every name begins with `new_`."""
    patch = patch or _NO_PATCH
    usage = give(patch.add_usage, USAGE_COLUMNS) if add_usage else _NO_USAGE
    row = give(patch, _PATCHED) | usage
    row["options"] = json_text(patch.options)
    row["reopen"] = int(patch.reopen)
    row["attached"] = json_text(patch.attached)
    row["detach"] = int(patch.detach)
    return {f"new_{name}": value for name, value in row.items()}


def turn_start_row(session_id: str, start: TurnStart) -> dict[str, Any]:
    """The columns of a turn that are known when it starts, its state among them."""
    row = give(start, TURN_START_COLUMNS)
    return row | {"session_id": session_id, "state": TurnState.RUNNING.value}


def turn_end_row(session_id: str, end: TurnEnd) -> dict[str, Any]:
    """The columns of a turn that are known when it ends, for `END_TURN`."""
    row = give(end, _PLAIN_TURN_END) | give(end.usage, USAGE_COLUMNS)
    return row | {"state": end.state.value, "of_session": session_id, "of_turn": end.turn}


def turn_of(row: Row) -> Turn:
    """The turn of a row; without an end while its state is `running`."""
    session_id: str = row["session_id"]
    start = TurnStart(**take(row, TURN_START_COLUMNS))
    state = TurnState(row["state"])
    if state is TurnState.RUNNING:
        return Turn(session_id=session_id, start=start)
    end = TurnEnd(
        **take(row, _PLAIN_TURN_END),
        turn=start.turn,
        state=state,
        usage=Usage(**take(row, USAGE_COLUMNS)),
    )
    return Turn(session_id=session_id, start=start, end=end)


def event_row(session_id: str, epoch: int, event: StoredEvent) -> tuple[str | int, ...]:
    """The row of an event, in the order of `EVENT_COLUMNS`: there are many of them."""
    return (session_id, event.seq, epoch, event.turn, event.at, event.type, event.body)


def event_of(row: Iterable[Any]) -> StoredEvent:
    """The event of a row: by position, for there are many of them."""
    seq, turn, at, type_, body = row
    return StoredEvent(seq=seq, turn=turn, at=at, type=type_, body=body)


def permission_row(permission: Permission) -> dict[str, Any]:
    """The row of a question."""
    return give(permission, _PLAIN_PERMISSION) | {
        "state": permission.state.value,
        "request": json_text(permission.request),
        "answer": json_text(permission.answer),
    }


def permission_of(row: Row) -> Permission:
    """The question of a row."""
    return Permission(
        **take(row, _PLAIN_PERMISSION),
        state=PermissionState(row["state"]),
        request=json_value(row["request"]),
        answer=json_value(row["answer"]),
    )
