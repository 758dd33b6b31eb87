"""Whether the server lives, whether it takes work, and how much it does."""

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse, PlainTextResponse

from clawdforge.errors import ClawdforgeError
from clawdforge.http.routes.documented import errors
from clawdforge.http.schemas import HealthReply, ReadyReply
from clawdforge.http.services import Services, services
from clawdforge.http.strict import MetricsRoute, OpenRoute

router = APIRouter(route_class=OpenRoute, tags=["server"])
metrics_router = APIRouter(route_class=MetricsRoute, tags=["server"])


@router.get("/healthz", response_model=HealthReply, responses=errors())
async def healthz(request: Request) -> Response:
    """The server lives. Versions are looked up at most every 30 s."""
    its: Services = services(request)
    claude, acpx = await its.programs()
    body = {
        "ok": True,
        "claude_present": claude.available,
        "claude_version": claude.version,
        "acpx_present": acpx.available,
        "acpx_version": acpx.version,
        "open_sessions": await _open_sessions(its),
    }
    return JSONResponse(body)


async def _open_sessions(its: Services) -> int:
    """How many are open; a ledger that cannot be read is no reason to seem dead."""
    try:
        return await its.ledger.count_open_sessions()
    except ClawdforgeError:
        return 0


@router.get(
    "/readyz",
    response_model=ReadyReply,
    responses={**errors(), 503: {"model": ReadyReply, "description": "Takes no work now."}},
)
async def readyz(request: Request) -> Response:
    """The server takes work: it is not stopping, and the ledger can be written."""
    its = services(request)
    problem = "the server is stopping" if its.runs.stopping else None
    if problem is None:
        try:
            await its.ledger.check()
        except ClawdforgeError as error:
            problem = f"the ledger cannot be written ({error.code})"
    return JSONResponse({"ok": problem is None, "problem": problem}, 503 if problem else 200)


@metrics_router.get(
    "/metrics",
    response_class=PlainTextResponse,
    responses=errors(401),
)
async def metrics(request: Request) -> Response:
    """Prometheus metrics, for the admin or an app with the scope `metrics`."""
    body, content_type = services(request).metrics.exposition()
    return Response(body, headers={"Content-Type": content_type})
