"""Every method of both clients, over a transport that answers from a script."""

import asyncio
import contextlib
import json
import pickle
import re
from collections.abc import Callable
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from clawdforge import errors
from clawdforge.client import (
    ApiError,
    AsyncClient,
    AuthError,
    BusyError,
    Client,
    ClosedError,
    ClosedSession,
    ConflictError,
    FileToken,
    ForgeError,
    GoneError,
    NotFoundError,
    ProtocolError,
    RequestError,
    RunFailure,
    RunResult,
    SettingsError,
    TransportError,
)

URL = "http://127.0.0.1:8800"
TOKEN = "cf_app-token-0123456789"
ADMIN = "admin-token-0123456789"

Handler = Callable[[httpx.Request], httpx.Response]
Perform = Callable[..., Any]

RUN_OK = {"ok": True, "result": "hi", "duration_ms": 12, "stop_reason": "end_turn"}
RUN_ROW = {
    "run_id": "run_1",
    "agent": "demo",
    "model": None,
    "effort": None,
    "state": "done",
    "started_at": 1700000000,
    "duration_ms": 12,
    "waited_ms": 0,
    "stop_reason": "end_turn",
    "error": None,
    "prompt_bytes": 2,
    "prompt_sha256": "00",
    "file_count": 0,
    "result_bytes": 2,
    "input_tokens": None,
    "output_tokens": 5,
    "cache_read_tokens": None,
    "cache_write_tokens": None,
    "cost_microusd": 1200,
}
AGENT = {
    "name": "demo",
    "driver": "demo",
    "default": True,
    "available": True,
    "version": None,
    "detail": None,
}
# Method, arguments, and an answer it understands.
METHODS: dict[str, tuple[tuple[Any, ...], Any]] = {
    "healthz": ((), {"ok": True, "claude_present": False, "claude_version": None}),
    "readyz": ((), {"ok": True, "problem": None}),
    "run": (("hi",), RUN_OK),
    "upload_file": ((b"abc",), {"file_token": "ff_abc", "ttl_secs": 60, "size": 3}),
    "runs": ((), {"runs": [RUN_ROW], "count": 1, "next": "c1"}),
    "get_run": (("run_1",), RUN_ROW),
    "agents": ((), {"agents": [AGENT]}),
    "create_token": (("app",), {"name": "app", "token": "cf_new", "ip_cidrs": []}),
    "list_tokens": ((), {"tokens": [{"name": "app", "ip_cidrs": [], "created_at": 7}]}),
    "revoke_token": (("app",), {"ok": True}),
}
every_method = pytest.mark.parametrize("method", METHODS)


def _perform(kind: str, handler: Handler, method: str, *args: Any, **kwargs: Any) -> Any:
    transport = httpx.MockTransport(handler)
    if kind == "blocking":
        with Client(URL, TOKEN, admin_token=ADMIN, transport=transport) as client:
            return getattr(client, method)(*args, **kwargs)

    async def awaited() -> Any:
        async with AsyncClient(URL, TOKEN, admin_token=ADMIN, transport=transport) as client:
            return await getattr(client, method)(*args, **kwargs)

    return asyncio.run(awaited())


@pytest.fixture(params=["blocking", "asynchronous"])
def perform(request: pytest.FixtureRequest) -> Perform:
    return lambda handler, method, *args, **kwargs: _perform(
        request.param, handler, method, *args, **kwargs
    )


class Script:
    """Answers every request alike, and keeps them."""

    def __init__(
        self, answer: Any = None, *, status: int = 200, content: bytes | None = None, **headers: str
    ) -> None:
        self.requests: list[httpx.Request] = []
        self._content = json.dumps(answer).encode() if content is None else content
        self._status = status
        self._headers = {name.replace("_", "-"): value for name, value in headers.items()}

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        return httpx.Response(self._status, content=self._content, headers=self._headers)

    @property
    def request(self) -> httpx.Request:
        (only,) = self.requests
        return only


def refused(perform: Perform, *args: Any, **kwargs: Any) -> RequestError:
    """The error of a call that must be refused without any request."""
    script = Script(RUN_OK)
    with pytest.raises(RequestError) as caught:
        perform(script, *args, **kwargs)
    assert script.requests == []
    return caught.value


