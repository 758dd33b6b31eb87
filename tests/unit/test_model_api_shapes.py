"""What all dialects promise alike; each is asked in its own words. Pure."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import pytest

from clawdforge.testing.model_api import (
    CallTool,
    CallTools,
    Drop,
    Fail,
    Request,
    Say,
    Slow,
    Stall,
    Step,
    Tokens,
)
from clawdforge.testing.model_api.anthropic import Anthropic
from clawdforge.testing.model_api.exchange import Dialect, Ending, Exchange
from clawdforge.testing.model_api.gemini import Gemini
from clawdforge.testing.model_api.openai_chat import OpenAiChat
from clawdforge.testing.model_api.openai_responses import OpenAiResponses
from clawdforge.testing.model_api.request import HttpCall, Message, ToolResult


@dataclass(frozen=True)
class Asking:
    """How a test speaks a dialect."""

    dialect: Dialect
    path: str
    stream_path: str
    conversation: Mapping[str, Any]
    """A system prompt, a first turn, then a tool call for the prompt `go on`, and its result."""
    tool: Callable[[str, Mapping[str, Any]], Mapping[str, Any]]
    """The field `tools` with that one."""
    text_of: Callable[[Any], str]
    """The text of a whole reply."""
    piece_of: Callable[[Any], str]
    """The text of an event."""


def _chat_text(reply: Any) -> str:
    return str(reply["choices"][0]["message"]["content"])


def _chat_piece(event: Any) -> str:
    choices = event.get("choices")
    return str(choices[0]["delta"].get("content") or "") if choices else ""


def _responses_text(reply: Any) -> str:
    said = [item for item in reply["output"] if item["type"] == "message"]
    return "".join(part["text"] for item in said for part in item["content"])


def _responses_piece(event: Any) -> str:
    return str(event["delta"]) if event["type"] == "response.output_text.delta" else ""


def _gemini_text(reply: Any) -> str:
    if "candidates" not in reply:
        return ""
    parts = reply["candidates"][0]["content"]["parts"]
    return "".join(part.get("text", "") for part in parts if not part.get("thought"))


CHAT = Asking(
    dialect=OpenAiChat(),
    path="/v1/chat/completions",
    stream_path="/v1/chat/completions",
    conversation={
        "model": "m",
        "messages": [
            {"role": "system", "content": "be short"},
            {"role": "user", "content": "hello"},
            {"role": "assistant", "content": "hi"},
            {"role": "user", "content": [{"type": "text", "text": "go on"}]},
            {
                "role": "assistant",
                "content": None,
                "tool_calls": [
                    {"id": "c1", "type": "function", "function": {"name": "run", "arguments": "{}"}}
                ],
            },
            {"role": "tool", "tool_call_id": "c1", "content": "done"},
        ],
    },
    tool=lambda name, schema: {
        "tools": [{"type": "function", "function": {"name": name, "parameters": schema}}]
    },
    text_of=_chat_text,
    piece_of=_chat_piece,
)
RESPONSES = Asking(
    dialect=OpenAiResponses(),
    path="/v1/responses",
    stream_path="/v1/responses",
    conversation={
        "model": "m",
        "instructions": "be short",
        "input": [
            {"role": "user", "content": "hello"},
            {"role": "assistant", "content": [{"type": "output_text", "text": "hi"}]},
            {"role": "user", "content": [{"type": "input_text", "text": "go on"}]},
            {"type": "function_call", "call_id": "c1", "name": "run", "arguments": "{}"},
            {"type": "function_call_output", "call_id": "c1", "output": "done"},
        ],
    },
    tool=lambda name, schema: {"tools": [{"type": "function", "name": name, "parameters": schema}]},
    text_of=_responses_text,
    piece_of=_responses_piece,
)
GEMINI = Asking(
    dialect=Gemini(),
    path="/v1beta/models/m:generateContent",
    stream_path="/v1beta/models/m:streamGenerateContent?alt=sse",
    conversation={
        "systemInstruction": {"role": "user", "parts": [{"text": "be short"}]},
        "contents": [
            {"role": "user", "parts": [{"text": "hello"}]},
            {"role": "model", "parts": [{"text": "hm", "thought": True}, {"text": "hi"}]},
            {"role": "user", "parts": [{"text": "go on"}]},
            {"role": "model", "parts": [{"functionCall": {"id": "c1", "name": "run", "args": {}}}]},
            {
                "role": "user",
                "parts": [
                    {
                        "functionResponse": {
                            "id": "c1",
                            "name": "run",
                            "response": {"output": "done"},
                        }
                    }
                ],
            },
        ],
    },
    tool=lambda name, schema: {
        "tools": [{"functionDeclarations": [{"name": name, "parametersJsonSchema": schema}]}]
    },
    text_of=_gemini_text,
    piece_of=_gemini_text,
)
ANTHROPIC = Asking(
    dialect=Anthropic(),
    path="/v1/messages",
    stream_path="/v1/messages",
    conversation={
        "model": "m",
        "system": "be short",
        "messages": [
            {"role": "user", "content": "hello"},
            {"role": "assistant", "content": [{"type": "text", "text": "hi"}]},
            {"role": "user", "content": "go on"},
            {
                "role": "assistant",
                "content": [{"type": "tool_use", "id": "c1", "name": "run", "input": {}}],
            },
            {
                "role": "user",
                "content": [{"type": "tool_result", "tool_use_id": "c1", "content": "done"}],
            },
        ],
    },
    tool=lambda name, schema: {"tools": [{"name": name, "input_schema": schema}]},
    text_of=lambda reply: "".join(part.get("text", "") for part in reply["content"]),
    piece_of=lambda event: str(event.get("delta", {}).get("text", "")),
)
ALL = pytest.mark.parametrize(
    "asking",
    [ANTHROPIC, CHAT, RESPONSES, GEMINI],
    ids=lambda asking: type(asking.dialect).__name__,
)
LONG = Say("x" * 500, chunks=125, thinking="not counted")


def post(path: str, body: Any) -> HttpCall:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return HttpCall(method="POST", target=path, headers={"a": "b"}, body=content)


def read(asking: Asking, *, stream: bool = False, **more: Any) -> Request:
    path = asking.stream_path if stream else asking.path
    flag = {"stream": True} if stream else {}
    found = asking.dialect.read(post(path, {**asking.conversation, **flag, **more}))
    assert isinstance(found, Request)
    return found


def body_of(exchange: Exchange) -> Any:
    return json.loads(b"".join(piece.data for piece in exchange.pieces))


def events_of(exchange: Exchange) -> list[Any]:
    lines = b"".join(piece.data for piece in exchange.pieces).decode().split("\n")
    found = [line.removeprefix("data: ") for line in lines if line.startswith("data: ")]
    return [json.loads(data) for data in found if data != "[DONE]"]


def streamed(asking: Asking, step: Step, **more: Any) -> list[Any]:
    return events_of(asking.dialect.render(read(asking, stream=True, **more), step, "s1"))


def whole(asking: Asking, step: Step, **more: Any) -> Any:
    return body_of(asking.dialect.render(read(asking, **more), step, "s1"))


# --- requests


@ALL
def test_a_conversation_is_read(asking: Asking) -> None:
    schema = {"type": "object", "properties": {"path": {"type": "string"}}}
    request = read(asking, **asking.tool("look", schema))
    assert request.prompt == "go on"
    assert request.system == "be short"
    assert request.model == "m"
    assert request.tools == ("look",)
    assert request.tool_schemas == {"look": schema}
    assert request.tool_results == (ToolResult(call_id="c1", name="run", text="done"),)
    assert request.messages[:4] == (
        Message("user", "hello"),
        Message("assistant", "hi"),
        Message("user", "go on"),
        Message("assistant", ""),
    )
    assert (request.stream, request.side) == (False, None)
    assert (request.headers, request.path) == ({"a": "b"}, asking.path)


@ALL
def test_a_stream_is_asked_for(asking: Asking) -> None:
    assert read(asking, stream=True).stream


@ALL
@pytest.mark.parametrize("body", [b"{\xff", [], {}, {"messages": 1, "input": 1, "contents": 1}])
def test_a_body_that_is_no_request_is_refused(asking: Asking, body: Any) -> None:
    with pytest.raises(ValueError):
        asking.dialect.read(post(asking.path, body))


@ALL
def test_what_is_of_another_dialect_is_left_to_it(asking: Asking) -> None:
    for other in {ANTHROPIC.path, CHAT.path, RESPONSES.path, GEMINI.path} - {asking.path}:
        assert asking.dialect.read(post(other, asking.conversation)) is None
    assert asking.dialect.read(HttpCall(method="GET", target=asking.path, headers={})) is None
    assert asking.dialect.read(HttpCall(method="HEAD", target="/", headers={})) is None


# --- answers


@ALL
def test_a_stream_brings_the_text_in_pieces_and_a_whole_reply_the_same(asking: Asking) -> None:
    pieces = [
        piece
        for event in streamed(asking, Say("abcdef", chunks=3))
        if (piece := asking.piece_of(event))
    ]
    assert pieces == ["ab", "cd", "ef"]
    assert asking.text_of(whole(asking, Say("abcdef", chunks=3))) == "abcdef"


@ALL
def test_text_of_any_sort_survives(asking: Asking) -> None:
    text = "line\nline\r\n\u2028 \U0001f600 \ud800 \x00 data: {}"
    assert "".join(map(asking.piece_of, streamed(asking, Say(text, chunks=7)))) == text


@ALL
def test_a_slow_answer_pauses_between_pieces_of_text_only(asking: Asking) -> None:
    step = Slow(Say("abc", chunks=3, thinking="hm"), pause_secs=0.5, first_secs=2)
    exchange = asking.dialect.render(read(asking, stream=True), step, "s1")
    assert exchange.wait_secs == 2
    paused = [piece for piece in exchange.pieces if piece.pause_secs]
    assert len(paused) == 2
    assert all(asking.piece_of(events_of(replace(exchange, pieces=(each,)))[0]) for each in paused)


@ALL
def test_a_thought_is_no_part_of_the_text(asking: Asking) -> None:
    step = Say("done", thinking="hm")
    assert "".join(map(asking.piece_of, streamed(asking, step))) == "done"
    assert asking.text_of(whole(asking, step)) == "done"
    assert "hm" in json.dumps(streamed(asking, step))


# --- trouble


@ALL
def test_a_refusal_has_its_status_and_says_when_to_come_again(asking: Asking) -> None:
    step = Fail(status=429, retry_after=1.5, message="slow down", headers={"x-mine": "1"})
    for stream in (True, False):
        exchange = asking.dialect.render(read(asking, stream=stream), step, "s1")
        assert exchange.status == 429
        assert exchange.headers["retry-after"] == "1.5"
        assert exchange.headers["x-mine"] == "1"
        assert exchange.headers["content-type"] == "application/json"
        assert body_of(exchange)["error"]["message"] == "slow down"


@ALL
def test_a_stream_may_fail_in_its_middle(asking: Asking) -> None:
    found = streamed(asking, Fail(after_chars=3, of=Say("abcdef"), message="oh no"))
    assert "".join(map(asking.piece_of, found[:-1])) == "abc"
    assert "oh no" in json.dumps(found[-1])
    exchange = asking.dialect.render(read(asking), Fail(after_chars=3), "s1")
    assert exchange.status == 529


@ALL
@pytest.mark.parametrize(
    ("step", "ending"), [(Drop(), Ending.RESET), (Stall(), Ending.STALL)], ids=["drop", "stall"]
)
def test_trouble_before_the_first_byte(asking: Asking, step: Step, ending: Ending) -> None:
    exchange = asking.dialect.render(read(asking, stream=True), step, "s1")
    assert (exchange.silent, exchange.ending, exchange.pieces) == (True, ending, ())


@ALL
@pytest.mark.parametrize("chars", [0, 1, 4, 5, 400])
def test_a_stream_is_cut_after_exactly_that_many_characters(asking: Asking, chars: int) -> None:
    full = streamed(asking, LONG)
    found = streamed(asking, Drop(after_chars=chars, of=LONG))
    assert len("".join(map(asking.piece_of, found))) == chars
    assert full[-1] not in found


@ALL
def test_a_whole_reply_is_cut_inside_its_body(asking: Asking) -> None:
    exchange = asking.dialect.render(read(asking), Drop(after_chars=3), "s1")
    assert exchange.ending is Ending.RESET
    with pytest.raises(ValueError):
        body_of(exchange)


# --- Chat Completions


def chat_calls(found: list[Any]) -> list[Any]:
    deltas = [event["choices"][0]["delta"] for event in found if event["choices"]]
    return [call for delta in deltas for call in delta.get("tool_calls", ())]


def test_chat_tool_calls_come_in_pieces_under_their_index() -> None:
    calls = [CallTool("a", {"x": 1}), CallTool("b", {"y": 2})]
    found = streamed(CHAT, CallTools(calls, say="wait"))
    pieces = chat_calls(found)
    assert [piece["index"] for piece in pieces] == [0, 0, 1, 1]
    assert pieces[0]["function"] == {"name": "a", "arguments": ""}
    assert json.loads(pieces[3]["function"]["arguments"]) == {"y": 2}
    assert pieces[0]["id"] != pieces[2]["id"]
    assert found[-1]["choices"][0]["finish_reason"] == "tool_calls"
    message = whole(CHAT, CallTools(calls, say="wait"))["choices"][0]["message"]
    assert message["content"] == "wait"
    assert [call["id"] for call in message["tool_calls"]] == [pieces[0]["id"], pieces[2]["id"]]


def test_chat_streams_end_with_done_and_tell_usage_when_asked_to() -> None:
    usage = Tokens(input=1, output=2, cache_read=3, cache_write=4)
    exchange = CHAT.dialect.render(read(CHAT, stream=True), Say("x", usage=usage), "s1")
    assert exchange.pieces[-1].data == b"data: [DONE]\n\n"
    assert all("usage" not in event for event in events_of(exchange))
    counted = streamed(CHAT, Say("x", usage=usage), stream_options={"include_usage": True})
    assert counted[-1]["choices"] == []
    assert counted[-1]["usage"] == whole(CHAT, Say("x", usage=usage))["usage"]
    assert counted[-1]["usage"]["prompt_tokens"] == 8
    assert counted[-1]["usage"]["prompt_tokens_details"]["cached_tokens"] == 3
    assert counted[-1]["usage"]["total_tokens"] == 10


@pytest.mark.parametrize(
    ("stop", "reason"),
    [("end_turn", "stop"), ("max_tokens", "length"), ("refusal", "content_filter")],
)
def test_chat_tells_why_it_stops(stop: Any, reason: str) -> None:
    assert streamed(CHAT, Say("x", stop=stop))[-1]["choices"][0]["finish_reason"] == reason
    assert whole(CHAT, Say("x", stop=stop))["choices"][0]["finish_reason"] == reason


def test_chat_thoughts_have_a_field_of_their_own() -> None:
    assert (
        whole(CHAT, Say("x", thinking="hm"))["choices"][0]["message"]["reasoning_content"] == "hm"
    )


@pytest.mark.parametrize("asking", [CHAT, RESPONSES], ids=["chat", "responses"])
def test_openai_errors_have_a_code_and_a_type(asking: Asking) -> None:
    assert whole(asking, Fail(status=429, message="m"))["error"] == {
        "message": "m",
        "type": "rate_limit_exceeded",
        "param": None,
        "code": "rate_limit_exceeded",
    }
    assert whole(asking, Fail(status=502))["error"]["type"] == "server_error"
    assert whole(asking, Fail(status=400, kind="billing"))["error"]["code"] == "billing"


def test_chat_results_are_those_since_anybody_spoke() -> None:
    messages = list(CHAT.conversation["messages"])
    info = {"role": "user", "content": "<info-msg>\nit is late\n</info-msg>"}
    assert len(read(CHAT, messages=[*messages, info]).tool_results) == 1
    assert read(CHAT, messages=[*messages, {"role": "user", "content": "stop"}]).tool_results == ()


@pytest.mark.parametrize(
    "text", ["<info-msg>\nlate\n</info-msg>\nhello", "hello\n<info-msg>\nlate\n</info-msg>"]
)
def test_what_goose_puts_around_a_prompt_is_no_part_of_it(text: str) -> None:
    assert read(CHAT, messages=[{"role": "user", "content": text}]).prompt == "hello"


def test_a_title_is_a_side_call() -> None:
    system = {"role": "system", "content": "Generate a short title."}
    user = {"role": "user", "content": "hello"}
    request = read(CHAT, messages=[system, user])
    assert request.side == "title"
    assert _chat_text(body_of(CHAT.dialect.render_side(request, "s1"))) == "OK"
    assert read(CHAT, messages=[system, user], **CHAT.tool("look", {})).side is None


# --- Responses


def test_responses_events_are_numbered_and_end_with_the_whole() -> None:
    found = streamed(RESPONSES, Say("ab", chunks=2, thinking="hm"))
    assert [event["sequence_number"] for event in found] == list(range(len(found)))
    assert [event["type"].removeprefix("response.") for event in found] == [
        "created",
        "in_progress",
        "output_item.added",
        "reasoning_summary_part.added",
        "reasoning_summary_text.delta",
        "reasoning_summary_text.done",
        "reasoning_summary_part.done",
        "output_item.done",
        "output_item.added",
        "content_part.added",
        "output_text.delta",
        "output_text.delta",
        "output_text.done",
        "content_part.done",
        "output_item.done",
        "completed",
    ]
    assert found[-1]["response"] == whole(RESPONSES, Say("ab", thinking="hm"))


def test_responses_tool_calls_bring_their_arguments() -> None:
    found = streamed(RESPONSES, CallTool("a", {"x": 1}))
    item = next(event["item"] for event in found if event["type"] == "response.output_item.done")
    assert (item["type"], item["name"]) == ("function_call", "a")
    assert json.loads(item["arguments"]) == {"x": 1}
    added = next(event["item"] for event in found if event["type"] == "response.output_item.added")
    assert (added["arguments"], added["status"]) == ("", "in_progress")
    [output] = whole(RESPONSES, CallTool("a", {"x": 1}))["output"]
    assert output == item


def test_responses_tools_may_take_a_text() -> None:
    tools = [{"type": "custom", "name": "exec"}]
    [item] = whole(RESPONSES, CallTool("exec", {"source": "text(1)"}), tools=tools)["output"]
    assert (item["type"], item["input"]) == ("custom_tool_call", "text(1)")
    found = streamed(RESPONSES, CallTool("exec", {"source": "text(1)"}), tools=tools)
    deltas = [event for event in found if event["type"] == "response.custom_tool_call_input.delta"]
    assert [event["delta"] for event in deltas] == ["text(1)"]
    assert read(RESPONSES, tools=tools).tool_schemas == {}


def test_responses_tools_may_come_in_namespaces_and_among_the_items() -> None:
    def space(name: str, *tools: Mapping[str, Any]) -> Mapping[str, Any]:
        return {"type": "namespace", "name": name, "tools": list(tools)}

    wait = {"type": "function", "name": "wait", "parameters": {"type": "object"}}
    offered = [space("functions", {"type": "custom", "name": "exec"}, wait), space("clock", wait)]
    items = [{"type": "additional_tools", "role": "developer", "tools": offered}]
    request = read(RESPONSES, input=[*items, *RESPONSES.conversation["input"]])
    assert request.tools == ("exec", "wait", "clock.wait")
    assert set(request.tool_schemas) == {"wait", "clock.wait"}
    steps = CallTools([CallTool("clock.wait"), CallTool("wait"), CallTool("exec", {"s": "1"})])
    output = body_of(RESPONSES.dialect.render(request, steps, "s1"))["output"]
    assert [(each["type"], each.get("namespace"), each["name"]) for each in output] == [
        ("function_call", "clock", "wait"),
        ("function_call", None, "wait"),
        ("custom_tool_call", None, "exec"),
    ]


def test_responses_usage_counts_what_came_from_the_cache_as_input() -> None:
    usage = Tokens(input=1, output=2, cache_read=3, cache_write=4)
    assert whole(RESPONSES, Say("x", usage=usage))["usage"] == {
        "input_tokens": 8,
        "input_tokens_details": {"cached_tokens": 3},
        "output_tokens": 2,
        "output_tokens_details": {"reasoning_tokens": 0},
        "total_tokens": 10,
    }


@pytest.mark.parametrize(
    ("stop", "reason"), [("max_tokens", "max_output_tokens"), ("refusal", "content_filter")]
)
def test_responses_tell_why_they_are_incomplete(stop: Any, reason: str) -> None:
    end = streamed(RESPONSES, Say("x", stop=stop))[-1]
    assert end["type"] == "response.incomplete"
    assert end["response"]["incomplete_details"] == {"reason": reason}


def test_responses_that_break_off_have_failed() -> None:
    end = streamed(RESPONSES, Fail(status=429, after_chars=1))[-1]
    assert (end["type"], end["response"]["status"]) == ("response.failed", "failed")
    assert end["response"]["error"]["code"] == "rate_limit_exceeded"


def test_responses_take_a_plain_text_for_input() -> None:
    assert read(RESPONSES, input="hello").prompt == "hello"


def test_what_codex_adds_is_no_part_of_the_prompt() -> None:
    context = "<environment_context>\n<cwd>/</cwd>\n</environment_context>"
    said = [
        {"role": "user", "content": [{"type": "input_text", "text": text}]}
        for text in ("hello", context)
    ]
    assert read(RESPONSES, input=said).prompt == "hello"


def test_codex_asks_for_a_title_with_a_schema() -> None:
    schema = {"type": "object", "properties": {"title": {"type": "string"}}}
    request = read(RESPONSES, text={"format": {"type": "json_schema", "schema": schema}})
    assert request.side == "title"
    answer = _responses_text(body_of(RESPONSES.dialect.render_side(request, "s1")))
    assert json.loads(answer) == {"title": "Scripted"}


# --- Gemini


def test_gemini_calls_carry_a_signature() -> None:
    expected = {"id": "call_s1_1", "name": "a", "args": {"x": 1}}
    for reply in (
        whole(GEMINI, CallTool("a", {"x": 1})),
        streamed(GEMINI, CallTool("a", {"x": 1}))[0],
    ):
        [part] = reply["candidates"][0]["content"]["parts"]
        assert part["functionCall"] == expected
        assert part["thoughtSignature"]


def test_gemini_results_may_be_errors() -> None:
    answer = {"id": "c1", "name": "run", "response": {"error": "it broke"}}
    contents = [{"role": "user", "parts": [{"functionResponse": answer}]}]
    assert read(GEMINI, contents=contents).tool_results == (
        ToolResult(call_id="c1", name="run", text="it broke", is_error=True),
    )


def test_gemini_ends_tell_why_and_what_it_used() -> None:
    usage = Tokens(input=1, output=2, cache_read=3, cache_write=4)
    end = streamed(GEMINI, Say("x", stop="max_tokens", usage=usage))[-1]
    assert end["candidates"][0]["finishReason"] == "MAX_TOKENS"
    assert end["usageMetadata"] == whole(GEMINI, Say("x", usage=usage))["usageMetadata"]
    assert end["usageMetadata"] == {
        "promptTokenCount": 8,
        "cachedContentTokenCount": 3,
        "candidatesTokenCount": 2,
        "totalTokenCount": 10,
    }


def test_gemini_errors_name_their_status() -> None:
    assert whole(GEMINI, Fail(status=429, message="m"))["error"] == {
        "code": 429,
        "message": "m",
        "status": "RESOURCE_EXHAUSTED",
    }


def test_gemini_counts_tokens_and_routes_on_the_side() -> None:
    counted = GEMINI.dialect.read(post("/v1beta/models/m:countTokens", GEMINI.conversation))
    assert isinstance(counted, Request)
    assert counted.side == "count_tokens"
    assert body_of(GEMINI.dialect.render_side(counted, "s1"))["totalTokens"] > 50
    schema = {"type": "OBJECT", "properties": {"choice": {"type": "STRING", "enum": ["flash"]}}}
    routed = read(GEMINI, generationConfig={"responseSchema": schema})
    assert routed.side == "router"
    assert json.loads(_gemini_text(body_of(GEMINI.dialect.render_side(routed, "s1")))) == {
        "choice": "flash"
    }


def test_gemini_streams_only_as_events() -> None:
    with pytest.raises(ValueError, match="alt=sse"):
        GEMINI.dialect.read(post("/v1beta/models/m:streamGenerateContent", GEMINI.conversation))
    assert GEMINI.dialect.read(post("/v1beta/models/m:embedContent", GEMINI.conversation)) is None


# --- models


@pytest.mark.parametrize(
    ("dialects", "headers", "key"),
    [
        (
            [Anthropic(), OpenAiChat()],
            {"anthropic-version": "1", "authorization": "x"},
            "display_name",
        ),
        ([Anthropic(), OpenAiChat()], {"authorization": "Bearer x"}, "owned_by"),
    ],
    ids=["anthropic", "openai"],
)
def test_the_list_of_models_is_that_of_who_asks(
    dialects: list[Dialect], headers: Mapping[str, str], key: str
) -> None:
    for target in ("/v1/models", "/v1/models/mine"):
        call = HttpCall(method="GET", target=target, headers=headers)
        reply = next(found for each in dialects if (found := each.read(call)) is not None)
        assert isinstance(reply, Exchange)
        body = body_of(reply)
        assert key in (body["data"][0] if target == "/v1/models" else body)


def test_gemini_lists_its_models() -> None:
    for target, name in (("/v1beta/models", None), ("/v1beta/models/mine", "models/mine")):
        reply = GEMINI.dialect.read(HttpCall(method="GET", target=target, headers={}))
        assert isinstance(reply, Exchange)
        assert name is None or body_of(reply)["name"] == name


@pytest.mark.parametrize("asking", [CHAT, RESPONSES, GEMINI], ids=["chat", "responses", "gemini"])
def test_the_environment_points_there(asking: Asking) -> None:
    variables = asking.dialect.environment("http://127.0.0.1:1")
    assert any(value.startswith("http://127.0.0.1:1") for value in variables.values())
