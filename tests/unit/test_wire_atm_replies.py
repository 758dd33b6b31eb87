"""What the monitor says, byte by byte, and that its clients can read it."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from made_views import made_view

from clawdforge.core.observed.signals import Hook, StatusLine
from clawdforge.core.observed.views import Evidence, SessionView
from clawdforge.wire import atm


def view_of(**facts: object) -> SessionView:
    usual: dict[str, Any] = {"id": "s", "status": "idle"}
    usual |= {"started_at": 1.0, "last_activity": 2.0, "now": 3.0}
    return made_view(**(usual | facts))


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (
            atm.encode_connected("client-0"),
            '{"type":"connected","protocol_version":{"major":1,"minor":0},"client_id":"client-0"}',
        ),
        (
            atm.encode_rejected("Protocol"),
            '{"type":"rejected","reason":"Protocol","protocol_version":{"major":1,"minor":0}}',
        ),
        (atm.encode_session_list([]), '{"type":"session_list","sessions":[]}'),
        (
            atm.encode_session_removed("pending-41200"),
            '{"type":"session_removed","session_id":"pending-41200"}',
        ),
        (
            atm.encode_session_removed("s", "ended"),
            '{"type":"session_removed","session_id":"s","reason":"ended"}',
        ),
        (atm.encode_pong(42), '{"type":"pong","seq":42}'),
        (atm.encode_pong(2**64 - 1), '{"type":"pong","seq":18446744073709551615}'),
        (
            atm.encode_error("Parse error: Missing session_id"),
            '{"type":"error","message":"Parse error: Missing session_id"}',
        ),
        (
            atm.encode_error("Already connected", code="already_connected"),
            '{"type":"error","message":"Already connected","code":"already_connected"}',
        ),
        (
            atm.encode_discovery_complete(2, 0),
            '{"type":"discovery_complete","discovered":2,"failed":0}',
        ),
        (
            atm.encode_explanation("s", None),
            '{"type":"explanation","session_id":"s","explanation":null}',
        ),
        (
            atm.encode_status({"pid": 7, "version": "1"}),
            '{"type":"status","facts":{"pid":7,"version":"1"}}',
        ),
    ],
)
def test_every_reply_is_one_compact_line(line: bytes, expected: str) -> None:
    assert line == expected.encode() + b"\n"


def test_views_are_sent_alone_and_in_lists() -> None:
    one, two = view_of(id="1"), view_of(id="2")
    updated = atm.encode_session_updated(one)
    assert updated.startswith(b'{"type":"session_updated","session":{"id":"1","id_short":"1",')
    assert atm.encode_session_list([one, two]) == (
        b'{"type":"session_list","sessions":['
        + atm.encode_view(one)
        + b","
        + atm.encode_view(two)
        + b"]}\n"
    )


def test_clients_read_every_reply() -> None:
    view = view_of(evidence=(Evidence(signal="hook", says="Stop", age_ms=5),), first_prompt="a\nb")
    version = atm.OUR_VERSION
    for line, reply in (
        (atm.encode_connected("é"), atm.Connected(protocol_version=version, client_id="é")),
        (atm.encode_rejected("no"), atm.Rejected(protocol_version=version, reason="no")),
        (atm.encode_session_list([view]), atm.SessionList(sessions=[view])),
        (atm.encode_session_updated(view), atm.SessionUpdated(session=view)),
        (
            atm.encode_session_removed("s", "died"),
            atm.SessionRemoved(session_id="s", reason="died"),
        ),
        (atm.encode_pong(1), atm.Pong(seq=1)),
        (atm.encode_error("no", code="x"), atm.Error(message="no", code="x")),
        (
            atm.encode_discovery_complete(1, 2),
            atm.DiscoveryComplete(discovered=1, failed=2),
        ),
        (
            atm.encode_explanation("s", {"state": "idle"}),
            atm.Explanation(session_id="s", explanation={"state": "idle"}),
        ),
        (atm.encode_status({"pid": 7}), atm.DaemonStatus(facts={"pid": 7})),
    ):
        assert atm.read_reply(line) == reply


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"{}",
        b'{"type":"from_the_future"}',
        b'{"type":"pong","seq":4.5}',
        b'{"type":"session_list","sessions":[{"id":"s"}]}',
        b'{"type":"error","message":"\xff"}',
    ],
)
def test_what_is_no_reply_is_an_error(line: bytes) -> None:
    with pytest.raises(atm.WireError):
        atm.read_reply(line)


def test_a_path_that_is_no_text_breaks_no_line() -> None:
    path = b"/home/zo\xeb/src".decode("utf-8", "surrogateescape")
    view = view_of(cwd=path, project_root=path, child_session_ids=[path])
    for line in (
        atm.encode_session_updated(view),
        atm.encode_session_list([view, view_of()]),
        atm.encode_error(f"no such folder: {path}"),
        atm.encode_status({"socket": path}),
        atm.encode_explanation(path, {"cwd": [path]}),
    ):
        assert "/home/zo?/src" in line.decode()
        assert line.count(b"\n") == 1
        atm.read_reply(line)


NUMBERS = st.integers(0, 2**64 - 1)
TEXTS = st.text() | st.text(alphabet=["\ud800", "\udfff", "\n", '"', "é"])


@given(
    st.builds(
        view_of,
        id=TEXTS,
        status=st.sampled_from(["idle", "working", "attention_needed"]),
        model=TEXTS,
        cwd=st.none() | TEXTS,
        first_prompt=st.none() | TEXTS,
        context_used=NUMBERS,
        context_size=st.integers(0, 2**32 - 1),
        cost_microusd=st.integers(-(2**63), 2**63 - 1),
        duration_ms=NUMBERS,
        lines_added=NUMBERS,
        started_at=st.floats(allow_nan=False, allow_infinity=False),
        now=st.floats(0, 4e9),
    )
)
def test_any_view_is_one_line_that_clients_read(view: SessionView) -> None:
    line = atm.encode_session_updated(view)
    assert line.count(b"\n") == 1
    session = json.loads(line, parse_constant=pytest.fail)["session"]
    assert session.keys() >= set(SessionView.__struct_fields__[:25])
    for name in ("context_percentage", "cost_usd", "duration_seconds"):
        assert isinstance(session[name], float)
    atm.read_reply(line)


def test_requests_are_encoded_without_what_is_none() -> None:
    version = b'"protocol_version":{"major":1,"minor":0}'
    assert atm.encode_request("connect", client_id=None) == b'{%s,"type":"connect"}\n' % version
    assert atm.encode_request("ping", seq=0) == b'{%s,"type":"ping","seq":0}\n' % version


def test_signals_survive_the_way() -> None:
    line = StatusLine(session_id="s", pid=3, cwd="/é")
    update = atm.read_request(atm.encode_request("status_update", data=line))
    assert isinstance(update, atm.StatusUpdate)
    assert update.data == line
    hook = Hook(session_id="s", hook_event_name="Stop", prompt="p")
    event = atm.read_request(atm.encode_request("hook_event", data=hook))
    assert isinstance(event, atm.HookEvent)
    assert (event.data.prompt, bytes(event.data.tool_input)) == ("p", b"null")


def test_no_request_shows_its_prompt() -> None:
    data = {"session_id": "s", "hook_event_name": "UserPromptSubmit", "prompt": "secret"}
    assert "secret" not in repr(atm.read_request(atm.encode_request("hook_event", data=data)))
