"""One running program: its pipes, its end, and the ladder that makes it end.

Built on the low-level subprocess protocol: `asyncio.subprocess.Process.wait` waits for the pipes
too, so a grandchild that holds one keeps it waiting (CPython #119710).
"""

import asyncio
import contextlib
import os
import signal
from collections import deque
from dataclasses import dataclass
from enum import StrEnum

from clawdforge.errors import AgentError, AgentProtocolError
from clawdforge.processes.tail import Tail
from clawdforge.wire.framing import LineFramer

STDERR_TAIL_BYTES = 64 * 1024
_MORE = "the setting max_output_bytes allows it more"
WINDOW_BYTES = 1024 * 1024
"""Unread lines beyond this stop the reading, so that the child is slowed, not our memory used."""
LINE_COST = 64
"""What a line takes beside its bytes: many short ones must count too."""
LINGER_SECS = 0.25
"""How long a dead child's pipes may stay open (a grandchild holds them) before we let go."""
STDOUT = 1
STDERR = 2


@dataclass(frozen=True, slots=True)
class Exit:
    """How a process ended: an exit code, or the number of the signal that killed it."""

    code: int | None = None
    signal: int | None = None

    @classmethod
    def of(cls, returncode: int) -> "Exit":
        """Read a return code: negative, or 128+N as the launching shell tells it, is a signal."""
        if returncode < 0:
            return cls(signal=-returncode)
        if 128 < returncode < 128 + signal.NSIG:
            return cls(signal=returncode - 128)
        return cls(code=returncode)

    def __str__(self) -> str:
        if self.signal is not None:
            return f"signal {self.signal}"
        return f"exit {self.code}"


class Rung(StrEnum):
    """The step of the stop ladder at which a process ended."""

    EXITED = "exited"
    EOF = "eof"
    TERM = "term"
    KILL = "kill"
    STUCK = "stuck"
    """It outlived SIGKILL, in an uninterruptible system call."""


