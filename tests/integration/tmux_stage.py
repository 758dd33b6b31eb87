"""tmux servers of a test's own, programs in their panes, and terminals that show them."""

import os
import pty
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from typer.testing import CliRunner

from clawdforge.cli.main import app
from clawdforge.tmux.protocol import command_line
from clawdforge.tmux.server import TmuxServer

PATIENCE_SECS = 30.0
RECORDER = """
import os, sys, termios, tty
out = open(sys.argv[1], "wb", buffering=0)
settings = termios.tcgetattr(0)
tty.setraw(0)
os.write(1, (sys.argv[2].encode().decode("unicode_escape") + "ready").encode())
while data := os.read(0, 65536):
    out.write(data)
"""
"""Writes every byte that it gets into a file."""
SIZE = ("-x", "80", "-y", "24")
MENU = """
import os, sys, termios, time, tty
options, at, deaf = sys.argv[3].split("|"), 0, float(sys.argv[1])
settings = termios.tcgetattr(0)
tty.setraw(0)
def draw(text):
    os.write(1, b"\\x1b[2J\\x1b[H" + text.replace("\\n", "\\r\\n").encode())
def menu():
    rows = [("\u276f" if n == at else " ") + f" {n + 1}. {o}" for n, o in enumerate(options)]
    draw("\u2500" * 40 + f"\\n {sys.argv[2]}\\n" + "\\n".join(rows) + "\\n\\n Esc to cancel")
menu()
hears = time.monotonic() + deaf
while key := os.read(0, 100):
    if time.monotonic() < hears:
        continue
    at = (at + key.count(b"\\x1b[B") - key.count(b"\\x1b[A")) % len(options)
    if b"\\r" in key:
        draw("took " + options[at])
    elif key == b"\\x1b":
        draw("refused")
    else:
        menu()
"""
"""Asks something, with a menu as Claude Code has them. First it hears nothing for some time."""


def until(condition: Callable[[], object], what: object = "") -> None:
    """Wait until it is true."""
    deadline = time.monotonic() + PATIENCE_SECS
    while not condition():
        assert time.monotonic() < deadline, what() if callable(what) else what
        time.sleep(0.02)


