"""The SQL of sessions, turns, events and permissions; built as in `statements`."""

from sqlalchemy import (
    ColumnElement,
    Integer,
    Select,
    bindparam,
    case,
    delete,
    func,
    insert,
    literal_column,
    select,
    tuple_,
    update,
)
from sqlalchemy.dialects import sqlite
from sqlalchemy.dialects.sqlite import insert as sqlite_insert

from clawdforge.core.session_records import PermissionState, TurnState
from clawdforge.store.rows import USAGE_COLUMNS
from clawdforge.store.schema import events, permissions, sessions, turns
from clawdforge.store.session_rows import (
    ANSWER_COLUMNS,
    EVENT_COLUMNS,
    PERMISSION_COLUMNS,
    SESSION_COLUMNS,
    TURN_END_COLUMNS,
    TURN_START_COLUMNS,
)
from clawdforge.store.statements import FROM_THE_FIRST, LIMIT, compiled

# Spelled out, not parameters: only so does SQLite use the indexes of these few rows.
RUNNING: ColumnElement[str] = literal_column(f"'{TurnState.RUNNING.value}'")
PENDING: ColumnElement[str] = literal_column(f"'{PermissionState.PENDING.value}'")
# `closed_at IS NULL`, in the very words of the partial indexes.
_OPEN = sessions.c.closed_at.is_(None)

_OF_SESSION: ColumnElement[str] = bindparam("of_session")


def _whole(name: str) -> ColumnElement[int]:
    return bindparam(name, type_=Integer)


# Sessions

ADD_SESSION = compiled(insert(sessions), SESSION_COLUMNS)
SESSION = compiled(select(sessions).where(sessions.c.session_id == bindparam("session_id")))
SESSION_OF_KEY = compiled(
    select(sessions).where(
        sessions.c.app_id == bindparam("app_id"), sessions.c.idempotency_key == bindparam("key")
    )
)
SESSIONS_OF_CONVERSATION = compiled(
    select(sessions)
    .where(
        sessions.c.agent_session_id.is_not(None),
        sessions.c.agent_session_id.in_((bindparam("name"), bindparam("unproven"))),
    )
    .order_by(sessions.c.created_at, sessions.c.session_id)
)
ATTACHED_SESSIONS = compiled(
    select(sessions).where(sessions.c.attached.is_not(None)).order_by(sessions.c.session_id)
)
SESSION_IDS = compiled(select(sessions.c.session_id))
COUNT_OPEN = compiled(select(func.count().label("count")).select_from(sessions).where(_OPEN))
CLOSED_SESSION = compiled(
    select(sessions.c.session_id).where(
        sessions.c.session_id == bindparam("session_id"), sessions.c.closed_at.is_not(None)
    )
)


def _page(*, paged: bool, include_closed: bool) -> str:
    query: Select[tuple[object, ...]] = select(sessions).where(
        sessions.c.app_id == bindparam("app_id")
    )
    if not include_closed:
        query = query.where(_OPEN)
    if paged:
        query = query.where(
            tuple_(sessions.c.created_at, sessions.c.session_id)
            < tuple_(_whole("created_at"), bindparam("session_id"))
        )
    newest = query.order_by(sessions.c.created_at.desc(), sessions.c.session_id.desc())
    return compiled(newest.limit(LIMIT).offset(FROM_THE_FIRST))


SESSIONS = {
    (paged, include_closed): _page(paged=paged, include_closed=include_closed)
    for paged in (False, True)
    for include_closed in (False, True)
}
"""By whether they begin after a given one, and whether closed ones are among them."""

IDLE_SESSIONS = compiled(
    select(sessions.c.session_id)
    .where(
        _OPEN,
        sessions.c.last_used_at < _whole("before"),
        ~select(1)
        .where(turns.c.session_id == sessions.c.session_id, turns.c.state == RUNNING)
        .exists(),
    )
    .order_by(sessions.c.last_used_at, sessions.c.session_id)
    .limit(LIMIT)
    .offset(FROM_THE_FIRST)
)
CLOSED_SESSIONS = compiled(
    select(sessions)
    .where(sessions.c.closed_at < _whole("before"))
    .order_by(sessions.c.closed_at, sessions.c.session_id)
    .limit(LIMIT)
    .offset(FROM_THE_FIRST)
)
DELETE_SESSION = tuple(
    compiled(delete(table).where(table.c.session_id == bindparam("session_id")))
    for table in (events, turns, permissions, sessions)
)

# Appending

