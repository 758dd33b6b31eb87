"""The wire of atmd 0.2.2 against the real command: handshake, framing, messages, errors, limits."""

import contextlib
import json
import os
import re
import socket
import stat
import time
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from atm_client import VERSION, Daemon, Json, Peer, daemon, line

MAX_LINE = 1_048_576
VIEW_KEYS = [
    "id", "id_short", "agent_type", "model", "status", "status_label", "activity_detail",
    "should_blink", "status_icon", "context_percentage", "context_display", "context_warning",
    "context_critical", "cost_display", "cost_usd", "duration_display", "duration_seconds",
    "lines_display", "working_directory", "needs_attention", "last_activity_display",
    "age_display", "started_at", "last_activity", "tmux_pane",
]  # fmt: skip


@pytest.fixture(scope="module")
def atmd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Daemon]:
    with daemon(tmp_path_factory.mktemp("atmd")) as running:
        yield running


@pytest.fixture
def peer(atmd: Daemon) -> Iterator[Peer]:
    made = Peer(atmd.socket)
    made.hello()
    yield made
    made.close()


@pytest.fixture
def another(atmd: Daemon) -> Iterator[Callable[..., Peer]]:
    """Further connections, closed after the test."""
    with contextlib.ExitStack() as stack:

        def make(client_id: str | None = "another") -> Peer:
            made = Peer(atmd.socket)
            stack.callback(made.close)
            made.hello(client_id)
            return made

        yield make


@pytest.fixture
def stranger(atmd: Daemon) -> Iterator[Peer]:
    """Connected, and not yet introduced."""
    made = Peer(atmd.socket)
    yield made
    made.close()


_numbers = iter(range(10**6))


def new_id() -> str:
    return f"{next(_numbers):08x}-0000-4000-8000-00000000000a"


def fake_pid() -> int:
    """The pid of no process."""
    return 4_200_000 + next(_numbers)


def status_line(session_id: str, **more: Any) -> Json:
    return {
        "session_id": session_id,
        "model": {"id": "claude-opus-4-6", "display_name": "Opus 4.6"},
        "cwd": "/home/ana/src/widget",
        "cost": {
            "total_cost_usd": 0.35,
            "total_duration_ms": 135_000,
            "total_lines_added": 150,
            "total_lines_removed": 30,
        },
        "context_window": {
            "total_input_tokens": 50_000,
            "context_window_size": 200_000,
            "current_usage": {
                "input_tokens": 1000,
                "cache_creation_input_tokens": 2000,
                "cache_read_input_tokens": 40_000,
            },
        },
    } | more


def made_session(peer: Peer, **more: Any) -> str:
    """A session made by a status line."""
    session_id = new_id()
    peer.send("status_update", data=status_line(session_id, pid=fake_pid(), **more))
    return session_id


def hook(peer: Peer, session_id: str, event: str, **more: Any) -> None:
    data = {"session_id": session_id, "hook_event_name": event, **more}
    peer.send("hook_event", data=data)


def view(peer: Peer, session_id: str) -> Json:
    return peer.sessions()[session_id]


# --- 1.2 framing, 1.3 limits, 1.6 handshake ---------------------------------------------------


def test_the_socket_is_ours_alone(atmd: Daemon) -> None:
    mode = atmd.socket.stat().st_mode
    assert stat.S_ISSOCK(mode)
    assert stat.S_IMODE(mode) == 0o600


def test_a_client_is_welcomed_by_its_name(stranger: Peer) -> None:
    stranger.raw(line("connect", client_id="my-tool"))
    assert stranger.read() == {
        "type": "connected",
        "protocol_version": VERSION,
        "client_id": "my-tool",
    }


def test_the_welcome_is_to_the_byte(atmd: Daemon) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as link:
        link.connect(str(atmd.socket))
        link.sendall(line("connect", client_id="x"))
        expected = (
            b'{"type":"connected","protocol_version":{"major":1,"minor":0},"client_id":"x"}\n'
        )
        assert link.recv(4096) == expected


@pytest.mark.parametrize("given", [{}, {"client_id": None}])
def test_a_client_without_a_name_gets_one(stranger: Peer, given: Json) -> None:
    stranger.raw(line("connect", **given))
    assert re.fullmatch(r"client-\d+", stranger.read()["client_id"])


def test_names_need_not_differ(another: Callable[..., Peer]) -> None:
    first, second = another(""), another("")
    assert first.silent()
    assert second.silent()


