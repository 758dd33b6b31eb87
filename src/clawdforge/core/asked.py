"""What an agent asks for, as rules look at it: tool, command, places. Pure and lexical.

Paths are judged by their names alone: nobody looks at the disk. A symbolic link inside the
workspace counts as inside, wherever it leads.
"""

import json
import re
import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

from clawdforge.core.events import Ask

MAX_COMMAND_CHARS = 8192
MAX_PATHS = 64
MAX_PATH_CHARS = 4096
MAX_PATH_PARTS = 128

READ_KINDS = frozenset({"read", "search", "think"})
FILE_KINDS = frozenset({"read", "search", "edit", "delete", "move"})
READ_TOOLS = frozenset({"Read", "Glob", "Grep", "LS", "NotebookRead", "TodoRead", "TodoWrite"})
"""Of Claude Code, whose control protocol tells no kind."""
SEARCH_TOOLS = frozenset({"Glob", "Grep", "LS"})
PLACELESS_TOOLS = frozenset({"TodoRead", "TodoWrite"})
FILE_TOOLS = READ_TOOLS - PLACELESS_TOOLS | {"Edit", "MultiEdit", "NotebookEdit", "Write"}
RUNNING_TOOLS = frozenset({"Bash", "BashOutput", "KillBash", "KillShell", "PowerShell", "Task"})
NEVER_READS = (
    (FILE_TOOLS - READ_TOOLS) | RUNNING_TOOLS | {"WebFetch", "WebSearch", "Skill", "SlashCommand"}
)
QUESTIONS = frozenset({"AskUserQuestion", "EnterPlanMode", "ExitPlanMode"})
"""What is put to a person each time anew."""

_COMMAND_KEYS = ("command", "cmd", "script")
_PATH_KEYS = (
    "path", "paths", "file", "files", "file_path", "filePath", "filepath", "file_paths",
    "notebook_path", "abs_path", "absolute_path", "absolutePath", "dir", "dir_path", "directory",
    "source", "destination", "old_path", "new_path",
)  # fmt: skip
_SHELL = re.compile(r"(?:.*/)?(?:ba|da|k|z)?sh")
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:/")

Parts = tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """An `Ask`, read."""

    tool: str
    kind: str | None
    commands: tuple[str, ...]
    """What a shell would be told; several when the agent contradicts itself."""
    places: tuple[Parts | None, ...]
    """Absolute, without `..`; None: nobody can say where that is."""

    @property
    def runs(self) -> bool:
        """Whether a command is to be run, seen or not."""
        return bool(self.commands) or self.tool in RUNNING_TOOLS or self.kind == "execute"

    @property
    def is_about_files(self) -> bool:
        """Whether it has a place, told or not."""
        return self.tool in FILE_TOOLS or self.kind in FILE_KINDS

    @property
    def searches(self) -> bool:
        """Whether it looks through a folder: the workspace when it names none."""
        return self.tool in SEARCH_TOOLS or self.kind == "search"

    def reads_only_in(self, folder: Parts) -> bool:
        """Whether it changes nothing, and looks at nothing outside `folder`."""
        if self.runs or self.tool in NEVER_READS or self.tool.startswith("mcp__"):
            return False
        if self.kind not in READ_KINDS and not (
            self.kind in {None, "other"} and self.tool in READ_TOOLS
        ):
            return False
        if not self.places:
            return self.kind == "think" or self.tool in PLACELESS_TOOLS or self.searches
        return all(place is not None and is_inside(place, folder) for place in self.places)


def read(ask: Ask, cwd: str) -> Asked:
    """Read what is asked.

    Args:
        ask: From a driver; nothing in it is trusted to be well-formed.
        cwd: The workspace; relative paths start there.
    """
    named = tuple(dict.fromkeys([*ask.paths, *_paths_in(ask)]))
    places = tuple(place_of(path, cwd) for path in named[:MAX_PATHS])
    return Asked(
        tool=ask.tool,
        kind=ask.kind,
        commands=tuple(dict.fromkeys(_commands_in(ask.args))),
        places=places if len(named) <= MAX_PATHS else (*places, None),
    )


def place_of(path: str, cwd: str) -> Parts | None:
    """The absolute parts of a path, `..` taken away; None: nobody can say."""
    if path[:5].lower() == "file:":
        path = unquote(re.sub(r"^file:(?://(?:localhost)?(?=/))?", "", path, flags=re.IGNORECASE))
        if not path.startswith("/"):
            return None
    if not path or len(path) > MAX_PATH_CHARS or "\0" in path:
        return None
    if path.startswith("~") or _SCHEME.match(path):
        return None
    parts = normalised(path if path.startswith("/") else f"{cwd}/{path}")
    return parts if len(parts) <= MAX_PATH_PARTS else None


def normalised(path: str) -> Parts:
    """The parts of an absolute path, `.` and `..` taken away."""
    parts: list[str] = []
    for part in path.split("/"):
        if part == "..":
            del parts[-1:]
        elif part not in {"", "."}:
            parts.append(part)
    return tuple(parts)


def is_inside(place: Parts, folder: Parts) -> bool:
    """Whether `place` is the folder or below it."""
    return place[: len(folder)] == folder


def _paths_in(ask: Ask) -> Iterator[str]:
    args = ask.args
    if not isinstance(args, Mapping):
        return
    for key in _PATH_KEYS:
        value = args.get(key)
        for path in value if isinstance(value, list | tuple) else [value]:
            if isinstance(path, str):
                yield path
    pattern = args.get("pattern")
    if ask.tool.lower() == "glob" and isinstance(pattern, str):
        base = args.get("path")
        # A pattern goes where it says, whatever folder is named beside it.
        yield f"{base}/{pattern}" if isinstance(base, str) and pattern[:1] not in "/~" else pattern


def _commands_in(args: Any) -> Iterator[str]:
    if not isinstance(args, Mapping):
        return
    for key in _COMMAND_KEYS:
        value = args.get(key)
        if isinstance(value, str):
            yield value
        elif isinstance(value, list | tuple):
            yield _joined([part if isinstance(part, str) else json.dumps(part) for part in value])


def _joined(argv: list[str]) -> str:
    """What a shell would be told to do the same; the script itself of `sh -c SCRIPT`."""
    if len(argv) == 3 and _SHELL.fullmatch(argv[0]) and argv[1] in {"-c", "-lc"}:
        return argv[2]
    return shlex.join(argv)
