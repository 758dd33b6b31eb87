"""A session that somebody has started by hand, in a pane of a real tmux."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from atm_client import Peer
from tmux_stage import Stage, until

SERVER = "default"
SESSION = "5f1c0009-0000-4000-8000-000000000009"
# It writes in red and in a colour of its own, and shows each key as it comes.
AGENT = (
    r"printf '\033[31mred\033[0m \033[1;38;2;1;200;3mbold green\033[0m ready\n'; "
    "stty -icanon -echo; exec cat -v"
)


@dataclass(frozen=True, slots=True)
class AgentPane:
    """Where it runs."""

    tmux: Stage
    pane: str

    def see(self, text: str) -> None:
        """Wait until this is on its screen; lines that the terminal has wrapped are one."""
        until(lambda: text in self.screen(), self.screen)

    def screen(self) -> str:
        return self.tmux.tmux(SERVER, "capture-pane", "-p", "-J", "-t", self.pane)

    def panes(self) -> list[str]:
        """All panes there are."""
        told = self.tmux.tmux(SERVER, "list-panes", "-a", "-F", "#{pane_id}", check=False)
        return told.split()


@contextmanager
def agent_pane(tmux: Stage, socket: Path) -> Iterator[AgentPane]:
    """A program in a pane, and the hooks that tell the monitor of it as of a Claude Code."""
    pane = tmux.start(SERVER, "work", "sh", "-c", AGENT)
    tmux.wait_for(SERVER, pane, "ready")
    pid = int(tmux.tmux(SERVER, "display-message", "-p", "-t", pane, "#{pane_pid}"))
    peer = Peer(socket)
    try:
        peer.hello("hook-test")
        common = {"session_id": SESSION, "pid": pid, "cwd": str(tmux.folder), "tmux_pane": pane}
        for name, more in (
            ("SessionStart", {"source": "startup"}),
            ("UserPromptSubmit", {"prompt": "Sweep the yard"}),
            ("Stop", {"stop_hook_active": False}),
        ):
            peer.send("hook_event", data={**common, "hook_event_name": name, **more})
        yield AgentPane(tmux, pane)
    finally:
        peer.close()


def fake_claude(folder: Path) -> Path:
    """A folder for PATH in which `claude` is a program that tells how it was started."""
    made = folder / "bin"
    made.mkdir(exist_ok=True)
    program = made / "claude"
    program.write_text('#!/bin/sh\necho "claude $* in $PWD"\nexec sleep 600\n')
    program.chmod(0o755)
    return made
