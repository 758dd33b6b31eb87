"""The one turn of a run: driver and ledger kept in step, and an honest end in every case."""

import asyncio
import contextlib
import logging
import uuid
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field

from clawdforge.agents.driver import Driver, SessionSpec
from clawdforge.core.events import Exited, Stop, Text, TurnEnded
from clawdforge.core.records import RunEnd, RunStart, RunState
from clawdforge.core.run import (
    RunOutcome,
    RunRequest,
    parse_result,
    whole_text,
    with_attachments,
)
from clawdforge.core.usage import Usage
from clawdforge.errors import AgentError, StorageError
from clawdforge.gateway.workspace import Workspace
from clawdforge.store.ledger import Ledger
from clawdforge.tasks import TaskOwner, finish

log = logging.getLogger(__name__)

MAX_STDERR_CHARS = 8192
MAX_ERROR_CHARS = 500
_EXIT_SECS = 3.0
"""How long a failed agent may take to tell its exit code."""
_BIG_RESULT = 256 * 1024
"""Answers from this size are parsed off the event loop."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _End:
    """How the turn ended, before it is timed and recorded."""

    state: RunState
    stop_reason: str | None
    text: str | None = None
    error: str | None = None
    usage: Usage = field(default_factory=Usage)


class Turn:
    """Takes one turn. `take` once, then `close`.

    Args:
        driver_of: Makes a driver for an agent's name.
        gate: Lets few agents start at once.
        clock: UTC seconds since 1970.
        monotonic: Seconds that only grow.
    """

    def __init__(
        self,
        *,
        run: RunStart,
        request: RunRequest,
        workspace: Workspace,
        driver_of: Callable[[str], Driver],
        ledger: Ledger,
        gate: asyncio.Semaphore,
        clock: Callable[[], float],
        monotonic: Callable[[], float],
    ) -> None:
        self.run = run
        self.workspace = workspace
        self._request = request
        self._driver_of = driver_of
        self._ledger = ledger
        self._gate = gate
        self._clock = clock
        self._monotonic = monotonic
        self._driver: Driver | None = None
        self._said: list[str] = []
        self._owner = TaskOwner()

    async def take(self) -> RunOutcome:
        """Run the turn to its end; what came of it is durable when this returns.

        Cancelling it ends the turn as `cancelled`: that too is an outcome.

        Raises:
            StorageError: the start or the end could not be recorded.
        """
        began = self._monotonic()
        recorded = self._owner.start(
            self._ledger.start_run(self.run), name="start-run", awaited=True
        )
        try:
            end = await self._attempt(recorded)
        except asyncio.CancelledError:
            end = _End(state=RunState.CANCELLED, stop_reason="cancelled", error="cancelled")
        except StorageError:
            raise  # the start could not be recorded
        except Exception:
            # A bug of ours, but the run must not stay `running` in the ledger for it.
            log.exception("a run failed inside the server", extra={"run": self.run.run_id})
            end = _End(state=RunState.FAILED, stop_reason="error", error="internal error")
        concluding = self._owner.start(
            self._conclude(end, recorded, began), name="conclude", awaited=True
        )
        try:
            return await finish(concluding)
        except asyncio.CancelledError:
            return concluding.result()  # too late: it has ended otherwise

    async def close(self) -> None:
        """End the agent and everything it started."""
        if self._driver is not None:
            await self._driver.close()

    async def _conclude(self, end: _End, recorded: asyncio.Task[None], began: float) -> RunOutcome:
        await recorded
        duration_ms = round((self._monotonic() - began) * 1000)
        result, size = await self._result(end)
        await self._record(end, duration_ms, size)
        return RunOutcome(
            run_id=self.run.run_id,
            state=end.state,
            duration_ms=duration_ms,
            result=result,
            stop_reason=end.stop_reason,
            error=end.error,
            stderr=self._stderr() if end.state is not RunState.DONE else "",
            usage=end.usage,
        )

    async def _attempt(self, recorded: asyncio.Task[None]) -> _End:
        try:
            async with asyncio.timeout(self.run.timeout_secs):
                return await self._drive(recorded)
        except TimeoutError:
            error = f"no answer within {self.run.timeout_secs} s"
            return _End(state=RunState.TIMEOUT, stop_reason="timeout", error=error)
        except AgentError as error:
            return await self._failed(error.message)

    async def _drive(self, recorded: asyncio.Task[None]) -> _End:
        driver = self._driver = self._driver_of(self.run.agent)
        async with AsyncExitStack() as starting:
            await starting.enter_async_context(self._gate)
            return await self._talk(driver, recorded, starting)

    async def _talk(
        self, driver: Driver, recorded: asyncio.Task[None], starting: AsyncExitStack
    ) -> _End:
        await driver.open(
            SessionSpec(
                cwd=self.workspace.cwd,
                tmp=self.workspace.tmp,
                model=self.run.model,
                system=self._request.system,
                system_mode=self._request.system_mode,
                effort=self._request.effort,
            )
        )
        # The agent starts while the ledger writes, but sees no prompt that is not recorded.
        await asyncio.shield(recorded)
        prompt = with_attachments(self._request.prompt, self.workspace.attachments)
        turn_id = str(uuid.uuid4())
        with contextlib.suppress(AgentError):  # it ended already: its events say how
            await driver.prompt(turn_id, prompt)
        while (event := await driver.next_event()) is not None:
            await starting.aclose()  # it has started: the next one may
            if isinstance(event, Text):
                self._said.append(event.text)
            if isinstance(event, TurnEnded) and event.turn_id == turn_id:
                return await self._ended(event)
        return await self._failed(None)

    async def _ended(self, event: TurnEnded) -> _End:
        if event.stop in {Stop.FAILED, Stop.LOST, Stop.MAX_TURNS}:
            return await self._failed(event.text, usage=event.usage)
        return _End(
            state=RunState.DONE,
            stop_reason=whole_text(event.reason) if event.reason is not None else None,
            text=whole_text("".join(self._said) if event.text is None else event.text),
            usage=event.usage,
        )

    async def _failed(self, text: str | None, *, usage: Usage | None = None) -> _End:
        exited = await self._exit()
        how = f"{self.run.agent} {exited}" if exited else self.run.agent
        error = f"{how}: {text.strip()}" if text and text.strip() else how
        return _End(
            state=RunState.FAILED,
            stop_reason="error",
            error=whole_text(error[:MAX_ERROR_CHARS]),
            usage=usage or Usage(),
        )

    async def _exit(self) -> Exited | None:
        """How the agent's process ends, if it does so soon once it is told to."""
        driver = self._driver
        if driver is None:
            return None
        closing = self._owner.start(driver.close(), name="close", awaited=True)
        with contextlib.suppress(AgentError, TimeoutError):
            async with asyncio.timeout(_EXIT_SECS):
                await asyncio.shield(closing)
                while (event := await driver.next_event()) is not None:
                    if isinstance(event, Exited):
                        return event
        return None

    async def _result(self, end: _End) -> tuple[object, int | None]:
        if end.text is None:
            return None, None
        size = len(end.text.encode("utf-8", "replace"))
        if size < _BIG_RESULT:
            return parse_result(end.text), size
        return await asyncio.to_thread(parse_result, end.text), size

    async def _record(self, end: _End, duration_ms: int, size: int | None) -> None:
        await self._ledger.end_run(
            self.run.run_id,
            RunEnd(
                state=end.state,
                duration_ms=duration_ms,
                stop_reason=end.stop_reason,
                error=_short(end),
                result_bytes=size,
                usage=end.usage,
                ended_at=int(self._clock()),
            ),
        )

    def _stderr(self) -> str:
        return self._driver.stderr[-MAX_STDERR_CHARS:] if self._driver else ""


def _short(end: _End) -> str | None:
    """The error for the ledger: its first line only."""
    return end.error.splitlines()[0][:200] if end.error else None
