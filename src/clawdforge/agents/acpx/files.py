"""What acpx keeps on disk under HOME: the few files that a driver must know of. Blocking.

Seen in acpx 0.19.1: `~/.acpx/sessions/RECORD.json` and `RECORD.stream.ndjson` hold the session,
`RECORD.stream.lock` says who runs a turn of it, `~/.acpx/queues/KEY.lock` who owns it; each lock
may have a `.guard` beside it. The owner's socket is in `/tmp`, whatever TMPDIR says.
"""

import contextlib
import hashlib
import json
import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from clawdforge.agents.acpx.script import is_name, lease_key

PRIVATE = 0o600


def write_private(path: Path, text: str) -> None:
    """A file that only we may read."""
    path.touch(mode=PRIVATE, exist_ok=False)
    path.write_text(text, encoding="utf-8", errors="replace")


def version_of(program: str) -> str | None:
    """The version, if it is installed as npm does it; asking it would take a quarter second."""
    found = shutil.which(program)
    if found is None:
        return None
    package = Path(found).resolve().parent.parent / "package.json"
    match _json_of(package):
        case {"name": "acpx", "version": str(version)}:
            return version
    return None


def remove_locks(env: Mapping[str, str], record: str) -> None:
    """Remove what processes of an earlier conversation held when they were killed.

    acpx cannot tell whether a process of another PID namespace still lives, and so would refuse
    the session, or wait for ever. We can: the conversation is ours alone.
    """
    acpx = _home(env) / ".acpx"
    _remove(acpx.glob(f"queues/{lease_key(record)}.lock*"))
    _remove(acpx.glob(f"sessions/{record}.stream.lock*"))
    _remove([socket_folder(_home(env)) / f"{lease_key(record)}.sock"])


def socket_folder(home: Path) -> Path:
    """Where the queue owners of that home have their sockets."""
    name = hashlib.sha256(str(home).encode()).hexdigest()[:10]
    return Path("/tmp") / f"acpx-{name}"  # noqa: S108 - acpx's choice


def forget_session(env: Mapping[str, str], record: str) -> None:
    """Remove what acpx knows of a session, and Claude's transcript of it.

    Not by `acpx sessions prune`: that removes everybody's closed sessions.
    """
    sessions = _home(env) / ".acpx" / "sessions"
    agent_id = _agent_id(sessions / f"{record}.json")
    remove_locks(env, record)
    _remove(sessions.glob(f"{record}.*"))
    if agent_id is not None:
        claude = Path(env.get("CLAUDE_CONFIG_DIR") or _home(env) / ".claude")
        _remove(claude.glob(f"projects/*/{agent_id}.jsonl"))


def _home(env: Mapping[str, str]) -> Path:
    return Path(env.get("HOME", "/"))


def _remove(paths: Iterable[Path]) -> None:
    with contextlib.suppress(OSError):
        for path in list(paths):
            path.unlink(missing_ok=True)


def _agent_id(record: Path) -> str | None:
    match _json_of(record):
        case {"acp_session_id": str(found)} if is_name(found):
            return found
    return None


def _json_of(path: Path) -> Any:
    try:
        return json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError):
        return None
