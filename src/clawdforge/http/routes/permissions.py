"""`/permissions`: what agents ask, and the answers."""

from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Query, Request, Response
from fastapi.responses import JSONResponse

from clawdforge.core.session_records import PermissionState
from clawdforge.gateway.caller import Caller
from clawdforge.http.routes.documented import errors
from clawdforge.http.rows import permission_row
from clawdforge.http.services import services
from clawdforge.http.session_schemas import AnswerBody, PermissionList, PermissionRow
from clawdforge.http.strict import AppRoute, caller

router = APIRouter(route_class=AppRoute, tags=["permissions"])

MAX_PAGE = 200
Who = Annotated[Caller, Depends(caller)]


@router.get("/permissions", response_model=PermissionList, responses=errors(401, 422, 503))
async def page(
    request: Request,
    who: Who,
    state: Annotated[Literal["pending", "all"], Query()] = "pending",
    limit: Annotated[int, Query(ge=1, le=MAX_PAGE)] = 50,
) -> Response:
    """What the agents of the app's sessions ask, newest first."""
    only = PermissionState.PENDING if state == "pending" else None
    found = await services(request).permissions.page(limit=limit, state=only, who=who)
    rows = [permission_row(permission) for permission in found]
    return JSONResponse({"permissions": rows, "count": len(rows)})


@router.get(
    "/permissions/{permission_id}", response_model=PermissionRow, responses=errors(401, 404, 503)
)
async def one(request: Request, permission_id: str, who: Who) -> Response:
    """One question."""
    return JSONResponse(
        permission_row(await services(request).permissions.get(permission_id, who=who))
    )


@router.post(
    "/permissions/{permission_id}",
    response_model=PermissionRow,
    responses=errors(401, 404, 409, 413, 415, 422, 503),
)
async def answer(request: Request, permission_id: str, body: AnswerBody, who: Who) -> Response:
    """Answer a question. Who answers first wins; the agent is told at once."""
    answered = await services(request).permissions.answer(
        permission_id,
        allow=body.decision == "allow",
        always=body.scope == "always",
        option_id=body.option_id,
        message=body.message,
        args=body.args,
        who=who,
    )
    return JSONResponse(permission_row(answered))
