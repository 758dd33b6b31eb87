"""Whether the agents' programs are there, and their versions: looked up, and kept for a while."""

import asyncio
import tempfile
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from clawdforge.agents.acp.driver import AcpDriver
from clawdforge.agents.driver import AgentStatus
from clawdforge.errors import AgentError
from clawdforge.processes.launcher import Command, Processes

STATUS_SECS = 30.0
"""How long a version look-up stays good."""
LOOKUP_SECS = 10.0
"""How long an agent may take to tell its version."""

LookUp = Callable[[], Awaitable[AgentStatus]]


@dataclass(frozen=True, slots=True)
class _Cached:
    status: AgentStatus
    until: float


class Statuses:
    """Keeps what was looked up. Who asks while somebody else looks waits for that."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._cache: dict[str, _Cached] = {}
        self._asking: dict[str, asyncio.Lock] = {}

    async def of(self, name: str, look_up: LookUp) -> AgentStatus:
        """The status kept under that name, looked up when it is older than `STATUS_SECS`."""
        async with self._asking.setdefault(name, asyncio.Lock()):
            cached = self._cache.get(name)
            if cached is None or cached.until <= self._clock():
                status = await look_up()
                cached = self._cache[name] = _Cached(status, self._clock() + STATUS_SECS)
            return cached.status


async def flag_version(
    processes: Processes, argv: Sequence[str], env: Mapping[str, str]
) -> str | None:
    """The first line of `PROGRAM --version`.

    Raises:
        AgentError: it failed.
        TimeoutError: it did not answer.
    """
    command = Command(argv=argv, cwd=Path(tempfile.gettempdir()), env=env)
    child = await processes.start(command)
    try:
        async with asyncio.timeout(LOOKUP_SECS):
            line = await child.read_line()
            exit_ = await child.wait()
    finally:
        await processes.stop(child, eof_secs=0.0, term_secs=0.5)
    if exit_.code != 0:
        raise AgentError(f"{exit_} {child.stderr_text[-200:].strip()}".strip())
    return line.decode("utf-8", "replace").strip()[:100] if line else None


async def greeting_version(driver: AcpDriver) -> str | None:
    """What an ACP agent says of itself: for those whose program has no `--version`.

    Raises:
        AgentError: it cannot be started, or does not speak ACP.
        TimeoutError: it did not answer.
    """
    try:
        async with asyncio.timeout(LOOKUP_SECS):
            return await driver.introduce(Path(tempfile.gettempdir()))
    finally:
        await driver.close()
