"""Who asks: handed through the use cases for checks and for the audit."""

from dataclasses import dataclass

from clawdforge.core.records import App


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """The origin of a request. `app` is None for the admin."""

    app: App | None
    peer: str | None = None
    """The address it came from."""
    request_id: str | None = None

    @property
    def actor(self) -> str:
        """The caller's name in the audit."""
        return f"app:{self.app.name}" if self.app else "admin"
