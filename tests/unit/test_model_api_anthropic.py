"""The Anthropic dialect: pure, bytes and values in, values out."""

import json
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
    ToolResult,
)
from clawdforge.testing.model_api.answers import cut
from clawdforge.testing.model_api.anthropic import Anthropic
from clawdforge.testing.model_api.exchange import Ending, Exchange
from clawdforge.testing.model_api.request import HttpCall

API = Anthropic()
STREAMED = Request(prompt="hi", model="claude-x", stream=True)
WHOLE = Request(prompt="hi", model="claude-x")
REMINDER = {"type": "text", "text": "<system-reminder>\nbe kind\n</system-reminder>\n"}


def post(body: Any, path: str = "/v1/messages?beta=true") -> HttpCall:
    return HttpCall(method="POST", target=path, headers={"a": "b"}, body=json.dumps(body).encode())


def read(**body: Any) -> Request:
    request = API.read(post({"model": "m", "messages": [], **body}))
    assert isinstance(request, Request)
    return request


def user(*blocks: Any) -> dict[str, Any]:
    return {
        "role": "user",
        "content": [{"type": "text", "text": b} if isinstance(b, str) else b for b in blocks],
    }


def events(step: Step) -> list[dict[str, Any]]:
    exchange = API.render(STREAMED, step, "s1")
    found = []
    for piece in exchange.pieces:
        name, data, *rest = piece.data.decode().split("\n")
        assert rest == ["", ""]
        event = json.loads(data.removeprefix("data: "))
        assert name == f"event: {event['type']}"
        found.append(event)
    return found


def body_of(exchange: Exchange) -> Any:
    return json.loads(b"".join(piece.data for piece in exchange.pieces))


def text_of(found: list[dict[str, Any]]) -> str:
    return "".join(event.get("delta", {}).get("text", "") for event in found)


# --- requests


def test_a_request_is_read() -> None:
    request = read(
        model="claude-opus",
        system=[{"type": "text", "text": "one"}, {"type": "text", "text": "two"}],
        messages=[user("hello")],
        tools=[{"name": "Read"}, {"name": "Bash"}],
        output_config={"effort": "high"},
        max_tokens=99,
        stream=True,
    )
    assert request.prompt == "hello"
    assert request.system == "one\n\ntwo"
    assert (request.model, request.effort, request.max_tokens) == ("claude-opus", "high", 99)
    assert request.tools == ("Read", "Bash")
    assert request.stream
    assert request.side is None
    assert request.headers == {"a": "b"}
    assert request.path == "/v1/messages"
    assert request.raw["max_tokens"] == 99


def test_plain_strings_are_content_too() -> None:
    request = read(system="be short", messages=[{"role": "user", "content": "hello"}])
    assert (request.prompt, request.system) == ("hello", "be short")


def test_the_prompt_is_free_of_what_the_agent_wraps_around_it() -> None:
    context = {"role": "system", "content": "# Environment"}
    request = read(messages=[user(REMINDER, "first", "second"), context])
    assert request.prompt == "first\nsecond"


def test_a_prompt_that_talks_about_reminders_is_kept() -> None:
    prompt = "what does <system-reminder>x</system-reminder> mean?"
    assert read(messages=[user(prompt)]).prompt == prompt


def test_tool_results_are_those_of_the_last_message() -> None:
    def turn(call_id: str, name: str, result: dict[str, Any]) -> list[dict[str, Any]]:
        call = {"type": "tool_use", "id": call_id, "name": name, "input": {}}
        answer = {"type": "tool_result", "tool_use_id": call_id, **result}
        return [{"role": "assistant", "content": [call]}, user(answer, REMINDER)]

    parts = [{"type": "text", "text": "a"}, {"type": "image"}, {"type": "text", "text": "b"}]
    request = read(
        messages=[
            user("go on"),
            *turn("t1", "Read", {"content": "old"}),
            *turn("t2", "Bash", {"content": parts, "is_error": True}),
        ]
    )
    assert request.tool_results == (
        ToolResult(call_id="t2", name="Bash", text="a\nb", is_error=True),
    )
    assert request.prompt == "go on"


@pytest.mark.parametrize("body", [[], {}, {"messages": "hi"}, {"messages": ["hi"]}])
def test_a_body_that_is_no_request_is_refused(body: Any) -> None:
    with pytest.raises(ValueError):
        API.read(post(body))


def test_a_body_that_is_no_json_is_refused() -> None:
    with pytest.raises(ValueError):
        API.read(HttpCall(method="POST", target="/v1/messages", headers={}, body=b"{\xff"))


# --- calls beside the conversation

