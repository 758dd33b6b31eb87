"""`clawdforge ps`, `show`, `watch` and `top` as commands, beside the real `atmd`."""

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from atm_client import Daemon, Peer, daemon

PATIENCE_SECS = 30.0
HEAVY = {"textual", "alembic", "sqlalchemy", "fastapi", "uvicorn"}


@pytest.fixture(scope="module")
def atmd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Daemon]:
    with daemon(tmp_path_factory.mktemp("atmd")) as running:
        peer = running.peer("teller")
        hook(peer, "working-1", "UserPromptSubmit", prompt="mend the\ncart", cwd="/src/shop")
        hook(peer, "working-1", "PreToolUse", tool_name="Bash", tool_use_id="t1")
        hook(peer, "asking-1", "UserPromptSubmit", prompt="push it", tmux_pane="%7")
        hook(peer, "asking-1", "PermissionRequest", tool_name="Bash")
        hook(peer, "evil-1", "UserPromptSubmit", prompt="a\x1b[2Jb\x07")
        hook(peer, "evil-2", "UserPromptSubmit", prompt="b")
        assert peer.silent()
        yield running


def hook(peer: Peer, session: str, event: str, **facts: Any) -> None:
    peer.send(
        "hook_event", data={"session_id": session, "hook_event_name": event, **facts} | pid(session)
    )


def pid(session: str) -> dict[str, int]:
    """A pid that no process has."""
    return {"pid": 4_000_000 + sum(map(ord, session))}


def run(atmd: Daemon, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        [sys.executable, "-m", "clawdforge", *arguments],
        env=atmd.env,
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE_SECS,
        stdin=subprocess.DEVNULL,
    )
    assert not check or done.returncode == 0, done.stderr
    return done


def test_ps_lists_those_that_need_a_person_first(atmd: Daemon) -> None:
    lines = run(atmd, "ps").stdout.splitlines()
    assert "SESSION" in lines[0]
    assert lines[1].startswith("!  asking-1")
    assert "asks" in lines[1]
    assert "%7" in lines[1]
    working = next(line for line in lines if "working-" in line)
    assert "shop" in working
    assert "Bash" in working
    assert "mend the cart" in working
    assert "\x1b" not in "".join(lines)
    assert "\x07" not in "".join(lines)


def test_ps_takes_words_and_prints_json_and_ids(atmd: Daemon) -> None:
    found = json.loads(run(atmd, "ps", "is:needs", "--json").stdout)
    assert [one["id"] for one in found["sessions"]] == ["asking-1"]
    assert found["sessions"][0]["status"] == "attention_needed"
    assert run(atmd, "ps", "shop", "--ids").stdout == "working-1\n"
    assert run(atmd, "ps", "nothing-fits").stderr == "None fits.\n"


def test_show_tells_everything_and_why(atmd: Daemon) -> None:
    shown = run(atmd, "show", "asking").stdout
    assert "asking-1" in shown
    assert "because      hook says PermissionRequest" in shown
    assert "first prompt push it" in shown
    by_pane = json.loads(run(atmd, "show", "%7", "--json").stdout)
    assert by_pane["id"] == "asking-1"


def test_show_says_when_none_or_several_are_meant(atmd: Daemon) -> None:
    none = run(atmd, "show", "zzz", check=False)
    assert none.returncode == 2
    assert "No session matching 'zzz'" in none.stderr
    assert "clawdforge ps" in none.stderr
    several = run(atmd, "show", "evil", check=False)
    assert several.returncode == 2
    assert "Ambiguous target 'evil' matches 2 sessions" in several.stderr


def test_without_a_monitor_they_say_how_to_start_one(tmp_path: Path) -> None:
    nobody = Daemon(tmp_path)
    for command in (["ps"], ["show", "x"]):
        done = run(nobody, *command, check=False)
        assert done.returncode == 3
        assert "none runs" in done.stderr
        assert "atmd start -d" in done.stderr


