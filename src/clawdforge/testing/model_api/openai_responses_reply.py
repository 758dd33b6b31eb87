"""An answer as a response: whole, or as server-sent events.

Protocol: https://platform.openai.com/docs/api-reference/responses/object and
…/responses-streaming.
"""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from clawdforge.testing.model_api import openai_shared
from clawdforge.testing.model_api.answers import Part, Text, Thinking, parts
from clawdforge.testing.model_api.openai_responses_request import custom_tools
from clawdforge.testing.model_api.rendering import Event
from clawdforge.testing.model_api.request import Request
from clawdforge.testing.model_api.script import Answer, Fail, Say, Tokens

_INCOMPLETE = {"max_tokens": "max_output_tokens", "refusal": "content_filter"}
_EMPTY: Mapping[str, Any] = {"content": [], "summary": [], "arguments": "", "input": ""}


class ResponsesVoice:
    """Implements `Voice`."""

    def whole(self, answer: Answer, request: Request, serial: str) -> Mapping[str, Any]:
        """The whole response, as a request without `stream` gets it."""
        output = [_item(part, index, request, serial) for index, part in enumerate(parts(answer))]
        reason = _INCOMPLETE.get(answer.stop) if isinstance(answer, Say) else None
        return {
            **_envelope(request, serial),
            "status": "incomplete" if reason else "completed",
            "incomplete_details": {"reason": reason} if reason else None,
            "output": output,
            "usage": _usage(answer.usage),
        }

    def stream(
        self, answer: Answer, request: Request, serial: str, *, limit: int | None = None
    ) -> Iterator[Event]:
        """The response as events; see `Voice.stream`."""
        number = 0
        for number, event in enumerate(self._events(answer, request, serial, limit)):
            yield _numbered(event, number)
        if limit is None:
            whole = self.whole(answer, request, serial)
            end = Event({"type": f"response.{whole['status']}", "response": whole})
            yield _numbered(end, number + 1)

    def error(self, step: Fail, serial: str) -> Mapping[str, Any]:  # noqa: ARG002
        """The body of an error reply."""
        return {"error": openai_shared.error(step)}

    def broken(self, step: Fail, request: Request, serial: str) -> Event:
        """The response as one that has failed."""
        fault = openai_shared.error(step)
        failed = {
            **_envelope(request, serial),
            "status": "failed",
            "error": {"code": fault["code"], "message": fault["message"]},
        }
        return _numbered(Event({"type": "response.failed", "response": failed}), 1_000_000)

    def headers(self, serial: str) -> Mapping[str, str]:
        """The request's name, for support."""
        return openai_shared.headers(serial)

    def _events(
        self, answer: Answer, request: Request, serial: str, limit: int | None
    ) -> Iterator[Event]:
        begun = _envelope(request, serial)
        yield Event({"type": "response.created", "response": begun})
        yield Event({"type": "response.in_progress", "response": begun})
        for index, part in enumerate(parts(answer, limit)):
            item = _item(part, index, request, serial)
            place = {"output_index": index}
            yield Event({"type": "response.output_item.added", **place, "item": _hull(item)})
            yield from _deltas(part, item, {"item_id": item["id"], **place})
            if isinstance(part, Text) and not part.is_whole:
                return
            yield Event({"type": "response.output_item.done", **place, "item": item})


def _numbered(event: Event, number: int) -> Event:
    assert isinstance(event.data, Mapping)
    data = {**event.data, "sequence_number": number}
    return Event(data, name=str(data["type"]), paced=event.paced)


def _envelope(request: Request, serial: str) -> dict[str, Any]:
    return {
        "id": f"resp_{serial}",
        "object": "response",
        "created_at": openai_shared.CREATED,
        "status": "in_progress",
        "error": None,
        "incomplete_details": None,
        "instructions": None,
        "max_output_tokens": request.max_tokens,
        "model": request.model,
        "output": [],
        "parallel_tool_calls": True,
        "previous_response_id": None,
        "reasoning": {"effort": request.effort, "summary": None},
        "store": False,
        "temperature": 1.0,
        "text": {"format": {"type": "text"}},
        "tool_choice": "auto",
        "tools": [],
        "top_p": 1.0,
        "truncation": "disabled",
        "usage": None,
        "metadata": {},
    }


