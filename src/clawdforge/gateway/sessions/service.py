"""What apps can do with sessions: make, look at, change, close, resume and fork them."""

import hashlib
import json
import logging
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from clawdforge.agents.driver import Agents, Caps
from clawdforge.core.names import is_model_name
from clawdforge.core.options import NewSession, SessionChange, SessionOptions
from clawdforge.core.permission import Policy, narrow, parse_policy
from clawdforge.core.records import AuditEntry
from clawdforge.core.session import UNPROVEN, Agent
from clawdforge.core.session_io import OptionsChanged, StopAsked
from clawdforge.core.session_records import Append, Session, SessionPatch, StoredEvent
from clawdforge.errors import (
    AgentError,
    BusyError,
    ConflictError,
    GoneError,
    InputError,
    NotFoundError,
)
from clawdforge.gateway.caller import Caller
from clawdforge.gateway.sessions.actor import SessionActor
from clawdforge.gateway.sessions.hub import Hub
from clawdforge.gateway.sessions.specs import Specs
from clawdforge.gateway.sessions.supervisor import Supervisor
from clawdforge.gateway.sessions.writing import encoded
from clawdforge.store.session_ledger import SessionLedger

log = logging.getLogger(__name__)

MAX_META_CHARS = 64 * 1024
_LIVE_KEYS = ("model", "mode", "effort")


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
        default_policy: Of sessions that ask for none.
        ceiling: What any session may have at most.
        app_policy: What an app (by id) may have at most; None: no further limit.
        max_open: How many may be open at once; may be changed at any time.
        hub: Told of what is written here and not by an actor.
        utc: Seconds since 1970.
    """

    def __init__(
        self,
        *,
        ledger: SessionLedger,
        agents: Agents,
        supervisor: Supervisor,
        specs: Specs,
        hub: Hub,
        default_policy: Policy,
        ceiling: Policy,
        app_policy: Callable[[str], Mapping[str, Any] | None],
        max_open: int,
        utc: Callable[[], float],
    ) -> None:
        self.max_open = max_open
        self._ledger = ledger
        self._agents = agents
        self._supervisor = supervisor
        self._specs = specs
        self._hub = hub
        self._default_policy = default_policy
        self._ceiling = ceiling
        self._app_policy = app_policy
        self._utc = utc

    async def create(self, wanted: NewSession, *, who: Caller) -> Session:
        """Make a session. Its agent is started with its first turn.

        Raises:
            InputError: an unknown agent, a bad model or option; a key used for something else.
            BusyError: too many sessions are open (`sessions_full`).
            StorageError: it could not be recorded.
        """
        assert who.app is not None
        digest = _digest(wanted)
        if wanted.idempotency_key is not None:
            known = await self._ledger.session_of_key(who.app.app_id, wanted.idempotency_key)
            if known is not None:
                return _same(known, digest)
        session = await self._checked(wanted, who, digest)
        await self._specs.make(session)
        try:
            added = await self._ledger.create_session(
                session, self._entry(session, "create", who), max_open=self.max_open
            )
        except BaseException:
            await self._specs.remove(session)
            raise
        if not added:
            await self._specs.remove(session)
            msg = f"{self.max_open} sessions are open; close some, or try again later"
            raise BusyError(msg, code="sessions_full", retry_after_secs=30)
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
        """Close a session for whatever reason; False when it was closed meanwhile."""
        while True:
            actor = await self._supervisor.actor(session_id)
            if actor.machine.session.closed_at is not None:
                return False
            actor.put(StopAsked(reason=reason, close=audit))
            await actor.ended.wait()
            if actor.fault is not None:
                raise actor.fault
            if actor.machine.session.closed_at is not None:
                return True

    async def change(self, session_id: str, change: SessionChange, *, who: Caller) -> View:
        """Change how the session goes on. An agent that runs is told, or started anew later.

        Raises:
            ConflictError: a turn runs (`session_running`).
            InputError: a bad value, or the agent refuses it (`cannot_set`).
        """
        session = await self._open(session_id, who)
        options = self._changed_options(session, change)
        if change.model is not None:
            _check_model(change.model)
        policy = self._policy(options, who)
        actor = await self._supervisor.actor(session_id)
        if actor.busy:
            msg = "a turn runs; change the session between two turns"
            raise ConflictError(msg, code="session_running")
        changes = [(k, v) for k in _LIVE_KEYS if (v := getattr(change, k)) is not None]
        restart = change.system is not None or change.system_mode is not None
        restart |= await _set_live(actor, changes)
        wait = actor.expect_change()
        actor.put(
            OptionsChanged(
                options=options.to_json(),
                policy=policy,
                restart=restart,
                changes=tuple(changes),
                model=change.model,
            )
        )
        await wait
        return await self.get(session_id, who=who)

    async def resume(self, session_id: str, *, who: Caller) -> View:
        """Open a closed session again.

        Raises:
            ConflictError: its agent cannot go on with a conversation (`not_resumable`).
        """
        session = await self.own(session_id, who=who)
        if session.closed_at is None:
            return self.view(session)
        if session.turn_count and not (self._caps(session).resume and session.agent_session_id):
            msg = "the agent cannot go on with this conversation; start a new session"
            raise ConflictError(msg, code="not_resumable")
        claim = await self._ledger.claim(session_id, self._supervisor.node)
        if claim is None:
            raise NotFoundError("there is no such session")
        event = StoredEvent(
            seq=claim.session.last_seq + 1,
            turn=0,
            at=int(self._utc()),
            type="session_reopened",
            body=encoded("session_reopened", {}),
        )
        append = Append(
            session_id=session_id,
            epoch=claim.epoch,
            events=(event,),
            patch=SessionPatch(reopen=True),
            audit=(self._entry(session, "resume", who),),
        )
        await self._ledger.append([append])
        await self._ledger.release(session_id, claim.epoch)
        self._hub.publish(session_id, [event])
        return await self.get(session_id, who=who)

    async def fork(
        self, session_id: str, *, meta: Mapping[str, Any] | None, who: Caller
    ) -> Session:
        """A new session that goes on with a copy of this one's conversation and folder.

        Raises:
            ConflictError: the agent cannot (`not_forkable`), or a turn runs.
        """
        source = await self.own(session_id, who=who)
        known_as = source.agent_session_id
        if not self._caps(source).fork or not known_as or known_as.startswith(UNPROVEN):
            msg = "the agent cannot copy this conversation, or there is nothing to copy yet"
            raise ConflictError(msg, code="not_forkable")
        actor = self._supervisor.awake(session_id)
        if actor is not None and actor.busy:
            msg = "a turn runs; fork the session between two turns"
            raise ConflictError(msg, code="session_running")
        options = replace(SessionOptions.of(source.options), fork=known_as)
        session = replace(
            self._new(source.agent, source.model, meta, options, who),
            agent_session_id=known_as,
            forked_from=session_id,
        )
        await self._specs.copy(source, session)
        try:
            added = await self._ledger.create_session(
                session, self._entry(session, "create", who), max_open=self.max_open
            )
        except BaseException:
            await self._specs.remove(session)
            raise
        if not added:
            await self._specs.remove(session)
            msg = f"{self.max_open} sessions are open; close some, or try again later"
            raise BusyError(msg, code="sessions_full", retry_after_secs=30)
        return session

    def policy_of(self, session: Session) -> Policy:
        """What a session's agent may do now: never more than its app may have today."""
        ceiling = self._ceiling_of(session.app_id)
        kept = SessionOptions.of(session.options).permissions
        try:
            return narrow(self._parsed(kept), ceiling)
        except InputError:
            return ceiling

    async def _open(self, session_id: str, who: Caller) -> Session:
        session = await self.own(session_id, who=who)
        if session.closed_at is not None:
            raise closed()
        return session

    async def _checked(self, wanted: NewSession, who: Caller, digest: str) -> Session:
        agent = wanted.agent or self._agents.default()
        if agent not in self._agents.names():
            names = ", ".join(self._agents.names())
            msg = f"agent: there is no agent of that name; configured: {names}"
            raise InputError(msg, code="unknown_agent")
        if wanted.model is not None:
            _check_model(wanted.model)
        if wanted.meta is not None and len(json.dumps(wanted.meta)) > MAX_META_CHARS:
            msg = f"meta: longer than {MAX_META_CHARS:,} characters as JSON"
            raise InputError(msg, code="meta_too_large")
        self._policy(wanted.options, who)
        assert who.app is not None
        self._specs.check(wanted.options, app_name=who.app.name)
        session = self._new(agent, wanted.model, wanted.meta, wanted.options, who)
        return replace(
            session,
            idempotency_key=wanted.idempotency_key,
            request_digest=digest if wanted.idempotency_key is not None else None,
        )

    def _new(
        self,
        agent: str,
        model: str | None,
        meta: Mapping[str, Any] | None,
        options: SessionOptions,
        who: Caller,
    ) -> Session:
        assert who.app is not None
        return Session(
            session_id=str(uuid.uuid4()),
            app_id=who.app.app_id,
            app_name=who.app.name,
            agent=agent,
            model=model,
            created_at=int(self._utc()),
            meta=meta,
            options=options.to_json(),
        )

    def _policy(self, options: SessionOptions, who: Caller) -> Policy:
        """The policy that the options ask for, if the app may have it."""
        assert who.app is not None
        ceiling = self._ceiling_of(who.app.app_id)
        if options.permissions is None:
            try:
                return narrow(self._default_policy, ceiling)
            except InputError:
                return ceiling
        return narrow(self._parsed(options.permissions), ceiling)

    def _parsed(self, policy: Any) -> Policy:
        if policy is None:
            return self._default_policy
        return parse_policy(policy, timeout_secs=self._default_policy.timeout_secs)

    def _ceiling_of(self, app_id: str) -> Policy:
        of_app = self._app_policy(app_id)
        if of_app is None:
            return self._ceiling
        try:
            return narrow(parse_policy(of_app), self._ceiling)
        except InputError:  # the server's own limit was lowered since
            return self._ceiling

    def _changed_options(self, session: Session, change: SessionChange) -> SessionOptions:
        options = SessionOptions.of(session.options)
        if change.mode is not None:
            options = replace(options, mode=change.mode)
        if change.effort is not None:
            options = replace(options, effort=change.effort)
        if change.system is not None:
            options = replace(options, system=change.system or None)
        if change.system_mode is not None:
            options = replace(options, system_mode=change.system_mode)
        if change.permissions is not None:
            options = replace(options, permissions=change.permissions)
        return options

    def _caps(self, session: Session) -> Caps:
        """What the agent can do. One that was not asked yet will say so itself if it cannot."""
        return self._supervisor.caps.get(session.agent, Caps(resume=True, fork=True))

    def _entry(self, session: Session, action: str, who: Caller) -> AuditEntry:
        return AuditEntry(
            at=int(self._utc()),
            actor=who.actor,
            action=f"session.{action}",
            subject=session.session_id,
            peer=who.peer,
            request_id=who.request_id,
            detail={"agent": session.agent, "model": session.model},
        )


