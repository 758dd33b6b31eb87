"""`/monitor`: every agent session on this machine, for tokens with the scope `monitor`."""

from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response
from pydantic import BaseModel, Field

from clawdforge.errors import InputError
from clawdforge.http.monitor_stream import MonitorStream
from clawdforge.http.routes.documented import errors
from clawdforge.http.services import services
from clawdforge.http.sse import MEDIA_TYPE
from clawdforge.http.strict import MonitorRoute
from clawdforge.monitor.feed import Position, position_of

router = APIRouter(route_class=MonitorRoute, tags=["monitor"])

_STREAM: dict[str, Any] = {MEDIA_TYPE: {"schema": {"type": "string"}}}


class MonitorSessions(BaseModel):
    """All sessions."""

    sessions: Annotated[
        list[dict[str, Any]],
        Field(description="As on the monitor's socket: `id`, `status`, `state`, `cost_usd` …"),
    ]
    count: int
    position: Annotated[str, Field(description="Where `/monitor/events` goes on: its `after`.")]
    monitor: Annotated[
        str, Field(description="Who runs it: `embedded`, `client` (of an atmd), or `none`.")
    ]


@router.get("/monitor/sessions", response_model=MonitorSessions, responses=errors(401, 403, 503))
async def sessions(request: Request) -> Response:
    """Every agent session on this machine: those of this server, and those started by hand."""
    its = services(request).monitor
    views = its.feed.views()
    head = f'{{"count":{len(views)},"position":"{its.feed.position}","monitor":"{its.role}",'
    body = head.encode() + b'"sessions":[' + b",".join(views) + b"]}"
    return Response(body, media_type="application/json")


@router.get("/monitor/events", responses={**errors(401, 403, 422, 503), 200: {"content": _STREAM}})
async def events(
    request: Request,
    after: Annotated[str | None, Query(description="A position: what changed since.")] = None,
) -> Response:
    """What changes in them, as it happens.

    The first event is `sessions` with all of them; then come `session_updated`,
    `session_removed` and, after each batch, `position`. A reader that comes back with
    `Last-Event-ID` gets what has changed since, each session once and as it is now.
    """
    its = services(request)
    given = request.headers.get("last-event-id") or after
    return MonitorStream(
        its.monitor.feed, after=_position(given), heartbeat_secs=its.heartbeat_secs
    )


def _position(text: str | None) -> Position | None:
    if not text:
        return None
    found = position_of(text)
    if found is None:
        msg = "Last-Event-ID: not a position of these events"
        raise InputError(msg, code="invalid_last_event_id")
    return found
