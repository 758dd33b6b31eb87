"""The JSON of sessions, turns and permissions. Unknown keys are ignored."""

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from clawdforge.core.names import AGENT_NAME, MODEL_NAME, Effort, SystemMode
from clawdforge.http.schemas import Strict, Text, not_blank

POLICY = (
    "What the agent may do: `deny`, `allow-reads`, `ask`, `allow-all`, or an object with `mode`, "
    "`rules` (each `tool`, `path`, `action`; the first that matches wins), `timeout_secs` and "
    "`on_timeout`."
)


class WorkspaceBody(Strict):
    """The folder that the session works in, made from a git repository."""

    git: Annotated[Text, Field(description="A path or URL under a configured root.")]
    ref: Annotated[Text | None, Field(description="Branch, tag or commit; null: HEAD.")] = None
    worktree: Annotated[
        bool, Field(description="A worktree of a local repository instead of a clone.")
    ] = False


class SessionBody(Strict):
    """How a session is to be. An empty object is valid."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"agent": "claude"}]})

    agent: Annotated[
        str | None, Field(description=f"Matches `{AGENT_NAME}`; null: the server's default.")
    ] = None
    meta: Annotated[dict[str, Any] | None, Field(description="Kept, and given back as it is.")] = (
        None
    )
    model: Annotated[Text | None, Field(description=f"Matches `{MODEL_NAME}`.")] = None
    system: Annotated[Text | None, Field(description="A system prompt; see `system_mode`.")] = None
    system_mode: SystemMode | None = "append"
    effort: Effort | None = None
    mode: Annotated[
        Text | None, Field(max_length=64, description="The agent's own word: `plan` …")
    ] = None
    permissions: Annotated[Any, Field(description=POLICY)] = None
    workspace: Annotated[
        WorkspaceBody | None, Field(description="null: a fresh, empty folder.")
    ] = None
    mcp_servers: Annotated[
        list[Text] | None, Field(description="Names of configured MCP servers.")
    ] = None
    secrets: Annotated[
        list[Text] | None, Field(description="Names of configured secrets, for its environment.")
    ] = None


class ChangeBody(Strict):
    """What is to be different from now on; null: unchanged."""

    model: Text | None = None
    mode: Annotated[Text | None, Field(max_length=64)] = None
    effort: Effort | None = None
    system: Text | None = None
    system_mode: SystemMode | None = None
    permissions: Annotated[Any, Field(description=POLICY)] = None


class ForkBody(Strict):
    """What the copy is to be told apart by."""

    meta: dict[str, Any] | None = None


class TurnBody(Strict):
    """What the agent is told."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"prompt": "What did I just say?"}]})

    prompt: Annotated[Text, AfterValidator(not_blank), Field(min_length=1)]
    files: Annotated[
        list[Text] | None, Field(description="File tokens of the same app (`POST /files`).")
    ] = None
    timeout_secs: Annotated[
        int | None, Field(description="5 to the server's cap; null: its default.")
    ] = None
    wait: Annotated[
        bool, Field(description="false: 202 as soon as the turn has begun, and its URL.")
    ] = True


