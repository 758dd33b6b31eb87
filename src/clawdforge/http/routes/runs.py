"""`POST /run`, and the app's own rows of the ledger."""

import asyncio
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request, Response
from fastapi.responses import JSONResponse

from clawdforge.core.records import Run
from clawdforge.core.run import RunOutcome, RunRequest
from clawdforge.errors import InputError
from clawdforge.gateway.caller import Caller
from clawdforge.http.routes.documented import errors
from clawdforge.http.schemas import RunBody, RunFailure, RunList, RunReply, RunRow
from clawdforge.http.services import services
from clawdforge.http.strict import AppRoute, caller
from clawdforge.tasks import TaskOwner

router = APIRouter(route_class=AppRoute, tags=["runs"])

MAX_PAGE = 200
CLIENT_GONE = 499
"""nginx's status for a client that left; nobody receives it, but logs and metrics count it."""

Who = Annotated[Caller, Depends(caller)]


@router.post(
    "/run",
    response_model=RunReply,
    responses={
        **errors(401, 404, 413, 415, 422, 503),
        502: {"model": RunFailure, "description": "The agent failed or ran out of time."},
    },
)
async def run(request: Request, body: RunBody, who: Who) -> Response:
    """Run an agent on one prompt and wait for its answer.

    Closing the connection ends the run. The reply's header `X-Run-Id` names its row in the
    ledger.
    """
    wanted = RunRequest(
        prompt=body.prompt,
        agent=body.agent or None,
        model=body.model or None,
        system=body.system or None,
        system_mode=body.system_mode or "append",
        effort=body.effort,
        files=tuple(body.files or ()),
        timeout_secs=body.timeout_secs,
    )
    outcome = await _while_connected(request, wanted, who)
    return Response(status_code=CLIENT_GONE) if outcome is None else _reply(outcome)


@router.get("/runs", response_model=RunList, responses=errors(401, 422, 503))
async def runs(
    request: Request,
    who: Who,
    limit: Annotated[int, Query(ge=1, le=MAX_PAGE)] = 50,
    before: Annotated[str | None, Query(description="`next` of the page before.")] = None,
) -> Response:
    """The app's runs, newest first."""
    its = services(request)
    found = await its.runs.page(limit=limit, before=_cursor(before), who=who)
    last = found[-1].start if len(found) == limit else None
    body = {
        "runs": [_row(run) for run in found],
        "count": len(found),
        "next": f"{last.started_at}-{last.run_id}" if last else None,
    }
    return JSONResponse(body)


@router.get("/runs/{run_id}", response_model=RunRow, responses=errors(401, 404, 503))
async def one_run(request: Request, run_id: str, who: Who) -> Response:
    """One of the app's runs."""
    return JSONResponse(_row(await services(request).runs.get(run_id, who=who)))


async def _while_connected(request: Request, wanted: RunRequest, who: Caller) -> RunOutcome | None:
    """The outcome; None when the client went away before there was one."""
    owner = TaskOwner()
    running = owner.start(services(request).runs.run(wanted, who=who), name="run", awaited=True)
    leaving = owner.start(_gone(request), name="client-gone")
    try:
        await asyncio.wait({running, leaving}, return_when=asyncio.FIRST_COMPLETED)
        return running.result() if running.done() else None
    finally:
        await owner.cancel()


async def _gone(request: Request) -> None:
    """Return when the client has closed the connection."""
    while (await request.receive())["type"] != "http.disconnect":
        pass


def _reply(outcome: RunOutcome) -> Response:
    headers = {"X-Run-Id": outcome.run_id}
    if outcome.ok:
        body: dict[str, Any] = {
            "ok": True,
            "result": outcome.result,
            "duration_ms": outcome.duration_ms,
            "stop_reason": outcome.stop_reason,
        }
        return JSONResponse(body, headers=headers)
    body = {
        "ok": False,
        "error": outcome.error,
        "stderr": outcome.stderr,
        "duration_ms": outcome.duration_ms,
        "stop_reason": outcome.stop_reason,
    }
    return JSONResponse(body, 502, headers)


def _cursor(text: str | None) -> tuple[int, str] | None:
    if text is None:
        return None
    digits, dash, run_id = text.partition("-")
    if not dash or not digits.isascii() or not digits.isdigit() or len(digits) > 12:
        msg = "before: not a `next` of a page"
        raise InputError(msg, code="invalid_cursor")
    return int(digits), run_id


def _row(run: Run) -> dict[str, Any]:
    start, end = run.start, run.end
    usage = end.usage if end else None
    return {
        "run_id": start.run_id,
        "agent": start.agent,
        "model": start.model,
        "effort": start.effort,
        "state": run.state.value,
        "started_at": start.started_at,
        "waited_ms": start.waited_ms,
        "duration_ms": end.duration_ms if end else None,
        "stop_reason": end.stop_reason if end else None,
        "error": end.error if end else None,
        "timeout_secs": start.timeout_secs,
        "prompt_bytes": start.prompt_bytes,
        "prompt_sha256": start.prompt_sha256,
        "file_count": start.file_count,
        "result_bytes": end.result_bytes if end else None,
        "input_tokens": usage.input_tokens if usage else None,
        "output_tokens": usage.output_tokens if usage else None,
        "cache_read_tokens": usage.cache_read_tokens if usage else None,
        "cache_write_tokens": usage.cache_write_tokens if usage else None,
        "cost_microusd": usage.cost_microusd if usage else None,
    }
