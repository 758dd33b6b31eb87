"""The driver of `acp`: one process a conversation, ACP v1 over its standard input and output."""

import asyncio
import contextlib
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from clawdforge.agents.acp.opening import CANNOT_SET
from clawdforge.agents.acp.protocol import Conversation
from clawdforge.agents.driver import Caps, Decision, SessionSpec, SettingName
from clawdforge.agents.lines import LineConversation, Program
from clawdforge.errors import AgentError
from clawdforge.processes.environment import select
from clawdforge.processes.launcher import Processes
from clawdforge.wire.acp import failure_text

FORGET_SECS = 20.0
"""How long an agent may take to remove a conversation: nobody else has a timer for that."""


def child_environment(environ: Mapping[str, str], more: tuple[str, ...] = ()) -> dict[str, str]:
    """What an ACP agent gets to see of `environ`: little, until the configuration names more."""
    return select(environ, more)


class AcpDriver(LineConversation):
    """One conversation with an ACP agent. See the port for what each method promises.

    Args:
        flavour: Which agent's peculiarities to expect; None: as it introduces itself.
        auth_method: How to log in, for agents that want to be told (`gemini-api-key`).
        mode: The agent's mode in conversations that name none; None: its own default.
        term_secs: How long the process may take after SIGTERM.
    """

    def __init__(
        self,
        processes: Processes,
        program: Program,
        *,
        flavour: str | None = None,
        auth_method: str | None = None,
        mode: str | None = None,
        term_secs: float = 3.0,
    ) -> None:
        self._mode = mode
        self._flavour = flavour
        self._auth_method = auth_method
        self._talk = Conversation(flavour=flavour, auth_method=auth_method)
        super().__init__(processes, program, self._talk, term_secs=term_secs)

    @property
    def caps(self) -> Caps:
        """What the agent can do: it says so itself, when it is greeted."""
        return self._talk.caps

    async def open(self, spec: SessionSpec) -> None:
        """Start the process and greet it; the session follows as it answers."""
        await self.start(spec)
        self._talk.open(spec if spec.mode is not None else replace(spec, mode=self._mode))
        self.send(self._talk.take_out())

    async def prompt(self, turn_id: str, text: str) -> None:
        """Hand in a prompt, now or when there is a session."""
        self.begin_turn()
        self._talk.prompt(turn_id, text)
        self.tell(self._talk.take_events())
        if out := self._talk.take_out():
            await self.write(out)

    async def cancel(self, turn_id: str) -> None:
        """Tell the agent to stop, and answer what it asks meanwhile."""
        self._talk.cancel(turn_id)
        self._pass_on()

    async def answer(self, ask_id: str, decision: Decision) -> None:
        """Answer a permission request."""
        self._talk.answer(ask_id, decision)
        self._pass_on()

    async def set(self, key: SettingName, value: str) -> None:
        """Change a setting, and wait for what the agent says to it."""
        await self.read_until(lambda: self._talk.is_settled)
        number = self._talk.set(key, value)
        if number is None:
            refusal = self._talk.refusal
            msg = str(refusal) if refusal else f"the agent does not let us choose the {key}"
            raise AgentError(msg, code=CANNOT_SET)
        self._pass_on()
        await self.read_until(lambda: self._talk.has_outcome(number))
        if not self._talk.has_outcome(number):
            msg = "the agent ended meanwhile"
            raise AgentError(msg, code="agent_gone")
        failure = self._talk.outcome(number)
        if failure is not None:
            msg = f"{key} {value!r}: {failure_text(failure.message, failure.data)}"
            raise AgentError(msg, code=CANNOT_SET)

    async def close(self) -> None:
        """End the process; what is not to be resumed, the agent need not keep."""
        self._talk.take_leave()
        self.send(self._talk.take_out())
        await super().close()

    async def forget(self, spec: SessionSpec) -> None:
        """Have the agent remove the conversation, where it can: in a process of its own."""
        if spec.resume_id is None:
            return
        other = AcpDriver(
            self._processes,
            self._program,
            flavour=self._flavour,
            auth_method=self._auth_method,
        )
        folder = await asyncio.to_thread(_new_folder, spec.tmp)
        try:
            with contextlib.suppress(AgentError, TimeoutError):
                async with asyncio.timeout(FORGET_SECS):
                    await other.remove(replace(spec, cwd=folder, tmp=folder))
        finally:
            await other.close()
            await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)

    async def remove(self, spec: SessionSpec) -> None:
        """Start the process only to remove `spec.resume_id`; instead of `open`."""
        assert spec.resume_id is not None
        await self.start(spec)
        self._talk.forget(spec.resume_id)
        self.send(self._talk.take_out())
        await self.read_until(lambda: self._talk.is_settled)

    async def introduce(self, folder: Path) -> str | None:
        """Start the process only to ask its version; instead of `open`. Close it afterwards.

        Raises:
            AgentError: it cannot be started, or does not speak ACP.
        """
        await self.start(SessionSpec(cwd=folder, tmp=folder))
        self._talk.greet()
        self.send(self._talk.take_out())
        await self.read_until(lambda: self._talk.is_settled)
        if not self._talk.is_settled or self._talk.refusal is not None:
            raise AgentError(str(self._talk.refusal or "it ended without a word"))
        return self._talk.version

    def heard(self) -> None:
        """Answer what the agent asked for. Never waits: it may be busy writing."""
        self.send(self._talk.take_out())
        if self._talk.ended_by_agent:
            self.end_input()  # the next process can go on with the conversation

    def _pass_on(self) -> None:
        self.tell(self._talk.take_events())
        self.send(self._talk.take_out())


def _new_folder(parent: Path) -> Path:
    """An empty folder in the session's own, with which it goes should the server die meanwhile."""
    return Path(tempfile.mkdtemp(prefix="clawdforge-", dir=parent if parent.is_dir() else None))