@pytest.mark.parametrize(
    ("version", "reason"),
    [
        ({"major": 99, "minor": 0}, "99.0 not compatible with server version 1.0"),
        ({"major": 0, "minor": 9}, "0.9 not compatible"),
        ({"major": 2, "minor": 0, "more": 1}, "not compatible"),
    ],
)
@pytest.mark.parametrize("kind", ["connect", "ping", "list_sessions"])
def test_another_major_version_is_rejected_whatever_it_wants(
    stranger: Peer, version: Json, reason: str, kind: str
) -> None:
    more = {"seq": 1} if kind == "ping" else {}
    message = {"protocol_version": version, "type": kind, **more}
    stranger.raw(json.dumps(message).encode() + b"\n")
    told = stranger.read()
    assert told["type"] == "rejected"
    assert reason in told["reason"]
    assert told["protocol_version"] == VERSION
    assert stranger.ended()


def test_minor_versions_are_free(stranger: Peer) -> None:
    message = {"protocol_version": {"major": 1, "minor": 65535}, "type": "connect"}
    stranger.raw(json.dumps(message).encode() + b"\n")
    assert stranger.read()["type"] == "connected"


def test_after_the_handshake_the_version_must_be_there_but_does_not_matter(peer: Peer) -> None:
    peer.raw(b'{"protocol_version":{"major":9,"minor":9},"type":"ping","seq":3}\n')
    assert peer.read() == {"type": "pong", "seq": 3}
    peer.raw(b'{"type":"ping","seq":3}\n')
    assert peer.read()["type"] == "error"


@pytest.mark.parametrize("kind", ["list_sessions", "subscribe", "disconnect", "discover"])
def test_the_first_message_must_be_connect(stranger: Peer, kind: str) -> None:
    stranger.send(kind)
    told = stranger.read()
    assert told["type"] == "error"
    assert told["message"] == "Expected Connect message for handshake"
    assert stranger.ended()


@pytest.mark.parametrize(
    "first",
    [b"\n", b"   \n", b"nonsense\n", b"[]\n", b"{}\n", b'{"type":"connect"}\n', b"\xff\xfe\n",
     b'{"protocol_version":{"major":1},"type":"connect"}\n',
     b'{"protocol_version":{"major":-1,"minor":0},"type":"connect"}\n',
     b'{"protocol_version":{"major":1.0,"minor":0},"type":"connect"}\n',
     b'{"protocol_version":{"major":65536,"minor":0},"type":"connect"}\n',
     b'{"protocol_version":{"major":1,"minor":0},"type":"unknown"}\n',
     b'{"message":{"type":"connect"},"protocol_version":{"major":1,"minor":0}}\n'],
)  # fmt: skip
def test_a_first_line_that_is_no_message_ends_the_connection(stranger: Peer, first: bytes) -> None:
    stranger.raw(first)
    assert stranger.ended()


def test_a_second_connect_is_an_error_and_the_connection_stays(peer: Peer) -> None:
    peer.send("connect", client_id="other")
    told = peer.read()
    assert (told["type"], told["message"]) == ("error", "Already connected")
    assert peer.silent()


def test_lines_may_come_in_any_pieces_and_with_blanks_around(peer: Peer) -> None:
    for byte in b'\t {"protocol_version":{"major":1,"minor":0},"type":"ping","seq":1} \r\n':
        peer.raw(bytes([byte]))
    assert peer.read() == {"type": "pong", "seq": 1}
    peer.raw(line("ping", seq=2) + line("ping", seq=3) + line("ping", seq=4)[:-1])
    assert [peer.read()["seq"] for _ in range(2)] == [2, 3]
    peer.raw(b"\n")
    assert peer.read()["seq"] == 4


def test_a_last_line_needs_no_newline(atmd: Daemon) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as link:
        link.connect(str(atmd.socket))
        link.sendall(line("connect") + line("ping", seq=9)[:-1])
        link.shutdown(socket.SHUT_WR)
        with link.makefile("rb") as stream:
            told = [json.loads(one) for one in stream]
    assert [one["type"] for one in told] == ["connected", "pong"]


@pytest.mark.parametrize("bad", [b"", b"  ", b"no json", b"[1]", b"1", b'"x"', b"null", b"{}"])
def test_a_malformed_line_is_answered_and_the_connection_stays(peer: Peer, bad: bytes) -> None:
    peer.raw(bad + b"\n")
    told = peer.read()
    assert told["type"] == "error"
    assert told["code"]
    assert peer.silent()


