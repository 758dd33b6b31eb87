"""`GET /agents`: which agents a run may name."""

import asyncio
from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse

from clawdforge.agents.driver import Caps
from clawdforge.http.routes.documented import errors
from clawdforge.http.schemas import AgentList
from clawdforge.http.services import services
from clawdforge.http.strict import AppRoute

router = APIRouter(route_class=AppRoute, tags=["agents"])


@router.get("/agents", response_model=AgentList, responses=errors(401))
async def agents(request: Request) -> Response:
    """The configured agents, and whether they can be used."""
    its = services(request)
    async with asyncio.TaskGroup() as group:
        looking = [group.create_task(its.agents.status(name)) for name in its.agents.names()]
    default = its.agents.default()
    rows = [
        {
            "name": status.name,
            "driver": status.driver,
            "default": status.name == default,
            "available": status.available,
            "version": status.version,
            "detail": status.problem,
            "caps": _caps(its.caps(status.name)),
        }
        for status in (task.result() for task in looking)
    ]
    return JSONResponse({"agents": rows})


def _caps(caps: Caps | None) -> dict[str, Any] | None:
    if caps is None:
        return None
    return {
        "resume": caps.resume,
        "fork": caps.fork,
        "asks": caps.asks,
        "cancel": caps.cancel,
        "sets": sorted(caps.sets),
        "tells_background": caps.tells_background,
    }
