"""The messages of the monitor's socket, as they are on the wire (atmd 0.2.2, and ours)."""

from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from clawdforge.core.observed.signals import U64, Driven, Hook, StatusLine
from clawdforge.core.observed.views import SessionView
from clawdforge.wire.atm_approvals import (
    AnswerApproval,
    ApprovalAnswered,
    ApprovalAsked,
    ApprovalGiven,
    ApprovalList,
    ApprovalOver,
    ApprovalPending,
    ApprovalRemoved,
    ApprovalTaken,
    ApprovalUpdated,
    ApprovalWithdrawn,
    ListApprovals,
    RawApprovalAsked,
    SubscribeApprovals,
)
from clawdforge.wire.atm_base import ReplyBase as _Reply
from clawdforge.wire.atm_base import RequestBase as _Request
from clawdforge.wire.atm_base import Version

DEFAULT_SOCKET = "/tmp/atm.sock"  # noqa: S108 - the clients of atmd 0.2.2 know this path alone
U32 = Annotated[int, Meta(ge=0, le=2**32 - 1)]


class Connect(_Request, frozen=True, kw_only=True, tag="connect"):
    """The first message of a client."""

    client_id: str | None = None


class StatusUpdate(_Request, frozen=True, kw_only=True, tag="status_update", gc=False):
    """A status line."""

    data: StatusLine


class HookEvent(_Request, frozen=True, kw_only=True, tag="hook_event"):
    """A hook event."""

    data: Hook


class ListSessions(_Request, frozen=True, kw_only=True, tag="list_sessions"):
    """Asks for all sessions."""


class Subscribe(_Request, frozen=True, kw_only=True, tag="subscribe"):
    """Asks for all sessions, and to be told what changes."""

    session_id: str | None = None
    """Of the one whose changes are wanted."""


class Unsubscribe(_Request, frozen=True, kw_only=True, tag="unsubscribe"):
    """Wants to be told no more."""


class Ping(_Request, frozen=True, kw_only=True, tag="ping"):
    """Asks for a `pong`."""

    seq: U64


class Disconnect(_Request, frozen=True, kw_only=True, tag="disconnect"):
    """Ends the connection."""


class Discover(_Request, frozen=True, kw_only=True, tag="discover"):
    """Asks to look for running agents."""


# What atmd 0.2.2 does not have.


class DrivenUpdate(_Request, frozen=True, kw_only=True, tag="driven_update"):
    """A gateway tells how sessions stand that it drives."""

    data: list[Driven]


class DrivenRemoved(_Request, frozen=True, kw_only=True, tag="driven_removed"):
    """A gateway drives these sessions no more."""

    data: list[str]


class Explain(_Request, frozen=True, kw_only=True, tag="explain"):
    """Asks why a session is said to be in its state."""

    session_id: str


class Status(_Request, frozen=True, kw_only=True, tag="status"):
    """Asks for facts about the monitor itself."""


class Looking(_Request, frozen=True, kw_only=True, tag="looking"):
    """A person looks at what shows all sessions: they need no notices now. No reply."""


Request = (
    Connect
    | StatusUpdate
    | HookEvent
    | ListSessions
    | Subscribe
    | Unsubscribe
    | Ping
    | Disconnect
    | Discover
    | DrivenUpdate
    | DrivenRemoved
    | Explain
    | Status
    | Looking
    | ApprovalAsked
    | ApprovalTaken
    | ApprovalWithdrawn
    | ListApprovals
    | SubscribeApprovals
    | AnswerApproval
)


class RawStatusUpdate(_Request, frozen=True, kw_only=True, tag="status_update"):
    """A status line that is not read yet."""

    data: msgspec.Raw


class RawHookEvent(_Request, frozen=True, kw_only=True, tag="hook_event"):
    """A hook event that is not read yet."""

    data: msgspec.Raw


class RawDrivenUpdate(_Request, frozen=True, kw_only=True, tag="driven_update"):
    """What a gateway tells, not read yet."""

    data: msgspec.Raw


class RawDrivenRemoved(_Request, frozen=True, kw_only=True, tag="driven_removed"):
    """What a gateway tells, not read yet."""

    data: msgspec.Raw


Envelope = (
    Connect
    | RawStatusUpdate
    | RawHookEvent
    | ListSessions
    | Subscribe
    | Unsubscribe
    | Ping
    | Disconnect
    | Discover
    | RawDrivenUpdate
    | RawDrivenRemoved
    | Explain
    | Status
    | Looking
    | RawApprovalAsked
    | ApprovalTaken
    | ApprovalWithdrawn
    | ListApprovals
    | SubscribeApprovals
    | AnswerApproval
)
"""Any request, as far as it can be read without a look at its payload."""


class Connected(_Reply, frozen=True, kw_only=True, tag="connected"):
    """The connection stands."""

    protocol_version: Version
    client_id: str


class Rejected(_Reply, frozen=True, kw_only=True, tag="rejected"):
    """The version does not fit; the connection ends."""

    reason: str
    protocol_version: Version


class SessionList(_Reply, frozen=True, kw_only=True, tag="session_list"):
    """All sessions."""

    sessions: list[SessionView]


class SessionUpdated(_Reply, frozen=True, kw_only=True, tag="session_updated"):
    """A session is there, or has changed."""

    session: SessionView


class SessionRemoved(_Reply, frozen=True, kw_only=True, tag="session_removed"):
    """A session is gone."""

    session_id: str
    reason: str | None = None
    """Ours alone: `ended`, `died`, `renamed` …"""


class Pong(_Reply, frozen=True, kw_only=True, tag="pong"):
    """The answer to `ping`."""

    seq: U64


class Error(_Reply, frozen=True, kw_only=True, tag="error"):
    """Something was not done."""

    message: str
    code: str | None = None
    """Ours alone: stable."""
    approval_id: str | None = None
    """Ours alone: of the approval that was not answered."""


class DiscoveryComplete(_Reply, frozen=True, kw_only=True, tag="discovery_complete"):
    """The answer to `discover`."""

    discovered: U32
    failed: U32


class Explanation(_Reply, frozen=True, kw_only=True, tag="explanation"):
    """The answer to `explain`; None: there is no such session."""

    session_id: str
    explanation: Any


class DaemonStatus(_Reply, frozen=True, kw_only=True, tag="status"):
    """The answer to `status`."""

    facts: dict[str, Any]


Reply = (
    Connected
    | Rejected
    | SessionList
    | SessionUpdated
    | SessionRemoved
    | Pong
    | Error
    | DiscoveryComplete
    | Explanation
    | DaemonStatus
    | ApprovalPending
    | ApprovalGiven
    | ApprovalOver
    | ApprovalList
    | ApprovalUpdated
    | ApprovalRemoved
    | ApprovalAnswered
)

RequestKind = Literal[
    "connect",
    "status_update",
    "hook_event",
    "list_sessions",
    "subscribe",
    "unsubscribe",
    "ping",
    "disconnect",
    "discover",
    "driven_update",
    "driven_removed",
    "explain",
    "status",
    "looking",
    "approval_request",
    "approval_taken",
    "approval_withdrawn",
    "list_approvals",
    "subscribe_approvals",
    "answer_approval",
]