@pytest.mark.parametrize(
    "bad",
    [b'{"protocol_version":{"major":1,"minor":0},"type":"ping","seq":NaN}',
     b'{"protocol_version":{"major":1,"minor":0},"type":"ping","seq":1,"x":Infinity}',
     b'{"protocol_version":{"major":1,"minor":0},"type":"ping","seq":1,"x":1e999}',
     b'{"protocol_version":{"major":1,"minor":0},"type":"ping","seq":1,"x":"\\ud800"}',
     b'{"protocol_version":{"major":1,"minor":0},"type":"ping","seq":1} x',
     b'\xef\xbb\xbf{"protocol_version":{"major":1,"minor":0},"type":"ping","seq":1}',
     b'{"protocol_version":{"major":1,"minor":0},"type":"ping","seq":1,"x":"\xff"}',
     b'{"protocol_version":{"major":1,"minor":0},"type":"ping","seq":1,"x":' + b"[" * 200
     + b"]" * 200 + b"}",
     b'{"protocol_version":{"major":1,"minor":0},"type":"ping","type":"ping","seq":1}'],
)  # fmt: skip
def test_what_serde_refuses_is_refused(peer: Peer, bad: bytes) -> None:
    peer.raw(bad + b"\n")
    assert peer.read()["type"] == "error"
    assert peer.silent()


@pytest.mark.parametrize("seq", [0, 1, 2**63, 2**64 - 1])
def test_a_ping_is_answered_with_its_number(peer: Peer, seq: int) -> None:
    peer.send("ping", seq=seq)
    assert peer.read() == {"type": "pong", "seq": seq}


@pytest.mark.parametrize("seq", [-1, 1.0, 2**64, "1", None, True])
def test_a_ping_needs_a_number(peer: Peer, seq: Any) -> None:
    peer.send("ping", seq=seq)
    assert peer.read()["type"] == "error"
    assert peer.silent()


def padded(size: int) -> bytes:
    """A ping of exactly that many bytes, its newline included."""
    bare = line("ping", seq=5, pad="")
    return bare.replace(b'"pad": ""', b'"pad": "' + b"x" * (size - len(bare)) + b'"')


def test_the_longest_line_is_taken(peer: Peer) -> None:
    longest = padded(MAX_LINE)
    assert len(longest) == MAX_LINE
    peer.raw(longest)
    assert peer.read() == {"type": "pong", "seq": 5}


def test_a_longer_line_is_an_error_and_the_end(peer: Peer) -> None:
    peer.raw(padded(MAX_LINE + 1))
    told = peer.read()
    assert (told["type"], told["code"]) == ("error", "line_too_long")
    assert peer.ended()


def test_a_line_without_end_is_cut_off_at_the_limit(peer: Peer) -> None:
    try:
        for _ in range(40):
            peer.raw(b"x" * 65536)
    except (BrokenPipeError, ConnectionResetError):
        return
    assert peer.read()["code"] == "line_too_long"
    assert peer.ended()


def test_unknown_types_and_fields(peer: Peer) -> None:
    peer.send("frobnicate")
    assert peer.read()["type"] == "error"
    peer.send("ping", seq=1, more={"a": [1]})
    assert peer.read() == {"type": "pong", "seq": 1}


def test_disconnect_closes(peer: Peer) -> None:
    peer.send("disconnect")
    assert peer.ended()


# --- 2.3 subscriptions ------------------------------------------------------------------------


def test_a_subscriber_gets_all_sessions_and_then_each_change(
    another: Callable[..., Peer], peer: Peer
) -> None:
    known = made_session(peer)
    watcher = another()
    watcher.send("subscribe")
    first = watcher.read()
    assert first["type"] == "session_list"
    assert known in {one["id"] for one in first["sessions"]}
    other = made_session(peer)
    # The first may change meanwhile: it takes a moment until git has told of its folder.
    while watcher.read_type("session_updated")["session"]["id"] != other:
        pass
    hook(peer, other, "SessionEnd", reason="other")
    assert watcher.read_type("session_removed")["session_id"] == other


def test_a_filter_takes_one_session_but_the_list_is_whole(
    another: Callable[..., Peer], peer: Peer
) -> None:
    mine, other = made_session(peer), made_session(peer)
    watcher = another()
    watcher.send("subscribe", session_id=mine)
    listed = {one["id"] for one in watcher.read()["sessions"]}
    assert {mine, other} <= listed
    hook(peer, other, "UserPromptSubmit", prompt="x")
    hook(peer, mine, "UserPromptSubmit", prompt="x")
    assert watcher.read()["session"]["id"] == mine


def test_subscribing_again_changes_the_filter(another: Callable[..., Peer], peer: Peer) -> None:
    mine, other = made_session(peer), made_session(peer)
    watcher = another()
    for session_id in (other, mine):
        watcher.send("subscribe", session_id=session_id)
        assert watcher.read_type("session_list")
    hook(peer, other, "Stop")
    hook(peer, mine, "UserPromptSubmit")
    assert watcher.read()["session"]["id"] == mine


