"""Conversations change hands: taken over from a person's terminal, and opened in one.

Whoever has a conversation in a terminal holds a lease on the session that is tied to a process.
When that process is gone, what it said becomes turns of the session, and the session is ours
again: noticed by `watch`, or by whoever wants the session before.
"""

import asyncio
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from clawdforge.agents.terminal import Launch, Terminal
from clawdforge.core.handover import Lease, Past, refusal
from clawdforge.core.options import Adopted, SessionOptions
from clawdforge.core.session_effects import StartAgent
from clawdforge.core.session_inputs import Lend, TakenBack
from clawdforge.core.session_records import Session
from clawdforge.core.session_state import UNPROVEN
from clawdforge.errors import BusyError, ClawdforgeError, ConflictError, InputError
from clawdforge.gateway.caller import Caller
from clawdforge.gateway.sessions.holding import Holding, in_use
from clawdforge.gateway.sessions.service import Sessions, closed
from clawdforge.gateway.sessions.specs import Specs
from clawdforge.gateway.sessions.supervisor import Supervisor
from clawdforge.store.session_ledger import SessionLedger
from clawdforge.tasks import TaskOwner, finish

log = logging.getLogger(__name__)

MAX_TURNS = 1000
"""So many turns are taken over, the newest; what came before, the agent alone knows."""
WATCH_SECS = 0.5
"""How often it is looked whether a terminal still has a session."""
_TRIES = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Attached:
    """A session that is a terminal's now."""

    session: Session
    launch: Launch
    conversation: str


