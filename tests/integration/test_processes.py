"""Real children under every containment of this system: started, bounded, and seen to their end."""

import asyncio
import json
import os
import sys
import uuid
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import psutil
import pytest

from clawdforge.errors import AgentError, AgentMissingError, AgentProtocolError
from clawdforge.processes.child import LINGER_SECS, WINDOW_BYTES, Child, Exit, Rung
from clawdforge.processes.containment import MARK_VARIABLE, Containment, Limits
from clawdforge.processes.detect import _works, detect
from clawdforge.processes.launcher import Command, Processes
from clawdforge.tasks import TaskOwner

PYTHON = (sys.executable, "-I", "-S", "-c")
SECS = 10.0

UP = "print('up', flush=True)\n"
IGNORE_TERM = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
HANG = "import time; time.sleep(300)\n"
UNTIL_EOF = "import sys; sys.stdin.read()\n"
GRANDCHILD = f"""
import subprocess, sys
{IGNORE_TERM}
sleeper = [sys.executable, "-I", "-S", "-c", "import time; time.sleep(300)", sys.argv[1]]
subprocess.Popen(sleeper, start_new_session=True)
signal.signal(signal.SIGTERM, signal.SIG_DFL)
"""


@pytest.fixture(params=Containment, ids=lambda how: how.value)
async def how(request: pytest.FixtureRequest) -> Containment:
    chosen: Containment = request.param
    if chosen.is_complete and not await _works(chosen):
        pytest.skip(f"{chosen.value} does not work on this system")
    return chosen


@pytest.fixture
async def room(how: Containment) -> AsyncIterator[Processes]:
    async with Processes(how, folder_id=uuid.uuid4().hex, incarnation="test") as processes:
        yield processes
    assert processes.running == 0


@pytest.fixture
def tag() -> str:
    """An argument by which a child and its descendants are found, from outside of namespaces."""
    return f"tag-{uuid.uuid4().hex}"


def command(*argv: str, cwd: Path = Path("/"), limits: Limits | None = None) -> Command:
    return Command(argv=argv, cwd=cwd, env={"PATH": os.defpath}, limits=limits or Limits())


def script(text: str, *arguments: str) -> Command:
    return command(*PYTHON, text, *arguments)


def alive(tag: str) -> list[psutil.Process]:
    found = []
    for process in psutil.process_iter():
        try:
            if tag in process.cmdline() and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
        except psutil.Error:
            continue
    return found


async def eventually(condition: Callable[[], object], secs: float = SECS) -> None:
    async with asyncio.timeout(secs):
        while not condition():  # noqa: ASYNC110 - other processes tell no event
            await asyncio.sleep(0.01)


async def first_line(child: Child) -> bytes | None:
    async with asyncio.timeout(SECS):
        return await child.read_line()


async def all_lines(child: Child) -> list[bytes]:
    lines = []
    async with asyncio.timeout(30):
        while (line := await child.read_line()) is not None:
            lines.append(line)
    return lines


async def answer(room: Processes, what: Command) -> list[bytes]:
    """All output of a program that ends by itself."""
    child = await room.start(what)
    lines = await all_lines(child)
    assert await child.wait() == Exit(code=0), child.stderr_text
    assert await room.stop(child) is Rung.EXITED
    return lines


async def test_something_is_detected() -> None:
    assert await _works(await detect())


# --- the ladder -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "rung"),
    [
        (UP + UNTIL_EOF, Rung.EOF),
        (UP + HANG, Rung.TERM),
        (IGNORE_TERM + UP + UNTIL_EOF + HANG, Rung.KILL),
    ],
    ids=["polite", "ignores EOF", "ignores TERM"],
)
async def test_the_rung_that_ends_a_child(room: Processes, tag: str, text: str, rung: Rung) -> None:
    child = await room.start(script(text, tag))
    assert await first_line(child) == b"up"
    eof_secs = SECS if rung is Rung.EOF else 0.1
    term_secs = SECS if rung is Rung.TERM else 0.1
    assert await room.stop(child, eof_secs=eof_secs, term_secs=term_secs) is rung
    assert child.exited == {
        Rung.EOF: Exit(code=0),
        Rung.TERM: Exit(signal=15),
        Rung.KILL: Exit(signal=9),
    }.get(rung)
    await eventually(lambda: not alive(tag))