def test_healthz_sends_no_token(perform: Perform) -> None:
    script = Script(
        METHODS["healthz"][1]
        | {"acpx_present": True, "acpx_version": "0.6", "open_sessions": 0, "later": []}
    )
    health = perform(script, "healthz")
    assert (health.ok, health.claude_present, health.acpx_version) == (True, False, "0.6")
    assert (script.request.method, str(script.request.url)) == ("GET", f"{URL}/healthz")
    assert "authorization" not in script.request.headers


def test_a_server_that_takes_no_work_says_why(perform: Perform) -> None:
    script = Script({"ok": False, "problem": "the server is stopping"}, status=503)
    ready = perform(script, "readyz")
    assert (ready.ok, ready.problem) == (False, "the server is stopping")
    assert "authorization" not in script.request.headers
    assert perform(Script({"ok": True, "problem": None}), "readyz").ok


def test_run_sends_only_what_is_set_and_gives_the_ids(perform: Perform) -> None:
    script = Script(RUN_OK, x_run_id="run_1", x_request_id="req_1")
    result = perform(script, "run", "hi", model="", system="", system_mode="append")
    assert result == RunResult(
        result="hi",
        duration_ms=12,
        stop_reason="end_turn",
        run_id="run_1",
        request_id="req_1",
    )
    request = script.request
    assert json.loads(request.content) == {"prompt": "hi"}
    assert request.headers["authorization"] == f"Bearer {TOKEN}"
    assert request.headers["content-type"] == "application/json"
    assert request.headers["accept-encoding"] == "identity"
    assert request.headers["user-agent"].startswith("clawdforge-python/")


def test_run_sends_all_that_is_set(perform: Perform) -> None:
    script = Script(RUN_OK)
    uploaded = perform(Script(METHODS["upload_file"][1]), "upload_file", b"abc")
    perform(
        script,
        "run",
        "hi",
        model="opus",
        system="Be brief.",
        system_mode="replace",
        effort="max",
        files=[uploaded, "ff_b"],
        timeout_secs=1800,
        agent="demo",
    )
    assert json.loads(script.request.content) == {
        "prompt": "hi",
        "model": "opus",
        "system": "Be brief.",
        "system_mode": "replace",
        "effort": "max",
        "files": ["ff_abc", "ff_b"],
        "timeout_secs": 1800,
        "agent": "demo",
    }


@pytest.mark.parametrize(("given_secs", "silence"), [(None, None), (5, 60), (1800, 1855)])
def test_a_run_is_waited_for_longer_than_it_may_take(
    perform: Perform, given_secs: int | None, silence: int | None
) -> None:
    script = Script(RUN_OK)
    perform(script, "run", "hi", timeout_secs=given_secs)
    assert script.request.extensions["timeout"]["read"] == silence
    assert script.request.extensions["timeout"]["pool"] is None


def test_uploads_and_small_calls_have_time_outs_of_their_own(perform: Perform) -> None:
    uploading, asking = Script(METHODS["upload_file"][1]), Script(METHODS["agents"][1])
    perform(uploading, "upload_file", b"abc")
    perform(asking, "agents")
    assert uploading.request.extensions["timeout"]["write"] == 300
    assert asking.request.extensions["timeout"]["read"] == 30


@pytest.mark.parametrize(
    ("result", "text", "value"),
    [
        ("plain", "plain", None),
        ('{"a": 1}', '{"a": 1}', {"a": 1}),
        ({"a": [1, None]}, '{"a":[1,null]}', {"a": [1, None]}),
        (None, "null", None),
        (7, "7", 7),
        (False, "false", False),
    ],
)
def test_a_result_has_two_views(perform: Perform, result: Any, text: str, value: Any) -> None:
    answer = perform(Script(RUN_OK | {"result": result}), "run", "hi")
    assert answer.as_text() == text
    if result == "plain":
        with pytest.raises(ProtocolError, match="not JSON"):
            answer.as_json()
    else:
        assert answer.as_json() == value


@pytest.mark.parametrize("prompt", ["", " \n\t", None, 7])
def test_a_blank_prompt_is_refused_here(perform: Perform, prompt: Any) -> None:
    assert "blank" in refused(perform, "run", prompt).message


