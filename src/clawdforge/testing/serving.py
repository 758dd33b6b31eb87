"""A clawdforge server inside a test: real sockets, real agents, a folder of its own.

    with running_server(tmp_path) as server:
        answer = Client(server.url, server.token).run("/echo hello")

Runs in a thread with its own event loop, so that sync and async tests use it alike. The agent is
`demo` unless the settings say otherwise: no account, no network.
"""

import asyncio
import queue
import threading
from collections.abc import Iterator, Mapping
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

START_SECS = 20.0
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
    if environ is None:
        environ = {key: value for key, value in environment().items() if key in _QUIET_ENVIRONMENT}
    chosen = {"default_agent": "demo", "port": 0, "data_dir": str(data_dir), "stop_grace_secs": 0}
    effective = load_settings(flags={**chosen, **settings}, environ=environ)
    server = _Thread(effective.settings, environ)
    url = server.start()
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


class _Thread:
    def __init__(self, settings: Any, environ: Mapping[str, str]) -> None:
        self._settings = settings
        self._environ = environ
        self._loop = asyncio.new_event_loop()
        self._until = asyncio.Event()
        self._news: queue.Queue[str | BaseException] = queue.Queue()
        self._thread = threading.Thread(target=self._work, name="clawdforge-server")

    def start(self) -> str:
        self._thread.start()
        news = self._news.get(timeout=START_SECS)
        if isinstance(news, BaseException):
            self._thread.join()
            raise news
        return news

    def stop(self) -> None:
        self._loop.call_soon_threadsafe(self._until.set)
        self._thread.join()
        if not self._news.empty():
            news = self._news.get()
            if isinstance(news, BaseException):
                raise news

    def _work(self) -> None:
        with asyncio.Runner(loop_factory=lambda: self._loop) as runner:
            try:
                runner.run(
                    serve(self._settings, self._environ, ready=self._news.put, until=self._until)
                )
            except Exception as error:  # noqa: BLE001 - handed to the thread that waits
                self._news.put(error)
