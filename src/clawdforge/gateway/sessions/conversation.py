"""An agent's process for a session, from its start to its end.

What is said to it goes out in order, what it says comes in, nothing of it is left afterwards.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from pathlib import Path

from clawdforge.agents.driver import Decision, Driver, SessionSpec, SettingName
from clawdforge.core.session_inputs import Broke, Gone, Happened, Input
from clawdforge.errors import AgentError, ClawdforgeError
from clawdforge.gateway.session_folders import workspace_gone
from clawdforge.gateway.slots import Slot
from clawdforge.tasks import TaskOwner

Saying = Callable[[Driver], Awaitable[None]]

_LAST_WORDS_SECS = 2.0
"""How long a stopped agent's output may still be read."""


class Conversation:
    """One process of one agent, and its place among the agents at work.

    Args:
        driver: For this conversation alone.
        spec: Gives what the agent is started with; called once.
        gate: Lets few agents start at once.
        slot: Given back when the process is gone.
        post: Takes what happens; waits while there is too much of it.
    """

    def __init__(
        self,
        *,
        driver: Driver,
        spec: Callable[[], Awaitable[SessionSpec]],
        gate: asyncio.Semaphore,
        slot: Slot,
        post: Callable[[Input], Awaitable[None]],
        owner: TaskOwner,
        name: str,
    ) -> None:
        self.driver = driver
        self._spec = spec
        self._gate = gate
        self._slot = slot
        self._post = post
        self._owner = owner
        self._name = name
        self._sayings: asyncio.Queue[Saying] = asyncio.Queue()
        self._cwd: Path | None = None
        self._ready = asyncio.Event()
        self._reading: asyncio.Task[None] | None = None
        self._talking = owner.start(self._talk(), name=f"talk-{name}")
        self._stopping = False

    def send(self, turn_id: str, prompt: str) -> None:
        """Hand the prompt in, after all that was said before."""

        async def say(driver: Driver) -> None:
            if self._cwd is not None and not await asyncio.to_thread(self._cwd.is_dir):
                raise workspace_gone()  # the agent would work nowhere
            await driver.prompt(turn_id, prompt)

        self._sayings.put_nowait(say)

    def cancel(self, turn_id: str) -> None:
        """Tell the agent to stop working on the turn."""

        async def say(driver: Driver) -> None:
            await driver.cancel(turn_id)

        self._sayings.put_nowait(say)

    def answer(self, ask_id: str, decision: Decision) -> None:
        """Answer what the agent asked."""

        async def say(driver: Driver) -> None:
            await driver.answer(ask_id, decision)

        self._sayings.put_nowait(say)

    async def set(self, key: SettingName, value: str) -> None:
        """Change a setting.

        Raises:
            AgentError: the agent cannot, or does not know that value.
        """
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

        async def say(driver: Driver) -> None:
            try:
                await driver.set(key, value)
            except AgentError as error:
                if not done.done():
                    done.set_exception(error)
            else:
                if not done.done():
                    done.set_result(None)

        self._sayings.put_nowait(say)
        await asyncio.wait({done, self._talking}, return_when=asyncio.FIRST_COMPLETED)
        if not done.done():
            msg = "the agent ended meanwhile"
            raise AgentError(msg, code="agent_gone")
        done.result()

    def stop(self) -> None:
        """End the process; `Gone` is posted when nothing is left of it."""
        if not self._stopping:
            self._stopping = True
            self._owner.start(self._end(), name=f"end-{self._name}")

    async def _talk(self) -> None:
        try:
            await self._start()
            while True:
                saying = await self._sayings.get()
                with contextlib.suppress(AgentError):  # it has ended: its events say how
                    await saying(self.driver)
        except ClawdforgeError as error:
            await self._post(Broke(error=error))

    async def _start(self) -> None:
        await self._gate.acquire()
        self._owner.start(self._leave_gate(), name=f"gate-{self._name}")
        try:
            spec = await self._spec()
            self._cwd = spec.cwd
            await self.driver.open(spec)
        except BaseException:
            self._ready.set()
            raise
        self._reading = self._owner.start(self._read(), name=f"read-{self._name}")

    async def _leave_gate(self) -> None:
        try:
            await self._ready.wait()
        finally:
            self._gate.release()

    async def _read(self) -> None:
        try:
            while (event := await self.driver.next_event()) is not None:
                self._ready.set()
                await self._post(Happened(event=event))
        except ClawdforgeError as error:
            await self._post(Broke(error=error))
        finally:
            self._ready.set()

    async def _end(self) -> None:
        try:
            self._talking.cancel()
            await asyncio.wait({self._talking})
            await self.driver.close()
            if self._reading is not None:
                await asyncio.wait({self._reading}, timeout=_LAST_WORDS_SECS)
                self._reading.cancel()
                await asyncio.wait({self._reading})
        finally:
            self._ready.set()
            self._slot.release()
            await self._post(Gone())
