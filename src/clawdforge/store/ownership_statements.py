"""The SQL of nodes and of who owns a session; built as in `statements`.

Times are the writer's clock in milliseconds, handed in as `:now`.
"""

from sqlalchemy import (
    ColumnElement,
    Integer,
    bindparam,
    delete,
    insert,
    literal_column,
    or_,
    select,
    update,
)
from sqlalchemy.dialects.sqlite import insert as sqlite_insert

from clawdforge.store.schema import nodes, permissions, sequences, sessions, turns
from clawdforge.store.session_statements import PENDING, RUNNING
from clawdforge.store.statements import FROM_THE_FIRST, LIMIT, compiled

PAST_KEPT = 1000
"""How many beginnings of nodes are remembered, so that a ghost is known for one."""

NODE_COLUMNS = ("node_id", "incarnation", "began", "lease_until_ms", "url")

_NOW = bindparam("now", type_=Integer)
_EPOCH = bindparam("new_epoch", type_=Integer)
_NONE: ColumnElement[int] = literal_column("0")
_newer = nodes.alias("newer")

NEXT_NUMBER = compiled(
    sqlite_insert(sequences)
    .values(name=bindparam("name"), last=literal_column("1"))
    .on_conflict_do_update(
        index_elements=["name"], set_={"last": sequences.c.last + literal_column("1")}
    )
    .returning(sequences.c.last)
)

# Nodes

_THIS_NODE = (
    nodes.c.node_id == bindparam("of_node"),
    nodes.c.incarnation == bindparam("of_incarnation"),
)
RENEW = compiled(
    update(nodes)
    .where(
        *_THIS_NODE,
        ~select(1)
        .where(_newer.c.node_id == nodes.c.node_id, _newer.c.began > nodes.c.began)
        .exists(),
    )
    .values(lease_until_ms=bindparam("until", type_=Integer), url=bindparam("new_url"))
)
NODE = compiled(select(nodes.c.began).where(*_THIS_NODE))
BEGIN_NODE = compiled(insert(nodes), NODE_COLUMNS)
REPLACE_NODES = compiled(
    update(nodes).where(nodes.c.node_id == bindparam("of_node")).values(lease_until_ms=_NONE)
)
FORGET_NODES = compiled(
    delete(nodes).where(
        nodes.c.node_id == bindparam("of_node"),
        nodes.c.began <= bindparam("began", type_=Integer) - literal_column(str(PAST_KEPT)),
    )
)
LEAVE = compiled(update(nodes).where(*_THIS_NODE).values(lease_until_ms=_NONE))
BURY = compiled(
    update(nodes)
    .where(nodes.c.lease_until_ms > _NONE, nodes.c.lease_until_ms <= _NOW)
    .values(lease_until_ms=_NONE)
)
LIVES = compiled(select(1).where(*_THIS_NODE, nodes.c.lease_until_ms > _NOW))

# Sessions

_OWNER_LIVES = (
    select(1)
    .where(
        nodes.c.node_id == sessions.c.owner,
        nodes.c.incarnation == sessions.c.owner_incarnation,
        nodes.c.lease_until_ms > _NOW,
    )
    .exists()
)
CLAIMABLE = compiled(
    select(1).where(
        sessions.c.session_id == bindparam("of_session"),
        or_(
            sessions.c.owner.is_(None),
            (sessions.c.owner == bindparam("of_node"))
            & (sessions.c.owner_incarnation == bindparam("of_incarnation")),
            ~_OWNER_LIVES,
        ),
    )
)
CLAIM = compiled(
    update(sessions)
    .where(sessions.c.session_id == bindparam("of_session"))
    .values(
        owner=bindparam("of_node"),
        owner_incarnation=bindparam("of_incarnation"),
        epoch=_EPOCH,
    )
)
RELEASE = compiled(
    update(sessions)
    .where(
        sessions.c.session_id == bindparam("of_session"),
        sessions.c.epoch == bindparam("of_epoch", type_=Integer),
        sessions.c.owner.is_not(None),
    )
    .values(owner=literal_column("NULL"), owner_incarnation=literal_column("NULL"))
)
_unfinished = (
    select(turns.c.session_id)
    .where(turns.c.state == RUNNING)
    .union(select(permissions.c.session_id).where(permissions.c.state == PENDING))
)
ORPHANS = compiled(
    select(sessions.c.session_id)
    .where(sessions.c.session_id.in_(_unfinished), ~_OWNER_LIVES)
    .order_by(sessions.c.created_at, sessions.c.session_id)
    .limit(LIMIT)
    .offset(FROM_THE_FIRST)
)
