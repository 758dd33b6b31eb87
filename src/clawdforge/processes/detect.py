"""Finding out which containment works here, by trying it."""

import asyncio
import shutil
import sys

from clawdforge.processes.containment import Containment, Limits, wrap

_TRY_SECS = 5.0


async def detect() -> Containment:
    """The strongest containment that works on this system (some milliseconds)."""
    if sys.platform == "linux" and await asyncio.to_thread(_has_tools):
        for how in (Containment.NAMESPACE, Containment.USER_NAMESPACE):
            if await _works(how):
                return how
    return Containment.SWEEP


def _has_tools() -> bool:
    return shutil.which("unshare") is not None and shutil.which("setpriv") is not None


async def _works(how: Containment) -> bool:
    loop = asyncio.get_running_loop()
    argv = wrap(["/bin/sh", "-c", "kill -0 $$ && test -e /proc/$$/status"], how, Limits())
    transport, protocol = await loop.subprocess_exec(
        lambda: _Probe(), *argv, stdin=None, stdout=None, stderr=None, start_new_session=True
    )
    try:
        return await asyncio.wait_for(protocol.returncode, _TRY_SECS) == 0
    except TimeoutError:
        return False
    finally:
        transport.close()


class _Probe(asyncio.SubprocessProtocol):
    def __init__(self) -> None:
        self.returncode: asyncio.Future[int | None] = asyncio.get_running_loop().create_future()
        self._transport: asyncio.SubprocessTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.SubprocessTransport)
        self._transport = transport

    def process_exited(self) -> None:
        assert self._transport is not None
        if not self.returncode.done():
            self.returncode.set_result(self._transport.get_returncode())
