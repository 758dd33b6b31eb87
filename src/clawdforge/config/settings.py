"""What can be set, its type, range, default, environment variable and meaning.

Each field's `Meta` is the single source for validation, for `clawdforge config`, and for
the table in the docs. The names of clawdforge 0.2's variables are kept.
"""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

MIB = 1024 * 1024
MIN_TIMEOUT_SECS = 5
"""The shortest time-out a run may ask for (the HTTP contract)."""


def _about(text: str, *env: str, secret: bool = False) -> Meta:
    """Describe a setting: what it is for, and the variables that set it, first wins."""
    return Meta(description=text, extra={"env": env, "secret": secret})


Port = Annotated[int, Meta(ge=0, le=65535)]
Positive = Annotated[int, Meta(ge=1)]
Natural = Annotated[int, Meta(ge=0)]


class AgentSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One `[agents.NAME]` table: how an agent is started and what it may see."""

    driver: str
    """The code that speaks its language: `claude` or `demo`."""
    command: tuple[str, ...] = ()
    """Program and leading arguments; empty: the driver's own."""
    args: tuple[str, ...] = ()
    """Further arguments, after those of the driver. From the operator only."""
    env: tuple[str, ...] = ()
    """Names of environment variables it may see beyond the driver's allow-list."""
    default_model: str | None = None
    """Model when the caller names none; None: the server's `default_model`."""
    max_open_files: Annotated[int, Meta(ge=16)] | None = None
    max_file_bytes: Annotated[int, Meta(ge=1)] | None = None
    """Largest file that the agent may write."""
    max_cpu_secs: Annotated[int, Meta(ge=1)] | None = None


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
    agents: Annotated[
        dict[str, AgentSettings],
        _about("Agents by name; tables [agents.NAME] of the file, beside claude and demo."),
    ] = {}

    def __repr__(self) -> str:
        """Never shows the admin token."""
        return f"Settings(host={self.host!r}, port={self.port}, data_dir={self.data_dir!r}, ...)"
