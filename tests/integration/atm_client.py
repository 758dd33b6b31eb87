"""A client of the monitor's socket as other programs have it: plain sockets, plain JSON."""

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

Json = dict[str, Any]

VERSION = {"major": 1, "minor": 0}
PATIENCE_SECS = 20.0
ATMD = (sys.executable, "-c", "from clawdforge.cli.atmd import main; main()")


class Peer:
    """A connection that speaks lines."""

    def __init__(self, path: Path) -> None:
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.socket.settimeout(PATIENCE_SECS)
        try:
            self.socket.connect(str(path))
        except OSError:
            self.socket.close()
            raise
        self._stream = self.socket.makefile("rb")

    def raw(self, data: bytes) -> None:
        self.socket.sendall(data)

    def send(self, kind: str, **fields: Any) -> None:
        self.raw(line(kind, **fields))

    def read(self) -> Json:
        """The next line."""
        found = self._stream.readline()
        assert found.endswith(b"\n"), found
        value: Json = json.loads(found)
        return value

    def read_type(self, kind: str) -> Json:
        """The next line of that type; others in between are passed over."""
        while (found := self.read())["type"] != kind:
            pass
        return found

    def ended(self) -> bool:
        """Whether the other side has closed; nothing may have been said before."""
        try:
            return self._stream.readline() == b""
        except ConnectionResetError:
            return True

    def silent(self) -> bool:
        """Whether nothing was said: an answer to a ping comes first."""
        self.send("ping", seq=77)
        return self.read() == {"type": "pong", "seq": 77}

    def hello(self, client_id: str | None = "test") -> Json:
        self.send("connect", **({} if client_id is None else {"client_id": client_id}))
        return self.read()

    def sessions(self) -> dict[str, Json]:
        self.send("list_sessions")
        return {one["id"]: one for one in self.read_type("session_list")["sessions"]}

    def close(self) -> None:
        self._stream.close()
        self.socket.close()


def line(kind: str, **fields: Any) -> bytes:
    """A request as a line."""
    return json.dumps({"protocol_version": VERSION, "type": kind, **fields}).encode() + b"\n"


class Daemon:
    """The real command `atmd`, with files of its own."""

    def __init__(self, folder: Path, **env: str) -> None:
        self.folder = folder
        self.socket = folder / "run" / "atm.sock"
        self.env = {
            "PATH": os.environ["PATH"],
            "HOME": str(folder),
            "ATM_SOCKET": str(self.socket),
            "TMUX_TMPDIR": str(folder),
            "ATMD_DISCOVERY": "off",  # other tests run agents, too
            **env,
        }
        self._process: subprocess.Popen[bytes] | None = None
        self._peers: list[Peer] = []

    @property
    def state(self) -> Path:
        return self.folder / ".local" / "state" / "atm"

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def command(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*ATMD, *arguments],
            env=self.env,
            capture_output=True,
            text=True,
            check=False,
            timeout=PATIENCE_SECS,
        )

    def start(self) -> "Daemon":
        """Start it in the foreground, and wait until it listens."""
        log = (self.folder / "atmd.log").open("ab")
        with log:
            self._process = subprocess.Popen([*ATMD, "start"], env=self.env, stderr=log, stdout=log)
        self.wait()
        return self

    def wait(self) -> None:
        """Wait until it listens, and has looked for agents."""
        deadline = time.monotonic() + PATIENCE_SECS
        while time.monotonic() < deadline:
            with contextlib.suppress(OSError), contextlib.closing(Peer(self.socket)):
                if (self.state / "atmd.pid").exists():
                    return
            time.sleep(0.01)
        raise AssertionError((self.folder / "atmd.log").read_text())

    def stop(self) -> int:
        """SIGTERM; the exit code."""
        assert self._process is not None
        self._process.send_signal(signal.SIGTERM)
        try:
            return self._process.wait(timeout=PATIENCE_SECS)
        finally:
            self._process.kill()
            self._process.wait()

    def kill(self) -> None:
        assert self._process is not None
        self._process.kill()
        self._process.wait()

    def peer(self, client_id: str | None = "test", *, hello: bool = True) -> Peer:
        """A new connection that is closed with the daemon."""
        made = Peer(self.socket)
        self._peers.append(made)
        if hello:
            made.hello(client_id)
        return made

    def close(self) -> None:
        for one in self._peers:
            one.close()
        if self._process is not None and self._process.poll() is None:
            self.stop()


@contextlib.contextmanager
def daemon(folder: Path, **env: str) -> Iterator[Daemon]:
    """A daemon that runs for the length of a block."""
    made = Daemon(folder, **env)
    try:
        yield made.start()
    finally:
        made.close()
