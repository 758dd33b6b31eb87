"""The owner of one session that has something to do: carries out what the machine decides.

One task takes the inputs in turn: what people want, what the agent says, what timers tell. So
there is one writer a session and no lock. What is told to anybody is durable before.
"""

import asyncio
import contextlib
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from clawdforge.agents.driver import Caps, Decision, Driver, SessionSpec, SettingName
from clawdforge.core.events import Ready
from clawdforge.core.session import Agent, SessionMachine
from clawdforge.core.session_io import (
    Answered,
    Arm,
    Audit,
    BeginTurn,
    Begun,
    Broke,
    Change,
    Disarm,
    Effect,
    EndTurn,
    Expired,
    Fact,
    Gone,
    Granted,
    Happened,
    Input,
    Keep,
    LeaveLine,
    Moment,
    OptionsChanged,
    Over,
    Prompted,
    Refused,
    Reply,
    Send,
    Settled,
    StartAgent,
    StopAgent,
    TellAnswer,
    TellCancel,
    Timer,
    TurnOutcome,
    TurnRequest,
    WantPlace,
)
from clawdforge.core.session_records import Permission, Session, TurnState
from clawdforge.errors import AgentError, BusyError, ClawdforgeError
from clawdforge.gateway.sessions.conversation import Conversation
from clawdforge.gateway.sessions.writing import Writing, Written
from clawdforge.gateway.slots import Slot, Slots
from clawdforge.tasks import TaskOwner

log = logging.getLogger(__name__)

MAX_UNREAD = 1024
"""Inputs that may wait; with more the agent's output is not read for a while."""
JOIN_SECS = 0.008
"""How long a piece of text may wait for the next, to be stored with it."""
MAX_STDERR_CHARS = 8192
LINGER_SECS = 1.0
"""How long a session with nothing to do stays claimed: mostly there is more to come."""


@dataclass(frozen=True, slots=True)
class Begin:
    """A turn has begun."""

    turn: int
    first_seq: int


