"""The dialect of Anthropic's Messages API, as Claude Code speaks it.

    POST /v1/messages               the model, streamed or whole
    POST /v1/messages/count_tokens  a rough count; a side call
    GET  /v1/models, /v1/models/ID  one made-up model
    anything else under /           404, and nobody minds

Protocol: https://docs.anthropic.com/en/api/messages, …/messages-streaming, …/errors.
"""

from dataclasses import replace

from clawdforge.testing.model_api.anthropic_reply import MessagesVoice
from clawdforge.testing.model_api.anthropic_request import read_request, schema_of
from clawdforge.testing.model_api.exchange import Exchange
from clawdforge.testing.model_api.rendering import json_reply, render
from clawdforge.testing.model_api.request import HttpCall, Request
from clawdforge.testing.model_api.script import Say, Step
from clawdforge.testing.model_api.values import made_up, tokens_in

_MESSAGES = "/v1/messages"
_COUNT = "/v1/messages/count_tokens"
_MODELS = "/v1/models"
_MODEL = {
    "type": "model",
    "id": "claude-scripted",
    "display_name": "Scripted",
    "created_at": "2026-01-01T00:00:00Z",
}


class Anthropic:
    """Implements `Dialect`."""

    def __init__(self) -> None:
        self._voice = MessagesVoice()

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
        if "authorization" in call.headers and "anthropic-version" not in call.headers:
            return None  # OpenAI's list of models has the same address
        if call.method == "GET" and call.path == _MODELS:
            page = {"data": [_MODEL], "has_more": False}
            return json_reply({**page, "first_id": _MODEL["id"], "last_id": _MODEL["id"]})
        if call.method == "GET" and call.path.startswith(f"{_MODELS}/"):
            return json_reply({**_MODEL, "id": call.path.removeprefix(f"{_MODELS}/")})
        return None

    def render(self, request: Request, step: Step, serial: str) -> Exchange:
        """Put a step into words; see `Dialect.render`."""
        return render(self._voice, request, step, serial)

    def render_side(self, request: Request, serial: str) -> Exchange:
        """Answer a side call; see `Dialect.render_side`."""
        if request.side == "count_tokens":
            return json_reply({"input_tokens": tokens_in(request.raw)})
        return self.render(request, Say(made_up(schema_of(request.raw))), serial)


def _count_request(call: HttpCall) -> Request:
    return replace(read_request(call), side="count_tokens")
