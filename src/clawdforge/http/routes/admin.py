"""`/admin/tokens`: the admin makes, lists and revokes apps."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import JSONResponse

from clawdforge.core.permission import parse_policy, to_json
from clawdforge.gateway.caller import Caller
from clawdforge.http.routes.documented import errors
from clawdforge.http.schemas import Done, TokenBody, TokenList, TokenReply
from clawdforge.http.services import services
from clawdforge.http.strict import AdminRoute, caller

router = APIRouter(prefix="/admin", route_class=AdminRoute, tags=["admin"])

Who = Annotated[Caller, Depends(caller)]


@router.post("/tokens", response_model=TokenReply, responses=errors(401, 409, 413, 415, 422, 503))
async def create(request: Request, body: TokenBody, who: Who) -> Response:
    """Make an app. Its token is shown this once."""
    app, token = await services(request).apps.create(
        body.name,
        ip_cidrs=body.ip_cidrs or (),
        scopes=body.scopes,
        policy=_policy(body.permissions),
        who=who,
    )
    return JSONResponse({"name": app.name, "token": token, "ip_cidrs": list(app.ip_cidrs)})


def _policy(given: Any) -> dict[str, Any] | None:
    return None if given is None else to_json(parse_policy(given))


@router.get("/tokens", response_model=TokenList, responses=errors(401))
async def listed(request: Request) -> Response:
    """All apps that are not revoked."""
    rows = [
        {
            "name": app.name,
            "ip_cidrs": list(app.ip_cidrs),
            "scopes": list(app.scopes),
            "created_at": app.created_at,
            "last_used_at": app.last_used_at,
            "permissions": app.policy,
        }
        for app in services(request).apps.listed()
    ]
    return JSONResponse({"tokens": rows})


@router.delete("/tokens/{name}", response_model=Done, responses=errors(401, 404, 503))
async def revoke(request: Request, name: str, who: Who) -> Response:
    """Revoke an app's token, with immediate effect."""
    await services(request).apps.revoke(name, who=who)
    return JSONResponse({"ok": True})
