"""`/monitor`: every agent session on this machine, for tokens with the scope `monitor`."""

from typing import Annotated, Any

import msgspec
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


class MachineRow(BaseModel):
    """Another machine, and how fresh its picture is. Times are seconds since 1970."""

    name: Annotated[str, Field(description="As in the `host` of its sessions.")]
    live: Annotated[bool, Field(description="It is heard of; else its sessions are `stale`.")]
    since: Annotated[float | None, Field(description="Since when that is so.")]
    heard_at: Annotated[float | None, Field(description="When something was last heard of it.")]
    reason: Annotated[str, Field(description="Why it is not heard of; empty: it is connecting.")]
    hint: Annotated[str | None, Field(description="What to do.")]
    retry_at: Annotated[float | None, Field(description="When it is tried again.")]
    tries: Annotated[int, Field(description="How many in a row have failed.")]
    sessions: int


class MachineRows(BaseModel):
    """The machines of the setting `hosts`."""

    hosts: list[MachineRow]
    count: int


@router.get("/monitor/sessions", response_model=MonitorSessions, responses=errors(401, 403, 503))
async def sessions(request: Request) -> Response:
    """Every agent session on this machine: those of this server, and those started by hand.

    Those of the machines in the setting `hosts` come with them: their `host` says of which, their
    `id` begins with it, and `stale` says that it is not heard of now.
    """
    its = services(request).monitor
    views = its.feed.views()
    head = f'{{"count":{len(views)},"position":"{its.feed.position}","monitor":"{its.role}",'
    body = head.encode() + b'"sessions":[' + b",".join(views) + b"]}"
    return Response(body, media_type="application/json")


@router.get("/monitor/hosts", response_model=MachineRows, responses=errors(401, 403, 503))
async def hosts(request: Request) -> Response:
    """The other machines whose sessions are shown, and how fresh each picture is."""
    found = services(request).monitor.machines
    body = msgspec.json.encode({"hosts": found, "count": len(found)})
    return Response(body, media_type="application/json")


@router.post("/monitor/looking", status_code=204, responses=errors(401, 403, 503))
async def looking(request: Request) -> Response:
    """A person uses what shows the sessions: for a minute they need no notices of them."""
    services(request).monitor.looked()
    return Response(status_code=204)


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