async def test_a_child_that_has_ended_needs_no_ladder(room: Processes) -> None:
    child = await room.start(command("/bin/true"))
    assert await child.wait() == Exit(code=0)
    assert await room.stop(child) is Rung.EXITED
    assert await room.stop(child) is Rung.EXITED


async def test_sigterm_lets_a_child_clean_up(room: Processes, tmp_path: Path) -> None:
    note = tmp_path / "note"
    text = f"""
import pathlib, signal, sys, time
def clean_up(number, frame):
    pathlib.Path({str(note)!r}).write_text("cleaned up")
    sys.exit(3)
signal.signal(signal.SIGTERM, clean_up)
{UP}
time.sleep(300)
"""
    child = await room.start(script(text))
    assert await first_line(child) == b"up"
    assert await room.stop(child, eof_secs=0.0, term_secs=SECS) is Rung.TERM
    assert child.exited == Exit(code=3)
    assert note.read_text() == "cleaned up"


@pytest.mark.parametrize("ending", [HANG, UNTIL_EOF, ""], ids=["hangs", "polite", "exits"])
async def test_a_grandchild_in_its_own_session_is_ended(
    room: Processes, tag: str, ending: str
) -> None:
    child = await room.start(script(GRANDCHILD + UP + ending, tag))
    assert await first_line(child) == b"up"
    await room.stop(child, eof_secs=2.0 if ending == UNTIL_EOF else 0.0, term_secs=1.0)
    await eventually(lambda: not alive(tag))


async def test_the_exit_is_seen_although_a_grandchild_holds_the_pipes(
    room: Processes, tag: str
) -> None:
    child = await room.start(script(GRANDCHILD + UP + "raise SystemExit(4)", tag))
    async with asyncio.timeout(5):
        assert await child.wait() == Exit(code=4)
        assert await all_lines(child) == [b"up"]
    assert await room.stop(child) is Rung.EXITED
    await eventually(lambda: not alive(tag))


async def test_stop_that_is_cancelled_twice_still_ends_the_child(room: Processes, tag: str) -> None:
    child = await room.start(script(IGNORE_TERM + UP + HANG, tag))
    assert await first_line(child) == b"up"
    stopping = TaskOwner().start(
        room.stop(child, eof_secs=0.2, term_secs=0.2), name="stopping", awaited=True
    )
    for _ in range(2):
        await asyncio.wait({stopping}, timeout=0.05)
        stopping.cancel()
    with pytest.raises(asyncio.CancelledError):
        await stopping
    assert child.exited == Exit(signal=9)
    assert alive(tag) == []


@pytest.mark.parametrize("turns", [0, 1, 2, 5, 20, 100])
async def test_start_that_is_cancelled_leaves_no_process(
    room: Processes, tag: str, turns: int
) -> None:
    starting = TaskOwner().start(room.start(script(HANG, tag)), name="starting", awaited=True)
    for _ in range(turns):
        await asyncio.sleep(0)
    starting.cancel()
    await asyncio.wait({starting})
    if not starting.cancelled():  # it was faster
        await room.stop(starting.result(), eof_secs=0.0, term_secs=0.0)
    await eventually(lambda: room.running == 0 and not alive(tag))


@pytest.mark.parametrize("turns", [1, 3, 30])
async def test_leaving_ends_what_is_just_being_started(
    how: Containment, tag: str, turns: int
) -> None:
    owner = TaskOwner()
    async with Processes(how, folder_id=tag, incarnation="test") as room:
        owner.start(room.start(script(HANG, tag)), name="starting", awaited=True)
        for _ in range(turns):
            await asyncio.sleep(0)
    assert alive(tag) == []
    await owner.wait()
    with pytest.raises(AgentError):
        await room.start(script(HANG, tag))


async def test_ending_one_child_spares_those_whose_number_starts_alike(
    room: Processes, tag: str
) -> None:
    children = [await room.start(script(UP + UNTIL_EOF, tag)) for _ in range(11)]
    await room.stop(children[0])
    for child in children[1:]:
        assert await first_line(child) == b"up"
    assert [child.exited for child in children[1:]] == [None] * 10