TITLE_FORMAT = {
    "format": {"type": "json_schema", "schema": {"properties": {"title": {"type": "string"}}}}
}


def test_side_calls_are_recognised() -> None:
    assert read(output_config=TITLE_FORMAT).side == "title"
    assert read(max_tokens=1, messages=[user("test")]).side == "quota"
    guess = user("[SUGGESTION MODE: what will they type next?]")
    assert read(messages=[guess], tools=[{"name": "Read"}]).side == "suggestion"
    counted = API.read(post({"messages": [user("hi")]}, "/v1/messages/count_tokens?beta=true"))
    assert isinstance(counted, Request)
    assert counted.side == "count_tokens"
    # The user's own wish for JSON comes with tools, and is no side call.
    assert read(output_config=TITLE_FORMAT, tools=[{"name": "Read"}]).side is None


def test_side_calls_get_an_answer_that_fits() -> None:
    title = body_of(API.render_side(read(output_config=TITLE_FORMAT), "s1"))
    assert json.loads(title["content"][0]["text"]) == {"title": "Scripted"}
    quota = body_of(API.render_side(read(max_tokens=1), "s1"))
    assert quota["content"] == [{"type": "text", "text": "OK"}]
    counted = API.read(post({"messages": [user("x" * 400)]}, "/v1/messages/count_tokens"))
    assert isinstance(counted, Request)
    assert 100 <= body_of(API.render_side(counted, "s1"))["input_tokens"] <= 200


def test_models_are_listed_and_everything_else_is_not_ours() -> None:
    def get(target: str, method: str = "GET") -> Request | Exchange | None:
        return API.read(HttpCall(method=method, target=target, headers={}))

    models, one = get("/v1/models?limit=5"), get("/v1/models/claude-x")
    assert isinstance(models, Exchange)
    assert isinstance(one, Exchange)
    assert [each["type"] for each in body_of(models)["data"]] == ["model"]
    assert body_of(one)["id"] == "claude-x"
    assert get("/") is None
    assert get("/", "HEAD") is None
    assert get("/v1/messages") is None


# --- answers


def test_the_order_of_events_of_a_text() -> None:
    found = events(Say("hello there", chunks=2))
    assert [event["type"] for event in found] == [
        "message_start",
        "ping",
        "content_block_start",
        "content_block_delta",
        "content_block_delta",
        "content_block_stop",
        "message_delta",
        "message_stop",
    ]
    assert text_of(found) == "hello there"
    assert found[0]["message"]["id"] == "msg_s1"
    assert found[0]["message"]["model"] == "claude-x"
    assert found[-2]["delta"] == {"stop_reason": "end_turn", "stop_sequence": None}


def test_blocks_are_numbered_and_each_has_its_deltas() -> None:
    calls = [CallTool("Read", {"file_path": "a"}), CallTool("Bash", {"command": "b"})]
    found = events(CallTools(calls, say="wait", thinking="hm"))
    starts = [event["content_block"] for event in found if event["type"] == "content_block_start"]
    assert starts == [
        {"type": "thinking", "thinking": "", "signature": ""},
        {"type": "text", "text": ""},
        {"type": "tool_use", "id": "toolu_s1_1", "name": "Read", "input": {}},
        {"type": "tool_use", "id": "toolu_s1_2", "name": "Bash", "input": {}},
    ]
    deltas = [
        (event["index"], event["delta"]) for event in found if "index" in event and "delta" in event
    ]
    assert [(index, delta["type"]) for index, delta in deltas] == [
        (0, "thinking_delta"),
        (0, "signature_delta"),
        (1, "text_delta"),
        (2, "input_json_delta"),
        (2, "input_json_delta"),
        (3, "input_json_delta"),
        (3, "input_json_delta"),
    ]
    assert json.loads("".join(d["partial_json"] for i, d in deltas if i == 3)) == {"command": "b"}
    assert found[-2]["delta"]["stop_reason"] == "tool_use"


def test_a_whole_message_says_the_same_as_the_stream() -> None:
    usage = Tokens(input=1, output=2, cache_read=3, cache_write=4)
    whole = body_of(API.render(WHOLE, CallTool("Read", {"p": 1}, say="wait", usage=usage), "s1"))
    assert whole["content"] == [
        {"type": "text", "text": "wait"},
        {"type": "tool_use", "id": "toolu_s1_1", "name": "Read", "input": {"p": 1}},
    ]
    assert (whole["stop_reason"], whole["type"], whole["role"]) == (
        "tool_use",
        "message",
        "assistant",
    )
    assert whole["usage"]["output_tokens"] == 2
    assert whole["usage"]["cache_creation"]["ephemeral_5m_input_tokens"] == 4


