"""The tables of the configuration file: agents, MCP servers, secrets.

No secret stands in the file: it names variables of the server's environment, whose values are
read when something is started with them.
"""

import re
from collections.abc import Mapping
from typing import Annotated
from urllib.parse import urlsplit

import msgspec
from msgspec import Meta

from clawdforge.errors import ConfigError

ENTRY_NAME = r"^[a-zA-Z0-9_][a-zA-Z0-9_-]{0,63}$"
_ENTRY = re.compile(ENTRY_NAME)
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,127}")
_REFERENCE = re.compile(r"\$\{([^}]*)\}")
_HEADER = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,128}")
_SENSITIVE = re.compile(r"auth|token|key|secret|cookie|password|credential", re.IGNORECASE)
_OURS = re.compile(r"CLAWDFORGE_.*|ADMIN_BOOTSTRAP_TOKEN|ALLOW_CIDRS")
"""The service's own variables: never handed on."""


class _Table(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    pass


class AgentSettings(_Table, frozen=True, kw_only=True):
    """One `[agents.NAME]` table: how an agent is started and what it may see."""

    driver: str
    """The code that speaks its language: `claude`, `acp`, `acpx`, `demo`, or the name of one that
    another distribution brings."""
    command: tuple[str, ...] = ()
    """Program and leading arguments; empty: the driver's own."""
    args: tuple[str, ...] = ()
    """Further arguments, after those of the driver. From the operator only."""
    agent: str | None = None
    """Which of its agents `acpx` is to use: its own name for it (`claude`, `codex` …)."""
    flavour: str | None = None
    """Which agent's peculiarities an `acp` driver is to expect; None: as it introduces itself."""
    auth_method: str | None = None
    """The ACP authentication method to use where the agent wants one."""
    env: tuple[str, ...] = ()
    """Names of environment variables it may see beyond the driver's allow-list."""
    default_model: str | None = None
    """Model when the caller names none; None: the server's `default_model`."""
    max_open_files: Annotated[int, Meta(ge=16)] | None = None
    max_file_bytes: Annotated[int, Meta(ge=1)] | None = None
    """Largest file that the agent may write."""
    max_cpu_secs: Annotated[int, Meta(ge=1)] | None = None


class McpServerSettings(_Table, frozen=True, kw_only=True):
    """One `[mcp_servers.NAME]` table: a program that the agent starts, or an address.

    Sessions ask for it by NAME. `headers` may hold `${VARIABLE}`. `args` may not: every user of
    the machine can read a command line.
    """

    command: str | None = None
    """The program."""
    args: tuple[str, ...] = ()
    env: tuple[str, ...] = ()
    """Names of the server's variables that it gets, with their values."""
    url: str | None = None
    """http or https."""
    headers: Mapping[str, str] = {}
    apps: tuple[str, ...] | None = None
    """Names of the apps whose sessions may have it; None: all."""

    def __repr__(self) -> str:
        """Never shows headers."""
        return f"McpServerSettings(command={self.command!r}, apps={self.apps!r}, ...)"

    def check(self, name: str) -> None:
        """Refuse what cannot work.

        Raises:
            ConfigError: the table makes no sense.
        """
        where = f"mcp_servers.{name}"
        _check_name("mcp_servers", name)
        if (self.command is None) == (self.url is None):
            raise ConfigError(f"{where}: needs either a command or a url")
        if self.command is None and (self.args or self.env):
            raise ConfigError(f"{where}: args and env belong to a command, not to a url")
        if self.url is None and self.headers:
            raise ConfigError(f"{where}: headers belong to a url, not to a command")
        if self.url is not None:
            _check_url(f"{where}.url", self.url)
        for variable in self.env:
            _check_variable(f"{where}.env", variable)
        for header, value in self.headers.items():
            _check_header(f"{where}.headers", header, value)

    def variables(self, name: str, environ: Mapping[str, str]) -> dict[str, str]:
        """The environment that the program gets beyond its allow-list.

        Raises:
            ConfigError: a variable is not set; the message names it.
        """
        return {key: _value(f"mcp_servers.{name}.env", key, environ) for key in self.env}

    def filled_headers(self, name: str, environ: Mapping[str, str]) -> dict[str, str]:
        """The headers, every `${VARIABLE}` replaced by its value.

        Raises:
            ConfigError: a variable is not set, or its value cannot stand in a header.
        """
        filled = {}
        for header, text in self.headers.items():
            where = f"mcp_servers.{name}.headers.{header}"
            filled[header] = _fill(where, text, environ)
            if not filled[header].isprintable():
                raise ConfigError(f"{where}: the value cannot stand in a header")
        return filled


class SecretSettings(_Table, frozen=True, kw_only=True):
    """One `[secrets.NAME]` table: a variable that sessions ask for by NAME, for their agent."""

    env: str
    """The variable of the server's environment that holds it."""
    agent_env: str | None = None
    """The variable in which the agent finds it; None: the same."""
    apps: tuple[str, ...] | None = None
    """Names of the apps whose sessions may have it; None: all."""

    @property
    def target(self) -> str:
        """The variable in which the agent finds it."""
        return self.agent_env or self.env

    def check(self, name: str) -> None:
        """Refuse what cannot work.

        Raises:
            ConfigError: the table makes no sense.
        """
        _check_name("secrets", name)
        _check_variable(f"secrets.{name}.env", self.env)
        _check_variable(f"secrets.{name}.agent_env", self.target)

    def value(self, name: str, environ: Mapping[str, str]) -> str:
        """The secret itself.

        Raises:
            ConfigError: its variable is not set.
        """
        return _value(f"secrets.{name}", self.env, environ)


def _check_name(table: str, name: str) -> None:
    if _ENTRY.fullmatch(name) is None:
        msg = f"{table}: {name!r} cannot be a name"
        raise ConfigError(msg, hint=f"names match {ENTRY_NAME}")


def _check_variable(where: str, name: str) -> None:
    if _VARIABLE.fullmatch(name) is None:
        # The text is not shown: it may be the secret itself, written into the wrong place.
        msg = f"{where}: that cannot be a variable's name"
        raise ConfigError(msg, hint="name the variable that holds the value, not the value")
    if _OURS.fullmatch(name):
        msg = f"{where}: {name} is the service's own and is not handed on"
        raise ConfigError(msg)


def _check_url(where: str, url: str) -> None:
    try:
        parts = urlsplit(url)
        usable = parts.scheme in {"http", "https"} and bool(parts.hostname)
        _ = parts.port
    except ValueError:
        usable = False
    if not usable or not url.isprintable() or " " in url:
        raise ConfigError(f"{where}: must be an http or https address")
    if parts.username is not None or parts.password is not None:
        raise ConfigError(f"{where}: credentials belong into headers, not into the address")


def _check_header(where: str, header: str, value: str) -> None:
    if _HEADER.fullmatch(header) is None:
        raise ConfigError(f"{where}: {header!r} cannot be a header's name")
    if not value.isprintable():
        raise ConfigError(f"{where}.{header}: the value cannot stand in a header")
    references = _REFERENCE.findall(value)
    for name in references:
        _check_variable(f"{where}.{header}", name)
    if _SENSITIVE.search(header) and not references:
        msg = f"{where}.{header}: must come from the environment"
        raise ConfigError(msg, hint='for example "Bearer ${MY_TOKEN}", with MY_TOKEN set')


def _fill(where: str, text: str, environ: Mapping[str, str]) -> str:
    return _REFERENCE.sub(lambda match: _value(where, match[1], environ), text)


def _value(where: str, variable: str, environ: Mapping[str, str]) -> str:
    value = environ.get(variable)
    if not value:
        msg = f"{where}: the variable {variable} is not set"
        raise ConfigError(msg, hint="set it where the server is started")
    return value
