"""Runs with the real demo agent: an honest end in every case, and nothing left behind."""

import asyncio
import uuid
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from clawdforge.agents.catalog import Catalog
from clawdforge.config import load_settings
from clawdforge.core.records import App, RunEnd, RunStart, RunState
from clawdforge.core.run import RunOutcome, RunRequest
from clawdforge.errors import BusyError, InputError, NotFoundError, StorageError
from clawdforge.gateway.caller import Caller
from clawdforge.gateway.files import Files, Upload
from clawdforge.gateway.runs import RunLimits, Runs
from clawdforge.gateway.slots import Slots
from clawdforge.gateway.sweeper import sweep_for_ever
from clawdforge.processes.launcher import Processes
from clawdforge.tasks import TaskOwner
from clawdforge.testing.memory_ledger import MemoryLedger

APP = App(app_id="id", name="shop", token_digest="d", created_at=0)
WHO = Caller(app=APP)


class FragileLedger(MemoryLedger):
    """A ledger whose disk may be slow or full."""

    def __init__(self) -> None:
        super().__init__()
        self.fails_at: set[str] = set()
        self.waits_at: dict[str, asyncio.Event] = {}

    async def start_run(self, run: RunStart) -> None:
        await self._disk("start")
        await super().start_run(run)

    async def end_run(self, run_id: str, end: RunEnd) -> bool:
        await self._disk("end")
        return await super().end_run(run_id, end)

    async def _disk(self, what: str) -> None:
        if what in self.waits_at:
            await self.waits_at[what].wait()
        if what in self.fails_at:
            raise StorageError("the disk is full")


@dataclass
class Gateway:
    runs: Runs
    ledger: FragileLedger
    files: Files
    slots: Slots
    processes: Processes
    folder: Path
    observed: list[RunOutcome] = field(default_factory=list)

    async def states(self) -> list[RunState]:
        return [run.state for run in await self.ledger.runs("id", limit=100)]

    async def is_empty(self) -> bool:
        """No agent, no place taken, no folder."""
        folders = await asyncio.to_thread(lambda: list((self.folder / "runs").iterdir()))
        return not folders and not self.processes.running and not self.slots.active

    async def is_at_work(self) -> bool:
        return bool(self.processes.running) and await self.states() == [RunState.RUNNING]


async def eventually(condition: Callable[[], object], secs: float = 15.0) -> None:
    async with asyncio.timeout(secs):
        while True:
            value = condition()
            if asyncio.iscoroutine(value):
                value = await value
            if value:
                return
            await asyncio.sleep(0.005)


@pytest.fixture
async def gateway(processes: Processes, tmp_path: Path) -> AsyncIterator[Gateway]:
    folder = tmp_path / "data"
    for name in ("files", "runs"):
        (folder / name).mkdir(parents=True)
    settings = load_settings(
        flags={"default_agent": "demo", "claude_bin": "/no/claude"}, environ={}
    )
    clock = asyncio.get_running_loop().time
    async with FragileLedger() as ledger:
        files = Files(ledger, folder / "files", clock=clock)
        slots = Slots(places=1, max_waiting=4, max_wait_secs=20, clock=clock)
        observed: list[RunOutcome] = []
        runs = Runs(
            ledger=ledger,
            agents=Catalog(settings.settings, {"PATH": "/usr/bin:/bin"}, processes),
            files=files,
            slots=slots,
            gate=asyncio.Semaphore(8),
            limits=RunLimits(default_timeout_secs=60, min_timeout_secs=1, max_timeout_secs=60),
            folder=folder / "runs",
            clock=clock,
            monotonic=clock,
            observe=lambda _, outcome: observed.append(outcome),
        )
        yield Gateway(runs, ledger, files, slots, processes, folder, observed)
        ledger.waits_at.clear()
        await runs.close(grace_secs=0)


@pytest.fixture
async def owner() -> AsyncIterator[TaskOwner]:
    owner = TaskOwner()
    yield owner
    await owner.cancel()


