"""What OpenAI's two dialects have in common: the models, the errors, the variables.

Protocol: https://platform.openai.com/docs/api-reference/models and …/guides/error-codes.
"""

from collections.abc import Mapping
from typing import Any

from clawdforge.testing.model_api.exchange import Exchange
from clawdforge.testing.model_api.rendering import json_reply
from clawdforge.testing.model_api.request import HttpCall
from clawdforge.testing.model_api.script import Fail

CREATED = 1767225600
"""Seconds since 1970: 2026-01-01, whenever that is read."""
_MODELS = "/v1/models"
_KINDS = {
    400: "invalid_request_error",
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    429: "rate_limit_exceeded",
}
_MODEL = {"id": "gpt-scripted", "object": "model", "created": CREATED, "owned_by": "scripted"}


def environment(url: str) -> dict[str, str]:
    """What agents of OpenAI's APIs need to talk to `url`."""
    return {
        "OPENAI_BASE_URL": f"{url}/v1",
        "OPENAI_HOST": url,
        "OPENAI_API_KEY": "sk-scripted",
    }


def read_models(call: HttpCall) -> Exchange | None:
    """The list of models, or one of them; None: the call is another one."""
    # Anthropic's list has the same address.
    if call.method != "GET" or "anthropic-version" in call.headers:
        return None
    if call.path == _MODELS:
        return json_reply({"object": "list", "data": [_MODEL]})
    if call.path.startswith(f"{_MODELS}/"):
        return json_reply({**_MODEL, "id": call.path.removeprefix(f"{_MODELS}/")})
    return None


def error(step: Fail) -> dict[str, Any]:
    """The object of an error: `message`, `type`, `code`."""
    kind = step.kind or _KINDS.get(step.status, "server_error")
    text = step.message if step.message is not None else f"Scripted {kind}."
    return {"message": text, "type": kind, "param": None, "code": kind}


def headers(serial: str) -> Mapping[str, str]:
    """Headers that every reply has."""
    return {"x-request-id": f"req_{serial}"}
