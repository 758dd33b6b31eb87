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
    adopted: Mapping[str, Any] | None = None
    """Where a session comes from that somebody began in a terminal; see `Adopted`. JSON."""

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
        folder = Adopted.of(self.adopted).folder
        return {
            "system_mode": self.system_mode,
            "effort": self.effort,
            "mode": self.mode,
            "permissions": self.permissions,
            "workspace": dict(self.workspace) if self.workspace else None,
            "mcp_servers": list(self.mcp_servers),
            "secrets": list(self.secrets),
            **({} if folder is None else {"folder": folder}),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Adopted:
    """Where a session comes from that somebody began in a terminal."""

    conversation: str | None = None
    """The agent's name for it there."""
    folder: str | None = None
    """The person's own folder, in which it goes on; None: in one of ours."""
    theirs: str | None = None
    """The conversation that is the person's and not ours to remove."""

    @classmethod
    def of(cls, kept: Mapping[str, Any] | None) -> "Adopted":
        """From what was kept; all None for a session that began here."""
        return cls(**{name: (kept or {}).get(name) for name in cls.__dataclass_fields__})


@dataclass(frozen=True, slots=True, kw_only=True)
class Adoption:
    """What is to be taken over from a terminal."""

    conversation: str
    """The agent's own name for it."""
    fork: bool = False
    """A copy is taken over; who has it goes on with it."""
    agent: str | None = None
    app: str | None = None
    """Whose it is to be; only the admin may say so. None: the caller's."""
    home: str | None = None
    """Where to look first for what the agent wrote; only the admin may say so."""
    permissions: Any = None
    meta: Mapping[str, Any] | None = field(default=None, repr=False)


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
