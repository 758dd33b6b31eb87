"""The fixtures of `conftest.py` see what a test leaves behind, and spare the tests after it."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

CONFTEST = Path(__file__).parents[1] / "conftest.py"
LEAKY = """
import asyncio, os, socket, subprocess, sys, threading, time

from clawdforge.processes.containment import Containment, Limits, wrap

kept = []
SLEEP = [sys.executable, "-I", "-S", "-c", "import time; time.sleep(300)"]


def test_thread():
    release = threading.Event()
    kept.append(release)
    threading.Thread(target=release.wait, daemon=True, name="left-alone").start()


def test_file(tmp_path):
    kept.append(open(tmp_path / "left-open", "w"))


def test_socket():
    kept.append(socket.socket())


def test_child():
    kept.append(subprocess.Popen(SLEEP))


def test_grandchild():
    parent = f"import subprocess; subprocess.Popen({SLEEP!r}, start_new_session=True)"
    subprocess.run([sys.executable, "-c", parent], check=True)


def test_nothing_runs_any_more(tmp_path):
    import psutil
    running = [each for each in psutil.Process().children(recursive=True) if each.is_running()]
    assert [each.pid for each in running if each.status() != "zombie"] == []


async def test_task():
    kept.append(asyncio.get_running_loop().create_task(asyncio.Event().wait(), name="left-task"))


async def test_blocking():
    wrap(["true"], Containment.SWEEP, Limits())


def test_clean(tmp_path):
    with open(tmp_path / "file", "w"), socket.socket():
        thread = threading.Thread(target=time.sleep, args=(0.01,))
        thread.start()
    subprocess.run([sys.executable, "-c", ""], check=True)


def test_settles():
    threading.Thread(target=time.sleep, args=(0.2,)).start()


async def test_clean_async():
    await asyncio.to_thread(wrap, ["true"], Containment.SWEEP, Limits())
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", "")
    await process.wait()
"""
SEEN = {
    "test_thread": "thread left-alone",
    "test_file": "left-open",
    "test_socket": "socket:",
    "test_child": "time.sleep(300)",
    "test_grandchild": "time.sleep(300)",
    "test_task": "task left-task",
    "test_blocking": "BlockingError",
}
CLEAN = ("test_nothing_runs_any_more", "test_clean", "test_settles", "test_clean_async")


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> str:
    """What a pytest run of the leaky tests prints."""
    folder = tmp_path_factory.mktemp("leaky")
    settle = "SETTLE_SECS = 2.0"
    assert settle in CONFTEST.read_text()
    (folder / "conftest.py").write_text(
        CONFTEST.read_text().replace(settle, "SETTLE_SECS = 0.7")  # each leak takes that long
    )
    (folder / "test_leaky.py").write_text(LEAKY)
    (folder / "pytest.ini").write_text("[pytest]\nasyncio_mode = auto\n")
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-rA",
        "-p",
        "no:cacheprovider",
        "-p",
        "no:clawdforge",
    ]
    done = subprocess.run(
        command, cwd=folder, capture_output=True, text=True, timeout=50, check=False
    )
    assert done.returncode == pytest.ExitCode.TESTS_FAILED, done.stdout + done.stderr
    return done.stdout


@pytest.mark.parametrize(("name", "words"), SEEN.items(), ids=SEEN)
def test_a_leak_is_seen(report: str, name: str, words: str) -> None:
    summary = re.findall(rf"^(?:ERROR|FAILED) test_leaky.py::{name} - .*$", report, re.MULTILINE)
    assert len(summary) == 1
    section = re.search(
        rf"^_+ .*\b{name} _+$(.*?)^(?:_{(2,)} [^_]|===)", report, re.MULTILINE | re.DOTALL
    )
    assert section is not None
    assert words in section[1]


@pytest.mark.parametrize("name", CLEAN)
def test_a_clean_test_passes(report: str, name: str) -> None:
    assert re.search(rf"^PASSED test_leaky.py::{name}$", report, re.MULTILINE)
    assert not re.search(rf"^(?:ERROR|FAILED) test_leaky.py::{name}\b", report, re.MULTILINE)
