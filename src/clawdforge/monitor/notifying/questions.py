"""What a session asks, whoever knows it: the desk for those of terminals, a gateway for its own."""

from typing import Any, Protocol

from clawdforge.core.observed.approval import ID_PREFIX
from clawdforge.core.observed.approval_answer import ApprovalAnswer
from clawdforge.core.observed.attention_values import Subject
from clawdforge.errors import NotFoundError
from clawdforge.monitor.approval_log import By
from clawdforge.monitor.approvals import ApprovalDesk

Row = dict[str, Any]


class GatewayQuestions(Protocol):
    """The questions of sessions that a gateway of this process drives."""

    async def question(self, session_id: str) -> Row | None:
        """What a session asks, as `GET /permissions` tells it; None: nothing."""
        ...

    async def answer(
        self, session_id: str, permission_id: str, answer: ApprovalAnswer, by: By
    ) -> None:
        """Answer it.

        Raises:
            ClawdforgeError: it cannot be answered so, or not any more.
        """
        ...


class Questions:
    """Both kinds.

    Args:
        desk: Of sessions that were started by hand.
        gateway: None: this process drives no sessions.
    """

    def __init__(self, desk: ApprovalDesk, gateway: GatewayQuestions | None) -> None:
        self._desk = desk
        self._gateway = gateway

    async def of(self, subject: Subject) -> Row | None:
        """What a session asks and may be answered from anywhere; None: nothing."""
        if subject.approval_id is not None:
            rows = self._desk.rows(approval_id=subject.approval_id)
            return rows[0] if rows else None
        if subject.source == "gateway" and self._gateway is not None:
            return await self._gateway.question(subject.session_id)
        return None

    def waits(self, question_id: str) -> bool | None:
        """Whether it waits for an answer; None: that has to be seen by its session's state."""
        if not question_id.startswith(ID_PREFIX):
            return None
        rows = self._desk.rows(approval_id=question_id)
        return bool(rows) and rows[0]["state"] == "pending"

    async def answer(
        self, session_id: str, question_id: str, answer: ApprovalAnswer, by: By
    ) -> None:
        """Answer one.

        Raises:
            ClawdforgeError: it cannot be answered so, or not any more.
        """
        if question_id.startswith(ID_PREFIX):
            await self._desk.answer(question_id, answer, by)
        elif self._gateway is not None:
            await self._gateway.answer(session_id, question_id, answer, by)
        else:
            msg = "the gateway that asked is gone"
            raise NotFoundError(msg)