@pytest.mark.parametrize(
    "wrong",
    [
        {"timeout_secs": True},
        {"timeout_secs": 0},
        {"timeout_secs": 1.5},
        {"timeout_secs": "60"},
        {"effort": "extreme"},
        {"system": "x", "system_mode": "prepend"},
        {"model": 7},
        {"agent": "-rf"},
        {"agent": "a\n"},
        {"files": "ff_abc"},
        {"files": ["../etc/passwd"]},
        {"files": ["ff_a\n"]},
        {"files": 7},
        {"system": "\ud800"},
    ],
    ids=str,
)
def test_wrong_arguments_of_a_run_are_refused_here(perform: Perform, wrong: dict[str, Any]) -> None:
    assert len(refused(perform, "run", "hi", **wrong).message) <= 200


def test_upload_sends_one_part_and_the_ttl(perform: Perform) -> None:
    script = Script(METHODS["upload_file"][1])
    token = perform(script, "upload_file", b"a\r\n\x00b", filename='x/y"z\r\n.txt', ttl_secs=60)
    assert isinstance(token, FileToken)
    assert (token.file_token, token.ttl_secs, token.size) == ("ff_abc", 60, 3)
    body = script.request.content
    boundary = script.request.headers["content-type"].partition("boundary=")[2].encode()
    assert body == (
        b"--" + boundary + b'\r\nContent-Disposition: form-data; name="ttl_secs"\r\n\r\n60\r\n'
        b"--" + boundary + b'\r\nContent-Disposition: form-data; name="file"; '
        b'filename="y_z__.txt"\r\nContent-Type: application/octet-stream\r\n\r\n'
        b"a\r\n\x00b\r\n--" + boundary + b"--\r\n"
    )


@pytest.mark.parametrize("ttl_secs", [0, -1, True, 1.5, "60"])
def test_a_wrong_ttl_is_refused_here(perform: Perform, ttl_secs: Any) -> None:
    refused(perform, "upload_file", b"abc", ttl_secs=ttl_secs)


def test_runs_are_paged(perform: Perform) -> None:
    script = Script(METHODS["runs"][1])
    page = perform(script, "runs", limit=5, before="a+b/c=&d")
    assert (page.count, page.next, page.runs[0].cost_microusd) == (1, "c1", 1200)
    assert dict(script.request.url.params) == {"limit": "5", "before": "a+b/c=&d"}
    assert perform(Script({"runs": [], "count": 0, "next": None}), "runs").next is None


@pytest.mark.parametrize(
    "wrong", [{"limit": 0}, {"limit": True}, {"before": ""}, {"before": "a b"}, {"before": 7}]
)
def test_wrong_pages_are_refused_here(perform: Perform, wrong: dict[str, Any]) -> None:
    refused(perform, "runs", **wrong)


def test_one_run(perform: Perform) -> None:
    script = Script(RUN_ROW | {"state": "a-new-state"})
    run = perform(script, "get_run", "run_1")
    assert (run.run_id, run.state, run.input_tokens) == ("run_1", "a-new-state", None)
    assert script.request.url.path == "/runs/run_1"


@pytest.mark.parametrize("run_id", ["", "a/b", "..", "a?b", "a%2fb", "a\n", "ä", 7, None])
def test_ids_cannot_change_the_path(perform: Perform, run_id: Any) -> None:
    refused(perform, "get_run", run_id)


def test_agents(perform: Perform) -> None:
    (agent,) = perform(Script(METHODS["agents"][1]), "agents")
    assert (agent.name, agent.default, agent.available) == ("demo", True, True)


def test_tokens_are_made_listed_and_revoked_with_the_admin_token(perform: Perform) -> None:
    making = Script({"name": "app", "token": "cf_new", "ip_cidrs": ["10.0.0.0/8"]})
    app = perform(making, "create_token", "app", ["10.0.0.0/8"], scopes=["run"])
    assert (app.name, app.token, app.ip_cidrs) == ("app", "cf_new", ("10.0.0.0/8",))
    assert app.scopes == ("run",)
    assert json.loads(making.request.content) == {
        "name": "app",
        "ip_cidrs": ["10.0.0.0/8"],
        "scopes": ["run"],
    }
    listing = Script(METHODS["list_tokens"][1])
    assert perform(listing, "list_tokens")[0].created_at == 7
    revoking = Script({"ok": True})
    assert perform(revoking, "revoke_token", "app") is None
    assert (revoking.request.method, revoking.request.url.path) == ("DELETE", "/admin/tokens/app")
    for script in (making, listing, revoking):
        assert script.request.headers["authorization"] == f"Bearer {ADMIN}"


