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
    home = _home(env)
    if home is None:
        return
    with contextlib.suppress(OSError):
        for folder in (home / "projects").iterdir():
            with contextlib.suppress(OSError):
                (folder / f"{name}.jsonl").unlink(missing_ok=True)
            shutil.rmtree(folder / name, ignore_errors=True)


def _home(env: Mapping[str, str]) -> Path | None:
    if env.get("CLAUDE_CONFIG_DIR"):
        return Path(env["CLAUDE_CONFIG_DIR"])
    return Path(env["HOME"]) / ".claude" if env.get("HOME") else None
