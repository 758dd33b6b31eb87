"""How Claude Code is started for a conversation: its flags, and the MCP servers. Pure."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from clawdforge.agents.driver import McpServer, SessionSpec

_ALWAYS = ("-p", "--verbose", "--input-format", "stream-json", "--output-format", "stream-json")


def arguments(
    spec: SessionSpec, *, new_id: str | None = None, mcp_config: str | None = None
) -> list[str]:
    """The flags. Values must have been checked: no flag may begin with a caller's.

    Args:
        spec: What the conversation is started with.
        new_id: The id of a new conversation, or of a fork.
        mcp_config: The file with the MCP servers, `mcp_json`.
    """
    flags = [*_ALWAYS, *_identity(spec, new_id), "--setting-sources", "user"]
    if spec.asks:
        flags += ["--permission-prompt-tool", "stdio"]
    if spec.streams:
        flags += ["--include-partial-messages"]
    if mcp_config is not None:
        flags += ["--strict-mcp-config", "--mcp-config", mcp_config]
    return flags + _settings(spec)


def terminal_arguments(
    spec: SessionSpec, *, is_known: bool, mcp_config: str | None, system_file: str | None
) -> list[str]:
    """The flags for a person's terminal.

    Args:
        spec: What the conversation is started with.
        is_known: Claude Code has written `spec.resume_id` down; else it begins `spec.new_id`.
        mcp_config: The file with the MCP servers, `mcp_json`.
        system_file: The file with the system prompt, of a new conversation: it is part of one
            that is gone on with.
    """
    if is_known and spec.resume_id is not None:
        flags = ["--resume", spec.resume_id]
    else:
        flags = ["--session-id", spec.new_id] if spec.new_id is not None else []
    if mcp_config is not None:
        flags += ["--mcp-config", mcp_config]
    if system_file is not None:
        replaces = spec.system_mode == "replace"
        flags += [f"--{'' if replaces else 'append-'}system-prompt-file", system_file]
    return flags + _settings(spec)


def mcp_json(servers: Sequence[McpServer]) -> str:
    """The content of the file with the MCP servers. It may hold secrets."""
    return json.dumps({"mcpServers": {server.name: _server(server) for server in servers}})


def _identity(spec: SessionSpec, new_id: str | None) -> list[str]:
    if not spec.kept:
        return ["--no-session-persistence"]
    flags = ["--resume", spec.resume_id] if spec.resume_id is not None else []
    if spec.resume_id is not None and spec.fork:
        flags += ["--fork-session"]
    if new_id is not None:
        flags += ["--session-id", new_id]
    return flags


def _settings(spec: SessionSpec) -> list[str]:
    flags = []
    if spec.model is not None:
        flags += ["--model", spec.model]
    if spec.effort is not None:
        flags += ["--effort", spec.effort]
    if spec.mode is not None:
        flags += ["--permission-mode", spec.mode]
    return flags


def _server(server: McpServer) -> Mapping[str, Any]:
    if server.url is not None:
        return {"type": "http", "url": server.url, "headers": dict(server.headers)}
    return {
        "type": "stdio",
        "command": server.command,
        "args": list(server.args),
        "env": dict(server.env),
    }
