"""What all drivers share whose agent writes a message a line: one process, one decoder."""

import asyncio
import contextlib
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from clawdforge.agents.driver import SessionSpec
from clawdforge.core.events import Event, Exited, TurnEnded
from clawdforge.errors import AgentError, AgentProtocolError
from clawdforge.processes.child import Child, Exit
from clawdforge.processes.containment import Limits
from clawdforge.processes.launcher import Command, Processes

MAX_UNREAD_BYTES = 32 * 1024 * 1024
"""What may wait for the agent to read it: a prompt, and our answers to what it asks."""


class Decoder(Protocol):
    """The pure half of such a driver: its `protocol.py`."""

    @property
    def has_open_turn(self) -> bool:
        """Whether a prompt waits for its end."""
        ...

    def feed(self, line: bytes) -> Sequence[Event]:
        """The events of one line; lines that make no sense are skipped."""
        ...

    def lost(self) -> Sequence[TurnEnded]:
        """The process ended: how the turns end that were still open."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """How an agent is started, from the configuration."""

    argv: tuple[str, ...]
    """The program (an absolute path) and the arguments that come first."""
    extra_args: tuple[str, ...] = ()
    """The operator's arguments, which come last."""
    env: Mapping[str, str] = field(repr=False)
    """Its whole environment, but for `TMPDIR`."""
    limits: Limits = field(default_factory=Limits)
    max_output_bytes: int
    """The most that it may write in one turn."""


class LineConversation:
    """The I/O half: starts, reads, ends. `Driver` says what the methods promise.

    Args:
        eof_secs: How long an agent with nothing to do may take to end by itself.
        term_secs: How long it may take after SIGTERM.
    """

    def __init__(
        self,
        processes: Processes,
        program: Program,
        decoder: Decoder,
        *,
        eof_secs: float = 2.0,
        term_secs: float = 3.0,
    ) -> None:
        self._processes = processes
        self._program = program
        self._decoder = decoder
        self._eof_secs = eof_secs
        self._term_secs = term_secs
        self._events: deque[Event] = deque()
        self._child: Child | None = None
        self._over = False
        self._reading = asyncio.Lock()

    async def start(self, spec: SessionSpec, flags: Sequence[str] = ()) -> None:
        """Start the agent's process in the conversation's folders."""
        program = self._program
        self._child = await self._processes.start(
            Command(
                argv=(*program.argv, *flags, *program.extra_args),
                cwd=spec.cwd,
                env={**program.env, **spec.env, "TMPDIR": str(spec.tmp)},
                limits=program.limits,
                max_output_bytes=program.max_output_bytes,
                max_line_bytes=program.max_output_bytes,
            )
        )

    async def write(self, data: bytes) -> None:
        """Send to the agent."""
        await self._started().write(data)

    def begin_turn(self) -> None:
        """The limit of output counts anew: it is meant for one turn."""
        self._started().allow_output()

    async def next_event(self) -> Event | None:
        """The next event; None after `Exited`."""
        await self.read_until(lambda: bool(self._events))
        return self._events.popleft() if self._events else None

    async def read_until(self, done: Callable[[], bool]) -> None:
        """Read until that is so, or the agent has ended. Several may wait at once."""
        child = self._started()
        while not (done() or self._over):
            async with self._reading:
                if done() or self._over:
                    return  # another one read it meanwhile
                line = await child.read_line()
                if line is None:
                    exit_ = await child.wait()
                    await child.last_words()
                    self._end(exit_)
                else:
                    self._events.extend(self._decoder.feed(line))
                    self.heard()
                    _refuse_deaf(child)

    def heard(self) -> None:
        """Called after each line: the place to answer what the agent asked for."""

    def tell(self, events: Sequence[Event]) -> None:
        """Add events that do not come from a line; none after the last."""
        if events and not self._over:
            self._events.extend(events)
            self._started().nudge()

    def send(self, data: bytes) -> None:
        """Send without waiting until it was taken; nothing happens when the agent has ended."""
        if data and self._child is not None:
            with contextlib.suppress(AgentError):  # its end is told by the events
                self._child.send(data)

    def end_input(self) -> None:
        """Tell the agent that nothing more will come: it is to end by itself."""
        self._started().close_stdin()

    @property
    def stderr(self) -> str:
        """The last part of standard error."""
        return self._child.stderr_text if self._child else ""

    async def close(self) -> None:
        """End the process: politely when it has nothing to do, at once otherwise."""
        if self._child is not None:
            eof_secs = 0.0 if self._decoder.has_open_turn else self._eof_secs
            await self._processes.stop(self._child, eof_secs=eof_secs, term_secs=self._term_secs)

    def _end(self, exit_: Exit) -> None:
        self._over = True
        self._events.extend(self._decoder.lost())
        self._events.append(Exited(code=exit_.code, signal=exit_.signal))

    def _started(self) -> Child:
        if self._child is None:
            msg = "the driver was not opened"
            raise AgentError(msg, code="not_open")
        return self._child


def _refuse_deaf(child: Child) -> None:
    """An agent that asks on and on and reads no answer must not use our memory up.

    Raises:
        AgentProtocolError: it is one.
    """
    if child.unread > MAX_UNREAD_BYTES:
        msg = f"the agent leaves more than {MAX_UNREAD_BYTES:,} bytes unread that it was sent"
        raise AgentProtocolError(msg, code="input_unread")
