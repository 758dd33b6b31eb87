"""A clawdforge server inside a test: real sockets, real agents, a folder of its own.

    with running_server(tmp_path) as server:
        answer = Client(server.url, server.token).run("/echo hello")

Runs in a thread with its own event loop, so that sync and async tests use it alike. The agent is
`demo` unless the settings say otherwise: no account, no network.
"""

import asyncio
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from clawdforge.config import (
    ADMIN_TOKEN_FILE,
    LOCAL_TOKEN_FILE,
    environment,
    load_settings,
    read_private_file,
)
from clawdforge.server import serve
from clawdforge.testing.loop_thread import LoopThread

_QUIET_ENVIRONMENT = ("PATH", "HOME", "LANG", "TMPDIR")


@dataclass(frozen=True, slots=True, kw_only=True)
class RunningServer:
    """A server that answers, and credentials for it."""

    url: str
    token: str = field(repr=False)
    """Of the app `local`."""
    admin_token: str = field(repr=False)
    data_dir: Path


@contextmanager
def running_server(
    data_dir: Path, *, environ: Mapping[str, str] | None = None, **settings: Any
) -> Iterator[RunningServer]:
    """Serve on a free port until the block is left.

    Args:
        data_dir: Where the server keeps everything; a test's temporary folder.
        environ: The environment, for the settings and of what agents see; by default only PATH,
            HOME, LANG and TMPDIR of this process.
        settings: Any of `clawdforge.config.Settings`.

    Raises:
        ClawdforgeError: the server could not start.
    """
    environ = quiet_environment() if environ is None else environ
    chosen = {
        "monitor": "off",
        "default_agent": "demo",
        "port": 0,
        "data_dir": str(data_dir),
        "stop_grace_secs": 0,
    }
    effective = load_settings(flags={**chosen, **settings}, environ=environ)

    async def serving(ready: Callable[[str], None], until: asyncio.Event) -> None:
        await serve(effective.settings, environ, ready=ready, until=until)

    server = LoopThread()
    url = server.start(serving)
    try:
        yield RunningServer(
            url=url,
            token=read_private_file(data_dir / LOCAL_TOKEN_FILE) or "",
            admin_token=effective.settings.admin_token
            or read_private_file(data_dir / ADMIN_TOKEN_FILE)
            or "",
            data_dir=data_dir,
        )
    finally:
        server.stop()


def quiet_environment() -> dict[str, str]:
    """What a server and its agents need of this process's environment, and nothing else."""
    return {key: value for key, value in environment().items() if key in _QUIET_ENVIRONMENT}
