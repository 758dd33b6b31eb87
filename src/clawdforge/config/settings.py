"""What can be set, its type, range, default, environment variable and meaning.

Each field's `Meta` is the single source for validation, for `clawdforge config`, and for
the table in the docs. The names of clawdforge 0.2's variables are kept.
"""

from typing import Annotated, Literal, get_args

import msgspec
from msgspec import Meta

from clawdforge.config.tables import AgentSettings, McpServerSettings, SecretSettings

MIB = 1024 * 1024
MIN_TIMEOUT_SECS = 5
"""The shortest time-out a run may ask for (the HTTP contract)."""


def _about(text: str, *env: str, secret: bool = False) -> Meta:
    """Describe a setting: what it is for, and the variables that set it, first wins."""
    return Meta(description=text, extra={"env": env, "secret": secret})


Port = Annotated[int, Meta(ge=0, le=65535)]
Positive = Annotated[int, Meta(ge=1)]
Natural = Annotated[int, Meta(ge=0)]
YEAR_SECS = 366 * 86_400
Seconds = Annotated[float, Meta(ge=0, le=YEAR_SECS)]
SomeSeconds = Annotated[float, Meta(gt=0, le=YEAR_SECS)]


PermissionMode = Literal["deny", "allow-reads", "ask", "allow-all"]
PERMISSION_MODES: tuple[PermissionMode, ...] = get_args(PermissionMode)
"""Narrowest first."""


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """All settings of a server."""

    host: Annotated[str, _about("Address to listen on.", "CLAWDFORGE_HOST")] = "127.0.0.1"
    port: Annotated[
        Port, _about("TCP port to listen on; 0 picks a free one.", "CLAWDFORGE_PORT")
    ] = 8800
    data_dir: Annotated[
        str, _about("Folder of the ledger, files and credentials (0700).", "CLAWDFORGE_DATA_DIR")
    ] = ""
    runs_dir: Annotated[
        str, _about("Folder for the runs' working folders.", "CLAWDFORGE_RUNS_DIR")
    ] = ""
    allow_cidrs: Annotated[
        tuple[str, ...],
        _about("Networks that may call; loopback always may.", "ALLOW_CIDRS"),
    ] = ()
    allowed_hosts: Annotated[
        tuple[str, ...],
        _about(
            "Host names that requests may be addressed to, beyond IP addresses, localhost and "
            "this machine's own name.",
            "CLAWDFORGE_ALLOWED_HOSTS",
        ),
    ] = ()
    allowed_origins: Annotated[
        tuple[str, ...],
        _about("Web origins that may call from a browser.", "CLAWDFORGE_ALLOWED_ORIGINS"),
    ] = ()
    admin_token: Annotated[
        str,
        _about(
            "Token for /admin; made and kept in the data folder when not set.",
            "ADMIN_BOOTSTRAP_TOKEN",
            "CLAWDFORGE_ADMIN_TOKEN",
            secret=True,
        ),
    ] = ""
    default_agent: Annotated[
        str,
        _about(
            "Agent of runs that name none; empty: claude when present, else demo.",
            "CLAWDFORGE_DEFAULT_AGENT",
        ),
    ] = ""
    claude_bin: Annotated[
        str, _about("The claude program: a name on PATH or a path.", "CLAWDFORGE_CLAUDE_BIN")
    ] = "claude"
    acpx_bin: Annotated[str, _about("The acpx program, shown by /healthz.", "ACPX_BIN")] = "acpx"
    default_model: Annotated[
        str, _about("Model of runs that name none.", "CLAWDFORGE_DEFAULT_MODEL")
    ] = "sonnet"
    default_timeout_secs: Annotated[
        int,
        Meta(ge=MIN_TIMEOUT_SECS),
        _about("Time-out of runs that name none.", "CLAWDFORGE_DEFAULT_TIMEOUT_SECS"),
    ] = 120
    max_timeout_secs: Annotated[
        int,
        Meta(ge=MIN_TIMEOUT_SECS),
        _about("Longest time-out a run may ask for.", "CLAWDFORGE_MAX_TIMEOUT_SECS"),
    ] = 600
    max_active_agents: Annotated[
        Positive,
        _about(
            "Agent processes at work at once; others wait in line.", "CLAWDFORGE_MAX_ACTIVE_AGENTS"
        ),
    ] = 8
    max_waiting_runs: Annotated[
        Natural,
        _about(
            "Length of the line for a free agent; beyond it: 503.", "CLAWDFORGE_MAX_WAITING_RUNS"
        ),
    ] = 64
    max_line_wait_secs: Annotated[
        Positive,
        _about("Longest wait in that line; beyond it: 503.", "CLAWDFORGE_MAX_LINE_WAIT_SECS"),
    ] = 25
    max_body_bytes: Annotated[
        Positive, _about("Largest JSON body.", "CLAWDFORGE_MAX_BODY_BYTES")
    ] = 8 * MIB
    max_upload_bytes: Annotated[
        Positive, _about("Largest uploaded file.", "CLAWDFORGE_MAX_UPLOAD_BYTES")
    ] = 100 * MIB
    max_output_bytes: Annotated[
        Positive,
        _about("Most output an agent may write in one run.", "CLAWDFORGE_MAX_OUTPUT_BYTES"),
    ] = 64 * MIB
    stop_grace_secs: Annotated[
        Natural,
        _about(
            "How long running runs may go on after the server was told to stop.",
            "CLAWDFORGE_STOP_GRACE_SECS",
        ),
    ] = 10
    store_prompts: Annotated[
        bool, _about("Keep the text of prompts in the ledger.", "CLAWDFORGE_STORE_PROMPTS")
    ] = False
    log_level: Annotated[
        Literal["debug", "info", "warning", "error"],
        _about("Least severity that is logged.", "CLAWDFORGE_LOG_LEVEL"),
    ] = "info"
    log_format: Annotated[
        Literal["auto", "json", "text"],
        _about("Log lines as JSON or text; auto: text on a terminal.", "CLAWDFORGE_LOG_FORMAT"),
    ] = "auto"
    max_live_sessions: Annotated[
        Positive, _about("Open sessions; beyond it: 503.", "CLAWDFORGE_MAX_LIVE_SESSIONS")
    ] = 10_000
    session_ttl_secs: Annotated[
        Positive,
        _about(
            "How long an open session may be idle until it is closed.",
            "CLAWDFORGE_SESSION_TTL_SECS",
        ),
    ] = 3600
    session_hard_ttl_secs: Annotated[
        Positive,
        _about(
            "How long a closed session can still be read and resumed; then it is deleted.",
            "CLAWDFORGE_SESSION_HARD_TTL_SECS",
        ),
    ] = 86_400
    hibernate_after_secs: Annotated[
        Seconds,
        _about(
            "How long an idle session's agent process is kept; the next turn wakes it again.",
            "CLAWDFORGE_HIBERNATE_AFTER_SECS",
        ),
    ] = 60
    warm_agents: Annotated[
        Natural,
        _about(
            "Processes of each agent that are kept started for first turns.",
            "CLAWDFORGE_WARM_AGENTS",
        ),
    ] = 0
    agent_start_secs: Annotated[
        SomeSeconds,
        _about("How long an agent may take to get ready.", "CLAWDFORGE_AGENT_START_SECS"),
    ] = 30
    cancel_grace_secs: Annotated[
        Seconds,
        _about(
            "How long an agent that was told to stop its turn may take; then it is killed.",
            "CLAWDFORGE_CANCEL_GRACE_SECS",
        ),
    ] = 2
    turn_inbox: Annotated[
        Positive,
        _about("Turns that may wait in a session; beyond it: 429.", "CLAWDFORGE_TURN_INBOX"),
    ] = 8
    permissions: Annotated[
        PermissionMode,
        _about(
            "What agents may do in sessions that say nothing else: deny, allow-reads, ask, "
            "allow-all.",
            "CLAWDFORGE_PERMISSIONS",
        ),
    ] = "allow-reads"
    max_permissions: Annotated[
        PermissionMode,
        _about("The widest permissions that a session may ask for.", "CLAWDFORGE_MAX_PERMISSIONS"),
    ] = "allow-all"
    permission_timeout_secs: Annotated[
        Positive,
        _about(
            "How long an agent's question waits for a person; then the answer is no.",
            "CLAWDFORGE_PERMISSION_TIMEOUT_SECS",
        ),
    ] = 60
    workspace_roots: Annotated[
        tuple[str, ...],
        _about(
            "Where git repositories for workspaces may lie: absolute paths, or beginnings of "
            "https://, ssh://, file:// and git@host: addresses.",
            "CLAWDFORGE_WORKSPACE_ROOTS",
        ),
    ] = ()
    git_timeout_secs: Annotated[
        SomeSeconds,
        _about("How long git may take to make a workspace.", "CLAWDFORGE_GIT_TIMEOUT_SECS"),
    ] = 120
    sse_heartbeat_secs: Annotated[
        SomeSeconds,
        _about(
            "How often a silent stream of events gets a comment.", "CLAWDFORGE_SSE_HEARTBEAT_SECS"
        ),
    ] = 15
    monitor: Annotated[
        Literal["auto", "off"],
        _about(
            "auto: run the monitor of all agent sessions on this machine, or follow the one that "
            "runs. off: neither.",
            "CLAWDFORGE_MONITOR",
        ),
    ] = "auto"
    hosts: Annotated[
        tuple[str, ...],
        _about(
            "Other machines whose agent sessions `clawdforge top` and the page show, too, over "
            "ssh: user@machine, names of ~/.ssh/config.",
            "CLAWDFORGE_HOSTS",
        ),
    ] = ()
    max_event_readers: Annotated[
        Positive, _about("Streams of events at once.", "CLAWDFORGE_MAX_EVENT_READERS")
    ] = 1000
    node_lease_secs: Annotated[
        SomeSeconds,
        _about(
            "How long the server may be out of touch with the ledger before its sessions are "
            "another's to take.",
            "CLAWDFORGE_NODE_LEASE_SECS",
        ),
    ] = 15
    agents: Annotated[
        dict[str, AgentSettings],
        _about("Agents by name; tables [agents.NAME] of the file, beside claude and demo."),
    ] = {}
    mcp_servers: Annotated[
        dict[str, McpServerSettings],
        _about("MCP servers that sessions may ask for; tables [mcp_servers.NAME] of the file."),
    ] = {}
    secrets: Annotated[
        dict[str, SecretSettings],
        _about("Variables that sessions may ask for; tables [secrets.NAME] of the file."),
    ] = {}

    def __repr__(self) -> str:
        """Never shows the admin token."""
        return f"Settings(host={self.host!r}, port={self.port}, data_dir={self.data_dir!r}, ...)"
