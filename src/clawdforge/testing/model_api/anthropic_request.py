"""The body of an Anthropic Messages request, read into a `Request`.

Protocol: https://docs.anthropic.com/en/api/messages. What agents wrap around a prompt was
learnt from the requests of Claude Code 2.1.329.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from clawdforge.testing.model_api.request import HttpCall, Message, Request, ToolResult
from clawdforge.testing.model_api.values import dicts, mapping, objects, own, parse_object, texts

_SUGGESTION = "[SUGGESTION MODE:"
_TITLE_FIELDS = ({"title"}, {"name"})


def read_request(call: HttpCall) -> Request:
    """Read the body of `POST /v1/messages`.

    Raises:
        ValueError: the body is not a Messages request; the message says why.
    """
    body = parse_object(call.body)
    messages = objects(body, "messages")
    schemas = {
        str(tool.get("name", "")): mapping(tool.get("input_schema"))
        for tool in dicts(body.get("tools"))
    }
    tools = tuple(schemas)
    prompt = _prompt(messages)
    return Request(
        prompt=prompt,
        tool_results=tuple(_new_results(messages)),
        messages=tuple(_said(messages)),
        system="\n\n".join(texts(body.get("system"))),
        model=str(body.get("model", "")),
        effort=mapping(body.get("output_config")).get("effort"),
        max_tokens=body.get("max_tokens"),
        tools=tools,
        tool_schemas=schemas,
        stream=body.get("stream") is True,
        side=_side(body, tools, prompt),
        headers=call.headers,
        path=call.path,
        raw=body,
    )


def schema_of(body: Mapping[str, Any]) -> Mapping[str, Any]:
    """The JSON schema that the answer must follow; empty when any text will do."""
    wanted = mapping(body.get("output_config")).get("format") or body.get("output_format")
    return mapping(mapping(wanted).get("schema"))


def _prompt(messages: Sequence[Mapping[str, Any]]) -> str:
    for message in reversed(messages):
        if message.get("role") == "user":
            found = own(texts(message.get("content")))
            if found:
                return "\n".join(found)
    return ""


def _said(messages: Sequence[Mapping[str, Any]]) -> Iterator[Message]:
    for message in messages:
        found = texts(message.get("content"))
        if message.get("role") == "assistant":
            yield Message("assistant", "\n".join(found))
        elif message.get("role") == "user":
            yield Message("user", "\n".join(own(found)))


def _new_results(messages: Sequence[Mapping[str, Any]]) -> Iterator[ToolResult]:
    names = {
        block.get("id"): str(block.get("name", ""))
        for message in messages
        for block in dicts(message.get("content"))
        if block.get("type") == "tool_use"
    }
    for block in dicts(_last_of_user(messages).get("content")):
        if block.get("type") == "tool_result":
            call_id = str(block.get("tool_use_id", ""))
            yield ToolResult(
                call_id=call_id,
                name=names.get(call_id, ""),
                text="\n".join(texts(block.get("content"))),
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
    if set(mapping(schema_of(body).get("properties"))) in _TITLE_FIELDS:
        return "title"
    return None