def test_unsubscribe_is_silent_and_ends_it(another: Callable[..., Peer], peer: Peer) -> None:
    watcher = another()
    watcher.send("unsubscribe")
    assert watcher.silent()
    watcher.send("subscribe")
    watcher.read()
    watcher.send("unsubscribe")
    made_session(peer)
    assert watcher.silent()


def test_two_subscribers_of_one_name_do_not_harm_each_other(
    another: Callable[..., Peer], peer: Peer
) -> None:
    first, second = another("same"), another("same")
    for one in (first, second):
        one.send("subscribe")
        one.read_type("session_list")
    second.close()
    made = made_session(peer)
    assert first.read_type("session_updated")["session"]["id"] == made


def test_more_than_ten_may_subscribe(another: Callable[..., Peer]) -> None:
    watchers = [another(f"w{number}") for number in range(25)]
    for watcher in watchers:
        watcher.send("subscribe")
        assert watcher.read()["type"] == "session_list"


def test_updates_are_not_answered(peer: Peer) -> None:
    session_id = made_session(peer)
    hook(peer, session_id, "Stop")
    assert peer.silent()


def test_discover_is_answered_with_counts(peer: Peer) -> None:
    peer.send("discover")
    told = peer.read_type("discovery_complete")
    assert set(told) == {"type", "discovered", "failed"}
    assert isinstance(told["discovered"], int)
    assert told["failed"] == 0


# --- 2.5 the view -----------------------------------------------------------------------------


def test_every_field_of_a_view(atmd: Daemon, peer: Peer) -> None:
    session_id = new_id()
    pid = fake_pid()
    peer.send("status_update", data=status_line(session_id, pid=pid))
    hook(peer, session_id, "PreToolUse", tool_name="Bash", pid=pid, tmux_pane="%5")
    hook(peer, session_id, "UserPromptSubmit", prompt="add a test", pid=pid)
    hook(peer, session_id, "PreToolUse", tool_name="Bash", pid=pid)
    found = view(peer, session_id)
    assert list(found)[: len(VIEW_KEYS)] == VIEW_KEYS
    expected = {
        "id": session_id,
        "id_short": session_id[:8],
        "agent_type": "main",
        "model": "Opus 4.6",
        "status": "working",
        "status_label": "working",
        "activity_detail": "Bash",
        "should_blink": False,
        "status_icon": ">",
        "context_percentage": 21.5,
        "context_display": "21.5% (43K/200K)",
        "context_warning": False,
        "context_critical": False,
        "cost_display": "$0.35",
        "cost_usd": 0.35,
        "duration_display": "2m 15s",
        "duration_seconds": 135.0,
        "lines_display": "+150 -30",
        "working_directory": "/home/ana/src/widget",
        "needs_attention": False,
        "tmux_pane": "%5",
        "first_prompt": "add a test",
    }
    assert {key: found[key] for key in expected} == expected
    for key in ("project_root", "worktree_path", "worktree_branch", "parent_session_id"):
        assert key not in found
    assert "child_session_ids" not in found
    for key in ("started_at", "last_activity"):
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?\+00:00", found[key])
        assert abs(datetime.fromisoformat(found[key]).timestamp() - time.time()) < 60
    assert re.fullmatch(r"\d+s ago|now", found["last_activity_display"])
    assert re.fullmatch(r"\d+s ago|now", found["age_display"])


def test_a_session_of_a_status_line_alone_is_idle(peer: Peer) -> None:
    found = view(peer, made_session(peer))
    assert (found["status"], found["status_label"], found["status_icon"]) == ("idle", "idle", "-")
    assert found["activity_detail"] is None
    assert found["tmux_pane"] is None


@pytest.mark.parametrize(
    ("cwd", "shown"),
    [
        ("/short", "/short"),
        ("/" + "a" * 29, "/" + "a" * 29),
        ("/home/ana/" + "b" * 40, "..." + "b" * 27),
    ],
)
def test_long_folders_are_cut(peer: Peer, cwd: str, shown: str) -> None:
    found = view(peer, made_session(peer, cwd=cwd))
    assert found["working_directory"] == shown
    assert found["cwd"] == cwd


@pytest.mark.parametrize("cwd", ["/home/" + "é" * 30, "/" + "\U0001f600" * 12, "/" + "漢" * 4000])
def test_folders_of_any_script_harm_nobody(peer: Peer, cwd: str) -> None:
    found = view(peer, made_session(peer, cwd=cwd))
    assert found["working_directory"].startswith("...")
    assert cwd.endswith(found["working_directory"][3:])
    assert found["cwd"] == cwd


@pytest.mark.parametrize(
    ("usd", "shown"),
    [(0, "$0.00"), (0.005, "$0.0050"), (12.34, "$12.3"), (150.4, "$150"), (-1, "$-1.00")],
)
def test_money(peer: Peer, usd: float, shown: str) -> None:
    cost = {"total_cost_usd": usd, "total_duration_ms": 1}
    found = view(peer, made_session(peer, cost=cost))
    assert found["cost_display"] == shown
    assert found["cost_usd"] == usd


