"""`/monitor/approvals`: what sessions ask that were started by hand, and the answers."""

import time
from typing import Annotated, Any, Literal

import msgspec
from fastapi import APIRouter, Depends, Query, Request, Response

from clawdforge.core.observed.approval_answer import ApprovalAnswer
from clawdforge.core.records import AuditEntry
from clawdforge.errors import InputError, NotFoundError
from clawdforge.gateway.caller import Caller
from clawdforge.http.approval_schemas import ApprovalAnswerBody, ApprovalRow, ApprovalRows
from clawdforge.http.routes.documented import errors
from clawdforge.http.services import Services, services
from clawdforge.http.strict import ApproveRoute, MonitorRoute, caller
from clawdforge.tasks import TaskOwner, finish

router = APIRouter(route_class=MonitorRoute, tags=["monitor"])
answering = APIRouter(route_class=ApproveRoute, tags=["monitor"])

MAX_PAGE = 200
Who = Annotated[Caller, Depends(caller)]


@router.get("/monitor/approvals", response_model=ApprovalRows, responses=errors(401, 422, 503))
async def page(
    request: Request,
    state: Annotated[Literal["pending", "all"], Query()] = "pending",
    limit: Annotated[int, Query(ge=1, le=MAX_PAGE)] = 50,
) -> Response:
    """What the sessions in terminals ask and can be answered from here, newest first."""
    rows = await services(request).monitor.approvals.rows(every=state == "all")
    rows = rows[:limit]
    return _json({"permissions": rows, "count": len(rows)})


@router.get(
    "/monitor/approvals/{approval_id}", response_model=ApprovalRow, responses=errors(401, 404, 503)
)
async def one(request: Request, approval_id: str) -> Response:
    """One of them, also when it was settled lately."""
    rows = await services(request).monitor.approvals.rows(approval_id=approval_id)
    if not rows:
        msg = "there is no such approval"
        raise NotFoundError(msg)
    return _json(rows[0])


@answering.post(
    "/monitor/approvals/{approval_id}",
    response_model=ApprovalRow,
    responses=errors(401, 404, 409, 413, 415, 422, 503),
)
async def answer(
    request: Request, approval_id: str, body: ApprovalAnswerBody, who: Who
) -> Response:
    """Answer it, for tokens with the scope `approve`. Who answers first wins."""
    try:
        given = msgspec.convert(body.model_dump(), ApprovalAnswer)
    except msgspec.ValidationError as error:
        raise InputError(str(error)) from None
    # Whoever hangs up meanwhile has answered nevertheless, and that is written down.
    work = _answered(services(request), approval_id, given, who)
    return _json(await finish(TaskOwner().start(work, name="approval-http", awaited=True)))


async def _answered(its: Services, approval_id: str, given: ApprovalAnswer, who: Caller) -> Any:
    row = await its.monitor.approvals.answer(approval_id, given, who)
    entry = AuditEntry(
        at=int(time.time()),
        actor=who.actor,
        action="approval.resolve",
        subject=approval_id,
        peer=who.peer,
        request_id=who.request_id,
        detail={
            "session_id": row["agent_session_id"],
            "tool": row["tool"],
            "state": row["state"],
            "decision": given.decision,
            "scope": row["answer"]["scope"],
            "mode": row["answer"].get("mode"),
        },
    )
    await its.ledger.audit(entry)
    return row


def _json(value: object) -> Response:
    return Response(msgspec.json.encode(value), media_type="application/json")