def test_the_scopes_of_a_new_app_are_what_the_server_says_else_what_was_asked(
    perform: Perform,
) -> None:
    made = METHODS["create_token"][1]
    assert perform(Script(made), "create_token", "app").scopes is None
    assert perform(Script(made), "create_token", "app", scopes=["a"]).scopes == ("a",)
    told = perform(Script(made | {"scopes": ["b"]}), "create_token", "app", scopes=["a"])
    assert told.scopes == ("b",)


@pytest.mark.parametrize("name", ["", "App", "../x", "a/b", "a\n", "a" * 65, "ä", " ", 7])
def test_names_of_apps_are_checked_here(perform: Perform, name: Any) -> None:
    refused(perform, "create_token", name)
    refused(perform, "revoke_token", name)


def test_one_network_is_not_a_list_of_letters(perform: Perform) -> None:
    refused(perform, "create_token", "app", "10.0.0.0/8")
    refused(perform, "create_token", "app", [""])


@pytest.mark.parametrize("answer", [{"ok": False}, {"ok": 1}, {"ok": "true"}, {}, None])
def test_revoking_needs_an_explicit_ok(perform: Perform, answer: Any) -> None:
    with pytest.raises(ProtocolError):
        perform(Script(answer), "revoke_token", "app")


@pytest.mark.parametrize(
    ("status", "kind", "ancestor"),
    [
        (400, ApiError, ForgeError),
        (401, AuthError, errors.AccessError),
        (403, AuthError, errors.AccessError),
        (404, NotFoundError, errors.NotFoundError),
        (409, ConflictError, errors.ConflictError),
        (410, GoneError, ClosedSession),
        (413, ApiError, ForgeError),
        (422, ApiError, ForgeError),
        (429, BusyError, errors.BusyError),
        (500, ApiError, ForgeError),
        (503, BusyError, errors.BusyError),
        (599, ApiError, ForgeError),
    ],
)
@every_method
def test_statuses_become_errors(
    perform: Perform, method: str, status: int, kind: type[ApiError], ancestor: type[Exception]
) -> None:
    body = {"ok": False, "error": {"code": "a_code", "message": "No."}, "detail": "No."}
    script = Script(body, status=status, x_request_id="req_1", x_run_id="run_1")
    with pytest.raises(ancestor) as caught:
        perform(script, method, *METHODS[method][0])
    error = caught.value
    assert type(error) is kind
    assert isinstance(error, ApiError)
    assert (error.status, error.code, error.body) == (status, "a_code", body)
    assert (error.request_id, error.run_id) == ("req_1", "run_1")
    assert error.message.endswith(": No.")
    assert str(status) in error.message
    again = pickle.loads(pickle.dumps(error))
    assert (type(again), vars(again)) == (kind, vars(error))


@pytest.mark.parametrize(
    ("header", "secs"),
    [("7", 7), ("0", 1), ("", 1), ("-3", 1), ("soon", 1), ("9" * 9, 86400), ("9" * 5000, 1)],
)
def test_busy_says_when_to_come_back(perform: Perform, header: str, secs: int) -> None:
    with pytest.raises(BusyError) as caught:
        perform(Script({}, status=503, retry_after=header), "run", "hi")
    assert caught.value.retry_after_secs == secs


def test_a_failed_run_tells_all_about_it(perform: Perform) -> None:
    body = {
        "ok": False,
        "error": "claude exit 1\x1b[2J" + "x" * 500,
        "stderr": "Trace…",
        "duration_ms": 31,
        "stop_reason": "timeout",
    }
    with pytest.raises(RunFailure) as caught:
        perform(Script(body, status=502, x_run_id="run_1"), "run", "hi")
    error = caught.value
    assert (error.error, error.stderr, error.duration_ms) == (body["error"], "Trace…", 31)
    assert (error.run_id, error.status, error.body) == ("run_1", 502, body)
    assert error.timed_out
    assert isinstance(error, errors.AgentError)
    assert error.message.startswith("the run failed: claude exit 1 [2J")
    assert len(error.message) <= 220
    again = pickle.loads(pickle.dumps(error))
    assert again.stop_reason == "timeout"


