"""The scripted model API over real sockets, and under the real `claude` command."""

import contextlib
import importlib.util
import json
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from clawdforge.testing.model_api import (
    Always,
    CallTool,
    CallTools,
    Drop,
    Fail,
    ModelApi,
    Request,
    Say,
    ScriptError,
    Slow,
    Stall,
    Step,
    Tokens,
)
from clawdforge.testing.model_api.script import ScriptItem

QUICK_SECS = 10


@pytest.fixture
def http() -> Iterator[httpx.Client]:
    with httpx.Client(timeout=QUICK_SECS, trust_env=False) as client:
        yield client


def ask(client: httpx.Client, api: ModelApi, prompt: str = "hi", **body: Any) -> httpx.Response:
    messages = [{"role": "user", "content": prompt}]
    return client.post(f"{api.url}/v1/messages", json={"messages": messages, **body})


def text_of(response: httpx.Response) -> str:
    return str(response.json()["content"][0]["text"])


@contextlib.contextmanager
def complaining(script: Sequence[ScriptItem], about: str) -> Iterator[ModelApi]:
    """An API that has something to complain about in the end."""
    api = ModelApi(script).start()
    try:
        yield api
    finally:
        api.stop()
    with pytest.raises(ScriptError, match=about):
        api.verify()


# --- the server


def test_steps_are_played_over_one_connection(http: httpx.Client) -> None:
    with ModelApi([Say("one"), Fail(status=529, retry_after=2), Say("two")]) as api:
        assert text_of(ask(http, api)) == "one"
        refused = ask(http, api, stream=True)
        assert (refused.status_code, refused.headers["retry-after"]) == (529, "2")
        streamed = ask(http, api, "again", stream=True)
        assert streamed.headers["content-type"].startswith("text/event-stream")
        assert streamed.text.rstrip().endswith('data: {"type": "message_stop"}')
        api.verify(finished=True)
    assert [request.prompt for request in api.requests] == ["hi", "hi", "again"]


def test_a_script_that_is_over_is_a_clear_error_and_a_complaint(http: httpx.Client) -> None:
    with complaining([Say("one")], "has 1 steps, and this is request 2") as api:
        ask(http, api)
        refused = ask(http, api)
        assert refused.status_code == 500
        assert "has 1 steps" in refused.json()["error"]["message"]
        assert refused.headers["x-should-retry"] == "false"


def test_leaving_raises_the_complaint(http: httpx.Client) -> None:
    def leave(error: Exception | None) -> None:
        with ModelApi([]) as api:
            ask(http, api)
            if error is not None:
                raise error

    with pytest.raises(ScriptError, match="has 0 steps"):
        leave(None)
    with pytest.raises(LookupError) as caught:
        leave(LookupError("the test's own error comes first"))
    assert "has 0 steps" in caught.value.__notes__[0]


def test_steps_that_were_never_asked_for_can_be_a_complaint() -> None:
    with ModelApi([Say("one"), Always(Say("more"))]) as api:
        api.verify()
        with pytest.raises(ScriptError, match="1 steps of the script were never asked for"):
            api.verify(finished=True)


@pytest.mark.parametrize(
    ("content", "about"),
    [(b"no json", "Expecting value"), (b"[]", "not a JSON object"), (b"{}", "messages")],
)
def test_what_is_no_request_is_refused(http: httpx.Client, content: bytes, about: str) -> None:
    with complaining([Say("unused")], about) as api:
        assert http.post(f"{api.url}/v1/messages", content=content).status_code == 500
        assert api.requests == ()
        assert api.remaining == 1


def test_a_step_that_is_no_json_is_a_complaint(http: httpx.Client) -> None:
    step = CallTool("Read", {"file_path": Path("a")})
    with complaining([step], "cannot be said in JSON") as api:
        assert ask(http, api).status_code == 500


