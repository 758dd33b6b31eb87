"""The body of a Chat Completions request, read into a `Request`.

Protocol: https://platform.openai.com/docs/api-reference/chat/create.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from clawdforge.testing.model_api.request import HttpCall, Message, Request, ToolResult
from clawdforge.testing.model_api.values import (
    dicts,
    is_title,
    mapping,
    objects,
    own,
    parse_object,
    texts,
)

_SYSTEM = ("system", "developer")


def read_request(call: HttpCall) -> Request:
    """Read the body of `POST /v1/chat/completions`.

    Raises:
        ValueError: the body is not such a request; the message says why.
    """
    body = parse_object(call.body)
    messages = objects(body, "messages")
    said = tuple(_said(messages))
    functions = [mapping(tool.get("function")) for tool in dicts(body.get("tools"))]
    schemas = {str(each.get("name", "")): mapping(each.get("parameters")) for each in functions}
    tools = tuple(schemas)
    system = "\n\n".join(
        text
        for message in messages
        if message.get("role") in _SYSTEM
        for text in texts(message.get("content"))
    )
    return Request(
        prompt=next((each.text for each in reversed(said) if each.is_prompt), ""),
        tool_results=tuple(_new_results(messages)),
        messages=said,
        system=system,
        model=str(body.get("model", "")),
        effort=body.get("reasoning_effort"),
        max_tokens=body.get("max_completion_tokens", body.get("max_tokens")),
        tools=tools,
        tool_schemas=schemas,
        stream=body.get("stream") is True,
        side="title" if is_title(system, tools) else None,
        headers=call.headers,
        path=call.path,
        raw=body,
    )


def schema_of(body: Mapping[str, Any]) -> Mapping[str, Any]:
    """The JSON schema that the answer must follow; empty when any text will do."""
    wanted = mapping(mapping(body.get("response_format")).get("json_schema"))
    return mapping(wanted.get("schema"))


def _said(messages: Sequence[Mapping[str, Any]]) -> Iterator[Message]:
    for message in messages:
        found = texts(message.get("content"))
        if message.get("role") == "assistant":
            yield Message("assistant", "\n".join(found))
        elif message.get("role") == "user":
            yield Message("user", "\n".join(own(found)))


def _new_results(messages: Sequence[Mapping[str, Any]]) -> Iterator[ToolResult]:
    names = {
        call.get("id"): str(mapping(call.get("function")).get("name", ""))
        for message in messages
        for call in dicts(message.get("tool_calls"))
    }
    ends = [at for at, each in enumerate(messages, 1) if _is_said(each)]
    for message in messages[max(ends, default=0) :]:
        if message.get("role") == "tool":
            call_id = str(message.get("tool_call_id", ""))
            text = "\n".join(texts(message.get("content")))
            yield ToolResult(call_id=call_id, name=names.get(call_id, ""), text=text)


def _is_said(message: Mapping[str, Any]) -> bool:
    """Whether it is more than a tool's result, and what the agent adds to it."""
    role = message.get("role")
    return role == "assistant" or (role == "user" and bool(own(texts(message.get("content")))))
