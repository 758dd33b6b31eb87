"""`clawdforge demo`: a whole round in half a minute, and nothing left of it."""

import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

DEMO = [sys.executable, "-m", "clawdforge", "demo"]
SECS = 30.0


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    (tmp_path / "tmp").mkdir()
    (tmp_path / "home").mkdir()
    return {
        "PATH": "/usr/bin:/bin",
        "HOME": str(tmp_path / "home"),
        "TMPDIR": str(tmp_path / "tmp"),
        "CLAWDFORGE_CLAUDE_BIN": str(tmp_path / "no-claude-here"),
    }


def left_behind(environ: dict[str, str]) -> list[str]:
    """Files in the temporary folder, and processes that were started there."""
    folder = environ["TMPDIR"]
    processes = []
    for process in psutil.process_iter():
        try:
            if process.environ().get("TMPDIR", "").startswith(folder):
                processes.append(" ".join(process.cmdline()))
        except psutil.Error:
            continue
    left = [str(path) for where in (folder, environ["HOME"]) for path in Path(where).iterdir()]
    return left + processes


def test_demo_without_claude(environ: dict[str, str]) -> None:
    begun = time.monotonic()
    done = subprocess.run(
        DEMO, capture_output=True, text=True, check=False, timeout=SECS, env=environ
    )
    assert done.returncode == 0, done.stderr
    assert time.monotonic() - begun < SECS
    assert done.stderr == ""
    assert "\x1b" not in done.stdout
    for said in (
        "claude is not installed",
        "clawdforge token create demo-app",
        "coffee.csv",
        "curl ",
        "from clawdforge import Client",
        "answer",
        "clawdforge runs show",
        "state        done",
        "files        1",
        'session.turn("/remember blue")',
        "answer  blue",
        "1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20\n",
        "asks    Bash: touch hello.txt",
        "yes, this once",
        "tool    completed",
        "clawdforge chat",
        "clawdforge top",
        "clawdforge open",
        "clawdforge serve",
        "npm install -g @anthropic-ai/claude-code",
    ):
        assert said in done.stdout
    events = re.search(r"(\d+) events, numbered (\d+) to (\d+)", done.stdout)
    assert events is not None  # how many: text that comes close together is one
    count, first, last = map(int, events.groups())
    assert count == last - first + 1 >= 3
    assert left_behind(environ) == []


def test_demo_does_not_look_at_another_server(environ: dict[str, str]) -> None:
    other = {
        "CLAWDFORGE_URL": "http://127.0.0.1:9",
        "CLAWDFORGE_TOKEN": "cf_other",
        "CLAWDFORGE_PORT": "9",
    }
    done = subprocess.run(
        DEMO, capture_output=True, text=True, check=False, timeout=SECS, env=environ | other
    )
    assert done.returncode == 0, done.stderr


def test_a_claude_that_fails_is_followed_by_the_demo_agent(
    environ: dict[str, str], tmp_path: Path
) -> None:
    program = tmp_path / "claude"
    program.write_text(
        "#!/bin/sh\n"
        'case "$1" in\n'
        "  --version) echo '9.9.9 (Claude Code)';;\n"
        "  auth) echo '{\"loggedIn\": true}';;\n"
        "  *) echo 'out of credit' >&2; exit 1;;\n"
        "esac\n"
    )
    program.chmod(0o755)
    environ["CLAWDFORGE_CLAUDE_BIN"] = str(program)
    done = subprocess.run(
        DEMO, capture_output=True, text=True, check=False, timeout=SECS, env=environ
    )
    assert done.returncode == 0, done.stderr
    assert "claude, which is installed and logged in" in done.stdout
    assert "out of credit" in done.stderr
    assert "the demo agent takes over" in done.stdout
    assert left_behind(environ) == []


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 130)], ids=["SIGINT", "SIGTERM"]
)
def test_demo_interrupted(environ: dict[str, str], number: signal.Signals, code: int) -> None:
    with subprocess.Popen(
        DEMO, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environ
    ) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if "http://127.0.0.1:" in line:
                break
        process.send_signal(number)
        _, stderr = process.communicate(timeout=SECS)
    assert process.returncode == code
    assert "Traceback" not in stderr
    assert left_behind(environ) == []


def test_an_agent_that_is_not_one(environ: dict[str, str]) -> None:
    done = subprocess.run(
        [*DEMO, "--agent", "gpt"], capture_output=True, text=True, check=False, env=environ
    )
    assert done.returncode == 2
    assert "claude or demo" in done.stderr
