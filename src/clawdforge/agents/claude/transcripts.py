"""What Claude Code keeps of a conversation in its home, and how it is removed."""

import contextlib
import shutil
import uuid
from collections.abc import Mapping
from pathlib import Path


def remove(session_id: str, env: Mapping[str, str]) -> None:
    """Remove a conversation's transcripts, its subagents' included. Never fails.

    Args:
        session_id: Claude Code's id of it; anything but a UUID names none.
        env: The environment that it ran in, which says where its home is.
    """
    try:
        name = str(uuid.UUID(session_id))
    except ValueError:
        return
    folder = home(env)
    if folder is None:
        return
    with contextlib.suppress(OSError):
        for project in (folder / "projects").iterdir():
            with contextlib.suppress(OSError):
                (project / f"{name}.jsonl").unlink(missing_ok=True)
            shutil.rmtree(project / name, ignore_errors=True)


def home(env: Mapping[str, str]) -> Path | None:
    """Where Claude Code keeps everything, in that environment; None: nowhere."""
    if env.get("CLAUDE_CONFIG_DIR"):
        return Path(env["CLAUDE_CONFIG_DIR"])
    return Path(env["HOME"]) / ".claude" if env.get("HOME") else None
