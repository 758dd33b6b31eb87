"""The web page at `/`, and how a browser logs in to it. Not part of the API that is published."""

from typing import Annotated, Any

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse
from pydantic import Field

from clawdforge import __version__
from clawdforge.core.records import AuditEntry
from clawdforge.errors import ForbiddenError, InputError, NotFoundError, UnauthorizedError
from clawdforge.http.browser_login import CODE_SECS, KEY_HEADER, LOGIN_SECS
from clawdforge.http.page_files import PAGE_FILES
from clawdforge.http.schemas import Strict, Text
from clawdforge.http.services import Services, services
from clawdforge.http.strict import OpenRoute, login_of

router = APIRouter(route_class=OpenRoute, include_in_schema=False)

CONTENT_POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self'",
        "connect-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
        "require-trusted-types-for 'script'",
        "trusted-types 'none'",
    )
)
_HEADERS = {
    "Content-Security-Policy": CONTENT_POLICY,
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "Cache-Control": "no-cache",
}


class CodeBody(Strict):
    """What the browser is to have the rights of."""

    tokens: Annotated[list[Text], Field(min_length=1, max_length=2)]


class LoginBody(Strict):
    """One of the two."""

    code: Text | None = None
    token: Text | None = None


@router.get("/")
async def index(request: Request) -> Response:
    """The page."""
    return _file(request, "index.html")


@router.get("/page/{name}")
async def part(request: Request, name: str) -> Response:
    """What the page is made of."""
    return _file(request, name)


@router.get("/favicon.ico")
async def icon(request: Request) -> Response:
    """Its picture, for browsers that ask at the old place."""
    return _file(request, "icon.svg")


@router.post("/login/codes")
async def code(request: Request, body: CodeBody) -> Response:
    """A one-time code that gives a browser here the rights of these tokens: `clawdforge open`."""
    its, peer = services(request), _peer(request)
    tokens: dict[str, str] = {}
    for token in body.tokens:
        tokens |= its.logins.check(token, peer)
    made = its.logins.code(tokens, peer)
    return JSONResponse({"code": made, "path": f"/#code={made}", "expires_in_secs": CODE_SECS})


@router.post("/login")
async def login(request: Request, body: LoginBody) -> Response:
    """Log a browser in, by a code or by a token; a token is added to a login that there is."""
    its, peer = services(request), _peer(request)
    if KEY_HEADER.lower() not in request.headers:
        msg = f"only the page logs in here; it sends the header {KEY_HEADER}"
        raise ForbiddenError(msg, code="page_header_missing")
    known = login_of(request)
    if body.code is not None:
        tokens = its.logins.redeem(body.code, peer)
    elif body.token is not None:
        had = {"app": known.app, "admin": known.admin} if known else {}
        tokens = {kind: token for kind, token in had.items() if token is not None}
        tokens |= its.logins.check(body.token.strip(), peer)
    else:
        msg = "send a code or a token"
        raise InputError(msg, code="invalid_request")
    rights = _rights(its, tokens.get("app"), tokens.get("admin"), peer)
    opened = await its.logins.open(tokens)
    await _end(request, its)
    await _note(request, its, "login.begin", rights)
    reply = JSONResponse({"ok": True, "key": opened.key, **rights})
    reply.set_cookie(
        its.logins.cookie_name,
        opened.cookie,
        max_age=LOGIN_SECS,
        httponly=True,
        samesite="strict",
        secure=request.headers.get("origin", "").startswith("https:"),
    )
    return reply


@router.get("/login")
async def who(request: Request) -> Response:
    """What this browser may do."""
    its, found = services(request), login_of(request)
    if found is None:
        msg = "this browser is not logged in"
        raise UnauthorizedError(msg, code="not_logged_in")
    rights = _rights(its, found.app, found.admin, _peer(request))
    if rights["app"] is None and not rights["admin"]:
        msg = "the token of this login is not valid any more"
        raise UnauthorizedError(msg, code="not_logged_in")
    return JSONResponse({"ok": True, **rights})


@router.delete("/login")
async def logout(request: Request) -> Response:
    """Log this browser out."""
    its, found = services(request), login_of(request)
    if found is not None:
        await _end(request, its)
        rights = _rights(its, found.app, found.admin, _peer(request))
        await _note(request, its, "login.end", rights)
    reply = JSONResponse({"ok": True})
    reply.delete_cookie(its.logins.cookie_name, httponly=True, samesite="strict")
    return reply


async def _end(request: Request, its: Services) -> None:
    """End the login that the request came with, if it proved to be its own."""
    if login_of(request) is not None:
        await its.logins.end(request.cookies[its.logins.cookie_name])


def _rights(
    its: Services, app_digest: str | None, admin_digest: str | None, peer: str | None
) -> dict[str, Any]:
    """What those tokens give now: one that was revoked gives nothing."""
    app = None
    if app_digest is not None:
        try:
            found = its.apps.authenticate_digest(app_digest, peer)
            app = {"name": found.name, "scopes": list(found.scopes)}
        except UnauthorizedError:
            pass
    admin = its.apps.is_admin_digest(admin_digest)
    return {"app": app, "admin": admin, "version": __version__, "monitor": its.monitor.role}


async def _note(request: Request, its: Services, action: str, rights: dict[str, Any]) -> None:
    app = rights["app"]
    entry = AuditEntry(
        at=int(its.logins.now()),
        actor=f"app:{app['name']}" if app else "admin",
        action=action,
        subject="admin" if rights["admin"] else "",
        peer=_peer(request),
        request_id=request.scope.get("request_id"),
    )
    await its.ledger.audit(entry)


def _peer(request: Request) -> str | None:
    return request.client.host if request.client else None


def _file(request: Request, name: str) -> Response:
    found = PAGE_FILES.get(name)
    if found is None:
        msg = "there is no such file"
        raise NotFoundError(msg)
    # Weak: the same page, packed or not.
    headers = {**_HEADERS, "ETag": f"W/{found.etag}", "Vary": "Accept-Encoding"}
    if found.etag in request.headers.get("if-none-match", ""):
        return Response(status_code=304, headers=headers)
    content = found.content
    if "gzip" in request.headers.get("accept-encoding", ""):
        content, headers["Content-Encoding"] = found.packed, "gzip"
    return Response(content, media_type=found.media_type, headers=headers)
