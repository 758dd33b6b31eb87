"""`clawdforge jump`, `peek`, `send`, `reply`, `interrupt`, `kill`, `spawn`, as a person calls them.

Beside the real `atmd`, in a real tmux; and with sessions that a real server drives.
"""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from approving import Desk, built
from atm_client import Daemon, Peer
from tmux_stage import RECORDER, Stage, stage, until

from clawdforge.client import Client
from clawdforge.client.monitor import monitor_sessions
from clawdforge.testing.serving import running_server

SESSION = "5b0e1c2d-0000-4000-8000-00000000000a"


@pytest.fixture(scope="module")
def atmd() -> Iterator[tuple[Stage, Daemon]]:
    with stage() as tmux:
        daemon = Daemon(tmux.folder)
        tmux.env["ATM_SOCKET"] = str(daemon.socket)
        programs = tmux.folder / "bin"
        programs.mkdir()
        shown = f'#!/bin/sh\nexec {sys.executable} -I -S -c \'{RECORDER}\' "$0.bytes" "[$*]"\n'
        for name in ("claude", "codex"):
            (programs / name).write_text(shown)
            (programs / name).chmod(0o755)
        tmux.env["PATH"] = f"{programs}:{tmux.env['PATH']}"
        daemon.start()
        try:
            yield tmux, daemon
        finally:
            daemon.close()


@pytest.fixture
def tmux(atmd: tuple[Stage, Daemon]) -> Iterator[Stage]:
    """The servers of one test."""
    shared, _ = atmd
    with stage() as made:
        made.env |= {name: shared.env[name] for name in ("ATM_SOCKET", "PATH")}
        yield made


@pytest.fixture
def tells(atmd: tuple[Stage, Daemon]) -> Iterator[Peer]:
    peer = Peer(atmd[1].socket)
    peer.hello()
    yield peer
    peer.close()


def hook(peer: Peer, session: str, event: str, **facts: Any) -> None:
    peer.send("hook_event", data={"session_id": session, "hook_event_name": event, **facts})
    assert peer.silent()


def pid_of(tmux: Stage, server: str, pane: str) -> int:
    return int(tmux.tmux(server, "display-message", "-p", "-t", pane, "#{pane_pid}"))


def test_a_session_is_looked_at_spoken_to_and_interrupted_where_it_runs(
    tmux: Stage, tells: Peer
) -> None:
    """The same pane id is there on two servers: only one of them is the session's."""
    other, foreign = tmux.record("a-first", "work")
    pane, kept = tmux.record("b-second", "work", "second ")
    assert pane == other
    hook(
        tells, SESSION, "UserPromptSubmit", prompt="x", pid=pid_of(tmux, "b-second", pane),
        tmux_pane=pane, cwd="/src/web",
    )  # fmt: skip
    assert tmux.run("peek", "5b0e").stdout.strip() == "second ready"
    done = tmux.run("send", "5b0e", "-x 'a b' \"$HOME\"; Enter;")
    assert (done.returncode, done.stderr) == (0, f"Sent to {pane}\n")
    done = tmux.run_alone("send", "web", "-", text="two\nlines 🦀\n")
    assert done.returncode == 0, done.stderr
    assert tmux.run("send", "5b0e", "no enter", "--no-enter").returncode == 0
    assert tmux.run("send", "5b0e", "--key", "Up", "--key", "C-o").returncode == 0
    done = tmux.run("interrupt", "5b0e")
    assert (done.returncode, done.stderr) == (0, f"Interrupted {pane}\n")
    want = "-x 'a b' \"$HOME\"; Enter;\rtwo\rlines 🦀\rno enter\x1b[A\x0f\x1b".encode()
    until(lambda: kept.stat().st_size >= len(want))
    assert kept.read_bytes() == want
    assert foreign.read_bytes() == b""
    assert tmux.run("peek", pane).stdout.strip() == "second ready"  # where a session is
    assert tmux.run("peek", f"a-first:{pane}").stdout.strip() == "ready"
    here = tmux.inside("a-first", pane)
    assert tmux.run("peek", pane, env=here).stdout.strip() == "ready"  # where one is oneself
    alone = {**tmux.env, "ATM_SOCKET": str(tmux.folder / "none")}
    done = tmux.run("kill", pane, "-y", env=alone)
    assert f"2 tmux servers have a pane {pane}: a-first:%0 (work:0.0), b-second" in done.stderr


