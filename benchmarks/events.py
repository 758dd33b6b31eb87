"""Events a second that are stored, and handed to those who follow them.

The limit beside it: the same rows, put into the same table by one thread that does nothing else.
"""

import asyncio
import os
import statistics
import time
from pathlib import Path

from clawdforge.core.options import SessionOptions
from clawdforge.core.records import AuditEntry
from clawdforge.core.session_records import Append, Node, Session, StoredEvent
from clawdforge.gateway.sessions.hub import End, Hub, Subscription
from clawdforge.store import session_statements as sql
from clawdforge.store.opening import open_for_writing
from clawdforge.store.session_rows import event_row
from clawdforge.store.sqlite import SqliteLedger
from places import Figures

SESSIONS = 64
BODY = '{"type":"text","text":"some words of an answer","message_id":"msg-1"}'
BATCHES = (1, 10)


def of_events(folder: Path, rounds: int, secs: float) -> Figures:
    """Of 64 sessions at once, for appends of one event and of ten; each with a follower."""
    figures: Figures = {"sessions": SESSIONS}
    for batch in BATCHES:
        ours, limits, cores = [], [], []
        for number in range(rounds):
            path = folder / f"ledger-{batch}-{number}.sqlite3"
            cpu, began = time.process_time(), time.perf_counter()
            ours.append(asyncio.run(_measured(path, batch, secs)))
            cores.append((time.process_time() - cpu) / (time.perf_counter() - began))
            limits.append(_limit(path, batch, secs))
        figures[f"by_{batch}"] = {
            "per_second": statistics.median(ours),
            "limit_per_second": statistics.median(limits),
            "cores": statistics.median(cores),
        }
    return figures | {"load_average": os.getloadavg()[0]}


async def _measured(path: Path, batch: int, secs: float) -> float:
    async with SqliteLedger(path) as ledger:
        return await _flood(ledger, batch, secs)


async def _flood(ledger: SqliteLedger, batch: int, secs: float) -> float:
    hub = Hub(max_readers=2 * SESSIONS)
    node = Node(node_id="bench", incarnation="1")
    await ledger.beat(node, lease_secs=600)
    stored = 0

    async def write(number: int) -> None:
        nonlocal stored
        session = Session(
            session_id=f"session-{number}",
            app_id="app",
            app_name="app",
            agent="demo",
            created_at=1,
            options=SessionOptions().to_json(),
        )
        audit = AuditEntry(at=1, actor="bench", action="session.create")
        await ledger.create_session(session, audit, max_open=2 * SESSIONS)
        claim = await ledger.claim(session.session_id, node)
        assert claim is not None
        seq = claim.session.last_seq
        with hub.subscribed(session.session_id) as subscription:
            following = asyncio.create_task(_follow(subscription, seq))
            while time.perf_counter() < until:
                events = _events(seq, batch)
                seq += batch
                entry = Append(session_id=session.session_id, epoch=claim.epoch, events=events)
                done = await ledger.append([entry])
                assert done
                hub.publish(session.session_id, events)
                stored += batch
            subscription.finish(End.CLOSED)
            if await following != seq:
                msg = f"of {seq} events not all were read"
                raise RuntimeError(msg)

    began = time.perf_counter()
    until = began + secs
    async with asyncio.TaskGroup() as group:
        for number in range(SESSIONS):
            group.create_task(write(number))
    return stored / (time.perf_counter() - began)


async def _follow(subscription: Subscription, last: int) -> int:
    """Read until the end; the number of the newest event."""
    while taken := await subscription.take():
        for event in taken:
            if event.seq != last + 1:
                msg = f"event {event.seq} after {last}"
                raise RuntimeError(msg)
            last = event.seq
    return last


def _events(after: int, count: int) -> tuple[StoredEvent, ...]:
    return tuple(
        StoredEvent(seq=after + one, turn=1, at=1, type="text", body=BODY)
        for one in range(1, count + 1)
    )


def _limit(path: Path, batch: int, secs: float) -> float:
    """One transaction for what 64 sessions append at once, and nothing around it."""
    connection = open_for_writing(path)
    seq = 10**9
    stored = 0
    began = time.perf_counter()
    while (took := time.perf_counter() - began) < secs:
        rows = [
            event_row(f"session-{number}", 1, event)
            for number in range(SESSIONS)
            for event in _events(seq, batch)
        ]
        connection.execute("BEGIN IMMEDIATE")
        connection.executemany(sql.ADD_EVENT, rows)
        connection.execute("COMMIT")
        seq += batch
        stored += len(rows)
    connection.close()
    return stored / took
