"""`clawdforge top` before three live agents, in a real tmux: Claude Code by hand, Claude and the
demo driven. What a person does in a morning with them.
"""

import time
from pathlib import Path

import pytest
from agents_desk import SETTLED_SECS, Desk, desk
from claude_terminal import DIALOG, Pane

pytestmark = [pytest.mark.real_agent, pytest.mark.timeout(240)]


def test_a_morning_with_three_agents(tmp_path: Path, claude_bin: Path) -> None:
    with desk(tmp_path, claude_bin) as made, made.dashboard() as screen:
        screen.see("claude", "live")
        made.ask_all()
        screen.see("3 sessions", "2 need you", "1 working", "make it by hand", "asks: Bash")
        _driven(screen, made)
        _by_hand(screen, made)
        _demo(screen)


def _driven(screen: Pane, made: Desk) -> None:
    """What a driven one asks is allowed; its transcript is shown."""
    _choose(screen, "agent:claude is:driven")
    screen.see("wants to use Bash", "touch driven")
    time.sleep(SETTLED_SECS)
    screen.press("a")
    screen.see("allowed: Bash", "I have made", "turn 1")
    _show_all(screen)
    assert made.by_hand.screen.count(DIALOG) == 1  # its own question stands


def _by_hand(screen: Pane, made: Desk) -> None:
    """One in a pane: seen as it looks, allowed, interrupted, spoken to, ended."""
    _choose(screen, "is:hand")
    screen.see("1 needs you", "touch by-hand", DIALOG, "jump")
    time.sleep(SETTLED_SECS)
    screen.press("a")
    screen.see("allowed: Bash", "2 working", "esc to interrupt")
    assert (made.work / "by-hand").exists()
    made.by_hand.see_no_more(DIALOG)
    screen.press("I")
    screen.see("interrupted %0", "interrupted  for")
    screen.press("i")
    screen.see("say")
    screen.type("it's a \"quoted\" 'Enter' & go")
    screen.press("Enter")
    made.by_hand.see("it's a \"quoted\" 'Enter' & go")
    screen.see("said in %0", "2 working")
    screen.press("x")
    screen.see("End this session?", "Its pane is closed")
    screen.press("n")
    screen.see_no_more("End this session?")
    screen.press("x")
    screen.see("End this session?")
    screen.press("y")
    screen.see("killed %0", "Nothing fits.", "2 sessions")
    _show_all(screen)


def _demo(screen: Pane) -> None:
    """The demo is at work all the time, until it is interrupted."""
    _choose(screen, "agent:demo")
    screen.see("1 working", "interrupt", "turn 1")
    screen.press("I")
    screen.see("cancelled")
    screen.see_no_more("1 working")


def _choose(screen: Pane, words: str) -> None:
    """Show only what fits."""
    screen.press("f")
    screen.see("only")
    screen.type(words)
    screen.press("Enter")
    screen.see(f"only {words}")


def _show_all(screen: Pane) -> None:
    """Drop the filter. A key too soon after Escape is another one, to terminals."""
    screen.press("Escape")
    screen.see_no_more("only ")