def _item(part: Part, index: int, request: Request, serial: str) -> dict[str, Any]:
    item = {"id": f"item_{serial}_{index}", "status": "completed"}
    if isinstance(part, Thinking):
        summary = [{"type": "summary_text", "text": part.text}]
        return {**item, "type": "reasoning", "summary": summary}
    if isinstance(part, Text):
        content = [_content(part.text)]
        return {**item, "type": "message", "role": "assistant", "content": content}
    space, _, name = (
        part.name.rpartition(".") if part.name in request.tools else ("", "", part.name)
    )
    item |= {"call_id": f"call_{serial}_{part.number}", "name": name}
    if space:
        item["namespace"] = space
    if part.name in custom_tools(request.raw):
        # Such a tool takes a text: the one value of `CallTool.input`, whatever its name.
        text = str(next(iter(part.input.values()), ""))
        return {**item, "type": "custom_tool_call", "input": text}
    return {**item, "type": "function_call", "arguments": json.dumps(part.input)}


def _hull(item: Mapping[str, Any]) -> dict[str, Any]:
    """An item as it is announced: without what the deltas will bring."""
    return {
        **{name: _EMPTY.get(name, value) for name, value in item.items()},
        "status": "in_progress",
    }


def _content(text: str) -> dict[str, Any]:
    return {"type": "output_text", "text": text, "annotations": []}


def _deltas(part: Part, item: Mapping[str, Any], place: Mapping[str, Any]) -> Iterator[Event]:
    if isinstance(part, Thinking):
        yield from _thought(part.text, {**place, "summary_index": 0})
    elif isinstance(part, Text):
        yield from _said(part, {**place, "content_index": 0})
    elif item["type"] == "custom_tool_call":
        yield Event(
            {"type": "response.custom_tool_call_input.delta", **place, "delta": item["input"]}
        )
        yield Event(
            {"type": "response.custom_tool_call_input.done", **place, "input": item["input"]}
        )
    else:
        kind, arguments = "response.function_call_arguments", item["arguments"]
        yield Event({"type": f"{kind}.delta", **place, "delta": arguments})
        yield Event({"type": f"{kind}.done", **place, "arguments": arguments})


def _thought(text: str, place: Mapping[str, Any]) -> Iterator[Event]:
    kind, part = "response.reasoning_summary", {"type": "summary_text", "text": text}
    yield Event({"type": f"{kind}_part.added", **place, "part": {**part, "text": ""}})
    yield Event({"type": f"{kind}_text.delta", **place, "delta": text})
    yield Event({"type": f"{kind}_text.done", **place, "text": text})
    yield Event({"type": f"{kind}_part.done", **place, "part": part})


def _said(part: Text, place: Mapping[str, Any]) -> Iterator[Event]:
    yield Event({"type": "response.content_part.added", **place, "part": _content("")})
    for number, piece in enumerate(part.pieces):
        data = {"type": "response.output_text.delta", **place, "delta": piece, "logprobs": []}
        yield Event(data, paced=number > 0)
    if part.is_whole:
        text = {"text": part.text, "logprobs": []}
        yield Event({"type": "response.output_text.done", **place, **text})
        yield Event({"type": "response.content_part.done", **place, "part": _content(part.text)})


def _usage(tokens: Tokens) -> dict[str, Any]:
    # Here what came from the cache is a part of the input, not a number beside it.
    given = tokens.input + tokens.cache_read + tokens.cache_write
    return {
        "input_tokens": given,
        "input_tokens_details": {"cached_tokens": tokens.cache_read},
        "output_tokens": tokens.output,
        "output_tokens_details": {"reasoning_tokens": 0},
        "total_tokens": given + tokens.output,
    }
