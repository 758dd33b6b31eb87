"""The approvals of a monitor that runs elsewhere on this machine, over its socket."""

import asyncio
from pathlib import Path

from clawdforge.core.observed.approval_answer import ApprovalAnswer
from clawdforge.errors import (
    BusyError,
    ClawdforgeError,
    ConflictError,
    ForbiddenError,
    InputError,
    NotFoundError,
)
from clawdforge.wire import atm

ASK_SECS = 10.0
RETRY_SECS = 2
MAX_REPLY_BYTES = 256 * 1024 * 1024
_ERRORS: dict[str, type[ClawdforgeError]] = {
    "already_answered": ConflictError,
    "not_found": NotFoundError,
    "own_question": ForbiddenError,
}


async def approvals_of(
    path: Path, *, every: bool = False, approval_id: str | None = None
) -> list[object]:
    """Approvals, the newest first; see `ApprovalDesk.rows`.

    Raises:
        BusyError: there is no monitor there, or none that knows approvals (`no_monitor`).
    """
    state = "all" if every else "pending"
    request = atm.encode_request("list_approvals", state=state, approval_id=approval_id)
    reply = await _ask(path, request)
    if not isinstance(reply, atm.ApprovalList):
        raise _no_monitor("it does not know approvals")
    return reply.approvals


async def give_answer(
    path: Path, approval_id: str, answer: ApprovalAnswer, on_behalf: atm.OnBehalf
) -> object:
    """Answer an approval for somebody; it as it is told. See `ApprovalDesk.answer`.

    Raises:
        ClawdforgeError: as there; also `BusyError` (`no_monitor`).
    """
    request = atm.encode_request(
        "answer_approval", approval_id=approval_id, answer=answer, on_behalf=on_behalf
    )
    match await _ask(path, request):
        case atm.ApprovalAnswered(approval=row):
            return row
        case atm.Error(message=message, code=code):
            raise _ERRORS.get(code or "", InputError)(message, code=code)
    raise _no_monitor("it does not know approvals")


async def _ask(path: Path, request: bytes) -> atm.Reply:
    try:
        async with asyncio.timeout(ASK_SECS):
            reader, writer = await asyncio.open_unix_connection(str(path), limit=MAX_REPLY_BYTES)
            try:
                writer.write(atm.encode_request("connect", client_id="clawdforge") + request)
                await reader.readline()
                return atm.read_reply(await reader.readline())
            finally:
                writer.close()
    except (OSError, ValueError, atm.WireError) as error:
        raise _no_monitor(str(error) or "it does not answer") from None


def _no_monitor(reason: str) -> BusyError:
    msg = f"there is no monitor: {reason}"
    return BusyError(msg, code="no_monitor", retry_after_secs=RETRY_SECS)
