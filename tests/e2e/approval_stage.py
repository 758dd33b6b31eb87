"""What the tests of approvals with the real Claude Code share: everything that a person has open.

A server, a monitor in it or beside it, a `claude` in tmux with our hooks, a dashboard, a browser.
"""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from atm_client import Daemon
from claude_terminal import DIALOG, PROMPT, Pane, Tmux, claude_in, introduce, model
from page_stage import PATIENCE_SECS, Json, Stage, eventually
from playwright.sync_api import Browser, Page

from clawdforge.testing.model_api import Always, ModelApi


@dataclass
class Room(Stage):
    """The server, and what runs beside it."""

    model_env: dict[str, str] | None = None
    atmd: Daemon | None = None
    pane: Pane | None = None
    last_prompt: str = ""

    @property
    def environ(self) -> dict[str, str]:
        programs = (str(Path(sys.executable).parent), os.environ["PATH"])
        return {
            **super().environ,
            **(self.model_env or {}),
            "PATH": os.pathsep.join(programs),
            "HOME": str(self.folder),
            "ATM_SOCKET": str(self.folder / "run" / "atm.sock"),
            "ATMD_DISCOVERY": "off",  # other tests run agents, too
            "TMUX_TMPDIR": str(self.folder),
            "TERM": "xterm-256color",
        }

    @property
    def work(self) -> Path:
        return self.folder / "work"

    @property
    def terminal(self) -> Pane:
        """Where the `claude` runs."""
        assert self.pane is not None
        return self.pane

    @property
    def role(self) -> str:
        """Who runs the monitor, as the server sees it."""
        return str(self.call("GET", "/monitor/sessions", self.token("admin-token"))["monitor"])

    def start(self) -> None:
        super().start()
        wanted = "client" if self.atmd else "embedded"
        eventually(lambda: self.role == wanted)

    def kill_monitor(self) -> None:
        """SIGKILL to the process that runs the monitor."""
        if self.atmd is not None:
            self.atmd.kill()
        elif self.process is not None:
            self.process.kill()
            self.process.wait(PATIENCE_SECS)
            self.process = None

    def have_monitor_again(self) -> None:
        """The server is started again; beside an `atmd` that was killed it has taken its place."""
        if self.process is None:
            self.start()
        eventually(lambda: self.role == "embedded")

    def install(self, *options: str) -> None:
        """Put our hooks into Claude Code's settings; a session that runs takes them at once."""
        done = self.command("hooks", "install", "--approvals", *options)
        assert done.returncode == 0, done.stderr

    def command(self, *arguments: str) -> "subprocess.CompletedProcess[str]":
        """Run `clawdforge`, as the person at this machine."""
        return subprocess.run(
            [sys.executable, "-m", "clawdforge", *arguments],
            env=self.environ,
            capture_output=True,
            text=True,
            check=False,
            timeout=PATIENCE_SECS,
        )

    def rows(self, **query: str) -> list[Json]:
        """What can be answered now, as the server tells the admin."""
        path = "/monitor/approvals"
        told = self.call("GET", path, self.token("admin-token"), params=query)
        found: list[Json] = told["permissions"]
        return found

    def say(self, prompt: str) -> None:
        """Give Claude Code a prompt, once its turn is over: else it would become part of that."""
        if self.last_prompt:
            self.terminal.until(self._is_over)
        self.last_prompt = prompt
        self.terminal.say(prompt)

    def _is_over(self, screen: str) -> bool:
        told = screen.rpartition(f"{PROMPT} {self.last_prompt}")[2]
        return "It said:" in told or "Interrupted" in told

    def ask(self, prompt: str) -> Json:
        """Have Claude Code ask something; it as everybody is told."""
        eventually(lambda: not self.rows())
        self.say(prompt)
        try:
            (row,) = eventually(self.rows)
        except AssertionError:
            raise AssertionError(self.terminal.screen) from None
        if prompt.startswith("touch"):
            self.terminal.see(DIALOG)
        return row

    def settle(self) -> None:
        """Leave no question to the next test."""
        for row in self.rows() if self.process is not None else ():
            self.command("deny", row["permission_id"])

    def outcome(self, row: Json) -> Json:
        """How it was settled, as the monitor's audit has it."""
        path = self.folder / ".local" / "state" / "atm" / "approvals.jsonl"

        def found() -> list[Json]:
            lines = path.read_text().splitlines() if path.exists() else []
            entries: list[Json] = [json.loads(line) for line in lines]
            return [one for one in entries if one["approval_id"] == row["permission_id"]]

        (entry,) = eventually(found)
        return entry

    def audited(self, row: Json) -> list[Json]:
        """What the server's audit has of it."""
        query = {"action": "approval.resolve", "subject": row["permission_id"]}
        told = self.call("GET", "/admin/audit", self.token("admin-token"), params=query)
        found: list[Json] = told["entries"]
        return found


@contextmanager
def furnished(folder: Path, claude: Path, *, beside: bool) -> Iterator[Room]:
    """A room in which everything runs."""
    with ExitStack() as stack:
        api = stack.enter_context(ModelApi([Always(model)]))
        room = Room(folder, model_env=api.environment())
        room.work.mkdir()
        (folder / "home").mkdir()
        if beside:
            room.atmd = Daemon(folder).start()
            stack.callback(room.atmd.close)
        stack.callback(room.stop)
        room.start()
        introduce(folder, room.work, api)
        room.install()
        tmux = Tmux(room.environ, "approvals")
        stack.callback(tmux.close)
        room.pane = claude_in(tmux, claude, room.work)
        yield room


@contextmanager
def dashboard(room: Room) -> Iterator[Pane]:
    """`clawdforge top` in a tmux of its own."""
    tmux = Tmux(room.environ, "dashboard")
    try:
        pane = tmux.open(room.work, "clawdforge", "top", columns=110, lines=32)
        pane.see("live")
        yield pane
    finally:
        tmux.close()


@contextmanager
def web_page(room: Room, browser: Browser) -> Iterator[Page]:
    """The page, logged in as the person at the server's machine."""
    context = browser.new_context()
    context.set_default_timeout(PATIENCE_SECS * 1000)
    try:
        page = context.new_page()
        page.goto(room.link())
        yield page
    finally:
        context.close()