@pytest.mark.parametrize("content", [b"<html>Bad Gateway</html>", b"{}", b"[]", b"[" * 999])
def test_a_proxys_502_is_not_a_failed_run(perform: Perform, content: bytes) -> None:
    with pytest.raises(ApiError) as caught:
        perform(Script(status=502, content=content), "run", "hi")
    assert type(caught.value) is ApiError


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_redirects_are_not_followed(perform: Perform, status: int) -> None:
    script = Script({}, status=status, location="http://other.example/run")
    with pytest.raises(ApiError, match="redirects are not followed"):
        perform(script, "run", "hi")
    assert len(script.requests) == 1


@pytest.mark.parametrize(
    "content", [b"", b"<html>", b"[]", b"null", b"{}", b"\xff", b"[" * 9999, b'{"ok": 1}']
)
@every_method
def test_a_200_of_garbage_is_a_protocol_error(
    perform: Perform, method: str, content: bytes
) -> None:
    script = Script(content=content, x_request_id="req_1", x_run_id="run_1")
    with pytest.raises(ProtocolError) as caught:
        perform(script, method, *METHODS[method][0])
    error = caught.value
    assert (error.status, error.request_id, error.run_id) == (200, "req_1", "run_1")
    assert pickle.loads(pickle.dumps(error)).request_id == "req_1"


@every_method
def test_another_success_than_200_is_a_protocol_error(perform: Perform, method: str) -> None:
    arguments, answer = METHODS[method]
    with pytest.raises(ProtocolError):
        perform(Script(answer, status=202), method, *arguments)


@pytest.mark.parametrize("change", [{"ok": False}, {"duration_ms": True}, {"duration_ms": 1.5}])
def test_a_run_that_is_almost_right_is_a_protocol_error(
    perform: Perform, change: dict[str, Any]
) -> None:
    with pytest.raises(ProtocolError):
        perform(Script(RUN_OK | change), "run", "hi")


def test_a_compressed_answer_is_not_unpacked(perform: Perform) -> None:
    def handler(_: httpx.Request) -> httpx.Response:
        return httpx.Response(
            200, headers={"content-encoding": "GZIP"}, stream=httpx.ByteStream(b"\x1f\x8b")
        )

    with pytest.raises(ProtocolError, match="compressed"):
        perform(handler, "run", "hi")


@pytest.mark.parametrize("announced", [True, False])
@pytest.mark.parametrize(("status", "kind"), [(200, ProtocolError), (404, NotFoundError)])
def test_bodies_are_bounded(
    perform: Perform,
    monkeypatch: pytest.MonkeyPatch,
    status: int,
    kind: type[ForgeError],
    announced: bool,
) -> None:
    monkeypatch.setattr("clawdforge.client.target.MAX_REPLY_BYTES", 1 << 20)
    monkeypatch.setattr("clawdforge.client.target.MAX_ERROR_BYTES", 1 << 20)
    taken = []

    class Endless(httpx.SyncByteStream, httpx.AsyncByteStream):
        def __iter__(self) -> Any:
            while True:
                taken.append(65536)
                yield b" " * 65536

        async def __aiter__(self) -> Any:
            for piece in self:
                yield piece

    headers = {"content-length": str(1 << 40)} if announced else {}

    def handler(_: httpx.Request) -> httpx.Response:
        return httpx.Response(status, headers=headers, stream=Endless())

    with pytest.raises(kind):
        perform(handler, "run", "hi")
    assert sum(taken) <= (0 if announced else (1 << 20) + 65536)