FENCE = compiled(
    select(sessions.c.last_seq, sessions.c.turn_count).where(
        sessions.c.session_id == bindparam("session_id"),
        sessions.c.epoch == bindparam("epoch"),
        sessions.c.owner.is_not(None),
    )
)
# By position: there are many of them, and a tuple is made faster than a dict.
ADD_EVENT = str(
    insert(events).compile(
        dialect=sqlite.dialect(paramstyle="qmark"), column_keys=list(EVENT_COLUMNS)
    )
)
ADVANCE = compiled(
    update(sessions)
    .where(sessions.c.session_id == _OF_SESSION)
    .values(last_seq=_whole("new_last_seq"))
)
PATCH_SESSION = compiled(
    update(sessions)
    .where(sessions.c.session_id == _OF_SESSION)
    .values(
        last_seq=_whole("new_last_seq"),
        turn_count=_whole("new_turn_count"),
        last_used_at=func.coalesce(
            func.max(_whole("new_last_turn_at"), sessions.c.created_at), sessions.c.last_used_at
        ),
        closed_at=case(
            (_whole("new_reopen") == literal_column("1"), literal_column("NULL")),
            else_=func.coalesce(_whole("new_closed_at"), sessions.c.closed_at),
        ),
        attached=case(
            (_whole("new_detach") == literal_column("1"), literal_column("NULL")),
            else_=func.coalesce(bindparam("new_attached"), sessions.c.attached),
        ),
        **{
            name: func.coalesce(bindparam(f"new_{name}"), sessions.c[name])
            for name in (
                "agent_session_id",
                "model",
                "options",
                "last_turn_at",
                "context_used",
                "context_size",
            )
        },
        # The sum when both are known, else the one that is.
        **{
            name: func.coalesce(
                sessions.c[name] + _whole(f"new_{name}"), sessions.c[name], _whole(f"new_{name}")
            )
            for name in USAGE_COLUMNS
        },
    )
)

# Turns

ADD_TURN = compiled(
    insert(turns),
    ("session_id", "state", *TURN_START_COLUMNS),
)
END_TURN = compiled(
    update(turns).where(
        turns.c.session_id == _OF_SESSION,
        turns.c.turn == _whole("of_turn"),
        turns.c.state == RUNNING,
    ),
    TURN_END_COLUMNS,
)
TURN = compiled(
    select(turns).where(
        turns.c.session_id == bindparam("session_id"), turns.c.turn == _whole("turn")
    )
)
RUNNING_TURN = compiled(
    select(turns)
    .where(turns.c.session_id == bindparam("session_id"), turns.c.state == RUNNING)
    .order_by(turns.c.turn.desc())
)
TURN_OF_KEY = compiled(
    select(turns).where(
        turns.c.session_id == bindparam("session_id"),
        turns.c.idempotency_key == bindparam("key"),
    )
)
TURNS = compiled(
    select(turns)
    .where(turns.c.session_id == bindparam("session_id"), turns.c.turn < _whole("before"))
    .order_by(turns.c.turn.desc())
    .limit(LIMIT)
    .offset(FROM_THE_FIRST)
)

# Events

_EVENT = select(events.c.seq, events.c.turn, events.c.at, events.c.type, events.c.body)
EVENTS = compiled(
    _EVENT.where(events.c.session_id == bindparam("session_id"), events.c.seq > _whole("after"))
    .order_by(events.c.seq)
    .limit(LIMIT)
    .offset(FROM_THE_FIRST)
)
EVENT = compiled(
    _EVENT.where(events.c.session_id == bindparam("session_id"), events.c.seq == _whole("seq"))
)

# Permissions

_add_permission = sqlite_insert(permissions)
PUT_PERMISSION = compiled(
    _add_permission.on_conflict_do_update(
        index_elements=["permission_id"],
        set_={name: _add_permission.excluded[name] for name in ANSWER_COLUMNS},
        where=permissions.c.state == PENDING,
    ),
    PERMISSION_COLUMNS,
)
PERMISSION = compiled(
    select(permissions).where(permissions.c.permission_id == bindparam("permission_id"))
)
PENDING_PERMISSIONS = compiled(
    select(permissions)
    .where(permissions.c.session_id == bindparam("session_id"), permissions.c.state == PENDING)
    .order_by(permissions.c.asked_at, permissions.c.permission_id)
)
_NEWEST_PERMISSIONS = (
    select(permissions)
    .where(permissions.c.app_id == bindparam("app_id"))
    .order_by(permissions.c.asked_at.desc(), permissions.c.permission_id.desc())
    .limit(LIMIT)
    .offset(FROM_THE_FIRST)
)
PERMISSIONS = compiled(_NEWEST_PERMISSIONS)
PERMISSIONS_IN_STATE = compiled(
    _NEWEST_PERMISSIONS.where(permissions.c.state == bindparam("state"))
)
