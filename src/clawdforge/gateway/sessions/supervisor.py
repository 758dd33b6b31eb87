"""Owns the actors: who is awake, who may start an agent, who has to rest for another."""

import asyncio
import functools
import logging
import uuid
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from clawdforge.agents.driver import Caps, Driver, SessionSpec
from clawdforge.core.permission import Policy
from clawdforge.core.session import SessionMachine
from clawdforge.core.session_effects import StartAgent
from clawdforge.core.session_inputs import Limits, StopAsked, WarmUp
from clawdforge.core.session_records import Claim, Node, Session
from clawdforge.core.session_state import Agent
from clawdforge.errors import BusyError, ClawdforgeError, NotFoundError, StorageError
from clawdforge.gateway.sessions.actor import SessionActor, Surroundings
from clawdforge.gateway.sessions.hub import Hub
from clawdforge.gateway.sessions.lease import Lease
from clawdforge.gateway.sessions.writing import Writing
from clawdforge.gateway.slots import Slots
from clawdforge.store.session_ledger import SessionLedger
from clawdforge.tasks import TaskOwner

log = logging.getLogger(__name__)

_ALL = 1_000_000
MEND_SECS = 2.0
"""How often it is tried to put in order what could not be written."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """What a session's actor needs to know about it."""

    policy: Policy
    cwd: str
    spec: Callable[[Session, StartAgent], Awaitable[SessionSpec]]


