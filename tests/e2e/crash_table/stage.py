"""A data folder, a home, and the servers on it, one after the other."""

import http.client
import json
import os
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psutil

import clawdforge.agents
from crash_table.servers import HERE, PATIENCE_SECS, Servers

GONE_SECS = 5.0
"""The namespaces end everything with the server; the rest is the machine's other work."""
AGENTS = Path(clawdforge.agents.__file__).parent


class ServerGoneError(Exception):
    """The server died before it had answered."""


@dataclass(frozen=True)
class Reply:
    """What a server answered."""

    status: int
    body: dict[str, Any]
    turn: int | None
    """The turn's number, as the header of a failed one says it."""


@dataclass
class Stage:
    """Starts servers, talks to them, and counts who was killed."""

    home: Path
    kills: int = 0
    reported: set[str] = field(default_factory=set)
    """Strays that were found before."""
    settings: Mapping[str, str] = field(default_factory=dict)
    url: str = ""
    token: str = field(default="", repr=False)

    def __post_init__(self) -> None:
        self.home.mkdir()
        self.tmp.mkdir()
        self.server = Servers(self.home, self.log)
        witness = [sys.executable, "-I", "-S", str(HERE / "witness.py"), str(AGENTS)]
        self.config.write_text(f'[agents.demo]\ndriver = "demo"\ncommand = {json.dumps(witness)}\n')

    @property
    def data(self) -> Path:
        return self.home / "data"

    @property
    def tmp(self) -> Path:
        """Where the server puts what is only for a moment."""
        return self.home / "tmp"

    @property
    def config(self) -> Path:
        return self.home / "config.toml"

    @property
    def log(self) -> Path:
        return self.home / "log"

    # Servers

    def start(self, settings: Mapping[str, str] | None = None) -> None:
        """Start a server; whether it comes up is another matter."""
        self.settings = self.settings if settings is None else settings
        environ = {
            "PATH": "/usr/bin:/bin",
            "HOME": str(self.home),
            "TMPDIR": str(self.tmp),
            "CLAWDFORGE_DATA_DIR": str(self.data),
            "CLAWDFORGE_MONITOR": "off",
            "CLAWDFORGE_DEFAULT_AGENT": "demo",
            "CLAWDFORGE_STOP_GRACE_SECS": "0",
            "CLAWDFORGE_LOG_LEVEL": "warning",
            **self.settings,
        }
        self.server.start(environ, "serve", "--port", "0", "--config", str(self.config))

    def is_up(self) -> bool:
        """Whether the server answers; it may have died instead."""
        try:
            about = json.loads((self.data / "server.json").read_text())
        except (FileNotFoundError, ValueError):
            return False
        if about["pid"] != self.server.pid:
            return False
        self.url = about["url"]
        self.token = (self.data / "local-token").read_text()
        return True

    def serve(self, settings: Mapping[str, str] | None = None) -> None:
        """Have a server that answers, under those settings; None: as they were."""
        if self.server.runs and (settings is None or settings == self.settings):
            return
        self.stop()
        self.start(settings)
        eventually(lambda: self.is_up() or not self.server.runs, "the server does not start")
        assert self.server.runs, self.last_words()

    def kill(self) -> None:
        """kill -9 from outside."""
        self.server.kill()
        self.kills += 1

    def stop(self) -> None:
        """SIGTERM, and wait."""
        if self.server.runs:
            self.server.terminate()
            self.server.wait()

    def last_words(self) -> str:
        """What the servers have complained about."""
        return self.log.read_text(errors="replace")[-2000:]

    # What lives

    def processes(self, session: str | None = None) -> list[psutil.Process]:
        """The agents and all that they started, parents first: of one session, or of all."""
        found = []
        for process in psutil.process_iter():
            try:
                environ = process.environ()
                if environ.get("HOME") != str(self.home) or "PYTHONPATH" in environ:
                    continue
                if session is None or f"/{session}/" in environ.get("TMPDIR", ""):
                    found.append(process)
            except psutil.Error:
                continue  # gone meanwhile, or nothing but its number is left
        return sorted(found, key=lambda process: process.pid)

    def folders(self) -> set[str]:
        """The folders of sessions and runs, and whatever is in the temporary folder."""
        parents = [self.data / "sessions", self.data / "runs", self.tmp]
        return {entry.name for parent in parents for entry in parent.iterdir()} - {"lock"}

    # Talking

    def call(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        key: str | None = None,
        raw: bytes | None = None,
        kind: str = "application/json",
    ) -> Reply:
        """One request.

        Raises:
            ServerGoneError: the server died meanwhile.
        """
        headers = {"Authorization": f"Bearer {self.token}", "Content-Type": kind}
        if key is not None:
            headers["Idempotency-Key"] = key
        data = raw if raw is not None else None if body is None else json.dumps(body).encode()
        connection = http.client.HTTPConnection(urlsplit(self.url).netloc, timeout=PATIENCE_SECS)
        try:
            connection.request(method, path, data, headers)
            with connection.getresponse() as reply:
                turn = reply.getheader("X-Turn-Index")
                found = json.loads(reply.read())
                return Reply(reply.status, found, int(turn) if turn else None)
        except (OSError, http.client.HTTPException) as error:
            raise ServerGoneError(str(error)) from error
        finally:
            connection.close()

    def good(self, method: str, path: str, body: Any = None, **more: Any) -> dict[str, Any]:
        """The body of an answer that says 200 or 202."""
        reply = self.call(method, path, body, **more)
        assert reply.status in {200, 202}, f"{method} {path}: {reply.status} {reply.body}"
        return reply.body

    def events(self, session: str) -> list[dict[str, Any]]:
        """All that is stored of a session."""
        found: list[dict[str, Any]] = []
        after: int | None = 0
        while after is not None:
            page = self.good("GET", f"/sessions/{session}/events?limit=1000&after={after}")
            found += page["events"]
            after = page["next"]
        return found

    def prompts(self) -> Iterator[str]:
        """Every prompt that came to an agent, as often as it did."""
        log = self.home / "prompts.log"
        if log.exists():
            for line in log.read_text().splitlines():
                yield json.loads(line)["prompt"]


def eventually(what: Callable[[], Any], complaint: str, secs: float = PATIENCE_SECS) -> Any:
    """Wait for a condition.

    Raises:
        AssertionError: it never came to that.
    """
    deadline = time.monotonic() + secs
    while not (found := what()):
        assert time.monotonic() < deadline, complaint
        time.sleep(0.01)
    return found


def kill(process: psutil.Process) -> None:
    """kill -9, if it is there."""
    try:
        os.kill(process.pid, 9)
    except ProcessLookupError:
        return
