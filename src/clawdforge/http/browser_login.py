"""Browsers that are logged in: what a cookie stands for, and the one-time codes that lead to it.

A login stands for tokens, one of an app, the admin's, or both, and has their rights and no more:
each request looks the tokens up again, so one that is revoked ends its logins with it. Of
cookies, keys and codes only the SHA-256 is kept.

A login has two secrets. The cookie is `HttpOnly`, but browsers send it to every port of a host.
The key is told to the page alone, which sends it as a header: a page of another origin has
neither the key nor leave to send the header.
"""

import asyncio
import ipaddress
import json
import secrets
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field

from clawdforge.core.tokens import digest, same
from clawdforge.errors import StorageError, UnauthorizedError
from clawdforge.gateway.apps import Apps

KEY_HEADER = "X-Clawdforge-Page"
LOGIN_SECS = 7 * 86_400
CODE_SECS = 120
MAX_LOGINS = 100
MAX_CODES = 32
"""More are not kept: the oldest goes."""
_SECRET_BYTES = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class Login:
    """One browser. All its secrets are digests."""

    key: str = field(repr=False)
    app: str | None = field(repr=False)
    """Of the app's token."""
    admin: str | None = field(repr=False)
    """Of the admin's token."""
    expires_at: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """A login that has just begun, with the secrets that only its browser gets."""

    login: Login
    cookie: str = field(repr=False)
    key: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class _Code:
    app: str | None = field(repr=False)
    admin: str | None = field(repr=False)
    peer: str | None
    expires_at: float


class Logins:
    """Opens, recognises and ends logins.

    Args:
        identity: Names the server's data folder: cookies of several servers on one host must not
            have the same name.
        kept: What `keep` was last given, so that a restart logs nobody out; None: nothing yet.
        keep: Writes that text down for the server's own user alone. Called in a thread.
        clock: UTC seconds since 1970.
    """

    def __init__(
        self,
        apps: Apps,
        *,
        identity: str,
        kept: str | None,
        keep: Callable[[str], None],
        clock: Callable[[], float],
    ) -> None:
        self.cookie_name = f"clawdforge_{digest(identity)[:12]}"
        self._apps = apps
        self._keep = keep
        self._clock = clock
        self._codes: dict[str, _Code] = {}
        self._by_cookie = _read(kept)
        self._writing = asyncio.Lock()

    def now(self) -> float:
        """UTC seconds since 1970."""
        return self._clock()

    def code(self, tokens: Mapping[str, str], peer: str | None) -> str:
        """A code for a browser on the caller's machine; it works once, and for a short time.

        Args:
            tokens: As of `check`.
            peer: Where the code may be used from: where it was asked for.
        """
        self._drop_expired()
        code = secrets.token_urlsafe(_SECRET_BYTES)
        expires_at = self._clock() + CODE_SECS
        self._codes[digest(code)] = _Code(tokens.get("app"), tokens.get("admin"), peer, expires_at)
        while len(self._codes) > MAX_CODES:
            del self._codes[next(iter(self._codes))]
        return code

    def redeem(self, code: str, peer: str | None) -> dict[str, str]:
        """What a code stands for; it is used up.

        Raises:
            UnauthorizedError: it is none, is used up or too old, or came from elsewhere.
        """
        found = self._codes.get(digest(code))
        if found is None or found.expires_at <= self._clock() or not _near(found.peer, peer):
            msg = "this code does not work any more"
            raise UnauthorizedError(msg, code="code_invalid")
        del self._codes[digest(code)]
        return _only(app=found.app, admin=found.admin)

    def check(self, token: str, peer: str | None) -> dict[str, str]:
        """What a token stands for: its digest by its kind, `app` or `admin`.

        Raises:
            UnauthorizedError: it is no token.
            ForbiddenError: it may not be used from here.
        """
        try:
            self._apps.authenticate_admin(token)
        except UnauthorizedError:
            self._apps.authenticate(token, peer)
            return {"app": digest(token)}
        return {"admin": digest(token)}

    async def open(self, tokens: Mapping[str, str]) -> Opened:
        """Begin a login that stands for these tokens.

        Raises:
            StorageError: it could not be written down.
        """
        cookie, key = (secrets.token_urlsafe(_SECRET_BYTES) for _ in range(2))
        login = Login(
            key=digest(key),
            app=tokens.get("app"),
            admin=tokens.get("admin"),
            expires_at=int(self._clock()) + LOGIN_SECS,
        )
        self._drop_expired()
        self._by_cookie[digest(cookie)] = login
        while len(self._by_cookie) > MAX_LOGINS:
            del self._by_cookie[next(iter(self._by_cookie))]
        try:
            await self._write()
        except StorageError:
            self._by_cookie.pop(digest(cookie), None)
            raise
        return Opened(login=login, cookie=cookie, key=key)

    def find(self, cookie: str | None, key: str | None) -> Login | None:
        """The login of a cookie, if the key belongs to it, and it has not run out."""
        if not cookie or not key:
            return None
        login = self._by_cookie.get(digest(cookie))
        if login is None or not same(digest(key), login.key):
            return None
        return login if login.expires_at > self._clock() else None

    async def end(self, cookie: str) -> None:
        """End a login, with immediate effect."""
        if self._by_cookie.pop(digest(cookie), None) is not None:
            await self._write()

    def _drop_expired(self) -> None:
        now = self._clock()
        for code in [key for key, code in self._codes.items() if code.expires_at <= now]:
            del self._codes[code]
        for cookie in [key for key, one in self._by_cookie.items() if one.expires_at <= now]:
            del self._by_cookie[cookie]

    async def _write(self) -> None:
        async with self._writing:
            kept = {cookie: asdict(login) for cookie, login in self._by_cookie.items()}
            await asyncio.to_thread(self._keep, json.dumps(kept))


def _read(kept: str | None) -> dict[str, Login]:
    """The logins that were written down; none when that makes no sense: people log in again."""
    try:
        return {cookie: Login(**login) for cookie, login in json.loads(kept or "{}").items()}
    except (ValueError, TypeError, AttributeError):
        return {}


def _only(**tokens: str | None) -> dict[str, str]:
    return {kind: token for kind, token in tokens.items() if token is not None}


def _near(asked_from: str | None, used_from: str | None) -> bool:
    """Whether both are the same machine, as far as an address tells."""
    return asked_from == used_from or (_is_loopback(asked_from) and _is_loopback(used_from))


def _is_loopback(peer: str | None) -> bool:
    try:
        return peer is not None and ipaddress.ip_address(peer).is_loopback
    except ValueError:
        return False
