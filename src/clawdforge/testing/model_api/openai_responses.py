"""The dialect of OpenAI's Responses, as Codex speaks it.

    POST /v1/responses              the model, streamed or whole
    GET  /v1/models, /v1/models/ID  one made-up model

Nothing is kept: `previous_response_id` is not looked at, agents send the whole conversation.
Protocol: https://platform.openai.com/docs/api-reference/responses.
"""

from clawdforge.testing.model_api import openai_shared
from clawdforge.testing.model_api.exchange import Exchange
from clawdforge.testing.model_api.openai_responses_reply import ResponsesVoice
from clawdforge.testing.model_api.openai_responses_request import read_request, schema_of
from clawdforge.testing.model_api.rendering import render
from clawdforge.testing.model_api.request import HttpCall, Request
from clawdforge.testing.model_api.script import Say, Step
from clawdforge.testing.model_api.values import made_up

_RESPONSES = "/v1/responses"


class OpenAiResponses:
    """Implements `Dialect`."""

    def __init__(self) -> None:
        self._voice = ResponsesVoice()

    def environment(self, url: str) -> dict[str, str]:
        """What agents of this API need to talk to `url`."""
        return openai_shared.environment(url)

    def read(self, call: HttpCall) -> Request | Exchange | None:
        """Understand a call; see `Dialect.read`."""
        if call.method == "POST" and call.path == _RESPONSES:
            return read_request(call)
        return openai_shared.read_models(call)

    def render(self, request: Request, step: Step, serial: str) -> Exchange:
        """Put a step into words; see `Dialect.render`."""
        return render(self._voice, request, step, serial)

    def render_side(self, request: Request, serial: str) -> Exchange:
        """Answer a side call; see `Dialect.render_side`."""
        return self.render(request, Say(made_up(schema_of(request.raw))), serial)
