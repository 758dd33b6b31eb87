"""Records as the JSON of replies."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from clawdforge.core.handover import Lease
from clawdforge.core.options import SessionOptions
from clawdforge.core.sdk_events import sdk_events
from clawdforge.core.session_records import Permission, Session, StoredEvent, Turn, TurnState
from clawdforge.gateway.sessions.service import View
from clawdforge.gateway.sessions.writing import bodies_of

_WELL = {TurnState.DONE, TurnState.CANCELLED}


def session_row(view: View) -> dict[str, Any]:
    """A session: first the keys of 0.2, all of them always there."""
    session = view.session
    return {
        "ok": True,
        "session_id": session.session_id,
        "app_name": session.app_name,
        "agent": session.agent,
        "model": session.model,
        "created_at": session.created_at,
        "turn_count": session.turn_count,
        "last_turn_at": session.last_turn_at,
        "closed_at": session.closed_at,
        "live": view.live,
        "meta": session.meta,
        "state": view.state,
        "turn": view.turn,
        "options": SessionOptions.of(session.options).shown(),
        "forked_from": session.forked_from,
        "last_seq": view.last_seq,
        "usage": {
            **asdict(session.usage),
            "context_used": session.context_used,
            "context_size": session.context_size,
        },
        "pending_permissions": view.pending_permissions,
        "attached": _attached(session),
    }


def _attached(session: Session) -> dict[str, Any] | None:
    lease = Lease.of(session.attached)
    return {"by": lease.by, "since": lease.since, "pid": lease.pid} if lease else None


def turn_row(turn: Turn) -> dict[str, Any]:
    """A turn without what was said in it."""
    start, end = turn.start, turn.end
    return {
        "ok": None if end is None else end.state in _WELL,
        "session_id": turn.session_id,
        "turn_index": start.turn,
        "origin": start.origin,
        "state": turn.state.value,
        "started_at": start.started_at,
        "ended_at": end.ended_at if end else None,
        "duration_ms": end.duration_ms if end else None,
        "waited_ms": start.waited_ms,
        "stop_reason": end.stop_reason if end else None,
        "error": end.error if end else None,
        "stderr": end.stderr if end else "",
        "model": start.model,
        "usage": asdict(end.usage) if end else dict.fromkeys(_USAGE),
        "first_seq": start.first_seq,
        "last_seq": end.last_seq if end else None,
        "prompt": start.prompt_text,
        "prompt_bytes": start.prompt_bytes,
        "file_count": start.file_count,
        "timeout_secs": start.timeout_secs,
    }


def one_turn(turn: Turn, events: Sequence[StoredEvent]) -> dict[str, Any]:
    """A turn with what was said in it."""
    return {**turn_row(turn), "events": sdk_events(bodies_of(events))}


def permission_row(permission: Permission) -> dict[str, Any]:
    """A question."""
    request = permission.request
    return {
        "permission_id": permission.permission_id,
        "session_id": permission.session_id,
        "turn": permission.turn,
        "state": permission.state.value,
        "asked_at": permission.asked_at,
        "expires_at": permission.expires_at,
        "answered_at": permission.answered_at,
        "answered_by": permission.answered_by,
        "tool": request.get("tool") or "",
        "kind": request.get("kind"),
        "title": request.get("title"),
        "args": request.get("args"),
        "paths": request.get("paths") or [],
        "call_id": request.get("call_id"),
        "options": request.get("options") or [],
        "answer": permission.answer,
    }


_USAGE = (
    "input_tokens",
    "output_tokens",
    "cache_read_tokens",
    "cache_write_tokens",
    "cost_microusd",
)
