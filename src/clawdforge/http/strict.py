"""Routes that check the caller before they read, and read JSON strictly."""

import json
from collections.abc import Callable, Coroutine
from typing import Any

from fastapi import Request, Response
from fastapi.routing import APIRoute

from clawdforge.core.records import App
from clawdforge.errors import ForbiddenError, InputError, UnauthorizedError
from clawdforge.gateway.apps import Apps
from clawdforge.gateway.caller import Caller
from clawdforge.http.browser_login import KEY_HEADER, Login, Logins
from clawdforge.http.errors import BodyError

Handler = Callable[[Request], Coroutine[Any, Any, Response]]


class StrictRequest(Request):
    """JSON must be UTF-8, without duplicate keys, without NaN, and not nested too deeply."""

    async def json(self) -> Any:
        """The body as a value."""
        body = await self.body()
        try:
            text = body.decode("utf-8")
        except UnicodeDecodeError:
            raise BodyError(422, "invalid_utf8", "the body is not UTF-8") from None
        try:
            value = json.loads(text, object_pairs_hook=_unique, parse_constant=_no_constant)
        except InputError as error:
            raise BodyError(422, error.code, error.message) from None
        except RecursionError:
            raise BodyError(422, "invalid_json", "the body is nested too deeply") from None
        except ValueError as error:
            raise BodyError(422, "invalid_json", f"the body is not JSON: {error}") from None
        return value


class OpenRoute(APIRoute):
    """No token is needed. The other routes check the caller before the body is read."""

    def get_route_handler(self) -> Handler:
        """FastAPI's handler, behind our checks."""
        inner = super().get_route_handler()
        field = self.body_field
        optional = field is not None and not field.field_info.is_required()

        async def handle(request: Request) -> Response:
            self.admit(request)
            if field is not None and not (optional and _has_no_body(request)):
                _require_json(request)
            return await inner(StrictRequest(request.scope, request.receive))

        return handle

    def admit(self, request: Request) -> None:
        """Let the request pass, or raise. Sets `request.state.caller` where there is one."""


class AppRoute(OpenRoute):
    """The caller must be an app with the scope `run`."""

    scope = "run"

    def admit(self, request: Request) -> None:
        """Recognise the app by its bearer token."""
        app = _app(request)
        if self.scope not in app.scopes:
            msg = f"this token does not have the scope {self.scope!r}"
            raise ForbiddenError(msg, code="scope_missing")
        _admit_as(request, app)


class AdminRoute(OpenRoute):
    """The caller must have the admin token."""

    def admit(self, request: Request) -> None:
        """Check the admin token."""
        _check_admin(request)
        _admit_as(request, None)


class MetricsRoute(AppRoute):
    """The caller must have the admin token, or be an app with the scope `metrics`."""

    scope = "metrics"

    def admit(self, request: Request) -> None:
        """Check for either."""
        try:
            _check_admin(request)
        except UnauthorizedError:
            super().admit(request)
        else:
            _admit_as(request, None)


class MonitorRoute(AppRoute):
    """The caller must have the admin token, or be an app with the scope `monitor`."""

    scope = "monitor"

    def admit(self, request: Request) -> None:
        """Check for either."""
        try:
            _check_admin(request)
        except UnauthorizedError:
            super().admit(request)
        else:
            _admit_as(request, None)


class AdoptRoute(MonitorRoute):
    """The caller must have the admin token, or be an app with the scope `adopt`."""

    scope = "adopt"


class ApproveRoute(MonitorRoute):
    """The caller must have the admin token, or be an app with the scope `approve`."""

    scope = "approve"


async def caller(request: Request) -> Caller:
    """Who asks: a FastAPI dependency for routes that need a token."""
    found: Caller = request.state.caller
    return found


def bearer(request: Request) -> str | None:
    """The token of `Authorization: Bearer …`; None when there is none or it is blank."""
    kind, _, token = request.headers.get("authorization", "").partition(" ")
    return token.strip() or None if kind.lower() == "bearer" else None


def login_of(request: Request) -> Login | None:
    """The browser's login that a request belongs to; only when it names no token."""
    if "authorization" in request.headers:
        return None
    logins: Logins = request.app.state.logins
    return logins.find(request.cookies.get(logins.cookie_name), request.headers.get(KEY_HEADER))


def _peer(request: Request) -> str | None:
    return request.client.host if request.client else None


def _admit_as(request: Request, app: App | None) -> None:
    """Remember who asks; None: the admin."""
    request.state.caller = Caller(
        app=app, peer=_peer(request), request_id=request.scope.get("request_id")
    )


def _app(request: Request) -> App:
    apps: Apps = request.app.state.apps
    login = login_of(request)
    peer = _peer(request)
    if login is not None:
        return apps.authenticate_digest(login.app, peer)
    return apps.authenticate(bearer(request), peer)


def _check_admin(request: Request) -> None:
    apps: Apps = request.app.state.apps
    login = login_of(request)
    if login is None or not apps.is_admin_digest(login.admin):
        apps.authenticate_admin(bearer(request))


def _has_no_body(request: Request) -> bool:
    headers = request.headers
    return headers.get("content-length", "0") == "0" and "transfer-encoding" not in headers


def _require_json(request: Request) -> None:
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/json" and not kind.endswith("+json"):
        message = "send JSON, with the header Content-Type: application/json"
        raise BodyError(415, "unsupported_media_type", message)


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) != len(pairs):
        msg = "the body has a key twice in one object"
        raise InputError(msg, code="duplicate_key")
    return value


def _no_constant(constant: str) -> Any:
    msg = f"{constant} is not JSON"
    raise ValueError(msg)
