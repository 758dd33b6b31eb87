"""Three live agents before the dashboard: Claude Code by hand, Claude and the demo driven.

    python tests/e2e/agents_desk.py      # draws the pictures of docs/images anew

One tmux server has everything that a person has open; the model is scripted.
"""

import importlib.util
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from claude_terminal import DIALOG, Pane, Tmux, claude_in, introduce
from terminal_picture import picture
from tui_terminal import Server, environ_of

from clawdforge.client import Client
from clawdforge.testing.model_api import Always, CallTool, ModelApi, Say, Stall
from clawdforge.testing.model_api.script import ScriptItem

IMAGES = Path(__file__).parents[2] / "docs" / "images"
BY_HAND: list[ScriptItem] = [
    CallTool("Bash", {"command": "touch by-hand", "description": "Make the file"}),
    Always(Stall(after_chars=16, of=Say("Once upon a time there was a long story."))),
]
DRIVEN: list[ScriptItem] = [
    CallTool("Bash", {"command": "touch driven", "description": "Make the file"}),
    Always(Say("I have made **driven**, as you wanted:\n\n- one file\n- nothing else")),
]
SETTLED_SECS = 0.6
"""So long a question stands on the screen before it may be answered."""


@dataclass
class Desk:
    """What a person has open."""

    environ: dict[str, str]
    tmux: Tmux
    work: Path
    by_hand: Pane
    client: Client

    def ask_all(self) -> None:
        """Give all three something to do: two of them ask whether they may."""
        self.client.create_session(agent="demo").start_turn("/stream 500 100")
        driven = self.client.create_session(agent="claude", permissions="ask")
        driven.start_turn("make the file")
        self.by_hand.say("make it by hand")
        self.by_hand.see(DIALOG)

    @contextmanager
    def dashboard(self, *options: str, columns: int = 140, lines: int = 36) -> Iterator[Pane]:
        """`clawdforge top` in a window of its own."""
        command = ("clawdforge", "top", "--theme", "dark", *options)
        pane = self.tmux.open(self.work, *command, columns=columns, lines=lines)
        try:
            yield pane
        finally:
            self.tmux.run("kill-pane", "-t", pane.pane_id, check=False)


@contextmanager
def desk(folder: Path, claude: Path) -> Iterator[Desk]:
    """A desk where a server runs, and Claude Code waits for a prompt."""
    work = folder / "shop"
    work.mkdir()
    environ = environ_of(folder) | {
        "COLORTERM": "truecolor",
        "TERM": "xterm-256color",
        "CLAWDFORGE_CLAUDE_BIN": str(claude),
    }
    with ExitStack() as stack:
        one = stack.enter_context(ModelApi(BY_HAND))
        other = stack.enter_context(ModelApi(DRIVEN))
        server = Server({**environ, **other.environment()})
        stack.callback(server.stop)
        server.start()
        introduce(folder, work, one)
        environ |= one.environment()
        hooks = [sys.executable, "-m", "clawdforge", "hooks", "install", "--approvals"]
        subprocess.run(hooks, env=environ, check=True, capture_output=True)
        tmux = Tmux(environ, "desk")
        stack.callback(tmux.close)
        by_hand = claude_in(tmux, claude, work)
        client = stack.enter_context(Client(environ=environ))
        yield Desk(environ, tmux, work, by_hand, client)


SIZES = {"agents": (160, 45), "agents-80x24": (80, 24), "agents-sidebar": (30, 40)}


def draw(desk: Desk, folder: Path) -> None:
    """The pictures, in a folder."""
    desk.ask_all()
    for name, (columns, lines) in SIZES.items():
        options = ("--compact",) if columns < 40 else ()
        with desk.dashboard(*options, columns=columns, lines=lines) as screen:
            screen.see("needs you", "make it by")
            for key in ("/", "b", "y", "Space", "h", "Enter", "Escape"):
                screen.press(key)  # to the one by hand
            screen.see("touch by-hand")
            if columns > 100:
                screen.see(DIALOG)
            time.sleep(1.5)
            shown = desk.tmux.run("capture-pane", "-p", "-e", "-N", "-t", screen.pane_id)
            (folder / f"dashboard-{name}.svg").write_text(picture(shown, columns, "clawdforge top"))


def main() -> None:
    """Draw them."""
    spec = importlib.util.find_spec("claude_agent_sdk")
    assert spec is not None
    assert spec.origin is not None
    claude = Path(spec.origin).parent / "_bundled" / "claude"
    with (
        tempfile.TemporaryDirectory(prefix="desk-") as folder,
        desk(Path(folder), claude) as made,
    ):
        draw(made, Path(sys.argv[1]) if len(sys.argv) > 1 else IMAGES)


if __name__ == "__main__":
    main()
