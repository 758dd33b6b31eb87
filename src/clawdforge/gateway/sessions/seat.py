"""A session's place among the agents at work, and the agent in it."""

import asyncio
from collections.abc import Awaitable, Callable

from clawdforge.agents.driver import Caps, Decision, Driver, SessionSpec, SettingName
from clawdforge.core.session_effects import Send, TellAnswer
from clawdforge.core.session_inputs import Broke, Gone, Granted, Input, Refused
from clawdforge.errors import AgentError, BusyError, ClawdforgeError
from clawdforge.gateway.sessions.conversation import Conversation
from clawdforge.gateway.slots import Slot, Slots
from clawdforge.tasks import TaskOwner

MAX_STDERR_CHARS = 8192


class Seat:
    """Empty, in line, or with an agent in it.

    Args:
        app_id: Whose line it stands in.
        put: Takes an input at once.
        post: Takes an input; waits while there is too much of it.
        withdraw: Takes a `Granted` back that was not looked at yet.
    """

    def __init__(
        self,
        *,
        app_id: str,
        name: str,
        slots: Slots,
        gate: asyncio.Semaphore,
        put: Callable[[Input], None],
        post: Callable[[Input], Awaitable[None]],
        withdraw: Callable[[], None],
    ) -> None:
        self._app_id = app_id
        self._name = name
        self._slots = slots
        self._gate = gate
        self._put = put
        self._post = post
        self._withdraw = withdraw
        self._owner = TaskOwner()
        self._slot: Slot | None = None
        self._lining_up: asyncio.Task[None] | None = None
        self._conversation: Conversation | None = None
        self._stderr = ""

    @property
    def caps(self) -> Caps | None:
        """What the agent can do, while its process is there."""
        return self._conversation.driver.caps if self._conversation else None

    @property
    def stderr(self) -> str:
        """The last words of the agent that is there, or was last."""
        if self._conversation is not None:
            self._stderr = self._conversation.driver.stderr[-MAX_STDERR_CHARS:]
        return self._stderr

    def line_up(self, place: int) -> None:
        """Get in line; comes back as `Granted` or `Refused`."""
        self._lining_up = self._owner.start(self._wait(place), name=f"line-{self._name}")

    def leave_line(self) -> None:
        """Do not wait any more, or give back what was granted meanwhile."""
        if self._lining_up is not None:
            self._lining_up.cancel()
        self._withdraw()
        self._release()

    def start(self, make: Callable[[], Driver], spec: Callable[[], Awaitable[SessionSpec]]) -> None:
        """Start an agent in the place that was granted."""
        slot, self._slot = self._slot, None
        assert slot is not None
        self._stderr = ""
        try:
            driver = make()
        except (KeyError, ClawdforgeError) as error:
            slot.release()
            self._put(Broke(error=_no_driver(error)))
            return
        self._conversation = Conversation(
            driver=driver,
            spec=spec,
            gate=self._gate,
            slot=slot,
            post=self._post,
            owner=self._owner,
            name=self._name,
        )

    def stop(self) -> None:
        """End the agent and give the place back; comes back as `Gone`."""
        conversation = self._conversation
        if conversation is not None:
            _ = self.stderr
            self._conversation = None
            conversation.stop()
            return
        self._release()
        self._put(Gone())

    def send(self, effect: Send) -> None:
        """Hand the prompt to the agent."""
        if self._conversation is not None:
            self._conversation.send(effect.turn_id, effect.prompt)

    def cancel(self, turn_id: str) -> None:
        """Tell the agent to stop working on the turn."""
        if self._conversation is not None:
            self._conversation.cancel(turn_id)

    def answer(self, effect: TellAnswer) -> None:
        """Answer the agent's question."""
        if self._conversation is not None:
            decision = Decision(
                allow=effect.allow,
                option_id=effect.option_id,
                message=effect.message,
                args=effect.args,
            )
            self._conversation.answer(effect.ask_id, decision)

    async def set(self, key: SettingName, value: str) -> None:
        """Change a setting of the agent that is there.

        Raises:
            AgentError: it cannot, or does not know that value.
        """
        if self._conversation is not None:
            await self._conversation.set(key, value)

    async def close(self) -> None:
        """End everything, and wait for it."""
        if self._lining_up is not None:
            self._lining_up.cancel()
        if self._conversation is not None:
            self._conversation.stop()
        await self._owner.wait()
        self._release()

    async def _wait(self, place: int) -> None:
        try:
            self._slot = await self._slots.acquire(self._app_id)
        except BusyError as error:
            self._put(Refused(place=place, error=error))
        else:
            self._put(Granted(place=place))

    def _release(self) -> None:
        slot, self._slot = self._slot, None
        if slot is not None:
            slot.release()


def _no_driver(error: Exception) -> ClawdforgeError:
    if isinstance(error, ClawdforgeError):
        return error
    msg = f"the agent {error} is not configured any more"
    return AgentError(msg, code="unknown_agent")
