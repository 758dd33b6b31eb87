"""The owner of one session that has something to do: carries out what the machine decides.

One task takes the inputs in turn: what people want, what the agent says, what timers tell. So
there is one writer a session and no lock. What is told to anybody is durable before.
"""

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace

from clawdforge.agents.driver import Caps, Driver, SessionSpec, SettingName
from clawdforge.core.events import Ready
from clawdforge.core.session import SessionMachine
from clawdforge.core.session_effects import (
    Arm,
    Audit,
    BeginTurn,
    Begun,
    Change,
    Disarm,
    Effect,
    EndTurn,
    Fact,
    HandedOver,
    Keep,
    LeaveLine,
    Over,
    Reply,
    Send,
    Settled,
    StartAgent,
    StopAgent,
    TellAnswer,
    TellCancel,
    WantPlace,
)
from clawdforge.core.session_inputs import (
    Gone,
    Happened,
    Input,
    Moment,
    Prompted,
    RestAsked,
    Timer,
    TurnRequest,
)
from clawdforge.core.session_records import Session, TurnEnd, TurnState
from clawdforge.core.session_state import Agent
from clawdforge.errors import BusyError, ClawdforgeError
from clawdforge.gateway.sessions.inbox import Inbox
from clawdforge.gateway.sessions.seat import Seat
from clawdforge.gateway.sessions.waiting import Begin, Ticket, Waiting
from clawdforge.gateway.sessions.writing import Writing, Written
from clawdforge.gateway.slots import Slots

log = logging.getLogger(__name__)

JOIN_SECS = 0.008
"""How long a piece of text may wait for the next, to be stored with it."""
LINGER_SECS = 1.0
"""How long a session with nothing to do stays claimed: mostly there is more to come."""