class AnswerBody(Strict):
    """The answer to an agent's question."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"decision": "allow"}]})

    decision: Literal["allow", "deny"]
    scope: Annotated[
        Literal["once", "always"],
        Field(description="`always`: the like is allowed in this session from now on."),
    ] = "once"
    option_id: Annotated[
        Text | None, Field(description="One of the options that the agent offered.")
    ] = None
    message: Annotated[Text | None, Field(max_length=4000, description="Told to the agent.")] = None
    args: Annotated[
        dict[str, Any] | None,
        Field(description="What is to be done instead: the tool's whole input."),
    ] = None


class SessionMade(BaseModel):
    """A session was made."""

    ok: Literal[True]
    session_id: str
    agent: str
    created_at: int
    model: str | None


class UsageRow(BaseModel):
    """Tokens and cost. null: the agent did not say."""

    input_tokens: int | None
    output_tokens: int | None
    cache_read_tokens: int | None
    cache_write_tokens: int | None
    cost_microusd: Annotated[int | None, Field(description="Millionths of a dollar.")]


class SessionUsage(UsageRow):
    """Of all turns together, and how full the context is."""

    context_used: int | None
    context_size: int | None


class AttachedTo(BaseModel):
    """Who has a session in a terminal."""

    by: str
    since: int
    pid: int | None


class SessionRow(BaseModel):
    """A session as it stands now."""

    ok: Literal[True]
    session_id: str
    app_name: str
    agent: str
    model: str | None
    created_at: Annotated[int, Field(description="UTC seconds since 1970.")]
    turn_count: int
    last_turn_at: int | None
    closed_at: int | None
    live: Annotated[bool, Field(description="Whether an agent process is there for it.")]
    meta: dict[str, Any] | None
    state: Literal["running", "idle", "hibernated", "closed"]
    turn: Annotated[int | None, Field(description="The turn that runs.")]
    options: dict[str, Any]
    forked_from: str | None
    last_seq: int
    usage: SessionUsage
    pending_permissions: int
    attached: Annotated[
        AttachedTo | None, Field(description="Who has it in a terminal; null: nobody.")
    ]


class SessionList(BaseModel):
    """Some sessions of the app, newest first."""

    sessions: list[SessionRow]
    count: int
    next: Annotated[str | None, Field(description="`before` of the next page; null: the last.")]


class SessionClosed(BaseModel):
    """It is closed."""

    ok: Literal[True]
    already_closed: bool


class TurnReply(BaseModel):
    """What came of a turn: exactly these keys."""

    ok: Literal[True]
    session_id: str
    turn_index: int
    events: Annotated[
        list[dict[str, Any]],
        Field(description="`text`, `thinking` (each `content`), `tool_call` (`name`, `args`, …)."),
    ]
    stop_reason: str
    duration_ms: int


class TurnAccepted(BaseModel):
    """The turn has begun."""

    ok: Literal[True]
    session_id: str
    turn_index: int
    state: Literal["running"]
    url: str


class TurnFailure(BaseModel):
    """The turn failed, ran out of time or was interrupted."""

    ok: Literal[False]
    error: str
    stderr: str
    stop_reason: str
    duration_ms: int
    session_id: str


class TurnRow(BaseModel):
    """A turn in the ledger."""

    ok: Annotated[bool | None, Field(description="null: it runs.")]
    session_id: str
    turn_index: int
    origin: Literal["user", "agent", "terminal"]
    state: Literal["running", "done", "failed", "timeout", "cancelled", "interrupted"]
    started_at: int
    ended_at: int | None
    duration_ms: int | None
    waited_ms: int
    stop_reason: str | None
    error: str | None
    stderr: str
    model: str | None
    usage: UsageRow
    first_seq: int
    last_seq: int | None
    prompt: Annotated[str | None, Field(description="null: the server keeps no prompts.")]
    prompt_bytes: int
    file_count: int
    timeout_secs: int


class OneTurn(TurnRow):
    """A turn with what was said in it."""

    events: list[dict[str, Any]]


class TurnList(BaseModel):
    """Some turns of a session, newest first."""

    turns: list[TurnRow]
    count: int
    next: int | None


class Cancelled(BaseModel):
    """Nothing runs any more."""

    ok: Literal[True]
    cancelled: bool
    turn_index: int | None


class EventPage(BaseModel):
    """Events of a session, in order."""

    events: list[dict[str, Any]]
    next: Annotated[int | None, Field(description="`after` of the next page; null: no more now.")]


class PermissionRow(BaseModel):
    """An agent's question."""

    permission_id: str
    session_id: str
    turn: int
    state: Literal["pending", "allowed", "denied", "expired", "withdrawn"]
    asked_at: int
    expires_at: int
    answered_at: int | None
    answered_by: str | None
    tool: str
    kind: str | None
    title: str | None
    args: Any
    paths: list[str]
    call_id: str | None
    options: list[dict[str, Any]]
    answer: dict[str, Any] | None


class PermissionList(BaseModel):
    """Some questions of the app's sessions, newest first."""

    permissions: list[PermissionRow]
    count: int