def test_other_calls_use_up_no_step(http: httpx.Client) -> None:
    with ModelApi([Say("one")]) as api:
        assert http.head(f"{api.url}/").status_code == 404
        assert http.get(f"{api.url}/api/hello").status_code == 404
        assert http.get(f"{api.url}/v1/models").json()["data"]
        count = http.post(f"{api.url}/v1/messages/count_tokens", json={"messages": []})
        assert count.json()["input_tokens"] >= 0
        assert text_of(ask(http, api, max_tokens=1)) == "OK"
        assert text_of(ask(http, api)) == "one"
    assert [request.side for request in api.side_requests] == ["count_tokens", "quota"]
    assert api.other_calls == ("HEAD /", "GET /api/hello", "GET /v1/models")
    assert len(api.requests) == 1


def test_bodies_and_answers_of_many_megabytes(http: httpx.Client) -> None:
    prompt, answer = "x" * 6_000_000, "y" * 3_000_000
    with ModelApi([Say(answer)]) as api:
        assert text_of(ask(http, api, prompt)) == answer
    assert api.requests[0].prompt == prompt


def test_a_client_that_waits_to_be_told_to_go_on(http: httpx.Client) -> None:
    with ModelApi([Say("one")]) as api:
        body = json.dumps({"messages": [{"role": "user", "content": "hi"}]})
        expecting = {"expect": "100-continue"}
        reply = http.post(f"{api.url}/v1/messages", content=body, headers=expecting)
        assert text_of(reply) == "one"


def test_the_client_may_close_after_one_reply(http: httpx.Client) -> None:
    with ModelApi([Say("one"), Say("two")]) as api:
        body: dict[str, Any] = {"messages": []}
        for wanted in ("one", "two"):
            reply = http.post(f"{api.url}/v1/messages", json=body, headers={"connection": "close"})
            assert text_of(reply) == wanted
    assert api.hang_ups == ()


def test_what_is_not_http_is_hung_up_on() -> None:
    with ModelApi([]) as api:
        url = httpx.URL(api.url)
        with _connect(url) as sock:
            sock.sendall(b"\x16\x03\x01 this is TLS\r\n\r\n")
            assert sock.recv(100) == b""


def test_a_drop_is_a_reset(http: httpx.Client) -> None:
    with ModelApi([Drop(), Drop(after_chars=0), Say("well again")]) as api:
        with _connect(httpx.URL(api.url)) as sock:
            body = b'{"messages": []}'
            sock.sendall(
                b"POST /v1/messages HTTP/1.1\r\nhost: x\r\ncontent-length: %d\r\n\r\n" % len(body)
            )
            sock.sendall(body)
            with pytest.raises(ConnectionResetError):
                sock.recv(100)
        with pytest.raises(httpx.ReadError):
            ask(http, api, stream=True)
        assert text_of(ask(http, api)) == "well again"


def test_what_came_before_a_drop_can_be_read(http: httpx.Client) -> None:
    received = bytearray()

    def read_on(response: httpx.Response) -> None:
        for data in response.iter_raw():
            received.extend(data)

    with ModelApi([Drop(after_chars=70_000, of=Say("x" * 100_000, chunks=10))]) as api:
        body = {"messages": [], "stream": True}
        with (
            http.stream("POST", f"{api.url}/v1/messages", json=body) as response,
            pytest.raises(httpx.ReadError),
        ):
            read_on(response)
    assert received.count(b"x" * 10_000) == 7


def test_a_slow_answer_takes_its_time(http: httpx.Client) -> None:
    with ModelApi([Slow(Say("abcd", chunks=4), pause_secs=0.03, first_secs=0.03)]) as api:
        reply = ask(http, api, stream=True)
        assert reply.elapsed.total_seconds() >= 0.12


