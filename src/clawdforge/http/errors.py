"""Errors as replies: one shape, one place.

`{"ok": false, "error": {"code": …, "message": …}, "detail": message}`; `detail` is what
clients of 0.1 and 0.2 read.
"""

import logging
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from clawdforge.errors import (
    AccessError,
    BusyError,
    ClawdforgeError,
    ConflictError,
    ForbiddenError,
    GoneError,
    InputError,
    NotFoundError,
    StorageError,
    TooLargeError,
    UnauthorizedError,
)

log = logging.getLogger(__name__)

STORAGE_RETRY_SECS = 30
_STATUS: list[tuple[type[ClawdforgeError], int]] = [
    (NotFoundError, 404),
    (GoneError, 410),
    (ConflictError, 409),
    (TooLargeError, 413),
    (InputError, 422),
    (UnauthorizedError, 401),
    (ForbiddenError, 403),
    (AccessError, 421),
    (BusyError, 503),
    (StorageError, 503),
]
_STATUS_OF_CODE = {"inbox_full": 429}
_CODES = {
    404: "not_found",
    405: "method_not_allowed",
    413: "too_large",
    415: "unsupported_media_type",
    422: "invalid_request",
}


class BodyError(HTTPException):
    """A body that cannot be read. An HTTPException, because FastAPI passes on only those."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(status, message)
        self.code = code


def error_body(code: str, message: str) -> dict[str, Any]:
    """The shape of every error."""
    return {"ok": False, "error": {"code": code, "message": message}, "detail": message}


def error_reply(error: ClawdforgeError) -> JSONResponse:
    """The reply to a request that ended in this error."""
    status = _STATUS_OF_CODE.get(error.code) or next(
        (status for kind, status in _STATUS if isinstance(error, kind)), 500
    )
    message = error.message
    headers = {}
    if isinstance(error, StorageError):
        # The full message names paths of this machine, which are no caller's business.
        log.error("storage failed", extra={"code": error.code, "reason": error.message})
        message = "the server cannot store anything at the moment"
        headers["Retry-After"] = str(STORAGE_RETRY_SECS)
    elif isinstance(error, BusyError):
        headers["Retry-After"] = str(error.retry_after_secs)
    elif isinstance(error, UnauthorizedError):
        headers["WWW-Authenticate"] = "Bearer"
    return JSONResponse(error_body(error.code, message), status, headers)


def install(app: FastAPI) -> None:
    """Make the app answer all errors in our shape."""
    app.add_exception_handler(ClawdforgeError, _ours)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(RequestValidationError, _validation)


async def _ours(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, ClawdforgeError)
    return error_reply(error)


async def _http(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)
    code = error.code if isinstance(error, BodyError) else _CODES.get(error.status_code, "error")
    headers = dict(error.headers or {})
    return JSONResponse(error_body(code, str(error.detail)), error.status_code, headers)


async def _validation(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)
    problems = [_problem(problem) for problem in error.errors()[:5]]
    return JSONResponse(error_body("invalid_request", "; ".join(problems)), 422)


def _problem(problem: Any) -> str:
    """One problem in words: where and what, never the value, which may be a secret."""
    where = ".".join(str(part) for part in problem["loc"] if part not in {"body", "query", "path"})
    message = str(problem["msg"]).removeprefix("Value error, ")
    return f"{where}: {message}" if where else f"the body: {message}"
