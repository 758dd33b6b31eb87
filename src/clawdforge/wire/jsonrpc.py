"""JSON-RPC 2.0, a message a line (https://www.jsonrpc.org/specification). Pure.

Tolerant: what is no message (text, scalars, batches, objects without sense) is None, never an
error, because agents print such things among their messages.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from clawdforge.wire.framing import json_object

METHOD_NOT_FOUND = -32601
INVALID_PARAMS = -32602
INTERNAL_ERROR = -32603
REQUEST_CANCELLED = -32800

Id = int | str

_NO_REASON = "the agent gave no reason"


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """The other side wants an answer."""

    id: Id
    method: str
    params: Mapping[str, Any] = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Notification:
    """The other side tells something."""

    method: str
    params: Mapping[str, Any] = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """A request of ours was carried out."""

    id: Id
    result: Any = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """A request of ours was not carried out; without an id nobody knows which."""

    id: Id | None
    code: int
    message: str = field(repr=False)
    data: Any = field(default=None, repr=False)


Message = Request | Notification | Answer | Failure


def read(line: bytes) -> Message | None:
    """The message of a line; None when it holds none."""
    value = json_object(line)
    return message_of(value) if value is not None else None


def message_of(value: Mapping[str, Any]) -> Message | None:
    """The message that a JSON object is; None when it is none."""
    number = _id(value.get("id"))
    method = value.get("method")
    if isinstance(method, str):
        params = value.get("params")
        if not isinstance(params, dict):
            params = {}
        if "id" not in value:
            return Notification(method=method, params=params)
        return Request(id=number, method=method, params=params) if number is not None else None
    if "error" in value:
        return _failure(number, value["error"])
    if "result" in value and number is not None:
        return Answer(id=number, result=value["result"])
    return None


def request(number: Id, method: str, params: Mapping[str, Any]) -> bytes:
    """The line of a request."""
    return _line({"id": number, "method": method, "params": params})


def notification(method: str, params: Mapping[str, Any]) -> bytes:
    """The line of a notification."""
    return _line({"method": method, "params": params})


def answer(number: Id, result: Any) -> bytes:
    """The line that answers a request."""
    return _line({"id": number, "result": result})


def failure(number: Id, code: int, message: str) -> bytes:
    """The line that refuses a request."""
    return _line({"id": number, "error": {"code": code, "message": message}})


def _line(message: Mapping[str, Any]) -> bytes:
    value = {"jsonrpc": "2.0", **message}
    return json.dumps(value, separators=(",", ":")).encode() + b"\n"


def _id(value: Any) -> Id | None:
    if isinstance(value, bool):
        return None
    return value if isinstance(value, int | str) else None


def _failure(number: Id | None, error: Any) -> Failure:
    if not isinstance(error, dict):
        reason = error[:500] if isinstance(error, str) and error else _NO_REASON
        return Failure(id=number, code=INTERNAL_ERROR, message=reason)
    code, message = error.get("code"), error.get("message")
    return Failure(
        id=number,
        code=code if isinstance(code, int) else INTERNAL_ERROR,
        message=message if isinstance(message, str) and message else _NO_REASON,
        data=error.get("data"),
    )