class Stage:
    """A folder for sockets, and the servers in it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.env = {
            "PATH": os.environ["PATH"],
            "HOME": str(folder),
            "TERM": "xterm-256color",
            "LANG": "C.UTF-8",
            "SHELL": "/bin/sh",
            "TMUX_TMPDIR": str(folder),
            "ATM_SOCKET": str(folder / "atm.sock"),
        }
        self._pids: dict[str, int] = {}

    def tmux(self, server: str, *arguments: str, check: bool = True) -> str:
        done = subprocess.run(
            ["tmux", "-u", "-L", server, "-f", "/dev/null", *command_line([arguments])],
            env=self.env,
            capture_output=True,
            text=True,
            check=False,
        )
        assert not check or done.returncode == 0, (arguments, done.stderr)
        return done.stdout.strip()

    def start(self, server: str, session: str, *argv: str, cwd: Path | None = None) -> str:
        """Start a program in a session of its own; the id of its pane."""
        command = [*argv] or ["cat"]
        where = str(cwd or self.folder).replace("#", "##")
        pane = self.tmux(
            server, "new-session", "-d", "-s", session, *SIZE, "-c", where,
            "-P", "-F", "#{pane_id}", "--", "env", *command,
        )  # fmt: skip
        self._pids[server] = int(self.tmux(server, "display-message", "-p", "#{pid}"))
        return pane

    def record(self, server: str, session: str, greeting: str = "") -> tuple[str, Path]:
        """Start a program that keeps its input: its pane, and the file."""
        kept = self.folder / f"{server}-{session}.bytes"
        script = (sys.executable, "-I", "-S", "-c", RECORDER, str(kept), greeting)
        pane = self.start(server, session, *script)
        self.wait_for(server, pane, "ready")
        return pane, kept

    def ask(
        self, server: str, session: str, *options: str, text: str = "Proceed?", deaf: float = 0.0
    ) -> str:
        """Start a program that asks something; its pane."""
        words = (str(deaf), text, "|".join(options))
        pane = self.start(server, session, sys.executable, "-I", "-S", "-c", MENU, *words)
        self.wait_for(server, pane, "Esc to cancel")
        return pane

    def screen(self, server: str, pane: str) -> str:
        return self.tmux(server, "capture-pane", "-p", "-t", pane)

    def wait_for(self, server: str, pane: str, text: str) -> None:
        until(lambda: text in self.screen(server, pane), lambda: self.screen(server, pane))

    def server(self, name: str) -> TmuxServer:
        return TmuxServer(name, self.env, timeout_secs=PATIENCE_SECS)

    def socket(self, name: str) -> str:
        return self.server(name).socket

    def inside(self, server: str, pane: str) -> dict[str, str]:
        """The environment of a program in a pane."""
        return {**self.env, "TMUX": f"{self.socket(server)},1,0", "TMUX_PANE": pane}

    def run(
        self, *arguments: str, env: dict[str, str] | None = None, text: str = ""
    ) -> subprocess.CompletedProcess[str]:
        """The command `clawdforge`, in this process: starting one takes far longer than it runs."""
        environ = env or self.env
        gone = dict.fromkeys(os.environ.keys() - environ.keys())
        done = CliRunner().invoke(app, arguments, env={**gone, **environ}, input=text)
        assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
        return subprocess.CompletedProcess(arguments, done.exit_code, done.stdout, done.stderr)

    def run_alone(self, *arguments: str, text: str = "") -> subprocess.CompletedProcess[str]:
        """The same, as a person runs it."""
        return subprocess.run(
            [sys.executable, "-m", "clawdforge", *arguments],
            env=self.env,
            capture_output=True,
            text=True,
            input=text,
            check=False,
            timeout=PATIENCE_SECS,
        )

    def close(self) -> None:
        for server in self._pids:
            self.tmux(server, "kill-server", check=False)
        until(lambda: not any(map(_runs, self._pids.values())), "tmux still runs")
        until(self._is_cleared, "somebody still writes there")

    def _is_cleared(self) -> bool:
        """What ran there may write its last words yet."""
        shutil.rmtree(self.folder, ignore_errors=True)
        return not self.folder.exists()


class Terminal:
    """A terminal that shows a tmux server, as a person has it on the screen."""

    def __init__(self, stage: Stage, *argv: str) -> None:
        self._master, slave = pty.openpty()
        self.name = os.ttyname(slave)
        self.process = subprocess.Popen(
            argv, env=stage.env, stdin=slave, stdout=slave, stderr=slave, start_new_session=True
        )
        os.close(slave)
        os.set_blocking(self._master, False)

    def drain(self) -> None:
        """Take what was drawn: a full terminal stops who draws."""
        try:
            while os.read(self._master, 65536):
                pass
        except OSError:
            return

    def close(self) -> None:
        self.drain()
        self.process.kill()
        self.process.wait()
        os.close(self._master)


@contextmanager
def stage() -> Iterator[Stage]:
    """The path is short: that of a socket may have 107 bytes."""
    made = Stage(Path(tempfile.mkdtemp(prefix="cf-tmux-")))
    try:
        yield made
    finally:
        made.close()


@contextmanager
def attached(where: Stage, server: str, session: str) -> Iterator[Terminal]:
    """A terminal that shows a session, once it does."""
    terminal = Terminal(where, *where.server(server).argv, "attach-session", "-t", f"={session}")
    try:
        until(lambda: shown_in(where, server, terminal), "no terminal")
        yield terminal
    finally:
        terminal.close()


def shown_in(where: Stage, server: str, terminal: Terminal) -> str:
    """The pane that a terminal shows; empty: it shows none of this server."""
    terminal.drain()
    told = where.tmux(
        server, "list-clients", "-F", "#{client_tty} #{session_name} #{pane_id}", check=False
    )
    for line in told.splitlines():
        tty, _, rest = line.partition(" ")
        if tty == terminal.name:
            return rest.rpartition(" ")[2]
    return ""


def _runs(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