def test_a_question_is_shown_and_answered(tmux: Stage, tells: Peer) -> None:
    pane = tmux.ask("q", "q", "Yes", "Yes, and always", "No", text="Run it?")
    hook(tells, "aaaa-1", "PermissionRequest", tool_name="Bash", pid=pid_of(tmux, "q", pane))
    done = tmux.run("peek", "aaaa", "--prompt")
    assert done.stdout.splitlines()[0].strip() == "Run it?"
    told = json.loads(tmux.run("peek", "aaaa", "--json").stdout)
    assert told["question"]["cursor"] == 1
    assert told["question"]["options"][2] == {"number": 3, "label": "No", "ticked": None}
    done = tmux.run("send", "aaaa", "go on")
    assert done.returncode == 1
    assert "waits for an answer" in done.stderr
    done = tmux.run("reply", "aaaa", "--yes", "--no")
    assert done.returncode == 2
    done = tmux.run("reply", "aaaa", "-o", "9")
    assert "its options: 1 Yes, 2 Yes, and always, 3 No" in done.stderr
    done = tmux.run("reply", "aaaa", "-o", "2")
    assert done.stderr == f"Selected option 2 on {pane}: Yes, and always\n"
    done = tmux.run("reply", "aaaa")
    assert (done.returncode, "nothing is asked" in done.stderr) == (1, True)


def test_what_has_no_pane_and_what_is_not_there_is_told(tmux: Stage, tells: Peer) -> None:
    hook(tells, "bbbb-1", "UserPromptSubmit", prompt="x", pid=4_000_001)
    for command in (("jump",), ("send",), ("reply",), ("kill", "-y")):
        words = [command[0], "bbbb", *command[1:], *(["hi"] if command[0] == "send" else [])]
        done = tmux.run(*words)
        assert done.returncode == 2, words
        assert done.stderr.startswith("error: Session bbbb-1 has no tmux pane\nhint: "), words
    assert "No session matching 'zzz'" in tmux.run("peek", "zzz").stderr
    assert "there is no tmux pane %77" in tmux.run("peek", "%77").stderr
    hook(tells, "bbbb-2", "UserPromptSubmit", prompt="x", pid=4_000_002)
    assert "Ambiguous target 'bbbb' matches 2 sessions" in tmux.run("peek", "bbbb").stderr
    assert "there is nothing to send" in tmux.run("send", "bbbb-1").stderr


def test_without_a_monitor_panes_can_be_named(tmux: Stage) -> None:
    pane, _ = tmux.record("alone", "work")
    env = {**tmux.env, "ATM_SOCKET": str(tmux.folder / "none")}
    assert tmux.run("peek", pane, env=env).stdout.strip() == "ready"
    done = tmux.run("peek", "5b0e", env=env)
    assert done.returncode == 3
    assert "atmd start" in done.stderr


def test_an_end_is_asked_for_first(tmux: Stage) -> None:
    pane = tmux.start("kills", "work")
    tmux.start("kills", "other")
    done = tmux.run("kill", pane)
    assert done.returncode == 2
    assert "--yes" in done.stderr
    done = tmux.run("kill", pane, "--yes")
    assert (done.returncode, done.stderr) == (0, f"Killed {pane}\n")
    assert pane not in tmux.tmux("kills", "list-panes", "-a", "-F", "#{pane_id}").split()


def test_an_agent_is_started_beside_another(tmux: Stage) -> None:
    folder = tmux.folder / "it's #{here};"
    folder.mkdir()
    pane = tmux.start("spawns", "work", cwd=folder)
    env = tmux.inside("spawns", pane)
    made = tmux.run("spawn", "-m", "haiku", "-s", "30%", "-d", "right", "--", "-x", "a b;", env=env)
    assert made.returncode == 0, made.stderr
    new = made.stdout.strip()
    tmux.wait_for("spawns", new, "[--model haiku -x a b;]")
    told = tmux.tmux("spawns", "display-message", "-p", "-t", new, "#{pane_width} #{pane_left}")
    assert told == "24 56"
    path = tmux.tmux("spawns", "display-message", "-p", "-t", new, "#{pane_current_path}")
    assert path == str(folder)
    told = json.loads(tmux.run("spawn", "-a", "codex", "-t", new, "--json", env=env).stdout)
    assert told["beside"] == new
    assert told["command"][0].endswith("/bin/codex")


