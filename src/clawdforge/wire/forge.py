"""The JSON of clawdforge's HTTP API, as values: runs, files, tokens, agents, health.

Sessions are in `forge_sessions`, their events in `forge_events`, decoding in `forge_json`.

Decoding is strict where a mistake would hurt (an integer is an integer, a list is never null)
and tolerant where servers may grow: unknown keys are ignored. Times are UTC seconds since 1970,
durations milliseconds, money micro-dollars.
"""

from typing import Annotated, Any

import msgspec
from msgspec import Meta

from clawdforge.core.names import AGENT_NAME, Effort, SystemMode

FILE_TOKEN = r"^ff_[A-Za-z0-9_-]{1,200}\Z"  # noqa: S105 - a pattern, not a secret

FileTokenText = Annotated[str, Meta(pattern=FILE_TOKEN)]
NotBlank = Annotated[str, Meta(pattern=r"\S")]
Positive = Annotated[int, Meta(ge=1)]
AgentName = Annotated[str, Meta(pattern=AGENT_NAME.replace("$", r"\Z"))]


class RunRequest(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The body of `POST /run`. What is None is left out, and the server's default holds."""

    prompt: NotBlank
    model: str | None = None
    system: str | None = None
    system_mode: SystemMode | None = None
    effort: Effort | None = None
    files: tuple[FileTokenText, ...] | None = None
    timeout_secs: Positive | None = None
    agent: AgentName | None = None


class TokenRequest(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The body of `POST /admin/tokens`."""

    name: str
    ip_cidrs: tuple[NotBlank, ...] = ()
    scopes: tuple[NotBlank, ...] | None = None
    permissions: str | dict[str, Any] | None = None


class Health(msgspec.Struct, frozen=True, kw_only=True):
    """The answer of `GET /healthz`. The keys from `acpx_present` on are absent in 0.1."""

    ok: bool
    claude_present: bool
    claude_version: str | None = None
    acpx_present: bool | None = None
    acpx_version: str | None = None
    open_sessions: int | None = None


class Ready(msgspec.Struct, frozen=True, kw_only=True):
    """The answer of `GET /readyz`. `problem` says why the server takes no work."""

    ok: bool
    problem: str | None


class RunReply(msgspec.Struct, frozen=True, kw_only=True):
    """The answer of a run that worked. `result` is any JSON value."""

    ok: bool
    result: Any
    duration_ms: int
    stop_reason: str | None


class RunFailureReply(msgspec.Struct, frozen=True, kw_only=True):
    """The answer, with status 502, of a run whose agent failed or ran out of time."""

    ok: bool
    error: str
    duration_ms: int
    stderr: str | None = None
    stop_reason: str | None = None


class FileReply(msgspec.Struct, frozen=True, kw_only=True):
    """The answer of `POST /files`; `size` in bytes."""

    file_token: FileTokenText
    ttl_secs: int
    size: int


class TokenReply(msgspec.Struct, frozen=True, kw_only=True):
    """The answer of `POST /admin/tokens`: the only time a token is told."""

    name: str
    token: NotBlank
    ip_cidrs: tuple[str, ...]
    scopes: tuple[str, ...] | None = None


class TokenInfo(msgspec.Struct, frozen=True, kw_only=True):
    """One app in the list of `GET /admin/tokens`. Its token is known to nobody any more."""

    name: str
    ip_cidrs: tuple[str, ...]
    created_at: int
    scopes: tuple[str, ...] = ()
    last_used_at: int | None = None


class TokenList(msgspec.Struct, frozen=True, kw_only=True):
    """The answer of `GET /admin/tokens`."""

    tokens: tuple[TokenInfo, ...]


class Acknowledged(msgspec.Struct, frozen=True, kw_only=True):
    """The answer of `DELETE /admin/tokens/{name}`."""

    ok: bool


class RunInfo(msgspec.Struct, frozen=True, kw_only=True):
    """One run in the ledger. What is None is not known (yet), or the agent did not say.

    `state` is `running`, `done`, `failed`, `timeout`, `cancelled` or `interrupted`; a newer
    server may know more.
    """

    run_id: str
    agent: str
    state: str
    started_at: int
    model: str | None = None
    effort: str | None = None
    duration_ms: int | None = None
    waited_ms: int | None = None
    stop_reason: str | None = None
    error: str | None = None
    prompt_bytes: int | None = None
    prompt_sha256: str | None = None
    file_count: int | None = None
    result_bytes: int | None = None
    input_tokens: int | None = None
    output_tokens: int | None = None
    cache_read_tokens: int | None = None
    cache_write_tokens: int | None = None
    cost_microusd: int | None = None


class RunPage(msgspec.Struct, frozen=True, kw_only=True):
    """Some runs, newest first. `next` is what `before` must be for the page after; None: last."""

    runs: tuple[RunInfo, ...]
    count: int
    next: str | None = None


class AgentInfo(msgspec.Struct, frozen=True, kw_only=True):
    """One configured agent. `detail` says why it is not available."""

    name: str
    driver: str
    default: bool
    available: bool
    version: str | None = None
    detail: str | None = None
    caps: dict[str, Any] | None = None
    """What its sessions can do: `resume`, `fork`, `asks`, `cancel`, `sets`, `tells_background`;
    None: an older server, or one that does not know."""


class AgentList(msgspec.Struct, frozen=True, kw_only=True):
    """The answer of `GET /agents`."""

    agents: tuple[AgentInfo, ...]


class ServerFile(msgspec.Struct, frozen=True, kw_only=True):
    """`server.json` in the data folder, there while a server runs."""

    url: str
    pid: int
    version: str | None = None
    started_at: int | None = None
