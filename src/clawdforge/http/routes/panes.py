"""The terminals of sessions that were started by hand: looked at, typed into, ended, begun.

Whoever types into a terminal can do there all that its user can: for tokens with the scope
`control` alone, and each deed is in the audit. What was typed is not.
"""

import time
from collections.abc import Coroutine
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Request
from pydantic import BaseModel, Field, model_validator

from clawdforge.core.records import AuditEntry
from clawdforge.gateway.caller import Caller
from clawdforge.http.routes.documented import errors
from clawdforge.http.schemas import Strict, Text
from clawdforge.http.services import Screen, services
from clawdforge.http.strict import MonitorRoute, caller
from clawdforge.tasks import TaskOwner, finish


class ControlRoute(MonitorRoute):
    """The caller must have the admin token, or be an app with the scope `control`."""

    scope = "control"


router = APIRouter(route_class=ControlRoute, tags=["monitor"])

MAX_TEXT_CHARS = 200_000
MAX_KEYS = 50
Who = Annotated[Caller, Depends(caller)]


class ScreenReply(BaseModel):
    """A pane as it looks."""

    pane: Annotated[str, Field(description="Its tmux id, as `%5`.")]
    place: Annotated[str, Field(description="As tmux writes it: `work:0.1`.")]
    width: int
    height: int
    screen: Annotated[
        str, Field(description="Its lines from the top, with colours as SGR escape sequences.")
    ]


class InputBody(Strict):
    """What to type: a text, or keys."""

    text: Annotated[str | None, Field(max_length=MAX_TEXT_CHARS)] = None
    keys: Annotated[
        list[Text] | None,
        Field(max_length=MAX_KEYS, description="By tmux's names: `Enter`, `Escape`, `Up`, `C-c`."),
    ] = None
    enter: Annotated[bool, Field(description="Press Enter after the text.")] = True
    force: Annotated[
        bool, Field(description="Also while the agent asks something: then it is the answer.")
    ] = False

    @model_validator(mode="after")
    def _one_of_them(self) -> "InputBody":
        if (self.text is None) == (self.keys is None):
            msg = "either a text or keys"
            raise ValueError(msg)
        return self


class SpawnBody(Strict):
    """What to start."""

    agent: Text = "claude"
    beside: Annotated[Text | None, Field(description="A session, whose pane is split.")] = None
    cwd: Annotated[str | None, Field(max_length=4096, description="Where it works.")] = None
    side: Literal["left", "right", "above", "below"] = "below"
    model: Text | None = None


class Done(BaseModel):
    """It was done."""

    ok: bool
    pane: Annotated[str, Field(description="Where.")]


class SpawnReply(Done):
    """What was started."""

    agent: str
    cwd: str


@router.get(
    "/monitor/sessions/{session_id}/screen",
    response_model=ScreenReply,
    responses=errors(401, 403, 404, 409, 503),
)
async def screen(request: Request, session_id: str) -> dict[str, Any]:
    """What a person would see in its terminal now. It must run in tmux."""
    found: Screen = await services(request).panes.screen(session_id)
    return {
        "pane": found.pane,
        "place": found.place,
        "width": found.width,
        "height": found.height,
        "screen": found.text,
    }


@router.post(
    "/monitor/sessions/{session_id}/input",
    response_model=Done,
    responses=errors(401, 403, 404, 409, 413, 415, 422, 503),
)
async def give(request: Request, session_id: str, body: InputBody, who: Who) -> dict[str, Any]:
    """Type into its terminal, as if a person did."""
    panes = services(request).panes
    if body.keys is not None:
        work = panes.press(session_id, body.keys)
        detail: dict[str, Any] = {"keys": len(body.keys)}
    else:
        text = body.text or ""
        work = panes.type(session_id, text, enter=body.enter, force=body.force)
        detail = {"bytes": len(text.encode())}
    return await _done(request, who, "pane.input", session_id, work, detail)


@router.post(
    "/monitor/sessions/{session_id}/interrupt",
    response_model=Done,
    responses=errors(401, 403, 404, 409, 503),
)
async def interrupt(request: Request, session_id: str, who: Who) -> dict[str, Any]:
    """Stop what it does, with the key that its agent has for that. It stays."""
    work = services(request).panes.interrupt(session_id)
    return await _done(request, who, "pane.interrupt", session_id, work)


@router.post(
    "/monitor/sessions/{session_id}/kill",
    response_model=Done,
    responses=errors(401, 403, 404, 409, 503),
)
async def kill(request: Request, session_id: str, who: Who) -> dict[str, Any]:
    """Close its pane, and end by that what runs there."""
    work = services(request).panes.kill(session_id)
    return await _done(request, who, "pane.kill", session_id, work)


@router.post(
    "/monitor/spawn",
    response_model=SpawnReply,
    responses=errors(401, 403, 404, 409, 415, 422, 503),
)
async def spawn(request: Request, body: SpawnBody, who: Who) -> dict[str, Any]:
    """Start an agent in a tmux pane, beside a session or where there is room."""
    panes = services(request).panes
    found: dict[str, str] = {}

    async def work() -> str:
        made = await panes.spawn(
            body.agent, beside=body.beside, cwd=body.cwd, side=body.side, model=body.model
        )
        found.update(agent=made.agent, cwd=made.folder)
        return made.pane

    detail = {"agent": body.agent}
    return {**await _done(request, who, "pane.spawn", body.beside or "", work(), detail), **found}


async def _done(
    request: Request,
    who: Caller,
    action: str,
    session_id: str,
    work: Coroutine[Any, Any, str],
    detail: dict[str, Any] | None = None,
) -> dict[str, Any]:
    """Do it and write it down, also when the caller hangs up meanwhile."""
    its = services(request)

    async def do() -> dict[str, Any]:
        pane = await work
        entry = AuditEntry(
            at=int(time.time()),
            actor=who.actor,
            action=action,
            subject=session_id,
            peer=who.peer,
            request_id=who.request_id,
            detail={"pane": pane, **(detail or {})},
        )
        await its.ledger.audit(entry)
        return {"ok": True, "pane": pane}

    return await finish(TaskOwner().start(do(), name="pane-http", awaited=True))
