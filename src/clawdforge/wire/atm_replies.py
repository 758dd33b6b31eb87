"""The monitor's socket: what it says, as bytes, and what its clients say and read. Pure.

Every line is compact JSON and ends with a line feed.
"""

from collections.abc import Iterable
from typing import Any

import msgspec

from clawdforge.core.observed.views import SessionView
from clawdforge.wire.atm_approvals import (
    ApprovalAnswered,
    ApprovalGiven,
    ApprovalList,
    ApprovalOver,
    ApprovalPending,
    ApprovalRemoved,
    ApprovalUpdated,
)
from clawdforge.wire.atm_base import OUR_VERSION
from clawdforge.wire.atm_messages import (
    Connected,
    DaemonStatus,
    DiscoveryComplete,
    Error,
    Explanation,
    Pong,
    Rejected,
    RequestKind,
    SessionRemoved,
)

_encode = msgspec.json.Encoder().encode


def encode_connected(client_id: str) -> bytes:
    """The first line to a client that is welcome."""
    return _line(Connected(protocol_version=OUR_VERSION, client_id=client_id))


def encode_rejected(reason: str) -> bytes:
    """The only line to a client of another version."""
    return _line(Rejected(reason=reason, protocol_version=OUR_VERSION))


def encode_session_list(views: Iterable[SessionView]) -> bytes:
    """All sessions."""
    return b'{"type":"session_list","sessions":[' + b",".join(map(encode_view, views)) + b"]}\n"


def encode_session_updated(view: SessionView) -> bytes:
    """A session is there, or has changed."""
    return b'{"type":"session_updated","session":' + encode_view(view) + b"}\n"


def encode_session_removed(session_id: str, reason: str | None = None) -> bytes:
    """A session is gone."""
    return _line(SessionRemoved(session_id=session_id, reason=reason))


def encode_pong(seq: int) -> bytes:
    """The answer to `ping`."""
    return _line(Pong(seq=seq))


def encode_error(message: str, *, code: str | None = None, approval_id: str | None = None) -> bytes:
    """Something was not done."""
    return _line(Error(message=message, code=code, approval_id=approval_id))


def encode_discovery_complete(discovered: int, failed: int) -> bytes:
    """The answer to `discover`."""
    return _line(DiscoveryComplete(discovered=discovered, failed=failed))


def encode_explanation(session_id: str, explanation: object | None) -> bytes:
    """The answer to `explain`; None: there is no such session."""
    return _line(Explanation(session_id=session_id, explanation=explanation))


def encode_status(facts: dict[str, Any]) -> bytes:
    """The answer to `status`."""
    return _line(DaemonStatus(facts=facts))


def encode_approval_pending(approval_id: str) -> bytes:
    """To the hook that asks."""
    return _line(ApprovalPending(approval_id=approval_id))


def encode_approval_given(approval_id: str, output: object) -> bytes:
    """To the hook that asks: what it has to print."""
    return _line(ApprovalGiven(approval_id=approval_id, output=output))


def encode_approval_over(reason: str) -> bytes:
    """To the hook that asks: there is no answer."""
    return _line(ApprovalOver(reason=reason))


def encode_approval_list(rows: list[dict[str, Any]]) -> bytes:
    """Approvals."""
    return _line(ApprovalList(approvals=rows))


def encode_approval_updated(row: dict[str, Any]) -> bytes:
    """Something is asked."""
    return _line(ApprovalUpdated(approval=row))


def encode_approval_removed(approval_id: str, row: dict[str, Any]) -> bytes:
    """It is settled."""
    return _line(ApprovalRemoved(approval_id=approval_id, approval=row))


def encode_approval_answered(row: dict[str, Any]) -> bytes:
    """To who has answered."""
    return _line(ApprovalAnswered(approval=row))


def encode_request(kind: RequestKind, **fields: object) -> bytes:
    """What a client says; a field that is None is left out."""
    told = {name: value for name, value in fields.items() if value is not None}
    return _line({"protocol_version": OUR_VERSION, "type": kind, **told})


def encode_view(view: SessionView) -> bytes:
    """A session as JSON."""
    try:
        return _encode(view)
    except UnicodeEncodeError:
        return _encode(_whole(msgspec.to_builtins(view)))


def _line(message: object) -> bytes:
    try:
        return _encode(message) + b"\n"
    except UnicodeEncodeError:
        return _encode(_whole(msgspec.to_builtins(message))) + b"\n"


def _whole(value: Any) -> Any:
    """The value without halves of surrogate pairs: paths of the file system may have them."""
    match value:
        case str():
            return value.encode("utf-8", "replace").decode()
        case dict():
            return {_whole(key): _whole(inner) for key, inner in value.items()}
        case list() | tuple():
            return [_whole(inner) for inner in value]
        case _:
            return value