def test_top_needs_a_terminal(atmd: Daemon) -> None:
    done = run(atmd, "top", check=False)
    assert done.returncode == 2
    assert "needs a terminal" in done.stderr
    assert "clawdforge ps" in done.stderr
    assert "there is no theme" in run(atmd, "top", "--theme", "pink", check=False).stderr


def watching(atmd: Daemon, *arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "clawdforge", "watch", *arguments],
        env=atmd.env,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )


def read_until(process: subprocess.Popen[str], text: str) -> list[str]:
    """Lines up to the first with a text in it."""
    assert process.stdout is not None
    lines = []
    deadline = time.monotonic() + PATIENCE_SECS
    while time.monotonic() < deadline:
        line = process.stdout.readline()
        lines.append(line.rstrip("\n"))
        if text in line:
            return lines
        assert line, lines
    raise AssertionError(lines)


def test_watch_prints_a_line_for_each_change(tmp_path: Path) -> None:
    with daemon(tmp_path) as atmd:
        peer = atmd.peer("teller")
        hook(peer, "watched-1", "UserPromptSubmit", prompt="go\x1b[2J")
        assert peer.silent()
        process = watching(atmd)
        try:
            read_until(process, "works")
            hook(peer, "watched-1", "PreToolUse", tool_name="Bash", tool_use_id="t1")
            assert len(read_until(process, "Bash")) == 1
            hook(peer, "watched-1", "PermissionRequest", tool_name="Bash")
            assert "! watched-" in read_until(process, "asks")[-1]
            hook(peer, "watched-1", "SessionEnd", reason="prompt_input_exit")
            assert "\x1b" not in read_until(process, "gone")[-1]
        finally:
            process.kill()
            process.communicate()


def test_watch_prints_json_and_comes_back_by_itself(tmp_path: Path) -> None:
    with daemon(tmp_path) as atmd:
        peer = atmd.peer("teller")
        hook(peer, "watched-1", "UserPromptSubmit", prompt="go")
        hook(peer, "other-1", "UserPromptSubmit", prompt="go")
        assert peer.silent()
        process = watching(atmd, "id:watched", "--json")
        try:
            first = json.loads(read_until(process, "session_updated")[-1])
            assert first["session"]["id"] == "watched-1"
            atmd.stop()
            lost = json.loads(read_until(process, "monitor_lost")[-1])
            assert lost["reason"]
            atmd.start()
            again = atmd.peer("teller")
            hook(again, "watched-2", "UserPromptSubmit", prompt="go")
            assert again.silent()
            told = read_until(process, "watched-2")
            assert not [line for line in told if "other-1" in line]
        finally:
            process.kill()
            process.communicate()


@pytest.mark.parametrize("command", ["ps", "show", "watch", "top", "run"])
def test_no_command_loads_textual_before_it_is_needed(command: str, tmp_path: Path) -> None:
    script = (
        "import sys\n"
        "from clawdforge.cli import main\n"
        f"sys.argv = ['clawdforge', {command!r}, '--help']\n"
        "try:\n    main.main()\nexcept SystemExit:\n    pass\n"
        "print(*sys.modules, file=sys.stderr)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=30
    )
    loaded = {name.partition(".")[0] for name in done.stderr.split()}
    assert "clawdforge" in loaded
    assert not HEAVY & loaded


def test_ps_loads_no_textual_at_all(atmd: Daemon) -> None:
    script = (
        "import sys\n"
        "from clawdforge.cli import main\n"
        "sys.argv = ['clawdforge', 'ps', '--json']\n"
        "try:\n    main.main()\nexcept SystemExit:\n    pass\n"
        "print(*sys.modules, file=sys.stderr)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script],
        env=atmd.env,
        capture_output=True,
        text=True,
        check=True,
        timeout=30,
    )
    assert not HEAVY & {name.partition(".")[0] for name in done.stderr.split()}