@pytest.mark.parametrize(
    ("ms", "shown"),
    [(35_999, "35s"), (120_000, "2m"), (5_400_000, "1h 30m"), (90_000_000, "25h")],
)
def test_durations(peer: Peer, ms: int, shown: str) -> None:
    cost = {"total_cost_usd": 1, "total_duration_ms": ms}
    found = view(peer, made_session(peer, cost=cost))
    assert found["duration_display"].startswith(shown)
    assert found["duration_seconds"] == ms / 1000


@pytest.mark.parametrize(
    ("used", "size", "percent", "warning", "critical"),
    [(0, 0, 0.0, False, False), (159_999, 200_000, 79.9995, False, False),
     (160_000, 200_000, 80.0, True, False), (900_000, 1_000_000, 90.0, True, True),
     (400_000, 200_000, 100.0, True, True)],
)  # fmt: skip
def test_context(
    peer: Peer, used: int, size: int, percent: float, warning: bool, critical: bool
) -> None:
    window = {"context_window_size": size, "current_usage": {"input_tokens": used}}
    found = view(peer, made_session(peer, context_window=window))
    assert found["context_percentage"] == pytest.approx(percent)
    assert (found["context_warning"], found["context_critical"]) == (warning, critical)
    assert found["needs_attention"] is warning


@pytest.mark.parametrize(
    ("model", "shown"),
    [
        ({"id": "claude-opus-4-5-20251101"}, "Opus 4.5"),
        ({"id": "claude-sonnet-4-5[1m]"}, "Sonnet 4.5"),
        ({"id": "claude-haiku-4-5"}, "Haiku 4.5"),
        ({"id": "claude-3-5-haiku-latest"}, "Haiku 3.5"),
        ({"id": "claude-3-5-sonnet-20241022"}, "Sonnet 3.5 v2"),
        ({"id": "gpt-9", "display_name": "GPT 9"}, "GPT 9"),
        ({"id": "claude-opus-4-7-20260501"}, "claude-opus-4-7"),
        ({"id": ""}, "Unknown"),
    ],
)
def test_model_names(peer: Peer, model: Json, shown: str) -> None:
    assert view(peer, made_session(peer, model=model))["model"] == shown


# --- 3.1, 3.2 updates -------------------------------------------------------------------------


def test_a_status_line_without_pid_needs_a_known_session(peer: Peer) -> None:
    session_id = new_id()
    for pid in (None, 0):
        peer.send("status_update", data=status_line(session_id, pid=pid))
    assert session_id not in peer.sessions()
    known = made_session(peer)
    peer.send("status_update", data=status_line(known, cwd="/elsewhere"))
    assert view(peer, known)["working_directory"] == "/elsewhere"


def test_a_status_line_without_model_makes_no_session(peer: Peer) -> None:
    session_id = new_id()
    peer.send("status_update", data={"session_id": session_id, "pid": fake_pid()})
    assert session_id not in peer.sessions()
    assert peer.silent()


def test_a_new_id_for_a_known_pid_renames(another: Callable[..., Peer], peer: Peer) -> None:
    pid, old, new = fake_pid(), new_id(), new_id()
    peer.send("status_update", data=status_line(old, pid=pid))
    hook(peer, old, "UserPromptSubmit", pid=pid, prompt="first")
    began = view(peer, old)["started_at"]
    watcher = another()
    watcher.send("subscribe")
    watcher.read_type("session_list")
    peer.send("status_update", data=status_line(new, pid=pid))
    assert watcher.read()["session_id"] == old
    told = watcher.read()
    assert (told["type"], told["session"]["id"]) == ("session_updated", new)
    found = view(peer, new)
    assert (found["started_at"], found["first_prompt"]) == (began, "first")
    assert old not in peer.sessions()


def test_what_a_partial_status_line_leaves_out_is_kept(peer: Peer) -> None:
    pid, session_id = fake_pid(), new_id()
    peer.send("status_update", data=status_line(session_id, pid=pid))
    peer.send("status_update", data={"session_id": session_id, "pid": pid})
    found = view(peer, session_id)
    assert (found["cost_usd"], found["lines_display"]) == (0.35, "+150 -30")
    assert found["context_display"] == "21.5% (43K/200K)"
    window = {"context_window_size": 1_000_000, "current_usage": {"input_tokens": 500_000}}
    data = {"session_id": session_id, "pid": pid, "context_window": window}
    peer.send("status_update", data=data)
    assert view(peer, session_id)["context_display"] == "50.0% (500K/1.0M)"


