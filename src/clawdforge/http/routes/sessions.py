"""`/sessions`: make, list, look at, change, close, resume and fork conversations."""

from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request, Response
from fastapi.responses import JSONResponse

from clawdforge.core.options import NewSession, SessionChange, SessionOptions
from clawdforge.core.session_records import Session
from clawdforge.errors import InputError
from clawdforge.gateway.caller import Caller
from clawdforge.http.parameters import cursor, idempotency_key
from clawdforge.http.routes.documented import errors
from clawdforge.http.rows import session_row
from clawdforge.http.services import services
from clawdforge.http.session_schemas import (
    ChangeBody,
    ForkBody,
    SessionBody,
    SessionClosed,
    SessionList,
    SessionMade,
    SessionRow,
)
from clawdforge.http.strict import AppRoute, caller

router = APIRouter(route_class=AppRoute, tags=["sessions"])

MAX_PAGE = 500

Who = Annotated[Caller, Depends(caller)]
Key = Annotated[str | None, Depends(idempotency_key)]


@router.post(
    "/sessions", response_model=SessionMade, responses=errors(401, 409, 413, 415, 422, 503)
)
async def create(request: Request, body: SessionBody, who: Who, key: Key) -> Response:
    """Make a session. Its agent is started with its first turn.

    With the header `Idempotency-Key` a repeated request gives the session of the first one.
    """
    workspace = body.workspace
    options = SessionOptions(
        system=body.system or None,
        system_mode=body.system_mode or "append",
        effort=body.effort,
        mode=body.mode or None,
        permissions=body.permissions,
        workspace=workspace.model_dump() if workspace is not None else None,
        mcp_servers=tuple(body.mcp_servers or ()),
        secrets=tuple(body.secrets or ()),
    )
    wanted = NewSession(
        agent=body.agent or None,
        model=body.model or None,
        meta=body.meta,
        options=options,
        idempotency_key=key,
    )
    return JSONResponse(_made(await services(request).sessions.create(wanted, who=who)))


@router.get("/sessions", response_model=SessionList, responses=errors(401, 422, 503))
async def page(
    request: Request,
    who: Who,
    include_closed: Annotated[  # noqa: FBT002 - a query parameter
        bool, Query(description="Also those that are closed.")
    ] = True,
    limit: Annotated[int | None, Query(ge=1, le=MAX_PAGE, description="null: all.")] = None,
    before: Annotated[str | None, Query(description="`next` of the page before.")] = None,
) -> Response:
    """The app's sessions, newest first."""
    found = await services(request).sessions.page(
        limit=limit + 1 if limit else None,
        before=cursor(before),
        include_closed=include_closed,
        who=who,
    )
    views = found[:limit]
    last = views[-1].session if len(found) > len(views) else None
    body = {
        "sessions": [session_row(view) for view in views],
        "count": len(views),
        "next": f"{last.created_at}-{last.session_id}" if last else None,
    }
    return JSONResponse(body)


@router.get("/sessions/{session_id}", response_model=SessionRow, responses=errors(401, 404, 503))
async def one(request: Request, session_id: str, who: Who) -> Response:
    """One session as it stands now."""
    return JSONResponse(session_row(await services(request).sessions.get(session_id, who=who)))


@router.patch(
    "/sessions/{session_id}",
    response_model=SessionRow,
    responses=errors(401, 404, 409, 410, 413, 415, 422, 503),
)
async def change(request: Request, session_id: str, body: ChangeBody, who: Who) -> Response:
    """Change how the session goes on, between two turns."""
    wanted = SessionChange(
        model=body.model or None,
        mode=body.mode or None,
        effort=body.effort,
        system=body.system,
        system_mode=body.system_mode,
        permissions=body.permissions,
    )
    if wanted == SessionChange():
        msg = "nothing to change: name model, mode, effort, system, system_mode or permissions"
        raise InputError(msg, code="nothing_to_change")
    view = await services(request).changes.change(session_id, wanted, who=who)
    return JSONResponse(session_row(view))


@router.delete(
    "/sessions/{session_id}", response_model=SessionClosed, responses=errors(401, 404, 503)
)
async def close(request: Request, session_id: str, who: Who) -> Response:
    """Close a session; a turn that runs is cancelled. It can be read for a while longer."""
    now = await services(request).sessions.close(session_id, who=who)
    return JSONResponse({"ok": True, "already_closed": not now})


@router.post(
    "/sessions/{session_id}/resume",
    response_model=SessionRow,
    responses=errors(401, 404, 409, 503),
)
async def resume(request: Request, session_id: str, who: Who) -> Response:
    """Open a closed session again, where the agent can go on with its conversation."""
    return JSONResponse(session_row(await services(request).changes.resume(session_id, who=who)))


@router.post(
    "/sessions/{session_id}/fork",
    response_model=SessionMade,
    responses=errors(401, 404, 409, 413, 415, 422, 503),
)
async def fork(
    request: Request, session_id: str, who: Who, body: ForkBody | None = None
) -> Response:
    """A new session that goes on with a copy of this one's conversation and folder."""
    made = await services(request).changes.fork(
        session_id, meta=body.meta if body else None, who=who
    )
    return JSONResponse(_made(made))


def _made(session: Session) -> dict[str, object]:
    return {
        "ok": True,
        "session_id": session.session_id,
        "agent": session.agent,
        "created_at": session.created_at,
        "model": session.model,
    }