@pytest.mark.parametrize("step", [Stall(), Stall(after_chars=3), Slow(Say("a"), first_secs=60)])
def test_stopping_cuts_whoever_waits(step: Step) -> None:
    failures: list[Exception] = []

    def wait_for_ever() -> None:
        try:
            httpx.post(f"{api.url}/v1/messages", json={"messages": []}, timeout=60, trust_env=False)
        except httpx.HTTPError as error:
            failures.append(error)

    with ModelApi([step]) as api:
        client = threading.Thread(target=wait_for_ever)
        client.start()
        api.wait_for_requests(1)
    client.join(QUICK_SECS)
    assert not client.is_alive()
    assert len(failures) == 1
    assert api.hang_ups == ()


def test_a_client_that_gives_up_is_noticed(http: httpx.Client) -> None:
    with ModelApi([Stall(), Stall(after_chars=5)]) as api:
        for count in (1, 2):
            with pytest.raises(httpx.ReadTimeout):
                http.post(f"{api.url}/v1/messages", json={"messages": []}, timeout=0.1)
            api.wait_for_hang_ups(count)
    assert [call.path for call in api.hang_ups] == ["/v1/messages", "/v1/messages"]


def test_waiting_in_vain_says_what_came_instead(http: httpx.Client) -> None:
    with ModelApi([Say("one")]) as api:
        ask(http, api)
        with pytest.raises(TimeoutError, match="so far 1 requests"):
            api.wait_for_requests(2, timeout_secs=0.01)


def test_nothing_is_left_behind() -> None:
    before = set(threading.enumerate())
    for _ in range(20):
        with ModelApi([]):
            pass
    api = ModelApi([])
    api.stop()
    api.start()
    with pytest.raises(RuntimeError, match="only once"):
        api.start()
    api.stop()
    api.stop()
    assert set(threading.enumerate()) == before


def test_a_connection_that_just_comes_in_is_closed_too() -> None:
    for _ in range(50):
        with ModelApi([]) as api:
            client = _connect(httpx.URL(api.url))
        with client, contextlib.suppress(ConnectionResetError):
            assert client.recv(1) == b""


def test_a_taken_port_is_told() -> None:
    with ModelApi([]) as api:
        other = ModelApi([], port=httpx.URL(api.url).port or 0)
        with pytest.raises(OSError, match="already in use"):
            other.start()
        with pytest.raises(RuntimeError, match="not started"):
            _ = other.url


async def test_async_tests_use_it_alike() -> None:
    async with ModelApi([Say("one"), Stall()]) as api, httpx.AsyncClient(trust_env=False) as client:
        body: dict[str, Any] = {"messages": []}
        reply = await client.post(f"{api.url}/v1/messages", json=body)
        assert text_of(reply) == "one"
        with pytest.raises(TimeoutError, match="so far 1 requests"):
            await api.requests_reach(2, timeout_secs=0.01)
        with pytest.raises(httpx.ReadTimeout):
            await client.post(f"{api.url}/v1/messages", json=body, timeout=0.1)
        await api.requests_reach(2)
        await api.hang_ups_reach(1)


def test_the_command_serves_until_ctrl_c(http: httpx.Client) -> None:
    command = [sys.executable, "-m", "clawdforge.testing.model_api", "--say", "hello", "bye"]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        url = ""
        while not url:
            url = process.stdout.readline().partition("export ANTHROPIC_BASE_URL=")[2].strip()
        for wanted in ("hello", "bye", "bye"):
            reply = http.post(f"{url}/v1/messages", json={"messages": [], "model": "m"})
            assert text_of(reply) == wanted
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=QUICK_SECS)
    assert process.returncode == 0
    assert errors.count("m effort=None") == 3
    assert "Traceback" not in errors


def _connect(url: httpx.URL) -> socket.socket:
    return socket.create_connection((url.host, url.port or 0), timeout=QUICK_SECS)


# --- the real command


