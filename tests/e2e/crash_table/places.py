"""Where the server can be killed: names for places in the product, put there from outside.

`install` wraps functions of the real product. A place is called `before X` or `after X`, and X is
one of these:

* `COMMIT of EVENT`: the transaction that makes an event durable, by the event's type; `COMMIT of
  JOB` for those that write something else (`claim`, `create_session`, `release` …). On both sides
  of SQLite's own COMMIT.
* `publish of EVENT`: it is durable, and handed to those who watch.
* an effect of the session machine (`core/session_effects.py`), as the actor carries it out:
  `StartAgent`, `Send`, `Reply`, `TellCancel` …
* `input Text` (or another event of the agent): it was read, and is not stored.
* what is done with processes, folders and settings: see `_CALLS`.
"""

import functools
import importlib
import inspect
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from crash_table.trap import Trap

Found = Iterator[tuple[str, str | None]]
"""The names of places that a call comes past, each with the session that it is about."""
Look = Callable[..., Found]

_SESSIONS = "clawdforge.gateway.sessions"


def _named(name: str, session_of: Callable[..., str | None] = lambda *_: None) -> Look:
    def look(*args: Any, **_: Any) -> Found:
        yield name, session_of(*args)

    return look


def _of_row(_: Any, session: Any, *__: Any) -> str:
    return str(session.session_id)


def _of_target(_: Any, __: Any, target: Any) -> str:
    return str(target.session_id)


def _of_actor(actor: Any, *_: Any) -> str:
    return str(actor.session_id)


def _effect(actor: Any, effect: Any) -> Found:
    yield type(effect).__name__, actor.session_id


def _input(actor: Any, input_: Any) -> Found:
    told = input_.event if hasattr(input_, "event") else input_
    yield f"input {type(told).__name__}", actor.session_id


def _published(_: Any, session_id: str, events: Sequence[Any]) -> Found:
    for event in events:
        yield f"publish of {event.type}", session_id


def _process(_: Any, command: Any) -> Found:
    if command.cwd.name == "work":
        yield "start of a process", command.cwd.parent.name
    else:
        yield "start of a forgetting process", None


_CALLS: Sequence[tuple[str, str, Look]] = (
    (f"{_SESSIONS}.actor", "SessionActor._tell", _effect),
    (f"{_SESSIONS}.actor", "SessionActor._do", _effect),
    (f"{_SESSIONS}.actor", "SessionActor._on", _input),
    (f"{_SESSIONS}.actor", "SessionActor.set", _named("telling a setting", _of_actor)),
    (f"{_SESSIONS}.hub", "Hub.publish", _published),
    (f"{_SESSIONS}.specs", "Specs.make", _named("making the folders", _of_row)),
    (f"{_SESSIONS}.specs", "Specs.copy", _named("copying the folders", _of_target)),
    (f"{_SESSIONS}.specs", "Specs.stage", _named("copying the files", _of_row)),
    (f"{_SESSIONS}.specs", "Specs.forget", _named("forgetting", _of_row)),
    (f"{_SESSIONS}.specs", "Specs.remove", _named("removing the folders", _of_row)),
    (f"{_SESSIONS}.supervisor", "Supervisor.recover", _named("recovery")),
    (f"{_SESSIONS}.lease", "Lease.end", _named("giving up the lease")),
    ("clawdforge.processes.launcher", "Processes.start", _process),
)


def install(trap: Trap) -> None:
    """Put all places into the product; to be called before the server starts.

    Raises:
        AttributeError: the product has changed, and a place is not there any more.
    """
    for module, path, look in _CALLS:
        owner_name, name = path.split(".")
        owner = getattr(importlib.import_module(module), owner_name)
        setattr(owner, name, _around(getattr(owner, name), look, trap))
    _watch_ends(trap)
    lanes = importlib.import_module("clawdforge.store.sqlite_lanes")
    lanes.commit_together = _watched_commits(lanes.commit_together, trap)  # type: ignore[attr-defined]


def _around(call: Callable[..., Any], look: Look, trap: Trap) -> Callable[..., Any]:
    def pass_by(side: str, args: Iterable[Any]) -> None:
        for name, session in look(*args):
            trap.reached(f"{side} {name}", session)

    if inspect.iscoroutinefunction(call):

        @functools.wraps(call)
        async def waiting(*args: Any, **more: Any) -> Any:
            pass_by("before", args)
            result = await call(*args, **more)
            pass_by("after", args)
            return result

        return waiting

    @functools.wraps(call)
    def calling(*args: Any, **more: Any) -> Any:
        pass_by("before", args)
        result = call(*args, **more)
        pass_by("after", args)
        return result

    return calling


def _watch_ends(trap: Trap) -> None:
    """`after end of a process`: nothing is left of it, and nobody knows yet."""
    launcher = importlib.import_module("clawdforge.processes.launcher")
    spawn, end = launcher.Processes._spawn, launcher.Processes._end
    cwds: dict[Any, Path] = {}

    async def spawning(self: Any, command: Any, mark: str) -> Any:
        child = await spawn(self, command, mark)
        cwds[child] = command.cwd
        return child

    async def ending(self: Any, child: Any, **more: Any) -> Any:
        rung = await end(self, child, **more)
        cwd = cwds.pop(child, None)
        trap.reached("after end of a process", cwd.parent.name if cwd else None)
        return rung

    launcher.Processes._spawn, launcher.Processes._end = spawning, ending


class _Connection:
    """A connection of SQLite that says when it comes to its COMMIT."""

    def __init__(self, real: sqlite3.Connection, jobs: Sequence[Any], trap: Trap) -> None:
        self._real = real
        self._found = [place for job in jobs for place in _written(job.work)]
        self._trap = trap

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real, name)

    def execute(self, statement: str, *values: Any) -> Any:
        if statement != "COMMIT":
            return self._real.execute(statement, *values)
        for name, session in self._found:
            self._trap.reached(f"before COMMIT of {name}", session)
        done = self._real.execute(statement)
        for name, session in self._found:
            self._trap.reached(f"after COMMIT of {name}", session)
        return done


def _watched_commits(commit: Callable[..., None], trap: Trap) -> Callable[..., None]:
    def commit_together(connection: sqlite3.Connection, jobs: Sequence[Any]) -> None:
        commit(_Connection(connection, jobs, trap), jobs)

    return commit_together


def _written(work: Any) -> Found:
    """What a job of the ledger writes, see `clawdforge.store.sqlite_sessions`."""
    job: Any = getattr(work, "func", work)
    args: Any = getattr(work, "args", ())
    match job.__name__:
        case "append":
            for entry in args[0]:
                for event in entry.events:
                    yield event.type, entry.session_id
        case "create_session":
            yield job.__name__, args[0].session_id
        case "claim" | "release" | "delete_session":
            yield job.__name__, args[0]
        case name:
            yield name, None
