"""Sessions, events and what belongs to them, to try a ledger with."""

import json
from collections.abc import Collection, Sequence
from dataclasses import replace

from clawdforge.core.session_records import (
    Append,
    Claim,
    Node,
    Permission,
    Session,
    StoredEvent,
    TurnEnd,
    TurnStart,
    TurnState,
)
from clawdforge.core.usage import Usage
from clawdforge.store.ledger import Ledger
from clawdforge.testing.ledger_contract.records import an_entry

LONG = 600.0
"""A lease, in seconds, that outlasts every test."""
NONE = 0.0
"""A lease that has run out when it begins."""
MANY = 1_000_000
"""More open sessions than there will be."""
USED = Usage(
    input_tokens=1, output_tokens=2, cache_read_tokens=3, cache_write_tokens=0, cost_microusd=2**53
)


def a_node(name: str = "n1", incarnation: str = "first") -> Node:
    """A node."""
    return Node(node_id=name, incarnation=incarnation, url=f"https://{name}.example:1")


def a_session(session_id: str = "s1", *, app_id: str = "shop", created_at: int = 1_000) -> Session:
    """A session that has just been made, with every field set that can be then."""
    return Session(
        session_id=session_id,
        app_id=app_id,
        app_name=f"name-of-{app_id}",
        agent="claude",
        model="sonnet",
        created_at=created_at,
        meta={"text": "ü\N{PILE OF POO}", "list": [1, None, True], "object": {}},
        options={"system": "Be brief.", "mcp": [{"name": "x"}]},
        idempotency_key=f"key-of-{session_id}",
        request_digest="ab" * 32,
        forked_from="s0",
    )


def an_event(seq: int, *, epoch: int = 0, text: str = "Grüße") -> StoredEvent:
    """An event; its body says the epoch, which no reader is told otherwise."""
    body = json.dumps({"type": "text", "text": text, "epoch": epoch}, ensure_ascii=False)
    return StoredEvent(seq=seq, turn=1, at=1_000 + seq, type="text", body=body)


def some_events(first: int, last: int, *, epoch: int = 0) -> tuple[StoredEvent, ...]:
    """Events with the numbers from the first to the last."""
    return tuple(an_event(seq, epoch=epoch) for seq in range(first, last + 1))


def a_start(turn: int = 1, *, key: str | None = None) -> TurnStart:
    """A turn that starts, with every field set."""
    return TurnStart(
        turn=turn,
        started_at=1_000,
        origin="user",
        model="opus",
        prompt_bytes=12,
        prompt_sha256="cd" * 32,
        prompt_text="Grüße\n\x00",
        file_count=2,
        timeout_secs=300,
        waited_ms=7,
        idempotency_key=key,
        request_digest="ef" * 32,
        first_seq=1,
    )


def a_turn_end(turn: int = 1, *, state: TurnState = TurnState.DONE) -> TurnEnd:
    """The end of a turn, with every field set."""
    return TurnEnd(
        turn=turn,
        state=state,
        ended_at=1_090,
        duration_ms=90_000,
        stop_reason="end_turn",
        error="It went as well as could be expected.",
        stderr="warning: ü",
        usage=USED,
        last_seq=9,
    )


def a_permission(permission_id: str = "p1", *, session_id: str = "s1", at: int = 1) -> Permission:
    """A question that nobody has answered."""
    return Permission(
        permission_id=permission_id,
        session_id=session_id,
        app_id="shop",
        turn=1,
        asked_at=at,
        expires_at=at + 300,
        request={"tool": "Bash", "args": {"command": "ls 'ü'"}, "paths": ["/a"]},
    )


def entry_of(claim: Claim, *events: StoredEvent) -> Append:
    """What the session's owner adds: these events; the rest is for `dataclasses.replace`."""
    return Append(session_id=claim.session.session_id, epoch=claim.epoch, events=events)


async def made(ledger: Ledger, session: Session | None = None) -> Session:
    """Add a session, `a_session()` unless given."""
    session = session or a_session()
    assert await ledger.create_session(session, an_entry("session.create"), max_open=MANY)
    return session


async def taken(ledger: Ledger, session_id: str = "s1", node: Node | None = None) -> Claim:
    """Let a node live and claim a session."""
    node = node or a_node()
    await ledger.beat(node, LONG)
    claim = await ledger.claim(session_id, node)
    assert claim is not None
    return claim


async def owned(ledger: Ledger, session: Session | None = None, node: Node | None = None) -> Claim:
    """Add a session and let a node claim it."""
    return await taken(ledger, (await made(ledger, session)).session_id, node)


async def closed(ledger: Ledger, session: Session, *, at: int = 5_000) -> None:
    """Add a session that is closed."""
    await made(ledger, replace(session, closed_at=at))


async def log_of(ledger: Ledger, session_id: str = "s1") -> Sequence[StoredEvent]:
    """All events of a session."""
    return await ledger.read(session_id, after=0, limit=MANY)


def session_ids(sessions: Collection[Session]) -> list[str]:
    """The ids of sessions, in their order."""
    return [session.session_id for session in sessions]
