"""An answer as a chat completion: whole, or as server-sent events.

Protocol: https://platform.openai.com/docs/api-reference/chat/object and …/chat/streaming.
Thoughts go into `reasoning_content`: OpenAI hides them, others that speak this dialect do not.
"""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from clawdforge.testing.model_api import openai_shared
from clawdforge.testing.model_api.answers import Call, Part, Text, Thinking, parts
from clawdforge.testing.model_api.rendering import Event
from clawdforge.testing.model_api.request import Request
from clawdforge.testing.model_api.script import Answer, Fail, Say, Tokens
from clawdforge.testing.model_api.values import mapping

_STOPS = {"end_turn": "stop", "max_tokens": "length", "refusal": "content_filter"}
_DONE = Event("[DONE]")


class ChatVoice:
    """Implements `Voice`."""

    def whole(self, answer: Answer, request: Request, serial: str) -> Mapping[str, Any]:
        """The whole completion, as a request without `stream` gets it."""
        message: dict[str, Any] = {"role": "assistant", "content": None, "refusal": None}
        calls = []
        for part in parts(answer):
            if isinstance(part, Call):
                calls.append(_call(part, serial))
            else:
                message[_field(part)] = part.text
        if calls:
            message["tool_calls"] = calls
        choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": _stop(answer)}
        return {
            **_envelope("chat.completion", request, serial),
            "choices": [choice],
            "usage": _usage(answer.usage),
        }

    def stream(
        self, answer: Answer, request: Request, serial: str, *, limit: int | None = None
    ) -> Iterator[Event]:
        """The completion as chunks; see `Voice.stream`."""
        head = _envelope("chat.completion.chunk", request, serial)
        counted = mapping(request.raw.get("stream_options")).get("include_usage") is True
        if counted:
            head["usage"] = None

        def chunk(
            delta: Mapping[str, Any], *, stop: str | None = None, paced: bool = False
        ) -> Event:
            choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": stop}
            return Event({**head, "choices": [choice]}, paced=paced)

        yield chunk({"role": "assistant", "content": ""})
        for part in parts(answer, limit):
            for number, delta in enumerate(_deltas(part, serial)):
                yield chunk(delta, paced=isinstance(part, Text) and number > 0)
        if limit is None:
            yield chunk({}, stop=_stop(answer))
            if counted:
                yield Event({**head, "choices": [], "usage": _usage(answer.usage)})
            yield _DONE

    def error(self, step: Fail, serial: str) -> Mapping[str, Any]:  # noqa: ARG002
        """The body of an error reply."""
        return {"error": openai_shared.error(step)}

    def broken(self, step: Fail, request: Request, serial: str) -> Event:  # noqa: ARG002
        """The error in place of a chunk."""
        return Event(self.error(step, serial))

    def headers(self, serial: str) -> Mapping[str, str]:
        """The request's name, for support."""
        return openai_shared.headers(serial)


def _envelope(kind: str, request: Request, serial: str) -> dict[str, Any]:
    return {
        "id": f"chatcmpl-{serial}",
        "object": kind,
        "created": openai_shared.CREATED,
        "model": request.model,
        "service_tier": "default",
        "system_fingerprint": None,
    }


def _field(part: Thinking | Text) -> str:
    return "reasoning_content" if isinstance(part, Thinking) else "content"


def _deltas(part: Part, serial: str) -> Iterator[dict[str, Any]]:
    if isinstance(part, Thinking):
        yield {_field(part): part.text}
    elif isinstance(part, Text):
        for piece in part.pieces:
            yield {_field(part): piece}
    else:
        call = _call(part, serial)
        index, function = part.number - 1, call["function"]
        yield {"tool_calls": [{"index": index, **call, "function": {**function, "arguments": ""}}]}
        arguments = {"arguments": function["arguments"]}
        yield {"tool_calls": [{"index": index, "function": arguments}]}


def _call(part: Call, serial: str) -> dict[str, Any]:
    return {
        "id": f"call_{serial}_{part.number}",
        "type": "function",
        "function": {"name": part.name, "arguments": json.dumps(part.input)},
    }


def _stop(answer: Answer) -> str:
    return _STOPS[answer.stop] if isinstance(answer, Say) else "tool_calls"


def _usage(tokens: Tokens) -> dict[str, Any]:
    # Here what came from the cache is a part of the prompt, not a number beside it.
    prompt = tokens.input + tokens.cache_read + tokens.cache_write
    return {
        "prompt_tokens": prompt,
        "completion_tokens": tokens.output,
        "total_tokens": prompt + tokens.output,
        "prompt_tokens_details": {"cached_tokens": tokens.cache_read, "audio_tokens": 0},
        "completion_tokens_details": {"reasoning_tokens": 0, "audio_tokens": 0},
    }
