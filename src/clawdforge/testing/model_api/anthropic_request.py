"""The body of an Anthropic Messages request, read into a `Request`.

Protocol: https://docs.anthropic.com/en/api/messages. What agents wrap around a prompt was
learnt from the requests of Claude Code 2.1.329.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from clawdforge.testing.model_api.request import HttpCall, Request, ToolResult

_REMINDER = ("<system-reminder>", "</system-reminder>")
_SUGGESTION = "[SUGGESTION MODE:"
_TITLE_FIELDS = ({"title"}, {"name"})


def read_request(call: HttpCall) -> Request:
    """Read the body of `POST /v1/messages`.

    Raises:
        ValueError: the body is not a Messages request; the message says why.
    """
    body = parse_object(call.body)
    messages = body.get("messages")
    if not isinstance(messages, list) or not all(isinstance(each, dict) for each in messages):
        msg = "messages: an array of objects is required"
        raise ValueError(msg)
    tools = tuple(str(tool.get("name", "")) for tool in _dicts(body.get("tools")))
    prompt = _prompt(messages)
    return Request(
        prompt=prompt,
        tool_results=tuple(_new_results(messages)),
        system=_join(_texts(body.get("system")), "\n\n"),
        model=str(body.get("model", "")),
        effort=_mapping(body.get("output_config")).get("effort"),
        max_tokens=body.get("max_tokens"),
        tools=tools,
        stream=body.get("stream") is True,
        side=_side(body, tools, prompt),
        headers=call.headers,
        path=call.path,
        raw=body,
    )


def parse_object(body: bytes) -> dict[str, Any]:
    """Parse a body that must be a JSON object; raises `ValueError` if it is not one."""
    value = json.loads(body)
    if not isinstance(value, dict):
        msg = "the body is not a JSON object"
        raise ValueError(msg)
    return value


def schema_of(body: Mapping[str, Any]) -> Mapping[str, Any]:
    """The JSON schema that the answer must follow; empty when any text will do."""
    wanted = _mapping(body.get("output_config")).get("format") or body.get("output_format")
    return _mapping(_mapping(wanted).get("schema"))


def _prompt(messages: Sequence[Mapping[str, Any]]) -> str:
    for message in reversed(messages):
        if message.get("role") == "user":
            own = [text for text in _texts(message.get("content")) if not _is_reminder(text)]
            if own:
                return _join(own, "\n")
    return ""


def _new_results(messages: Sequence[Mapping[str, Any]]) -> Iterator[ToolResult]:
    names = {
        block.get("id"): str(block.get("name", ""))
        for message in messages
        for block in _blocks(message.get("content"))
        if block.get("type") == "tool_use"
    }
    for block in _blocks(_last_of_user(messages).get("content")):
        if block.get("type") == "tool_result":
            call_id = str(block.get("tool_use_id", ""))
            yield ToolResult(
                call_id=call_id,
                name=names.get(call_id, ""),
                text=_join(_texts(block.get("content")), "\n"),
                is_error=block.get("is_error") is True,
            )


def _last_of_user(messages: Sequence[Mapping[str, Any]]) -> Mapping[str, Any]:
    # Claude Code puts messages of the role `system` behind the user's.
    return next((each for each in reversed(messages) if each.get("role") == "user"), {})


def _side(body: Mapping[str, Any], tools: tuple[str, ...], prompt: str) -> str | None:
    """The kind of side call, for the calls that Claude Code makes on its own."""
    if body.get("max_tokens") == 1:
        return "quota"
    if prompt.startswith(_SUGGESTION):
        return "suggestion"
    if tools:
        return None
    if set(_mapping(schema_of(body).get("properties"))) in _TITLE_FIELDS:
        return "title"
    return None


def _is_reminder(text: str) -> bool:
    start, end = _REMINDER
    return text.lstrip().startswith(start) and text.rstrip().endswith(end)


def _texts(content: object) -> list[str]:
    if isinstance(content, str):
        return [content]
    return [str(block.get("text", "")) for block in _blocks(content) if block.get("type") == "text"]


def _blocks(content: object) -> list[Mapping[str, Any]]:
    return _dicts(content)


def _dicts(value: object) -> list[Mapping[str, Any]]:
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _join(texts: Sequence[str], separator: str) -> str:
    return separator.join(texts)