Told = Send | TellAnswer | Begun | Reply | Settled | HandedOver | Over
"""What must be durable before it is told."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What an actor works with; the same for all of them."""

    slots: Slots
    gate: asyncio.Semaphore
    driver: Callable[[str], Driver]
    utc: Callable[[], float]
    mono: Callable[[], float]
    make_room: Callable[[], None]
    """To be called when an agent could give its place up now, or will not after all."""
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
        self.resting = False
        """Was told to rest, and has not looked at it yet."""
        self.waiting_for = Waiting()
        self._writing = writing
        self._spec = spec
        self._around = around
        self._inbox = Inbox()
        self._calm = asyncio.Event()
        self._ended_turn: TurnEnd | None = None
        self._seat = Seat(
            app_id=machine.session.app_id,
            name=self.session_id[:8],
            slots=around.slots,
            gate=around.gate,
            put=self._inbox.put,
            post=self._inbox.post,
            withdraw=self._inbox.withdraw_grant,
        )

    @property
    def live(self) -> bool:
        """Whether the agent's process is there."""
        return self.machine.agent in {Agent.STARTING, Agent.UP}

    @property
    def busy(self) -> bool:
        """Whether a turn runs or waits."""
        machine = self.machine
        return machine.current is not None or machine.waiting > 0 or self.waiting_for.turns > 0

    @property
    def caps(self) -> Caps | None:
        """What the agent can do, while its process is there."""
        return self._seat.caps

    @property
    def waiting(self) -> int:
        """How many turns wait."""
        begun = 1 if self.machine.current is not None else 0
        return max(0, self.waiting_for.turns - begun)

    @property
    def next_turn(self) -> int:
        """The number that the next turn is likely to have."""
        return self.machine.turns + self.waiting + 1

    def submit(self, make: Callable[[int], TurnRequest]) -> Ticket:
        """Hand in a prompt."""
        number, ticket = self.waiting_for.new_ticket()
        self.put(Prompted(request=make(number)))
        return ticket

    def put(self, input_: Input) -> None:
        """Hand in an input."""
        self._inbox.put(input_)

    def rest(self, reason: str) -> None:
        """Have the agent end, if it is idle then, too: somebody else needs its place."""
        self.resting = True
        self.put(RestAsked(reason=reason))

    def give_up(self, error: ClawdforgeError) -> None:
        """End at once, and write nothing any more: the session may be another's."""
        self.fault = error
        self._inbox.nudge()

    async def quiet(self, secs: float) -> None:
        """Wait until no turn runs or waits, but not for longer."""
        self._calm.clear()
        if self.busy and not self.over:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(secs):
                    await self._calm.wait()

    async def set(self, key: SettingName, value: str) -> None:
        """Change a setting of the agent that runs.

        Raises:
            AgentError: it cannot, or does not know that value.
        """
        await self._seat.set(key, value)

    async def run(self) -> None:
        """Do all there is to do. Ends when the agent sleeps and nobody wants anything."""
        extra = {"session": self.session_id}
        try:
            await self._carry_out(self.machine.recover(self._now()))
            while not self.over:
                await self._step()
        except ClawdforgeError as error:
            self.fault = error
            log.error("a session was given up", extra={**extra, "reason": error.message})
        except Exception:
            self.fault = ClawdforgeError("internal error")
            log.exception("a session failed inside the server", extra=extra)
        finally:
            self.over = True
            await self._tidy_up()

    async def _step(self) -> None:
        patience = LINGER_SECS if self._has_nothing_to_do() else None
        inputs = await self._inbox.take(within_secs=patience)
        if self.fault is not None:
            raise self.fault
        if not inputs and self._has_nothing_to_do():
            self.over = True
            return
        effects: list[Effect] = []
        for input_ in inputs:
            effects += self._on(input_)
        if self.machine.idle:  # from now on, though not everybody was told yet
            self.idle_since = self._around.mono()
        await self._carry_out(effects)
        self.waiting_for.acknowledge(inputs)
        if self.machine.holds_text and not self._inbox.is_armed(Timer.JOIN):
            self._inbox.arm(Arm(timer=Timer.JOIN, secs=JOIN_SECS))
        if not self.busy:
            self._calm.set()
        if self.machine.idle or any(isinstance(i, RestAsked | Gone) for i in inputs):
            self._around.make_room()

    def _on(self, input_: Input) -> Sequence[Effect]:
        caps = self._seat.caps
        if isinstance(input_, RestAsked):
            self.resting = False
        if isinstance(input_, Happened) and caps is not None:
            self.machine.can_resume = caps.resume
            if isinstance(input_.event, Ready):
                self._around.learned(self.machine.session.agent, caps)
        return self.machine.on(input_, self._now())

    def _has_nothing_to_do(self) -> bool:
        return self.machine.agent is Agent.NONE and not self.busy

    async def _carry_out(self, effects: Sequence[Effect]) -> None:
        now = self._now()
        for effect in effects:
            match effect:
                case Fact() | BeginTurn() | EndTurn() | Change() | Keep() | Audit():
                    await self._write(effect, now)
                case Send() | TellAnswer() | Begun() | Reply() | Settled() | HandedOver() | Over():
                    await self._store()
                    self._tell(effect)
                case _:
                    self._do(effect)
        await self._store()

    async def _write(self, effect: Written, now: Moment) -> None:
        if self._writing.must_go_first(effect):
            await self._store()
        if isinstance(effect, EndTurn):
            self._ended_turn = effect.end
            if effect.end.state not in {TurnState.DONE, TurnState.CANCELLED}:
                effect = EndTurn(end=replace(effect.end, stderr=self._seat.stderr))
        self._writing.add(effect, now)

    async def _store(self) -> None:
        await self._writing.store()
        if self._ended_turn is not None:
            end = self._ended_turn
            self.waiting_for.ended(end.turn if end.state is TurnState.CANCELLED else None)
            self._ended_turn = None

    def _tell(self, effect: Told) -> None:
        match effect:
            case Send():
                self._seat.send(effect)
            case TellAnswer():
                self._seat.answer(effect)
            case Begun(ticket=number, turn=turn):
                self.waiting_for.begun(number, Begin(turn, self._writing.turn_first_seq))
            case Reply():
                self.waiting_for.reply(effect, self._seat.stderr)
            case Settled(permission=permission):
                self.waiting_for.settled(permission)
            case HandedOver(ticket=number, error=error):
                self.waiting_for.handed_over(number, error)
            case Over():
                self.over = True

    def _do(self, effect: Effect) -> None:
        match effect:
            case WantPlace(place=place):
                self._seat.line_up(place)
            case LeaveLine():
                self._seat.leave_line()
            case StartAgent():
                session = self.machine.session
                self._seat.start(
                    lambda: self._around.driver(session.agent),
                    lambda: self._spec(self.machine.session, effect),
                )
            case TellCancel(turn_id=turn_id):
                self._seat.cancel(turn_id)
            case StopAgent():
                self._seat.stop()
            case Arm():
                self._inbox.arm(effect)
            case Disarm(timer=timer, key=key):
                self._inbox.disarm(timer, key)

    def _now(self) -> Moment:
        return Moment(utc=self._around.utc(), mono=self._around.mono())

    async def _tidy_up(self) -> None:
        self._inbox.close()
        await self._seat.close()
        busy = BusyError("the session is busy", code="session_busy", retry_after_secs=1)
        self.waiting_for.close(self.fault or busy)
        self._calm.set()
