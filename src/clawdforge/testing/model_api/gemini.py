"""The dialect of the Gemini API, as Gemini CLI speaks it.

    POST /v1beta/models/ID:streamGenerateContent?alt=sse   the model, streamed
    POST /v1beta/models/ID:generateContent                 the same, whole
    POST /v1beta/models/ID:countTokens                     a rough count; a side call
    GET  /v1beta/models, /v1beta/models/ID                 one made-up model

Protocol: https://ai.google.dev/api/generate-content, …/tokens, …/models.
"""

import re
from dataclasses import replace
from urllib.parse import parse_qs

from clawdforge.testing.model_api.exchange import Exchange
from clawdforge.testing.model_api.gemini_reply import GeminiVoice
from clawdforge.testing.model_api.gemini_request import read_request, schema_of
from clawdforge.testing.model_api.rendering import json_reply, render
from clawdforge.testing.model_api.request import HttpCall, Request
from clawdforge.testing.model_api.script import Say, Step
from clawdforge.testing.model_api.values import made_up, tokens_in

_MODELS = "/v1beta/models"
_METHOD = re.compile(rf"{_MODELS}/(?P<model>[^/:]+)(?::(?P<method>\w+))?")
_MODEL = {
    "version": "1",
    "displayName": "Scripted",
    "inputTokenLimit": 1_048_576,
    "outputTokenLimit": 65_536,
    "supportedGenerationMethods": ["generateContent", "countTokens"],
}


class Gemini:
    """Implements `Dialect`."""

    def __init__(self) -> None:
        self._voice = GeminiVoice()

    def environment(self, url: str) -> dict[str, str]:
        """What Gemini CLI needs to talk to `url`."""
        return {"GOOGLE_GEMINI_BASE_URL": url, "GEMINI_API_KEY": "scripted"}

    def read(self, call: HttpCall) -> Request | Exchange | None:
        """Understand a call; see `Dialect.read`."""
        if call.method == "GET" and call.path == _MODELS:
            return json_reply({"models": [{"name": "models/gemini-scripted", **_MODEL}]})
        found = _METHOD.fullmatch(call.path)
        if found is not None and call.method == "POST" and found["method"]:
            return _read(call, found["model"], found["method"])
        if found is not None and call.method == "GET" and not found["method"]:
            return json_reply({"name": f"models/{found['model']}", **_MODEL})
        return None

    def render(self, request: Request, step: Step, serial: str) -> Exchange:
        """Put a step into words; see `Dialect.render`."""
        return render(self._voice, request, step, serial)

    def render_side(self, request: Request, serial: str) -> Exchange:
        """Answer a side call; see `Dialect.render_side`."""
        if request.side == "count_tokens":
            return json_reply({"totalTokens": tokens_in(request.raw)})
        return self.render(request, Say(made_up(schema_of(request.raw))), serial)


def _read(call: HttpCall, model: str, method: str) -> Request | None:
    request = replace(read_request(call), model=model)
    if method == "countTokens":
        return replace(request, side="count_tokens")
    if method == "generateContent":
        return request
    if method != "streamGenerateContent":
        return None
    if parse_qs(call.target.partition("?")[2]).get("alt") != ["sse"]:
        msg = "streamGenerateContent: only alt=sse is spoken here"
        raise ValueError(msg)
    return replace(request, stream=True)
