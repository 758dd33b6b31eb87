"""A machine's connection: brought up when it is wanted, and a local socket for its monitor."""

import asyncio
import contextlib
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from clawdforge.errors import AgentError, ClawdforgeError
from clawdforge.processes.child import Child
from clawdforge.processes.launcher import Command, Processes
from clawdforge.processes.program import run_program
from clawdforge.remote import command
from clawdforge.remote.failures import last_line, why
from clawdforge.remote.host import Host, is_usable
from clawdforge.tasks import TaskOwner

START_SECS = 25.0
"""For all of it: the connection, the login, the greeting. A machine behind another takes longer."""
RUN_SECS = 15.0
MAX_OUTPUT_BYTES = 4 * 1024 * 1024
CANNOT = 255
"""The exit code of `ssh` itself; others are those of the command there."""


class RemoteError(ClawdforgeError):
    """Another machine is not reached, or does not do what it was asked."""

    code = "remote_failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Ssh:
    """The program, and what it sees."""

    program: str
    environ: Mapping[str, str] = field(repr=False)


class Tunnel:
    """One machine.

    Args:
        host: Which.
        ssh: How.
        processes: Where `ssh` runs.
        folder: For its sockets; it must be there, be short, and be ours alone.
    """

    def __init__(self, host: Host, ssh: Ssh, processes: Processes, folder: Path) -> None:
        self.host = host
        self.remote_socket = host.socket or ""
        """Where the monitor there listens; empty until that machine has said so."""
        self._ssh = ssh
        self._processes = processes
        self._folder = folder
        self._child: Child | None = None
        self._lock = asyncio.Lock()
        self._owner = TaskOwner()

    @property
    def socket(self) -> Path:
        """The monitor's socket, here, while the connection stands."""
        return self._folder / "atm"

    @property
    def is_open(self) -> bool:
        """Whether the connection stands, as far as is known."""
        return self._child is not None and self._child.exited is None

    @property
    def _control(self) -> Path:
        return self._folder / "ctl"

    async def open(self) -> None:
        """Have the connection stand.

        Raises:
            RemoteError: it cannot; `hint` says what to do.
        """
        async with self._lock:
            if self.is_open:
                return
            await self._drop()
            await self._connect()

    async def connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """A connection to the monitor there.

        Raises:
            RemoteError: the machine is not reached.
            OSError: the connection has just gone.
        """
        await self.open()
        return await asyncio.open_unix_connection(self.socket)

    async def run(self, argv: Sequence[str], *, stdin: bytes = b"") -> str:
        """Run a command there, and give what it wrote.

        Args:
            argv: Its words: what is secret goes over stdin.
            stdin: What it reads.

        Raises:
            RemoteError: the machine is not reached, or the command fails or takes too long.
        """
        await self.open()
        words = command.running(self._ssh.program, self.host, self._control, argv)
        return await self._call(words, stdin=stdin)

    async def close(self) -> None:
        """End the connection."""
        async with self._lock:
            await self._drop()
        await self._owner.cancel()

    async def _connect(self) -> None:
        child = await self._start(command.connecting(self._ssh.program, self.host, self._control))
        self._child = child
        try:
            async with asyncio.timeout(START_SECS):
                await self._greeting(child)
                await self._call(
                    command.forwarding(
                        self._ssh.program,
                        self.host,
                        self._control,
                        self.socket,
                        self.remote_socket,
                    )
                )
        except TimeoutError:
            await self._drop()
            asking = command.by_hand(self.host, "true")
            msg = f"no answer within {START_SECS:.0f} s"
            raise RemoteError(msg, hint=f"`{asking}` tells more") from None
        except BaseException:
            await self._drop()
            raise
        self._owner.start(self._read_on(child), name=f"ssh-{child.pid}")

    async def _greeting(self, child: Child) -> None:
        while (line := await child.read_line()) is not None:
            path = command.greeted(line)
            if path is None:
                continue  # what the login shell says
            self.remote_socket = self.host.socket or path
            if not is_usable(self.remote_socket):
                msg = f"its monitor listens at {self.remote_socket[:200]!r}, which ssh cannot name"
                raise RemoteError(msg, hint="set ATM_SOCKET there to a plain absolute path")
            return
        exit_ = await child.wait()
        await child.last_words()
        if exit_.code == 0 or not child.stderr_text.strip():
            msg = f"the login there ends at once ({exit_})"
            raise RemoteError(msg, hint=f"`{command.by_hand(self.host, 'true')}` must work")
        raise self._failure(child.stderr_text)

    async def _read_on(self, child: Child) -> None:
        """Take what else it may say, so that it never waits for us."""
        while await child.read_line() is not None:
            child.allow_output()

    async def _call(self, argv: Sequence[str], *, stdin: bytes = b"") -> str:
        try:
            done = await run_program(
                argv,
                env=self._ssh.environ,
                stdin=stdin,
                cwd=self._folder,
                timeout_secs=RUN_SECS,
                max_bytes=MAX_OUTPUT_BYTES,
            )
        except TimeoutError:
            raise RemoteError(f"no answer within {RUN_SECS:.0f} s") from None
        except OSError as error:
            raise RemoteError(f"ssh cannot be started: {error.strerror or error}") from None
        said = done.err.decode("utf-8", "replace")
        if done.code == CANNOT:
            raise self._failure(said)
        if done.code != 0:
            raise RemoteError(last_line(said) or f"it failed there (exit {done.code})")
        return done.out.decode("utf-8", "replace")

    async def _start(self, argv: Sequence[str]) -> Child:
        wanted = Command(
            argv=argv,
            cwd=self._folder,
            env=self._ssh.environ,
            max_output_bytes=MAX_OUTPUT_BYTES,
        )
        try:
            return await self._processes.start(wanted)
        except AgentError as error:
            raise RemoteError(error.message, hint="is OpenSSH installed?") from error

    async def _drop(self) -> None:
        child, self._child = self._child, None
        if child is not None:
            await self._processes.stop(child, eof_secs=0.5, term_secs=1.0)
        await asyncio.to_thread(_remove, self.socket, self._control)

    def _failure(self, stderr: str) -> RemoteError:
        found = why(stderr, self.host)
        return RemoteError(found.reason, hint=found.hint)


def _remove(*paths: Path) -> None:
    for path in paths:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(path)  # noqa: PTH108 - a socket, and quicker