def start(
    owner: TaskOwner, gateway: Gateway, prompt: str, timeout_secs: int | None = None
) -> "asyncio.Task[RunOutcome]":
    request = RunRequest(prompt=prompt, timeout_secs=timeout_secs)
    return owner.start(gateway.runs.run(request, who=WHO), name="run", awaited=True)


async def test_an_answer(gateway: Gateway) -> None:
    outcome = await gateway.runs.run(RunRequest(prompt='/json {"a": 1}'), who=WHO)
    assert (outcome.ok, outcome.result, outcome.stop_reason) == (True, {"a": 1}, "end_turn")
    row = await gateway.runs.get(outcome.run_id, who=WHO)
    assert row.state is RunState.DONE
    assert row.start.prompt_text is None
    assert gateway.observed == [outcome]
    await eventually(gateway.is_empty)


@pytest.mark.parametrize(
    ("prompt", "error"),
    [("/fail too hard", "demo exit 1: too hard"), ("/exit 3", "demo exit 3")],
)
async def test_a_failure(gateway: Gateway, prompt: str, error: str) -> None:
    outcome = await gateway.runs.run(RunRequest(prompt=prompt), who=WHO)
    assert (outcome.state, outcome.stop_reason) == (RunState.FAILED, "error")
    assert outcome.error == error
    assert await gateway.states() == [RunState.FAILED]
    await eventually(gateway.is_empty)


async def test_a_missing_agent_is_a_failed_run(gateway: Gateway) -> None:
    outcome = await gateway.runs.run(RunRequest(prompt="x", agent="claude"), who=WHO)
    assert outcome.state is RunState.FAILED
    assert "/no/claude" in (outcome.error or "")
    await eventually(gateway.is_empty)


async def test_a_time_out(gateway: Gateway) -> None:
    request = RunRequest(prompt="/grandchild hang", timeout_secs=1)
    outcome = await gateway.runs.run(request, who=WHO)
    assert (outcome.state, outcome.stop_reason) == (RunState.TIMEOUT, "timeout")
    assert await gateway.states() == [RunState.TIMEOUT]
    await eventually(gateway.is_empty)


@pytest.mark.parametrize(
    ("request_", "code"),
    [
        (RunRequest(prompt="x", agent="nobody"), "unknown_agent"),
        (RunRequest(prompt="x", model="--help"), "invalid_model"),
        (RunRequest(prompt="x", timeout_secs=0), "invalid_timeout"),
        (RunRequest(prompt="x", timeout_secs=61), "invalid_timeout"),
        (RunRequest(prompt="x", files=["ff_x"] * 65), "too_many_files"),
        (RunRequest(prompt="x", files=["ff_unknown"]), "file_not_found"),
    ],
)
async def test_what_is_refused_leaves_nothing(
    gateway: Gateway, request_: RunRequest, code: str
) -> None:
    with pytest.raises(InputError) as raised:
        await gateway.runs.run(request_, who=WHO)
    assert raised.value.code == code
    assert await gateway.states() == []
    assert await gateway.is_empty()


async def test_a_prompt_that_is_no_text_takes_no_place(gateway: Gateway) -> None:
    with pytest.raises(UnicodeEncodeError):
        await gateway.runs.run(RunRequest(prompt="half a pair: \ud800"), who=WHO)
    assert await gateway.is_empty()
    assert (await gateway.runs.run(RunRequest(prompt="/echo x"), who=WHO)).ok


async def test_an_attachment_that_is_gone_meanwhile(gateway: Gateway) -> None:
    path = gateway.files.new_path()
    await asyncio.to_thread(path.write_bytes, b"x")
    upload = Upload(path=path, original_name="a.txt", size_bytes=1, sha256="s")
    kept = await gateway.files.keep(upload, ttl_secs=None, who=WHO)
    request = RunRequest(prompt="/cwd", files=[kept.token])
    assert (await gateway.runs.run(request, who=WHO)).result == "attachment-1.txt"
    await asyncio.to_thread(path.unlink)
    with pytest.raises(NotFoundError):
        await gateway.runs.run(request, who=WHO)
    await eventually(gateway.is_empty)


