"""The body of a Responses request, read into a `Request`.

Protocol: https://platform.openai.com/docs/api-reference/responses/create. What Codex puts
into it was learnt from the requests of Codex 0.166.0.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from clawdforge.testing.model_api.request import HttpCall, Message, Request, ToolResult
from clawdforge.testing.model_api.values import (
    dicts,
    mapping,
    objects,
    own,
    parse_object,
    texts,
)

_SYSTEM = ("system", "developer")
_CALLS = ("function_call", "custom_tool_call")
_OUTPUTS = ("function_call_output", "custom_tool_call_output")
_CUSTOM = "custom"
USUAL_NAMESPACE = "functions"
_TEXTS = ("input_text", "output_text", "text")


def read_request(call: HttpCall) -> Request:
    """Read the body of `POST /v1/responses`.

    Raises:
        ValueError: the body is not such a request; the message says why.
    """
    body = parse_object(call.body)
    items = _items(body)
    said = tuple(_said(items))
    offered = dict(_offered(body, items))
    tools = tuple(offered)
    system = "\n\n".join(_system(body, items))
    return Request(
        prompt=next((each.text for each in reversed(said) if each.is_prompt), ""),
        tool_results=tuple(_new_results(items)),
        messages=said,
        system=system,
        model=str(body.get("model", "")),
        effort=mapping(body.get("reasoning")).get("effort"),
        max_tokens=body.get("max_output_tokens"),
        tools=tools,
        tool_schemas={
            name: mapping(tool.get("parameters"))
            for name, tool in offered.items()
            if tool.get("type") != _CUSTOM
        },
        stream=body.get("stream") is True,
        side="title" if set(mapping(schema_of(body).get("properties"))) == {"title"} else None,
        headers=call.headers,
        path=call.path,
        raw=body,
    )


def schema_of(body: Mapping[str, Any]) -> Mapping[str, Any]:
    """The JSON schema that the answer must follow; empty when any text will do."""
    return mapping(mapping(mapping(body.get("text")).get("format")).get("schema"))


def custom_tools(body: Mapping[str, Any]) -> frozenset[str]:
    """The names of the tools that take a text instead of JSON."""
    offered = _offered(body, _items(body))
    return frozenset(name for name, tool in offered if tool.get("type") == _CUSTOM)


def _items(body: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    given = body.get("input")
    if isinstance(given, str):
        return [{"type": "message", "role": "user", "content": given}]
    return objects(body, "input")


def _offered(
    body: Mapping[str, Any], items: Sequence[Mapping[str, Any]]
) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """The tools by name, those that Codex puts among the items included.

    A tool of a namespace is called `NAMESPACE.NAME`; the namespace `functions` is the usual one.
    """
    yield from _named(dicts(body.get("tools")))
    for item in items:
        if item.get("type") == "additional_tools":
            yield from _named(dicts(item.get("tools")))


def _named(tools: Sequence[Mapping[str, Any]]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for tool in tools:
        name = str(tool.get("name") or tool.get("type", ""))
        if tool.get("type") != "namespace":
            yield name, tool
            continue
        space = "" if name == USUAL_NAMESPACE else f"{name}."
        for inner, each in _named(dicts(tool.get("tools"))):
            yield f"{space}{inner}", each


def _system(body: Mapping[str, Any], items: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    yield from texts(body.get("instructions"))
    for item in items:
        if item.get("role") in _SYSTEM:
            yield from texts(item.get("content"), _TEXTS)


def _said(items: Sequence[Mapping[str, Any]]) -> Iterator[Message]:
    for item in items:
        found = texts(item.get("content"), _TEXTS)
        if item.get("role") == "user":
            yield Message("user", "\n".join(own(found)))
        elif item.get("role") == "assistant":
            yield Message("assistant", "\n".join(found))
        elif item.get("type") in _CALLS:
            yield Message("assistant", "")


def _new_results(items: Sequence[Mapping[str, Any]]) -> Iterator[ToolResult]:
    names = {
        item.get("call_id"): str(item.get("name", ""))
        for item in items
        if item.get("type") in _CALLS
    }
    ends = [at for at, item in enumerate(items, 1) if item.get("type") not in _OUTPUTS]
    for item in items[max(ends, default=0) :]:
        call_id = str(item.get("call_id", ""))
        text = "\n".join(texts(item.get("output"), _TEXTS))
        yield ToolResult(call_id=call_id, name=names.get(call_id, ""), text=text)
