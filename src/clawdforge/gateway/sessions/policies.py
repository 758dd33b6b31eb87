"""What the agents of sessions may do: what was asked for, under what the app and server allow."""

from collections.abc import Callable, Mapping
from typing import Any

from clawdforge.core.options import SessionOptions
from clawdforge.core.permission import Policy, narrow, parse_policy, within
from clawdforge.core.session_records import Session
from clawdforge.errors import InputError

_OURS = "remembered"
"""A key of kept policies that callers may not set."""


class Policies:
    """Puts policies together.

    Args:
        default: Of sessions that ask for none.
        ceiling: What any session may have at most.
        of_app: What an app (by id) may have at most, as JSON; None: no further limit.
    """

    def __init__(
        self,
        *,
        default: Policy,
        ceiling: Policy,
        of_app: Callable[[str], Mapping[str, Any] | None],
    ) -> None:
        self._default = default
        self._ceiling = ceiling
        self._of_app = of_app

    def of(self, session: Session) -> Policy:
        """What a session's agent may do now: never more than its app may have today."""
        return self.kept(SessionOptions.of(session.options).permissions, session.app_id)

    def kept(self, permissions: Any, app_id: str) -> Policy:
        """A policy that was checked when it was asked for; None: the default."""
        policy = self._default if permissions is None else self._parsed(permissions)
        return within(policy, self._ceiling_of(app_id))

    def check(self, permissions: Any, app_id: str) -> None:
        """Refuse what makes no sense, or is more than the app may have.

        Raises:
            InputError: it does (`invalid_permissions`, `permissions_too_wide`).
        """
        if permissions is None:
            return
        if isinstance(permissions, Mapping) and _OURS in permissions:
            msg = f"permissions.{_OURS}: is the server's own"
            raise InputError(msg, code="invalid_permissions")
        narrow(self._parsed(permissions), self._ceiling_of(app_id))

    def _parsed(self, permissions: Any) -> Policy:
        return parse_policy(permissions, timeout_secs=self._default.timeout_secs)

    def _ceiling_of(self, app_id: str) -> Policy:
        of_app = self._of_app(app_id)
        return self._ceiling if of_app is None else within(parse_policy(of_app), self._ceiling)