@pytest.mark.parametrize("prompt", ["/hang", "/echo x"])
async def test_no_run_without_a_row(gateway: Gateway, prompt: str) -> None:
    gateway.ledger.fails_at.add("start")
    with pytest.raises(StorageError):
        await gateway.runs.run(RunRequest(prompt=prompt), who=WHO)
    await eventually(gateway.is_empty)
    gateway.ledger.fails_at.clear()
    assert (await gateway.runs.run(RunRequest(prompt="/echo x"), who=WHO)).ok


async def test_the_agent_gets_no_prompt_before_there_is_a_row(
    gateway: Gateway, owner: TaskOwner
) -> None:
    written = gateway.ledger.waits_at["start"] = asyncio.Event()
    run = start(owner, gateway, "/echo x")
    await eventually(lambda: gateway.processes.running)
    assert not run.done()
    written.set()
    assert (await run).ok


async def test_an_end_that_cannot_be_recorded_is_not_told(gateway: Gateway) -> None:
    gateway.ledger.fails_at.add("end")
    with pytest.raises(StorageError):
        await gateway.runs.run(RunRequest(prompt="/echo x"), who=WHO)
    await eventually(gateway.is_empty)
    assert await gateway.states() == [RunState.RUNNING]
    assert len(await gateway.runs.recover()) == 1
    assert await gateway.states() == [RunState.INTERRUPTED]