def test_a_hook_makes_a_session(peer: Peer) -> None:
    session_id = new_id()
    hook(peer, session_id, "SessionStart", pid=fake_pid(), tmux_pane="%9", cwd="/work")
    found = view(peer, session_id)
    assert (found["status"], found["model"], found["tmux_pane"]) == ("idle", "Unknown", "%9")
    assert found["working_directory"] == "/work"


def test_a_hook_without_pid_of_an_unknown_session_is_ignored(peer: Peer) -> None:
    session_id = new_id()
    hook(peer, session_id, "SessionStart")
    hook(peer, session_id, "SessionStart", pid=0)
    assert session_id not in peer.sessions()
    assert peer.silent()


HOOK_ROWS: list[tuple[str, Json, str, str | None]] = [
    ("PreToolUse", {"tool_name": "Bash"}, "working", "Bash"),
    ("PreToolUse", {"tool_name": "AskUserQuestion"}, "attention_needed", "AskUserQuestion"),
    ("PreToolUse", {"tool_name": "EnterPlanMode"}, "attention_needed", "EnterPlanMode"),
    ("PreToolUse", {"tool_name": " ExitPlanMode "}, "attention_needed", " ExitPlanMode "),
    ("PreToolUse", {"tool_name": "askuserquestion"}, "working", "askuserquestion"),
    ("PreToolUse", {"tool_name": ""}, "working", ""),
    ("PostToolUse", {"tool_name": "Bash"}, "working", "Thinking"),
    ("PostToolUseFailure", {"tool_name": "Bash"}, "working", "Thinking"),
    ("UserPromptSubmit", {"prompt": "x"}, "working", None),
    ("Stop", {}, "idle", None),
    ("SessionStart", {"source": "startup"}, "idle", None),
    ("PreCompact", {"trigger": "auto"}, "working", "Compacting"),
    ("Setup", {"trigger": "init"}, "working", "Setup"),
    ("Notification", {"notification_type": "permission_prompt"}, "attention_needed", "Permission"),
    ("Notification", {"notification_type": "idle_prompt"}, "idle", None),
    ("Notification", {"notification_type": "elicitation_dialog"}, "attention_needed", "MCP Input"),
]


@pytest.mark.parametrize(("event", "more", "status", "detail"), HOOK_ROWS)
def test_what_each_hook_means(
    peer: Peer, event: str, more: Json, status: str, detail: str | None
) -> None:
    pid, session_id = fake_pid(), new_id()
    hook(peer, session_id, event, pid=pid, **more)
    found = view(peer, session_id)
    assert (found["status"], found["activity_detail"]) == (status, detail)
    label, icon, blinks = {
        "working": ("working", ">", False),
        "idle": ("idle", "-", False),
        "attention_needed": ("needs input", "!", True),
    }[status]
    assert (found["status_label"], found["status_icon"]) == (label, icon)
    assert found["should_blink"] is blinks
    assert found["needs_attention"] is blinks


@pytest.mark.parametrize("event", ["SubagentStart", "SubagentStop"])
def test_a_subagent_is_work(peer: Peer, event: str) -> None:
    pid, session_id = fake_pid(), new_id()
    hook(peer, session_id, "UserPromptSubmit", pid=pid)
    hook(peer, session_id, "PreToolUse", pid=pid, tool_name="Agent")
    hook(peer, session_id, event, pid=pid, agent_id="a1", agent_type="Explore")
    found = view(peer, session_id)
    assert found["status"] == "working"
    assert "parent_session_id" not in found


@pytest.mark.parametrize(
    ("event", "more"),
    [
        ("PreToolUse", {}),
        ("Notification", {"notification_type": "auth_success"}),
        ("Notification", {}),
        ("SomethingNew", {}),
    ],
)
def test_what_says_nothing_changes_nothing(peer: Peer, event: str, more: Json) -> None:
    pid, session_id = fake_pid(), new_id()
    hook(peer, session_id, "PreToolUse", pid=pid, tool_name="Read")
    before = view(peer, session_id)
    hook(peer, session_id, event, pid=pid, **more)
    found = view(peer, session_id)
    assert (found["status"], found["activity_detail"]) == ("working", "Read")
    assert found["last_activity"] >= before["last_activity"]
    assert peer.silent()


def test_a_permission_request_is_taken(peer: Peer) -> None:
    pid, session_id = fake_pid(), new_id()
    hook(peer, session_id, "PreToolUse", pid=pid, tool_name="Bash")
    hook(peer, session_id, "PermissionRequest", pid=pid, tool_name="Bash", tool_input={"a": 1})
    assert view(peer, session_id)["status"] == "attention_needed"


