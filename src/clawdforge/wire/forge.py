"""The JSON of clawdforge's HTTP API, as values: what is asked, what is answered, what went wrong.

Decoding is strict where a mistake would hurt (an integer is an integer, a list is never null)
and tolerant where servers may grow: unknown keys are ignored. Bodies come from the network, so
their nesting is bounded before they are parsed. Times are UTC seconds since 1970, durations
milliseconds, money micro-dollars.
"""

import re
from typing import Annotated, Any, TypeVar

import msgspec
from msgspec import Meta

from clawdforge.core.names import AGENT_NAME, Effort, SystemMode
from clawdforge.errors import ClawdforgeError

MAX_ERROR_BYTES = 8 * 1024 * 1024
"""How much of an error body is looked at."""
MAX_REPLY_BYTES = 64 * 1024 * 1024
"""How large a successful reply may be."""
MAX_DEPTH = 64
"""How deeply arrays and objects of a body may be nested."""
MAX_SHOWN = 200
"""How many characters of a foreign text are shown to people."""

FILE_TOKEN = r"^ff_[A-Za-z0-9_-]{1,200}\Z"  # noqa: S105 - a pattern, not a secret

T = TypeVar("T")

_FileToken = Annotated[str, Meta(pattern=FILE_TOKEN)]
_NotBlank = Annotated[str, Meta(pattern=r"\S")]
_Positive = Annotated[int, Meta(ge=1)]


class MalformedError(ClawdforgeError):
    """Bytes that are not the JSON they should be. The message never quotes them."""

    code = "malformed"


