"""What the writing lane does about nodes and owners: each public function is one job.

Times are the lane's own clock in milliseconds; a node's word about the time is never asked for.
"""

import sqlite3
from collections.abc import Callable
from typing import Any

from clawdforge.core.session_records import Claim, Node
from clawdforge.errors import ConflictError
from clawdforge.store import ownership_statements as sql
from clawdforge.store.session_rows import permission_of, session_of, turn_of
from clawdforge.store.session_statements import PENDING_PERMISSIONS, RUNNING_TURN, SESSION

Clock = Callable[[], int]
"""Milliseconds since 1970."""


def beat(node: Node, lease_ms: int, clock: Clock, connection: sqlite3.Connection) -> None:
    """Renew the node's lease; the first time, begin its life and end that of its predecessor.

    Raises:
        ConflictError: a later incarnation has begun.
    """
    until = clock() + lease_ms
    who = _of(node)
    if connection.execute(sql.RENEW, {**who, "until": until, "new_url": node.url}).rowcount:
        return
    if connection.execute(sql.NODE, who).fetchone():
        raise ConflictError(f"Another server has taken the place of node {node.node_id!r}.")
    _begin(node, until, connection)


def leave(node: Node, connection: sqlite3.Connection) -> None:
    """End the node's lease."""
    connection.execute(sql.LEAVE, _of(node))


def claim(
    session_id: str, node: Node, clock: Clock, connection: sqlite3.Connection
) -> Claim | None:
    """Make the node the session's owner, under a new epoch, when both may be."""
    asked = _of(node) | {"of_session": session_id, "now": clock()}
    if not connection.execute(sql.LIVES, asked).fetchone():
        return None
    if not connection.execute(sql.CLAIMABLE, asked).fetchone():
        return None
    epoch = _next("epoch", connection)
    connection.execute(sql.CLAIM, asked | {"new_epoch": epoch})
    of_session = {"session_id": session_id}
    row = connection.execute(SESSION, of_session).fetchone()
    running = connection.execute(RUNNING_TURN, of_session).fetchone()
    pending = connection.execute(PENDING_PERMISSIONS, of_session).fetchall()
    return Claim(
        epoch=epoch,
        session=session_of(row),
        running=turn_of(running) if running else None,
        pending=tuple(permission_of(one) for one in pending),
    )


def release(session_id: str, epoch: int, connection: sqlite3.Connection) -> bool:
    """Leave the session without an owner."""
    asked = {"of_session": session_id, "of_epoch": epoch}
    return connection.execute(sql.RELEASE, asked).rowcount > 0


def reap(limit: int, clock: Clock, connection: sqlite3.Connection) -> list[str]:
    """Bury the dead; the sessions that are in need of an owner."""
    now = clock()
    connection.execute(sql.BURY, {"now": now})
    found = connection.execute(sql.ORPHANS, {"now": now, "limit": limit}).fetchall()
    return [row["session_id"] for row in found]


def _begin(node: Node, until: int, connection: sqlite3.Connection) -> None:
    began = _next("incarnation", connection)
    connection.execute(sql.REPLACE_NODES, {"of_node": node.node_id})
    connection.execute(sql.FORGET_NODES, {"of_node": node.node_id, "began": began})
    row = {
        "node_id": node.node_id,
        "incarnation": node.incarnation,
        "began": began,
        "lease_until_ms": until,
        "url": node.url,
    }
    connection.execute(sql.BEGIN_NODE, row)


def _next(name: str, connection: sqlite3.Connection) -> int:
    ((number,),) = connection.execute(sql.NEXT_NUMBER, {"name": name}).fetchall()
    return int(number)


def _of(node: Node) -> dict[str, Any]:
    return {"of_node": node.node_id, "of_incarnation": node.incarnation}
