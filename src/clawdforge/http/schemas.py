"""The JSON of the API as FastAPI documents and checks it. Unknown keys are ignored."""

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field
from pydantic.config import JsonDict

from clawdforge.core.names import APP_NAME, MODEL_NAME, Effort, SystemMode

_EXAMPLE_RUN: JsonDict = {
    "prompt": "Name three primary colours as a JSON array.",
    "model": "sonnet",
    "timeout_secs": 60,
}


def _clean(text: str) -> str:
    """Refuse what no program takes as text: NUL bytes, lone surrogates."""
    if "\0" in text:
        msg = "must not hold NUL bytes"
        raise ValueError(msg)
    try:
        text.encode()
    except UnicodeEncodeError:
        msg = "must not hold lone surrogates"
        raise ValueError(msg) from None
    return text


def not_blank(text: str) -> str:
    """Refuse text without any character that shows."""
    if not text.strip():
        msg = "must not be empty or blank"
        raise ValueError(msg)
    return text


Text = Annotated[str, AfterValidator(_clean)]


class Strict(BaseModel):
    """A body: types are not bent, unknown keys are passed over."""

    model_config = ConfigDict(strict=True, extra="ignore")


class RunBody(Strict):
    """What an agent is asked to do."""

    model_config = ConfigDict(json_schema_extra={"examples": [_EXAMPLE_RUN]})

    prompt: Annotated[Text, AfterValidator(not_blank), Field(min_length=1)]
    agent: Annotated[
        str | None,
        Field(description="A configured agent (`GET /agents`); null: the server's default."),
    ] = None
    model: Annotated[
        Text | None,
        Field(description=f"Matches `{MODEL_NAME}`; null or empty: the server's default."),
    ] = None
    system: Annotated[Text | None, Field(description="A system prompt; see `system_mode`.")] = None
    system_mode: Annotated[
        SystemMode | None,
        Field(description="Whether `system` is appended to the agent's own, or replaces it."),
    ] = "append"
    effort: Annotated[Effort | None, Field(description="null: the agent's default.")] = None
    files: Annotated[
        list[Text] | None, Field(description="File tokens of the same app (`POST /files`).")
    ] = None
    timeout_secs: Annotated[
        int | None,
        Field(description="5 to the server's cap (600 by default); null: 120 by default."),
    ] = None


class TokenBody(Strict):
    """An app to be made."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"name": "my-app", "ip_cidrs": ["10.0.0.0/8"]}]}
    )

    name: Annotated[str, Field(description=f"Matches `{APP_NAME}`.")]
    ip_cidrs: Annotated[
        list[str] | None,
        Field(description="Networks that the app may call from; empty: no further limit."),
    ] = None
    scopes: Annotated[
        list[str] | None, Field(description="`run`, `metrics`, `monitor`; null: `run` only.")
    ] = None
    permissions: Annotated[
        Any, Field(description="What its sessions may have at most, as in `POST /sessions`.")
    ] = None


class ErrorDetail(BaseModel):
    """What went wrong."""

    code: Annotated[str, Field(description="Stable; match on this.")]
    message: Annotated[str, Field(description="For people.")]


class ErrorReply(BaseModel):
    """Every error but the 502 of a failed run."""

    ok: Literal[False]
    error: ErrorDetail
    detail: Annotated[str, Field(description="The message once more, for clients of 0.1 and 0.2.")]


class HealthReply(BaseModel):
    """That the server lives, and which programs it found."""

    ok: bool
    claude_present: bool
    claude_version: str | None
    acpx_present: bool
    acpx_version: str | None
    open_sessions: int


class ReadyReply(BaseModel):
    """Whether the server takes work."""

    ok: bool
    problem: str | None


class RunReply(BaseModel):
    """The answer of a run that worked: exactly these keys."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "ok": True,
                    "result": ["red", "yellow", "blue"],
                    "duration_ms": 2310,
                    "stop_reason": "end_turn",
                }
            ]
        }
    )

    ok: Literal[True]
    result: Annotated[
        Any, Field(description="The answer as JSON if it is JSON, a code fence removed; else text.")
    ]
    duration_ms: int
    stop_reason: str | None


class RunFailure(BaseModel):
    """The answer of a run that failed, timed out or was cancelled."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "ok": False,
                    "error": "claude exit 1: API Error: 529 Overloaded",
                    "stderr": "",
                    "duration_ms": 3120,
                    "stop_reason": "error",
                }
            ]
        }
    )

    ok: Literal[False]
    error: str
    stderr: Annotated[str, Field(description="The last part of what the agent wrote there.")]
    duration_ms: int
    stop_reason: Annotated[str, Field(description="`error`, `timeout` or `cancelled`.")]


class RunRow(BaseModel):
    """A run in the ledger. What is null is not known yet, or the agent did not say."""

    run_id: str
    agent: str
    model: str | None
    effort: str | None
    state: Literal["running", "done", "failed", "timeout", "cancelled", "interrupted"]
    started_at: Annotated[int, Field(description="UTC seconds since 1970.")]
    waited_ms: Annotated[int, Field(description="Time in line for a free agent.")]
    duration_ms: int | None
    stop_reason: str | None
    error: str | None
    timeout_secs: int
    prompt_bytes: int
    prompt_sha256: str
    file_count: int
    result_bytes: int | None
    input_tokens: int | None
    output_tokens: int | None
    cache_read_tokens: int | None
    cache_write_tokens: int | None
    cost_microusd: Annotated[int | None, Field(description="Millionths of a dollar.")]


class RunList(BaseModel):
    """Some runs of the app, newest first."""

    runs: list[RunRow]
    count: int
    next: Annotated[str | None, Field(description="`before` of the next page; null: the last.")]


class AgentCaps(BaseModel):
    """What an agent can do in a session."""

    resume: bool
    fork: bool
    asks: Annotated[bool, Field(description="It asks for permission.")]
    cancel: bool
    sets: Annotated[list[str], Field(description="What can be changed while its process runs.")]
    tells_background: bool


class AgentRow(BaseModel):
    """A configured agent."""

    name: str
    driver: str
    default: bool
    available: bool
    version: str | None
    detail: Annotated[str | None, Field(description="What is wrong, and what to do about it.")]
    caps: Annotated[
        AgentCaps | None,
        Field(description="What it can do; null: it was in no session since the server's start."),
    ]


class AgentList(BaseModel):
    """All configured agents."""

    agents: list[AgentRow]


class FileReply(BaseModel):
    """A file was kept."""

    file_token: Annotated[str, Field(description="Shown this once; `ff_…`.")]
    ttl_secs: Annotated[int, Field(description="For how long, brought into 60 to 86400.")]
    size: Annotated[int, Field(description="Bytes.")]


class TokenReply(BaseModel):
    """An app was made."""

    name: str
    token: Annotated[str, Field(description="Shown this once; `cf_…`.")]
    ip_cidrs: list[str]


class TokenRow(BaseModel):
    """An app."""

    name: str
    ip_cidrs: list[str]
    scopes: list[str]
    created_at: Annotated[int, Field(description="UTC seconds since 1970.")]
    last_used_at: int | None
    permissions: dict[str, Any] | None


class TokenList(BaseModel):
    """All apps that are not revoked."""

    tokens: list[TokenRow]


class Done(BaseModel):
    """It was done."""

    ok: Literal[True]
