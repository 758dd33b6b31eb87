"""The real `claude` in a real tmux, with our hooks and approvals, as a person has it."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from clawdforge.testing.model_api import ModelApi

PATIENCE_SECS = 40.0
PROMPT = "\N{HEAVY RIGHT-POINTING ANGLE QUOTATION MARK ORNAMENT}"
DIALOG = "Do you want to proceed"


class ClaudeTerminal:
    """One pane of a tmux server of its own.

    Args:
        folder: The home of everything: settings, work, sockets.
        env: The environment of whoever starts it.
        name: Of the tmux server.
    """

    def __init__(
        self, folder: Path, env: dict[str, str], api: ModelApi, claude: Path, name: str
    ) -> None:
        self.work = folder / "work"
        self.work.mkdir(exist_ok=True)
        self.data = folder / "data"
        self._claude = claude
        self._name = name
        model = api.environment()
        self.env = {
            **env,
            **model,
            "PATH": os.environ["PATH"],
            "TERM": "xterm-256color",
            "LANG": "C.UTF-8",
        }
        key = model["ANTHROPIC_API_KEY"][-20:]
        known = {
            "hasCompletedOnboarding": True,
            "theme": "dark",
            "customApiKeyResponses": {"approved": [key], "rejected": []},
            "projects": {str(self.work): {"hasTrustDialogAccepted": True}},
        }
        (folder / ".claude.json").write_text(json.dumps(known))

    def command(self, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run `clawdforge`, as the person at this terminal would."""
        program = [sys.executable, "-m", "clawdforge"]
        return subprocess.run(
            [*program, *arguments], env=self.env, capture_output=True, text=True, check=check
        )

    def install(self, *options: str) -> None:
        self.command("hooks", "install", *options, "--data-dir", str(self.data))

    def start(self, options: Sequence[str] = ("--permission-mode", "default")) -> None:
        """Start Claude Code, and wait until it takes a prompt."""
        size = ("-x", "120", "-y", "40")
        self.tmux("new-session", "-d", *size, "-c", str(self.work), str(self._claude), *options)
        self.wait_for(PROMPT)

    def tmux(self, *arguments: str, check: bool = True) -> str:
        done = subprocess.run(
            ["tmux", "-L", self._name, "-f", "/dev/null", *arguments],
            env=self.env,
            capture_output=True,
            text=True,
            check=check,
        )
        return done.stdout

    def say(self, text: str) -> None:
        """Give a prompt."""
        self.tmux("send-keys", "-l", text)
        self.wait_for(text)
        self.tmux("send-keys", "Enter")

    def press(self, key: str) -> None:
        self.tmux("send-keys", key)

    def press_until_gone(self, key: str, text: str = DIALOG) -> None:
        """Press a key until a dialog is gone: the first ones may come too early for it."""
        deadline = time.monotonic() + PATIENCE_SECS
        while text in self.screen:
            assert time.monotonic() < deadline, self.screen
            self.press(key)
            wait = time.monotonic() + 0.5
            while text in self.screen and time.monotonic() < wait:
                time.sleep(0.02)

    @property
    def screen(self) -> str:
        return self.tmux("capture-pane", "-p")

    def wait_for(self, text: str) -> None:
        deadline = time.monotonic() + PATIENCE_SECS
        while text not in self.screen:
            assert time.monotonic() < deadline, self.screen
            time.sleep(0.02)

    def wait_without(self, text: str) -> None:
        deadline = time.monotonic() + PATIENCE_SECS
        while text in self.screen:
            assert time.monotonic() < deadline, self.screen
            time.sleep(0.02)

    def close(self) -> None:
        self.tmux("kill-server", check=False)
