"""An answer as an Anthropic message: whole, or as server-sent events.

Protocol: https://docs.anthropic.com/en/api/messages and …/messages-streaming.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from clawdforge.testing.model_api.script import Answer, CallTool, CallTools, Say, Tokens

# What a real signature looks like is nobody's business but the vendor's: clients hand it back.
_SIGNATURE = "c2NyaXB0ZWQ="


@dataclass(frozen=True, slots=True)
class Event:
    """One server-sent event of a stream."""

    data: Mapping[str, Any]
    paced: bool = False
    """Whether a slow model lets time pass before it."""

    def encode(self) -> bytes:
        """The event's bytes on the wire."""
        return f"event: {self.data['type']}\ndata: {json.dumps(self.data)}\n\n".encode()


def message(answer: Answer, model: str, serial: str) -> dict[str, Any]:
    """The whole message, as a request without `stream` gets it."""
    return {
        **_envelope(model, serial),
        "content": list(_blocks(answer, serial)),
        "stop_reason": _stop_reason(answer),
        "usage": _usage(answer.usage, answer.usage.output),
    }


def stream(answer: Answer, model: str, serial: str, *, limit: int | None = None) -> Iterator[Event]:
    """The message as events; with `limit`, only up to that many characters of text.

    A limited stream has no end (`message_delta`, `message_stop`), even if the answer is
    shorter than the limit.
    """
    start = {**_envelope(model, serial), "usage": _usage(answer.usage, min(answer.usage.output, 1))}
    yield Event({"type": "message_start", "message": start})
    yield Event({"type": "ping"})
    chunks = answer.chunks if isinstance(answer, Say) else 1
    left = limit
    for index, block in enumerate(_blocks(answer, serial)):
        if left == 0:
            return
        yield Event({"type": "content_block_start", "index": index, "content_block": _hull(block)})
        for number, delta in enumerate(_deltas(block, chunks)):
            shown = delta
            if left is not None and delta["type"] == "text_delta":
                shown = {**delta, "text": delta["text"][:left]}
                left -= len(shown["text"])
            paced = delta["type"] == "text_delta" and number > 0
            yield Event({"type": "content_block_delta", "index": index, "delta": shown}, paced)
            if left == 0:
                return
        yield Event({"type": "content_block_stop", "index": index})
    if limit is None:
        yield from _end(answer)


def error(kind: str, text: str, serial: str) -> dict[str, Any]:
    """The body of an error reply, and the data of an error event."""
    return {
        "type": "error",
        "error": {"type": kind, "message": text},
        "request_id": f"req_{serial}",
    }


def cut(text: str, pieces: int) -> list[str]:
    """Cut `text` into at most `pieces` pieces of about the same length, none of them empty."""
    size = max(1, -(-len(text) // pieces))
    return [text[at : at + size] for at in range(0, len(text), size)]


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


def _blocks(answer: Answer, serial: str) -> Iterator[dict[str, Any]]:
    if answer.thinking is not None:
        yield {"type": "thinking", "thinking": answer.thinking, "signature": _SIGNATURE}
    text = answer.text if isinstance(answer, Say) else answer.say
    if text is not None:
        yield {"type": "text", "text": text}
    for number, call in enumerate(_calls(answer), start=1):
        yield {
            "type": "tool_use",
            "id": f"toolu_{serial}_{number}",
            "name": call.name,
            "input": dict(call.input),
        }


def _calls(answer: Answer) -> tuple[CallTool, ...]:
    if isinstance(answer, CallTools):
        return tuple(answer.calls)
    return (answer,) if isinstance(answer, CallTool) else ()


def _hull(block: Mapping[str, Any]) -> dict[str, Any]:
    """A block as its start event shows it: without what the deltas will bring."""
    empty: dict[str, Any] = {"text": "", "thinking": "", "signature": "", "input": {}}
    return {name: empty.get(name, value) for name, value in block.items()}


def _deltas(block: Mapping[str, Any], chunks: int) -> Iterator[dict[str, Any]]:
    if block["type"] == "thinking":
        yield {"type": "thinking_delta", "thinking": block["thinking"]}
        yield {"type": "signature_delta", "signature": block["signature"]}
    elif block["type"] == "text":
        for piece in cut(block["text"], chunks):
            yield {"type": "text_delta", "text": piece}
    else:
        for piece in ("", json.dumps(block["input"])):
            yield {"type": "input_json_delta", "partial_json": piece}


def _end(answer: Answer) -> Iterator[Event]:
    yield Event(
        {
            "type": "message_delta",
            "delta": {"stop_reason": _stop_reason(answer), "stop_sequence": None},
            "usage": _usage(answer.usage, answer.usage.output),
        }
    )
    yield Event({"type": "message_stop"})


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
