"""The dialect of Anthropic's Messages API, as Claude Code speaks it.

    POST /v1/messages               the model, streamed or whole
    POST /v1/messages/count_tokens  a rough count; a side call
    GET  /v1/models, /v1/models/ID  one made-up model
    anything else under /           404, and nobody minds

Protocol: https://docs.anthropic.com/en/api/messages, …/messages-streaming, …/errors.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from clawdforge.testing.model_api.anthropic_reply import Event, error, message, stream
from clawdforge.testing.model_api.anthropic_request import read_request, schema_of
from clawdforge.testing.model_api.exchange import Ending, Exchange, Piece
from clawdforge.testing.model_api.request import HttpCall, Request
from clawdforge.testing.model_api.script import (
    Answer,
    Drop,
    Fail,
    Say,
    Slow,
    Stall,
    Step,
    answer_of,
)

_MESSAGES = "/v1/messages"
_COUNT = "/v1/messages/count_tokens"
_MODELS = "/v1/models"
_BYTES_PER_TOKEN = 4
_KINDS = {
    400: "invalid_request_error",
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    413: "request_too_large",
    429: "rate_limit_error",
    529: "overloaded_error",
}
_MODEL = {
    "type": "model",
    "id": "claude-scripted",
    "display_name": "Scripted",
    "created_at": "2026-01-01T00:00:00Z",
}


class Anthropic:
    """Implements `Dialect`."""

    def environment(self, url: str) -> dict[str, str]:
        """What Claude Code needs to talk to `url`, and to nobody else."""
        return {
            "ANTHROPIC_BASE_URL": url,
            "ANTHROPIC_API_KEY": "sk-ant-scripted",
            "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
            "DISABLE_AUTOUPDATER": "1",
        }

    def read(self, call: HttpCall) -> Request | Exchange | None:
        """Understand a call; see `Dialect.read`."""
        if call.method == "POST" and call.path == _MESSAGES:
            return read_request(call)
        if call.method == "POST" and call.path == _COUNT:
            return _count_request(call)
        if call.method == "GET" and call.path == _MODELS:
            page = {"data": [_MODEL], "has_more": False}
            return _json({**page, "first_id": _MODEL["id"], "last_id": _MODEL["id"]})
        if call.method == "GET" and call.path.startswith(f"{_MODELS}/"):
            return _json({**_MODEL, "id": call.path.removeprefix(f"{_MODELS}/")})
        return None

    def render(self, request: Request, step: Step, serial: str) -> Exchange:
        """Put a step into words; see `Dialect.render`."""
        if isinstance(step, Fail):
            return _failure(request, step, serial)
        if isinstance(step, Drop):
            return _cut_short(request, step, serial, Ending.RESET)
        if isinstance(step, Stall):
            return _cut_short(request, step, serial, Ending.STALL)
        if isinstance(step, Slow):
            reply = _reply(request, step.answer, serial, pause_secs=step.pause_secs)
            return replace(reply, wait_secs=step.first_secs)
        return _reply(request, step, serial)

    def render_side(self, request: Request, serial: str) -> Exchange:
        """Answer a side call; see `Dialect.render_side`."""
        if request.side == "count_tokens":
            return _json({"input_tokens": len(json.dumps(request.raw)) // _BYTES_PER_TOKEN})
        properties = schema_of(request.raw).get("properties")
        text = json.dumps(dict.fromkeys(properties, "Scripted")) if properties else "OK"
        return _reply(request, Say(text), serial)


def _count_request(call: HttpCall) -> Request:
    return replace(read_request(call), side="count_tokens")


def _reply(request: Request, answer: Answer, serial: str, *, pause_secs: float = 0.0) -> Exchange:
    if not request.stream:
        return _json(message(answer, request.model, serial), serial=serial)
    return _sse(stream(answer, request.model, serial), serial, pause_secs=pause_secs)


def _failure(request: Request, step: Fail, serial: str) -> Exchange:
    kind = step.kind or _KINDS.get(step.status, "api_error")
    text = step.message if step.message is not None else f"Scripted {kind}."
    body = error(kind, text, serial)
    if step.after_chars is not None and request.stream:
        begun = stream(answer_of(step), request.model, serial, limit=step.after_chars)
        return _sse([*begun, Event(body)], serial)
    headers = dict(step.headers)
    if step.retry_after is not None:
        headers["retry-after"] = f"{step.retry_after:g}"
    return _json(body, status=step.status, headers=headers, serial=serial)


def _cut_short(request: Request, step: Drop | Stall, serial: str, ending: Ending) -> Exchange:
    if step.after_chars is None:
        return Exchange(silent=True, ending=ending)
    answer = answer_of(step)
    if request.stream:
        events = stream(answer, request.model, serial, limit=step.after_chars)
        return replace(_sse(events, serial), ending=ending)
    whole = _json(message(answer, request.model, serial), serial=serial)
    # A reply in one piece has its text deep inside: half of the body is as good a place.
    body = whole.pieces[0].data
    return replace(whole, pieces=(Piece(body[: len(body) // 2]),), ending=ending)


def _sse(events: Iterable[Event], serial: str, *, pause_secs: float = 0.0) -> Exchange:
    pieces = [Piece(each.encode(), pause_secs if each.paced else 0.0) for each in events]
    return Exchange(
        headers={
            "content-type": "text/event-stream; charset=utf-8",
            "cache-control": "no-cache",
            "request-id": f"req_{serial}",
        },
        pieces=tuple(pieces),
    )


def _json(
    body: Mapping[str, Any],
    *,
    status: int = 200,
    headers: Mapping[str, str] | None = None,
    serial: str = "side",
) -> Exchange:
    return Exchange(
        status=status,
        headers={
            "content-type": "application/json",
            "request-id": f"req_{serial}",
            **(headers or {}),
        },
        pieces=(Piece(json.dumps(body).encode()),),
    )
