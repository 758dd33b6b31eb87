"""The OpenAPI document: FastAPI's, with what only we know. Checked in as docs/openapi.json."""

from collections.abc import Iterable
from typing import Any

from fastapi import APIRouter, FastAPI
from fastapi.openapi.utils import get_openapi
from fastapi.routing import APIRoute

from clawdforge.http.strict import AdminRoute, AppRoute, MetricsRoute

_ABOUT = """
Run coding agents for your apps over HTTP.

Errors have one shape: `{"ok": false, "error": {"code", "message"}, "detail"}`; `code` is stable.
The exception is the 502 of a failed run. Times are UTC seconds since 1970, durations
milliseconds. Unknown keys in requests are ignored.
"""
_SCHEMES = {
    "app": {"type": "http", "scheme": "bearer", "description": "An app's token, `cf_…`."},
    "admin": {"type": "http", "scheme": "bearer", "description": "The admin token."},
}
_HEADERS = {
    "X-Request-Id": {
        "description": "Names the request in the log; the caller's own is kept.",
        "schema": {"type": "string"},
    }
}
_RUN_ID = {"X-Run-Id": {"description": "The run's id.", "schema": {"type": "string"}}}
_RETRY = {
    "Retry-After": {"description": "Seconds to wait.", "schema": {"type": "integer", "minimum": 1}}
}


def document(app: FastAPI, routers: Iterable[APIRouter]) -> dict[str, Any]:
    """The document of `app`, which includes `routers`.

    They are asked for their routes: `app.routes` does not name each of them in newer versions of
    FastAPI.
    """
    made = get_openapi(
        title=app.title, version=app.version, description=_ABOUT.strip(), routes=app.routes
    )
    components = made.setdefault("components", {})
    components["securitySchemes"] = _SCHEMES
    for name in ("HTTPValidationError", "ValidationError"):
        components.get("schemas", {}).pop(name, None)
    for route in (route for router in routers for route in router.routes):
        if isinstance(route, APIRoute) and route.path_format in made["paths"]:
            for method in route.methods or ():
                _complete(made["paths"][route.path_format][method.lower()], route)
    return made


def _complete(operation: dict[str, Any], route: APIRoute) -> None:
    match route:
        case MetricsRoute():
            operation["security"] = [{"admin": []}, {"app": []}]
        case AppRoute():
            operation["security"] = [{"app": []}]
        case AdminRoute():
            operation["security"] = [{"admin": []}]
    for status, response in operation["responses"].items():
        headers = dict(_HEADERS)
        if route.path == "/run" and status in {"200", "502"}:
            headers |= _RUN_ID
        if status in {"429", "503"} and route.path != "/readyz":
            headers |= _RETRY
        response["headers"] = headers
        content = response.get("content", {}).get("application/json", {})
        if str(content.get("schema", {}).get("$ref", "")).endswith("HTTPValidationError"):
            content["schema"] = {"$ref": "#/components/schemas/ErrorReply"}
