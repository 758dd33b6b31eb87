"""What the tests work with: the driver under test, a talk with its agent, its processes."""

import asyncio
import contextlib
import uuid
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal, TypeVar

import psutil
import pytest

from clawdforge.agents.driver import Decision, Driver, SessionSpec
from clawdforge.core.events import Ask, Event, Exited, Ready, Text, ToolCall, TurnEnded
from clawdforge.testing.driver_contract.obeying import told

E = TypeVar("E", bound=Event)
MIB = 1024 * 1024
PATIENCE_SECS = 30.0
"""For what should take a moment, on a machine with other things to do."""
SECRET = "the-service-keeps-this-to-itself"  # noqa: S105 - looked for, and never found
ALLOW = Decision(allow=True)
REFUSE = Decision(allow=False, message="not now")
SLEEP_SECS = 86399
"""How long the command of a tool sleeps: no other process has this number in its arguments."""

State = Literal["start", "stream", "tool", "ask"]
STATES: tuple[State, ...] = ("start", "stream", "tool", "ask")
"""What a turn may be in the middle of."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bench:
    """The driver under test."""

    make: Callable[[int], Driver]
    """A new driver, whose agent may write that many bytes in a turn. `SECRET` is in the
    environment of the service as `CLAWDFORGE_ADMIN_TOKEN`."""
    spec: SessionSpec

    def with_spec(self, **changes: Any) -> "Bench":
        """The same with another `SessionSpec`."""
        return replace(self, spec=replace(self.spec, **changes))

    def kept(self, **changes: Any) -> "Bench":
        """The same for a conversation that is kept."""
        return self.with_spec(kept=True, **changes)


@dataclass(slots=True)
class Turn:
    """A turn that has ended, and what was heard in it."""

    end: TurnEnded
    events: list[Event]

    @property
    def pieces(self) -> list[str]:
        """The pieces of the answer."""
        return [event.text for event in self.events if isinstance(event, Text)]

    @property
    def answer(self) -> str:
        """The answer: as the agent gives it at the end, else put together."""
        return self.end.text if self.end.text is not None else "".join(self.pieces)

    def of(self, kind: type[E]) -> list[E]:
        """The events of one kind."""
        return [event for event in self.events if isinstance(event, kind)]

    def calls(self) -> dict[str, ToolCall]:
        """The tool calls, each as its patches add up."""
        calls: dict[str, ToolCall] = {}
        for patch in self.of(ToolCall):
            names = ToolCall.__dataclass_fields__
            news = {name: getattr(patch, name) for name in names}
            known = calls.get(patch.call_id, patch)
            calls[patch.call_id] = replace(
                known, **{name: value for name, value in news.items() if value is not None}
            )
        return calls


@dataclass(slots=True)
class Talk:
    """A driver with an agent, and what was heard from it."""

    driver: Driver
    heard: list[Event] = field(default_factory=list)

    async def next(self) -> Event | None:
        """The next event."""
        async with asyncio.timeout(PATIENCE_SECS):
            event = await self.driver.next_event()
        if event is not None:
            self.heard.append(event)
        return event

    async def until(self, kind: type[E]) -> E:
        """Read on until an event of that kind."""
        while (event := await self.next()) is not None:
            if isinstance(event, kind):
                return event
        raise AssertionError(f"no {kind.__name__} came, only {self.heard}")

    async def rest(self) -> list[Event]:
        """All events that are left."""
        left = []
        while (event := await self.next()) is not None:
            left.append(event)
        return left

    async def prompt(self, command: str) -> str:
        """Hand in a prompt; the turn's id."""
        turn_id = str(uuid.uuid4())
        await self.driver.prompt(turn_id, told(command))
        return turn_id

    async def end_of(self, turn_id: str) -> TurnEnded:
        """Read on until that turn ends."""
        while (end := await self.until(TurnEnded)).turn_id != turn_id:
            assert end.turn_id is None, "the end of a turn that had ended"
        return end

    async def ended(self, turn_id: str) -> Turn:
        """Read on until that turn ends; the turn, with all that was heard since the one before."""
        ends = [at for at, event in enumerate(self.heard, 1) if isinstance(event, TurnEnded)]
        end = await self.end_of(turn_id)
        return Turn(end, self.heard[max(ends, default=0) :])

    async def take(self, command: str) -> Turn:
        """A whole turn."""
        return await self.ended(await self.prompt(command))

    async def ready(self) -> Ready:
        """Wait until the agent is ready; what it says then."""
        for event in self.heard:
            if isinstance(event, Ready):
                return event
        return await self.until(Ready)

    async def reach(self, state: State) -> str:
        """Bring the agent into the middle of a turn; the turn's id."""
        if state == "start":
            return await self.prompt("/stream 200 50")
        if state == "stream":
            turn_id = await self.prompt("/stream 200 50")
            await self.until(Text)
            return turn_id
        turn_id = await self.prompt(f"/ask sleep {SLEEP_SECS}")
        if self.driver.caps.asks:
            ask = await self.until(Ask)
            if state == "tool":
                await self.driver.answer(ask.ask_id, ALLOW)
                await until_sleeping()
        return turn_id