def test_a_status_line_does_not_wake_what_has_stopped(peer: Peer) -> None:
    pid, session_id = fake_pid(), new_id()
    hook(peer, session_id, "UserPromptSubmit", pid=pid)
    hook(peer, session_id, "Stop", pid=pid)
    peer.send("status_update", data=status_line(session_id, pid=pid))
    assert view(peer, session_id)["status"] == "idle"


def test_a_status_line_leaves_attention_alone(peer: Peer) -> None:
    pid, session_id = fake_pid(), new_id()
    hook(peer, session_id, "Notification", pid=pid, notification_type="permission_prompt")
    peer.send("status_update", data=status_line(session_id, pid=pid))
    found = view(peer, session_id)
    assert (found["status"], found["activity_detail"]) == ("attention_needed", "Permission")


@pytest.mark.parametrize("by_pid", [True, False])
def test_the_end_of_a_session_removes_it(peer: Peer, by_pid: bool) -> None:
    pid, session_id = fake_pid(), new_id()
    hook(peer, session_id, "SessionStart", pid=pid)
    more = {"pid": pid} if by_pid else {}
    hook(peer, session_id, "SessionEnd", reason="prompt_input_exit", **more)
    assert session_id not in peer.sessions()
    hook(peer, session_id, "SessionEnd", reason="other", **more)
    assert peer.silent()


def test_the_first_prompt_is_kept(peer: Peer) -> None:
    pid, session_id = fake_pid(), new_id()
    for prompt in ("", "one", "two"):
        hook(peer, session_id, "UserPromptSubmit", pid=pid, prompt=prompt)
    assert view(peer, session_id)["first_prompt"] == "one"


# --- 2.6, 4.1 what is refused -----------------------------------------------------------------


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (None, "Parse error: Missing session_id"),
        ([], "Parse error: Missing session_id"),
        ("x", "Parse error: Missing session_id"),
        ({}, "Parse error: Missing session_id"),
        ({"session_id": 1}, "Parse error: Missing session_id"),
        ({"session_id": "a", "pid": "1"}, 'invalid type: string "1", expected u32'),
        ({"session_id": "a", "pid": -1}, "invalid value: integer `-1`, expected u32"),
        ({"session_id": "a", "pid": 2**32}, "expected u32"),
        ({"session_id": "a", "pid": 1.5}, "expected u32"),
        ({"session_id": "a", "model": {}}, "missing field `id`"),
        ({"session_id": "a", "cost": {"total_cost_usd": 1}}, "missing field `total_duration_ms`"),
        ({"session_id": "a", "cwd": 5}, "expected a string"),
        ({"session_id": "a", "context_window": {"total_input_tokens": None}}, "expected u64"),
    ],
)
def test_a_status_line_that_does_not_fit(peer: Peer, data: Any, message: str) -> None:
    peer.send("status_update", data=data)
    told = peer.read()
    assert told["type"] == "error"
    if message.startswith("Parse"):
        assert told["message"] == message
    else:
        assert told["message"].startswith("Registry error: parse error: ")
        assert message in told["message"]
    assert peer.silent()


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ({"hook_event_name": "Stop"}, "missing field `session_id`"),
        ({"session_id": "a"}, "missing field `hook_event_name`"),
        ({"session_id": "a", "hook_event_name": "Stop", "tool_name": 5}, "expected a string"),
        ({"session_id": "a", "hook_event_name": "Stop", "pid": -5}, "expected u32"),
        ({"session_id": "a", "hook_event_name": "Stop", "stop_hook_active": 1}, "boolean"),
    ],
)
def test_a_hook_that_does_not_fit(peer: Peer, data: Json, message: str) -> None:
    peer.send("hook_event", data=data)
    told = peer.read()
    assert told["message"].startswith("Parse error: ")
    assert message in told["message"]
    assert peer.silent()


@pytest.mark.parametrize("kind", ["status_update", "hook_event"])
def test_an_update_without_data(peer: Peer, kind: str) -> None:
    peer.send(kind)
    assert peer.read()["type"] == "error"
    assert peer.silent()


@pytest.mark.parametrize("session_id", ["", "x" * 100_000, "ü\U0001f600", " ", "../..", "%5"])
def test_odd_ids(peer: Peer, session_id: str) -> None:
    hook(peer, session_id, "SessionStart", pid=fake_pid())
    found = view(peer, session_id)
    assert session_id.startswith(found["id_short"])
    hook(peer, session_id, "SessionEnd")
    assert session_id not in peer.sessions()


def test_integers_at_the_edge(peer: Peer) -> None:
    window = {"context_window_size": 2**32 - 1, "current_usage": {"input_tokens": 2**64 - 1}}
    cost = {"total_cost_usd": 1e12, "total_duration_ms": 2**64 - 1}
    found = view(peer, made_session(peer, context_window=window, cost=cost))
    assert found["context_percentage"] == 100.0
    assert found["cost_usd"] == 1e12


