"""Who answered what, and from where: one JSON object a line, in a file of ours alone (0600)."""

import asyncio
import logging
import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import msgspec

from clawdforge.core.observed.approval_table import Approval
from clawdforge.core.observed.formats import format_time

log = logging.getLogger(__name__)

MAX_BYTES = 5 * 1024 * 1024
KEPT_FILES = 3
MAX_WHAT_CHARS = 300


@dataclass(frozen=True, slots=True, kw_only=True)
class By:
    """Who answers."""

    name: str
    """For people: `user:ana`, `app:web`, `admin`, `webhook:phone`."""
    pid: int | None = None
    """The process that asked us to, where it came over the socket."""
    uid: int | None = None
    parents: tuple[int, ...] = ()
    peer: str | None = None
    """The address it came from, over HTTP."""
    request_id: str | None = None


class ApprovalLog:
    """Appends to the file, in a thread of its own, and begins it anew before it grows large.

    Args:
        path: The file; its folder is made.
    """

    def __init__(self, path: Path, *, max_bytes: int = MAX_BYTES) -> None:
        self._path = path
        self._max_bytes = max_bytes
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="approval-log")

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        # What was written is there before the monitor is gone.
        loop = asyncio.get_running_loop()
        await loop.run_in_executor(self._thread, lambda: None)
        self._thread.shutdown(wait=False)

    def write(self, entry: dict[str, Any]) -> None:
        """Append an entry, soon."""
        self._thread.submit(self._append, msgspec.json.encode(entry) + b"\n")

    # In the thread

    def _append(self, line: bytes) -> None:
        try:
            self._path.parent.mkdir(parents=True, mode=0o700, exist_ok=True)
            flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
            number = os.open(self._path, flags, 0o600)
            with os.fdopen(number, "ab", buffering=0) as file:
                size = os.fstat(number).st_size
                if not size or size + len(line) <= self._max_bytes:
                    file.write(line)
                    return
            self._begin_anew()
            self._append(line)
        except OSError as error:
            log.warning("an approval is not in the log", extra={"reason": str(error)})

    def _begin_anew(self) -> None:
        for number in range(KEPT_FILES - 1, 0, -1):
            older = self._numbered(number)
            if older.exists():
                older.replace(self._numbered(number + 1))
        self._path.replace(self._numbered(1))

    def _numbered(self, number: int) -> Path:
        return self._path.with_name(f"{self._path.name}.{number}")


def entry_of(approval: Approval, by: By | None) -> dict[str, Any]:
    """An approval in the audit: how it was settled, by whom, from where."""
    request, answer = approval.request, approval.answer or {}
    entry = {
        "at": None if approval.answered_at is None else format_time(approval.answered_at),
        "approval_id": approval.approval_id,
        "state": approval.state,
        "reason": approval.reason,
        "asked_at": format_time(approval.asked_at),
        "session_id": approval.session_id,
        "agent_pid": approval.pid,
        "subagent": request.agent_id,
        "cwd": request.cwd,
        "tool": request.tool_name,
        "what": approval.described.text[:MAX_WHAT_CHARS],
        "cut": request.cut or None,
        "scope": answer.get("scope"),
        "mode": answer.get("mode"),
    }
    if by is not None:
        entry |= {"by": by.name, "pid": by.pid, "uid": by.uid, "peer": by.peer}
        entry["request_id"] = by.request_id
    return {key: value for key, value in entry.items() if value is not None}