def closed() -> GoneError:
    """The error for whoever wants something of a closed session."""
    return GoneError("the session is closed", code="session_closed")


async def _set_live(actor: SessionActor, changes: Sequence[tuple[str, str]]) -> bool:
    """Tell the agent that runs; whether it has to be started anew for what it cannot be told."""
    caps = actor.caps
    if caps is None or actor.machine.agent is not Agent.UP:
        return actor.live
    restart = False
    for key, value in changes:
        if key not in caps.sets:
            restart = True
            continue
        try:
            await actor.set(key, value)  # type: ignore[arg-type]
        except AgentError as error:
            msg = f"{key}: the agent does not take that value: {error.message}"
            raise InputError(msg, code="cannot_set") from error
    return restart


def _check_model(model: str) -> None:
    if not is_model_name(model):
        msg = "model: that cannot be a model's name"
        raise InputError(msg, code="invalid_model")


def _same(known: Session, digest: str) -> Session:
    if known.request_digest != digest:
        msg = "that Idempotency-Key was used for another request"
        raise InputError(msg, code="idempotency_mismatch")
    return known


def _digest(wanted: NewSession) -> str:
    asked = [wanted.agent, wanted.model, wanted.meta, wanted.options.to_json()]
    return hashlib.sha256(json.dumps(asked, sort_keys=True).encode()).hexdigest()
