"""A person at a terminal who uses tmux, with agents that are small programs."""

import contextlib
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

PATIENCE_SECS = 40.0
AGENT = """#!/bin/sh
# Says how it was started, and then what it is told.
echo "agent $(basename "$0") in $(pwd)"
for argument in "$@"; do echo "<$argument>"; done
trap 'echo bye; exit 0' INT
while read -r line; do echo "heard $line"; done
"""
AGENTS = ("claude", "codex", "goose", "my-editor")


class Stage:
    """A home with agents, and the tmux servers of whoever lives there.

    Args:
        folder: Of all of it.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.home = folder / "home"
        self.work = folder / "work"
        programs = folder / "programs"
        for made in (self.home, self.work, programs):
            made.mkdir()
        for name in AGENTS:
            (programs / name).write_text(AGENT)
            (programs / name).chmod(0o755)
        self.env = {
            "PATH": f"{programs}{os.pathsep}{Path(sys.executable).parent}{os.pathsep}"
            f"{os.environ['PATH']}",
            "HOME": str(self.home),
            "SHELL": "/bin/sh",
            "LANG": "C.UTF-8",
            "TERM": "xterm-256color",
            "ATM_SOCKET": str(folder / "atm.sock"),
            "TMUX_TMPDIR": str(folder),
            "VISUAL": "my-editor -w",
        }
        self._screens: list[Screen] = []

    def tmux(self, *arguments: str, server: str = "default", check: bool = True) -> str:
        """A command for one of the servers; what it prints."""
        done = subprocess.run(
            ["tmux", "-L", server, "-f", "/dev/null", *arguments],
            env=self.env,
            cwd=self.work,
            capture_output=True,
            text=True,
            check=False,
            timeout=PATIENCE_SECS,
        )
        assert done.returncode == 0 or not check, done.stderr
        return done.stdout.removesuffix("\n")

    def session(self, name: str = "work", *, columns: int = 200, lines: int = 50) -> str:
        """A tmux session of the person, with a shell; the id of its pane."""
        size = ("-x", str(columns), "-y", str(lines))
        shell = "PS1='$ ' exec sh"  # no login shell: that would choose a PATH of its own
        made = ("new-session", "-d", "-P", "-F", "#{pane_id}", *size, "-s", name)
        return self.tmux(*made, shell)

    def __call__(
        self, *arguments: str, inside: str | None = None, **env: str
    ) -> subprocess.CompletedProcess[str]:
        """`clawdforge`; `inside` is the pane that it runs in."""
        if inside is not None:
            where = "#{socket_path},#{pid},#{session_id}"
            env["TMUX"] = self.tmux("display-message", "-p", "-t", inside, where)
            env["TMUX_PANE"] = inside
        return subprocess.run(
            [sys.executable, "-m", "clawdforge", *arguments],
            env={**self.env, **env},
            cwd=self.work,
            capture_output=True,
            text=True,
            check=False,
            timeout=PATIENCE_SECS,
        )

    def json(self, *arguments: str, inside: str | None = None) -> Any:
        done = self(*arguments, "--json", inside=inside)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    def panes(self, server: str = "default", target: str | None = None) -> dict[str, "Pane"]:
        """All panes by their ids, or those of a session."""
        which = ["-a"] if target is None else ["-s", "-t", target]
        fields = ["pane_id", "pane_pid", "pane_width", "pane_height", "pane_left", "pane_top"]
        fields.append("window_id")
        form = " ".join(f"#{{{name}}}" for name in fields)
        form += " #{?#{@clawdforge-panel},panel,-} #{pane_dead}"
        found = {}
        for line in self.tmux("list-panes", *which, "-F", form, server=server).splitlines():
            pane = Pane(*line.split(" "))
            found[pane.id] = pane
        return found

    def screen_of(self, pane: str, server: str = "default") -> str:
        """What stands on a pane's screen, and what has scrolled away."""
        return self.tmux("capture-pane", "-p", "-J", "-S", "-99", "-t", pane, server=server)

    def see(self, pane: str, *texts: str, server: str = "default") -> None:
        """Wait until all of these are on a pane's screen."""

        def shown() -> bool:
            screen = self.screen_of(pane, server)
            return all(text in screen for text in texts)

        self.until(shown, lambda: self.screen_of(pane, server))

    def until(self, holds: Callable[[], bool], told: Callable[[], object] | None = None) -> None:
        deadline = time.monotonic() + PATIENCE_SECS
        while not holds():
            assert time.monotonic() < deadline, told() if told else self.panes()
            time.sleep(0.02)

    def terminal(self, *, columns: int = 160, lines: int = 45) -> "Screen":
        """A terminal with a shell, outside of the person's tmux."""
        made = Screen(self, f"screen{len(self._screens)}", columns, lines)
        self._screens.append(made)
        return made

    def close(self) -> None:
        """End all servers of this stage."""
        folder = self.folder / f"tmux-{os.getuid()}"
        for socket in sorted(folder.iterdir()) if folder.is_dir() else []:
            self.tmux("kill-server", server=socket.name, check=False)


class Pane:
    """A pane as it is."""

    def __init__(self, *told: str) -> None:
        self.id = told[0]
        self.pid, self.columns, self.lines, self.left, self.top = map(int, told[1:6])
        self.window = told[6]
        self.is_panel = told[7] == "panel"
        self.is_dead = told[8] == "1"

    def __repr__(self) -> str:
        kind = "panel" if self.is_panel else "pane"
        return f"{kind} {self.id} {self.columns}x{self.lines}+{self.left}+{self.top}"


class Screen:
    """A terminal: another tmux, which the person's own is shown in."""

    def __init__(self, stage: Stage, name: str, columns: int, lines: int) -> None:
        self._stage = stage
        self._name = name
        size = ("-x", str(columns), "-y", str(lines))
        shell = "PS1='$ ' exec env -u TMUX -u TMUX_PANE sh"
        self._run("new-session", "-d", *size, shell)

    def _run(self, *arguments: str) -> str:
        return self._stage.tmux(*arguments, server=self._name)

    @property
    def shown(self) -> str:
        return self._run("capture-pane", "-p")

    def command(self, text: str) -> None:
        """Type a command and start it."""
        self._run("send-keys", "-l", text)
        self._run("send-keys", "Enter")

    def press(self, *keys: str) -> None:
        """Press keys one by one, as people do: several at once would be a paste."""
        for key in keys:
            self._run("send-keys", key)
            time.sleep(0.05)

    def see(self, *texts: str) -> None:
        self._stage.until(
            lambda: all(text in self.shown for text in texts), lambda: f"{texts}\n{self.shown}"
        )

    def see_no_more(self, text: str) -> None:
        self._stage.until(lambda: text not in self.shown, lambda: f"{text}\n{self.shown}")

    def resize(self, columns: int, lines: int) -> None:
        self._run("resize-window", "-x", str(columns), "-y", str(lines))


@contextlib.contextmanager
def stage(folder: Path) -> Iterator[Stage]:
    """A stage for the length of a block."""
    made = Stage(folder)
    try:
        yield made
    finally:
        made.close()
        with contextlib.suppress(OSError):
            shutil.rmtree(folder / f"tmux-{os.getuid()}")