@dataclass(slots=True)
class Ticket:
    """Somebody waits for a turn."""

    begun: asyncio.Future[Begin]
    outcome: asyncio.Future[TurnOutcome]

    def fail(self, error: BaseException) -> None:
        """It will not come to anything."""
        for future in (self.begun, self.outcome):
            if not future.done():
                future.set_exception(error)
                future.exception()  # whoever waits gets it; if nobody does, that is no fault


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What an actor works with; the same for all of them."""

    slots: Slots
    gate: asyncio.Semaphore
    driver: Callable[[str], Driver]
    utc: Callable[[], float]
    mono: Callable[[], float]
    became_idle: Callable[["SessionActor"], None]
    learned: Callable[[str, Caps], None]
    """Told what an agent (by name) can do, once it is ready."""


class SessionActor:
    """One session's task, from its claim to its release."""

    def __init__(
        self,
        *,
        machine: SessionMachine,
        writing: Writing,
        spec: Callable[[Session, StartAgent], Awaitable[SessionSpec]],
        around: Surroundings,
    ) -> None:
        self.machine = machine
        self.session_id = machine.session.session_id
        self.idle_since = 0.0
        self.over = False
        """Takes no more inputs."""
        self.ended = asyncio.Event()
        """Set when the session was given up, too."""
        self.fault: ClawdforgeError | None = None
        """Why it ended before its time."""
        self._writing = writing
        self._spec = spec
        self._around = around
        self._inbox: deque[Input] = deque()
        self._news = asyncio.Event()
        self._room = asyncio.Event()
        self._room.set()
        self._owner = TaskOwner()
        self._tickets: dict[int, Ticket] = {}
        self._last_ticket = 0
        self._answers: dict[str, asyncio.Future[Permission | None]] = {}
        self._ends: list[asyncio.Future[int | None]] = []
        self._changes: deque[asyncio.Future[None]] = deque()
        self._ended_turn: int | None = None
        self._timers: dict[tuple[Timer, str], asyncio.TimerHandle] = {}
        self._conversation: Conversation | None = None
        self._slot: Slot | None = None
        self._lining_up: asyncio.Task[None] | None = None
        self._stderr = ""
        self._calm = asyncio.Event()

    @property
    def live(self) -> bool:
        """Whether the agent's process is there."""
        return self.machine.agent in {Agent.STARTING, Agent.UP}

    @property
    def busy(self) -> bool:
        """Whether a turn runs or waits."""
        return self.machine.current is not None or self.machine.waiting > 0 or bool(self._tickets)

    @property
    def last_seq(self) -> int:
        """The newest event's number."""
        return self._writing.last_seq

    @property
    def caps(self) -> Caps | None:
        """What the agent can do, while its process is there."""
        return self._conversation.driver.caps if self._conversation else None

    @property
    def next_turn(self) -> int:
        """The number that the next turn is likely to have."""
        return self.machine.turns + max(0, self.waiting) + 1

    @property
    def waiting(self) -> int:
        """How many turns wait."""
        begun = 1 if self.machine.current is not None else 0
        return max(0, len(self._tickets) - begun)

    def submit(self, make: Callable[[int], TurnRequest]) -> Ticket:
        """Hand in a prompt."""
        loop = asyncio.get_running_loop()
        self._last_ticket += 1
        ticket = Ticket(loop.create_future(), loop.create_future())
        self._tickets[self._last_ticket] = ticket
        self.put(Prompted(request=make(self._last_ticket)))
        return ticket

    def put(self, input_: Input) -> None:
        """Hand in an input; those of people are few."""
        self._inbox.append(input_)
        self._news.set()

    async def post(self, input_: Input) -> None:
        """Hand in what the agent says; waits while there is much unread."""
        while len(self._inbox) >= MAX_UNREAD and not self.over:
            self._room.clear()
            await self._room.wait()
        self.put(input_)

    def give_up(self, error: ClawdforgeError) -> None:
        """End at once, and write nothing any more: the session may be another's."""
        self.fault = error
        self._news.set()

    async def quiet(self, secs: float) -> None:
        """Wait until no turn runs or waits, but not for longer."""
        self._calm.clear()
        if self.busy and not self.over:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(secs):
                    await self._calm.wait()

    def expect_end(self) -> asyncio.Future[int | None] | None:
        """The number of the next turn that ends; None when none runs or waits."""
        if not self.busy:
            return None
        future: asyncio.Future[int | None] = asyncio.get_running_loop().create_future()
        self._ends.append(future)
        return future

    def expect_change(self) -> asyncio.Future[None]:
        """Done when the next `OptionsChanged` is durable."""
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._changes.append(future)
        return future

    def expect_answer(self, permission_id: str) -> asyncio.Future[Permission | None]:
        """The permission once it has its answer; None: it is not open any more."""
        if permission_id not in self._answers:
            self._answers[permission_id] = asyncio.get_running_loop().create_future()
        return self._answers[permission_id]

    async def set(self, key: SettingName, value: str) -> None:
        """Change a setting of the agent that runs.

        Raises:
            AgentError: it cannot, or does not know that value.
        """
        if self._conversation is not None:
            await self._conversation.set(key, value)

    async def run(self) -> None:
        """Do all there is to do. Ends when the agent sleeps and nobody wants anything."""
        try:
            await self._carry_out(self.machine.recover(self._now()))
            while not self.over:
                await self._step()
        except ClawdforgeError as error:
            self.fault = error
            log.error(
                "a session was given up",
                extra={"session": self.session_id, "reason": error.message},
            )
        except Exception as error:
            self.fault = ClawdforgeError("internal error")
            log.exception("a session failed inside the server", extra={"session": self.session_id})
            del error
        finally:
            self.over = True
            await self._tidy_up()

    async def _step(self) -> None:
        while not self._inbox and self.fault is None:
            self._news.clear()
            try:
                async with asyncio.timeout(LINGER_SECS if self._has_nothing_to_do() else None):
                    await self._news.wait()
            except TimeoutError:
                self.over = True
                return
        if self.fault is not None:
            raise self.fault
        inputs = tuple(self._inbox)
        self._inbox.clear()
        self._room.set()
        effects: list[Effect] = []
        for input_ in inputs:
            effects += self._on(input_)
        await self._carry_out(effects)
        self._acknowledge(inputs)
        if self.machine.holds_text and (Timer.JOIN, "") not in self._timers:
            self._arm(Arm(timer=Timer.JOIN, secs=JOIN_SECS))
        if not self.busy:
            self._calm.set()
        if self.machine.idle:
            self.idle_since = self._around.mono()
            self._around.became_idle(self)

    def _acknowledge(self, inputs: Sequence[Input]) -> None:
        """Who waits for an input to be dealt with is told, also when nothing came of it."""
        for input_ in inputs:
            if isinstance(input_, Answered):
                waiting = self._answers.pop(input_.permission_id, None)
                if waiting is not None and not waiting.done():
                    waiting.set_result(None)
            elif isinstance(input_, OptionsChanged) and self._changes:
                change = self._changes.popleft()
                if not change.done():
                    change.set_result(None)

    def _on(self, input_: Input) -> Sequence[Effect]:
        if isinstance(input_, Happened) and self._conversation is not None:
            caps = self._conversation.driver.caps
            self.machine.can_resume = caps.resume
            if isinstance(input_.event, Ready):
                self._around.learned(self.machine.session.agent, caps)
        return self.machine.on(input_, self._now())

    def _has_nothing_to_do(self) -> bool:
        machine = self.machine
        return machine.agent is Agent.NONE and machine.current is None and not self._tickets

    # Effects

    async def _carry_out(self, effects: Sequence[Effect]) -> None:
        now = self._now()
        for effect in effects:
            match effect:
                case Fact() | BeginTurn() | EndTurn() | Change() | Keep() | Audit():
                    await self._write(effect, now)
                case Send() | TellAnswer() | Begun() | Reply() | Settled() | Over():
                    await self._store()
                    self._tell(effect)
                case _:
                    self._do(effect)
        await self._store()

    async def _write(self, effect: Written, now: Moment) -> None:
        if self._writing.must_go_first(effect):
            await self._store()
        if isinstance(effect, EndTurn):
            effect = self._with_stderr(effect)
            self._ended_turn = effect.end.turn
        self._writing.add(effect, now)

    async def _store(self) -> None:
        await self._writing.store()
        if self._ended_turn is not None:
            for waiting in self._ends:
                if not waiting.done():
                    waiting.set_result(self._ended_turn)
            self._ends.clear()
            self._ended_turn = None

    def _tell(self, effect: Send | TellAnswer | Begun | Reply | Settled | Over) -> None:
        """What others learn, now that it is durable."""
        match effect:
            case Send(turn_id=turn_id, prompt=prompt):
                if self._conversation is not None:
                    self._conversation.send(turn_id, prompt)
            case TellAnswer():
                self._tell_answer(effect)
            case Begun(ticket=number, turn=turn):
                ticket = self._tickets.get(number)
                if ticket is not None and not ticket.begun.done():
                    ticket.begun.set_result(Begin(turn, self._writing.turn_first_seq))
            case Reply():
                self._reply(effect)
            case Settled(permission=permission):
                waiting = self._answers.pop(permission.permission_id, None)
                if waiting is not None and not waiting.done():
                    waiting.set_result(permission)
            case Over():
                self.over = True

    def _do(self, effect: Effect) -> None:
        match effect:
            case WantPlace():
                self._lining_up = self._owner.start(self._line_up(), name="line-up")
            case LeaveLine():
                self._leave_line()
            case StartAgent():
                self._start_agent(effect)
            case TellCancel(turn_id=turn_id):
                if self._conversation is not None:
                    self._conversation.cancel(turn_id)
            case StopAgent():
                self._stop_agent()
            case Arm():
                self._arm(effect)
            case Disarm(timer=timer, key=key):
                handle = self._timers.pop((timer, key), None)
                if handle is not None:
                    handle.cancel()

    def _tell_answer(self, effect: TellAnswer) -> None:
        if self._conversation is not None:
            decision = Decision(
                allow=effect.allow,
                option_id=effect.option_id,
                message=effect.message,
                args=effect.args,
            )
            self._conversation.answer(effect.ask_id, decision)

    def _reply(self, effect: Reply) -> None:
        ticket = self._tickets.pop(effect.ticket, None)
        if ticket is None:
            return
        if effect.error is not None:
            ticket.fail(effect.error)
        elif effect.outcome is not None and not ticket.outcome.done():
            outcome = effect.outcome
            if outcome.state not in {TurnState.DONE, TurnState.CANCELLED}:
                outcome = replace(outcome, stderr=self._stderr)
            ticket.outcome.set_result(outcome)

    def _with_stderr(self, effect: EndTurn) -> EndTurn:
        if effect.end.state in {TurnState.DONE, TurnState.CANCELLED}:
            return effect
        if self._conversation is not None:
            self._stderr = self._conversation.driver.stderr[-MAX_STDERR_CHARS:]
        return EndTurn(end=replace(effect.end, stderr=self._stderr))

    async def _line_up(self) -> None:
        slot: Slot | None = None
        try:
            slot = await self._around.slots.acquire(self.machine.session.app_id)
        except BusyError as error:
            self.put(Refused(error=error))
        else:
            self._slot = slot
            self.put(Granted())

    def _leave_line(self) -> None:
        if self._lining_up is not None:
            self._lining_up.cancel()
        self._inbox = deque(item for item in self._inbox if not isinstance(item, Granted))
        slot, self._slot = self._slot, None
        if slot is not None:
            slot.release()

    def _start_agent(self, effect: StartAgent) -> None:
        self._stderr = ""
        slot, self._slot = self._slot, None
        assert slot is not None
        try:
            driver = self._around.driver(self.machine.session.agent)
        except (KeyError, ClawdforgeError) as error:
            slot.release()
            self._no_driver(error)
            return
        self._conversation = Conversation(
            driver=driver,
            spec=lambda: self._spec(self.machine.session, effect),
            gate=self._around.gate,
            slot=slot,
            post=self.post,
            owner=self._owner,
            name=self.session_id[:8],
        )

    def _no_driver(self, error: Exception) -> None:
        if not isinstance(error, ClawdforgeError):
            name = self.machine.session.agent
            msg = f"the agent {name!r} is not configured any more"
            error = AgentError(msg, code="unknown_agent")
        self.put(Broke(error=error))

    def _stop_agent(self) -> None:
        conversation, self._conversation = self._conversation, None
        if conversation is not None:
            conversation.stop()
            return
        slot, self._slot = self._slot, None
        if slot is not None:
            slot.release()
        self.put(Gone())

    def _arm(self, effect: Arm) -> None:
        key = (effect.timer, effect.key)
        running = self._timers.get(key)
        if running is not None:
            running.cancel()
        loop = asyncio.get_running_loop()
        self._timers[key] = loop.call_later(effect.secs, self._ring, effect.timer, effect.key)

    def _ring(self, timer: Timer, key: str) -> None:
        self._timers.pop((timer, key), None)
        self.put(Expired(timer=timer, key=key))

    def _now(self) -> Moment:
        return Moment(utc=self._around.utc(), mono=self._around.mono())

    async def _tidy_up(self) -> None:
        for handle in self._timers.values():
            handle.cancel()
        if self._lining_up is not None:
            self._lining_up.cancel()
        if self._conversation is not None:
            self._conversation.stop()
        self._room.set()
        await self._owner.wait()
        if self._slot is not None:
            self._slot.release()
        error = self.fault or BusyError(
            "the session is busy", code="session_busy", retry_after_secs=1
        )
        for ticket in self._tickets.values():
            ticket.fail(error)
        waiting: Sequence[asyncio.Future[Any]] = (
            *self._answers.values(),
            *self._ends,
            *self._changes,
        )
        for future in waiting:
            if not future.done():
                future.set_result(None)
        self._calm.set()
