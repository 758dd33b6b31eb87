"""From an HTTP reply to a value or an error. Pure: nothing is sent or read here."""

import contextlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, Protocol, TypeVar

from clawdforge.client.errors import (
    ApiError,
    AuthError,
    BusyError,
    ConflictError,
    ForgeError,
    GoneError,
    NotFoundError,
    ProtocolError,
    RunFailure,
)
from clawdforge.client.results import AppToken, FileToken, RunResult
from clawdforge.client.secret import Secret
from clawdforge.wire import forge, forge_json
from clawdforge.wire.forge_json import MalformedError

T = TypeVar("T")
F = TypeVar("F", bound=RunFailure)

MAX_RETRY_AFTER_SECS = 24 * 3600


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """A whole HTTP reply."""

    url: str
    status: int
    headers: Mapping[str, str]
    body: bytes = field(repr=False)
    problem: str | None = None
    """Why the body was not taken: compressed, or too large."""

    @property
    def request_id(self) -> str | None:
        """The id under which the server logged the request."""
        return _id(self.headers.get("x-request-id"))

    @property
    def run_id(self) -> str | None:
        """The run this reply is about."""
        return _id(self.headers.get("x-run-id"))

    @property
    def turn_index(self) -> int | None:
        """The turn this reply is about."""
        return turn_index(self.headers)


def turn_index(headers: Mapping[str, str]) -> int | None:
    """The number of the turn that a reply with these headers is about."""
    value = headers.get("x-turn-index", "")
    return int(value) if value.isascii() and value.isdigit() and len(value) < 16 else None


def decoded(reply: Reply, kind: type[T], status: int = HTTPStatus.OK) -> T:
    """The value that a reply of that status carries.

    Raises:
        ApiError: the status is not a success; the branch follows from it.
        ProtocolError: it is one, and the body is not a `kind`.
    """
    if not 200 <= reply.status < 300:
        raise refusal(reply)
    problem = reply.problem if reply.status == status else f"{int(status)} was expected"
    if problem is None:
        try:
            return forge_json.decode(reply.body, kind)
        except MalformedError as error:
            problem = error.message
    raise nonsense(reply, problem)


def run_result(reply: Reply) -> RunResult:
    """Decode the answer of `POST /run`.

    Raises:
        RunFailure: the agent failed or ran out of time.
        ApiError, ProtocolError: as in `decoded`.
    """
    if reply.status == HTTPStatus.BAD_GATEWAY:
        raise _run_failure(reply)
    value = decoded(reply, forge.RunReply)
    must_be_ok(reply, value.ok)
    return RunResult(
        result=value.result,
        duration_ms=value.duration_ms,
        stop_reason=value.stop_reason,
        run_id=reply.run_id,
        request_id=reply.request_id,
    )


def ready(reply: Reply) -> forge.Ready:
    """Decode the answer of `GET /readyz`: a 503 of the right shape is an answer, no error."""
    if reply.status == HTTPStatus.SERVICE_UNAVAILABLE and reply.problem is None:
        with contextlib.suppress(MalformedError):
            return forge_json.decode(reply.body, forge.Ready)
    return decoded(reply, forge.Ready)


def file_token(reply: Reply) -> FileToken:
    """Decode the answer of `POST /files`."""
    value = decoded(reply, forge.FileReply)
    return FileToken(secret=Secret(value.file_token), ttl_secs=value.ttl_secs, size=value.size)


def app_token(reply: Reply, asked_scopes: tuple[str, ...] | None = None) -> AppToken:
    """Decode the answer of `POST /admin/tokens`, which need not repeat the scopes."""
    value = decoded(reply, forge.TokenReply)
    try:
        secret = Secret(value.token)
    except ForgeError:
        problem = "the new token cannot be used as one"
    else:
        scopes = asked_scopes if value.scopes is None else value.scopes
        return AppToken(name=value.name, secret=secret, ip_cidrs=value.ip_cidrs, scopes=scopes)
    raise nonsense(reply, problem)


