"""The approvals that were settled lately: they are still shown, and say why it is too late."""

from collections import deque
from collections.abc import Iterator

from clawdforge.core.observed.approval_table import Approval
from clawdforge.errors import ConflictError

MAX_SETTLED = 200
MAX_SETTLED_BYTES = 8 * 1024 * 1024
_WHY_OVER: dict[str, str] = {
    "terminal": "it was answered in its terminal",
    "timeout": "nobody answered in time: only its terminal can now",
    "hidden": "a subagent asks it, and only its terminal can answer",
    "ended": "its session has ended",
    "lost": "it waits no more: only its terminal can answer",
}


class Settled:
    """The newest of them, within bounds."""

    def __init__(self) -> None:
        self._kept: deque[Approval] = deque()
        self._bytes = 0

    def __iter__(self) -> Iterator[Approval]:
        return iter(self._kept)

    def get(self, approval_id: str) -> Approval | None:
        """The one of that id, if it is still known."""
        return next((one for one in self._kept if one.approval_id == approval_id), None)

    def keep(self, approval: Approval) -> None:
        """One was settled; the oldest are forgotten for it."""
        self._kept.append(approval)
        self._bytes += size_of(approval)
        while len(self._kept) > MAX_SETTLED or self._bytes > MAX_SETTLED_BYTES:
            self._bytes -= size_of(self._kept.popleft())


def size_of(approval: Approval) -> int:
    """How many bytes what was asked takes, more or less."""
    return len(bytes(approval.request.tool_input))


def too_late(approval: Approval) -> ConflictError:
    """Why it cannot be answered any more (`already_answered`)."""
    if approval.answered_by is not None:
        how = f"it was {approval.state} already, by {approval.answered_by}"
    else:
        how = _WHY_OVER.get(approval.reason or "lost", _WHY_OVER["lost"])
    return ConflictError(how, code="already_answered")
