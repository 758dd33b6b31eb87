"""What clients say, message by message, and the handshake."""

import json

import pytest

from clawdforge.core.observed.signals import (
    ContextWindow,
    Cost,
    CurrentUsage,
    Driven,
    Model,
    StatusLine,
)
from clawdforge.wire import atm

VERSION = '"protocol_version":{"major":1,"minor":0}'
STATUS_DATA = (
    '{"session_id":"5b0e1c2d-0000-4000-8000-00000000000a","pid":41200,'
    '"model":{"id":"claude-opus-4-6","display_name":"Opus 4.6"},"cwd":"/home/ana/src/widget",'
    '"cost":{"total_cost_usd":0.35,"total_duration_ms":135000},"context_window":'
    '{"total_input_tokens":50000,"context_window_size":200000,"current_usage":'
    '{"input_tokens":1000,"cache_creation_input_tokens":2000,"cache_read_input_tokens":40000}}}'
)


def read(line: str) -> atm.Request:
    return atm.read_request(line.encode())


def line_of(kind: str, rest: str = "") -> str:
    return f'{{{VERSION},"type":"{kind}"{"," if rest else ""}{rest}}}'


def status(data: str) -> str:
    return line_of("status_update", f'"data":{data}')


def hook(data: str) -> str:
    return line_of("hook_event", f'"data":{data}')


# --- every message ----------------------------------------------------------------------------


def test_the_requests_without_fields() -> None:
    for kind, expected in (
        ("list_sessions", atm.ListSessions),
        ("unsubscribe", atm.Unsubscribe),
        ("disconnect", atm.Disconnect),
        ("discover", atm.Discover),
        ("status", atm.Status),
    ):
        assert type(read(line_of(kind))) is expected


def test_connect_and_subscribe_may_name_something() -> None:
    for name in ("", "my-tool", "日本"):
        connect = read(line_of("connect", f'"client_id":"{name}"'))
        assert isinstance(connect, atm.Connect)
        assert connect.client_id == name
        subscribe = read(line_of("subscribe", f'"session_id":"{name}"'))
        assert isinstance(subscribe, atm.Subscribe)
        assert subscribe.session_id == name
    for line in (line_of("subscribe"), line_of("subscribe", '"session_id":null')):
        subscribe = read(line)
        assert isinstance(subscribe, atm.Subscribe)
        assert subscribe.session_id is None


@pytest.mark.parametrize("seq", [0, 42, 2**63, 2**64 - 1])
def test_ping_takes_any_u64(seq: int) -> None:
    ping = read(line_of("ping", f'"seq":{seq}'))
    assert isinstance(ping, atm.Ping)
    assert ping.seq == seq


def test_a_status_line_is_read_in_one_go() -> None:
    update = read(status(STATUS_DATA))
    assert isinstance(update, atm.StatusUpdate)
    assert update.data == StatusLine(
        session_id="5b0e1c2d-0000-4000-8000-00000000000a",
        pid=41200,
        model=Model(id="claude-opus-4-6", display_name="Opus 4.6"),
        cwd="/home/ana/src/widget",
        cost=Cost(total_cost_usd=0.35, total_duration_ms=135_000),
        context_window=ContextWindow(
            total_input_tokens=50_000,
            context_window_size=200_000,
            current_usage=CurrentUsage(
                input_tokens=1000, cache_creation_input_tokens=2000, cache_read_input_tokens=40_000
            ),
        ),
    )


def test_a_hook_keeps_what_tools_said_unread() -> None:
    event = read(
        hook(
            '{"session_id":"s","hook_event_name":"PostToolUse","tool_name":"Bash","pid":41200,'
            '"tmux_pane":"%5","tool_input":{"command":"ls"},"tool_response":[1,{"a":null}]}'
        )
    )
    assert isinstance(event, atm.HookEvent)
    assert (event.data.tool_name, event.data.pid, event.data.tmux_pane) == ("Bash", 41200, "%5")
    assert bytes(event.data.tool_input) == b'{"command":"ls"}'
    assert bytes(event.data.tool_response) == b'[1,{"a":null}]'


@pytest.mark.parametrize("name", ["PreToolUse", "PermissionRequest", "Setup", "FromTheFuture", ""])
def test_any_hook_name_is_accepted(name: str) -> None:
    event = read(hook(f'{{"session_id":"s","hook_event_name":"{name}"}}'))
    assert isinstance(event, atm.HookEvent)
    assert event.data.hook_event_name == name


def test_a_tool_response_of_nearly_the_limit_is_taken() -> None:
    data = {"session_id": "s", "hook_event_name": "PostToolUse", "tool_response": "é" * 500_000}
    event = read(hook(json.dumps(data, ensure_ascii=False)))
    assert isinstance(event, atm.HookEvent)
    assert len(bytes(event.data.tool_response)) == 1_000_002


def test_what_gateways_say() -> None:
    driven = Driven(session_id="ses_1", app="a", agent="claude", status="idle")
    update = atm.read_request(atm.encode_request("driven_update", data=[driven]))
    assert isinstance(update, atm.DrivenUpdate)
    assert update.data == [driven]
    removed = read(line_of("driven_removed", '"data":["ses_1"]'))
    assert isinstance(removed, atm.DrivenRemoved)
    assert removed.data == ["ses_1"]
    explain = read(line_of("explain", '"session_id":"ses_1"'))
    assert isinstance(explain, atm.Explain)
    assert explain.session_id == "ses_1"


# --- the handshake ----------------------------------------------------------------------------


def test_the_first_message_connects() -> None:
    hello = atm.read_hello(line_of("connect", '"client_id":"my-tool"').encode())
    assert hello is not None
    assert hello.client_id == "my-tool"
    hello = atm.read_hello(b'{"type":"connect","protocol_version":[1,7]}')
    assert hello is not None
    assert hello.client_id is None


def test_another_first_message_is_told_from_garbage() -> None:
    for line in (line_of("ping", '"seq":1'), status("null"), hook("[1]")):
        assert atm.read_hello(line.encode()) is None
    for line in ("", "x", "{}", line_of("teleport"), line_of("ping"), line_of("discover", "1e999")):
        with pytest.raises(atm.WireError) as caught:
            atm.read_hello(line.encode())
        assert not isinstance(caught.value, atm.VersionError)


@pytest.mark.parametrize(
    ("version", "shown"),
    [
        ('{"major":99,"minor":0}', "99.0"),
        ('{"major":0,"minor":9}', "0.9"),
        ("[2,5]", "2.5"),
    ],
)
@pytest.mark.parametrize("rest", ['"type":"connect"', '"type":"hook_event","data":null'])
def test_the_version_comes_before_the_type(version: str, shown: str, rest: str) -> None:
    with pytest.raises(atm.VersionError) as caught:
        atm.read_hello(f'{{"protocol_version":{version},{rest}}}'.encode())
    assert caught.value.message == (
        f"Protocol version {shown} not compatible with server version 1.0"
    )
    assert caught.value.fatal


def test_what_cannot_be_read_has_no_version() -> None:
    with pytest.raises(atm.WireError) as caught:
        atm.read_hello(b'{"protocol_version":{"major":99,"minor":0},"type":"teleport"}')
    assert not isinstance(caught.value, atm.VersionError)
