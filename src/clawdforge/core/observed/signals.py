"""What is heard of agent sessions on this machine: the inputs of the registry.

Status lines and hooks are Claude Code's, with what the hook client adds (`pid`, `tmux_pane` and
other context of the process). Field names and strictness are those of atmd 0.2.2: what is named
there must have its type, all else is taken leniently or ignored.
"""

from typing import Annotated, Any

import msgspec
from msgspec import UNSET, Meta, UnsetType

U32 = Annotated[int, Meta(ge=0, le=2**32 - 1)]
U64 = Annotated[int, Meta(ge=0)]
"""msgspec has no upper bound beyond 63 bits: who reads looks at it (`wire.atm_reading`)."""


class Moment(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Now, by both clocks."""

    utc: float
    """Seconds since 1970."""
    mono: float
    """Seconds that only grow."""


class ProcessId(msgspec.Struct, frozen=True, gc=False):
    """A process for ever: its pid is used again, pid and start time are not."""

    pid: int
    start: int
    """When it started, in the kernel's ticks since boot (field 22 of /proc/PID/stat)."""


class Model(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """The model of a status line."""

    id: str
    display_name: str | None = None


class Cost(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """The cost of a status line: totals of the session."""

    total_cost_usd: float
    total_duration_ms: U64
    total_api_duration_ms: U64 = 0
    total_lines_added: U64 | UnsetType = UNSET
    total_lines_removed: U64 | UnsetType = UNSET


class CurrentUsage(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Tokens of the last request."""

    input_tokens: U64 = 0
    output_tokens: U64 = 0
    cache_creation_input_tokens: U64 = 0
    cache_read_input_tokens: U64 = 0


class ContextWindow(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """How full the context is."""

    total_input_tokens: U64 = 0
    total_output_tokens: U64 = 0
    context_window_size: U32 | UnsetType = UNSET
    used_percentage: float | None = None
    remaining_percentage: float | None = None
    current_usage: CurrentUsage | UnsetType | None = UNSET
    """None: there is nothing in the context, as after /clear."""


class Workspace(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Where the session works."""

    current_dir: str | None = None
    project_dir: str | None = None


class StatusLine(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One status line of Claude Code."""

    session_id: str
    pid: U32 | None = None
    """Added by the hook client."""
    tmux_pane: str | None = None
    """Added by the hook client."""
    transcript_path: str | None = None
    version: str | None = None
    cwd: str | None = None
    workspace: Workspace | None = None
    exceeds_200k_tokens: bool | None = None
    model: Model | None = None
    cost: Cost | None = None
    context_window: ContextWindow | None = None


class Hook(msgspec.Struct, frozen=True, kw_only=True):
    """One hook event of Claude Code."""

    session_id: str
    hook_event_name: str
    pid: U32 | None = None
    """Added by the hook client: the agent's own process."""
    tmux_pane: str | None = None
    """Added by the hook client."""
    tool_name: str | None = None
    notification_type: str | None = None
    agent_id: str | None = None
    """Of the subagent that it is about."""
    agent_type: str | None = None
    prompt: str | None = None
    cwd: str | None = None
    permission_mode: str | None = None
    tool_use_id: str | None = None
    agent_transcript_path: str | None = None
    source: str | None = None
    reason: str | None = None
    model: str | None = None
    trigger: str | None = None
    custom_instructions: str | None = None
    message: str | None = None
    stop_hook_active: bool | None = None
    tool_input: msgspec.Raw = msgspec.Raw(b"null")
    tool_response: msgspec.Raw = msgspec.Raw(b"null")
    # Beyond atmd 0.2.2: any JSON, read leniently.
    background_tasks: Any = None
    session_crons: Any = None
    error: Any = None
    tool_calls: msgspec.Raw = msgspec.Raw(b"null")
    prompt_id: Any = None
    """Of the turn; a prompt that is given during a turn carries that turn's."""
    entrypoint: Any = None
    """Added by our hook client: `cli`, `sdk-cli` …"""
    sent_at: Any = None
    """Added by our hook client: seconds since 1970 when the hook ran."""

    def __repr__(self) -> str:  # prompts and what tools are given are nobody's business
        return f"Hook({self.hook_event_name!r} of {self.session_id!r})"


class Record(msgspec.Struct, frozen=True, kw_only=True, rename="camel", gc=False):
    """One file of Claude Code's own registry, `sessions/<pid>.json`; undocumented, so lenient."""

    pid: int
    session_id: str
    cwd: str | None = None
    started_at: float | None = None
    """Milliseconds since 1970."""
    proc_start: str | None = None
    """The process's start time, as `ProcessId.start`, in decimal."""
    version: str | None = None
    kind: str | None = None
    """`interactive`, `bg`, `daemon`, `daemon-worker`."""
    entrypoint: str | None = None
    tmux: str | None = None
    """`session:@window.%pane`."""
    name: str | None = None
    status: str | None = None
    """`busy`, `shell`, `idle`, `waiting`; None while it starts."""
    waiting_for: str | None = None
    updated_at: float | None = None
    status_updated_at: float | None = None


class Found(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A running agent that was found by looking at the processes."""

    process: ProcessId
    agent: str = "claude"
    """Which agent it is, by the table of known ones."""
    cwd: str | None = None
    tmux_pane: str | None = None
    parents: tuple[int, ...] = ()
    """The pids of its ancestors, nearest first."""


class Place(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What git knows about a folder."""

    project_root: str | None = None
    worktree_path: str | None = None
    worktree_branch: str | None = None


class Driven(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """How a session stands that a gateway drives."""

    session_id: str
    """The gateway's id of it."""
    app: str
    agent: str
    status: str
    """`running`, `waiting` (for a permission), `idle`, `hibernated`, `attached` (to somebody's
    terminal)."""
    agent_session_id: str | None = None
    """The agent's own id of the conversation: what its hooks report."""
    process: ProcessId | None = None
    """The agent's process, where one runs."""
    model: str | None = None
    cwd: str | None = None
    tool: str | None = None
    """The tool that runs, or that the agent asks for."""
    cost_microusd: int | None = None
    context_used: int | None = None
    context_size: int | None = None
    turn: int | None = None
    """The number of the turn that runs."""
    started_at: float | None = None
    """Seconds since 1970."""
    first_prompt: str | None = None
    pending_permissions: int = 0

    def __repr__(self) -> str:  # without the prompt
        return f"Driven({self.session_id!r} is {self.status!r})"