def token_list(reply: Reply) -> tuple[forge.TokenInfo, ...]:
    """Decode the answer of `GET /admin/tokens`."""
    return decoded(reply, forge.TokenList).tokens


def agent_list(reply: Reply) -> tuple[forge.AgentInfo, ...]:
    """Decode the answer of `GET /agents`."""
    return decoded(reply, forge.AgentList).agents


def acknowledged(reply: Reply) -> None:
    """Make sure that the server says it did what was asked: `ok` is true, not only 200."""
    must_be_ok(reply, decoded(reply, forge.Acknowledged).ok)


def refusal(reply: Reply) -> ApiError:
    """The error that a reply without success stands for."""
    said = forge_json.ErrorBody() if reply.problem else forge_json.decode_error(reply.body)
    message = f"{_phrase(reply)}: {said.message}" if said.message else _phrase(reply)
    about: dict[str, Any] = {
        "status": reply.status,
        "code": said.code,
        "body": said.body,
        "run_id": reply.run_id,
        "request_id": reply.request_id,
    }
    match reply.status:
        case 401 | 403:
            return AuthError(message, **about)
        case 404:
            return NotFoundError(message, **about)
        case 409:
            return ConflictError(message, **about)
        case 410:
            return GoneError(message, **about)
        case 429 | 503:
            busy = BusyError(message, **about)
            busy.retry_after_secs = _retry_after(reply.headers.get("retry-after", ""))
            return busy
        case status if 300 <= status < 400:
            hint = "redirects are not followed, to keep the token: use the server's own URL"
            return ApiError(message, hint=hint, **about)
        case _:
            return ApiError(message, **about)


def _run_failure(reply: Reply) -> ApiError:
    """A run's failure; a plain `ApiError` when a proxy made the 502."""
    try:
        value = forge_json.decode(b"" if reply.problem else reply.body, forge.RunFailureReply)
    except MalformedError:
        return refusal(reply)
    return failed(RunFailure, "the run failed", reply, value)


class SaysWhy(Protocol):
    """What every failure of an agent tells."""

    @property
    def error(self) -> str: ...  # noqa: D102
    @property
    def stderr(self) -> str | None: ...  # noqa: D102
    @property
    def stop_reason(self) -> str | None: ...  # noqa: D102
    @property
    def duration_ms(self) -> int: ...  # noqa: D102


def failed(kind: type[F], what: str, reply: Reply, value: SaysWhy) -> F:
    """The failure of an agent, as the error to raise."""
    error = value.error.strip() or "the agent did not say why"
    failure = kind(
        f"{what}: {forge_json.shown(error)}",
        status=reply.status,
        body=forge_json.decode_error(reply.body).body,
        run_id=reply.run_id,
        request_id=reply.request_id,
    )
    failure.error = error
    failure.stderr = value.stderr or ""
    failure.stop_reason = value.stop_reason
    failure.duration_ms = value.duration_ms
    return failure


def must_be_ok(reply: Reply, ok: object) -> None:
    """Make sure that the server says so.

    Raises:
        ProtocolError: it does not.
    """
    if ok is not True:
        raise nonsense(reply, "`ok` is not true")


def nonsense(reply: Reply, problem: str) -> ProtocolError:
    """The error for a reply that is not what the API promises."""
    msg = f"{reply.url} answered {reply.status}, but not as clawdforge does: {problem}"
    return ProtocolError(msg, status=reply.status, run_id=reply.run_id, request_id=reply.request_id)


def _phrase(reply: Reply) -> str:
    try:
        phrase = HTTPStatus(reply.status).phrase
    except ValueError:
        phrase = ""
    return f"{reply.url} answered {reply.status} {phrase}".rstrip()


def _id(value: str | None) -> str | None:
    return (forge_json.shown(value, 128) or None) if value else None


def _retry_after(value: str) -> int:
    secs = int(value) if value.isascii() and value.isdigit() and len(value) < 10 else 1
    return min(max(secs, 1), MAX_RETRY_AFTER_SECS)
