"""`Processes`: starts children, and owns their ends."""

import asyncio
import logging
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self

from clawdforge.errors import AgentError, AgentMissingError
from clawdforge.processes.child import Child, ChildProtocol, Rung
from clawdforge.processes.containment import MARK_VARIABLE, Containment, Limits, wrap
from clawdforge.processes.sweep import kill_marked
from clawdforge.tasks import TaskOwner, finish
from clawdforge.wire.framing import DEFAULT_MAX_LINE_BYTES

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """What to start. Nothing of it may come from a caller, but what goes over stdin later."""

    argv: Sequence[str]
    """Program (an absolute path) and arguments."""
    cwd: Path
    env: Mapping[str, str] = field(repr=False)
    """The whole environment; see `environment.select`."""
    limits: Limits = field(default_factory=Limits)
    max_output_bytes: int = 64 * 1024 * 1024
    max_line_bytes: int = DEFAULT_MAX_LINE_BYTES


class Processes:
    """Every child of a server. An async context manager: nothing outlives it.

    Args:
        containment: How children are contained; see `detect`.
        folder_id: Names the data folder, so that the next server finds what this one left.
        incarnation: Names this start of the server.
    """

    def __init__(self, containment: Containment, *, folder_id: str, incarnation: str) -> None:
        self.containment = containment
        self._folder = f"{folder_id}:"
        self._incarnation = f"{folder_id}:{incarnation}:"
        self._count = 0
        self._closed = False
        self._marks: dict[Child, str] = {}
        self._ladders: dict[Child, asyncio.Task[Rung]] = {}
        self._owner = TaskOwner()

    async def __aenter__(self) -> Self:
        """Sweep what an earlier server of the same data folder left behind."""
        left = await asyncio.to_thread(kill_marked, self._folder, except_mark=self._incarnation)
        if left:
            log.warning("ended processes left by an earlier server", extra={"pids": left})
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """End every child, at the latest by SIGKILL."""
        self._closed = True
        await finish(TaskOwner().start(self._close(), name="processes-close", awaited=True))

    @property
    def running(self) -> int:
        """How many children have not been seen off yet."""
        return len(self._marks)

    async def start(self, command: Command) -> Child:
        """Start a program in a session and group of its own.

        Raises:
            AgentMissingError: there is no such program.
            AgentError: it could not be started (`code` `agent_start_failed`).
        """
        if self._closed:
            msg = "the server is stopping and starts nothing any more"
            raise AgentError(msg, code="agent_start_failed")
        self._count += 1
        mark = f"{self._incarnation}{self._count}:"
        starting = self._owner.start(
            self._spawn(command, mark), name=f"start-{self._count}", awaited=True
        )
        try:
            return await finish(starting)
        except asyncio.CancelledError:
            # Nobody will own the process that may have come to life meanwhile.
            if not starting.cancelled() and starting.exception() is None:
                self.stop_soon(starting.result(), eof_secs=0.0, term_secs=0.0)
            raise

    async def stop(self, child: Child, *, eof_secs: float = 2.0, term_secs: float = 3.0) -> Rung:
        """Make a child and all its descendants end; the rung of the ladder that it took.

        Runs to its end even when the caller is cancelled, any number of times; the cancellation
        is passed on afterwards. Calling it again waits for the same ladder.
        """
        return await finish(self.stop_soon(child, eof_secs=eof_secs, term_secs=term_secs))

    def stop_soon(
        self, child: Child, *, eof_secs: float = 2.0, term_secs: float = 3.0
    ) -> asyncio.Task[Rung]:
        """The same, without waiting: the task that climbs the ladder."""
        ladder = self._ladders.get(child)
        if ladder is None:
            ladder = self._owner.start(
                self._end(child, eof_secs=eof_secs, term_secs=term_secs), name=f"stop-{child.pid}"
            )
            self._ladders[child] = ladder
        return ladder

    async def _close(self) -> None:
        while self._marks or self._owner.busy:  # a start under way may add one more
            for child in list(self._marks):
                self.stop_soon(child, eof_secs=0.0, term_secs=2.0)
            await self._owner.wait()

    async def _spawn(self, command: Command, mark: str) -> Child:
        argv = await asyncio.to_thread(_contained, command, self.containment)
        loop = asyncio.get_running_loop()
        try:
            transport, protocol = await loop.subprocess_exec(
                lambda: ChildProtocol(
                    max_output_bytes=command.max_output_bytes,
                    max_line_bytes=command.max_line_bytes,
                ),
                *argv,
                cwd=command.cwd,
                env={**command.env, MARK_VARIABLE: mark},
                start_new_session=True,
            )
        except OSError as error:
            msg = f"cannot start {command.argv[0]}: {error.strerror or error}"
            raise AgentError(msg, code="agent_start_failed") from error
        child = Child(transport, protocol)
        self._marks[child] = mark
        return child

    async def _end(self, child: Child, *, eof_secs: float, term_secs: float) -> Rung:
        mark = self._marks.get(child)
        if mark is None:
            return Rung.EXITED
        try:
            rung = await child.climb(eof_secs=eof_secs, term_secs=term_secs)
            if rung is Rung.STUCK:
                log.error("a process outlives SIGKILL", extra={"pid": child.pid})
            if not self.containment.is_complete:
                await asyncio.to_thread(kill_marked, mark, session=child.pid)
            await child.release()
            return rung
        finally:
            self._marks.pop(child, None)
            self._ladders.pop(child, None)


def _contained(command: Command, how: Containment) -> list[str]:
    """The whole command line. Looks at the disk: not on a loop."""
    program = command.argv[0]
    if shutil.which(program) is None:  # inside the wrapper it would only be an exit code
        msg = f"{program} is not there or cannot be executed"
        raise AgentMissingError(msg)
    return wrap(command.argv, how, command.limits)