# --- hooks that are gone at once --------------------------------------------------------------


def test_a_pipelined_hook_that_closes_at_once_is_heard(atmd: Daemon, peer: Peer) -> None:
    ids = [new_id() for _ in range(50)]
    for session_id in ids:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as link:
            link.connect(str(atmd.socket))
            data = {"session_id": session_id, "hook_event_name": "SessionStart", "pid": fake_pid()}
            link.sendall(
                line("connect", client_id=f"hook-{session_id}") + line("hook_event", data=data)
            )
    deadline = time.monotonic() + 10
    while not set(ids) <= set(peer.sessions()) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert set(ids) <= set(peer.sessions())


def test_a_large_hook_that_closes_at_once_is_heard(atmd: Daemon, peer: Peer) -> None:
    session_id = new_id()
    data = {
        "session_id": session_id,
        "hook_event_name": "PostToolUse",
        "pid": fake_pid(),
        "tool_response": {"content": "x" * 900_000},
    }
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as link:
        link.connect(str(atmd.socket))
        link.sendall(line("connect") + line("hook_event", data=data))
    deadline = time.monotonic() + 10
    while session_id not in peer.sessions() and time.monotonic() < deadline:
        time.sleep(0.01)
    assert view(peer, session_id)["activity_detail"] == "Thinking"


# --- 1.8 commands -----------------------------------------------------------------------------


def test_a_second_daemon_does_not_take_the_place_of_the_first(atmd: Daemon, peer: Peer) -> None:
    done = atmd.command("start")
    assert done.returncode == 1
    assert f"Daemon is already running (PID {atmd.pid})" in done.stderr
    assert "Use 'atmd stop' to stop it first." in done.stderr
    assert peer.silent()


def test_status_of_one_that_runs(atmd: Daemon) -> None:
    done = atmd.command("status")
    assert (done.returncode, done.stdout) == (
        0,
        f"Daemon is running (PID {atmd.pid})\nSocket: {atmd.socket}\n",
    )
    told = json.loads(atmd.command("status", "--json").stdout)
    assert (told["running"], told["pid"]) == (True, atmd.pid)
    assert (atmd.state / "atmd.pid").read_text() == str(atmd.pid)


def test_background_stop_and_start_again(tmp_path: Path) -> None:
    made = Daemon(tmp_path)
    stopped = made.command("status")
    assert (stopped.returncode, stopped.stdout) == (1, "Daemon is not running.\n")
    assert made.command("stop").stdout == "Daemon is not running.\n"
    started = made.command("start", "-d")
    assert (started.returncode, started.stdout, started.stderr) == (0, "", "")
    pid = int((made.state / "atmd.pid").read_text())
    first = made.peer()
    assert first.silent()
    done = made.command("stop")
    assert done.returncode == 0
    assert done.stdout == f"Stopping daemon (PID {pid})...\nDaemon stopped.\n"
    assert first.ended()
    assert not made.socket.exists()
    assert not (made.state / "atmd.pid").exists()
    assert "listening" in (made.state / "atm.log").read_text()
    assert made.command("stop").returncode == 0
    made.close()


def test_a_socket_that_was_left_behind_is_replaced(tmp_path: Path) -> None:
    made = Daemon(tmp_path)
    made.start()
    made.kill()
    assert made.socket.exists()
    assert (made.state / "atmd.pid").exists()
    assert made.command("status").returncode == 1
    made.start()
    assert made.peer().silent()
    made.close()


def test_a_file_in_the_way_is_left_alone(tmp_path: Path) -> None:
    made = Daemon(tmp_path)
    made.socket.parent.mkdir()
    made.socket.write_text("precious")
    for arguments in (("start",), ("start", "-d")):
        done = made.command(*arguments)
        assert done.returncode == 1
        assert "Error: " in done.stderr
    assert made.socket.read_text() == "precious"


def test_a_pid_file_of_a_stranger_is_not_believed(tmp_path: Path) -> None:
    made = Daemon(tmp_path)
    made.state.mkdir(parents=True)
    (made.state / "atmd.pid").write_text(str(os.getpid()))
    assert made.command("stop").stdout == "Daemon is not running.\n"
    (made.state / "atmd.pid").write_text("nonsense")
    assert made.command("status").returncode == 1


def test_help_and_version(tmp_path: Path) -> None:
    made = Daemon(tmp_path)
    for flag in ("--help", "-h"):
        assert "start" in made.command(flag).stdout
    assert re.match(r"atmd \d", made.command("--version").stdout)
    assert made.command("frobnicate").returncode == 2
