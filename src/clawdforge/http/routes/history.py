"""What was done and what it cost: of the app that asks, or for the admin of all."""

import time
from dataclasses import asdict
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Query, Request, Response
from fastapi.responses import JSONResponse

from clawdforge.core.history import HOUR_SECS, Kind, Span, Wanted, Work
from clawdforge.gateway.caller import Caller
from clawdforge.http.history_schemas import AuditList, LimitList, SpentList, WorkList
from clawdforge.http.parameters import cursor
from clawdforge.http.routes.documented import errors
from clawdforge.http.services import services
from clawdforge.http.strict import AdminRoute, AppRoute, MetricsRoute, caller

router = APIRouter(route_class=AppRoute, tags=["history"])
admin_router = APIRouter(prefix="/admin", route_class=AdminRoute, tags=["admin"])
limits_router = APIRouter(route_class=MetricsRoute, tags=["server"])

MAX_PAGE = 200
MAX_NUMBER = 2**53
DAY_SECS = 86_400
DEFAULT_SECS = 30 * DAY_SECS
MAX_OFFSET_MINS = 14 * 60
_STEPS = {"hour": HOUR_SECS, "day": DAY_SECS}

Who = Annotated[Caller, Depends(caller)]
Limit = Annotated[int, Query(ge=1, le=MAX_PAGE)]
Before = Annotated[str | None, Query(description="`next` of the page before.")]
Word = Annotated[str | None, Query(max_length=200)]
OfKind = Annotated[Kind | None, Query()]
By = Annotated[Literal["hour", "day"], Query()]
Since = Annotated[int | None, Query(ge=0, le=MAX_NUMBER, description="Default: 30 days ago.")]
Offset = Annotated[
    int,
    Query(ge=-MAX_OFFSET_MINS, le=MAX_OFFSET_MINS, description="Of your clock to UTC, in minutes."),
]


@router.get("/history", response_model=WorkList, responses=errors(401, 422, 503))
async def own_work(
    request: Request,
    who: Who,
    kind: OfKind = None,
    agent: Word = None,
    state: Word = None,
    limit: Limit = 50,
    before: Before = None,
) -> Response:
    """The app's runs and turns as one list, newest first."""
    assert who.app is not None
    wanted = Wanted(app_id=who.app.app_id, agent=agent, state=state, kind=kind)
    return await _work(request, wanted, limit, before)


@admin_router.get("/history", response_model=WorkList, responses=errors(401, 422, 503))
async def all_work(
    request: Request,
    kind: OfKind = None,
    app: Word = None,
    agent: Word = None,
    state: Word = None,
    limit: Limit = 50,
    before: Before = None,
) -> Response:
    """The runs and turns of all apps, newest first."""
    wanted = Wanted(app_name=app, agent=agent, state=state, kind=kind)
    return await _work(request, wanted, limit, before)


@router.get("/usage", response_model=SpentList, responses=errors(401, 422, 503))
async def own_usage(
    request: Request, who: Who, by: By = "day", since: Since = None, offset_mins: Offset = 0
) -> Response:
    """What the app has used, by hour or day, and agent. Deleted sessions count, too."""
    assert who.app is not None
    return await _usage(request, by, since, offset_mins, app_id=who.app.app_id)


@admin_router.get("/usage", response_model=SpentList, responses=errors(401, 422, 503))
async def all_usage(
    request: Request, by: By = "day", since: Since = None, offset_mins: Offset = 0
) -> Response:
    """What all apps have used, by hour or day, app and agent."""
    return await _usage(request, by, since, offset_mins, app_id=None)


@admin_router.get("/audit", response_model=AuditList, responses=errors(401, 422, 503))
async def audit(
    request: Request,
    actor: Word = None,
    action: Annotated[
        str | None, Query(max_length=200, description="Whole, or the part before the dot.")
    ] = None,
    subject: Word = None,
    limit: Limit = 50,
    before: Annotated[int | None, Query(ge=1, le=MAX_NUMBER)] = None,
) -> Response:
    """Who did what, and from where, newest first."""
    found = await services(request).ledger.audit_page(
        limit=limit, before=before, actor=actor, action=action, subject=subject
    )
    rows = [{"id": number, **asdict(entry)} for number, entry in found]
    following = rows[-1]["id"] if len(rows) == limit else None
    return JSONResponse({"entries": rows, "count": len(rows), "next": following})


@limits_router.get("/limits", response_model=LimitList, responses=errors(401, 503))
async def limits(request: Request) -> Response:
    """The server's limits, for the admin or an app with the scope `metrics`."""
    rows = [asdict(limit) for limit in await services(request).limits()]
    return JSONResponse({"limits": rows})


async def _work(request: Request, wanted: Wanted, limit: int, before: str | None) -> Response:
    its = services(request)
    found = await its.ledger.work(wanted, limit=limit, before=cursor(before))
    last = found[-1] if len(found) == limit else None
    body = {
        "work": [_row(work) for work in found],
        "count": len(found),
        "next": f"{last.started_at}-{last.work_id}" if last else None,
    }
    return JSONResponse(body)


async def _usage(
    request: Request, by: str, since: int | None, offset_mins: int, *, app_id: str | None
) -> Response:
    begin = int(time.time()) - DEFAULT_SECS if since is None else since
    span = Span(since=begin, step_secs=_STEPS[by], offset_secs=offset_mins * 60)
    found = await services(request).ledger.spending(span, app_id=app_id)
    return JSONResponse({"usage": [asdict(spent) for spent in found], "by": by, "since": begin})


def _row(work: Work) -> dict[str, Any]:
    row = asdict(work)
    return {"id": row.pop("work_id"), **row}
