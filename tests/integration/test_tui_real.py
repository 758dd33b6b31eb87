"""`clawdforge top` in a real tmux: before a real server with demo sessions, and a real `atmd`."""

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from atm_client import daemon

from clawdforge.client import Client

pytestmark = pytest.mark.timeout(180)

PATIENCE_SECS = 60.0
SETTLED_SECS = 0.5
"""So long a question stands on the screen before it may be answered."""
COLOUR = re.compile(r"\x1b\[[0-9;]*(?:3[0-7]|4[0-7]|9[0-7]|[34]8)[;m]")


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


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    made = Server(environ_of(tmp_path))
    made.start()
    yield made
    made.stop()


def test_a_day_with_the_dashboard(server: Server, tmp_path: Path) -> None:
    environ = environ_of(tmp_path)
    with terminal(environ) as screen:
        screen.command("clawdforge top")
        screen.see("No agent runs.", "● live")
        with Client(environ=environ) as client:
            session = client.create_session(agent="demo", permissions="ask")
            session.start_turn("/ask touch hello.txt")
            screen.see("1 needs you", "wants to use Bash", "touch hello.txt", "a allow")
            time.sleep(SETTLED_SECS)
            screen.press("a")
            screen.see("allowed: Bash")
            screen.until(lambda text: "needs you" not in text)
            # Say something, see it answered, let it hang, interrupt it.
            screen.press("i")
            screen.type("/echo good morning")
            screen.press("Enter")
            screen.see("good morning", "turn 2", "done")
            screen.press("i")
            screen.type("/hang")
            screen.press("Enter")
            screen.see("1 working", "I interrupt")
            screen.press("I")
            screen.see("cancelled")
            screen.until(lambda text: "1 working" not in text)
        # The server goes and comes back, at another address.
        server.stop()
        screen.see("no monitor")
        server.start()
        screen.see("● live")
        with Client(environ=environ) as client:
            again = client.session(session.id)
            again.start_turn("/ask touch again.txt")
            screen.see("1 needs you", "touch again.txt")
            time.sleep(SETTLED_SECS)
            screen.press("D")
            screen.see("denied: Bash")
        screen.press("q")
        screen.until(lambda text: text.rstrip().endswith("$"))


def test_sessions_started_by_hand_beside_an_atmd_that_starts_again(tmp_path: Path) -> None:
    environ = environ_of(tmp_path)
    with daemon(tmp_path) as atmd:
        environ["ATM_SOCKET"] = str(atmd.socket)
        with terminal(environ, columns=80, lines=24) as screen:
            screen.command("NO_COLOR=1 clawdforge top")
            screen.see("● live")
            peer = atmd.peer("hooks")
            data = {"session_id": "by-hand-1", "pid": 4_000_100, "cwd": str(tmp_path)}
            prompt = {"hook_event_name": "UserPromptSubmit", "prompt": "fix\x1b[2J it"}
            peer.send("hook_event", data={**data, **prompt})
            screen.see("works", "fix\ufffd[2J it")
            asks = {"hook_event_name": "PermissionRequest", "tool_name": "Bash"}
            peer.send("hook_event", data={**data, **asks})
            screen.see("1 needs you")
            assert not COLOUR.search(screen.coloured)
            atmd.stop()
            screen.see("no monitor, again in")
            atmd.start()
            screen.see("● live")
            screen.press("C-c")
            screen.until(lambda text: text.rstrip().endswith("$"))
            screen.command("clawdforge top --compact --theme terminal")
            screen.see("? help")
            assert COLOUR.search(screen.coloured)
            screen.press("q")
            screen.until(lambda text: text.rstrip().endswith("$"))