@dataclass(frozen=True, slots=True)
class Ended:
    """How a run of the command ended."""

    code: int
    lines: list[dict[str, Any]]

    @property
    def result(self) -> dict[str, Any]:
        assert self.lines[-1]["type"] == "result"
        return self.lines[-1]

    def of(self, kind: str) -> list[dict[str, Any]]:
        return [line for line in self.lines if kind in (line["type"], line.get("subtype"))]


class Claude:
    """The bundled command, in a home and a folder of its own."""

    def __init__(self, folder: Path) -> None:
        spec = importlib.util.find_spec("claude_agent_sdk")
        assert spec is not None
        assert spec.origin is not None
        self.binary = Path(spec.origin).parent / "_bundled" / "claude"
        assert self.binary.exists()
        self.home, self.cwd = folder / "home", folder / "work"
        self.home.mkdir()
        self.cwd.mkdir()

    def run(self, api: ModelApi, *flags: str, stdin: str = "hi", retries: int = 0) -> Ended:
        surroundings = {"HOME": str(self.home), "PATH": "/usr/bin:/bin"}
        patience = {"CLAUDE_CODE_MAX_RETRIES": str(retries)}
        ended = subprocess.run(
            [str(self.binary), "-p", *(flags or ("--output-format", "json"))],
            input=stdin.encode(),
            capture_output=True,
            cwd=self.cwd,
            env={**surroundings, **patience, **api.environment()},
            timeout=30,
            check=False,
        )
        assert ended.stderr == b""
        return Ended(ended.returncode, [json.loads(line) for line in ended.stdout.splitlines()])


STREAM = ("--output-format", "stream-json", "--verbose")
real_agent = pytest.mark.real_agent


@pytest.fixture
def claude(tmp_path: Path) -> Claude:
    return Claude(tmp_path)


@real_agent
def test_claude_gets_an_answer_and_tells_what_it_cost(claude: Claude) -> None:
    usage = Tokens(input=100, output=200, cache_read=3000, cache_write=400)
    with ModelApi([Say("hello there", usage=usage)]) as api:
        ended = claude.run(
            api, "--output-format", "json", "--effort", "high", "--system-prompt", "BE KIND"
        )
    assert (ended.code, ended.result["result"], ended.result["is_error"]) == (
        0,
        "hello there",
        False,
    )
    told = ended.result["usage"]
    assert (told["input_tokens"], told["output_tokens"]) == (100, 200)
    assert (told["cache_read_input_tokens"], told["cache_creation_input_tokens"]) == (3000, 400)
    assert ended.result["total_cost_usd"] > 0
    (request,) = api.requests
    assert (request.prompt, request.effort) == ("hi", "high")
    assert "BE KIND" in request.system
    assert request.model.startswith("claude-")
    assert "Read" in request.tools
    assert request.headers["user-agent"].startswith("claude-cli/")
    assert (api.side_requests, api.other_calls) == ((), ())


@real_agent
def test_claude_runs_the_tools_it_is_told_to(claude: Claude) -> None:
    (claude.cwd / "attachment-1.txt").write_text("42")
    read = CallTool("Read", {"file_path": "attachment-1.txt"}, thinking="let me see")
    script: list[Step] = [
        read,
        CallTools([read, CallTool("Read", {"file_path": "gone"})], say="two"),
        Say("42."),
    ]
    with ModelApi(script) as api:
        ended = claude.run(api, *STREAM, stdin="What does it say?")
        api.verify(finished=True)
    assert ended.result["result"] == "42."
    assert [request.prompt for request in api.requests] == ["What does it say?"] * 3
    (first,) = api.requests[1].tool_results
    assert (first.name, first.is_error) == ("Read", False)
    assert "42" in first.text
    # Claude Code lists results in the order in which the tools were done.
    again, gone = sorted(api.requests[2].tool_results, key=lambda result: result.call_id)
    assert (again.is_error, gone.is_error) == (False, True)
    blocks = [line["message"]["content"][0]["type"] for line in ended.of("assistant")]
    assert blocks == ["thinking", "tool_use", "text", "tool_use", "tool_use", "text"]


