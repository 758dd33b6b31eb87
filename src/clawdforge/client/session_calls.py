"""The calls of sessions, turns and permissions as values, like those of `calls`. Pure."""

from collections.abc import Iterable
from functools import partial
from typing import Any

from clawdforge.client import arguments, replies, session_replies
from clawdforge.client.calls import (
    EVENT_STREAM,
    LINE_SECS,
    MARGIN_SECS,
    SILENCE_SECS,
    Call,
    patience_secs,
)
from clawdforge.client.errors import RequestError
from clawdforge.client.results import Answer, FileToken, TurnResult
from clawdforge.wire import forge_sessions as wire
from clawdforge.wire.forge_events import EventPage

CREATE_SECS = 60
CLONE_SECS = 900
"""A session whose workspace has to be cloned first."""


def create(idempotency_key: str | None, **options: Any) -> Call[wire.SessionReply]:
    """`POST /sessions`; the options are those of `SessionRequest`."""
    for name in ("mcp_servers", "secrets"):
        if options.get(name) is not None:
            options[name] = tuple(arguments.several(options[name]))
    body = arguments.encode(wire.SessionRequest, **_given(options))
    return Call(
        method="POST",
        path="/sessions",
        body=body,
        headers=_key(idempotency_key),
        timeout_secs=CLONE_SECS if options.get("workspace") else CREATE_SECS,
        decode=partial(session_replies.acknowledged, kind=wire.SessionReply),
    )


def listed(
    *, include_closed: bool, limit: int | None, before: str | None
) -> Call[wire.SessionPage]:
    """`GET /sessions`."""
    query = {"include_closed": "true" if include_closed else "false"}
    query |= _page(limit, None if before is None else arguments.cursor(before))
    decode = partial(replies.decoded, kind=wire.SessionPage)
    return Call(method="GET", path="/sessions", query=query, decode=decode)


def get(session_id: str) -> Call[wire.SessionInfo]:
    """`GET /sessions/{id}`."""
    return Call(method="GET", path=_path(session_id), decode=_INFO)


def change(session_id: str, **options: Any) -> Call[wire.SessionInfo]:
    """`PATCH /sessions/{id}`; the options are those of `SessionChange`."""
    if all(value is None for value in options.values()):
        msg = "nothing is to be changed"
        raise RequestError(msg, hint="name a setting: model, mode, effort, system or permissions")
    body = arguments.encode(wire.SessionChange, **options)
    return Call(method="PATCH", path=_path(session_id), body=body, decode=_INFO)


def close(session_id: str) -> Call[wire.ClosedReply]:
    """`DELETE /sessions/{id}`."""
    decode = partial(session_replies.acknowledged, kind=wire.ClosedReply)
    return Call(method="DELETE", path=_path(session_id), timeout_secs=CREATE_SECS, decode=decode)


def resume(session_id: str) -> Call[wire.SessionInfo]:
    """`POST /sessions/{id}/resume`."""
    return Call(
        method="POST", path=_path(session_id, "/resume"), timeout_secs=CREATE_SECS, decode=_INFO
    )


def fork(session_id: str, meta: dict[str, Any] | None) -> Call[wire.SessionReply]:
    """`POST /sessions/{id}/fork`."""
    return Call(
        method="POST",
        path=_path(session_id, "/fork"),
        body=arguments.encode(wire.ForkRequest, meta=meta),
        timeout_secs=CLONE_SECS,  # its workspace is copied
        decode=partial(session_replies.acknowledged, kind=wire.SessionReply),
    )


def cancel(session_id: str) -> Call[wire.Cancelled]:
    """`POST /sessions/{id}/cancel`."""
    return Call(
        method="POST",
        path=_path(session_id, "/cancel"),
        timeout_secs=CREATE_SECS,
        decode=partial(session_replies.acknowledged, kind=wire.Cancelled),
    )


def turn(
    session_id: str,
    prompt: str,
    *,
    files: Iterable[str | FileToken],
    timeout_secs: int | None,
    idempotency_key: str | None,
    streamed: bool = False,
) -> Call[TurnResult]:
    """`POST /sessions/{id}/turn`."""
    body = arguments.encode(
        wire.TurnRequest,
        prompt=arguments.prompt(prompt),
        files=arguments.files(files),
        timeout_secs=timeout_secs,
    )
    return Call(
        method="POST",
        path=_path(session_id, "/turn"),
        body=body,
        headers=_key(idempotency_key),
        accept=EVENT_STREAM if streamed else "application/json",
        # A stream may begin late, with its turn: from then on `SILENCE_SECS` counts.
        timeout_secs=patience_secs(timeout_secs),
        decode=session_replies.turn_result,
    )