async def test_a_bug_does_not_leave_a_run_running(
    gateway: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr("clawdforge.gateway.turn.with_attachments", broken)
    outcome = await gateway.runs.run(RunRequest(prompt="/echo x"), who=WHO)
    assert (outcome.state, outcome.error) == (RunState.FAILED, "internal error")
    assert await gateway.states() == [RunState.FAILED]
    await eventually(gateway.is_empty)


@pytest.mark.parametrize("prompt", ["/hang", "/deaf", "/grandchild hang"])
async def test_a_cancelled_caller_ends_its_run(
    gateway: Gateway, owner: TaskOwner, prompt: str
) -> None:
    run = start(owner, gateway, prompt)
    await eventually(gateway.is_at_work)
    run.cancel()
    with pytest.raises(asyncio.CancelledError):
        await run
    assert await gateway.states() == [RunState.CANCELLED]
    await eventually(gateway.is_empty)


async def test_a_caller_may_be_cancelled_at_any_moment(gateway: Gateway, owner: TaskOwner) -> None:
    """After N steps of the loop, for many N: through staging, start, prompt, answer and end."""
    for steps in (*range(40), *range(40, 400, 15)):
        run = start(owner, gateway, "/echo x")
        for _ in range(steps):
            if run.done():
                break
            await asyncio.sleep(0 if steps % 2 else 0.0005)
        run.cancel()
        await asyncio.wait({run})
    await eventually(gateway.is_empty)
    assert set(await gateway.states()) <= {RunState.DONE, RunState.CANCELLED}
    assert {outcome.state for outcome in gateway.observed} >= {RunState.CANCELLED}


async def test_a_cancel_while_the_end_is_recorded_comes_too_late(
    gateway: Gateway, owner: TaskOwner
) -> None:
    written = gateway.ledger.waits_at["end"] = asyncio.Event()
    run = start(owner, gateway, "/fail x")
    await eventually(gateway.is_at_work)
    await eventually(lambda: not gateway.processes.running)
    for _ in range(3):
        run.cancel()
        await asyncio.sleep(0)
    written.set()
    with pytest.raises(asyncio.CancelledError):
        await run
    assert await gateway.states() == [RunState.FAILED]


async def test_a_failing_ledger_does_not_swallow_a_cancel(
    gateway: Gateway, owner: TaskOwner
) -> None:
    run = start(owner, gateway, "/hang")
    await eventually(gateway.is_at_work)
    gateway.ledger.fails_at.add("end")
    run.cancel()
    with pytest.raises(asyncio.CancelledError):
        await run
    await eventually(gateway.is_empty)


async def test_one_who_waits_in_line_may_leave(gateway: Gateway, owner: TaskOwner) -> None:
    first = start(owner, gateway, "/hang")
    await eventually(gateway.is_at_work)
    second, third = start(owner, gateway, "/echo 2"), start(owner, gateway, "/echo 3")
    await eventually(lambda: gateway.slots.waiting == 2)
    second.cancel()
    first.cancel()
    assert (await third).result == 3
    assert third.result().state is RunState.DONE
    assert RunState.INTERRUPTED not in await gateway.states()
    await eventually(gateway.is_empty)


async def test_close_lets_runs_end_within_the_grace(gateway: Gateway, owner: TaskOwner) -> None:
    run = start(owner, gateway, "/slow 3 50")
    await eventually(gateway.is_at_work)
    await gateway.runs.close(grace_secs=30)
    assert (await run).ok
    assert await gateway.is_empty()


async def test_close_ends_runs_after_the_grace(gateway: Gateway, owner: TaskOwner) -> None:
    run = start(owner, gateway, "/grandchild hang")
    waiting = start(owner, gateway, "/echo x")
    await eventually(gateway.is_at_work)
    await eventually(lambda: gateway.slots.waiting)
    await gateway.runs.close(grace_secs=0)
    outcome = await run
    assert (outcome.state, outcome.stop_reason) == (RunState.CANCELLED, "cancelled")
    with pytest.raises(BusyError) as raised:
        await waiting
    assert raised.value.code == "stopping"
    assert await gateway.is_empty()
    with pytest.raises(BusyError):
        await gateway.runs.run(RunRequest(prompt="/echo x"), who=WHO)


async def test_a_run_that_is_ended_before_it_began(gateway: Gateway, owner: TaskOwner) -> None:
    for steps in range(8):
        run = start(owner, gateway, "/echo x")
        for _ in range(steps):
            await asyncio.sleep(0)
        gateway.runs.cancel_all()
        gateway.runs._stopping = False
        await asyncio.wait({run})
        error = run.exception()
        if error is None:
            assert run.result().state in {RunState.CANCELLED, RunState.DONE}
        else:
            assert isinstance(error, BusyError)
        await eventually(gateway.is_empty)


async def test_recovery_removes_what_was_left(gateway: Gateway) -> None:
    left = gateway.folder / "runs" / f"run_{uuid.uuid4().hex}"

    def leave() -> None:
        (left / "work" / "locked").mkdir(parents=True)
        (left / "work" / "locked" / "file").touch()
        (left / "work" / "link").symlink_to("/etc")
        (left / "work" / "locked").chmod(0)

    await asyncio.to_thread(leave)
    assert await gateway.runs.recover() == []
    assert await gateway.is_empty()


async def test_files_are_swept(gateway: Gateway) -> None:
    now = asyncio.get_running_loop().time()
    files = Files(gateway.ledger, gateway.folder / "files", clock=lambda: now)
    tokens = []
    for ttl in (60, 3600):
        path = files.new_path()
        await asyncio.to_thread(path.write_bytes, b"x")
        upload = Upload(path=path, original_name="a", size_bytes=1, sha256="s")
        tokens.append((await files.keep(upload, ttl_secs=ttl, who=WHO)).token)
    await asyncio.to_thread((gateway.folder / "files" / "stray").touch)
    assert await files.remove_strays() == 1
    assert await files.sweep() == 0
    now += 61
    assert await files.sweep() == 1
    with pytest.raises(NotFoundError):
        await files.find([tokens[0]], who=WHO)
    assert len(await files.find([tokens[1]], who=WHO)) == 1
    left = await asyncio.to_thread(lambda: list((gateway.folder / "files").iterdir()))
    assert len(left) == 1


async def test_the_sweeper_survives_a_pass_that_fails(owner: TaskOwner) -> None:
    passes = 0

    async def sweep() -> dict[str, int]:
        nonlocal passes
        passes += 1
        raise StorageError("the disk is gone")

    owner.start(sweep_for_ever(sweep, every_secs=0.001), name="sweeper")
    await eventually(lambda: passes >= 3)
