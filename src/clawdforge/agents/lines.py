"""What all drivers share whose agent writes a message a line: one process, one decoder."""

from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from clawdforge.agents.driver import SessionSpec
from clawdforge.core.events import Event, Exited, TurnEnded
from clawdforge.errors import AgentError
from clawdforge.processes.child import Child, Exit
from clawdforge.processes.containment import Limits
from clawdforge.processes.launcher import Command, Processes


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

    async def start(self, spec: SessionSpec, flags: Sequence[str] = ()) -> None:
        """Start the agent's process in the conversation's folders."""
        program = self._program
        self._child = await self._processes.start(
            Command(
                argv=(*program.argv, *flags, *program.extra_args),
                cwd=spec.cwd,
                env={**program.env, "TMPDIR": str(spec.tmp)},
                limits=program.limits,
                max_output_bytes=program.max_output_bytes,
                max_line_bytes=program.max_output_bytes,
            )
        )

    async def write(self, data: bytes) -> None:
        """Send to the agent."""
        await self._started().write(data)

    async def next_event(self) -> Event | None:
        """The next event; None after `Exited`."""
        child = self._started()
        while not self._events and not self._over:
            line = await child.read_line()
            if line is None:
                self._end(await child.wait())
            else:
                self._events.extend(self._decoder.feed(line))
        return self._events.popleft() if self._events else None

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
