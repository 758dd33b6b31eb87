"""The real `claude` in a real tmux, with our hooks and approvals, as a person has it."""

import json
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from clawdforge.testing.model_api import CallTool, ModelApi, Say
from clawdforge.testing.model_api.request import Request

PATIENCE_SECS = 40.0
PROMPT = "\N{HEAVY RIGHT-POINTING ANGLE QUOTATION MARK ORNAMENT}"
DIALOG = "Do you want to proceed"
QUESTION = "Which colour"
COLOURS = ("Red", "Blue")
COMMANDS = ("touch", "curl")
"""Claude Code asks before both; of the second it can be told never to ask again."""
AGAIN_SECS = 0.6
"""A key that was not taken is pressed again: the first ones may come too early."""


def model(request: Request) -> CallTool | Say:
    """A model that does what the prompt says, and tells the result."""
    if any(result.name == "EnterPlanMode" for result in request.tool_results):
        return CallTool("ExitPlanMode", {})
    if request.tool_results and not request.messages[-1].is_prompt:
        return Say(f"It said: {request.tool_results[-1].text}")
    said = request.prompt.splitlines()[-1]  # before it: that the one before was interrupted
    verb, _, rest = said.partition(" ")
    if verb in COMMANDS:
        return CallTool("Bash", {"command": said, "description": "Do it"})
    if verb == "ask":
        options = [{"label": label, "description": f"It is {label}"} for label in COLOURS]
        asked: dict[str, Any] = {"question": f"{QUESTION} {rest}?", "header": "Colour"}
        return CallTool(
            "AskUserQuestion", {"questions": [asked | {"options": options, "multiSelect": False}]}
        )
    if verb == "plan":
        return CallTool("EnterPlanMode", {})
    return Say("Say `touch FILE`, `curl URL`, `ask NAME` or `plan it`.")


class Tmux:
    """A tmux server of its own.

    Args:
        env: The environment of everything in it; also names the folder of its socket.
        name: Of the server.
    """

    def __init__(self, env: Mapping[str, str], name: str) -> None:
        self._env = dict(env)
        self._name = name
        self._is_up = False

    def run(self, *arguments: str, check: bool = True) -> str:
        done = subprocess.run(
            ["tmux", "-L", self._name, "-f", "/dev/null", *arguments],
            env=self._env,
            capture_output=True,
            text=True,
            check=check,
        )
        return done.stdout

    def open(self, folder: Path, *command: str, columns: int = 120, lines: int = 40) -> "Pane":
        """Start a command in a pane of its own."""
        size = ("-x", str(columns), "-y", str(lines))
        found = self.run(
            "new-session", "-d", "-P", "-F", "#{pane_id}", *size, "-c", str(folder), *command
        )
        return Pane(self, found.strip())

    def close(self) -> None:
        self.run("kill-server", check=False)


class Pane:
    """What a person sees and types."""

    def __init__(self, tmux: Tmux, pane_id: str) -> None:
        self._tmux = tmux
        self.pane_id = pane_id

    @property
    def screen(self) -> str:
        return self._tmux.run("capture-pane", "-p", "-t", self.pane_id)

    def press(self, *keys: str) -> None:
        self._tmux.run("send-keys", "-t", self.pane_id, *keys)

    def type(self, text: str) -> None:
        self._tmux.run("send-keys", "-t", self.pane_id, "-l", text)

    def say(self, text: str) -> None:
        """Give a prompt."""
        self.type(text)
        self.see(text)
        self.press("Enter")

    def until(self, holds: Callable[[str], bool]) -> None:
        """Wait until the screen is so."""
        deadline = time.monotonic() + PATIENCE_SECS
        while not holds(screen := self.screen):
            assert time.monotonic() < deadline, screen
            time.sleep(0.02)

    def see(self, *texts: str) -> None:
        """Wait until all of these are on the screen."""
        self.until(lambda screen: all(text in screen for text in texts))

    def see_no_more(self, text: str) -> None:
        self.until(lambda screen: text not in screen)

    def press_until(self, key: str, holds: Callable[[str], bool]) -> None:
        """Press a key until the screen is so."""
        deadline = time.monotonic() + PATIENCE_SECS
        while not holds(screen := self.screen):
            assert time.monotonic() < deadline, screen
            self.press(key)
            again = time.monotonic() + AGAIN_SECS
            while not holds(self.screen) and time.monotonic() < again:
                time.sleep(0.02)


def allow(pane: Pane) -> None:
    """Say yes to the dialog. It takes no Enter at first, lest it was typed for something else."""
    pane.press_until("Enter", lambda screen: DIALOG not in screen)


def refuse(pane: Pane) -> None:
    """Say no to the dialog. A second Escape would open another."""
    pane.press("Escape")
    pane.see_no_more(DIALOG)


def introduce(folder: Path, work: Path, api: ModelApi) -> None:
    """Have Claude Code know its user, whose home `folder` is, and trust the folder `work`."""
    key = api.environment()["ANTHROPIC_API_KEY"][-20:]
    known = {
        "hasCompletedOnboarding": True,
        "theme": "dark",
        "customApiKeyResponses": {"approved": [key], "rejected": []},
        "projects": {str(work): {"hasTrustDialogAccepted": True}},
    }
    (folder / ".claude.json").write_text(json.dumps(known))


def claude_in(tmux: Tmux, claude: Path, work: Path, options: Sequence[str] = ()) -> Pane:
    """Start Claude Code, and wait until it takes a prompt."""
    mode = options or ("--permission-mode", "default")
    pane = tmux.open(work, str(claude), *mode)
    pane.see(PROMPT)
    return pane
