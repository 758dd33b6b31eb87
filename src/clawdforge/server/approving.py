"""Approvals of sessions that were started by hand, whoever runs the monitor."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from clawdforge.core.observed.approval_answer import ApprovalAnswer
from clawdforge.errors import BusyError
from clawdforge.gateway.caller import Caller
from clawdforge.monitor.approval_asking import RETRY_SECS, approvals_of, give_answer
from clawdforge.monitor.approval_log import By
from clawdforge.monitor.approvals import ApprovalDesk
from clawdforge.wire import atm


class PictureApprovals:
    """Asks our own desk, else that of the monitor that we follow.

    Args:
        desk: Ours; None while somebody else runs the monitor.
        elsewhere: The socket of the one that we follow; None while there is none.
    """

    def __init__(
        self, desk: Callable[[], ApprovalDesk | None], elsewhere: Callable[[], Path | None]
    ) -> None:
        self._desk = desk
        self._elsewhere = elsewhere

    async def rows(self, *, every: bool = False, approval_id: str | None = None) -> list[Any]:
        """Approvals as they are told, the newest first; see `ApprovalDesk.rows`.

        Raises:
            BusyError: there is no monitor now (`no_monitor`).
        """
        desk = self._desk()
        if desk is not None:
            return list(desk.rows(every=every, approval_id=approval_id))
        return await approvals_of(self._path(), every=every, approval_id=approval_id)

    async def answer(self, approval_id: str, answer: ApprovalAnswer, who: Caller) -> Any:
        """Answer one, for a caller; it as it is told. See `ApprovalDesk.answer`.

        Raises:
            ClawdforgeError: as there; also `BusyError` (`no_monitor`).
        """
        desk = self._desk()
        if desk is None:
            behalf = atm.OnBehalf(actor=who.actor, peer=who.peer, request_id=who.request_id)
            return await give_answer(self._path(), approval_id, answer, behalf)
        by = By(name=who.actor, peer=who.peer, request_id=who.request_id)
        return await desk.answer(approval_id, answer, by)

    def _path(self) -> Path:
        path = self._elsewhere()
        if path is None:
            msg = "there is no monitor now"
            raise BusyError(msg, code="no_monitor", retry_after_secs=RETRY_SECS)
        return path
