"""Hooks that ask, and a monitor to ask: what the tests of approvals share."""

import contextlib
import json
import os
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from atm_client import Daemon, Peer

from clawdforge.monitor.hooks.building import Form, build

Json = dict[str, Any]
PATIENCE_SECS = 20.0
VERSION = {"major": 1, "minor": 0}
BASH: Json = {"command": "touch /tmp/x", "description": "Make it"}
RULE: Json = {
    "type": "addRules",
    "rules": [{"toolName": "Bash", "ruleContent": "touch:*"}],
    "behavior": "allow",
    "destination": "localSettings",
}


def until(condition: Callable[[], Any]) -> Any:
    """What the condition says, once it says something."""
    deadline = time.monotonic() + PATIENCE_SECS
    while not (found := condition()):
        assert time.monotonic() < deadline
        time.sleep(0.01)
    return found


def built(folder: Path, form: Form = Form.NATIVE) -> Path:
    """The hook client, as `hooks install` makes it."""
    target = folder / form.value / "clawdforge-hook"
    build(target, {"PATH": os.environ["PATH"]}, form)
    return target


def asked(**more: Any) -> Json:
    """A payload of `PermissionRequest`."""
    return {
        "session_id": "s-1",
        "hook_event_name": "PermissionRequest",
        "cwd": "/work",
        "permission_mode": "default",
        "tool_name": "Bash",
        "tool_input": BASH,
        "permission_suggestions": [RULE],
    } | more


class Hook:
    """A hook that waits, run as Claude Code runs it."""

    def __init__(self, program: Path, env: dict[str, str], payload: Any, *options: str) -> None:
        self._process = subprocess.Popen(
            [program, "--approve", *options],
            env=env,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        data = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
        assert self._process.stdin is not None
        with contextlib.suppress(BrokenPipeError):  # it need not read
            self._process.stdin.write(data)
            self._process.stdin.flush()
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.close()
        self._process.stdin = None

    @property
    def waits(self) -> bool:
        return self._process.poll() is None

    def signal(self, number: int = signal.SIGTERM) -> None:
        self._process.send_signal(number)

    def end(self) -> bytes:
        """What it printed; it ended well, and said nothing else."""
        out, err = self._process.communicate(timeout=PATIENCE_SECS)
        assert (self._process.returncode, err) == (0, b"")
        return out

    def decision(self) -> Json:
        """What it decided."""
        told = json.loads(self.end())["hookSpecificOutput"]
        assert told["hookEventName"] == "PermissionRequest"
        found: Json = told["decision"]
        return found

    def hang_up(self) -> None:
        """Read nothing of it any more, as an agent that is gone."""
        assert self._process.stdout is not None
        self._process.stdout.close()

    def close(self) -> None:
        self._process.kill()
        self._process.communicate()


class Asking:
    """An agent whose hooks ask a monitor."""

    def __init__(self, folder: Path, path: Path, program: Path) -> None:
        self.folder = folder
        self.socket = path
        self.program = program
        self.hooks: list[Hook] = []
        self.agent = subprocess.Popen(["sleep", "600"])

    @property
    def environ(self) -> dict[str, str]:
        return {
            "PATH": os.environ["PATH"],
            "HOME": str(self.folder),
            "ATM_SOCKET": str(self.socket),
        }

    def env(self, **more: str) -> dict[str, str]:
        return {
            **self.environ,
            "CLAUDE_PID": str(self.agent.pid),
            "CLAUDE_CODE_ENTRYPOINT": "cli",
            "TMUX_PANE": "%5",
            **more,
        }

    def hook(self, payload: Any = None, *options: str, **env: str) -> Hook:
        """A hook that asks; it need not have been heard."""
        made = Hook(self.program, self.env(**env), payload or asked(), *options)
        self.hooks.append(made)
        return made

    def end_hooks(self) -> None:
        for hook in self.hooks:
            hook.close()
        self.hooks.clear()

    def close(self) -> None:
        self.end_hooks()
        self.agent.kill()
        self.agent.wait()


class Desk(Asking):
    """A daemon, hooks that ask it, and whoever answers."""

    def __init__(self, atmd: Daemon, program: Path) -> None:
        super().__init__(atmd.folder, atmd.socket, program)
        self.atmd = atmd
        self.me = atmd.peer()

    def ask(self, *options: str, **more: Any) -> tuple[Hook, Json]:
        """A hook that asks, and what the monitor tells of it."""
        known = {row["permission_id"] for row in self.rows()}
        made = self.hook(asked(**more), *options)
        return made, until(
            lambda: next((row for row in self.rows() if row["permission_id"] not in known), None)
        )

    def rows(self, **fields: Any) -> list[Json]:
        self.me.send("list_approvals", **fields)
        found: list[Json] = self.me.read_type("approval_list")["approvals"]
        return found

    def row(self, row: Json) -> Json:
        """How it stands now."""
        [found] = self.rows(approval_id=row["permission_id"])
        return found

    def settled(self, row: Json) -> Json:
        """It, once it waits no more."""
        found: Json = until(lambda: one if (one := self.row(row))["state"] != "pending" else None)
        return found

    def answer(self, row: Json, peer: Peer | None = None, **answer: Any) -> Json:
        """Answer it; the reply."""
        by = peer or self.me
        by.send("answer_approval", approval_id=row["permission_id"], answer=answer)
        return by.read()

    def event(self, event: str, **more: Any) -> None:
        data = {"session_id": "s-1", "hook_event_name": event, "pid": self.agent.pid, **more}
        self.me.send("hook_event", data=data)
        assert self.me.silent()

    def record(self, status: str | None, **more: Any) -> None:
        """Write the agent's record, as Claude Code does."""
        folder = self.atmd.folder / ".claude" / "sessions"
        folder.mkdir(parents=True, exist_ok=True)
        told = {
            "pid": self.agent.pid,
            "sessionId": "s-1",
            "cwd": "/work",
            "kind": "interactive",
            "status": status,
            "statusUpdatedAt": time.time() * 1000,
            **more,
        }
        (folder / f"{self.agent.pid}.json").write_text(json.dumps(told))

    def view(self) -> Json:
        return self.me.sessions()["s-1"]

    def audit(self, count: int = 1) -> list[Json]:
        """What was written down, once there are so many lines: it is written behind the answer."""
        path = self.atmd.state / "approvals.jsonl"
        until(lambda: path.exists() and path.read_text().count("\n") >= count)
        return [json.loads(line) for line in path.read_text().splitlines()]
