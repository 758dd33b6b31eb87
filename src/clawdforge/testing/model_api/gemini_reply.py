"""An answer as Gemini gives it: whole, or as server-sent events.

Protocol: https://ai.google.dev/api/generate-content#v1beta.GenerateContentResponse and
https://ai.google.dev/gemini-api/docs/thought-signatures.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from clawdforge.testing.model_api.answers import Part, Text, Thinking, parts
from clawdforge.testing.model_api.rendering import Event
from clawdforge.testing.model_api.request import Request
from clawdforge.testing.model_api.script import Answer, Fail, Say, Tokens

_STOPS = {"end_turn": "STOP", "max_tokens": "MAX_TOKENS", "refusal": "SAFETY"}
_KINDS = {
    400: "INVALID_ARGUMENT",
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    429: "RESOURCE_EXHAUSTED",
    503: "UNAVAILABLE",
    504: "DEADLINE_EXCEEDED",
    529: "UNAVAILABLE",
}
# What a real signature looks like is nobody's business but the vendor's: clients hand it back.
_SIGNATURE = "c2NyaXB0ZWQ="


class GeminiVoice:
    """Implements `Voice`."""

    def whole(self, answer: Answer, request: Request, serial: str) -> Mapping[str, Any]:
        """The whole answer, as `generateContent` gives it."""
        said = [each for part in parts(answer) for each in _parts(part, serial)]
        return _reply(said, request, serial, answer=answer)

    def stream(
        self, answer: Answer, request: Request, serial: str, *, limit: int | None = None
    ) -> Iterator[Event]:
        """The answer as chunks; see `Voice.stream`."""
        for part in parts(answer, limit):
            for number, each in enumerate(_parts(part, serial)):
                paced = isinstance(part, Text) and number > 0
                yield Event(_reply([each], request, serial), paced=paced)
        if limit is None:
            yield Event(_reply([{"text": ""}], request, serial, answer=answer))

    def error(self, step: Fail, serial: str) -> Mapping[str, Any]:  # noqa: ARG002
        """The body of an error reply."""
        kind = step.kind or _KINDS.get(step.status, "INTERNAL")
        text = step.message if step.message is not None else f"Scripted {kind}."
        return {"error": {"code": step.status, "message": text, "status": kind}}

    def broken(self, step: Fail, request: Request, serial: str) -> Event:  # noqa: ARG002
        """The error in place of a chunk."""
        return Event(self.error(step, serial))

    def headers(self, serial: str) -> Mapping[str, str]:
        """The request's name, for support."""
        return {"x-request-id": serial}


def _reply(
    said: list[dict[str, Any]], request: Request, serial: str, *, answer: Answer | None = None
) -> dict[str, Any]:
    """A chunk; with `answer` it is the last one, or the only one."""
    candidate: dict[str, Any] = {"content": {"role": "model", "parts": said}, "index": 0}
    reply: dict[str, Any] = {
        "candidates": [candidate],
        "modelVersion": request.model,
        "responseId": serial,
    }
    if answer is not None:
        candidate["finishReason"] = _STOPS[answer.stop] if isinstance(answer, Say) else "STOP"
        reply["usageMetadata"] = _usage(answer.usage)
    return reply


def _parts(part: Part, serial: str) -> Iterator[dict[str, Any]]:
    if isinstance(part, Thinking):
        yield {"text": part.text, "thought": True}
    elif isinstance(part, Text):
        for piece in part.pieces:
            yield {"text": piece}
    else:
        call_id = f"call_{serial}_{part.number}"
        call = {"id": call_id, "name": part.name, "args": dict(part.input)}
        yield {"functionCall": call, "thoughtSignature": _SIGNATURE}


def _usage(tokens: Tokens) -> dict[str, Any]:
    # Here what came from the cache is a part of the prompt, not a number beside it.
    prompt = tokens.input + tokens.cache_read + tokens.cache_write
    return {
        "promptTokenCount": prompt,
        "cachedContentTokenCount": tokens.cache_read,
        "candidatesTokenCount": tokens.output,
        "totalTokenCount": prompt + tokens.output,
    }
