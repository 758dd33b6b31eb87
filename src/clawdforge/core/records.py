"""What the ledger keeps. Times are UTC seconds since 1970, durations milliseconds."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from clawdforge.core.usage import Usage


@dataclass(frozen=True, slots=True, kw_only=True)
class App:
    """A program that may call. Its token is known here by digest only."""

    app_id: str
    """Never reused, so that a new app of an old name inherits nothing."""
    name: str
    """Unique among the apps that are not revoked."""
    token_digest: str
    ip_cidrs: tuple[str, ...] = ()
    """Networks the app may call from; empty: wherever the server allows."""
    scopes: tuple[str, ...] = ("run",)
    created_at: int
    last_used_at: int | None = None
    revoked_at: int | None = None
    policy: Mapping[str, Any] | None = field(default=None, repr=False)
    """The most that its sessions may let an agent do, as a permission policy; JSON. None: no
    limit of its own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredFile:
    """An uploaded file. Its token is known here by digest only."""

    token_digest: str
    app_id: str
    stored_name: str
    """The file's name inside the files folder; made by us, never by a caller."""
    original_name: str
    size_bytes: int
    sha256: str
    created_at: int
    expires_at: int


class RunState(StrEnum):
    """Where a run stands. All but `running` are final."""

    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    TIMEOUT = "timeout"
    CANCELLED = "cancelled"
    INTERRUPTED = "interrupted"
    """The server died while the run was under way; its outcome is unknown."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunStart:
    """What is durable before an agent gets to see the prompt."""

    run_id: str
    app_id: str
    app_name: str
    agent: str
    model: str | None
    effort: str | None = None
    prompt_bytes: int
    prompt_sha256: str
    prompt_text: str | None = None
    """Only when the operator turned `store_prompts` on."""
    file_count: int = 0
    timeout_secs: int
    started_at: int
    waited_ms: int = 0
    """How long the run stood in line."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunEnd:
    """How a run ended. Durable before the caller is told."""

    state: RunState
    duration_ms: int
    stop_reason: str | None = None
    error: str | None = None
    """One short sentence for people; never a prompt, an answer or a secret."""
    result_bytes: int | None = None
    usage: Usage = field(default_factory=Usage)
    ended_at: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One row of the ledger's `runs`: its start and, once it ended, its end."""

    start: RunStart
    end: RunEnd | None = None

    @property
    def state(self) -> RunState:
        """The state: `running` until there is an end."""
        return self.end.state if self.end else RunState.RUNNING


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditEntry:
    """Something that was done, by whom, from where. Kept for ever."""

    at: int
    actor: str
    """`admin`, `server`, or `app:NAME`."""
    action: str
    """`app.create`, `app.revoke`, `file.create`, `run.interrupted`, `server.start` …"""
    subject: str = ""
    peer: str | None = None
    request_id: str | None = None
    detail: Mapping[str, Any] = field(default_factory=dict)
    """Small and JSON-able; never a prompt or a secret."""
