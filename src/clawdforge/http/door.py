"""The outermost layer: what holds for every request, before and after the routes.

Names it, checks where it comes from, bounds its body while it arrives, counts and logs it (the
path's pattern, never its values, headers or body), and answers when everything else failed.
"""

import logging
import re
import time
import uuid
from dataclasses import dataclass, field

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import ClientDisconnect
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from clawdforge.errors import ClawdforgeError, TooLargeError
from clawdforge.http.errors import BodyError, error_body, error_reply
from clawdforge.http.guards import Guards
from clawdforge.http.metrics import Metrics
from clawdforge.http.multipart import ENVELOPE_BYTES

log = logging.getLogger("clawdforge.access")

_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
_QUIET = {"/healthz", "/readyz", "/metrics"}


@dataclass(slots=True)
class _Seen:
    """What became of a request."""

    status: int | None = None
    began: float = field(default_factory=time.perf_counter)


class Door:
    """ASGI middleware around the whole app."""

    def __init__(
        self,
        app: ASGIApp,
        *,
        guards: Guards,
        metrics: Metrics,
        max_body_bytes: int,
        max_upload_bytes: int,
    ) -> None:
        self._app = app
        self._guards = guards
        self._metrics = metrics
        self._max_body = max_body_bytes
        self._max_upload = max_upload_bytes + ENVELOPE_BYTES

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one connection's request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        given = headers.get("x-request-id", "")
        request_id = given if _REQUEST_ID.fullmatch(given) else uuid.uuid4().hex
        scope["request_id"] = request_id
        seen = _Seen()
        noting = _noting(send, request_id, seen)
        try:
            await self._enter(scope, headers, receive, noting)
        except ClientDisconnect:
            pass  # in the middle of its body; noted below as 499
        except Exception:
            # The last resort: whatever it is, the caller gets a reply in our shape.
            log.exception("a request failed", extra={"request_id": request_id})
            if seen.status is None:
                body = error_body("internal_error", "something went wrong; the log has more")
                await _plain(scope, receive, noting, body)
        finally:
            self._note(scope, request_id, seen)

    async def _enter(self, scope: Scope, headers: Headers, receive: Receive, send: Send) -> None:
        client = scope.get("client")
        limit = self._max_upload if scope["path"] == "/files" else self._max_body
        try:
            self._guards.check(scope["path"], client[0] if client else None, headers)
            _check_length(headers.get("content-length"), limit)
        except ClawdforgeError as error:
            await error_reply(error)(scope, receive, send)
            return
        await self._app(scope, _bounded(receive, limit), send)

    def _note(self, scope: Scope, request_id: str, seen: _Seen) -> None:
        route = getattr(scope.get("route"), "path", "(none)")
        method = scope["method"] if scope["method"] in _METHODS else "(other)"
        secs = time.perf_counter() - seen.began
        status = seen.status or 499
        self._metrics.request(method, route, status, secs)
        caller = getattr(scope.get("state", {}).get("caller"), "actor", None)
        log.log(
            logging.DEBUG if route in _QUIET else logging.INFO,
            "request",
            extra={
                "request_id": request_id,
                "method": method,
                "route": route,
                "status": status,
                "ms": round(secs * 1000, 1),
                "caller": caller,
            },
        )


_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


def _noting(send: Send, request_id: str, seen: _Seen) -> Send:
    async def noting(message: Message) -> None:
        if message["type"] == "http.response.start":
            seen.status = message["status"]
            headers = MutableHeaders(scope=message)
            headers["X-Request-Id"] = request_id
            headers["X-Content-Type-Options"] = "nosniff"
            headers.setdefault("Cache-Control", "no-store")
        await send(message)

    return noting


def _check_length(declared: str | None, limit: int) -> None:
    if declared is not None and declared.isdigit() and int(declared) > limit:
        raise _too_large(limit)


def _bounded(receive: Receive, limit: int) -> Receive:
    """Count what arrives: a body need not declare its length, or may lie about it."""
    total = 0

    async def bounded() -> Message:
        nonlocal total
        message = await receive()
        if message["type"] == "http.request":
            total += len(message.get("body", b""))
            if total > limit:
                error = _too_large(limit)
                raise BodyError(413, error.code, error.message)
        return message

    return bounded


def _too_large(limit: int) -> TooLargeError:
    return TooLargeError(f"the body is larger than {limit:,} bytes", code="body_too_large")


async def _plain(scope: Scope, receive: Receive, send: Send, body: dict[str, object]) -> None:
    await JSONResponse(body, 500)(scope, receive, send)
