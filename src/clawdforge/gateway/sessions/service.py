"""What apps can do with sessions: make them, look at them, close them."""

import hashlib
import json
import logging
import secrets
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from clawdforge.agents.driver import Agents
from clawdforge.core.handover import refusal as attached
from clawdforge.core.names import is_model_name
from clawdforge.core.options import NewSession, SessionOptions
from clawdforge.core.records import AuditEntry
from clawdforge.core.session_inputs import StopAsked
from clawdforge.core.session_records import Session
from clawdforge.errors import (
    BusyError,
    ConflictError,
    GoneError,
    InputError,
    NotFoundError,
)
from clawdforge.gateway.caller import Caller
from clawdforge.gateway.sessions.actor import SessionActor
from clawdforge.gateway.sessions.policies import Policies
from clawdforge.gateway.sessions.specs import Specs
from clawdforge.gateway.sessions.supervisor import Supervisor
from clawdforge.store.session_ledger import SessionLedger

log = logging.getLogger(__name__)

MAX_META_CHARS = 64 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """A session as it stands now."""

    session: Session
    live: bool = False
    """Whether an agent process is there for it."""
    state: str
    """`running`, `idle` (with an agent process), `hibernated` or `closed`."""
    turn: int | None = None
    """The turn that runs."""
    pending_permissions: int = 0
    last_seq: int = 0


class Sessions:
    """The sessions of all apps.

    Args:
        max_open: How many may be open at once; may be changed at any time.
        utc: Seconds since 1970.
    """

    def __init__(
        self,
        *,
        ledger: SessionLedger,
        agents: Agents,
        supervisor: Supervisor,
        specs: Specs,
        policies: Policies,
        max_open: int,
        utc: Callable[[], float],
    ) -> None:
        self.max_open = max_open
        self._ledger = ledger
        self._agents = agents
        self._supervisor = supervisor
        self._specs = specs
        self._policies = policies
        self._utc = utc
        self._keys: set[tuple[str, str]] = set()

    async def create(self, wanted: NewSession, *, who: Caller) -> Session:
        """Make a session. Its agent is started with its first turn.

        Raises:
            InputError: an unknown agent, a bad model or option; a key used for something else.
            ConflictError: a request with that key runs (`idempotency_running`).
            BusyError: too many sessions are open (`sessions_full`).
            StorageError: it could not be recorded.
        """
        assert who.app is not None
        self._supervisor.refuse_when_stopping()
        digest = _digest(wanted)
        if wanted.idempotency_key is None:
            return await self._made(wanted, who, digest)
        held = (who.app.app_id, wanted.idempotency_key)
        if held in self._keys:
            msg = "the request with that Idempotency-Key runs; ask again when it has ended"
            raise ConflictError(msg, code="idempotency_running")
        self._keys.add(held)  # before anything is awaited: requests may come at the same time
        try:
            known = await self._ledger.session_of_key(*held)
            if known is not None:
                return _same(known, digest)
            return await self._made(wanted, who, digest)
        finally:
            self._keys.discard(held)

    async def _made(self, wanted: NewSession, who: Caller, digest: str) -> Session:
        session = await self._checked(wanted, who, digest)
        await self._specs.make(session)
        await self.add(session, who)
        await self._supervisor.warm_up(session.session_id, session.agent)
        return session

    async def own(self, session_id: str, *, who: Caller) -> Session:
        """One of the caller's sessions.

        Raises:
            NotFoundError: there is none of that id, or it is another app's.
        """
        assert who.app is not None
        session = await self._ledger.session(session_id)
        if session is None or session.app_id != who.app.app_id:
            msg = "there is no such session"
            raise NotFoundError(msg)
        return session

    async def known(self, session_id: str) -> Session:
        """A session of whatever app, for the admin and for ourselves.

        Raises:
            NotFoundError: there is none of that id.
        """
        session = await self._ledger.session(session_id)
        if session is None:
            msg = "there is no such session"
            raise NotFoundError(msg)
        return session

    async def get(self, session_id: str, *, who: Caller) -> View:
        """How one of the caller's sessions stands."""
        return self.view(await self.own(session_id, who=who))

    async def page(
        self,
        *,
        limit: int | None,
        before: tuple[int, str] | None,
        include_closed: bool,
        who: Caller,
    ) -> Sequence[View]:
        """Some of the caller's sessions, newest first."""
        assert who.app is not None
        found = await self._ledger.sessions(
            who.app.app_id, limit=limit, before=before, include_closed=include_closed
        )
        return [self.view(session) for session in found]

    def view(self, session: Session) -> View:
        """A session as it stands now."""
        actor = self._supervisor.awake(session.session_id)
        if session.closed_at is not None:
            return View(session=session, state="closed", last_seq=session.last_seq)
        if actor is None:
            return View(session=session, state="hibernated", last_seq=session.last_seq)
        current = actor.machine.current
        running = actor.busy or current is not None
        return View(
            session=session,
            live=actor.live,
            state="running" if running else "idle" if actor.live else "hibernated",
            turn=current.turn if current is not None else None,
            pending_permissions=actor.machine.pending,
            last_seq=session.last_seq,
        )

    async def close(self, session_id: str, *, who: Caller) -> bool:
        """Close a session; False when it was closed already."""
        session = await self.own(session_id, who=who)
        if session.closed_at is not None:
            return False
        return await self.end(session_id, reason="closed by the app", audit="session.close")

    async def end(self, session_id: str, *, reason: str, audit: str) -> bool:
        """Close a session for whatever reason; False when it was closed meanwhile.

        Raises:
            ConflictError: somebody has it in a terminal (`session_attached`).
        """
        while True:
            actor = await self._supervisor.actor(session_id)
            if _is_closed(actor):
                return False
            if actor.machine.lease is not None:
                raise attached(actor.machine.lease)
            actor.put(StopAsked(reason=reason, close=audit))
            await actor.ended.wait()
            if actor.fault is not None:
                raise actor.fault
            if _is_closed(actor):
                return True

    async def require_room(self) -> None:
        """Refuse when as many sessions are open as may be.

        Raises:
            BusyError: they are (`sessions_full`).
        """
        if await self._ledger.count_open_sessions() >= self.max_open:
            raise self._full()

    def _full(self) -> BusyError:
        msg = f"{self.max_open} sessions are open; close some, or try again later"
        return BusyError(msg, code="sessions_full", retry_after_secs=30)

    async def add(self, session: Session, who: Caller, action: str = "create") -> None:
        """Record a new session whose folders are there; without success they go again.

        Raises:
            BusyError: too many sessions are open (`sessions_full`).
        """
        try:
            added = await self._ledger.create_session(
                session, self.entry(session, action, who), max_open=self.max_open
            )
        except BaseException:
            await self._specs.remove(session)
            raise
        if not added:
            await self._specs.remove(session)
            raise self._full()

    async def _checked(self, wanted: NewSession, who: Caller, digest: str) -> Session:
        agent = wanted.agent or self._agents.default()
        if agent not in self._agents.names():
            names = ", ".join(self._agents.names())
            msg = f"agent: there is no agent of that name; configured: {names}"
            raise InputError(msg, code="unknown_agent")
        if wanted.model is not None:
            check_model(wanted.model)
        check_meta(wanted.meta)
        assert who.app is not None
        self._policies.check(wanted.options.permissions, who.app.app_id)
        self._specs.check(wanted.options, app_name=who.app.name)
        session = self.new(agent, wanted.model, wanted.meta, wanted.options, who)
        return replace(
            session,
            idempotency_key=wanted.idempotency_key,
            request_digest=digest if wanted.idempotency_key is not None else None,
        )

    def new(
        self,
        agent: str,
        model: str | None,
        meta: Mapping[str, Any] | None,
        options: SessionOptions,
        who: Caller,
    ) -> Session:
        """A session that is not recorded yet."""
        assert who.app is not None
        return Session(
            session_id=new_id(self._utc()),
            app_id=who.app.app_id,
            app_name=who.app.name,
            agent=agent,
            model=model,
            created_at=int(self._utc()),
            meta=meta,
            options=options.to_json(),
        )

    def entry(self, session: Session, action: str, who: Caller) -> AuditEntry:
        """What the audit is to say."""
        return AuditEntry(
            at=int(self._utc()),
            actor=who.actor,
            action=f"session.{action}",
            subject=session.session_id,
            peer=who.peer,
            request_id=who.request_id,
            detail={"agent": session.agent, "model": session.model},
        )