class Supervisor:
    """All sessions that are awake on this server.

    Args:
        recipe: How the agent of a session is started, and what it may do.
        driver: Makes a driver for an agent's name.
        gate: Lets as many agents start at once as it has places.
        max_warm: How many new sessions of each agent may have its process before a turn.
        utc: Seconds since 1970.
        mono: Seconds that only grow.
    """

    def __init__(
        self,
        *,
        ledger: SessionLedger,
        hub: Hub,
        lease: Lease,
        slots: Slots,
        recipe: Callable[[Session], Recipe],
        driver: Callable[[str], Driver],
        limits: Limits,
        gate: asyncio.Semaphore,
        max_warm: int,
        utc: Callable[[], float],
        mono: Callable[[], float],
    ) -> None:
        self._ledger = ledger
        self._hub = hub
        self._lease = lease
        self._slots = slots
        self._recipe = recipe
        self._limits = limits
        self._max_warm = max_warm
        self._actors: dict[str, SessionActor] = {}
        self._waking: dict[str, asyncio.Task[SessionActor]] = {}
        self._owner = TaskOwner()
        self._menders = TaskOwner()
        self._stopping = False
        self.caps: dict[str, Caps] = {}
        """What agents can do, by name, as far as they were ready since the start."""
        self._around = Surroundings(
            slots=slots,
            gate=gate,
            driver=driver,
            utc=utc,
            mono=mono,
            make_room=self.make_room,
            learned=self.caps.__setitem__,
        )
        slots.when_waiting = self.make_room

    @property
    def node(self) -> Node:
        """This start of this server."""
        return self._lease.node

    @property
    def live(self) -> int:
        """How many agent processes sessions have."""
        return sum(actor.live for actor in self._actors.values())

    @property
    def stopping(self) -> bool:
        """Whether nothing is woken any more."""
        return self._stopping

    def awake(self, session_id: str) -> SessionActor | None:
        """The session's actor, if it has one now."""
        actor = self._actors.get(session_id)
        return actor if actor is not None and not actor.over else None

    async def actor(self, session_id: str) -> SessionActor:
        """The session's actor; it is woken when it sleeps.

        Raises:
            NotFoundError: there is no such session.
            BusyError: the server is stopping, or another one owns the session.
            StorageError: the ledger does not answer.
        """
        while True:
            found = self._actors.get(session_id)
            if found is not None and not found.over:
                return found
            self.refuse_when_stopping()
            if found is not None:  # it is about to end: what it owned must be given up first
                await self._owner.start(found.ended.wait(), name="ending", awaited=True)
                continue
            waking = self._waking.get(session_id)
            if waking is None:
                waking = self._owner.start(
                    self._wake(session_id), name=f"wake-{session_id[:8]}", awaited=True
                )
                self._waking[session_id] = waking
                waking.add_done_callback(functools.partial(self._woken, session_id))
            await asyncio.shield(waking)

    async def warm_up(self, session_id: str, agent: str) -> None:
        """Start the agent of a new session now, if there is room and few others are warm."""
        warm = sum(
            actor.live and actor.machine.turns == 0 and actor.machine.session.agent == agent
            for actor in self._actors.values()
        )
        if warm < self._max_warm and not self._slots.is_full and not self._stopping:
            (await self.actor(session_id)).put(WarmUp())

    def refuse_when_stopping(self) -> None:
        """Raise when no new work is taken.

        Raises:
            BusyError: the server is stopping (`stopping`).
        """
        if self._stopping:
            raise BusyError("the server is stopping", code="stopping", retry_after_secs=5)

    async def recover(self) -> int:
        """After a start: what a server that died left unfinished is put in order; how many."""
        left = await self._ledger.reap(limit=_ALL)
        for session_id in left:
            await self.actor(session_id)
        return len(left)

    def make_room(self) -> None:
        """As many of the agents that have been idle longest rest as others wait for places."""
        if not self._slots.waiting:
            return
        actors = [actor for actor in self._actors.values() if not actor.over]
        coming = sum(a.resting or a.machine.agent is Agent.STOPPING for a in actors)
        idle = [actor for actor in actors if actor.machine.idle and not actor.resting]
        idle.sort(key=lambda actor: actor.idle_since)
        for actor in idle[: max(0, self._slots.waiting - coming)]:
            actor.rest("its place was needed")

    def fence(self) -> None:
        """The lease is lost: whatever runs ends now, and nothing is written about it."""
        for actor in self._actors.values():
            actor.give_up(BusyError("the lease was lost", code="session_moved", retry_after_secs=1))

    async def stop(self, *, grace_secs: float) -> None:
        """Wake nothing any more, let running turns go on for a while, end the rest, and wait."""
        self._stopping = True
        busy = [actor for actor in self._actors.values() if actor.busy]
        if busy and grace_secs > 0:
            log.info("waiting for running turns", extra={"turns": len(busy)})
            deadline = asyncio.get_running_loop().time() + grace_secs
            for actor in busy:
                left = deadline - asyncio.get_running_loop().time()
                if left > 0:
                    await actor.quiet(left)
        self.stop_all()
        await self._menders.cancel()
        await self._owner.wait()

    def stop_all(self) -> None:
        """End all turns and all agents now; the sessions stay open."""
        self._stopping = True
        for actor in self._actors.values():
            actor.put(StopAsked(reason="the server is stopping"))

    def _woken(self, session_id: str, waking: asyncio.Task[SessionActor]) -> None:
        self._waking.pop(session_id, None)
        if not waking.cancelled():
            waking.exception()  # whoever waits gets it; if nobody does any more, that is no fault

    async def _wake(self, session_id: str) -> SessionActor:
        if not self._lease.held:
            msg = "the server is out of touch with its ledger; try again later"
            raise BusyError(msg, code="lease_lost", retry_after_secs=5)
        claim = await self._ledger.claim(session_id, self._lease.node)
        if claim is None:
            if await self._ledger.session(session_id) is None:
                raise NotFoundError("there is no such session")
            msg = "another server owns the session"
            raise BusyError(msg, code="session_moved", retry_after_secs=1)
        try:
            actor = self._made(claim)
        except ClawdforgeError:
            await self._ledger.release(session_id, claim.epoch)
            raise
        self._actors[session_id] = actor
        self._owner.start(self._run(actor, claim), name=f"session-{session_id[:8]}")
        return actor

    def _made(self, claim: Claim) -> SessionActor:
        recipe = self._recipe(claim.session)
        machine = SessionMachine(
            claim=claim,
            policy=recipe.policy,
            cwd=recipe.cwd,
            limits=self._limits,
            new_id=lambda: str(uuid.uuid4()),
        )
        writing = Writing(ledger=self._ledger, hub=self._hub, claim=claim)
        return SessionActor(machine=machine, writing=writing, spec=recipe.spec, around=self._around)

    async def _run(self, actor: SessionActor, claim: Claim) -> None:
        try:
            await actor.run()
        finally:
            try:
                await self._ledger.release(actor.session_id, claim.epoch)
            except ClawdforgeError as error:
                log.warning("a session could not be released", extra={"reason": error.message})
            finally:
                self._actors.pop(actor.session_id, None)
                actor.ended.set()
                self.make_room()
                fault = actor.fault
                if fault is not None and not isinstance(fault, BusyError) and not self._stopping:
                    name = f"mend-{actor.session_id[:8]}"
                    self._menders.start(self._mend(actor.session_id), name=name)

    async def _mend(self, session_id: str) -> None:
        """Record what was left unfinished as soon as the ledger takes it: somebody may wait."""
        while True:
            await asyncio.sleep(MEND_SECS)
            try:
                await self.actor(session_id)  # the new owner puts it in order
            except StorageError:
                continue
            except BusyError as error:
                if error.code == "lease_lost":
                    continue
            except ClawdforgeError as error:
                log.warning("a session stays unfinished", extra={"reason": error.message})
            return
