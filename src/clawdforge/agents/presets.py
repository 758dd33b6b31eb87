"""Agents that are known to speak ACP: how each is started, what it may see, how it logs in.

They are offered when their program is found. A table `[agents.NAME]` of the same name with the
driver `acp` and no command begins with what stands here. Written for claude-agent-acp 0.100.0,
codex-acp 2.6.0, gemini-cli 0.61.0, opencode 1.18.33, qwen-code 0.15.10 and goose 0.20.1.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class Preset:
    """An agent as it ships with us."""

    command: tuple[str, ...]
    """Program and arguments."""
    install: str
    """What to do when the program is missing."""
    env: tuple[str, ...] = ()
    """Names of environment variables that it may see (`*` as in a shell)."""
    always: Mapping[str, str] = field(default_factory=dict)
    """Variables that it always gets."""
    auth_method: str | None = None
    """How it is logged in, when `auth_variable` is set; else it must have been before."""
    auth_variable: str | None = None
    flavour: str | None = None
    mode: str | None = None
    """The mode of conversations that name none, where its own default asks for nothing."""
    version_flag: str | None = "--version"
    """Tells its version; None: it is greeted and asked."""


_PROVIDERS = (
    "ANTHROPIC_*",
    "OPENAI_*",
    "GEMINI_API_KEY",
    "GOOGLE_*",
    "OPENROUTER_API_KEY",
    "AZURE_*",
    "AWS_*",
)

PRESETS: Mapping[str, Preset] = {
    "claude-acp": Preset(
        command=("claude-agent-acp",),
        install="install it with `npm install -g @agentclientprotocol/claude-agent-acp`",
        env=("CLAUDE_CODE_EXECUTABLE",),
        always={"CLAUDE_CODE_ENABLE_PROMPT_SUGGESTION": "false"},
        flavour="claude",
        version_flag=None,
    ),
    "codex": Preset(
        command=("codex-acp",),
        install="install it with `npm install -g @agentclientprotocol/codex-acp`",
        env=("OPENAI_*", "CODEX_*", "AZURE_*"),
        always={"INITIAL_AGENT_MODE": "read-only"},
        mode="read-only",
        version_flag=None,
    ),
    "gemini": Preset(
        command=("gemini", "--acp", "--skip-trust"),
        install="install it with `npm install -g @google/gemini-cli`",
        env=("GEMINI_*", "GOOGLE_*"),
        auth_method="gemini-api-key",
        auth_variable="GEMINI_API_KEY",
    ),
    "opencode": Preset(
        command=("opencode", "acp"),
        install="install it with `npm install -g opencode-ai`",
        env=("OPENCODE_*", *_PROVIDERS),
        always={
            "OPENCODE_DISABLE_AUTOUPDATE": "1",
            "OPENCODE_PERMISSION": '{"edit": "ask", "bash": "ask", "webfetch": "ask"}',
        },
    ),
    "qwen": Preset(
        command=("qwen", "--acp"),
        install="install it with `npm install -g @qwen-code/qwen-code`",
        env=("QWEN_*", "OPENAI_*", "DASHSCOPE_*"),
        auth_method="openai",
        auth_variable="OPENAI_API_KEY",
    ),
    "goose": Preset(
        command=("goose", "acp"),
        install="install it as https://block.github.io/goose says",
        env=("GOOSE_*", "DATABRICKS_*", *_PROVIDERS),
        always={
            "GOOSE_MODE": "approve",
            "GOOSE_DISABLE_SESSION_NAMING": "true",
            "GOOSE_DISABLE_TOOL_CALL_SUMMARY": "true",
        },
        mode="approve",
    ),
}
