"""What every test is watched for, and what many tests share.

A test fails when it leaves something behind (tasks, threads, open files and sockets, processes
and their descendants) and when code of ours blocks an event loop. `test_leak_fixtures.py` proves
that each of these is seen.
"""

import asyncio
import contextlib
import ctypes
import gc
import importlib.util
import os
import sys
import threading
import time
import uuid
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest
from blockbuster import BlockBuster

pytest.register_assert_rewrite("clawdforge.testing.ledger_contract")

from clawdforge.processes.containment import MARK_VARIABLE  # noqa: E402
from clawdforge.processes.detect import detect  # noqa: E402
from clawdforge.processes.launcher import Processes  # noqa: E402
from clawdforge.testing.contract import contract_client  # noqa: E402

SERVER_THREAD = "clawdforge-server"
SETTLE_SECS = 2.0
"""How long what a test used may take to go away after it."""
PR_SET_CHILD_SUBREAPER = 36
PROC_READERS = {"stat", "owner", "all_pids", "arguments", "_link", "_namespace_pids"}
LINUX = sys.platform == "linux"
OPEN_FILES = Path("/proc/self/fd" if LINUX else "/dev/fd")


def pytest_configure() -> None:
    """Let orphaned grandchildren become our children, so that they can be seen and reaped."""
    if LINUX:
        ctypes.CDLL(None, use_errno=True).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


# --- what is told at the end ------------------------------------------------------------------

SUMMARY = "summary_line"
"""A property that a test records (`record_property`): a line of the summary."""
_summary: list[str] = []


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Collect the lines; where tests run in several processes, in the one that prints."""
    if report.when == "teardown":
        _summary.extend(str(value) for name, value in report.user_properties if name == SUMMARY)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print them."""
    for line in _summary:
        terminalreporter.write_line(line)


# --- watching ---------------------------------------------------------------------------------


@pytest.fixture(autouse=True)
def watch_resources() -> Iterator[None]:
    """Fail a test that leaves threads, open files, sockets or processes behind."""
    threads, files, processes = set(threading.enumerate()), _open_files(), _processes()
    yield
    problems = [
        *_leaked_processes(processes),
        *_leaked_threads(threads),
        *_leaked_files(files),
    ]
    if problems:
        pytest.fail("left behind by the test:\n  " + "\n  ".join(problems), pytrace=False)


@pytest.fixture(autouse=True)
def watch_loop(request: pytest.FixtureRequest, watch_resources: None) -> None:
    """Watch the event loop of an async test; the loop itself is gone when files are compared."""
    if request.node.get_closest_marker("asyncio") is not None:
        request.getfixturevalue("watch_tasks")
        request.getfixturevalue("watch_blocking")


@pytest.fixture
async def watch_tasks() -> AsyncIterator[None]:
    """Fail an async test that leaves tasks running."""
    before = asyncio.all_tasks()
    yield
    left = asyncio.all_tasks() - before - {asyncio.current_task()}
    if left:
        _, left = await asyncio.wait(left, timeout=SETTLE_SECS)
    if left:
        names = "\n  ".join(f"task {task.get_name()}: {task.get_coro()}" for task in left)
        for task in left:
            task.cancel()
        pytest.fail(f"left behind by the test:\n  {names}", pytrace=False)


@pytest.fixture(scope="session")
def blocking_detector() -> BlockBuster:
    """Raises `BlockingError` where code of clawdforge blocks a running event loop."""
    detector = BlockBuster(scanned_modules=["clawdforge"])
    for function in detector.functions.values():
        # Imports inside functions keep the command line fast to start; each blocks only once.
        function.can_block_in("<frozen importlib._bootstrap>", "_find_and_load")
        # Source lines for a traceback: only when something is about to be reported.
        function.can_block_in("linecache.py", {"checkcache", "updatecache"})
        # Handlers share a lock with other threads, held for one line.
        function.can_block_in("logging/__init__.py", {"acquire", "handle", "emit"})
        # Settings are read once, before there is anybody to wait.
        function.can_block_in("clawdforge/config/load.py", "load_settings")
        # Which drivers other distributions bring: the same, and only for names that are not ours.
        function.can_block_in("clawdforge/agents/plugins.py", {"find_plugin", "plugin_names"})
        # A look along PATH for the agent's program, once a conversation: cached directory entries.
        function.can_block_in("clawdforge/agents/catalog.py", "_find")
        # /proc is memory, no disk.
        function.can_block_in("clawdforge/monitor/sources/procfs.py", PROC_READERS)
        # Starting a program waits for its exec, in asyncio itself.
        function.can_block_in("asyncio/base_events.py", "subprocess_exec")
    return detector


@pytest.fixture
def watch_blocking(blocking_detector: BlockBuster) -> Iterator[None]:
    """Fail an async test in which code of ours blocks the loop."""
    blocking_detector.activate()
    yield
    blocking_detector.deactivate()


def _settled(problems: Callable[[], list[str]]) -> list[str]:
    """What is still wrong after a bounded wait."""
    deadline = time.monotonic() + SETTLE_SECS
    while (found := problems()) and time.monotonic() < deadline:
        gc.collect()
        time.sleep(0.01)
    return found