def start_turn(
    session_id: str,
    prompt: str,
    *,
    files: Iterable[str | FileToken],
    timeout_secs: int | None,
    idempotency_key: str | None,
) -> Call[wire.StartedTurn]:
    """`POST /sessions/{id}/turn` with `wait` false."""
    body = arguments.encode(
        wire.TurnRequest,
        prompt=arguments.prompt(prompt),
        files=arguments.files(files),
        timeout_secs=timeout_secs,
        wait=False,
    )
    return Call(
        method="POST",
        path=_path(session_id, "/turn"),
        body=body,
        headers=_key(idempotency_key),
        timeout_secs=patience_secs(timeout_secs),  # those before it in the session come first
        decode=partial(session_replies.acknowledged, kind=wire.StartedTurn, status=202),
    )


def turns(session_id: str, limit: int | None, before: int | None) -> Call[wire.TurnPage]:
    """`GET /sessions/{id}/turns`."""
    start = None if before is None else str(arguments.natural(before, "before"))
    decode = partial(replies.decoded, kind=wire.TurnPage)
    query = _page(limit, start)
    return Call(method="GET", path=_path(session_id, "/turns"), query=query, decode=decode)


def get_turn(session_id: str, turn_index: int) -> Call[wire.TurnInfo]:
    """`GET /sessions/{id}/turns/{n}`."""
    decode = partial(replies.decoded, kind=wire.TurnInfo)
    return Call(method="GET", path=_turn_path(session_id, turn_index), decode=decode)


def ended_turn(session_id: str, turn_index: int) -> Call[TurnResult]:
    """`GET /sessions/{id}/turns/{n}` of a turn that has ended: what its own reply would be."""
    path = _turn_path(session_id, turn_index)
    return Call(method="GET", path=path, decode=session_replies.ended_turn)


def event_page(session_id: str, after: int, limit: int | None) -> Call[EventPage]:
    """`GET /sessions/{id}/events` as a page."""
    query = {"after": str(arguments.natural(after, "after", least=0))} | _page(limit, None)
    return Call(
        method="GET",
        path=_path(session_id, "/events"),
        query=query,
        decode=session_replies.event_page,
    )


def event_stream(session_id: str, after: int) -> Call[None]:
    """`GET /sessions/{id}/events`, live."""
    seq = str(arguments.natural(after, "after", least=0))
    return Call(
        method="GET",
        path=_path(session_id, "/events"),
        query={"after": seq},
        headers={"last-event-id": seq},
        accept=EVENT_STREAM,
        timeout_secs=SILENCE_SECS,
        decode=session_replies.no_stream,
    )


def permissions(state: str, limit: int | None) -> Call[tuple[wire.PermissionInfo, ...]]:
    """`GET /permissions`."""
    if state not in {"pending", "all"}:
        msg = "the state is pending or all"
        raise RequestError(msg)
    query = {"state": state} | _page(limit, None)
    return Call(
        method="GET", path="/permissions", query=query, decode=session_replies.permission_list
    )


def get_permission(permission_id: str) -> Call[wire.PermissionInfo]:
    """`GET /permissions/{id}`."""
    name = arguments.identifier(permission_id, "permission")
    decode = partial(replies.decoded, kind=wire.PermissionInfo)
    return Call(method="GET", path=f"/permissions/{name}", decode=decode)


def answer_call(permission_id: str, *, allow: object, **more: Any) -> Call[wire.PermissionInfo]:
    """`POST /permissions/{id}`; `more` are the other fields of `PermissionAnswer`."""
    if not isinstance(allow, bool):
        msg = "allow is neither True nor False"  # a text like "no" must not allow anything
        raise RequestError(msg)
    name = arguments.identifier(permission_id, "permission")
    decision = "allow" if allow else "deny"
    return Call(
        method="POST",
        path=f"/permissions/{name}",
        body=arguments.encode(wire.PermissionAnswer, decision=decision, **_given(more)),
        timeout_secs=LINE_SECS + MARGIN_SECS,
        decode=partial(replies.decoded, kind=wire.PermissionInfo),
    )


def answered(permission_id: str, *, answer: Answer | bool) -> Call[wire.PermissionInfo]:
    """`POST /permissions/{id}` with what a callback gave."""
    if not isinstance(answer, Answer):
        return answer_call(permission_id, allow=answer)
    return answer_call(
        permission_id,
        allow=answer.allow,
        scope=answer.scope,
        message=answer.message,
        option_id=answer.option_id,
        args=answer.args,
    )


_INFO = partial(replies.decoded, kind=wire.SessionInfo)


def _path(session_id: str, rest: str = "") -> str:
    return f"/sessions/{arguments.identifier(session_id, 'session')}{rest}"


def _turn_path(session_id: str, turn_index: int) -> str:
    number = arguments.natural(turn_index, "a turn's number")
    return _path(session_id, f"/turns/{number}")


def _key(key: str | None) -> dict[str, str]:
    return {} if key is None else {"idempotency-key": arguments.idempotency_key(key)}


def _given(options: dict[str, Any]) -> dict[str, Any]:
    """What was named; an empty text stands for nothing, as in 0.2."""
    return {name: value for name, value in options.items() if value is not None and value != ""}


def _page(limit: int | None, before: str | None) -> dict[str, str]:
    query = {} if limit is None else {"limit": str(arguments.natural(limit, "limit"))}
    return query if before is None else query | {"before": before}
