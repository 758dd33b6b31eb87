"""Apps and their tokens. All live apps are in memory: there are few, and every request asks."""

import ipaddress
import secrets
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from clawdforge.core.names import APP_NAME, is_app_name
from clawdforge.core.peers import Network, admits, networks
from clawdforge.core.records import App, AuditEntry
from clawdforge.core.tokens import APP_TOKEN_PREFIX, TOKEN_BYTES, digest, same
from clawdforge.errors import (
    ConflictError,
    ForbiddenError,
    InputError,
    NotFoundError,
    UnauthorizedError,
)
from clawdforge.gateway.caller import Caller
from clawdforge.store.ledger import Ledger

LOCAL_APP = "local"
"""The app of the commands on this machine; its token is in the data folder."""
SCOPES = ("run", "metrics", "monitor", "approve", "control", "adopt")


class Apps:
    """Makes, lists, revokes and recognises apps.

    Args:
        clock: UTC seconds since 1970.
    """

    def __init__(self, ledger: Ledger, *, admin_token: str, clock: Callable[[], float]) -> None:
        self._ledger = ledger
        self._admin_token = admin_token
        self._clock = clock
        self._by_digest: dict[str, App] = {}
        self._networks: dict[str, Sequence[Network]] = {}
        self._used: dict[str, int] = {}

    async def load(self) -> None:
        """Read the live apps. Once, at start."""
        for app in await self._ledger.live_apps():
            self._remember(app)

    def authenticate(self, token: str | None, peer: str | None) -> App:
        """The app of a token.

        Raises:
            UnauthorizedError: there is none.
            ForbiddenError: it may not call from this address (`code` `peer_not_allowed`).
        """
        return self.authenticate_digest(digest(token) if token else None, peer)

    def authenticate_digest(self, token_digest: str | None, peer: str | None) -> App:
        """The app of a token that is known by its digest only: a browser's login.

        Raises:
            UnauthorizedError: there is none.
            ForbiddenError: it may not call from this address (`code` `peer_not_allowed`).
        """
        app = self._by_digest.get(token_digest) if token_digest else None
        if app is None:
            raise _unauthorized("app token")
        if app.ip_cidrs and not admits(self._networks[app.app_id], peer):
            msg = "this token may not be used from this address"
            raise ForbiddenError(msg, code="peer_not_allowed")
        self._used[app.app_id] = int(self._clock())
        return app

    def authenticate_admin(self, token: str | None) -> None:
        """Check the admin token.

        Raises:
            UnauthorizedError: it is another.
        """
        if not token or not same(token, self._admin_token):
            raise _unauthorized("admin token")

    def is_admin_digest(self, token_digest: str | None) -> bool:
        """Whether that is the digest of the admin token."""
        return token_digest is not None and same(token_digest, digest(self._admin_token))

    def policy_of(self, app_id: str) -> Mapping[str, Any] | None:
        """What sessions of a live app may have at most; None: no further limit."""
        for app in self._by_digest.values():
            if app.app_id == app_id:
                return app.policy
        return None

    def named(self, name: str) -> App | None:
        """The live app of a name; None: there is none."""
        return next((app for app in self._by_digest.values() if app.name == name), None)

    def listed(self) -> list[App]:
        """The live apps by name, with the newest `last_used_at`."""
        apps = [
            replace(app, last_used_at=self._used.get(app.app_id, app.last_used_at))
            for app in self._by_digest.values()
        ]
        return sorted(apps, key=lambda app: app.name)

    async def create(
        self,
        name: str,
        *,
        ip_cidrs: Sequence[str] = (),
        scopes: Sequence[str] | None,
        policy: Mapping[str, Any] | None = None,
        who: Caller,
    ) -> tuple[App, str]:
        """Make an app; the app and its token, which is shown this once.

        Raises:
            InputError: a name, network or scope is not one.
            ConflictError: the name is taken.
        """
        token = APP_TOKEN_PREFIX + secrets.token_urlsafe(TOKEN_BYTES)
        app = await self._add(name, token, ip_cidrs, scopes or ("run",), who, policy=policy)
        return app, token

    async def ensure_local(self, token: str) -> None:
        """Make sure that the app of this machine's own commands has exactly this token."""
        server = Caller(app=None, request_id=None)
        known = self._by_digest.get(digest(token))
        if known is not None and known.name == LOCAL_APP:
            return
        if any(app.name == LOCAL_APP for app in self._by_digest.values()):
            await self.revoke(LOCAL_APP, who=server)
        await self._add(LOCAL_APP, token, (), ("run", "metrics"), server)

    async def revoke(self, name: str, *, who: Caller) -> None:
        """Revoke an app, with immediate effect.

        Raises:
            NotFoundError: there is no live app of that name.
        """
        if not await self._ledger.revoke_app(name, self._entry("app.revoke", name, who)):
            msg = f"there is no app {name!r}" if is_app_name(name) else "there is no such app"
            raise NotFoundError(msg)
        for key, app in list(self._by_digest.items()):
            if app.name == name:
                del self._by_digest[key]

    async def save_last_used(self) -> None:
        """Write down when apps were last used; called now and then, and at the end."""
        used, self._used = self._used, {}
        if used:
            await self._ledger.touch_apps(used)
            for key, app in self._by_digest.items():
                if app.app_id in used:
                    self._by_digest[key] = replace(app, last_used_at=used[app.app_id])

    async def _add(
        self,
        name: str,
        token: str,
        ip_cidrs: Sequence[str],
        scopes: Sequence[str],
        who: Caller,
        *,
        policy: Mapping[str, Any] | None = None,
    ) -> App:
        _check(name, ip_cidrs, scopes)
        app = App(
            app_id=uuid.uuid4().hex,
            name=name,
            token_digest=digest(token),
            ip_cidrs=tuple(ip_cidrs),
            scopes=tuple(dict.fromkeys(scopes)),
            created_at=int(self._clock()),
            policy=policy,
        )
        if any(live.name == name for live in self._by_digest.values()):
            raise _taken(name)
        try:
            await self._ledger.add_app(app, self._entry("app.create", name, who))
        except ConflictError:
            raise _taken(name) from None
        self._remember(app)
        return app

    def _remember(self, app: App) -> None:
        self._by_digest[app.token_digest] = app
        self._networks[app.app_id] = networks(app.ip_cidrs)

    def _entry(self, action: str, subject: str, who: Caller) -> AuditEntry:
        return AuditEntry(
            at=int(self._clock()),
            actor=who.actor,
            action=action,
            subject=subject,
            peer=who.peer,
            request_id=who.request_id,
        )


def _check(name: str, ip_cidrs: Sequence[str], scopes: Sequence[str]) -> None:
    if not is_app_name(name):
        msg = f"name: an app's name matches {APP_NAME}"
        raise InputError(msg, code="invalid_name")
    for cidr in ip_cidrs:
        try:
            ipaddress.ip_network(cidr, strict=False)
        except ValueError:
            msg = f"ip_cidrs: {cidr[:50]!r} is not a network such as 10.0.0.0/8"
            raise InputError(msg, code="invalid_cidr") from None
    for scope in scopes:
        if scope not in SCOPES:
            msg = f"scopes: {scope[:50]!r} is not one of {', '.join(SCOPES)}"
            raise InputError(msg, code="invalid_scope")


def _taken(name: str) -> ConflictError:
    return ConflictError(f"there is an app {name!r} already")


def _unauthorized(kind: str) -> UnauthorizedError:
    return UnauthorizedError(f"a valid {kind} is needed: Authorization: Bearer …")
