"""The sessions that this server drives, as the monitor is told of them."""

import asyncio
import json
from collections.abc import Callable, Sequence

import msgspec

from clawdforge.core.handover import Lease
from clawdforge.core.observed.fusing import ATTACHED
from clawdforge.core.observed.signals import Driven, ProcessId
from clawdforge.core.session_records import Session, StoredEvent
from clawdforge.gateway.sessions.service import Sessions, View
from clawdforge.gateway.sessions.supervisor import Supervisor

PAUSE_SECS = 0.05
"""What changes faster is told once."""
RESTING_SECS = 600.0
"""How long a session is shown whose agent does not run any more."""
_TELLING = {"tool_call", "permission_request", "turn_started", "turn_ended"}


class DrivenSessions:
    """Watches all sessions that are awake.

    Args:
        when_changed: Called with sessions that have changed, and the ids of those that are gone.
    """

    def __init__(self, sessions: Sessions, supervisor: Supervisor) -> None:
        self.when_changed: Callable[[list[Driven], list[str]], None] | None = None
        self._sessions = sessions
        self._supervisor = supervisor
        self._known: dict[str, Driven] = {}
        self._tools: dict[str, str | None] = {}
        self._dirty: set[str] = set()
        self._timer: asyncio.TimerHandle | None = None
        self._resting: dict[str, asyncio.TimerHandle] = {}
        self._attached: dict[str, Driven] = {}

    def all(self) -> list[Driven]:
        """Those that are known now."""
        return list(self._known.values())

    def happened(self, session_id: str, events: Sequence[StoredEvent]) -> None:
        """Something happened in a session; to be called for every one, from the hub."""
        for event in events:
            if event.type in _TELLING:
                self._tools[session_id] = _tool_of(event)
            if event.type == "session_closed":
                self._forget(session_id)
                return
        self._soon(session_id)

    def handed(self, session: Session) -> None:
        """A session is in somebody's terminal now, or not any more."""
        lease = Lease.of(session.attached)
        if lease is None or lease.pid is None or lease.start is None:
            if self._attached.pop(session.session_id, None) is None:
                return
        else:
            self._attached[session.session_id] = msgspec.structs.replace(
                driven_of(self._sessions.view(session), None),
                status=ATTACHED,
                agent_session_id=lease.conversation,
                process=ProcessId(lease.pid, lease.start),
            )
        self._soon(session.session_id)

    def _soon(self, session_id: str) -> None:
        self._dirty.add(session_id)
        if self._timer is None:
            loop = asyncio.get_running_loop()
            self._timer = loop.call_later(PAUSE_SECS, self._tell)

    def close(self) -> None:
        """Watch no more."""
        for timer in (self._timer, *self._resting.values()):
            if timer is not None:
                timer.cancel()
        self._timer = None
        self._resting.clear()
        self._dirty.clear()

    def _tell(self) -> None:
        self._timer = None
        dirty, self._dirty = self._dirty, set()
        changed = []
        for session_id in dirty:
            found = self._driven(session_id)
            if found is not None and self._known.get(session_id) != found:
                self._known[session_id] = found
                changed.append(found)
            self._rest(session_id, found)
        if changed and self.when_changed is not None:
            self.when_changed(changed, [])

    def _driven(self, session_id: str) -> Driven | None:
        if session_id in self._attached:
            return self._attached[session_id]
        actor = self._supervisor.awake(session_id)
        if actor is None:
            known = self._known.get(session_id)
            return _resting(known) if known is not None else None
        found = driven_of(self._sessions.view(actor.machine.session), self._tools.get(session_id))
        return msgspec.structs.replace(found, agent_session_id=actor.machine.agent_session_id)

    def _rest(self, session_id: str, found: Driven | None) -> None:
        timer = self._resting.pop(session_id, None)
        if timer is not None:
            timer.cancel()
        if found is not None and found.status == "hibernated":
            loop = asyncio.get_running_loop()
            later = loop.call_later(RESTING_SECS, self._forget, session_id)
            self._resting[session_id] = later

    def _forget(self, session_id: str) -> None:
        self._dirty.discard(session_id)
        self._tools.pop(session_id, None)
        self._attached.pop(session_id, None)
        timer = self._resting.pop(session_id, None)
        if timer is not None:
            timer.cancel()
        if self._known.pop(session_id, None) is not None and self.when_changed is not None:
            self.when_changed([], [session_id])


def driven_of(view: View, tool: str | None) -> Driven:
    """A session as the monitor is told of it."""
    session, usage = view.session, view.session.usage
    return Driven(
        session_id=session.session_id,
        app=session.app_name,
        agent=session.agent,
        status="waiting" if view.pending_permissions else view.state,
        agent_session_id=session.agent_session_id,
        model=session.model,
        tool=tool if view.state == "running" else None,
        cost_microusd=usage.cost_microusd,
        context_used=session.context_used,
        context_size=session.context_size,
        turn=view.turn,
        started_at=float(session.created_at),
        pending_permissions=view.pending_permissions,
    )


def _resting(known: Driven) -> Driven:
    return Driven(
        session_id=known.session_id,
        app=known.app,
        agent=known.agent,
        status="hibernated",
        agent_session_id=known.agent_session_id,
        model=known.model,
        cwd=known.cwd,
        cost_microusd=known.cost_microusd,
        context_used=known.context_used,
        context_size=known.context_size,
        started_at=known.started_at,
    )


def _tool_of(event: StoredEvent) -> str | None:
    if event.type in {"turn_started", "turn_ended"}:
        return None
    body = json.loads(event.body)
    if body.get("status") in {"completed", "failed"}:
        return None
    name = body.get("tool") or body.get("name") or body.get("title")
    return name if isinstance(name, str) else None
