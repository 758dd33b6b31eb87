"""Conversations of Claude Code that a person has in a terminal, and ours that a person may have.

Everything is where Claude Code keeps it: transcripts in `projects/`, live records in `sessions/`.
"""

import fnmatch
import json
import os
import shutil
import stat
import uuid
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from clawdforge.agents.claude import transcripts
from clawdforge.agents.claude.driver import write_mcp_config, write_private
from clawdforge.agents.claude.history import History
from clawdforge.agents.claude.launch import terminal_arguments
from clawdforge.agents.claude.values import cost, count, text
from clawdforge.agents.driver import SessionSpec
from clawdforge.agents.lines import Program
from clawdforge.agents.terminal import Holder, Launch, Written
from clawdforge.core.handover import Past

MAX_LINE_BYTES = 16 * 1024 * 1024
"""A longer line is passed over."""
MAX_RECORD_BYTES = 256 * 1024
SYSTEM_FILE = "system.txt"
HOME_VARIABLES = ("HOME", "CLAUDE_CONFIG_DIR")


class ClaudeTerminal:
    """See the port for what each method promises.

    Args:
        program: As our own agent is started.
        sees: Variables (patterns) by which it is told where it is and who pays for it.
    """

    def __init__(self, program: Program, sees: tuple[str, ...]) -> None:
        self._program = program
        self._sees = (*sees, *HOME_VARIABLES)
        self._home = transcripts.home(program.env)

    def find(self, agent_session_id: str, home: Path | None = None) -> Written | None:
        """Look into that home, then into our own."""
        name = _name(agent_session_id)
        for place in dict.fromkeys((home, self._home)):
            if place is None or name is None:
                continue
            for path in sorted((place / "projects").glob(f"*/{name}.jsonl")):
                cwd = _folder_of(path)
                if cwd is not None:
                    return Written(
                        agent_session_id=name,
                        home=place,
                        path=path,
                        cwd=cwd,
                        is_ours=self._is_ours(place),
                    )
        return None

    def copy(self, written: Written, new_id: str) -> Written:
        """Copy the transcript, and those of its subagents."""
        assert self._home is not None
        folder = self._home / "projects" / written.path.parent.name
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        target = folder / f"{new_id}.jsonl"
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW
        with (
            written.path.open("rb") as source,
            os.fdopen(os.open(target, flags, 0o600), "wb") as file,
        ):
            for line in source:
                if line.endswith(b"\n"):  # the last one may be about to be written
                    file.write(line)
        others = written.path.with_suffix("")
        if others.is_dir():
            shutil.copytree(others, folder / new_id, dirs_exist_ok=True)
        return Written(
            agent_session_id=new_id, home=self._home, path=target, cwd=written.cwd, is_ours=True
        )

    def holders(self, agent_session_id: str, home: Path | None = None) -> Sequence[Holder]:
        """What the live records say."""
        found: list[Holder] = []
        for place in dict.fromkeys((home, self._home)):
            if place is not None:
                found += _holders(place / "sessions", agent_session_id)
        return found

    def extent(self, agent_session_id: str) -> tuple[int, int | None]:
        """The transcript's size, and the newest sum in it."""
        path, total, end = self._path(agent_session_id), None, 0
        if path is not None:
            for begin, line in _lines(path, 0):
                end = begin + len(line)
                if b'"cost-state"' in line:
                    total = cost(_parsed(line).get("totalCostUSD"))
        return end, total

    def read(self, agent_session_id: str, *, after: int, limit: int) -> Past:
        """Read the transcript on from there."""
        path, end, history = self._path(agent_session_id), after, History(limit)
        if path is not None:
            for begin, line in _lines(path, after):
                end = begin + len(line)
                history.feed(_parsed(line), begin)
        return history.past(end)

    def launch(self, spec: SessionSpec) -> Launch:
        """Start the same program, without the flags for programs."""
        known = spec.resume_id is not None and self._path(spec.resume_id) is not None
        system = None
        if not known and spec.system is not None:
            system = write_private(spec.tmp / SYSTEM_FILE, spec.system)
        flags = terminal_arguments(
            spec, is_known=known, mcp_config=write_mcp_config(spec), system_file=system
        )
        argv = (*self._program.argv, *flags, *self._program.extra_args)
        env = {**self._program.env, **spec.env}
        chosen = {name: env[name] for name in env if name in spec.env or self._is_seen(name)}
        return Launch(argv=argv, cwd=spec.cwd, env=chosen, without=self._sees)

    def _is_seen(self, name: str) -> bool:
        return any(fnmatch.fnmatchcase(name, pattern) for pattern in self._sees)

    def _is_ours(self, home: Path) -> bool:
        return self._home is not None and home.resolve() == self._home.resolve()

    def _path(self, agent_session_id: str) -> Path | None:
        name = _name(agent_session_id)
        if name is None or self._home is None:
            return None
        return next(iter(sorted((self._home / "projects").glob(f"*/{name}.jsonl"))), None)


def _name(agent_session_id: str) -> str | None:
    """The id as it may be part of a path; None: it is none."""
    try:
        return str(uuid.UUID(agent_session_id))
    except ValueError:
        return None


def _folder_of(path: Path) -> Path | None:
    """Where a conversation was begun; None: the file is not ours to read, or says nothing."""
    try:
        state = path.lstat()
        if not stat.S_ISREG(state.st_mode) or state.st_uid != os.geteuid():
            return None
        for _, line in _lines(path, 0):
            cwd = text(_parsed(line).get("cwd")) if b'"cwd"' in line else None
            if cwd is not None and cwd.startswith("/"):
                return Path(cwd)
    except OSError:
        return None
    return None


def _holders(folder: Path, agent_session_id: str) -> Iterator[Holder]:
    try:
        paths = [path for path in folder.iterdir() if path.suffix == ".json"]
    except OSError:
        return
    for path in paths:
        try:
            with path.open("rb") as file:
                record = _parsed(file.read(MAX_RECORD_BYTES))
        except OSError:
            continue
        pid = count(record.get("pid"))
        if record.get("sessionId") == agent_session_id and pid:
            start = text(record.get("procStart")) or ""
            tmux = text(record.get("tmux")) or ""
            yield Holder(
                pid=pid,
                start=int(start) if start.isascii() and start.isdecimal() else None,
                place=tmux.rpartition(".")[2] or None,
            )


def _lines(path: Path, after: int) -> Iterator[tuple[int, bytes]]:
    """The whole lines from an offset on, each with its own."""
    with path.open("rb") as file:
        file.seek(after)
        begin = after
        for line in file:
            if not line.endswith(b"\n"):
                return
            yield begin, line
            begin += len(line)


def _parsed(line: bytes) -> Mapping[str, Any]:
    if len(line) > MAX_LINE_BYTES:
        return {}
    try:
        value = json.loads(line)
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}
