"""`clawdforge top` before three live agents: Claude Code by hand, Claude and the demo driven."""

import time
from pathlib import Path

import pytest
from claude_terminal import ClaudeTerminal
from tui_terminal import SETTLED_SECS, Server, Terminal, environ_of, terminal

from clawdforge.client import Client
from clawdforge.testing.model_api import Always, CallTool, ModelApi, Say, Stall
from clawdforge.testing.model_api.script import ScriptItem

pytestmark = [pytest.mark.real_agent, pytest.mark.timeout(240)]

BY_HAND: list[ScriptItem] = [
    CallTool("Bash", {"command": "sleep 1; touch by-hand"}),
    Always(Stall(after_chars=16, of=Say("Once upon a time there was a long story."))),
]
DRIVEN: list[ScriptItem] = [
    CallTool("Bash", {"command": "touch driven", "description": "Make the file"}),
    Always(Say("I have made **driven**, as you wanted.")),
]


def test_three_agents_at_once(tmp_path: Path, claude_bin: Path) -> None:
    environ = environ_of(tmp_path)
    with ModelApi(BY_HAND) as one, ModelApi(DRIVEN) as other:
        server = Server(
            {**environ, **other.environment(), "CLAWDFORGE_CLAUDE_BIN": str(claude_bin)}
        )
        server.start()
        by_hand = ClaudeTerminal(tmp_path, environ, one, claude_bin, "by-hand")
        try:
            by_hand.install()
            by_hand.start()
            with terminal(environ, columns=140, lines=36) as screen:
                screen.command("clawdforge top --theme dark")
                screen.see("claude", "● live")
                with Client(environ=environ) as client:
                    look(screen, client, by_hand)
        finally:
            by_hand.close()
            server.stop()


def look(screen: Terminal, client: Client, by_hand: ClaudeTerminal) -> None:
    """See all three, answer the driven one, and read what it says."""
    demo = client.create_session(agent="demo")
    demo.start_turn("/stream 500 100")
    driven = client.create_session(agent="claude", permissions="ask")
    driven.start_turn("make the file")
    by_hand.say("make it by hand")
    screen.see("2 need you", "1 working", "make it by hand", "asks: Bash")
    screen.press("f")
    screen.type("agent:claude is:driven")
    screen.press("Enter")
    screen.see("wants to use Bash", "touch driven")
    time.sleep(SETTLED_SECS)
    screen.press("a")
    screen.see("allowed: Bash", "I have made")
    screen.press("Escape")
    screen.see("1 needs you", "make it by hand")
    # The one by hand is answered in its own terminal, and the dashboard sees it go on.
    by_hand.wait_for("Do you want to proceed")
    by_hand.press_until_gone("Enter")
    screen.until(lambda text: "needs you" not in text and "2 working" in text)
