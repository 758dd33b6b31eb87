"""What the dashboard is measured with: a monitor that tells, and a terminal that reads."""

import asyncio
import contextlib
import fcntl
import os
import pty
import re
import struct
import sys
import termios
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from clawdforge.core.observed.views import SessionView, steady_view, with_figures
from clawdforge.wire import atm
from places import clean_environment

SESSIONS = 1000
PROJECTS = 40
RATE = 1000
"""Changes a second."""
PIECE_SECS = 0.01
ANSWER_SECS = 10.0
FLOOD_STEPS = 6
BEGAN = time.time() - 3600
_ID = re.compile(rb"session +.{0,40}?([0-9a-f]{8}-0000-4000-8000-[0-9a-f]{12})")
_CODES = re.compile(rb"\x1b\[[0-9;?]*[a-zA-Z]")


@dataclass
class Screen:
    """What the command wrote."""

    terminal: int
    size: int = 0
    ids: list[tuple[float, bytes]] = field(default_factory=list)
    """Whose details were drawn, and when."""
    ended: asyncio.Event = field(default_factory=asyncio.Event)
    _last: bytes = b""
    _drawn: asyncio.Event = field(default_factory=asyncio.Event)

    async def next(self, known: int) -> float:
        """When details were drawn after so many."""
        while len(self.ids) <= known:
            self._drawn.clear()
            async with asyncio.timeout(ANSWER_SECS):
                await self._drawn.wait()
        return self.ids[known][0]

    def read(self) -> None:
        """Some output; nothing more when the command has ended."""
        try:
            data = os.read(self.terminal, 1 << 16)
        except OSError:
            asyncio.get_running_loop().remove_reader(self.terminal)
            self.ended.set()
            return
        self.size += len(data)
        data = self._last + data
        self._last = data[-1024:]
        for found in _ID.findall(_CODES.sub(b"", data)):
            if not self.ids or self.ids[-1][1] != found:
                self.ids.append((time.monotonic(), found))
                self._drawn.set()
                self._last = b""


@dataclass
class Telling:
    """A monitor. `rate` changes a second, or as many as are taken."""

    rate: int | None = RATE
    restless: bool = False
    """Whether one of a hundred changes is that somebody is needed, or no more."""
    told: int = 0
    gone: asyncio.Event = field(default_factory=asyncio.Event)

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Tell one client, until it hangs up."""
        await reader.readline()
        writer.write(atm.encode_connected("bench"))
        writer.write(atm.encode_session_list([self._view(n, 0) for n in range(SESSIONS)]))
        async with asyncio.TaskGroup() as group:
            telling = group.create_task(self._tell_all(writer), name="telling")
            with contextlib.suppress(OSError):
                while await reader.read(4096):
                    pass
            telling.cancel()
        writer.close()
        self.gone.set()

    async def _tell_all(self, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            if self.rate is None:
                await self._flood(writer)
            else:
                await self._tell(writer, self.rate)

    async def _tell(self, writer: asyncio.StreamWriter, rate: int) -> None:
        due = time.monotonic()
        while not writer.is_closing():
            for _ in range(round(rate * PIECE_SECS)):
                writer.write(atm.encode_session_updated(self._next()))
            await writer.drain()
            due += PIECE_SECS
            await asyncio.sleep(max(0.0, due - time.monotonic()))

    async def _flood(self, writer: asyncio.StreamWriter) -> None:
        ready = [
            b"".join(atm.encode_session_updated(self._next()) for _ in range(100))
            for _ in range(FLOOD_STEPS * SESSIONS // 100)
        ]
        self.told = 0
        while not writer.is_closing():
            for lines in ready:
                writer.write(lines)
                self.told += 100
                await writer.drain()

    def _next(self) -> SessionView:
        self.told += 1
        return self._view(self.told % SESSIONS, self.told // SESSIONS)

    def _view(self, number: int, step: int) -> SessionView:
        """One session at one moment."""
        now = time.time()
        states = (("working", "tool"), ("working", "working"), ("idle", "idle"))
        status, state = states[(number + step) % 3]
        if self.restless and (number + step) % 100 == 0:
            status, state = "attention_needed", "permission"
        folder = f"/home/dev/project-{number % PROJECTS}"
        steady = steady_view(
            id=f"{number:08x}-0000-4000-8000-{number:012x}",
            status=status,
            state=state,
            state_since=now,
            started_at=BEGAN - number,
            model="Opus 5.5",
            agent="claude",
            activity_detail="Bash" if state == "tool" else None,
            cwd=folder,
            project_root=folder,
            worktree_path=folder,
            worktree_branch="main",
            first_prompt=f"make the tests of part {number} pass, and tell what was wrong " * 4,
        )
        return with_figures(
            steady,
            last_activity=now,
            age=3600.0 + number,
            silent=0.0,
            context_used=(number * 997 + step * 501) % 200_000,
            cost_microusd=(number + step) * 1000,
        )


@contextlib.asynccontextmanager
async def shown(
    folder: Path, telling: Telling, size: tuple[int, int], *options: str
) -> AsyncIterator[tuple[Screen, psutil.Process]]:
    """The real command before that monitor, in a terminal of so many columns and lines."""
    path = folder / "atm.sock"
    server = await asyncio.start_unix_server(telling, path, limit=1 << 20)
    with _started(folder, path, size, options) as (pid, terminal):
        screen = Screen(terminal)
        asyncio.get_running_loop().add_reader(terminal, screen.read)
        try:
            await screen.next(0)
            yield screen, psutil.Process(pid)
            os.write(terminal, b"q")
            async with asyncio.timeout(ANSWER_SECS):
                await screen.ended.wait()
                await telling.gone.wait()
        finally:
            asyncio.get_running_loop().remove_reader(terminal)
            server.close()


@contextlib.contextmanager
def _started(
    folder: Path, path: Path, size: tuple[int, int], options: tuple[str, ...]
) -> Iterator[tuple[int, int]]:
    environ = clean_environment(folder / "home", {"ATM_SOCKET": str(path)})
    environ |= {"TERM": "xterm-256color", "COLORTERM": "truecolor"}
    command = [sys.executable, "-m", "clawdforge", "top", "--theme", "dark", *options]
    pid, terminal = pty.fork()
    if pid == 0:
        fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", size[1], size[0], 0, 0))
        os.execve(sys.executable, command, environ)
    os.set_blocking(terminal, False)
    try:
        yield pid, terminal
    finally:
        with contextlib.suppress(psutil.NoSuchProcess):
            psutil.Process(pid).kill()
        os.waitpid(pid, 0)
        os.close(terminal)
