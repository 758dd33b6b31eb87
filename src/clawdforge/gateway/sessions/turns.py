"""What apps can do with the turns of a session: take one, cancel it, look at those before."""

import asyncio
import hashlib
import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from clawdforge.core.options import NewTurn
from clawdforge.core.run import with_attachments
from clawdforge.core.sdk_events import sdk_events
from clawdforge.core.session_effects import TurnOutcome
from clawdforge.core.session_inputs import CancelAsked, TurnRequest
from clawdforge.core.session_records import Session, StoredEvent, Turn
from clawdforge.errors import BusyError, ConflictError, InputError, NotFoundError
from clawdforge.gateway.caller import Caller
from clawdforge.gateway.files import Files
from clawdforge.gateway.runs import MAX_FILES, RunLimits
from clawdforge.gateway.sessions.actor import SessionActor
from clawdforge.gateway.sessions.service import Sessions, closed
from clawdforge.gateway.sessions.specs import Specs
from clawdforge.gateway.sessions.supervisor import Supervisor
from clawdforge.gateway.sessions.waiting import Begin
from clawdforge.gateway.sessions.writing import bodies_of
from clawdforge.store.session_ledger import SessionLedger

_PAGE = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class TurnHandle:
    """A turn that was accepted, or that was taken before under the same key."""

    session_id: str
    begun: asyncio.Future[Begin]
    outcome: asyncio.Future[TurnOutcome]


@dataclass(frozen=True, slots=True, kw_only=True)
class TurnAnswer:
    """What is told to whoever waited for a turn."""

    outcome: TurnOutcome
    events: Sequence[Mapping[str, Any]] = field(repr=False)
    """As 0.2 names them, see `core.sdk_events`."""