async def test_many_children_leave_nothing(room: Processes) -> None:
    descriptors = psutil.Process().num_fds()
    for _ in range(30):
        assert await answer(room, command("/bin/echo", "hello")) == [b"hello"]
    assert psutil.Process().num_fds() <= descriptors
    await eventually(lambda: psutil.Process().num_threads() < 20)


# --- pipes ------------------------------------------------------------------------------------


async def test_words_in_words_out(room: Processes) -> None:
    child = await room.start(command("/bin/cat"))
    await child.write(b"one\ntwo")
    child.close_stdin()
    assert await all_lines(child) == [b"one", b"two"]
    assert await child.wait() == Exit(code=0)
    with pytest.raises(AgentError) as caught:
        await child.write(b"more")
    assert caught.value.code == "agent_gone"


async def test_a_flood_of_standard_error_blocks_nothing(room: Processes) -> None:
    text = "import sys; sys.stderr.write('e' * 1_000_000 + 'end'); print('ok')"
    child = await room.start(script(text))
    assert await all_lines(child) == [b"ok"]
    await eventually(lambda: child.stderr_text.endswith("e" * 1000 + "end"))
    assert len(child.stderr_text) == 64 * 1024


async def test_a_line_of_twenty_megabytes(room: Processes) -> None:
    (line,) = await answer(room, script("print('x' * 20_000_000)"))
    assert line == b"x" * 20_000_000


@pytest.mark.parametrize(
    ("text", "code"),
    [("print('x' * 2000)", "line_too_long"), ("print('x\\n' * 200_000)", "output_too_large")],
)
async def test_output_over_a_limit_is_an_error(room: Processes, text: str, code: str) -> None:
    child = await room.start(
        Command(
            argv=(*PYTHON, text),
            cwd=Path("/"),
            env={},
            max_output_bytes=300_000,
            max_line_bytes=1000,
        )
    )
    with pytest.raises(AgentProtocolError) as caught:
        await all_lines(child)
    assert caught.value.code == code
    assert await child.wait() == Exit(code=0)  # it was not blocked


async def test_a_reader_that_does_not_read_slows_the_child(room: Processes) -> None:
    text = "import sys\nfor _ in range(50_000): print('x' * 999)\nsys.stderr.write('done')"
    before = psutil.Process().memory_info().rss
    child = await room.start(script(text))
    await eventually(lambda: child._protocol._paused)
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(child.wait(), 0.3)
    assert child._protocol._window < 2 * WINDOW_BYTES
    assert psutil.Process().memory_info().rss - before < 20_000_000
    assert len(await all_lines(child)) == 50_000
    await eventually(lambda: child.stderr_text == "done")


async def test_a_slow_reader_gets_all_of_a_child_that_has_ended(room: Processes) -> None:
    # So much that reading pauses, and so little that the rest fits into the pipe.
    child = await room.start(script("for _ in range(1030): print('x' * 999)"))
    await child.wait()
    await asyncio.sleep(2 * LINGER_SECS)
    assert await all_lines(child) == [b"x" * 999] * 1030


# --- what a child gets ------------------------------------------------------------------------