def _leaked_threads(before: set[threading.Thread]) -> list[str]:
    # The workers of a server that serves several tests come when they are needed.
    serving = any(thread.name == SERVER_THREAD for thread in before)
    return _settled(
        lambda: [
            f"thread {thread.name}"
            for thread in threading.enumerate()
            if thread not in before and not (serving and thread.name.startswith("asyncio_"))
        ]
    )


def _open_files() -> dict[int, str]:
    found = {}
    for entry in list(OPEN_FILES.iterdir()):
        try:
            found[int(entry.name)] = str(entry.readlink()) if LINUX else ""
        except OSError:
            continue  # of the listing itself
    return found


def _leaked_files(before: dict[int, str]) -> list[str]:
    return _settled(
        lambda: [
            f"open file {number}: {what}"
            for number, what in _open_files().items()
            if before.get(number) != what
        ]
    )


def _processes() -> set[psutil.Process]:
    """All descendants of this process. Where orphans escape from it, also those with our mark."""
    found = set(psutil.Process().children(recursive=True))
    if not LINUX:
        found.update(filter(_is_marked, psutil.process_iter()))
    return found


def _is_marked(process: psutil.Process) -> bool:
    try:
        return MARK_VARIABLE in process.environ()
    except psutil.Error:
        return False


def _leaked_processes(before: set[psutil.Process]) -> list[str]:
    def problems() -> list[str]:
        return [_description(process) for process in _processes() - before if _is_alive(process)]

    found = _settled(problems)
    if found:
        for process in _processes() - before:
            with contextlib.suppress(psutil.Error):
                process.kill()
        _settled(problems)
    return found


def _description(process: psutil.Process) -> str:
    try:
        return f"process {process.pid}: {' '.join(process.cmdline())[:200]}"
    except psutil.Error:
        return f"process {process.pid}"


def _is_alive(process: psutil.Process) -> bool:
    """Whether it runs; one that has ended is reaped, as the first process would do."""
    try:
        if process.status() != psutil.STATUS_ZOMBIE:
            return True
        os.waitpid(process.pid, os.WNOHANG)
    except (psutil.Error, ChildProcessError):
        pass  # gone, or somebody else's to reap
    return False


# --- shared helpers ---------------------------------------------------------------------------


@pytest.fixture
async def processes() -> AsyncIterator[Processes]:
    """The processes room, with the strongest containment of this system."""
    async with Processes(await detect(), folder_id=uuid.uuid4().hex, incarnation="test") as room:
        yield room


@pytest.fixture(scope="session")
def claude_bin() -> Path:
    """The real `claude` command, as the agent SDK for Python bundles it."""
    spec = importlib.util.find_spec("claude_agent_sdk")
    program = Path(spec.origin).parent / "_bundled" / "claude" if spec and spec.origin else None
    if program is None or not program.is_file():
        pytest.fail("the real `claude` is missing: install the dependency group `agents`")
    return program


@pytest.fixture(scope="session")
def agent_bin() -> Callable[[str], str]:
    """The path of a program of tests/agents/package.json, as `make test` installs them."""
    folder = Path(__file__).parent.parent / ".agents" / "node_modules" / ".bin"

    def path(name: str) -> str:
        if not (folder / name).exists():
            pytest.fail(f"the agent {name} is missing: run `make .agents/.stamp`")
        return str(folder / name)

    return path


@pytest.fixture(scope="session")
def node_path() -> str:
    """A PATH whose `node` is new enough for those programs."""
    return f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"


# --- the contract of 0.2 ----------------------------------------------------------------------


@pytest.fixture
def client(tmp_path: Path) -> Iterator[tuple[httpx.Client, dict[str, Any]]]:
    """A server for the contract tests of clawdforge 0.2, as `(tc, ctx)`.

    The server is a real one, with the demo agent under every name that 0.2 knew. `tc` is a
    synchronous HTTP client (`tc.get`, `tc.post` …) without credentials, whose peer is 127.0.0.1.
    The keys of `ctx`:

    * `app_token`, `app_name`: an app's bearer token and name; `other_token`: another app's token;
    * `cfg`: attributes `session_ttl_secs` (idle sessions are closed after it) and
      `session_hard_ttl_secs` (closed ones are deleted after it);
    * `store`: `_conn()`, a context manager with `execute(sql, params)`, whose table `sessions` has
      `session_id` and the integers `created_at` and `closed_at` (seconds since 1970), committed
      when it is left; `get_session(id)`, a mapping with `meta` parsed, or None;
      `list_session_events(id)`, mappings with `event`, oldest first;
    * `server`: the coroutine function `_sweep_once()`, which gives a mapping with `soft_closed`
      and `hard_deleted`, and `runner`: a function put in the place of its attribute `run`,
      `(**kw) -> clawdforge.runner.RunResult`, is what `POST /run` then uses;
    * `fake_acpx`: attributes `max_live_sessions` (open sessions, read at each create) and
      `next_turn_events` (raw ACP messages; the next turn gives them unchanged as its `events`).

    The main thread has a current event loop meanwhile. See `clawdforge.testing.contract`.
    """
    with contract_client(tmp_path) as pair:
        yield pair
