"""A real tmux with `clawdforge top` in it, and a real server beside."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

PATIENCE_SECS = 60.0
SETTLED_SECS = 0.5
"""So long a question stands on the screen before it may be answered."""


class Terminal:
    """A tmux server of its own, with one pane in which a shell runs."""

    def __init__(self, environ: dict[str, str], *, columns: int = 110, lines: int = 32) -> None:
        self._environ = environ
        size = ("-x", str(columns), "-y", str(lines))
        self.run("new-session", "-d", *size, "PS1='$ ' exec sh")

    def run(self, *arguments: str) -> str:
        done = subprocess.run(
            ["tmux", "-L", "top", "-f", "/dev/null", *arguments],
            env=self._environ,
            capture_output=True,
            text=True,
            check=True,
        )
        return done.stdout

    def command(self, text: str) -> None:
        """Type a command and start it."""
        self.run("send-keys", "-l", text)
        self.run("send-keys", "Enter")

    def press(self, *keys: str) -> None:
        self.run("send-keys", *keys)

    def type(self, text: str) -> None:
        self.run("send-keys", "-l", text)

    @property
    def screen(self) -> str:
        return self.run("capture-pane", "-p")

    @property
    def coloured(self) -> str:
        return self.run("capture-pane", "-p", "-e")

    def see(self, *texts: str) -> None:
        """Wait until all of these are on the screen."""
        self.until(lambda screen: all(text in screen for text in texts))

    def until(self, holds: Callable[[str], bool]) -> None:
        deadline = time.monotonic() + PATIENCE_SECS
        while not holds(self.screen):
            assert time.monotonic() < deadline, self.screen
            time.sleep(0.05)

    def close(self) -> None:
        self.run("kill-server")


class Server:
    """The command `clawdforge serve`, with the monitor in it."""

    def __init__(self, environ: dict[str, str]) -> None:
        self._environ = environ
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        command = [sys.executable, "-m", "clawdforge", "serve", "--port", "0"]
        self._process = subprocess.Popen(
            command, env=self._environ, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        deadline = time.monotonic() + PATIENCE_SECS
        ready = Path(self._environ["CLAWDFORGE_DATA_DIR"]) / "server.json"
        socket = Path(self._environ["ATM_SOCKET"])
        while not (ready.exists() and socket.exists()):
            assert self._process.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.05)

    def stop(self) -> None:
        if self._process is not None:
            self._process.send_signal(signal.SIGTERM)
            self._process.wait(PATIENCE_SECS)
            self._process = None


def environ_of(folder: Path) -> dict[str, str]:
    data = folder / "data"
    data.mkdir(mode=0o700, exist_ok=True)
    return {
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "HOME": str(folder),
        "LANG": "C.UTF-8",
        "ATM_SOCKET": str(folder / "atm.sock"),
        "ATMD_DISCOVERY": "off",  # other tests run agents, too
        "TMUX_TMPDIR": str(folder),
        "CLAWDFORGE_DATA_DIR": str(data),
        "CLAWDFORGE_DEFAULT_AGENT": "demo",
        "CLAWDFORGE_STOP_GRACE_SECS": "0",
    }


@contextmanager
def terminal(environ: dict[str, str], **size: int) -> Iterator[Terminal]:
    made = Terminal(environ, **size)
    try:
        yield made
    finally:
        made.close()
