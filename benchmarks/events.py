"""Events a second that are stored, and handed to those who follow them."""

import asyncio
import time
from pathlib import Path

from clawdforge.core.options import SessionOptions
from clawdforge.core.records import AuditEntry
from clawdforge.core.session_records import Append, Node, Session, StoredEvent
from clawdforge.gateway.sessions.hub import Hub, Subscription
from clawdforge.store.sqlite import SqliteLedger
from places import Figures

BODY = '{"type":"text","text":"some words of an answer","message_id":"msg-1"}'
BATCHES = (1, 10)


def of_events(folder: Path, secs: float) -> Figures:
    """Of 64 sessions at once, for appends of one event and of ten; each with a follower."""
    return asyncio.run(_measured(folder, secs))


async def _measured(folder: Path, secs: float) -> Figures:
    figures: Figures = {"sessions": 64}
    for batch in BATCHES:
        async with SqliteLedger(folder / f"ledger-{batch}.sqlite3") as ledger:
            figures[f"per_second_by_{batch}"] = await _flood(ledger, batch, secs)
    return figures


async def _flood(ledger: SqliteLedger, batch: int, secs: float) -> float:
    hub = Hub(max_readers=1000)
    node = Node(node_id="bench", incarnation="1")
    await ledger.beat(node, lease_secs=600)
    stored = read = 0

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
        await ledger.create_session(session, audit, max_open=999)
        claim = await ledger.claim(session.session_id, node)
        assert claim is not None
        seq = claim.session.last_seq
        with hub.subscribed(session.session_id) as subscription:
            following = asyncio.create_task(follow(subscription))
            while time.perf_counter() < until:
                events = tuple(
                    StoredEvent(seq=seq + one, turn=1, at=1, type="text", body=BODY)
                    for one in range(1, batch + 1)
                )
                seq += batch
                epoch = claim.epoch
                done = await ledger.append(
                    [Append(session_id=session.session_id, epoch=epoch, events=events)]
                )
                assert done
                hub.publish(session.session_id, events)
                stored += batch
            await asyncio.sleep(0.1)
            following.cancel()

    async def follow(subscription: Subscription) -> None:
        nonlocal read
        while True:
            taken = await subscription.take()
            read += len(taken)

    began = time.perf_counter()
    until = began + secs
    async with asyncio.TaskGroup() as group:
        for number in range(64):
            group.create_task(write(number))
    if read != stored:
        msg = f"{stored} events were stored, {read} were read"
        raise RuntimeError(msg)
    return stored / secs
