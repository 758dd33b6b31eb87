"""From the replies about sessions to values and errors. Pure, like `replies`."""

from http import HTTPStatus
from typing import NoReturn, TypeVar

from clawdforge.client import replies
from clawdforge.client.errors import ApiError, TurnFailure
from clawdforge.client.replies import Reply
from clawdforge.client.results import TurnResult
from clawdforge.wire import forge_events, forge_json, forge_sessions
from clawdforge.wire.forge_json import MalformedError

S = TypeVar(
    "S",
    forge_sessions.SessionReply,
    forge_sessions.ClosedReply,
    forge_sessions.StartedTurn,
    forge_sessions.Cancelled,
)


def acknowledged(reply: Reply, kind: type[S], status: int = HTTPStatus.OK) -> S:
    """Decode an answer that has to say `ok`."""
    value = replies.decoded(reply, kind, status)
    replies.must_be_ok(reply, value.ok)
    return value


def turn_result(reply: Reply) -> TurnResult:
    """Decode the answer of `POST /sessions/{id}/turn`.

    Raises:
        TurnFailure: the agent failed, ran out of time or was interrupted.
        ApiError, ProtocolError: as in `replies.decoded`.
    """
    if reply.status == HTTPStatus.BAD_GATEWAY:
        raise turn_failure(reply)
    value = replies.decoded(reply, forge_sessions.TurnReply)
    replies.must_be_ok(reply, value.ok)
    return TurnResult(
        session_id=value.session_id,
        turn_index=value.turn_index,
        events=value.events,
        stop_reason=value.stop_reason,
        duration_ms=value.duration_ms,
        request_id=reply.request_id,
    )


def turn_failure(reply: Reply) -> ApiError:
    """A turn's failure; a plain `ApiError` when a proxy made the 502."""
    body = b"" if reply.problem else reply.body
    try:
        value = forge_json.decode(body, forge_sessions.TurnFailureReply)
    except MalformedError:
        return replies.refusal(reply)
    failure = replies.failed(TurnFailure, "the turn failed", reply, value)
    failure.session_id, failure.turn_index = value.session_id, reply.turn_index
    return failure


def ended_turn(reply: Reply) -> TurnResult:
    """Decode `GET /sessions/{id}/turns/{n}` into what the turn's own reply would have been.

    Raises:
        TurnFailure: the agent failed, ran out of time or was interrupted.
        ApiError, ProtocolError: as in `replies.decoded`; the latter also when it still runs.
    """
    value = replies.decoded(reply, forge_sessions.TurnInfo)
    if value.ok is None:
        problem = "the turn still runs"
        raise replies.nonsense(reply, problem)
    if not value.ok:
        raise _failed(reply, value)
    return TurnResult(
        session_id=value.session_id,
        turn_index=value.turn_index,
        events=value.events,
        stop_reason=value.stop_reason,
        duration_ms=value.duration_ms or 0,
        request_id=reply.request_id,
    )


def event_page(reply: Reply) -> forge_events.EventPage:
    """Decode a page of events."""
    if reply.status != HTTPStatus.OK or reply.problem:
        return replies.decoded(reply, forge_events.EventPage)  # raises
    try:
        return forge_events.decode_page(reply.body)
    except MalformedError as error:
        problem = error.message
    raise replies.nonsense(reply, problem)


def no_stream(reply: Reply) -> NoReturn:
    """The error for a whole reply where a stream of events should have begun.

    Raises:
        TurnFailure: the turn failed before it had begun.
        ApiError: the status is not a success.
        ProtocolError: it is one.
    """
    if reply.status == HTTPStatus.BAD_GATEWAY:
        raise turn_failure(reply)
    if not 200 <= reply.status < 300:
        raise replies.refusal(reply)
    problem = reply.problem or "a stream of events was expected"
    raise replies.nonsense(reply, problem)


def permission_list(reply: Reply) -> tuple[forge_sessions.PermissionInfo, ...]:
    """Decode the answer of `GET /permissions`."""
    return replies.decoded(reply, forge_sessions.PermissionList).permissions


def _failed(reply: Reply, value: forge_sessions.TurnInfo) -> TurnFailure:
    said = forge_sessions.TurnFailureReply(
        ok=False,
        error=value.error or f"it ended as {value.state}",
        duration_ms=value.duration_ms or 0,
        stderr=value.stderr,
        stop_reason=value.stop_reason,
        session_id=value.session_id,
    )
    failure = replies.failed(TurnFailure, "the turn failed", reply, said)
    failure.session_id, failure.turn_index = value.session_id, value.turn_index
    return failure
