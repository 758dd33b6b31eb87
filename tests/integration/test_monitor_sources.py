"""What the monitor sees by itself, with real processes, a real tmux and real repositories."""

import asyncio
import contextlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from clawdforge.core.observed.signals import Place, ProcessId, Record
from clawdforge.monitor.sources import procfs
from clawdforge.monitor.sources.claude_records import ClaudeRecords
from clawdforge.monitor.sources.discovery import discover
from clawdforge.monitor.sources.git import GitPlaces
from clawdforge.monitor.sources.liveness import Liveness
from clawdforge.monitor.sources.repository import place_of
from clawdforge.monitor.sources.tmux import panes
from clawdforge.processes.output import output_of

PATIENCE_SECS = 10.0


async def until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(PATIENCE_SECS):
        while not condition():  # noqa: ASYNC110
            await asyncio.sleep(0.01)


@pytest.fixture
def sleeper() -> Iterator[subprocess.Popen[bytes]]:
    with subprocess.Popen(["sleep", "600"]) as process:
        yield process
        process.kill()


@pytest.fixture
def fake_claude(tmp_path: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A process whose program is called `claude`."""
    program = tmp_path / "bin" / "claude"
    program.parent.mkdir()
    shutil.copy("/bin/sleep", program)
    folder = tmp_path / "work"
    folder.mkdir()
    with subprocess.Popen([program, "600"], cwd=folder) as process:
        yield process
        process.kill()


# --- processes --------------------------------------------------------------------------------


def test_a_process_is_known_by_pid_and_start(sleeper: subprocess.Popen[bytes]) -> None:
    process = procfs.identity(sleeper.pid)
    assert process is not None
    assert process.pid == sleeper.pid
    assert process == procfs.identity(sleeper.pid)
    assert process.start >= (procfs.identity(os.getpid()) or process).start
    assert procfs.parents(sleeper.pid)[0] == os.getpid()
    assert procfs.arguments(sleeper.pid) == ("sleep", "600")
    assert procfs.folder(sleeper.pid) == str(Path.cwd())
    assert procfs.owner(sleeper.pid) == os.getuid()


def test_what_is_no_process_is_nothing() -> None:
    for pid in (-1, 0, 2**31 - 1, 2**40):
        assert procfs.identity(pid) is None
        assert procfs.parents(pid) == ()
        assert procfs.arguments(pid) == ()
        assert procfs.program(pid) is None
        assert procfs.owner(pid) is None


def test_a_process_that_only_waits_to_be_reaped_is_gone() -> None:
    process = subprocess.Popen(["true"])
    try:
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
        assert procfs.stat(process.pid) is not None
        assert procfs.identity(process.pid) is None
    finally:
        process.wait()


@pytest.mark.skipif(os.getuid() != 0, reason="needs the right to make a PID namespace")
def test_a_pid_inside_a_namespace_is_found_from_outside() -> None:
    command = ["unshare", "--pid", "--fork", "sh", "-c", "sleep 600 & echo $!; wait"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as launcher:
        assert launcher.stdout is not None
        inner = int(launcher.stdout.readline())
        ours = [pid for pid in procfs.all_pids() if launcher.pid in procfs.parents(pid)]
        try:
            sleeping = next(pid for pid in ours if procfs.arguments(pid)[:1] == ("sleep",))
            shell = procfs.parents(sleeping)[0]
            assert procfs.outer_pid(inner, sleeping) == sleeping
            assert procfs.outer_pid(1, sleeping) == shell
            assert procfs.outer_pid(4711, sleeping) is None
            assert procfs.outer_pid(os.getpid(), os.getpid()) is None
        finally:
            for pid in ours:
                with contextlib.suppress(ProcessLookupError):  # it goes with the first one
                    os.kill(pid, 9)


async def test_the_end_of_a_process_is_told_once(sleeper: subprocess.Popen[bytes]) -> None:
    ended: list[ProcessId] = []
    process = procfs.identity(sleeper.pid)
    assert process is not None
    async with Liveness(ended.append) as liveness:
        liveness.watch(process)
        liveness.watch(process)
        await asyncio.sleep(0)
        assert ended == []
        sleeper.kill()
        sleeper.wait()
        await until(lambda: ended)
        assert ended == [process]


async def test_a_process_that_ended_before_is_told_of(sleeper: subprocess.Popen[bytes]) -> None:
    ended: list[ProcessId] = []
    process = ProcessId(sleeper.pid, 1)  # its pid is another's now
    async with Liveness(ended.append, poll_secs=0.01) as liveness:
        liveness.watch(process)
        liveness.watch(ProcessId(2**22 + 5, 1))
        await until(lambda: len(ended) == 2)
        liveness.watch(procfs.identity(sleeper.pid) or process)
        liveness.forget(procfs.identity(sleeper.pid) or process)
    assert len(ended) == 2


async def test_without_a_pidfd_processes_are_polled(
    sleeper: subprocess.Popen[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(pid: int) -> int:
        raise OSError(38, "not implemented")

    monkeypatch.setattr(os, "pidfd_open", refuse)
    ended: list[ProcessId] = []
    process = procfs.identity(sleeper.pid)
    assert process is not None
    async with Liveness(ended.append, poll_secs=0.01) as liveness:
        liveness.watch(process)
        sleeper.kill()
        sleeper.wait()
        await until(lambda: ended)
    assert ended == [process]


# --- discovery --------------------------------------------------------------------------------


async def test_a_running_agent_is_found(
    fake_claude: subprocess.Popen[bytes], tmp_path: Path
) -> None:
    found = [one for one in await discover({}) if one.process.pid == fake_claude.pid]
    assert len(found) == 1
    assert found[0].agent == "claude"
    assert found[0].cwd == str(tmp_path / "work")
    assert found[0].parents[0] == os.getpid()


@pytest.fixture
def wrapped_claude(tmp_path: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A script called `claude` that starts a program called `claude`."""
    program = tmp_path / "real" / "claude"
    program.parent.mkdir()
    shutil.copy("/bin/sleep", program)
    wrapper = tmp_path / "claude"
    wrapper.write_text(f"#!/bin/sh\n{program} 600 &\nwait\n")
    wrapper.chmod(0o755)
    with subprocess.Popen([wrapper]) as process:
        yield process
        left = _children(process.pid)
        process.kill()
        for pid in left:
            os.kill(pid, 9)


async def test_a_script_that_starts_the_program_is_not_a_second_one(
    wrapped_claude: subprocess.Popen[bytes],
) -> None:
    pid = wrapped_claude.pid

    def started() -> list[int]:
        return [one for one in _children(pid) if procfs.arguments(one)[-1:] == ("600",)]

    await until(started)
    found = [one for one in await discover({}) if pid in (one.process.pid, *one.parents)]
    assert [one.process.pid for one in found] == started()


def _children(pid: int) -> list[int]:
    return [one for one in procfs.all_pids() if procfs.parents(one)[:1] == (pid,)]


@pytest.fixture
def two_servers(tmp_path: Path) -> Iterator[dict[str, str]]:
    """The environment of two tmux servers, each with a program called `claude`."""
    program = tmp_path / "claude"
    shutil.copy("/bin/sleep", program)
    environ = {"PATH": os.environ["PATH"], "TMUX_TMPDIR": str(tmp_path), "HOME": str(tmp_path)}
    names = ("one", "two servers")
    for name in names:
        command = ["tmux", "-L", name, "-f", "/dev/null", "new-session", "-d", f"{program} 600"]
        subprocess.run(command, check=True, env=environ)
    yield environ
    for name in names:
        subprocess.run(["tmux", "-L", name, "kill-server"], check=True, env=environ)


async def test_agents_in_panes_of_several_tmux_servers(two_servers: dict[str, str]) -> None:
    terminals = await panes(two_servers)
    assert len(terminals) == 2
    assert {Path(one.socket).name for one in terminals.values()} == {"one", "two servers"}
    found = [one for one in await discover(two_servers) if one.process.pid in terminals]
    assert [one.tmux_pane for one in found] == ["%0", "%0"]


async def test_without_tmux_there_are_no_panes(tmp_path: Path) -> None:
    assert await panes({"PATH": str(tmp_path), "TMUX_TMPDIR": str(tmp_path)}) == {}


async def test_a_program_that_hangs_or_fails_says_nothing() -> None:
    env = {"PATH": os.environ["PATH"]}
    assert await output_of(("sleep", "600"), env=env, timeout_secs=0.05) is None
    assert await output_of(("false",), env=env, timeout_secs=5) is None
    assert await output_of(("no-such-program",), env=env, timeout_secs=5) is None
    assert await output_of(("yes",), env=env, timeout_secs=20) is None
    assert await output_of(("echo", "hi"), env=env, timeout_secs=5) == b"hi\n"


# --- git --------------------------------------------------------------------------------------


def git(*arguments: str, cwd: Path) -> None:
    identity = ("-c", "user.name=a", "-c", "user.email=a@example.org")
    command = ["git", *identity, *arguments]
    subprocess.run(command, cwd=cwd, check=True, capture_output=True)


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    folder = tmp_path / "répertoire"
    folder.mkdir()
    git("init", "-b", "main", cwd=folder)
    (folder / "a").write_text("a")
    git("add", ".", cwd=folder)
    git("commit", "-m", "a", cwd=folder)
    return folder


def test_where_a_folder_belongs(repository: Path, tmp_path: Path) -> None:
    below = repository / "src" / "deep"
    below.mkdir(parents=True)
    root = str(repository)
    expected = Place(project_root=root, worktree_path=root, worktree_branch="main")
    assert place_of(repository)[0] == expected
    assert place_of(below)[0] == expected
    assert place_of(tmp_path)[0] == Place()
    assert place_of(tmp_path / "missing")[0] == Place()


def test_a_linked_worktree_belongs_to_its_project(repository: Path, tmp_path: Path) -> None:
    tree = tmp_path / "tree"
    git("worktree", "add", "-b", "feature/x", str(tree), cwd=repository)
    expected = Place(
        project_root=str(repository), worktree_path=str(tree), worktree_branch="feature/x"
    )
    assert place_of(tree)[0] == expected
    pointed = (tree / ".git").read_text().removeprefix("gitdir: ").strip()
    (tree / ".git").write_text(f"gitdir: {os.path.relpath(pointed, tree)}\n")
    assert place_of(tree)[0] == expected


def test_a_detached_head_is_named_by_its_commit(repository: Path) -> None:
    git("checkout", "--detach", cwd=repository)
    branch = place_of(repository)[0].worktree_branch
    assert branch is not None
    assert len(branch) == 8


async def test_a_change_of_branch_is_told(repository: Path) -> None:
    told: list[tuple[str, Place]] = []
    async with GitPlaces(lambda folder, place: told.append((folder, place))) as places:
        places.watch({str(repository)})
        await until(lambda: told)
        await asyncio.to_thread(git, "checkout", "-b", "other", cwd=repository)
        await until(lambda: len(told) > 1)
        places.watch(set())
    assert [place.worktree_branch for _, place in told] == ["main", "other"]


async def test_a_new_repository_is_seen_by_looking_again(tmp_path: Path) -> None:
    told: list[Place] = []
    async with GitPlaces(lambda _, place: told.append(place), recheck_secs=0.02) as places:
        places.watch({str(tmp_path)})
        await until(lambda: told)
        await asyncio.to_thread(git, "init", "-b", "trunk", cwd=tmp_path)
        await until(lambda: told[-1].worktree_branch == "trunk")


# --- Claude Code's own records ----------------------------------------------------------------


def write_record(folder: Path, pid: int, **more: object) -> Path:
    process = procfs.identity(pid)
    assert process is not None
    path = folder / "sessions" / f"{pid}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    known = {"pid": pid, "sessionId": "s-1", "procStart": str(process.start), "status": "busy"}
    path.write_text(json.dumps(known | more))
    return path


async def test_records_are_told_as_they_are_written_and_removed(
    tmp_path: Path, sleeper: subprocess.Popen[bytes]
) -> None:
    written: list[Record] = []
    removed: list[int] = []
    (tmp_path / "sessions").mkdir()
    async with ClaudeRecords(written.append, removed.append, (tmp_path,)):
        path = write_record(tmp_path, sleeper.pid)
        await until(lambda: written)
        assert (written[0].session_id, written[0].status) == ("s-1", "busy")
        write_record(tmp_path, sleeper.pid, status="waiting", waitingFor="permission prompt")
        await until(lambda: written[-1].status == "waiting")
        assert written[-1].waiting_for == "permission prompt"
        path.unlink()
        await until(lambda: removed)
    assert removed == [sleeper.pid]


async def test_a_folder_that_comes_later_is_found(
    tmp_path: Path, sleeper: subprocess.Popen[bytes]
) -> None:
    written: list[Record] = []
    folder = tmp_path / "later"
    async with ClaudeRecords(written.append, print, (), rescan_secs=0.02) as records:
        records.add(folder)
        await asyncio.sleep(0.05)
        write_record(folder, sleeper.pid)
        await until(lambda: written)


async def test_a_folder_that_comes_later_is_noticed_at_once(
    tmp_path: Path, sleeper: subprocess.Popen[bytes]
) -> None:
    written: list[Record] = []
    async with ClaudeRecords(written.append, print, (tmp_path / ".claude",), rescan_secs=600):
        await asyncio.sleep(0.05)
        (tmp_path / ".claude").mkdir()
        await asyncio.sleep(0.05)
        write_record(tmp_path / ".claude", sleeper.pid)
        await until(lambda: written)


async def test_a_record_of_a_killed_process_does_not_count(
    tmp_path: Path, sleeper: subprocess.Popen[bytes]
) -> None:
    written: list[Record] = []
    removed: list[int] = []
    write_record(tmp_path, sleeper.pid, procStart="1")
    other = write_record(tmp_path, os.getpid())
    async with ClaudeRecords(written.append, removed.append, (tmp_path,), rescan_secs=0.02):
        await until(lambda: written)
        assert [record.pid for record in written] == [os.getpid()]
        write_record(tmp_path, sleeper.pid)
        await until(lambda: len(written) == 2)
        sleeper.kill()
        sleeper.wait()
        await until(lambda: removed)
    assert removed == [sleeper.pid]
    assert other.exists()


async def test_a_half_written_record_is_read_again(
    tmp_path: Path, sleeper: subprocess.Popen[bytes]
) -> None:
    written: list[Record] = []
    whole = write_record(tmp_path, sleeper.pid).read_bytes()
    path = tmp_path / "sessions" / f"{sleeper.pid}.json"
    path.write_bytes(whole[:20])
    (tmp_path / "sessions" / f"{sleeper.pid}.abc.key").write_text("secret")
    async with ClaudeRecords(written.append, print, (tmp_path,)):
        await asyncio.sleep(0.03)
        assert not written
        path.write_bytes(whole)
        await until(lambda: written)


def test_the_sources_need_nothing_heavy() -> None:
    script = (
        "import sys; import clawdforge.monitor.sources.discovery, "
        "clawdforge.monitor.sources.git, clawdforge.monitor.sources.claude_records; "
        "bad = {'fastapi', 'sqlalchemy', 'httpx', 'typer', 'rich', 'psutil'} & set(sys.modules); "
        "sys.exit(repr(bad) if bad else 0)"
    )
    subprocess.run([sys.executable, "-c", script], check=True)
