"""The calls of approvals as values, and as methods of the blocking client."""

from functools import partial
from typing import Any, Literal

from clawdforge.client import arguments, replies
from clawdforge.client.blocking_connection import Connection
from clawdforge.client.calls import LINE_SECS, MARGIN_SECS, Call
from clawdforge.client.errors import RequestError
from clawdforge.client.replies import Reply
from clawdforge.wire import forge_approvals as wire

PATH = "/monitor/approvals"


def answer_of(*, allow: object, **more: Any) -> bytes:
    """The JSON of an answer; `more` are its other fields, None where they are not given.

    Raises:
        RequestError: it is no answer.
    """
    if not isinstance(allow, bool):
        msg = "allow is neither True nor False"  # a text like "no" must not allow anything
        raise RequestError(msg)
    decision = "allow" if allow else "deny"
    return arguments.encode(wire.ApprovalReply, decision=decision, **more)


def listed(state: str, limit: int | None) -> Call[tuple[wire.ApprovalInfo, ...]]:
    """`GET /monitor/approvals`."""
    if state not in {"pending", "all"}:
        msg = "the state is pending or all"
        raise RequestError(msg)
    query = {"state": state}
    if limit is not None:
        query["limit"] = str(arguments.natural(limit, "limit"))
    return Call(method="GET", path=PATH, query=query, decode=_list)


def answered(approval_id: str, *, allow: object, **more: Any) -> Call[wire.ApprovalInfo]:
    """`POST /monitor/approvals/{id}`."""
    name = arguments.identifier(approval_id, "approval")
    return Call(
        method="POST",
        path=f"{PATH}/{name}",
        body=answer_of(allow=allow, **more),
        timeout_secs=LINE_SECS + MARGIN_SECS,
        decode=partial(replies.decoded, kind=wire.ApprovalInfo),
    )


class ApprovalCalls:
    """What sessions ask that were started by hand on the server's machine."""

    _connection: Connection

    def approvals(
        self, *, state: Literal["pending", "all"] = "pending", limit: int | None = None
    ) -> tuple[wire.ApprovalInfo, ...]:
        """What can be answered now, newest first. Needs the scope `monitor`.

        With `state="all"` also what was settled lately.
        """
        return self._connection.send(listed(state, limit))

    def answer_approval(
        self,
        approval_id: str,
        *,
        allow: bool,
        scope: Literal["once", "always"] = "once",
        message: str | None = None,
        option_id: str | None = None,
        answers: dict[str, str] | None = None,
        mode: str | None = None,
        interrupt: bool = False,
    ) -> wire.ApprovalInfo:
        """Tell such a session whether it may do what it asked for. Needs the scope `approve`.

        Args:
            approval_id: From `approvals`, or of the session's view.
            allow: Whether it may.
            scope: `always`: also what its `always` says.
            message: Told to the agent, when it may not.
            option_id: One of the answers that were offered.
            answers: To a question: by its text, what is chosen or said.
            mode: With a yes: what the session is switched to; one of its `modes`.
            interrupt: With a no: the turn ends.

        Raises:
            ConflictError: it was answered already, perhaps in its terminal (`already_answered`).
        """
        return self._connection.send(
            answered(
                approval_id,
                allow=allow,
                scope=scope,
                message=message,
                option_id=option_id,
                answers=answers,
                mode=mode,
                interrupt=interrupt or None,
            )
        )


def _list(reply: Reply) -> tuple[wire.ApprovalInfo, ...]:
    return replies.decoded(reply, wire.ApprovalList).permissions
