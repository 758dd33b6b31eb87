"""The driver of `demo`: one process a conversation of one turn."""

import sys
from collections.abc import Mapping
from pathlib import Path

from clawdforge.agents.demo.protocol import VERSION, Decoder, prompt_line
from clawdforge.agents.driver import SessionSpec
from clawdforge.agents.lines import LineConversation, Program
from clawdforge.processes.environment import select
from clawdforge.processes.launcher import Processes

__all__ = ["VERSION", "DemoDriver", "child_environment", "default_command"]

PROGRAM = Path(__file__).with_name("program.py")


def default_command() -> tuple[str, ...]:
    """The program and its arguments: isolated, so that it starts fast and sees no user code."""
    return (sys.executable, "-I", "-S", str(PROGRAM))


def child_environment(environ: Mapping[str, str], more: tuple[str, ...] = ()) -> dict[str, str]:
    """What the agent gets to see of `environ`."""
    return select(environ, more)


class DemoDriver(LineConversation):
    """One conversation with the demo agent. See the port for what each method promises."""

    def __init__(self, processes: Processes, program: Program) -> None:
        self._turns = Decoder()
        self._model: str | None = None
        self._system: str | None = None
        super().__init__(processes, program, self._turns, term_secs=1.0)

    async def open(self, spec: SessionSpec) -> None:
        """Start the process; model and system prompt go with the prompt."""
        self._model, self._system = spec.model, spec.system
        await self.start(spec)

    async def prompt(self, turn_id: str, text: str) -> None:
        """Hand in the prompt."""
        self._turns.expect(turn_id, text)
        await self.write(prompt_line(text, model=self._model, system=self._system))
