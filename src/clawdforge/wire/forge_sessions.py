"""The JSON of sessions, their turns and permissions.

Times are UTC seconds since 1970, durations milliseconds, money micro-dollars. What a server of
0.2 does not send has a default.
"""

from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from clawdforge.core.names import MODEL_NAME, Effort, SystemMode
from clawdforge.wire.forge import AgentName, FileTokenText, NotBlank, Positive

PolicyMode = Literal["deny", "ask", "allow-reads", "allow-all"]
Action = Literal["allow", "deny", "ask"]
ModelName = Annotated[str, Meta(pattern=MODEL_NAME.replace("$", r"\Z"))]


class Rule(
    msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True
):
    """What happens when a tool whose name fits `tool` is about a file that fits `path`.

    Both are patterns as of shells, `Bash*` and `src/**`; `path` None fits all.
    """

    tool: NotBlank
    action: Action
    path: NotBlank | None = None


class Policy(
    msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True
):
    """What the agent may do. The first rule that fits wins, else `mode` decides.

    A question nobody answers for `timeout_secs` is answered with `on_timeout`.
    """

    mode: PolicyMode
    rules: tuple[Rule, ...] = ()
    timeout_secs: Positive | None = None
    on_timeout: Literal["deny", "allow"] | None = None


class Workspace(
    msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True
):
    """A git repository to work in: a path or URL under one of the server's roots.

    `ref` is a branch, tag or commit; None: the default branch. `worktree` adds a worktree to the
    repository that is there instead of cloning it.
    """

    git: NotBlank
    ref: NotBlank | None = None
    worktree: bool = False


