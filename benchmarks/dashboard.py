"""The dashboard under load: what it costs, and how soon it answers keys.

    python benchmarks/dashboard.py

There are 1,000 sessions, and 1,000 changes a second.
A monitor of ours tells, the real command shows it in a terminal of ours. A key is answered when
the details of the session that it chose are on the screen.
"""

import asyncio
import fcntl
import os
import pty
import re
import statistics
import struct
import sys
import tempfile
import termios
import time
from dataclasses import dataclass, field
from pathlib import Path

import msgspec
import psutil

from clawdforge.core.observed.views import SessionView, steady_view, with_figures
from clawdforge.wire import atm

SESSIONS = 1000
RATE = 1000
"""Changes a second."""
PIECE_SECS = 0.01
WARM_SECS = 3.0
MEASURED_SECS = 15.0
KEYS = 40
KEY_LIMIT_SECS = 5.0
PROJECTS = 40
BEGAN = time.time() - 3600
_ID = re.compile(rb"session +.{0,40}?([0-9a-f]{8}-0000-4000-8000-[0-9a-f]{12})")


@dataclass
class Screen:
    """What the command wrote."""

    size: int = 0
    last: bytes = b""
    drawn: asyncio.Event = field(default_factory=asyncio.Event)
    ended: asyncio.Event = field(default_factory=asyncio.Event)
    ids: list[tuple[float, bytes]] = field(default_factory=list)
    """Whose details were drawn, and when."""

    async def next(self, known: int) -> float:
        """When details were drawn after so many."""
        while len(self.ids) <= known:
            self.drawn.clear()
            await asyncio.wait_for(self.drawn.wait(), KEY_LIMIT_SECS)
        return self.ids[known][0]

    def read(self, terminal: int) -> None:
        """Some output; nothing more when the command has ended."""
        try:
            data = os.read(terminal, 1 << 16)
        except OSError:
            asyncio.get_running_loop().remove_reader(terminal)
            self.ended.set()
            return
        self.size += len(data)
        self.last = (self.last + data)[-4096:]
        plain = re.sub(rb"\x1b\[[0-9;?]*[a-zA-Z]", b"", self.last)
        for found in _ID.findall(plain):
            if not self.ids or self.ids[-1][1] != found:
                self.ids.append((time.monotonic(), found))
                self.drawn.set()
                self.last = b""


def view(number: int, step: int) -> SessionView:
    """One session at one moment."""
    now = time.time()
    states = (("working", "tool"), ("working", "working"), ("idle", "idle"))
    status, state = states[(number + step) % 3]
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


async def monitor(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Tell one client of everything, for ever."""
    await reader.readline()
    writer.write(atm.encode_connected("bench"))
    writer.write(atm.encode_session_list([view(number, 0) for number in range(SESSIONS)]))
    piece = round(RATE * PIECE_SECS)
    due, told = time.monotonic(), 0
    try:
        while not writer.is_closing():
            lines = [
                atm.encode_session_updated(view((told + n) % SESSIONS, (told + n) // SESSIONS + 1))
                for n in range(piece)
            ]
            told += piece
            writer.write(b"".join(lines))
            await writer.drain()
            due += PIECE_SECS
            await asyncio.sleep(max(0.0, due - time.monotonic()))
    except OSError:
        pass


def start(path: Path, columns: int, lines: int) -> tuple[int, int]:
    """The command in a terminal of its own: its pid, and the terminal."""
    pid, terminal = pty.fork()
    if pid == 0:
        fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))
        environ = {
            "PATH": os.environ["PATH"],
            "HOME": str(path.parent),
            "ATM_SOCKET": str(path),
            "TERM": "xterm-256color",
            "COLORTERM": "truecolor",
            "LANG": "C.UTF-8",
        }
        command = [sys.executable, "-m", "clawdforge", "top", "--theme", "dark"]
        os.execve(sys.executable, command, environ)
    os.set_blocking(terminal, False)
    return pid, terminal


async def keys(terminal: int, screen: Screen) -> list[float]:
    """How long each of some keys took."""
    took = []
    for number in range(KEYS):
        await asyncio.sleep(0.137)
        before, began = len(screen.ids), time.monotonic()
        os.write(terminal, b"j" if number % 20 < 10 else b"k")
        took.append(await screen.next(before) - began)
    return took


async def measure(columns: int, lines: int) -> dict[str, float]:
    """Start it, look, end it."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "atm.sock"
        server = await asyncio.start_unix_server(monitor, path, limit=1 << 20)
        began = time.monotonic()
        pid, terminal = start(path, columns, lines)
        screen = Screen()
        loop = asyncio.get_running_loop()
        loop.add_reader(terminal, lambda: screen.read(terminal))
        await screen.next(0)
        shown = time.monotonic() - began
        await asyncio.sleep(WARM_SECS)
        process = psutil.Process(pid)
        spent, wrote, since = sum(process.cpu_times()[:2]), screen.size, time.monotonic()
        await asyncio.sleep(MEASURED_SECS)
        secs = time.monotonic() - since
        share = (sum(process.cpu_times()[:2]) - spent) / secs
        rate = (screen.size - wrote) / secs
        took = await keys(terminal, screen)
        memory = process.memory_info().rss
        os.write(terminal, b"q")
        await asyncio.wait_for(screen.ended.wait(), KEY_LIMIT_SECS)
        os.close(terminal)
        await asyncio.to_thread(os.waitpid, pid, 0)
        server.close()
    took.sort()
    return {
        "columns": columns,
        "lines": lines,
        "first_picture_secs": round(shown, 2),
        "cpu_share": round(share, 3),
        "kib_a_second": round(rate / 1024, 1),
        "mib": round(memory / 2**20),
        "keys": len(took),
        "key_ms_median": round(statistics.median(took) * 1000, 1) if took else -1.0,
        "key_ms_p95": round(took[int(len(took) * 0.95)] * 1000, 1) if took else -1.0,
        "key_ms_max": round(took[-1] * 1000, 1) if took else -1.0,
    }


if __name__ == "__main__":
    figures = asyncio.run(measure(140, 40))
    print(msgspec.json.encode(figures).decode())
