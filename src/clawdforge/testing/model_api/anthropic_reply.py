"""An answer as an Anthropic message: whole, or as server-sent events.

Protocol: https://docs.anthropic.com/en/api/messages, …/messages-streaming and …/errors.
"""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from clawdforge.testing.model_api.answers import Part, Text, Thinking, parts
from clawdforge.testing.model_api.rendering import Event
from clawdforge.testing.model_api.request import Request
from clawdforge.testing.model_api.script import Answer, Fail, Say, Tokens

# What a real signature looks like is nobody's business but the vendor's: clients hand it back.
_SIGNATURE = "c2NyaXB0ZWQ="
_KINDS = {
    400: "invalid_request_error",
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    413: "request_too_large",
    429: "rate_limit_error",
    529: "overloaded_error",
}


class MessagesVoice:
    """Implements `Voice`."""

    def whole(self, answer: Answer, request: Request, serial: str) -> Mapping[str, Any]:
        """The whole message, as a request without `stream` gets it."""
        return {
            **_envelope(request.model, serial),
            "content": [_block(part, serial) for part in parts(answer)],
            "stop_reason": _stop_reason(answer),
            "usage": _usage(answer.usage, answer.usage.output),
        }

    def stream(
        self, answer: Answer, request: Request, serial: str, *, limit: int | None = None
    ) -> Iterator[Event]:
        """The message as events; see `Voice.stream`."""
        usage = _usage(answer.usage, min(answer.usage.output, 1))
        start = {**_envelope(request.model, serial), "usage": usage}
        yield _event({"type": "message_start", "message": start})
        yield _event({"type": "ping"})
        for index, part in enumerate(parts(answer, limit)):
            yield from _streamed(part, index, serial)
        if limit is None:
            yield from _end(answer)

    def error(self, step: Fail, serial: str) -> Mapping[str, Any]:
        """The body of an error reply, and the data of an error event."""
        kind = step.kind or _KINDS.get(step.status, "api_error")
        text = step.message if step.message is not None else f"Scripted {kind}."
        return {
            "type": "error",
            "error": {"type": kind, "message": text},
            "request_id": f"req_{serial}",
        }

    def broken(self, step: Fail, request: Request, serial: str) -> Event:  # noqa: ARG002
        """The error as an event."""
        return _event(self.error(step, serial))

    def headers(self, serial: str) -> Mapping[str, str]:
        """The request's name, for support."""
        return {"request-id": f"req_{serial}"}


def _event(data: Mapping[str, Any], *, paced: bool = False) -> Event:
    return Event(data, name=str(data["type"]), paced=paced)


def _streamed(part: Part, index: int, serial: str) -> Iterator[Event]:
    block = _block(part, serial)
    yield _event({"type": "content_block_start", "index": index, "content_block": _hull(block)})
    for number, delta in enumerate(_deltas(part, block)):
        paced = isinstance(part, Text) and number > 0
        data = {"type": "content_block_delta", "index": index, "delta": delta}
        yield _event(data, paced=paced)
    if not isinstance(part, Text) or part.is_whole:
        yield _event({"type": "content_block_stop", "index": index})


def _envelope(model: str, serial: str) -> dict[str, Any]:
    return {
        "id": f"msg_{serial}",
        "type": "message",
        "role": "assistant",
        "model": model,
        "content": [],
        "stop_reason": None,
        "stop_sequence": None,
    }


def _block(part: Part, serial: str) -> dict[str, Any]:
    if isinstance(part, Thinking):
        return {"type": "thinking", "thinking": part.text, "signature": _SIGNATURE}
    if isinstance(part, Text):
        return {"type": "text", "text": part.text}
    call_id = f"toolu_{serial}_{part.number}"
    return {"type": "tool_use", "id": call_id, "name": part.name, "input": dict(part.input)}


def _hull(block: Mapping[str, Any]) -> dict[str, Any]:
    """A block as its start event shows it: without what the deltas will bring."""
    empty: dict[str, Any] = {"text": "", "thinking": "", "signature": "", "input": {}}
    return {name: empty.get(name, value) for name, value in block.items()}


def _deltas(part: Part, block: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    if isinstance(part, Thinking):
        yield {"type": "thinking_delta", "thinking": part.text}
        yield {"type": "signature_delta", "signature": block["signature"]}
    elif isinstance(part, Text):
        for piece in part.pieces:
            yield {"type": "text_delta", "text": piece}
    else:
        for piece in ("", json.dumps(block["input"])):
            yield {"type": "input_json_delta", "partial_json": piece}


def _end(answer: Answer) -> Iterator[Event]:
    yield _event(
        {
            "type": "message_delta",
            "delta": {"stop_reason": _stop_reason(answer), "stop_sequence": None},
            "usage": _usage(answer.usage, answer.usage.output),
        }
    )
    yield _event({"type": "message_stop"})


def _stop_reason(answer: Answer) -> str:
    return answer.stop if isinstance(answer, Say) else "tool_use"


def _usage(tokens: Tokens, output: int) -> dict[str, Any]:
    return {
        "input_tokens": tokens.input,
        "output_tokens": output,
        "cache_read_input_tokens": tokens.cache_read,
        "cache_creation_input_tokens": tokens.cache_write,
        "cache_creation": {
            "ephemeral_5m_input_tokens": tokens.cache_write,
            "ephemeral_1h_input_tokens": 0,
        },
        "service_tier": "standard",
    }