class Turns:
    """Takes turns.

    Args:
        inbox: How many turns may wait in one session.
        observe: Called with the agent and the outcome of every turn that apps wanted.
        regain: Called for a session that somebody had in a terminal: gives it as it is when they
            have it no more, else raises.
    """

    def __init__(
        self,
        *,
        ledger: SessionLedger,
        sessions: Sessions,
        supervisor: Supervisor,
        specs: Specs,
        files: Files,
        limits: RunLimits,
        inbox: int,
        observe: Callable[[str, TurnOutcome], None],
        regain: Callable[[Session], Awaitable[Session]],
    ) -> None:
        self._ledger = ledger
        self._sessions = sessions
        self._supervisor = supervisor
        self._specs = specs
        self._files = files
        self._limits = limits
        self._inbox = inbox
        self._observe = observe
        self._regain = regain
        self._keys: set[tuple[str, str]] = set()

    async def take(self, session_id: str, wanted: NewTurn, *, who: Caller) -> TurnHandle:
        """Hand in a prompt. What comes of it is the handle's; a failure is an outcome.

        Raises:
            NotFoundError: no such session, or a file token is unknown.
            GoneError: the session is closed.
            InputError: a bad time-out, too many files, a key used for another request.
            ConflictError: a turn with that key runs (`idempotency_running`), or somebody has the
                session in a terminal (`session_attached`).
            BusyError: too many turns wait in the session (`inbox_full`).
        """
        session = await self._own(session_id, who)
        timeout_secs = self._timeout(wanted)
        digest = _digest(wanted)
        if wanted.idempotency_key is None:
            return await self._taken(session, wanted, timeout_secs, digest, who)
        held = (session_id, wanted.idempotency_key)
        if held in self._keys:
            raise _running()
        self._keys.add(held)  # before anything is awaited: requests may come at the same time
        try:
            handle = await self._replayed(session, wanted.idempotency_key, digest)
            if handle is None:
                handle = await self._taken(session, wanted, timeout_secs, digest, who)
        except BaseException:
            self._keys.discard(held)
            raise
        handle.outcome.add_done_callback(lambda _: self._keys.discard(held))
        return handle

    async def _taken(
        self, session: Session, wanted: NewTurn, timeout_secs: int, digest: str, who: Caller
    ) -> TurnHandle:
        session_id = session.session_id
        if session.closed_at is not None:
            raise closed()
        self._supervisor.refuse_when_stopping()
        if session.attached is not None:
            session = await self._regain(session)
        attachments = await self._files.find(wanted.files, who=who)
        actor = await self._supervisor.actor(session_id)
        prompt = wanted.prompt
        if attachments:
            self._require_room(actor)  # nothing of a turn that is refused is to be left
            names = await self._specs.stage(session, attachments, turn=actor.next_turn)
            prompt = with_attachments(prompt, names)
            actor = await self._supervisor.actor(session_id)
        self._require_room(actor)
        said = wanted.prompt.encode()

        def request(ticket: int) -> TurnRequest:
            return TurnRequest(
                ticket=ticket,
                prompt=prompt,
                prompt_bytes=len(said),
                prompt_sha256=hashlib.sha256(said).hexdigest(),
                prompt_text=wanted.prompt if self._limits.store_prompts else None,
                file_count=len(wanted.files),
                timeout_secs=timeout_secs,
                idempotency_key=wanted.idempotency_key,
                request_digest=digest if wanted.idempotency_key is not None else None,
            )

        return self._submitted(actor, session, request)

    def _require_room(self, actor: SessionActor) -> None:
        if actor.waiting >= self._inbox:
            msg = f"{actor.waiting} turns wait in this session already"
            raise BusyError(msg, code="inbox_full", retry_after_secs=5)

    async def answer(self, handle: TurnHandle) -> TurnAnswer:
        """Wait for the turn's end; who stops waiting does not end it."""
        outcome = await asyncio.shield(handle.outcome)
        return TurnAnswer(outcome=outcome, events=sdk_events(outcome.bodies))

    async def cancel(self, session_id: str, *, who: Caller) -> int | None:
        """Stop the running turn; its number once it has really ended.

        None: there was nothing to cancel, or it ended by itself meanwhile.
        """
        await self._own(session_id, who)
        actor = self._supervisor.awake(session_id)
        if actor is None:
            return None
        if not actor.busy:
            return None
        ending = actor.waiting_for.expect_end()
        actor.put(CancelAsked())
        return await ending

    async def page(
        self, session_id: str, *, limit: int, before: int | None, who: Caller
    ) -> Sequence[Turn]:
        """Some turns of a session, newest first."""
        await self._own(session_id, who)
        return await self._ledger.turns(session_id, limit=limit, before=before)

    async def get(
        self, session_id: str, number: int, *, who: Caller
    ) -> tuple[Turn, Sequence[StoredEvent]]:
        """One turn and its events."""
        await self._own(session_id, who)
        turn = await self._ledger.turn(session_id, number)
        if turn is None:
            msg = "there is no such turn"
            raise NotFoundError(msg)
        return turn, await self._events(turn)

    async def _own(self, session_id: str, who: Caller) -> Session:
        """The session; of one that is awake nothing need be read."""
        assert who.app is not None
        actor = self._supervisor.awake(session_id)
        if actor is None:
            return await self._sessions.own(session_id, who=who)
        if actor.machine.session.app_id != who.app.app_id:
            msg = "there is no such session"
            raise NotFoundError(msg)
        return actor.machine.session

    def _submitted(
        self,
        actor: SessionActor,
        session: Session,
        request: Callable[[int], TurnRequest],
    ) -> TurnHandle:
        ticket = actor.submit(request)

        def seen(outcome: asyncio.Future[TurnOutcome]) -> None:
            if not outcome.cancelled() and outcome.exception() is None:
                self._observe(session.agent, outcome.result())

        ticket.outcome.add_done_callback(seen)
        return TurnHandle(session_id=session.session_id, begun=ticket.begun, outcome=ticket.outcome)

    async def _replayed(self, session: Session, key: str, digest: str) -> TurnHandle | None:
        turn = await self._ledger.turn_of_key(session.session_id, key)
        if turn is None:
            return None
        if turn.start.request_digest != digest:
            msg = "that Idempotency-Key was used for another request"
            raise InputError(msg, code="idempotency_mismatch")
        if turn.end is None:
            if self._supervisor.awake(session.session_id) is not None:
                raise _running()
            await self._supervisor.actor(session.session_id)  # puts in order what was left
            return await self._replayed(session, key, digest)
        loop = asyncio.get_running_loop()
        handle = TurnHandle(
            session_id=session.session_id,
            begun=loop.create_future(),
            outcome=loop.create_future(),
        )
        handle.begun.set_result(Begin(turn.start.turn, turn.start.first_seq))
        handle.outcome.set_result(outcome_of(turn, await self._events(turn)))
        return handle

    async def _events(self, turn: Turn) -> Sequence[StoredEvent]:
        """The turn's own events, also while it runs."""
        events: list[StoredEvent] = []
        after = turn.start.first_seq - 1
        last = turn.end.last_seq if turn.end is not None else None
        while last is None or after < last:
            limit = _PAGE if last is None else min(_PAGE, last - after)
            page = await self._ledger.read(turn.session_id, after=after, limit=limit)
            if not page:
                break
            after = page[-1].seq
            events += [event for event in page if event.turn == turn.start.turn]
        return events

    def _timeout(self, wanted: NewTurn) -> int:
        if len(wanted.files) > MAX_FILES:
            msg = f"files: more than {MAX_FILES}"
            raise InputError(msg, code="too_many_files")
        low, high = self._limits.min_timeout_secs, self._limits.max_timeout_secs
        timeout = wanted.timeout_secs
        if timeout is None:
            timeout = self._limits.default_timeout_secs
        if not low <= timeout <= high:
            msg = f"timeout_secs: must be from {low} to {high}"
            raise InputError(msg, code="invalid_timeout")
        return timeout


def outcome_of(turn: Turn, events: Sequence[StoredEvent]) -> TurnOutcome:
    """What came of a turn, as the ledger has it."""
    end = turn.end
    assert end is not None
    return TurnOutcome(
        turn=turn.start.turn,
        state=end.state,
        stop_reason=end.stop_reason,
        duration_ms=end.duration_ms,
        error=end.error,
        stderr=end.stderr,
        usage=end.usage,
        bodies=tuple(bodies_of(events)),
    )


def _running() -> ConflictError:
    msg = "the turn with that Idempotency-Key runs; ask again when it has ended"
    return ConflictError(msg, code="idempotency_running")


def _digest(wanted: NewTurn) -> str:
    asked = [wanted.prompt, list(wanted.files), wanted.timeout_secs]
    return hashlib.sha256(json.dumps(asked).encode()).hexdigest()