@real_agent
def test_claude_holds_a_conversation(claude: Claude) -> None:
    def turn(text: str) -> str:
        return json.dumps({"type": "user", "message": {"role": "user", "content": text}}) + "\n"

    def echo(request: Request) -> Step:
        return Say(f"{request.prompt}!")

    hello = {"type": "control_request", "request_id": "r", "request": {"subtype": "initialize"}}
    with ModelApi([Always(echo)]) as api:
        burst = json.dumps(hello) + "\n" + turn("one") + turn("two")
        ended = claude.run(api, "--input-format", "stream-json", *STREAM, stdin=burst)
    assert ended.lines[0]["type"] == "control_response"
    assert [line["result"] for line in ended.of("result")] == ["one!", "two!"]


@real_agent
@pytest.mark.parametrize(
    ("status", "said"), [(400, "API Error: 400 Not now"), (529, "API Error: 529 Not now")]
)
def test_claude_is_refused(claude: Claude, status: int, said: str) -> None:
    with ModelApi([Always(Fail(status=status, message="Not now"))]) as api:
        ended = claude.run(api, *STREAM, retries=0)
    assert ended.code == 1
    assert (ended.result["is_error"], ended.result["api_error_status"]) == (True, status)
    assert ended.result["result"].startswith(said)


@real_agent
def test_claude_tries_again_after_a_while(claude: Claude) -> None:
    busy = Fail(status=429, retry_after=1)
    with ModelApi([busy, Say("fine")]) as api:
        ended = claude.run(api, *STREAM, retries=1)
    assert (ended.code, ended.result["result"]) == (0, "fine")
    assert [line["error_status"] for line in ended.of("api_retry")] == [429]
    assert [request.headers["x-stainless-retry-count"] for request in api.requests] == ["0", "0"]


@real_agent
def test_claude_gives_up_at_last(claude: Claude) -> None:
    with ModelApi([Always(Fail(status=529))]) as api:
        ended = claude.run(api, retries=1)
    assert (ended.code, len(api.requests)) == (1, 2)
    assert ended.result["api_error_status"] == 529


@real_agent
def test_claude_asks_for_a_whole_message_when_the_stream_breaks(claude: Claude) -> None:
    with ModelApi([Drop(after_chars=200), Say("whole")]) as api:
        ended = claude.run(api, *STREAM, "--include-partial-messages")
    assert (ended.code, ended.result["result"]) == (0, "whole")
    assert [request.stream for request in api.requests] == [True, False]


@real_agent
def test_claude_loses_its_connection(claude: Claude) -> None:
    with ModelApi([Always(Drop())]) as api:
        ended = claude.run(api)
    assert ended.code == 1
    assert "ECONNRESET" in ended.result["result"]


@real_agent
def test_claude_hears_the_script_is_over(claude: Claude) -> None:
    with complaining([CallTool("Read", {"file_path": "a"})], "this is request 2") as api:
        ended = claude.run(api, retries=3)
        assert len(api.requests) == 2
        assert "the script has 1 steps" in ended.result["result"]


@real_agent
def test_claude_streams_a_slow_answer(claude: Claude) -> None:
    with ModelApi([Slow(Say("abcdefgh", chunks=8), pause_secs=0.05)]) as api:
        ended = claude.run(api, *STREAM, "--include-partial-messages")
    deltas = [line["event"].get("delta", {}).get("text", "") for line in ended.of("stream_event")]
    assert "".join(deltas) == "abcdefgh" == ended.result["result"]
    assert deltas.count("") < len(deltas) - 1


@real_agent
def test_claude_brings_a_prompt_of_600_kilobytes(claude: Claude) -> None:
    prompt = "x" * 600_000 + " END"
    with ModelApi([Say("long")]) as api:
        assert claude.run(api, stdin=prompt).result["result"] == "long"
    assert api.requests[0].prompt == prompt
