"""The messages about approvals on the monitor's socket; atmd 0.2.2 has none of them.

A hook says `approval_request` and waits: it hears `approval_pending`, and then once either
`approval_answer`, which it prints and confirms by `approval_taken`, or `approval_over`.
Everybody else lists, follows and answers; only who follows is told of changes.
"""

from typing import Any, Literal

import msgspec

from clawdforge.core.observed.approval import ApprovalRequest
from clawdforge.core.observed.approval_answer import ApprovalAnswer
from clawdforge.wire.atm_base import ReplyBase, RequestBase


class ApprovalAsked(RequestBase, frozen=True, kw_only=True, tag="approval_request"):
    """A hook asks, and waits on this connection."""

    data: ApprovalRequest


class RawApprovalAsked(RequestBase, frozen=True, kw_only=True, tag="approval_request"):
    """The same, not read yet."""

    data: msgspec.Raw


class ApprovalTaken(RequestBase, frozen=True, kw_only=True, tag="approval_taken"):
    """The hook has told the agent what was answered."""


class ApprovalWithdrawn(RequestBase, frozen=True, kw_only=True, tag="approval_withdrawn"):
    """The agent has ended the hook: it was answered in the terminal."""


class ListApprovals(RequestBase, frozen=True, kw_only=True, tag="list_approvals"):
    """Asks for approvals, the newest first."""

    state: Literal["pending", "all"] = "pending"
    """`all`: also those that were settled lately."""
    approval_id: str | None = None
    """Only this one, whatever its state."""


class SubscribeApprovals(RequestBase, frozen=True, kw_only=True, tag="subscribe_approvals"):
    """Asks for those that wait, and to be told what changes."""


class OnBehalf(msgspec.Struct, frozen=True, kw_only=True):
    """For whom a gateway answers."""

    actor: str
    """`admin`, or `app:NAME`."""
    peer: str | None = None
    """The address that it came from."""
    request_id: str | None = None


class AnswerApproval(RequestBase, frozen=True, kw_only=True, tag="answer_approval"):
    """Answers one. Who answers first wins."""

    approval_id: str
    answer: ApprovalAnswer
    on_behalf: OnBehalf | None = None


class ApprovalPending(ReplyBase, frozen=True, kw_only=True, tag="approval_pending"):
    """To the hook: it is shown now."""

    approval_id: str


class ApprovalGiven(ReplyBase, frozen=True, kw_only=True, tag="approval_answer"):
    """To the hook: what it has to print. The hook knows this line by its beginning."""

    approval_id: str
    output: Any


class ApprovalOver(ReplyBase, frozen=True, kw_only=True, tag="approval_over"):
    """To the hook: nobody will answer from afar any more."""

    reason: str


class ApprovalList(ReplyBase, frozen=True, kw_only=True, tag="approval_list"):
    """Approvals, in the shape of a driven session's permissions."""

    approvals: list[Any]


class ApprovalUpdated(ReplyBase, frozen=True, kw_only=True, tag="approval_updated"):
    """Something is asked."""

    approval: Any


class ApprovalRemoved(ReplyBase, frozen=True, kw_only=True, tag="approval_removed"):
    """It is settled: its `state` says how."""

    approval_id: str
    approval: Any


class ApprovalAnswered(ReplyBase, frozen=True, kw_only=True, tag="approval_answered"):
    """To who has answered: the agent has been told."""

    approval: Any
