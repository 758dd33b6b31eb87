"""How sessions go on differently: with other options, opened again, or as a copy."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from clawdforge.agents.driver import Caps
from clawdforge.core.options import Adopted, SessionChange, SessionOptions
from clawdforge.core.session_inputs import OptionsChanged
from clawdforge.core.session_records import Append, Session, SessionPatch, StoredEvent
from clawdforge.core.session_state import UNPROVEN, Agent
from clawdforge.errors import AgentError, BusyError, ConflictError, InputError, NotFoundError
from clawdforge.gateway.caller import Caller
from clawdforge.gateway.sessions.actor import SessionActor
from clawdforge.gateway.sessions.hub import Hub
from clawdforge.gateway.sessions.policies import Policies
from clawdforge.gateway.sessions.service import Sessions, View, check_meta, check_model, closed
from clawdforge.gateway.sessions.specs import Specs
from clawdforge.gateway.sessions.supervisor import Supervisor
from clawdforge.gateway.sessions.writing import encoded
from clawdforge.store.session_ledger import SessionLedger

_TOLD = ("model", "mode", "effort")
"""What an agent that runs can be told, if it takes it."""


class Changes:
    """Changes, opens again and copies sessions.

    Args:
        hub: Told of what is written here and not by an actor.
        utc: Seconds since 1970.
    """

    def __init__(
        self,
        *,
        ledger: SessionLedger,
        sessions: Sessions,
        supervisor: Supervisor,
        specs: Specs,
        policies: Policies,
        hub: Hub,
        utc: Callable[[], float],
    ) -> None:
        self._ledger = ledger
        self._sessions = sessions
        self._supervisor = supervisor
        self._specs = specs
        self._policies = policies
        self._hub = hub
        self._utc = utc

    async def change(self, session_id: str, change: SessionChange, *, who: Caller) -> View:
        """Change how the session goes on. An agent that runs is told, or started anew later.

        Raises:
            GoneError: the session is closed.
            ConflictError: a turn runs (`session_running`).
            InputError: a bad value, or the agent refuses it (`cannot_set`).
        """
        session = await self._sessions.own(session_id, who=who)
        if session.closed_at is not None:
            raise closed()
        if change.model is not None:
            check_model(change.model)
        self._policies.check(change.permissions, session.app_id)
        actor = await self._supervisor.actor(session_id)
        if actor.busy:
            msg = "a turn runs; change the session between two turns"
            raise ConflictError(msg, code="session_running")
        told = [(key, value) for key in _TOLD if (value := getattr(change, key)) is not None]
        restart = await _tell(actor, told)
        restart |= change.system is not None or change.system_mode is not None
        await self._record(session, change, told, restart=restart)
        return await self._sessions.get(session_id, who=who)

    async def _record(
        self,
        session: Session,
        change: SessionChange,
        told: Sequence[tuple[str, str]],
        *,
        restart: bool,
    ) -> None:
        actor = await self._supervisor.actor(session.session_id)
        options = _changed(actor.machine.options, change)
        done = actor.waiting_for.expect_change()
        actor.put(
            OptionsChanged(
                options=options.to_json(),
                policy=self._policies.kept(options.permissions, session.app_id),
                restart=restart,
                changes=tuple(told),
                model=change.model,
            )
        )
        await done

    async def resume(self, session_id: str, *, who: Caller) -> View:
        """Open a closed session again.

        Raises:
            ConflictError: its agent cannot go on with the conversation (`not_resumable`).
        """
        session = await self._sessions.own(session_id, who=who)
        if session.closed_at is None:
            return self._sessions.view(session)
        if session.turn_count and not (self._caps(session).resume and session.agent_session_id):
            msg = "the agent cannot go on with this conversation; start a new session"
            raise ConflictError(msg, code="not_resumable")
        self._supervisor.refuse_when_stopping()
        await self._sessions.require_room()
        claim = await self._ledger.claim(session_id, self._supervisor.node)
        if claim is None:
            msg = "there is no such session"
            raise NotFoundError(msg)
        if claim.session.closed_at is None:  # somebody else has opened it meanwhile
            await self._ledger.release(session_id, claim.epoch)
            return await self._sessions.get(session_id, who=who)
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
            patch=SessionPatch(reopen=True, last_turn_at=event.at),
            audit=(self._sessions.entry(session, "resume", who),),
        )
        if session_id in await self._ledger.append([append]):
            await self._ledger.release(session_id, claim.epoch)
            self._hub.publish(session_id, [event])
        return await self._sessions.get(session_id, who=who)

    async def fork(
        self, session_id: str, *, meta: Mapping[str, Any] | None, who: Caller
    ) -> Session:
        """A new session that goes on with a copy of this one's conversation and folder.

        Raises:
            ConflictError: the agent cannot (`not_forkable`), or a turn runs (`session_running`).
            BusyError: too many sessions are open (`sessions_full`).
            InputError: `meta` is too long.
        """
        check_meta(meta)
        source = await self._sessions.own(session_id, who=who)
        known_as = source.agent_session_id
        if not self._caps(source).fork or not known_as or known_as.startswith(UNPROVEN):
            msg = "the agent cannot copy this conversation, or there is nothing to copy yet"
            raise ConflictError(msg, code="not_forkable")
        actor = self._supervisor.awake(session_id)
        if actor is not None and actor.busy:
            msg = "a turn runs; fork the session between two turns"
            raise ConflictError(msg, code="session_running")
        options = SessionOptions.of(source.options)
        adopted = Adopted.of(options.adopted)
        theirs = None if adopted.theirs is None else {"theirs": adopted.theirs}
        options = replace(options, fork=known_as, adopted=theirs)
        session = replace(
            self._sessions.new(source.agent, source.model, meta, options, who),
            agent_session_id=known_as,
            forked_from=session_id,
        )
        await self._specs.copy(source, session)
        await self._sessions.add(session, who)
        return session

    def _caps(self, session: Session) -> Caps:
        """What the agent can do. One that was not asked yet will say so itself if it cannot."""
        return self._supervisor.caps.get(session.agent, Caps(resume=True, fork=True))


async def _tell(actor: SessionActor, changes: Sequence[tuple[str, str]]) -> bool:
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
        except BusyError:
            raise
        except AgentError as error:
            if error.code == "agent_gone":  # asleep: the next one is started with the value
                return True
            msg = f"{key}: the agent does not take that value: {error.message}"
            raise InputError(msg, code="cannot_set") from error
    return restart


def _changed(kept: Mapping[str, Any], change: SessionChange) -> SessionOptions:
    options = SessionOptions.of(kept)
    for key in ("mode", "effort", "system_mode", "permissions"):
        value = getattr(change, key)
        if value is not None:
            options = replace(options, **{key: value})
    if change.system is not None:
        options = replace(options, system=change.system or None)
    return options
