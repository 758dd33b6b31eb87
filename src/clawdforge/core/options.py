"""How a session's agent is to be started: what the app asked for, kept as JSON in its row."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from typing import Any, cast

from clawdforge.core.names import Effort, SystemMode


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionOptions:
    """Everything beyond agent and model. None and empty: the agent's default."""

    system: str | None = field(default=None, repr=False)
    system_mode: SystemMode = "append"
    effort: Effort | None = None
    mode: str | None = None
    permissions: Any = None
    """A policy as JSON; see `core.permission`."""
    workspace: Mapping[str, Any] | None = None
    """As JSON; see `core.workspace`. None: a fresh folder."""
    mcp_servers: tuple[str, ...] = ()
    """Names of the configuration."""
    secrets: tuple[str, ...] = ()
    """Names of the configuration."""
    fork: str | None = None
    """The agent's id of the conversation of which this one is to become a copy."""

    def to_json(self) -> dict[str, Any]:
        """As it is kept: what says nothing is left out."""
        found = {name: value for name, value in asdict(self).items() if value not in (None, ())}
        for name in ("mcp_servers", "secrets"):
            if name in found:
                found[name] = list(found[name])
        return found

    @classmethod
    def of(cls, kept: Mapping[str, Any]) -> "SessionOptions":
        """From what was kept; keys of a newer version are passed over."""
        known = {f.name for f in fields(cls)}
        found = {name: value for name, value in kept.items() if name in known}
        for name in ("mcp_servers", "secrets"):
            found[name] = tuple(cast("Sequence[str]", found.get(name) or ()))
        return cls(**found)

    def shown(self) -> dict[str, Any]:
        """For the app that owns the session: everything but the text of the system prompt."""
        return {
            "system_mode": self.system_mode,
            "effort": self.effort,
            "mode": self.mode,
            "permissions": self.permissions,
            "workspace": dict(self.workspace) if self.workspace else None,
            "mcp_servers": list(self.mcp_servers),
            "secrets": list(self.secrets),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class NewSession:
    """What an app asks for; None leaves the choice to the server."""

    agent: str | None = None
    model: str | None = None
    meta: Mapping[str, Any] | None = field(default=None, repr=False)
    options: SessionOptions = field(default_factory=SessionOptions)
    idempotency_key: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class NewTurn:
    """A prompt, and what goes with it."""

    prompt: str = field(repr=False)
    files: Sequence[str] = field(default=(), repr=False)
    """File tokens."""
    timeout_secs: int | None = None
    idempotency_key: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionChange:
    """What is to be different from now on. None: unchanged."""

    model: str | None = None
    mode: str | None = None
    effort: Effort | None = None
    system: str | None = field(default=None, repr=False)
    system_mode: SystemMode | None = None
    permissions: Any = None