class Hands:
    """Gives sessions to terminals, and takes them back.

    Args:
        holding: Who has conversations on this machine.
        changed: Called with each session that was given, taken back, or found given at the start.
        keep_prompts: The operator wants the text of prompts in the ledger.
        utc: Seconds since 1970.
    """

    def __init__(
        self,
        *,
        ledger: SessionLedger,
        sessions: Sessions,
        supervisor: Supervisor,
        specs: Specs,
        holding: Holding,
        keep_prompts: bool,
        utc: Callable[[], float],
    ) -> None:
        self.changed: Callable[[Session], None] = lambda _: None
        self._ledger = ledger
        self._sessions = sessions
        self._supervisor = supervisor
        self._specs = specs
        self._holding = holding
        self._keep_prompts = keep_prompts
        self._utc = utc
        self._lent: dict[str, Session] = {}
        self._news = asyncio.Event()
        self._returning: dict[str, asyncio.Task[Session]] = {}
        self._owner = TaskOwner()

    # Into a terminal

    async def attach(self, session_id: str, pid: int, start: int, *, who: Caller) -> Attached:
        """Give a session to the terminal in which that process runs.

        Args:
            session_id: One of the caller's; for the admin, any.
            pid: The process that is going to be the agent.
            start: When it began, as the system counts it.
            who: Who wants it.

        Raises:
            NotFoundError: there is none of that id, or it is another app's.
            GoneError: it is closed.
            InputError: there is no such process on this machine (`not_here`).
            ConflictError: a turn runs (`session_running`), somebody has it (`session_attached`,
                `conversation_in_use`), or its agent cannot (`not_attachable`).
        """
        session = await self._own(session_id, who)
        if session.closed_at is not None:
            raise closed()
        terminal = self._holding.terminal(session.agent)
        if self._holding.started(pid) != start:
            msg = "a session is opened in a terminal of the server's own machine and user"
            raise InputError(msg, code="not_here")
        if session.attached is not None:
            session = await self.regain(session)
        # Whoever hangs up meanwhile is no process any more soon, and so has nothing then.
        work = self._attached(session, terminal, pid, start, who)
        return await finish(self._owner.start(work, name=f"attach-{pid}", awaited=True))

    async def _attached(
        self, session: Session, terminal: Terminal, pid: int, start: int, who: Caller
    ) -> Attached:
        session_id = session.session_id
        lease = Lease(by=who.actor, since=int(self._utc()), pid=pid, start=start)
        await self._lend(session_id, lease)
        try:
            session = await self._sessions.known(session_id)
            conversation = await self._conversation(session, terminal)
            found = await self._holding.holders(terminal, conversation)
            if found:
                raise in_use(session.agent, found[0])
            size, spent = await asyncio.to_thread(terminal.extent, conversation)
            lease = replace(lease, conversation=conversation, after=size, spent_microusd=spent or 0)
            begin = StartAgent(resume_id=conversation, turns=session.turn_count)
            spec = replace(await self._specs.spec(session, begin), new_id=conversation)
            launch = await asyncio.to_thread(terminal.launch, spec)
            await self._lend(session_id, lease)
        except BaseException:
            await self._take_back(await self._sessions.known(session_id), Past())
            raise
        session = await self._sessions.known(session_id)
        self._remember(session)
        return Attached(session=session, launch=launch, conversation=conversation)

    async def _conversation(self, session: Session, terminal: Terminal) -> str:
        """What the terminal goes on with; a fork that has said nothing yet is made first."""
        known = (session.agent_session_id or session.session_id).removeprefix(UNPROVEN)
        if session.options.get("fork") != known:
            return known
        written = await asyncio.to_thread(terminal.find, known)
        if written is None:
            msg = "the agent does not know the conversation any more that was forked"
            raise ConflictError(msg, code="not_attachable")
        copied = await asyncio.to_thread(terminal.copy, written, session.session_id)
        return copied.agent_session_id

    async def _lend(self, session_id: str, lease: Lease) -> None:
        await self._told(session_id, lambda ticket: Lend(ticket=ticket, lease=lease))

    async def _told(self, session_id: str, make: Callable[[int], Lend | TakenBack]) -> None:
        """Tell the session's actor, and wait until it has done so."""
        for _ in range(_TRIES):
            actor = await self._supervisor.actor(session_id)
            ticket, done = actor.waiting_for.expect_hand_over()
            actor.put(make(ticket))
            try:
                await done
            except BusyError as error:
                if error.code != "session_busy":  # else: it was about to fall asleep
                    raise
            else:
                return
        raise BusyError("the session is busy", code="session_busy", retry_after_secs=1)

    # Back again

    async def regain(self, session: Session) -> Session:
        """A session that was given away, ours again.

        Raises:
            ConflictError: somebody still has it (`session_attached`).
        """
        lease = Lease.of(session.attached)
        if lease is None:
            return session
        if await self._holding.is_held(session, lease):
            raise refusal(lease)
        return await self.take_back(session)

    async def take_back(self, session: Session, past: Past | None = None) -> Session:
        """Take a session back that nobody has any more, with what was said meanwhile.

        Args:
            session: As it was given away.
            past: What was said, where that is known.
        """
        session_id = session.session_id
        self._lent.setdefault(session_id, session)
        self._news.set()
        task = self._returning.get(session_id)
        if task is None:
            task = self._owner.start(
                self._take_back(session, past), name=f"back-{session_id[:8]}", awaited=True
            )
            self._returning[session_id] = task
            task.add_done_callback(lambda _: self._returning.pop(session_id, None))
        return await asyncio.shield(task)

    async def _take_back(self, session: Session, past: Past | None) -> Session:
        lease = Lease.of(session.attached)
        if lease is None:
            return session
        if past is None:
            past = await self._said(session, lease)
        known, opening = lease.conversation if past.end else None, _opening(session, lease)

        def back(ticket: int) -> TakenBack:
            return TakenBack(
                ticket=ticket,
                lease=lease,
                past=past,
                agent_session_id=known,
                opening=opening,
                keep_prompts=self._keep_prompts,
            )

        await self._told(session.session_id, back)
        self._lent.pop(session.session_id, None)
        session = await self._sessions.known(session.session_id)
        self.changed(session)
        log.info("a session is back", extra={"session": session.session_id})
        return session

    async def _said(self, session: Session, lease: Lease) -> Past:
        if lease.after is None:
            return Past()
        terminal = self._holding.terminal(session.agent)
        return await asyncio.to_thread(
            terminal.read, lease.conversation, after=lease.after, limit=MAX_TURNS
        )

    async def _own(self, session_id: str, who: Caller) -> Session:
        if who.app is not None:
            return await self._sessions.own(session_id, who=who)
        return await self._sessions.known(session_id)

    # Watching

    @property
    def lent(self) -> Sequence[Session]:
        """The sessions that are in terminals."""
        return list(self._lent.values())

    async def recover(self) -> None:
        """After a start: know which sessions are in terminals, or were when we ended."""
        for session in await self._ledger.attached_sessions():
            self._remember(session)

    async def watch(self) -> None:
        """Take back, for ever, what no terminal has any more."""
        while True:
            for session in list(self._lent.values()):
                await self._look(session)
            if not self._lent:
                await self._news.wait()
            self._news.clear()
            await asyncio.sleep(WATCH_SECS)

    async def close(self) -> None:
        """Watch no more; what is under way is done first."""
        await self._owner.wait()

    async def _look(self, session: Session) -> None:
        lease = Lease.of(session.attached)
        try:
            if lease is not None and not await self._holding.is_held(session, lease):
                await self.take_back(session)
        except ClawdforgeError as error:
            log.info("a session is not back yet", extra={"reason": error.message})

    def _remember(self, session: Session) -> None:
        self._lent[session.session_id] = session
        self._news.set()
        self.changed(session)


def _opening(session: Session, lease: Lease) -> dict[str, object] | None:
    """What a session begins with that was made of somebody's conversation."""
    adopted = Adopted.of(SessionOptions.of(session.options).adopted)
    if adopted.conversation is None or lease.pid is not None:
        return None  # it began here, or has begun before
    return {
        "conversation": adopted.conversation,
        "folder": adopted.folder,
        "copied": adopted.theirs is None,
        "by": lease.by,
        "cost": "carried over" if lease.spent_microusd is not None else "of the original",
    }