class SessionRequest(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The body of `POST /sessions`. What is None is left out, and the server's default holds."""

    agent: AgentName | None = None
    meta: dict[str, Any] | None = None
    model: ModelName | None = None
    system: str | None = None
    system_mode: SystemMode | None = None
    effort: Effort | None = None
    mode: NotBlank | None = None
    permissions: PolicyMode | Policy | None = None
    workspace: Workspace | None = None
    mcp_servers: tuple[NotBlank, ...] | None = None
    secrets: tuple[NotBlank, ...] | None = None


class SessionChange(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The body of `PATCH /sessions/{id}`. What is None stays as it is."""

    model: ModelName | None = None
    mode: NotBlank | None = None
    effort: Effort | None = None
    system: str | None = None
    system_mode: SystemMode | None = None
    permissions: PolicyMode | Policy | None = None


class TurnRequest(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The body of `POST /sessions/{id}/turn`."""

    prompt: NotBlank
    files: tuple[FileTokenText, ...] | None = None
    timeout_secs: Positive | None = None
    wait: bool = True


class ForkRequest(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The body of `POST /sessions/{id}/fork`."""

    meta: dict[str, Any] | None = None


class PermissionAnswer(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The body of `POST /permissions/{id}`."""

    decision: Literal["allow", "deny"]
    scope: Literal["once", "always"] | None = None
    option_id: str | None = None
    message: str | None = None
    args: dict[str, Any] | None = None


class Usage(msgspec.Struct, frozen=True, kw_only=True):
    """Tokens and cost, as the agent reported them; None: it did not."""

    input_tokens: int | None = None
    output_tokens: int | None = None
    cache_read_tokens: int | None = None
    cache_write_tokens: int | None = None
    cost_microusd: int | None = None
    context_used: int | None = None
    context_size: int | None = None
    """Tokens in the agent's context, and its size."""


class SessionReply(msgspec.Struct, frozen=True, kw_only=True):
    """The answer of `POST /sessions` and of a fork."""

    ok: bool
    session_id: NotBlank
    agent: str
    created_at: int | None = None
    model: str | None = None


class SessionInfo(msgspec.Struct, frozen=True, kw_only=True):
    """A session. The keys from `app_name` on may be absent in 0.2.

    `live`: an agent process runs for it. `state` is `idle`, `running`, `hibernated` (open, and
    no process; the next turn wakes it) or `closed`. `turn` is the number of the running turn.
    """

    session_id: str
    agent: str
    created_at: int
    turn_count: int
    last_turn_at: int | None
    closed_at: int | None
    live: bool
    meta: dict[str, Any] | None
    app_name: str | None = None
    model: str | None = None
    state: str | None = None
    turn: int | None = None
    options: dict[str, Any] = {}
    """How the agent is started: `effort`, `mode`, `permissions`, `workspace` … Never `system`."""
    forked_from: str | None = None
    last_seq: int | None = None
    """The newest event's number."""
    usage: Usage = Usage()
    """Of all turns together."""
    pending_permissions: int = 0
    """Questions of the agent that wait for an answer."""
    attached: dict[str, Any] | None = None
    """Who has it in a terminal: `by`, `since`, `pid`; None: nobody."""


class SessionPage(msgspec.Struct, frozen=True, kw_only=True):
    """Some sessions, newest first. `next` is what `before` must be for the page after."""

    sessions: tuple[SessionInfo, ...]
    count: int
    next: str | None = None


class ClosedReply(msgspec.Struct, frozen=True, kw_only=True):
    """The answer of `DELETE /sessions/{id}`."""

    ok: bool
    already_closed: bool = False


class TurnReply(msgspec.Struct, frozen=True, kw_only=True):
    """The answer of a turn that ended well, or was cancelled."""

    ok: bool
    session_id: str
    turn_index: int
    events: tuple[dict[str, Any], ...]
    stop_reason: str | None
    duration_ms: int


class TurnFailureReply(msgspec.Struct, frozen=True, kw_only=True):
    """The answer, with status 502, of a turn that failed, ran out of time or was interrupted."""

    ok: bool
    error: str
    duration_ms: int
    stderr: str | None = None
    stop_reason: str | None = None
    session_id: str | None = None


class TurnInfo(msgspec.Struct, frozen=True, kw_only=True):
    """A turn in the ledger. What is None is not known (yet), or the agent did not say.

    `state` is `running`, `done`, `failed`, `timeout`, `cancelled` or `interrupted`; `ok` is None
    while it runs. `origin` is `user`, `agent` for a turn that it started by itself, or
    `terminal` for one that a person had with it there.
    """

    session_id: str
    turn_index: int
    state: str
    started_at: int
    ok: bool | None = None
    origin: str = "user"
    ended_at: int | None = None
    duration_ms: int | None = None
    waited_ms: int | None = None
    stop_reason: str | None = None
    error: str | None = None
    stderr: str | None = None
    model: str | None = None
    events: tuple[dict[str, Any], ...] = ()
    """What the turn's own reply holds; only in the answer for one turn."""
    usage: Usage = Usage()
    first_seq: int | None = None
    last_seq: int | None = None
    prompt_bytes: int | None = None
    file_count: int | None = None
    timeout_secs: int | None = None


class TurnPage(msgspec.Struct, frozen=True, kw_only=True):
    """Some turns, newest first. `next` is what `before` must be for the page after."""

    turns: tuple[TurnInfo, ...]
    count: int
    next: int | None = None


class StartedTurn(msgspec.Struct, frozen=True, kw_only=True):
    """The answer of a turn that nobody waits for: its number, to ask with for what came of it."""

    ok: bool
    session_id: str
    turn_index: int
    state: str
    url: str
    """The path of the turn on the server."""


class Cancelled(msgspec.Struct, frozen=True, kw_only=True):
    """The answer of a cancel: whether a turn ran, and which. It has ended."""

    ok: bool
    cancelled: bool
    turn_index: int | None = None


class PermissionOption(msgspec.Struct, frozen=True, kw_only=True):
    """An answer that the agent offers; `kind` is `allow_once` or `reject_always`, for example."""

    option_id: str
    kind: str | None = None
    name: str = ""


class PermissionInfo(msgspec.Struct, frozen=True, kw_only=True):
    """An agent's question whether it may do something.

    `state` is `pending`, `allowed`, `denied`, `expired` or `withdrawn`. `args` is what exactly
    would be done; `answer` what was answered, by `answered_by`.
    """

    permission_id: str
    session_id: str
    state: str
    tool: str
    asked_at: int
    expires_at: int | None = None
    agent: str | None = None
    turn: int | None = None
    answered_at: int | None = None
    answered_by: str | None = None
    call_id: str | None = None
    kind: str | None = None
    title: str | None = None
    args: Any = None
    paths: tuple[str, ...] = ()
    options: tuple[PermissionOption, ...] = ()
    answer: dict[str, Any] | None = None


class PermissionList(msgspec.Struct, frozen=True, kw_only=True):
    """The answer of `GET /permissions`."""

    permissions: tuple[PermissionInfo, ...]
    count: int