def new_id(utc: float) -> str:
    """A UUID of version 7 (RFC 9562): those made later sort behind those made before."""
    millis = int(utc * 1000) & (2**48 - 1)
    low = (0b10 << 62) | secrets.randbits(62)
    return str(uuid.UUID(int=(millis << 80) | (0x7 << 76) | (secrets.randbits(12) << 64) | low))


def closed() -> GoneError:
    """The error for whoever wants something of a closed session."""
    return GoneError("the session is closed", code="session_closed")


def _is_closed(actor: SessionActor) -> bool:
    return actor.machine.is_closed


def check_model(model: str) -> None:
    """Refuse what cannot name a model.

    Raises:
        InputError: it cannot (`invalid_model`).
    """
    if not is_model_name(model):
        msg = "model: that cannot be a model's name"
        raise InputError(msg, code="invalid_model")


def check_meta(meta: Mapping[str, Any] | None) -> None:
    """Refuse notes that are too long.

    Raises:
        InputError: they are (`meta_too_large`).
    """
    if meta is not None and len(json.dumps(meta)) > MAX_META_CHARS:
        msg = f"meta: longer than {MAX_META_CHARS:,} characters as JSON"
        raise InputError(msg, code="meta_too_large")


def _same(known: Session, digest: str) -> Session:
    if known.request_digest != digest:
        msg = "that Idempotency-Key was used for another request"
        raise InputError(msg, code="idempotency_mismatch")
    return known


def _digest(wanted: NewSession) -> str:
    asked = [wanted.agent, wanted.model, wanted.meta, wanted.options.to_json()]
    return hashlib.sha256(json.dumps(asked, sort_keys=True).encode()).hexdigest()
