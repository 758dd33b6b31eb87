"""A server of its own in a child process, with a throw-away data folder."""

import asyncio
import contextlib
import json
import signal
import sys
import tempfile
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

from clawdforge.agents.demo.memory import FOLDER_VARIABLE
from clawdforge.client.discovery import read_server
from clawdforge.config import Settings
from clawdforge.errors import ClawdforgeError, StorageError
from clawdforge.processes.child import Child
from clawdforge.processes.containment import Containment
from clawdforge.processes.environment import NEVER
from clawdforge.processes.launcher import Command, Processes

START_SECS = 10.0
STOP_SECS = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ChildServer:
    """A server that runs, and where."""

    url: str
    folder: Path
    startup_secs: float

    @property
    def environ(self) -> dict[str, str]:
        """The environment in which a client finds it."""
        return {"CLAWDFORGE_DATA_DIR": str(self.folder)}


@asynccontextmanager
async def child_server(
    settings: Settings, agent: str, environ: Mapping[str, str]
) -> AsyncIterator[ChildServer]:
    """Start a server on a free port; it, its agents and its folder are gone afterwards.

    Raises:
        ClawdforgeError: it did not start; the hint holds what it said.
    """
    with tempfile.TemporaryDirectory(prefix="clawdforge-demo-") as name:
        folder = Path(name)
        # No namespace around it: it makes its own for its agents, and has to hear SIGTERM.
        async with Processes(
            Containment.SWEEP, folder_id=folder.name, incarnation="demo"
        ) as processes:
            child = await processes.start(_command(folder, settings, agent, environ))
            try:
                yield await _started(child, folder / "data")
            finally:
                child.signal_group(signal.SIGTERM)
                await processes.stop(child, eof_secs=STOP_SECS, term_secs=STOP_SECS)


def _command(folder: Path, settings: Settings, agent: str, environ: Mapping[str, str]) -> Command:
    config = folder / "config.toml"
    lines = (
        f"default_agent = {json.dumps(agent)}",
        f"claude_bin = {json.dumps(settings.claude_bin)}",
        "stop_grace_secs = 1",
        'monitor = "off"',
    )
    config.write_text("\n".join(lines), encoding="utf-8")
    arguments = (
        "serve",
        "--port",
        "0",
        "--config",
        str(config),
        "--data-dir",
        str(folder / "data"),
    )
    return Command(
        argv=(sys.executable, "-m", "clawdforge", *arguments),
        cwd=folder,
        # Its own settings come from the file alone, not from those of another server.
        env={
            **{name: value for name, value in environ.items() if not _is_ours(name)},
            FOLDER_VARIABLE: str(folder / "demo"),  # what the demo agent keeps goes with it, too
        },
    )


def _is_ours(name: str) -> bool:
    return any(fnmatchcase(name, pattern) for pattern in NEVER)


async def _started(child: Child, data: Path) -> ChildServer:
    loop = asyncio.get_running_loop()
    begun = loop.time()
    try:
        async with asyncio.timeout(START_SECS):
            # It says where it listens once it accepts requests.
            line = await child.read_line()
    except TimeoutError:
        line = None
    server = read_server(data) if line else None
    if server is None:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(child.wait(), 0.5)  # how it ended, and its last words
        raise _not_started(child)
    return ChildServer(url=server.url, folder=data, startup_secs=loop.time() - begun)


def _not_started(child: Child) -> ClawdforgeError:
    said = child.stderr_text.strip()[-1500:]
    msg = f"the server did not start ({child.exited or f'no answer in {START_SECS:.0f} s'})"
    return StorageError(
        msg,
        code="server_start_failed",
        hint=f"it said: {said}" if said else "try `clawdforge doctor`",
    )
