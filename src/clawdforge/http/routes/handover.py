"""`/sessions/adopt`, `/sessions/{id}/attach`: conversations that change hands with a terminal."""

from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import JSONResponse

from clawdforge.core.options import Adoption
from clawdforge.gateway.caller import Caller
from clawdforge.http.handover_schemas import AdoptBody, AttachBody, AttachedReply
from clawdforge.http.routes.documented import errors
from clawdforge.http.rows import session_row
from clawdforge.http.services import services
from clawdforge.http.session_schemas import SessionRow
from clawdforge.http.strict import AdoptRoute, caller

router = APIRouter(route_class=AdoptRoute, tags=["sessions"])

Who = Annotated[Caller, Depends(caller)]


@router.post(
    "/sessions/adopt",
    response_model=SessionRow,
    responses=errors(401, 404, 409, 413, 415, 422, 503),
)
async def adopt(request: Request, body: AdoptBody, who: Who) -> Response:
    """Make a session of a conversation that somebody began in a terminal of this machine.

    For the admin, and tokens with the scope `adopt`. It goes on in its own folder, with its
    history. While its agent runs in the terminal, only a copy can be taken over (`fork`).
    """
    its = services(request)
    wanted = Adoption(
        conversation=body.conversation,
        fork=body.fork,
        agent=body.agent or None,
        app=body.app or None,
        home=body.home or None,
        permissions=body.permissions,
        meta=body.meta,
    )
    session = await its.adoptions.adopt(wanted, who=who)
    return JSONResponse(session_row(its.sessions.view(session)))


@router.post(
    "/sessions/{session_id}/attach",
    response_model=AttachedReply,
    responses=errors(401, 404, 409, 410, 413, 415, 422, 503),
)
async def attach(request: Request, session_id: str, body: AttachBody, who: Who) -> Response:
    """Give a session to a terminal: what its process has to become.

    For the admin, and tokens with the scope `adopt`. The agent is ended first; turns are refused
    (409 `session_attached`) until that process has ended, and then have in them what was said.
    """
    its = services(request)
    given = await its.hands.attach(session_id, body.pid, body.start, who=who)
    launch = given.launch
    return JSONResponse(
        {
            "ok": True,
            "session": session_row(its.sessions.view(given.session)),
            "conversation": given.conversation,
            "launch": {
                "argv": list(launch.argv),
                "cwd": str(launch.cwd),
                "env": dict(launch.env),
                "without": list(launch.without),
            },
        }
    )
