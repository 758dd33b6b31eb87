"""What the admin does through the blocking client: apps and their tokens."""

from collections.abc import Iterable
from typing import Any

from clawdforge.client import calls
from clawdforge.client.approval_calls import ApprovalCalls
from clawdforge.client.blocking_connection import Connection
from clawdforge.client.handover_calls import HandOverCalls
from clawdforge.client.page import PageLink, page_link
from clawdforge.client.results import AppToken
from clawdforge.wire.forge import TokenInfo
from clawdforge.wire.forge_sessions import PolicyMode


class AdminCalls(ApprovalCalls, HandOverCalls):
    """Calls with the admin token."""

    _connection: Connection

    @property
    def has_admin_token(self) -> bool:
        """Whether an admin token is known; whether it is the server's, the server knows."""
        return self._connection.target.place.admin_token is not None

    def create_token(
        self,
        name: str,
        ip_cidrs: Iterable[str] = (),
        scopes: Iterable[str] | None = None,
        *,
        permissions: PolicyMode | dict[str, Any] | None = None,
    ) -> AppToken:
        """Make an app and its token, which is never told again. Needs the admin token.

        Args:
            name: 1 to 64 of a-z, 0-9, `_` and `-`.
            ip_cidrs: Networks the app may call from; none: wherever the server allows.
            scopes: What the app may do; None: the server's default.
            permissions: What agents may do for it at most; None: as the server is set.

        Raises:
            ConflictError: there is an app of that name.
        """
        return self._connection.send(calls.create_token(name, ip_cidrs, scopes, permissions))

    def list_tokens(self) -> tuple[TokenInfo, ...]:
        """The apps, without their tokens. Needs the admin token."""
        return self._connection.send(calls.list_tokens())

    def revoke_token(self, name: str) -> None:
        """Take an app's token away, at once. Needs the admin token.

        Raises:
            NotFoundError: there is no app of that name.
        """
        self._connection.send(calls.revoke_token(name))

    def page_link(self) -> PageLink:
        """The web page's address with a one-time code, for a browser on this machine.

        The browser gets the rights of this client's tokens.

        Raises:
            SettingsError: it has none.
            AuthError: the server does not know them.
        """
        return self._connection.send(page_link(self._connection.target.place))
