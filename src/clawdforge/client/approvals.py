"""What sessions ask that were started by hand, and the answers: over the monitor's socket.

    for one in waiting_approvals():
        print(one.permission_id, one.text)
    give_answer(one.permission_id, allow=False, message="Use the staging database.")

`list_approvals` and `answer_approval` are the same for asyncio. Whoever may connect to the socket
may answer: the user of the monitor. Who answers first wins; the terminal's own dialog counts, too.
"""

import asyncio
from pathlib import Path
from typing import Any, Literal

import msgspec

from clawdforge.client.approval_calls import answer_of
from clawdforge.client.errors import (
    ApiError,
    AuthError,
    ConflictError,
    NotFoundError,
    ProtocolError,
)
from clawdforge.client.monitor import MonitorRefusedError, ask_monitor
from clawdforge.wire import atm
from clawdforge.wire.forge_approvals import ID_PREFIX, ApprovalInfo

__all__ = [
    "ID_PREFIX",
    "ApprovalInfo",
    "answer_approval",
    "give_answer",
    "list_approvals",
    "waiting_approvals",
]

_STRANGE = "the monitor's answer makes no sense"
_ERRORS: dict[str, tuple[type[ApiError], int]] = {
    "not_found": (NotFoundError, 404),
    "already_answered": (ConflictError, 409),
    "own_question": (AuthError, 403),
}


async def list_approvals(
    path: Path | None = None, *, every: bool = False
) -> tuple[ApprovalInfo, ...]:
    """See `waiting_approvals`."""
    return await asyncio.to_thread(waiting_approvals, path, every=every)


async def answer_approval(
    approval_id: str,
    *,
    allow: bool,
    scope: Literal["once", "always"] = "once",
    option_id: str | None = None,
    message: str | None = None,
    args: dict[str, Any] | None = None,
    answers: dict[str, str] | None = None,
    mode: str | None = None,
    interrupt: bool = False,
    path: Path | None = None,
) -> ApprovalInfo:
    """See `give_answer`."""
    return await asyncio.to_thread(
        give_answer,
        approval_id,
        allow=allow,
        scope=scope,
        option_id=option_id,
        message=message,
        args=args,
        answers=answers,
        mode=mode,
        interrupt=interrupt,
        path=path,
    )


def waiting_approvals(path: Path | None = None, *, every: bool = False) -> tuple[ApprovalInfo, ...]:
    """What can be answered now, the newest first.

    Args:
        path: The monitor's socket; None: see `monitor_path`.
        every: Also what was settled lately.

    Raises:
        TransportError: no monitor runs, or it does not answer.
        ProtocolError: it does not know approvals.
    """
    request = atm.encode_request("list_approvals", state="all" if every else "pending")
    reply = ask_monitor(request, path)
    if not isinstance(reply, atm.ApprovalList):
        raise ProtocolError(_STRANGE)
    try:
        return msgspec.convert(reply.approvals, tuple[ApprovalInfo, ...])
    except msgspec.ValidationError:
        raise ProtocolError(_STRANGE) from None


def give_answer(
    approval_id: str,
    *,
    allow: bool,
    scope: Literal["once", "always"] = "once",
    option_id: str | None = None,
    message: str | None = None,
    args: dict[str, Any] | None = None,
    answers: dict[str, str] | None = None,
    mode: str | None = None,
    interrupt: bool = False,
    path: Path | None = None,
) -> ApprovalInfo:
    """Answer one; it, once the agent has been told.

    Args:
        approval_id: Which.
        allow: Whether it may do that.
        scope: `always`: also what its `always` says.
        option_id: One of those that were offered.
        message: With a no: told to the agent.
        args: To a question: its whole input, with `answers` in it.
        answers: To a question: by its text, what is chosen or said.
        mode: With a yes: what the session is switched to.
        interrupt: With a no: the turn ends.
        path: The monitor's socket; None: see `monitor_path`.

    Raises:
        ConflictError: it has its answer, perhaps in its terminal (`already_answered`).
        NotFoundError: there is none of that id.
        ApiError: the answer does not fit; `code` says why.
        RequestError: it is no answer; nothing was sent.
        TransportError: no monitor runs, or it does not answer.
    """
    answer = answer_of(
        allow=allow,
        scope=scope,
        option_id=option_id,
        message=message,
        args=args,
        answers=answers,
        mode=mode,
        interrupt=interrupt or None,
    )
    request = atm.encode_request(
        "answer_approval", approval_id=approval_id, answer=msgspec.Raw(answer)
    )
    try:
        reply = ask_monitor(request, path)
    except MonitorRefusedError as error:
        kind, status = _ERRORS.get(error.code, (ApiError, 422))
        raise kind(error.why, status=status, code=error.code) from None
    if not isinstance(reply, atm.ApprovalAnswered):
        raise ProtocolError(_STRANGE)
    try:
        return msgspec.convert(reply.approval, ApprovalInfo)
    except msgspec.ValidationError:
        raise ProtocolError(_STRANGE) from None
