"""Every dialect of the scripted model API over real sockets, at one and the same server."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

import httpx
import pytest

from clawdforge.testing.driver_contract import obey, told
from clawdforge.testing.model_api import Always, CallTool, Fail, ModelApi, Say, Step

SHELL = {"type": "object", "properties": {"command": {"type": "string"}}}
CODEX = {"type": "object", "properties": {"cmd": {"type": "string"}}}


def anthropic(prompt: str) -> tuple[str, Mapping[str, Any]]:
    tools = [{"name": "Bash", "input_schema": SHELL}]
    return "/v1/messages", {"messages": [{"role": "user", "content": prompt}], "tools": tools}


def chat(prompt: str) -> tuple[str, Mapping[str, Any]]:
    tools = [{"type": "function", "function": {"name": "shell", "parameters": SHELL}}]
    messages = [{"role": "user", "content": prompt}]
    return "/v1/chat/completions", {"messages": messages, "tools": tools}


def responses(prompt: str) -> tuple[str, Mapping[str, Any]]:
    tools = [{"type": "function", "name": "exec_command", "parameters": CODEX}]
    return "/v1/responses", {"input": prompt, "tools": tools}


def gemini(prompt: str) -> tuple[str, Mapping[str, Any]]:
    function = {"name": "run_shell_command", "parametersJsonSchema": SHELL}
    contents = [{"role": "user", "parts": [{"text": prompt}]}]
    body = {"contents": contents, "tools": [{"functionDeclarations": [function]}]}
    return "/v1beta/models/m:generateContent", body


ALL = pytest.mark.parametrize("asking", [anthropic, chat, responses, gemini])


@pytest.fixture
def http() -> Iterator[httpx.Client]:
    with httpx.Client(timeout=10, trust_env=False) as client:
        yield client


def post(http: httpx.Client, api: ModelApi, asked: tuple[str, Mapping[str, Any]]) -> httpx.Response:
    path, body = asked
    return http.post(f"{api.url}{path}", json=body)


@ALL
def test_one_script_serves_them_all(http: httpx.Client, asking: Any) -> None:
    script: list[Step] = [
        Say("one"),
        CallTool("Bash", {"command": "ls -l"}),
        Fail(status=429, retry_after=2),
    ]
    with ModelApi(script) as api:
        assert '"one"' in post(http, api, asking("hi")).text
        called = post(http, api, asking("hi")).text
        assert "ls -l" in called
        assert f'"{api.requests[1].tools[0]}"' in called
        refused = post(http, api, asking("hi"))
        assert (refused.status_code, refused.headers["retry-after"]) == (429, "2")
        api.verify(finished=True)
    assert [request.prompt for request in api.requests] == ["hi"] * 3
    assert api.other_calls == ()


@ALL
def test_one_function_obeys_them_all(http: httpx.Client, asking: Any) -> None:
    with ModelApi([Always(obey)]) as api:
        assert "hello" in post(http, api, asking(told("/echo hello"))).text
        called = post(http, api, asking(told("/ask touch made.txt"))).text
        assert "touch made.txt" in called
        assert post(http, api, asking(told("/fail no"))).status_code == 400
    assert {request.side for request in api.requests} == {None}


@ALL
def test_a_script_that_is_over_is_told_in_their_words(http: httpx.Client, asking: Any) -> None:
    api = ModelApi([]).start()
    try:
        reply = post(http, api, asking("hi"))
    finally:
        api.stop()
    assert reply.status_code == 500
    assert "has 0 steps" in reply.json()["error"]["message"]
    assert len(api.complaints) == 1


def test_a_stream_of_chat_comes_in_events(http: httpx.Client) -> None:
    path, body = chat("hi")
    with ModelApi([Say("abcdef", chunks=3)]) as api:
        reply = http.post(f"{api.url}{path}", json={**body, "stream": True})
    assert reply.headers["content-type"].startswith("text/event-stream")
    events = [line.removeprefix("data: ") for line in reply.text.split("\n\n") if line]
    assert events.pop() == "[DONE]"
    deltas = [json.loads(event)["choices"][0]["delta"].get("content") for event in events]
    assert [delta for delta in deltas if delta] == ["ab", "cd", "ef"]


def test_titles_and_models_use_up_no_step(http: httpx.Client) -> None:
    system = {"role": "system", "content": "Generate a title."}
    messages = [system, {"role": "user", "content": "hi"}]
    with ModelApi([]) as api:
        titled = http.post(f"{api.url}/v1/chat/completions", json={"messages": messages})
        assert titled.json()["choices"][0]["message"]["content"] == "OK"
        listed = http.get(f"{api.url}/v1/models", headers={"authorization": "Bearer x"})
        assert listed.json()["data"][0]["object"] == "model"
        listed = http.get(f"{api.url}/v1/models", headers={"anthropic-version": "2023-06-01"})
        assert listed.json()["data"][0]["type"] == "model"
    assert [request.side for request in api.side_requests] == ["title"]
    assert len(api.other_calls) == 2
