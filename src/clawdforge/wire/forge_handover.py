"""The JSON of conversations that change hands."""

from typing import Any

import msgspec

from clawdforge.wire.forge import NotBlank, Positive
from clawdforge.wire.forge_sessions import Policy, PolicyMode, SessionInfo


class AdoptRequest(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The body of `POST /sessions/adopt`. What is None is left out."""

    conversation: NotBlank
    fork: bool = False
    agent: str | None = None
    app: str | None = None
    home: str | None = None
    permissions: PolicyMode | Policy | None = None
    meta: dict[str, Any] | None = None


class AttachRequest(msgspec.Struct, frozen=True, kw_only=True):
    """The body of `POST /sessions/{id}/attach`."""

    pid: Positive
    start: int


class Launch(msgspec.Struct, frozen=True, kw_only=True):
    """What a process has to become that was given a session."""

    argv: tuple[str, ...]
    cwd: str
    env: dict[str, str] = {}
    """Variables to set. There may be secrets among them."""
    without: tuple[str, ...] = ()
    """Its own variables that it must drop before: patterns."""

    def __repr__(self) -> str:  # without the secrets
        return f"Launch({self.argv!r} in {self.cwd!r})"


class AttachedReply(msgspec.Struct, frozen=True, kw_only=True):
    """The answer of `POST /sessions/{id}/attach`."""

    ok: bool
    session: SessionInfo
    conversation: str
    """The agent's own id of it."""
    launch: Launch