class ContractBase:
    """Inherit, and provide `bench`."""

    @pytest.fixture
    def bench(self) -> Bench:
        """The driver under test."""
        raise NotImplementedError

    @asynccontextmanager
    async def opened(self, bench: Bench, limit: int = 64 * MIB) -> AsyncIterator[Driver]:
        """A driver with an agent; afterwards no process is left."""
        before = await asyncio.to_thread(descendants)
        driver = bench.make(limit)
        try:
            await driver.open(bench.spec)
            yield driver
        finally:
            await driver.close()
        await all_gone(before)

    @asynccontextmanager
    async def talking(self, bench: Bench) -> AsyncIterator[Talk]:
        """The same, to talk with."""
        async with self.opened(bench) as driver:
            yield Talk(driver)


async def closed(driver: Driver) -> None:
    """Close within reason."""
    async with asyncio.timeout(PATIENCE_SECS):
        await driver.close()


async def is_there(path: Path) -> bool:
    """Whether that file was made."""
    return await asyncio.to_thread(path.exists)


def descendants() -> set[psutil.Process]:
    """All processes below this one that run."""
    found = set()
    for process in psutil.Process().children(recursive=True):
        try:
            if process.status() != psutil.STATUS_ZOMBIE:
                found.add(process)
        except psutil.NoSuchProcess:
            continue
    return found


async def started_since(before: set[psutil.Process]) -> set[psutil.Process]:
    """The processes that were started since and run."""
    return await asyncio.to_thread(descendants) - before


async def kill_started_since(before: set[psutil.Process]) -> None:
    """Kill what was started since until it has ended: it may be starting more of itself."""
    async with asyncio.timeout(PATIENCE_SECS):
        while found := await started_since(before):
            for process in found:
                with contextlib.suppress(psutil.NoSuchProcess):
                    await asyncio.to_thread(process.kill)
            await asyncio.sleep(0.01)


async def all_gone(before: set[psutil.Process]) -> None:
    """Wait until what was started since has ended: the kernel may take a moment."""
    async with asyncio.timeout(PATIENCE_SECS):
        while await started_since(before):  # noqa: ASYNC110 - nobody tells
            await asyncio.sleep(0.01)


async def until_sleeping(*, gone: bool = False) -> None:
    """Wait until the command of a tool sleeps, or until it is gone."""
    async with asyncio.timeout(PATIENCE_SECS):
        while await asyncio.to_thread(_is_sleeping) is gone:  # noqa: ASYNC110 - nobody tells
            await asyncio.sleep(0.01)


def _is_sleeping() -> bool:
    for process in descendants():
        with contextlib.suppress(psutil.Error):
            *_, last = process.cmdline() or [""]
            if last.startswith(str(SLEEP_SECS)) or last.endswith(f"time.sleep({SLEEP_SECS})"):
                return True
    return False


def only_end(events: list[Event]) -> TurnEnded:
    """The end of the one turn among these events, after which only `Exited` comes."""
    (end,) = [event for event in events if isinstance(event, TurnEnded)]
    assert isinstance(events[-1], Exited)
    return end
