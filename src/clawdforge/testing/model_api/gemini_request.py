"""The body of a Gemini request, read into a `Request`.

Protocol: https://ai.google.dev/api/generate-content and …/api/caching#Content.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from clawdforge.testing.model_api.request import HttpCall, Message, Request, ToolResult
from clawdforge.testing.model_api.values import dicts, mapping, objects, own, parse_object


def read_request(call: HttpCall) -> Request:
    """Read the body of a `generateContent` or `countTokens`; the address tells the model.

    Raises:
        ValueError: the body is not such a request; the message says why.
    """
    body = parse_object(call.body)
    contents = objects(body, "contents")
    said = tuple(_said(contents))
    config = mapping(body.get("generationConfig"))
    schemas = dict(_schemas(body))
    return Request(
        prompt=next((each.text for each in reversed(said) if each.is_prompt), ""),
        tool_results=tuple(_new_results(contents)),
        messages=said,
        system="\n\n".join(_texts(mapping(body.get("systemInstruction")))),
        effort=mapping(config.get("thinkingConfig")).get("thinkingLevel"),
        max_tokens=config.get("maxOutputTokens"),
        tools=tuple(schemas),
        tool_schemas=schemas,
        side="router" if schema_of(body) else None,
        headers=call.headers,
        path=call.path,
        raw=body,
    )


def schema_of(body: Mapping[str, Any]) -> Mapping[str, Any]:
    """The JSON schema that the answer must follow; empty when any text will do."""
    config = mapping(body.get("generationConfig"))
    return mapping(config.get("responseJsonSchema") or config.get("responseSchema"))


def _schemas(body: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for tool in dicts(body.get("tools")):
        for function in dicts(tool.get("functionDeclarations")):
            schema = function.get("parametersJsonSchema") or function.get("parameters")
            yield str(function.get("name", "")), mapping(schema)


def _texts(content: Mapping[str, Any]) -> list[str]:
    found = dicts(content.get("parts"))
    return [str(part["text"]) for part in found if "text" in part and not part.get("thought")]


def _said(contents: Sequence[Mapping[str, Any]]) -> Iterator[Message]:
    for content in contents:
        found = _texts(content)
        if content.get("role") == "model":
            yield Message("assistant", "\n".join(found))
        else:
            yield Message("user", "\n".join(own(found)))


def _new_results(contents: Sequence[Mapping[str, Any]]) -> Iterator[ToolResult]:
    last: Mapping[str, Any] = contents[-1] if contents else {}
    for part in dicts(last.get("parts")):
        answer = mapping(part.get("functionResponse"))
        if answer:
            response = mapping(answer.get("response"))
            failed = "error" in response
            yield ToolResult(
                call_id=str(answer.get("id", "")),
                name=str(answer.get("name", "")),
                text=_shown(response.get("error" if failed else "output", response)),
                is_error=failed,
            )


def _shown(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value)
