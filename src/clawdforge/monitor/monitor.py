"""The live registry: what is heard goes in here, what changes goes out to the followers."""

import asyncio
import time
from collections.abc import Callable
from typing import Any

from clawdforge.core.observed.registry import Changes, Registry, RegistryFullError
from clawdforge.core.observed.signals import (
    Driven,
    Found,
    Hook,
    Moment,
    Place,
    ProcessId,
    Record,
    StatusLine,
)
from clawdforge.monitor.approvals import ApprovalDesk
from clawdforge.monitor.publishing import Publisher
from clawdforge.monitor.sources import procfs


def now() -> Moment:
    """The time, by both clocks."""
    return Moment(utc=time.time(), mono=time.monotonic())


class Monitor:
    """Takes in signals on the event loop.

    Args:
        registry: Where they are folded.
        watch_process: Called with each process that must be watched for its end.
        watch_folders: Called with all folders whose branch matters, when that changes.
        audit: Keeps what was answered to whom.
    """

    def __init__(
        self,
        registry: Registry,
        *,
        watch_process: Callable[[ProcessId], None] = lambda _: None,
        watch_folders: Callable[[set[str]], None] = lambda _: None,
        audit: Callable[[dict[str, Any]], None] = lambda _: None,
    ) -> None:
        self.registry = registry
        self.approvals = ApprovalDesk(registry, now=now, changed=self.changed, write=audit)
        self.publisher = Publisher(registry, now, self._noticed)
        self.looked_at = 0.0
        """When a person last used what shows all sessions (seconds since 1970)."""
        self.noticed: Callable[[Changes], None] | None = None
        """Called with all changes, before anybody is told of them."""
        self._watch_process = watch_process
        self._watch_folders = watch_folders
        self._version = 0
        self._timer: asyncio.TimerHandle | None = None

    # What reports itself

    def status_line(self, line: StatusLine, at: Moment, peer: int | None = None) -> None:
        """A status line; `changed` is to be called after the last of several.

        Raises:
            RegistryFullError: it is of a new session, and there are too many.
        """
        pid = line.pid
        process = None
        if pid and not self.registry.knows(pid):
            process = self._identified(pid, peer)
        self.registry.status_line(line, at, process)

    def hook(self, hook: Hook, at: Moment, peer: int | None = None) -> None:
        """A hook event; `changed` is to be called after the last of several."""
        pid = hook.pid
        process = None
        if pid and not self.registry.knows(pid):
            process = self._identified(pid, peer)
        self.registry.hook(hook, at, process)
        self.approvals.hook(hook)

    def identified(self, pid: int | None, peer: int | None) -> int | None:
        """The pid that we know a process by, which a peer names; it is watched from now on."""
        process = self._identified(pid, peer) if pid else None
        return pid if process is None else process.pid

    def changed(self) -> None:
        """Something was heard: publish it soon."""
        self.publisher.changed()
        self._set_timer()

    # What we see ourselves

    def record_written(self, record: Record) -> None:
        """Claude Code has told how one of its processes stands."""
        process = procfs.identity(record.pid)
        if process is not None:
            self._watch_process(process)
        self.registry.record(record, now())
        self.approvals.record(record)
        self.changed()

    def record_removed(self, pid: int) -> None:
        """Claude Code tells nothing of that process any more."""
        self.registry.record_removed(pid, now())
        self.approvals.record_removed(pid)
        self.changed()

    def found(self, found: list[Found]) -> int:
        """Agents that run; for how many of them there was no room."""
        moment = now()
        failed = 0
        for one in found:
            self._watch_process(one.process)
            try:
                self.registry.found(one, moment)
            except RegistryFullError:
                failed += 1
        self.changed()
        return failed

    def place_changed(self, folder: str, place: Place) -> None:
        """Git says something else about a folder."""
        self.registry.place(folder, place, now())
        self.changed()

    def died(self, process: ProcessId) -> None:
        """A process has ended."""
        self.registry.died(process, now())
        self.approvals.died(process)
        self.changed()

    # What a gateway drives

    def driven(self, driven: Driven, *, source: str = "gateway") -> None:
        """How a driven session stands."""
        if driven.process is not None:
            self._watch_process(driven.process)
        self.registry.driven(driven, now(), source=source)
        self.changed()

    def driven_removed(self, session_id: str) -> None:
        """A driven session is closed, or its gateway is gone."""
        self.registry.driven_removed(session_id, now())
        self.changed()

    def looked(self) -> None:
        """A person uses what shows all sessions."""
        self.looked_at = time.time()

    def flush(self) -> None:
        """Publish what has changed, now."""
        self.publisher.flush()

    def close(self) -> None:
        """Publish nothing any more."""
        self.publisher.close()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _noticed(self, changes: Changes) -> None:
        if self.noticed is not None:
            self.noticed(changes)
        if self._version != self.registry.version:
            self._version = self.registry.version
            self._watch_folders(self.registry.folders())

    def _identified(self, pid: int, peer: int | None) -> ProcessId | None:
        process = procfs.identity(pid)
        if peer is not None and (outer := procfs.outer_pid(pid, peer)) is not None:
            process = procfs.identity(outer)
        if process is not None:
            self._watch_process(process)
        return process

    def _set_timer(self) -> None:
        due = self.registry.next_deadline
        if due is None:
            return
        if self._timer is not None:
            if self._timer.when() <= due:
                return
            self._timer.cancel()
        self._timer = asyncio.get_running_loop().call_at(due, self._tick)

    def _tick(self) -> None:
        self._timer = None
        self.registry.tick(now())
        self.changed()