class ChildProtocol(asyncio.SubprocessProtocol):
    """Pumps the pipes into bounded buffers and tells the process's end at once."""

    def __init__(self, *, max_output_bytes: int, max_line_bytes: int) -> None:
        loop = asyncio.get_running_loop()
        self.exited: asyncio.Future[Exit] = loop.create_future()
        self.closed: asyncio.Future[None] = loop.create_future()
        self.silent = asyncio.Event()
        """Standard error was closed."""
        self.stderr = Tail(STDERR_TAIL_BYTES)
        self._transport: asyncio.SubprocessTransport | None = None
        self._framer = LineFramer(max_line_bytes)
        self._max_output = max_output_bytes
        self._lines: deque[bytes] = deque()
        self._window = 0
        self._paused = False
        self._output_bytes = 0
        self._ended = False
        self._fault: AgentProtocolError | None = None
        self._news = asyncio.Event()
        self._writable = asyncio.Event()
        self._writable.set()
        self._linger: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Called by the loop when the child was started."""
        assert isinstance(transport, asyncio.SubprocessTransport)
        self._transport = transport

    def pipe_data_received(self, fd: int, data: bytes) -> None:
        """Called by the loop: keep what came, within bounds."""
        if fd == STDERR:
            self.stderr.feed(data)
            return
        self._output_bytes += len(data)
        if self._fault is not None or self._ended:
            return  # pumped, so that the child does not block, but not kept
        try:
            if self._output_bytes > self._max_output:
                msg = f"the agent wrote more than {self._max_output:,} bytes"
                raise AgentProtocolError(msg, code="output_too_large", hint=_MORE)
            lines = self._framer.feed(data)
        except AgentProtocolError as fault:
            self._fault = fault
            self._news.set()
            return
        self._lines.extend(lines)
        self._window += sum(map(_cost, lines))
        if self._window > WINDOW_BYTES and not self._paused:
            self._reading(on=False)
        self._news.set()

    def pipe_connection_lost(self, fd: int, exc: Exception | None) -> None:  # noqa: ARG002
        """Called by the loop when a pipe was closed."""
        if fd == STDOUT:
            self._end_output()
        elif fd == STDERR:
            self.silent.set()
        elif fd == 0:
            self._writable.set()

    def pause_writing(self) -> None:
        """Called by the loop: the child does not keep up with its input."""
        self._writable.clear()

    def resume_writing(self) -> None:
        """Called by the loop: the child has taken most of its input."""
        self._writable.set()

    def process_exited(self) -> None:
        """Called by the loop when the process itself has ended."""
        assert self._transport is not None
        returncode = self._transport.get_returncode()
        assert returncode is not None
        if not self.exited.done():
            self.exited.set_result(Exit.of(returncode))
        self._writable.set()
        if not self._paused:
            self._start_lingering()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002
        """Called by the loop when process and pipes are all done."""
        self._end_output()
        if self._linger is not None:
            self._linger.cancel()
        if not self.closed.done():
            self.closed.set_result(None)

    async def read_line(self) -> bytes | None:
        """The next line, without its newline; None at the end. A cancelled read loses nothing.

        Raises:
            AgentProtocolError: a line or the whole output is over its limit.
        """
        while not self._lines:
            if self._fault is not None:
                raise self._fault
            if self._ended:
                return None
            self._news.clear()
            await self._news.wait()
        line = self._lines.popleft()
        self._window -= _cost(line)
        if self._paused and self._window <= WINDOW_BYTES:
            self._reading(on=True)
        return line

    def allow_output(self) -> None:
        """Count its output from nothing again: a new turn begins."""
        self._output_bytes = 0

    def nudge(self) -> None:
        """Give who reads an empty line, as if the child had written one."""
        self._lines.append(b"")
        self._window += LINE_COST
        self._news.set()

    async def drain(self) -> None:
        """Wait until the child has taken most of what was written to it."""
        await self._writable.wait()

    def _end_output(self) -> None:
        if not self._ended:
            self._ended = True
            last = self._framer.end()
            if last is not None and self._fault is None:
                self._lines.append(last)
            self._news.set()

    def _start_lingering(self) -> None:
        loop = asyncio.get_running_loop()
        self._linger = loop.call_later(LINGER_SECS, self._end_lingering)

    def _end_lingering(self) -> None:
        if not self._paused:  # else there may be unread output: resuming starts it anew
            self._end_output()

    def _reading(self, *, on: bool) -> None:
        self._paused = not on
        if on and self.exited.done() and not self._ended:
            self._start_lingering()
        pipe = self._transport.get_pipe_transport(STDOUT) if self._transport else None
        if isinstance(pipe, asyncio.ReadTransport) and not pipe.is_closing():
            (pipe.resume_reading if on else pipe.pause_reading)()


def _cost(line: bytes) -> int:
    return len(line) + LINE_COST


class Child:
    """A started program. `Processes` makes them and owns the ladder that ends them."""

    def __init__(self, transport: asyncio.SubprocessTransport, protocol: ChildProtocol) -> None:
        self._transport = transport
        self._protocol = protocol
        pid = transport.get_pid()
        assert pid is not None
        self.pid = pid
        """Also the id of its session and process group."""

    @property
    def exited(self) -> Exit | None:
        """How it ended; None while it runs."""
        return self._protocol.exited.result() if self._protocol.exited.done() else None

    @property
    def stderr_text(self) -> str:
        """The last 64 KiB of its standard error, as text."""
        return self._protocol.stderr.text()

    @property
    def unread(self) -> int:
        """How many bytes it was sent and has not taken yet."""
        stdin = self._stdin()
        return stdin.get_write_buffer_size() if stdin is not None else 0

    async def read_line(self) -> bytes | None:
        """The next line of standard output; None at the end. See `ChildProtocol.read_line`."""
        return await self._protocol.read_line()

    def allow_output(self) -> None:
        """Count its output from nothing again, as for each turn of a conversation."""
        self._protocol.allow_output()

    def nudge(self) -> None:
        """Wake who waits in `read_line`, with an empty line."""
        self._protocol.nudge()

    async def write(self, data: bytes) -> None:
        """Write to standard input, and wait until the child has taken most of it.

        Raises:
            AgentError: the child does not read any more (`code` `agent_gone`).
        """
        self.send(data)
        await self._protocol.drain()

    def send(self, data: bytes) -> None:
        """Write to standard input without waiting, for who must go on reading meanwhile.

        Raises:
            AgentError: the child does not read any more (`code` `agent_gone`).
        """
        stdin = self._stdin()
        if stdin is None or stdin.is_closing() or self.exited is not None:
            msg = "the agent has ended and takes no more input"
            raise AgentError(msg, code="agent_gone")
        stdin.write(data)

    def close_stdin(self) -> None:
        """Tell the child that there is no more input."""
        stdin = self._stdin()
        if stdin is not None and not stdin.is_closing():
            stdin.close()

    async def wait(self) -> Exit:
        """Wait for the process itself, whoever may still hold its pipes."""
        return await asyncio.shield(self._protocol.exited)

    async def last_words(self) -> None:
        """Wait until an ended process's standard error was read, whoever may still hold it."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(LINGER_SECS):
                await self._protocol.silent.wait()

    def signal_group(self, number: signal.Signals) -> None:
        """Signal every process of the child's group; nothing happens when it is gone."""
        if self.exited is None:  # else the kernel may have given the pid to somebody else
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.pid, number)

    async def climb(self, *, eof_secs: float, term_secs: float, kill_secs: float = 10.0) -> Rung:
        """Make it end: end of input, SIGTERM, SIGKILL. Run by `Processes` in a task of its own."""
        if self.exited is not None:
            return Rung.EXITED
        self.close_stdin()
        if await self._gone_within(eof_secs):
            return Rung.EOF
        self.signal_group(signal.SIGTERM)
        if await self._gone_within(term_secs):
            return Rung.TERM
        self.signal_group(signal.SIGKILL)
        return Rung.KILL if await self._gone_within(kill_secs) else Rung.STUCK

    async def release(self) -> None:
        """Let go of the pipes of a child that ended."""
        self._transport.close()
        await asyncio.wait({self._protocol.closed}, timeout=1.0)

    async def _gone_within(self, seconds: float) -> bool:
        await asyncio.wait({self._protocol.exited}, timeout=seconds)
        return self.exited is not None

    def _stdin(self) -> asyncio.WriteTransport | None:
        pipe = self._transport.get_pipe_transport(0)
        return pipe if isinstance(pipe, asyncio.WriteTransport) else None
