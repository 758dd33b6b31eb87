"""Finds agents that run already: those that report nothing, and those from before we started."""

import asyncio
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from clawdforge.core.observed.signals import Found, ProcessId
from clawdforge.monitor.sources import procfs
from clawdforge.monitor.sources.known_agents import Likeness, likeness
from clawdforge.monitor.sources.tmux import panes
from clawdforge.tmux.protocol import Pane


@dataclass(frozen=True, slots=True, kw_only=True)
class _Candidate:
    process: ProcessId
    likeness: Likeness
    cwd: str | None
    parents: tuple[int, ...]


async def discover(environ: Mapping[str, str]) -> list[Found]:
    """All agents of this user that run now.

    Args:
        environ: The environment, for finding tmux and its servers.
    """
    candidates = await asyncio.to_thread(_candidates)
    if not candidates:
        return []
    terminals = await panes(environ)
    return [
        Found(
            process=one.process,
            agent=one.likeness.agent,
            cwd=one.cwd,
            tmux_pane=_pane(one, terminals),
            parents=one.parents,
        )
        for one in candidates
    ]


def _candidates() -> list[_Candidate]:
    uid = os.getuid()
    found = [
        one
        for pid in procfs.all_pids()
        if procfs.owner(pid) == uid and (one := _candidate(pid)) is not None
    ]
    return _without_wrappers(found)


def _candidate(pid: int) -> _Candidate | None:
    seen = likeness(procfs.program(pid), procfs.arguments(pid))
    process = procfs.identity(pid) if seen is not None else None
    if seen is None or process is None:
        return None
    return _Candidate(
        process=process, likeness=seen, cwd=procfs.folder(pid), parents=procfs.parents(pid)
    )


def _without_wrappers(found: Sequence[_Candidate]) -> list[_Candidate]:
    """Without scripts that have started the real program of the same agent."""
    started_by = {(one.parents[0], one.likeness.agent) for one in found if one.parents}
    return [
        one
        for one in found
        if not (one.likeness.by_script and (one.process.pid, one.likeness.agent) in started_by)
    ]


def _pane(one: _Candidate, terminals: Mapping[int, Pane]) -> str | None:
    for pid in (one.process.pid, *one.parents):
        if pid in terminals:
            return terminals[pid].id
    return None
