"""JSON that comes from the network: bounded before it is parsed, and errors in any shape.

What people are shown of foreign texts is made harmless here too. Pure.
"""

import re
from typing import Any, TypeVar

import msgspec

from clawdforge.errors import ClawdforgeError

MAX_ERROR_BYTES = 8 * 1024 * 1024
"""How much of an error body is looked at."""
MAX_REPLY_BYTES = 64 * 1024 * 1024
"""How large a successful reply may be."""
MAX_DEPTH = 64
"""How deeply arrays and objects of a body may be nested."""
MAX_SHOWN = 200
"""How many characters of a foreign text are shown to people."""

T = TypeVar("T")


class MalformedError(ClawdforgeError):
    """Bytes that are not the JSON they should be. The message never quotes them."""

    code = "malformed"


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


def decode(body: bytes, kind: type[T], *, max_depth: int = MAX_DEPTH) -> T:
    """Parse `body` as a value of `kind`.

    Raises:
        MalformedError: it is not JSON, is nested too deeply, or has another shape.
    """
    if depth(body, max_depth) > max_depth:
        msg = f"nested more than {max_depth} levels deep"
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