@pytest.mark.parametrize(
    "raised",
    [
        httpx.ConnectError("refused"),
        httpx.ConnectTimeout("slow"),
        httpx.ReadTimeout("slow"),
        httpx.WriteTimeout("slow"),
        httpx.ReadError(""),
        httpx.WriteError("x"),
        httpx.RemoteProtocolError("x"),
        httpx.LocalProtocolError("x"),
        httpx.ProxyError("x"),
        httpx.UnsupportedProtocol("x"),
        httpx.DecodingError("x"),
        httpx.InvalidURL("x"),
        httpx.StreamError("x"),
        OSError(113, "No route to host"),
        UnicodeError("label too long"),
    ],
    ids=lambda error: type(error).__name__,
)
@every_method
def test_what_the_library_raises_stays_inside(
    perform: Perform, method: str, raised: Exception
) -> None:
    def handler(_: httpx.Request) -> httpx.Response:
        raise raised

    with pytest.raises(TransportError) as caught:
        perform(handler, method, *METHODS[method][0])
    error = caught.value
    assert error.url.startswith(URL)
    assert error.url in error.message
    assert error.hint
    assert error.timed_out == isinstance(raised, httpx.TimeoutException)
    assert (error.__cause__, error.__context__) == (None, None)
    assert vars(pickle.loads(pickle.dumps(error))) == vars(error)


def test_an_unreachable_server_is_explained(perform: Perform) -> None:
    def handler(_: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("[Errno 111] Connection refused")

    with pytest.raises(TransportError) as caught:
        perform(handler, "healthz")
    assert str(caught.value) == (
        f"cannot reach {URL}/healthz: [Errno 111] Connection refused "
        "(is the server running? start it with `clawdforge serve`)"
    )


def test_a_cursor_does_not_stand_in_messages(perform: Perform) -> None:
    with pytest.raises(NotFoundError) as caught:
        perform(Script({}, status=404), "runs", before="a-cursor")
    assert "a-cursor" not in str(caught.value)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["ok", "result", "error", "detail", "tokens", "runs", "message"]),
            inner,
        )
    ),
    max_leaves=8,
)


@given(
    st.sampled_from(sorted(METHODS)),
    st.sampled_from([200, 201, 302, 400, 401, 404, 409, 422, 500, 502, 503]),
    JSON.map(lambda value: json.dumps(value).encode()) | st.binary(max_size=40),
    st.binary(max_size=8),
)
def test_any_reply_is_a_value_or_a_forge_error(
    method: str, status: int, content: bytes, header: bytes
) -> None:
    def handler(_: httpx.Request) -> httpx.Response:
        names = (b"x-run-id", b"x-request-id", b"retry-after")
        return httpx.Response(status, content=content, headers=[(name, header) for name in names])

    with contextlib.suppress(ForgeError):
        _perform("blocking", handler, method, *METHODS[method][0])


@every_method
def test_a_closed_client_says_so(method: str) -> None:
    script = Script(METHODS[method][1])
    client = Client(URL, TOKEN, admin_token=ADMIN, transport=httpx.MockTransport(script))
    client.close()
    client.close()
    with pytest.raises(ClosedError, match="closed"):
        getattr(client, method)(*METHODS[method][0])
    assert script.requests == []


@every_method
async def test_a_closed_async_client_says_so(method: str) -> None:
    script = Script(METHODS[method][1])
    client = AsyncClient(URL, TOKEN, admin_token=ADMIN, transport=httpx.MockTransport(script))
    await client.close()
    await client.close()
    with pytest.raises(ClosedError, match="closed"):
        await getattr(client, method)(*METHODS[method][0])
    assert script.requests == []


@pytest.mark.parametrize("method", sorted(METHODS.keys() - {"healthz", "readyz"}))
def test_without_a_token_nothing_is_sent(method: str, tmp_path: Any) -> None:
    script = Script(METHODS[method][1])
    transport = httpx.MockTransport(script)
    environ = {"CLAWDFORGE_DATA_DIR": str(tmp_path)}
    with Client(URL, environ=environ, transport=transport) as client:
        with pytest.raises(SettingsError, match=re.escape("there is no")) as caught:
            getattr(client, method)(*METHODS[method][0])
        assert caught.value.code == "token_missing"
        assert script.requests == []
        assert caught.value.hint


@pytest.mark.parametrize("secs", [0, -1, float("inf"), float("nan"), True])
def test_time_outs_are_positive_numbers(secs: float) -> None:
    with pytest.raises(SettingsError):
        Client(URL, TOKEN, timeout_secs=secs)
    with pytest.raises(SettingsError):
        Client(URL, TOKEN, upload_timeout_secs=secs)