class RunRequest(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The body of `POST /run`. What is None is left out, and the server's default holds."""

    prompt: _NotBlank
    model: str | None = None
    system: str | None = None
    system_mode: SystemMode | None = None
    effort: Effort | None = None
    files: tuple[_FileToken, ...] | None = None
    timeout_secs: _Positive | None = None
    agent: Annotated[str, Meta(pattern=AGENT_NAME.replace("$", r"\Z"))] | None = None


class TokenRequest(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The body of `POST /admin/tokens`."""

    name: str
    ip_cidrs: tuple[_NotBlank, ...] = ()
    scopes: tuple[_NotBlank, ...] | None = None


class Health(msgspec.Struct, frozen=True, kw_only=True):
    """The answer of `GET /healthz`. The keys from `acpx_present` on are absent in 0.1."""

    ok: bool
    claude_present: bool
    claude_version: str | None = None
    acpx_present: bool | None = None
    acpx_version: str | None = None
    open_sessions: int | None = None


class RunReply(msgspec.Struct, frozen=True, kw_only=True):
    """The answer of a run that worked. `result` is any JSON value."""

    ok: bool
    result: Any
    duration_ms: int
    stop_reason: str | None


class RunFailureReply(msgspec.Struct, frozen=True, kw_only=True):
    """The answer, with status 502, of a run whose agent failed or ran out of time."""

    ok: bool
    error: str
    duration_ms: int
    stderr: str | None = None
    stop_reason: str | None = None


class FileReply(msgspec.Struct, frozen=True, kw_only=True):
    """The answer of `POST /files`; `size` in bytes."""

    file_token: _FileToken
    ttl_secs: int
    size: int


class TokenReply(msgspec.Struct, frozen=True, kw_only=True):
    """The answer of `POST /admin/tokens`: the only time a token is told."""

    name: str
    token: _NotBlank
    ip_cidrs: tuple[str, ...]


class TokenInfo(msgspec.Struct, frozen=True, kw_only=True):
    """One app in the list of `GET /admin/tokens`. Its token is known to nobody any more."""

    name: str
    ip_cidrs: tuple[str, ...]
    created_at: int
    scopes: tuple[str, ...] = ()
    last_used_at: int | None = None


class TokenList(msgspec.Struct, frozen=True, kw_only=True):
    """The answer of `GET /admin/tokens`."""

    tokens: tuple[TokenInfo, ...]


class Acknowledged(msgspec.Struct, frozen=True, kw_only=True):
    """The answer of `DELETE /admin/tokens/{name}`."""

    ok: bool


class RunInfo(msgspec.Struct, frozen=True, kw_only=True):
    """One run in the ledger. What is None is not known (yet), or the agent did not say.

    `state` is `running`, `done`, `failed`, `timeout`, `cancelled` or `interrupted`; a newer
    server may know more.
    """

    run_id: str
    agent: str
    state: str
    started_at: int
    model: str | None = None
    effort: str | None = None
    duration_ms: int | None = None
    waited_ms: int | None = None
    stop_reason: str | None = None
    error: str | None = None
    prompt_bytes: int | None = None
    prompt_sha256: str | None = None
    file_count: int | None = None
    result_bytes: int | None = None
    input_tokens: int | None = None
    output_tokens: int | None = None
    cache_read_tokens: int | None = None
    cache_write_tokens: int | None = None
    cost_microusd: int | None = None


class RunPage(msgspec.Struct, frozen=True, kw_only=True):
    """Some runs, newest first. `next` is what `before` must be for the page after; None: last."""

    runs: tuple[RunInfo, ...]
    count: int
    next: str | None = None


class AgentInfo(msgspec.Struct, frozen=True, kw_only=True):
    """One configured agent. `detail` says why it is not available."""

    name: str
    driver: str
    default: bool
    available: bool
    version: str | None = None
    detail: str | None = None


class AgentList(msgspec.Struct, frozen=True, kw_only=True):
    """The answer of `GET /agents`."""

    agents: tuple[AgentInfo, ...]


class ServerFile(msgspec.Struct, frozen=True, kw_only=True):
    """`server.json` in the data folder, there while a server runs."""

    url: str
    pid: int
    version: str | None = None
    started_at: int | None = None


class ErrorBody(msgspec.Struct, frozen=True, kw_only=True):
    """What an error body says: a stable `code`, a `message` for people, and all of it."""

    code: str | None = None
    message: str | None = None
    body: Any = None


# Strings are skipped as a whole, so that brackets inside them do not count. Possessive, so that
# no input makes it slow.
_TOKENS = re.compile(rb'"(?:[^"\\]++|\\.)*+"?|[\[{]|[\]}]', re.DOTALL)


def depth(body: bytes, limit: int = MAX_DEPTH) -> int:
    """How deeply the JSON in `body` is nested; counting stops above `limit`."""
    if body.count(b"[") + body.count(b"{") == 0:
        return 0
    level = deepest = 0
    for match in _TOKENS.finditer(body):
        mark = match.group()[:1]
        if mark in b"[{":
            level += 1
            deepest = max(deepest, level)
            if deepest > limit:
                break
        elif mark in b"]}":
            level -= 1
    return deepest


def decode(body: bytes, kind: type[T]) -> T:
    """Parse `body` as a value of `kind`.

    Raises:
        MalformedError: it is not JSON, is nested too deeply, or has another shape.
    """
    if depth(body) > MAX_DEPTH:
        msg = f"nested more than {MAX_DEPTH} levels deep"
        raise MalformedError(msg)
    try:
        return msgspec.json.decode(body, type=kind)
    except UnicodeDecodeError:
        msg = "not UTF-8"
        raise MalformedError(msg) from None
    except (msgspec.MsgspecError, ValueError, ArithmeticError, RecursionError) as error:
        raise MalformedError(shown(str(error))) from None


def decode_error(body: bytes) -> ErrorBody:
    """Make out what an error body says, in any of the shapes that servers send.

    Understood: `{"error": {"code", "message"}}`, `{"error": "text"}`, `{"detail": "text"}`,
    FastAPI's list of problems in `detail`, and any other JSON there. Never raises: a body that
    is not JSON, or too large, says nothing.
    """
    if len(body) > MAX_ERROR_BYTES:
        return ErrorBody()
    try:
        value = decode(body, object)
    except MalformedError:
        return ErrorBody()
    if not isinstance(value, dict):
        return ErrorBody(body=value)
    error = value.get("error")
    code = error.get("code") if isinstance(error, dict) else None
    return ErrorBody(
        code=code if isinstance(code, str) and code else None,
        message=_text(error) or _text(value.get("detail")),
        body=value,
    )


def _text(value: Any) -> str | None:
    """One line for people out of whatever stands where a message should; None: nothing does."""
    match value:
        case None | "" | []:
            return None
        case dict() if not value:
            return None
        case str():
            return shown(value) or None
        case {"message": str(message)} | {"msg": str(message)} if message.strip():
            return shown(_place(value) + message)
        case [*problems]:
            texts = [text for text in map(_text, problems[:5]) if text]
            return shown("; ".join(texts)) or None
        case _:
            return shown(msgspec.json.encode(value).decode())


def _place(problem: dict[Any, Any]) -> str:
    where = problem.get("loc")
    return ".".join(map(str, where)) + ": " if isinstance(where, list) and where else ""


def shown(text: str, limit: int = MAX_SHOWN) -> str:
    """A foreign text as one harmless line: no control characters, at most `limit` long."""
    head = text[: limit * 20]
    line = " ".join("".join(char if char.isprintable() else " " for char in head).split())
    return line if len(line) <= limit else line[: limit - 1] + "…"