def test_usage_is_told_at_both_ends_of_a_stream() -> None:
    found = events(Say("x", usage=Tokens(input=7, output=20, cache_read=30, cache_write=4)))
    start, end = found[0]["message"]["usage"], found[-2]["usage"]
    assert (start["input_tokens"], start["output_tokens"]) == (7, 1)
    assert start["cache_read_input_tokens"] == end["cache_read_input_tokens"] == 30
    assert start["cache_creation_input_tokens"] == end["cache_creation_input_tokens"] == 4
    assert end["output_tokens"] == 20


@pytest.mark.parametrize("stop", ["max_tokens", "refusal"])
def test_the_model_may_stop_for_another_reason(stop: Any) -> None:
    assert events(Say("x", stop=stop))[-2]["delta"]["stop_reason"] == stop


def test_text_of_any_sort_survives() -> None:
    text = "line\nline\r\n\u2028 \U0001f600 \ud800 \x00 data: {}"
    assert text_of(events(Say(text, chunks=7))) == text


def test_pieces_are_even_and_never_empty() -> None:
    assert cut("abcdefg", 3) == ["abc", "def", "g"]
    assert cut("ab", 5) == ["a", "b"]
    assert cut("", 3) == []


def test_slow_pauses_between_pieces_of_text_only() -> None:
    exchange = API.render(STREAMED, Slow(Say("abc", chunks=3), pause_secs=0.5, first_secs=2), "s1")
    assert exchange.wait_secs == 2
    paused = [piece.data for piece in exchange.pieces if piece.pause_secs]
    assert len(paused) == 2
    assert all(b"text_delta" in data for data in paused)


# --- trouble


def test_an_error_has_its_status_kind_and_headers() -> None:
    step = Fail(
        status=429, retry_after=1.5, message="slow down", headers={"x-should-retry": "false"}
    )
    exchange = API.render(STREAMED, step, "s1")
    assert exchange.status == 429
    assert exchange.headers["retry-after"] == "1.5"
    assert exchange.headers["x-should-retry"] == "false"
    assert body_of(exchange) == {
        "type": "error",
        "error": {"type": "rate_limit_error", "message": "slow down"},
        "request_id": "req_s1",
    }


@pytest.mark.parametrize(
    ("step", "kind"),
    [
        (Fail(), "overloaded_error"),
        (Fail(status=400), "invalid_request_error"),
        (Fail(status=502), "api_error"),
        (Fail(status=400, kind="billing_error"), "billing_error"),
    ],
)
def test_the_kind_of_an_error_follows_its_status(step: Fail, kind: str) -> None:
    assert body_of(API.render(WHOLE, step, "s1"))["error"]["type"] == kind


def test_a_stream_may_fail_in_its_middle() -> None:
    found = events(Fail(after_chars=3, of=Say("abcdef")))
    assert text_of(found) == "abc"
    assert found[-1]["error"]["type"] == "overloaded_error"
    assert API.render(WHOLE, Fail(after_chars=3), "s1").status == 529


@pytest.mark.parametrize(
    ("step", "ending"), [(Drop(), Ending.RESET), (Stall(), Ending.STALL)], ids=["drop", "stall"]
)
def test_trouble_before_the_first_byte(step: Step, ending: Ending) -> None:
    exchange = API.render(STREAMED, step, "s1")
    assert (exchange.silent, exchange.ending, exchange.pieces) == (True, ending, ())


@pytest.mark.parametrize("chars", [0, 1, 4, 5, 400])
def test_a_stream_is_cut_after_exactly_that_many_characters(chars: int) -> None:
    answer = Say("x" * 500, chunks=125, thinking="not counted")
    found = events(Drop(after_chars=chars, of=answer))
    assert len(text_of(found)) == chars
    assert "message_stop" not in [event["type"] for event in found]
    assert API.render(STREAMED, Drop(after_chars=chars), "s1").ending is Ending.RESET


def test_an_answer_shorter_than_the_cut_still_has_no_end() -> None:
    found = events(Stall(after_chars=10, of=CallTool("Read", say="abc")))
    assert found[-1]["type"] == "content_block_stop"
    assert text_of(found) == "abc"


def test_a_whole_message_is_cut_inside_its_body() -> None:
    exchange = API.render(WHOLE, Drop(after_chars=3), "s1")
    assert exchange.ending is Ending.RESET
    with pytest.raises(ValueError):
        body_of(exchange)


def test_the_environment_points_claude_code_here_only() -> None:
    variables = API.environment("http://127.0.0.1:1")
    assert variables["ANTHROPIC_BASE_URL"] == "http://127.0.0.1:1"
    assert variables["ANTHROPIC_API_KEY"]
    assert variables["CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC"] == "1"