def test_a_worktree_is_made_for_an_agent(tmux: Stage) -> None:
    repository = tmux.folder / "shop"
    git = ["git", "-C", str(repository), "-c", "user.name=a", "-c", "user.email=a@example.org"]
    subprocess.run(["git", "init", "-q", str(repository)], check=True)
    subprocess.run([*git, "commit", "-q", "--allow-empty", "-m", "x"], check=True)
    pane = tmux.start("trees", "work", cwd=repository)
    tree = tmux.folder / "shop-fix"
    done = tmux.run("spawn", "-w", str(tree), env=tmux.inside("trees", pane))
    assert done.returncode == 0, done.stderr
    assert f"Made the worktree {tree}, new branch 'shop-fix'" in done.stderr
    assert (tree / ".git").is_file()
    assert tmux.run("spawn", "-w", str(tree), "-t", pane).returncode == 0
    outside = tmux.start("trees", "elsewhere")
    done = tmux.run("spawn", "-w", str(tmux.folder / "new"), "-t", outside)
    assert done.returncode == 2
    assert "the worktree cannot be made: fatal: not a git repository" in done.stderr


def test_what_cannot_be_started_is_told(tmux: Stage) -> None:
    assert "there is no tmux pane to split" in tmux.run("spawn").stderr
    pane = tmux.start("wrong", "work")
    assert "no agent 'vim'" in tmux.run("spawn", "-a", "vim").stderr
    assert "goose is not installed" in tmux.run("spawn", "-a", "goose").stderr
    assert "'big' is no size" in tmux.run("spawn", "-s", "big", "-t", pane).stderr


def test_sessions_that_a_server_drives_take_the_same_commands(tmp_path: Path) -> None:
    with stage() as tmux:
        tmux.env |= {"CLAWDFORGE_DATA_DIR": str(tmp_path / "data")}
        environ = {name: tmux.env[name] for name in ("PATH", "HOME", "ATM_SOCKET")}
        with (
            running_server(tmp_path / "data", environ=environ, monitor="auto") as server,
            Client(server.url, server.token) as client,
        ):
            _drive(tmux, client)


def _drive(tmux: Stage, client: Client) -> None:
    session = client.create_session(agent="demo", permissions="ask")
    name = session.id[:13]
    session.turn("/echo hello")
    until(lambda: any(one.session == session.id for one in _views(tmux)), "not in the monitor")
    assert "hello" in tmux.run("peek", name).stdout
    done = tmux.run("send", name, "/ask touch x")
    assert done.returncode == 0, done.stderr
    assert f"Turn 2 of {name} has begun" in done.stderr
    until(session.permissions, "nothing is asked")
    assert "touch x" in tmux.run("peek", name, "--prompt").stdout
    done = tmux.run("reply", name, "--no")
    assert done.stderr.startswith("denied: "), done.stderr
    until(lambda: session.get_turn(2).state == "done", "not done")
    assert "asks for nothing" in tmux.run("reply", name).stderr
    assert tmux.run("send", name, "/stream 100 600").returncode == 0
    until(lambda: session.state().turn == 3, "no turn")
    assert "Cancelled turn 3" in tmux.run("interrupt", name).stderr
    assert "takes prompts, no keys" in tmux.run("send", name, "--key", "Up").stderr
    assert "no tmux pane" in tmux.run("jump", name).stderr
    assert tmux.run("kill", name).returncode == 2
    assert f"Closed {name}" in tmux.run("kill", name, "--yes").stderr
    assert session.state().closed_at is not None


def _views(tmux: Stage) -> Any:
    return monitor_sessions(Path(tmux.env["ATM_SOCKET"]))


def test_a_question_that_the_protocol_takes_an_answer_to_is_answered_there(
    atmd: tuple[Stage, Daemon], tmux: Stage
) -> None:
    """It needs no pane."""
    shared, daemon = atmd
    desk = Desk(daemon, built(shared.folder))
    try:
        for answer, behaviour in (("--yes", "allow"), ("--no", "deny")):
            hook, row = desk.ask(session_id="cccc-1")
            asked = row["permission_id"]
            until(lambda asked=asked: asked in _asked(tmux), "not told")  # type: ignore[misc]
            done = tmux.run("reply", "cccc-1", answer)
            assert done.returncode == 0, done.stderr
            assert "Bash touch /tmp/x" in done.stderr
            assert hook.decision()["behavior"] == behaviour
    finally:
        desk.close()
        desk.me.close()


def _asked(tmux: Stage) -> list[str | None]:
    return [one.approval_id for one in _views(tmux)]