async def test_the_environment_is_what_was_chosen_and_the_mark(
    room: Processes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CLAWDFORGE_ADMIN_TOKEN", "secret")
    chosen = {"PATH": os.defpath, "WORDS": "two words\n'and' \"quotes\""}
    what = Command(argv=("/usr/bin/env", "-0"), cwd=Path("/"), env=chosen)
    output = b"\n".join(await answer(room, what)).decode()
    seen = dict(entry.split("=", 1) for entry in output.split("\0") if entry)
    assert seen.pop(MARK_VARIABLE).startswith(room._incarnation)
    seen.pop("PWD", None)  # the shell's own
    assert seen == chosen


async def test_arguments_arrive_unchanged(room: Processes) -> None:
    sent = ["two words", "it's", '"', "$HOME `id` \\", "two\nlines", "--", "-x", "", "é", "*"]
    (line,) = await answer(room, script("import json, sys; print(json.dumps(sys.argv[1:]))", *sent))
    assert json.loads(line) == sent


async def test_the_folder(room: Processes, tmp_path: Path) -> None:
    assert await answer(room, command("/bin/pwd", cwd=tmp_path)) == [str(tmp_path).encode()]


async def test_limits_hold(room: Processes) -> None:
    limits = Limits(open_files=77, file_bytes=51200, cpu_secs=33)
    shell = command("/bin/sh", "-c", "ulimit -c; ulimit -n; ulimit -f; ulimit -t", limits=limits)
    assert await answer(room, shell) == [b"0", b"77", b"100", b"33"]


async def test_the_pid_that_a_child_sees_is_its_launchers(room: Processes) -> None:
    child = await room.start(script("import os; print(os.getpid())"))
    assert await first_line(child) == str(child.pid).encode()


@pytest.mark.parametrize(
    ("text", "exit_"),
    [
        ("exit 0", Exit(code=0)),
        ("exit 7", Exit(code=7)),
        ("exit 128", Exit(code=128)),
        ("kill -TERM $$", Exit(signal=15)),
        ("kill -KILL $$", Exit(signal=9)),
    ],
)
async def test_how_it_ended(room: Processes, text: str, exit_: Exit) -> None:
    child = await room.start(command("/bin/sh", "-c", text))
    assert await child.wait() == exit_


async def test_a_program_that_is_not_there(room: Processes, tmp_path: Path) -> None:
    plain = tmp_path / "plain"
    plain.write_text("")
    for program in (tmp_path / "absent", plain, tmp_path):
        with pytest.raises(AgentMissingError):
            await room.start(command(str(program)))
    with pytest.raises(AgentError) as caught:
        await room.start(command("/bin/true", cwd=tmp_path / "absent"))
    assert caught.value.code == "agent_start_failed"
    assert room.running == 0


# --- a server that is killed ------------------------------------------------------------------

SERVER = """
import asyncio, json, sys
from pathlib import Path
from clawdforge.processes.containment import Containment
from clawdforge.processes.launcher import Command, Processes

async def main(how, folder_id, argv):
    async with Processes(Containment(how), folder_id=folder_id, incarnation="first") as room:
        child = await room.start(Command(argv=argv, cwd=Path("/"), env={}))
        print((await child.read_line()).decode(), flush=True)
        await child.wait()

asyncio.run(main(sys.argv[1], sys.argv[2], json.loads(sys.argv[3])))
"""


async def killed_server(how: Containment, folder_id: str, tag: str) -> None:
    """Let another process start a child with a grandchild, and kill that process."""
    argv = json.dumps([*PYTHON, GRANDCHILD + UP + HANG, tag])
    server = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", SERVER, how.value, folder_id, argv), stdout=asyncio.subprocess.PIPE
    )
    assert server.stdout is not None
    try:
        async with asyncio.timeout(SECS):
            assert await server.stdout.readline() == b"up\n"
        assert len(alive(tag)) >= 2
    finally:
        server.kill()
        await server.wait()


async def test_after_kill_9_of_the_server(how: Containment, tag: str) -> None:
    folder_id, others = uuid.uuid4().hex, uuid.uuid4().hex
    async with Processes(how, folder_id=others, incarnation="first") as other_room:
        other = await other_room.start(script(UP + UNTIL_EOF))
        assert await first_line(other) == b"up"
        await killed_server(how, folder_id, tag)
        if how.is_complete:
            await eventually(lambda: not alive(tag), secs=2)
        else:
            assert alive(tag)
        async with Processes(how, folder_id=folder_id, incarnation="second"):
            await eventually(lambda: not alive(tag), secs=2)
        assert other.exited is None
        assert await other_room.stop(other) is Rung.EOF


async def test_the_next_server_spares_its_own(tag: str) -> None:
    async with Processes(Containment.SWEEP, folder_id=tag, incarnation="same") as room:
        child = await room.start(script(UP + UNTIL_EOF))
        assert await first_line(child) == b"up"
        async with Processes(Containment.SWEEP, folder_id=tag, incarnation="same"):
            assert child.exited is None
        assert await room.stop(child) is Rung.EOF
