"""The turns of a session: take one, watch it, cancel it, look at those before."""

import asyncio
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Query, Request, Response
from fastapi.responses import JSONResponse

from clawdforge.core.options import NewTurn
from clawdforge.core.session_records import TurnState
from clawdforge.gateway.caller import Caller
from clawdforge.gateway.sessions.turns import TurnAnswer, TurnHandle
from clawdforge.http.parameters import idempotency_key, last_event_id, wants_events
from clawdforge.http.routes.documented import errors
from clawdforge.http.rows import one_turn, turn_row
from clawdforge.http.services import services
from clawdforge.http.session_schemas import (
    Cancelled,
    EventPage,
    OneTurn,
    TurnAccepted,
    TurnBody,
    TurnFailure,
    TurnList,
    TurnReply,
)
from clawdforge.http.sse import MEDIA_TYPE, EventStream, event_value
from clawdforge.http.strict import AppRoute, caller

router = APIRouter(route_class=AppRoute, tags=["turns"])

MAX_PAGE = 200
MAX_EVENTS = 1000
MAX_NUMBER = 2**53

Who = Annotated[Caller, Depends(caller)]
Key = Annotated[str | None, Depends(idempotency_key)]
Number = Annotated[int, Path(ge=1, le=MAX_NUMBER)]

_STREAM: dict[str, Any] = {MEDIA_TYPE: {"schema": {"type": "string"}}}


@router.post(
    "/sessions/{session_id}/turn",
    response_model=TurnReply,
    responses={
        **errors(401, 404, 409, 410, 413, 415, 422, 429, 503),
        200: {"content": _STREAM},
        202: {"model": TurnAccepted, "description": "With `wait` false: the turn has begun."},
        502: {"model": TurnFailure, "description": "The turn failed or ran out of time."},
    },
)
async def turn(request: Request, session_id: str, body: TurnBody, who: Who, key: Key) -> Response:
    """Tell the agent something, and wait until it has answered.

    The turn goes on when the connection is closed; `POST …/cancel` ends it. With
    `Accept: text/event-stream` the turn's events come as they happen, with `"wait": false` the
    answer comes at once. A cancelled turn is no failure: its `stop_reason` says so.
    """
    wanted = NewTurn(
        prompt=body.prompt,
        files=tuple(body.files or ()),
        timeout_secs=body.timeout_secs,
        idempotency_key=key,
    )
    its = services(request)
    if wants_events(request):
        its.hub.require_room()
    handle = await its.turns.take(session_id, wanted, who=who)
    if wants_events(request):
        return await _streamed(request, handle)
    if not body.wait:
        begin = await asyncio.shield(handle.begun)
        return _accepted(session_id, begin.turn)
    return _reply(session_id, await its.turns.answer(handle))


@router.get(
    "/sessions/{session_id}/turns", response_model=TurnList, responses=errors(401, 404, 422, 503)
)
async def page(
    request: Request,
    session_id: str,
    who: Who,
    limit: Annotated[int, Query(ge=1, le=MAX_PAGE)] = 50,
    before: Annotated[int | None, Query(ge=1, le=MAX_NUMBER)] = None,
) -> Response:
    """The session's turns, newest first."""
    found = await services(request).turns.page(session_id, limit=limit, before=before, who=who)
    more = len(found) == limit and found[-1].start.turn > 1
    body = {
        "turns": [turn_row(row) for row in found],
        "count": len(found),
        "next": found[-1].start.turn if more else None,
    }
    return JSONResponse(body)


@router.get(
    "/sessions/{session_id}/turns/{number}",
    response_model=OneTurn,
    responses=errors(401, 404, 422, 503),
)
async def one(request: Request, session_id: str, number: Number, who: Who) -> Response:
    """One turn and what was said in it, also while it runs."""
    found, events = await services(request).turns.get(session_id, number, who=who)
    return JSONResponse(one_turn(found, events))


@router.post(
    "/sessions/{session_id}/cancel", response_model=Cancelled, responses=errors(401, 404, 503)
)
async def cancel(request: Request, session_id: str, who: Who) -> Response:
    """Stop the turn that runs. Answers when it has really ended; the session stays usable."""
    number = await services(request).turns.cancel(session_id, who=who)
    return JSONResponse({"ok": True, "cancelled": number is not None, "turn_index": number})


@router.get(
    "/sessions/{session_id}/events",
    response_model=EventPage,
    responses={**errors(401, 404, 422, 503), 200: {"content": _STREAM}},
)
async def events(
    request: Request,
    session_id: str,
    who: Who,
    after: Annotated[int, Query(ge=0, le=MAX_NUMBER)] = 0,
    limit: Annotated[int, Query(ge=1, le=MAX_EVENTS)] = 500,
) -> Response:
    """What has happened in the session after event `after`.

    As a page of JSON, or with `Accept: text/event-stream` as a stream that goes on for ever:
    `Last-Event-ID` continues it without a gap or a repeat, also after a restart of the server.
    """
    its = services(request)
    session = await its.sessions.own(session_id, who=who)
    if wants_events(request):
        return EventStream(
            ledger=its.ledger,
            subscribed=its.hub.subscribed(session_id),
            session_id=session_id,
            after=last_event_id(request, after),
            heartbeat_secs=its.heartbeat_secs,
            is_closed=session.closed_at is not None,
        )
    found = await its.ledger.read(session_id, after=after, limit=limit + 1)
    shown = found[:limit]
    body = {
        "events": [event_value(event) for event in shown],
        "next": shown[-1].seq if len(found) > limit else None,
    }
    return JSONResponse(body)


async def _streamed(request: Request, handle: TurnHandle) -> Response:
    begin = await asyncio.shield(handle.begun)
    its = services(request)
    return EventStream(
        ledger=its.ledger,
        subscribed=its.hub.subscribed(handle.session_id),
        session_id=handle.session_id,
        after=begin.first_seq - 1,
        heartbeat_secs=its.heartbeat_secs,
        wanted=lambda event: event.turn == begin.turn,
        until=lambda event: event.type == "turn_ended" and event.turn == begin.turn,
        headers={"X-Turn-Index": str(begin.turn)},
    )


def _accepted(session_id: str, number: int) -> Response:
    url = f"/sessions/{session_id}/turns/{number}"
    body = {"ok": True, "session_id": session_id, "turn_index": number, "state": "running"}
    return JSONResponse({**body, "url": url}, 202, {"Location": url})


def _reply(session_id: str, answer: TurnAnswer) -> Response:
    outcome = answer.outcome
    if outcome.state in {TurnState.DONE, TurnState.CANCELLED}:
        return JSONResponse(
            {
                "ok": True,
                "session_id": session_id,
                "turn_index": outcome.turn,
                "events": answer.events,
                "stop_reason": outcome.stop_reason,
                "duration_ms": outcome.duration_ms,
            }
        )
    body = {
        "ok": False,
        "error": outcome.error,
        "stderr": outcome.stderr,
        "stop_reason": outcome.stop_reason,
        "duration_ms": outcome.duration_ms,
        "session_id": session_id,
    }
    return JSONResponse(body, 502, {"X-Turn-Index": str(outcome.turn)})
