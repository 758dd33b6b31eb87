"""Runs: one prompt, one answer, one agent process, one row in the ledger."""

import asyncio
import hashlib
import logging
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from clawdforge.agents.driver import Agents
from clawdforge.core.names import is_model_name
from clawdforge.core.records import Run, RunStart
from clawdforge.core.run import RunOutcome, RunRequest
from clawdforge.errors import BusyError, ClawdforgeError, InputError, NotFoundError
from clawdforge.gateway.caller import Caller
from clawdforge.gateway.files import Attachment, Files
from clawdforge.gateway.slots import Slot, Slots
from clawdforge.gateway.turn import Turn
from clawdforge.gateway.workspace import make_workspace, remove_workspace
from clawdforge.store.ledger import Ledger
from clawdforge.tasks import TaskOwner, finish

log = logging.getLogger(__name__)

MAX_FILES = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class RunLimits:
    """What a run may ask for."""

    default_timeout_secs: int
    min_timeout_secs: int
    max_timeout_secs: int
    store_prompts: bool = False


@dataclass(slots=True, kw_only=True)
class _Used:
    """What a run holds until it is tidied up."""

    root: Path
    slot: Slot
    turn: Turn | None = None


class Runs:
    """Carries out runs, each in a folder of its own below `folder`.

    A caller that is cancelled (its client went away) ends its run. Nothing of a run is left
    when `close` returns.

    Args:
        gate: Lets few agents start at once.
        clock: UTC seconds since 1970.
        monotonic: Seconds that only grow.
        observe: Called with the request's agent and the outcome of every run that was started.
    """

    def __init__(
        self,
        *,
        ledger: Ledger,
        agents: Agents,
        files: Files,
        slots: Slots,
        gate: asyncio.Semaphore,
        limits: RunLimits,
        folder: Path,
        clock: Callable[[], float],
        monotonic: Callable[[], float],
        observe: Callable[[str, RunOutcome], None],
    ) -> None:
        self._ledger = ledger
        self._agents = agents
        self._files = files
        self._slots = slots
        self._gate = gate
        self._limits = limits
        self._folder = folder
        self._clock = clock
        self._monotonic = monotonic
        self._observe = observe
        self._owner = TaskOwner()
        self._running: set[asyncio.Task[RunOutcome]] = set()
        self._stopping = False

    @property
    def stopping(self) -> bool:
        """Whether no new runs are taken."""
        return self._stopping

    async def recover(self) -> Sequence[str]:
        """Before the first run: what a server that died left is recorded and removed."""
        interrupted = await self._ledger.interrupt_runs(int(self._clock()))
        if interrupted:
            log.warning("runs were interrupted by a crash", extra={"runs": len(interrupted)})
        await asyncio.to_thread(self._remove_left_folders)
        return interrupted

    async def run(self, request: RunRequest, *, who: Caller) -> RunOutcome:
        """Carry out a run. A failure of the agent is an outcome, not an exception.

        Raises:
            InputError: an unknown agent, a bad model or time-out, too many files.
            NotFoundError: a file token is unknown, expired or another app's.
            BusyError: no agent became free, or the server is stopping.
            StorageError: the run cannot be recorded, so it was not started.
        """
        agent, timeout_secs = self._checked(request)
        attachments = await self._files.find(request.files, who=who)
        self._refuse_when_stopping()
        assert who.app is not None
        arrived = self._monotonic()
        slot = await self._slots.acquire(who.app.app_id)
        try:
            self._refuse_when_stopping()
            start = self._start_of(request, agent, timeout_secs, who, arrived)
        except BaseException:
            slot.release()
            raise
        used = _Used(root=self._folder / start.run_id, slot=slot)
        task = self._owner.start(
            self._carry_out(start, request, attachments, used), name=start.run_id, awaited=True
        )
        self._running.add(task)
        task.add_done_callback(self._running.discard)
        # Not a `finally` in the task: one that is cancelled before its first step has none.
        # And what is left to tidy up does not keep the caller waiting.
        task.add_done_callback(
            lambda _: self._owner.start(self._tidy_up(used), name=f"tidy-{start.run_id}")
        )
        return await self._outcome(task)

    async def get(self, run_id: str, *, who: Caller) -> Run:
        """One of the caller's runs.

        Raises:
            NotFoundError: there is none of that id, or it is another app's.
        """
        assert who.app is not None
        run = await self._ledger.run(who.app.app_id, run_id)
        if run is None:
            msg = "there is no such run"
            raise NotFoundError(msg)
        return run

    async def page(
        self, *, limit: int, before: tuple[int, str] | None, who: Caller
    ) -> Sequence[Run]:
        """Some of the caller's runs, newest first."""
        assert who.app is not None
        return await self._ledger.runs(who.app.app_id, limit=limit, before=before)

    async def close(self, *, grace_secs: float) -> None:
        """Take no new runs, give the running ones `grace_secs`, end the rest, and wait."""
        self._stopping = True
        if self._running:
            log.info("waiting for running runs", extra={"runs": len(self._running)})
            await asyncio.wait(self._running, timeout=grace_secs)
        self.cancel_all()
        await self._owner.wait()

    def cancel_all(self) -> None:
        """End all runs now."""
        self._stopping = True
        for task in list(self._running):
            task.cancel()

    async def _carry_out(
        self,
        start: RunStart,
        request: RunRequest,
        attachments: Sequence[Attachment],
        used: "_Used",
    ) -> RunOutcome:
        making = self._owner.start(
            asyncio.to_thread(make_workspace, used.root, attachments),
            name=f"make-{start.run_id}",
            awaited=True,
        )
        turn = used.turn = Turn(
            run=start,
            request=request,
            workspace=await finish(making),  # the thread goes on whoever is cancelled
            driver_of=self._agents.driver,
            ledger=self._ledger,
            gate=self._gate,
            clock=self._clock,
            monotonic=self._monotonic,
        )
        outcome = await turn.take()
        self._observe(start.agent, outcome)
        return outcome

    async def _tidy_up(self, used: "_Used") -> None:
        try:
            if used.turn is not None:
                await used.turn.close()
            await asyncio.to_thread(remove_workspace, used.root)
        finally:
            used.slot.release()

    async def _outcome(self, task: asyncio.Task[RunOutcome]) -> RunOutcome:
        try:
            return await asyncio.shield(task)
        except asyncio.CancelledError:
            caller = asyncio.current_task()
            if task.cancelled() and caller is not None and not caller.cancelling():
                raise _stopping() from None  # by `cancel_all`, before there was anything to record
            task.cancel()
            try:
                await finish(task)
            except ClawdforgeError as error:
                log.warning("a cancelled run failed", extra={"reason": error.message})
            raise

    def _checked(self, request: RunRequest) -> tuple[str, int]:
        agent = request.agent or self._agents.default()
        if agent not in self._agents.names():
            names = ", ".join(self._agents.names())
            msg = f"agent: there is no agent of that name; configured: {names}"
            raise InputError(msg, code="unknown_agent")
        if request.model is not None and not is_model_name(request.model):
            msg = "model: that cannot be a model's name"
            raise InputError(msg, code="invalid_model")
        if len(request.files) > MAX_FILES:
            msg = f"files: more than {MAX_FILES}"
            raise InputError(msg, code="too_many_files")
        low, high = self._limits.min_timeout_secs, self._limits.max_timeout_secs
        timeout = request.timeout_secs
        if timeout is None:
            timeout = self._limits.default_timeout_secs
        if not low <= timeout <= high:
            msg = f"timeout_secs: must be from {low} to {high}"
            raise InputError(msg, code="invalid_timeout")
        return agent, timeout

    def _start_of(
        self,
        request: RunRequest,
        agent: str,
        timeout_secs: int,
        who: Caller,
        arrived: float,
    ) -> RunStart:
        assert who.app is not None
        prompt = request.prompt.encode()
        return RunStart(
            run_id=f"run_{uuid.uuid4().hex}",
            app_id=who.app.app_id,
            app_name=who.app.name,
            agent=agent,
            model=request.model or self._agents.default_model(agent),
            effort=request.effort,
            prompt_bytes=len(prompt),
            prompt_sha256=hashlib.sha256(prompt).hexdigest(),
            prompt_text=request.prompt if self._limits.store_prompts else None,
            file_count=len(request.files),
            timeout_secs=timeout_secs,
            started_at=int(self._clock()),
            waited_ms=round((self._monotonic() - arrived) * 1000),
        )

    def _refuse_when_stopping(self) -> None:
        if self._stopping:
            raise _stopping()

    def _remove_left_folders(self) -> None:
        for root in self._folder.glob("run_*"):
            remove_workspace(root)


def _stopping() -> BusyError:
    return BusyError("the server is stopping", code="stopping", retry_after_secs=5)
