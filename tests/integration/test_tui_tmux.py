"""`clawdforge top` in a real tmux that somebody looks at: jump, look, say, start, end, pick."""

import os
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from atm_client import Daemon, daemon

pytestmark = pytest.mark.timeout(180)

PATIENCE_SECS = 40.0
NAME = "a shop #1"
"""Of the tmux session: awkward, as people's names are."""
AGENT = (
    r"""printf '\033[35mready for you\033[0m\n'; while read -r line; do echo "told: $line"; done"""
)
CLAUDE = "#!/bin/sh\necho a new claude in $(pwd); exec sleep 1000\n"


class Desk:
    """A tmux with the dashboard in it, and a person before it: a client, in another tmux."""

    def __init__(self, atmd: Daemon, folder: Path) -> None:
        self._atmd = atmd
        self.folder = folder
        programs = (str(folder / "bin"), str(Path(sys.executable).parent), os.environ["PATH"])
        self._env = atmd.env | {
            "PATH": os.pathsep.join(programs),
            "LANG": "C.UTF-8",
            "TERM": "xterm-256color",
        }
        self._peer = atmd.peer("hooks")
        size = ("-x", "130", "-y", "40")
        self.tmux("new-session", "-d", *size, "-s", NAME, "-n", "first", "PS1='$ ' exec sh")
        self.tmux("new-session", "-d", *size, "-s", "elsewhere", "PS1='$ ' exec sh")
        person = "env -u TMUX tmux -L desk attach -t '=a shop #1'"
        self.tmux("new-session", "-d", *size, person, server="person")

    def tmux(self, *arguments: str, server: str = "desk") -> str:
        done = subprocess.run(
            ["tmux", "-L", server, "-f", "/dev/null", *arguments],
            env=self._env,
            capture_output=True,
            text=True,
            check=True,
        )
        return done.stdout.strip()

    def agent(self, name: str, session: str = NAME) -> str:
        """An agent in a window of its own: its pane."""
        work = self.folder / name
        work.mkdir()
        form = "#{pane_id} #{pane_pid}"
        told = self.tmux(
            "new-window", "-d", "-t", f"={session}:", "-P", "-F", form, "-c", str(work), AGENT
        )
        pane, pid = told.split()
        facts = {"session_id": name, "pid": int(pid), "tmux_pane": pane, "cwd": str(work)}
        prompt = {"hook_event_name": "UserPromptSubmit", "prompt": f"work on {name}"}
        self._peer.send("hook_event", data={**facts, **prompt})
        return pane

    @property
    def shown(self) -> str:
        """What the person sees."""
        return self.tmux("capture-pane", "-p", server="person")

    def see(self, *texts: str) -> None:
        deadline = time.monotonic() + PATIENCE_SECS
        while not all(text in self.shown for text in texts):
            assert time.monotonic() < deadline, self.shown
            time.sleep(0.05)

    def see_no_more(self, text: str) -> None:
        deadline = time.monotonic() + PATIENCE_SECS
        while text in self.shown:
            assert time.monotonic() < deadline, self.shown
            time.sleep(0.05)

    def press(self, *keys: str) -> None:
        """What the person presses."""
        self.tmux("send-keys", *keys, server="person")

    def type(self, text: str) -> None:
        self.tmux("send-keys", "-l", "--", text, server="person")

    def start(self, *options: str) -> None:
        """Start the dashboard in the first window."""
        self.tmux("select-window", "-t", f"={NAME}:first")
        self.see("$")
        self.type(" ".join(["clear; exec clawdforge top --theme dark", *options]))
        self.press("Enter")
        self.see("live")

    def panes(self) -> set[str]:
        return set(self.tmux("list-panes", "-a", "-F", "#{pane_id}").split())

    def close(self) -> None:
        for server in ("person", "desk"):
            self.tmux("kill-server", server=server)


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    program = tmp_path / "bin" / "claude"
    program.parent.mkdir()
    program.write_text(CLAUDE)
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    with daemon(tmp_path) as atmd:
        made = Desk(atmd, tmp_path)
        try:
            yield made
        finally:
            made.close()


def test_agents_in_panes_are_seen_spoken_to_jumped_to_and_ended(desk: Desk) -> None:
    pane = desk.agent("cart")
    desk.start()
    desk.see("work on cart", "its pane", "ready for you", "jump")
    desk.press("i")
    desk.see("say")
    text = "- 'it' is \"so\" ✓ #{x} Enter"
    desk.type(text)
    desk.press("Enter")
    desk.see(f"told: {text}", f"said in {pane}")
    desk.press("Enter")
    desk.see_no_more("1 session")  # the person is there now, and the dashboard is not
    desk.see("told: ")
    desk.tmux("select-window", "-t", f"={NAME}:first")
    desk.see("jumped to", "1 session")
    desk.press("x")
    desk.see("End this session?")
    desk.press("y")
    desk.see(f"killed {pane}", "No agent runs")
    assert pane not in desk.panes()


def test_another_agent_is_started_beside_the_chosen_one_and_in_an_empty_dashboard(
    desk: Desk,
) -> None:
    desk.start()
    desk.see("oo starts one here")
    before = desk.panes()
    desk.press("o", "l")
    desk.see("started claude in", "a new claude in")
    (new,) = desk.panes() - before
    assert desk.tmux("display-message", "-p", "-t", new, "#{pane_at_right}") == "1"


def test_one_is_picked(desk: Desk) -> None:
    desk.agent("cart")
    desk.start("--pick")
    desk.see("work on cart")
    desk.press("Enter")
    desk.see("ready for you")
    deadline = time.monotonic() + PATIENCE_SECS
    while "first" in desk.tmux("list-windows", "-t", f"={NAME}", "-F", "#{window_name}"):
        assert time.monotonic() < deadline  # its window ends with it
        time.sleep(0.05)


def test_only_those_of_one_tmux_session_are_shown(desk: Desk) -> None:
    desk.agent("cart")
    desk.agent("far", "elsewhere")
    desk.start("--tmux-session", "elsewhere")
    desk.see("work on far", "1 session")
    assert "work on cart" not in desk.shown
    desk.agent("near", "elsewhere")
    desk.see("work on near", "2 sessions")
    assert "work on cart" not in desk.shown


def test_outside_tmux_nothing_can_be_picked(desk: Desk) -> None:
    desk.tmux("new-session", "-d", "-s", "bare", "-x", "80", "-y", "24", "PS1='$ ' exec sh")
    command = "clear; env -u TMUX clawdforge top --pick"
    desk.tmux("send-keys", "-t", "=bare:", "-l", command)
    desk.tmux("send-keys", "-t", "=bare:", "Enter")
    deadline = time.monotonic() + PATIENCE_SECS
    while "it needs tmux" not in (shown := desk.tmux("capture-pane", "-p", "-t", "=bare:")):
        assert time.monotonic() < deadline, shown
        time.sleep(0.05)
