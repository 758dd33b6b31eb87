"""The JSON of the history: runs and turns together, what they cost, the audit, the limits."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field

from clawdforge.http.session_schemas import UsageRow


class WorkRow(BaseModel):
    """A run, or a turn of a session."""

    kind: Literal["run", "turn"]
    id: Annotated[str, Field(description="Of a run its id; of a turn session, `-`, number.")]
    session_id: str | None
    turn: int | None
    app_name: str
    agent: str
    model: str | None
    state: Literal["running", "done", "failed", "timeout", "cancelled", "interrupted"]
    started_at: Annotated[int, Field(description="UTC seconds since 1970.")]
    duration_ms: int | None
    waited_ms: int
    stop_reason: str | None
    error: str | None
    prompt_bytes: int
    usage: UsageRow


class WorkList(BaseModel):
    """Some of them, newest first."""

    work: list[WorkRow]
    count: int
    next: Annotated[str | None, Field(description="`before` of the next page; null: the last.")]


class SpentRow(BaseModel):
    """What one app used of one agent in one hour or day."""

    begins_at: Annotated[int, Field(description="UTC seconds since 1970.")]
    app_name: str
    agent: str
    runs: int
    turns: int
    failed: Annotated[int, Field(description="Of runs and turns together.")]
    duration_ms: int
    input_tokens: int
    output_tokens: int
    cache_read_tokens: int
    cache_write_tokens: int
    cost_microusd: Annotated[int, Field(description="Millionths of a dollar, of what agents told.")]


class SpentList(BaseModel):
    """What was used, by time, app and agent."""

    usage: list[SpentRow]
    by: Literal["hour", "day"]
    since: int


class AuditRow(BaseModel):
    """Something that was done, by whom, from where."""

    id: int
    at: int
    actor: str
    action: str
    subject: str
    peer: str | None
    request_id: str | None
    detail: dict[str, Any]


class AuditList(BaseModel):
    """Some entries, newest first."""

    entries: list[AuditRow]
    count: int
    next: Annotated[int | None, Field(description="`before` of the next page; null: the last.")]


class LimitRow(BaseModel):
    """A limit of the server."""

    name: Annotated[str, Field(description="The setting.")]
    about: str
    limit: float
    used: Annotated[float | None, Field(description="null: it is no count.")]


class LimitList(BaseModel):
    """The limits, and how far each is used up."""

    limits: list[LimitRow]
