"""Rules of a policy: which questions of an agent they are about. Pure.

A rule that allows must fit all that is asked; one that refuses or asks fits when a part does.
"""

import re
import unicodedata
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

from clawdforge.core import globs
from clawdforge.core.asked import MAX_COMMAND_CHARS, Asked, Parts

Action = Literal["allow", "deny", "ask"]
MAX_PATTERN_PARTS = 16

_SHELL_MARKS = re.compile(r"[;&|<>`()\x00-\x08\x0a-\x1f\x7f]|\$[({]")
"""A command with one of these is more than one program with arguments."""
_SEPARATORS = re.compile(r"[;&|<>`(){}\r\n]+|\$[({]")
_ASSIGNMENT = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\+?=\S*")
_CARRIERS = frozenset(
    {
        *("sudo", "doas", "env", "command", "builtin", "exec", "eval", "nohup", "nice", "time"),
        *("timeout", "xargs", "then", "do", "else", "if", "while", "until", "!"),
        *("sh", "bash", "dash", "zsh", "ksh"),
    }
)
"""Words that run the command behind them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """What happens when a tool is used: the first rule that fits decides.

    `tool` is a pattern of the tool's name, upper and lower case distinguished; behind it may
    stand, in parentheses, a pattern of its command (`Bash(git *)`) or, for tools without one, of
    its path (`Edit(src/**)`). `path` is a pattern too, beginning in the workspace, or at `/`.
    """

    tool: str
    action: Action
    path: str | None = None


def fits(rule: Rule, asked: Asked, cwd: Parts) -> bool:
    """Whether the rule is about what is asked."""
    name, detail = split_tool(rule.tool)
    if not globs.matches(name, asked.tool):
        return False
    lenient = rule.action != "allow"
    if detail is not None:
        about_paths = asked.is_about_files and not asked.runs
        if not (
            _paths_fit(detail, asked, cwd, lenient=lenient)
            if about_paths
            else _commands_fit(detail, asked, lenient=lenient)
        ):
            return False
    return rule.path is None or _paths_fit(rule.path, asked, cwd, lenient=lenient)


@lru_cache(maxsize=1024)
def split_tool(pattern: str) -> tuple[str, str | None]:
    """The pattern of the tool's name, and the one in parentheses behind it."""
    for index, char in enumerate(pattern):
        if char == "(" and not _is_escaped(pattern, index):
            if pattern.endswith(")") and not _is_escaped(pattern, len(pattern) - 1):
                return pattern[:index], pattern[index + 1 : -1]
            break
    return pattern, None


@lru_cache(maxsize=1024)
def path_parts(pattern: str) -> tuple[bool, Parts]:
    """Whether a path's pattern begins at `/`, and its parts."""
    parts = tuple(part for part in pattern.split("/") if part not in {"", "."})
    return pattern.startswith("/"), parts


def is_simple(command: str) -> bool:
    """Whether it is one program with arguments, as far as anybody can tell without a shell.

    Marks in quotes count too: who judges quoting must do it exactly as the shell does.
    """
    return len(command) <= MAX_COMMAND_CHARS and _SHELL_MARKS.search(command) is None


def _commands_fit(pattern: str, asked: Asked, *, lenient: bool) -> bool:
    if not asked.commands:
        return lenient and asked.runs  # it may be the one
    if lenient:
        return any(_may_run(pattern, command) for command in asked.commands)
    return all(_is_exactly(pattern, command) for command in asked.commands)


def _is_exactly(pattern: str, command: str) -> bool:
    text = globs.literal(pattern)
    if text is not None:
        return text == command
    return is_simple(command) and _command_matches(pattern, command)


def _may_run(pattern: str, command: str) -> bool:
    """Whether the command, or a part of it, is what the pattern means. A hint, not a fence."""
    if len(command) > MAX_COMMAND_CHARS or _command_matches(pattern, command):
        return True
    bare = re.sub(r"\\\n|['\"\\]", "", command)
    for part in _SEPARATORS.split(bare):
        words = part.split()
        while words:
            words[0] = words[0].rpartition("/")[2] or words[0]
            if _command_matches(pattern, " ".join(words)):
                return True
            carried = words[0] in _CARRIERS or _ASSIGNMENT.fullmatch(words[0])
            if not carried and not words[0].startswith("-"):
                break
            del words[0]
    return False


def _command_matches(pattern: str, command: str) -> bool:
    """`git *` and `git:*` also fit `git` alone, and never `gitk`."""
    command = command.strip(" \t")
    if pattern.endswith(":*"):
        pattern = f"{pattern[:-2]} *"
    bare = pattern[:-2] if pattern.endswith(" *") else None
    return globs.matches(pattern, command) or (bare is not None and globs.matches(bare, command))


def _paths_fit(pattern: str, asked: Asked, cwd: Parts, *, lenient: bool) -> bool:
    if not asked.places:
        if lenient and asked.is_about_files and not asked.searches:
            return True  # it has a path, and does not tell
        return asked.searches and _path_matches(pattern, cwd, cwd, lenient=lenient)
    hits = (_path_matches(pattern, place, cwd, lenient=lenient) for place in asked.places)
    return any(hits) if lenient else all(hits)


def _path_matches(pattern: str, place: Parts | None, cwd: Parts, *, lenient: bool) -> bool:
    if place is None:
        return lenient
    absolute, parts = path_parts(pattern)
    if len(parts) > MAX_PATTERN_PARTS:
        return lenient
    if not absolute:
        if place[: len(cwd)] != cwd:
            return False
        place = place[len(cwd) :]
    if globs.matches_path(parts, place):
        return True
    if not lenient:
        return False
    # On some disks these name the same file.
    return globs.matches_path(tuple(map(_folded, parts)), tuple(map(_folded, place)))


def _folded(part: str) -> str:
    return unicodedata.normalize("NFC", part.casefold())


def _is_escaped(text: str, index: int) -> bool:
    before = text[:index]
    return (len(before) - len(before.rstrip("\\"))) % 2 == 1


def rule_like(asked: Asked, cwd: Parts, action: Action) -> Rule | None:
    """The rule of an answer that is to hold from now on; None: nothing is remembered.

    As narrow as can be: a command exactly as it stands; a tool for the files of one folder, not
    below it; a search of that very place. Only a tool without command and path as a whole.
    """
    tool = globs.escape(asked.tool)
    if asked.runs:
        if len(asked.commands) != 1:
            return None
        return Rule(tool=f"{tool}({globs.escape(asked.commands[0])})", action=action)
    if not asked.places and not asked.is_about_files:
        return Rule(tool=tool, action=action)
    places = asked.places or ((cwd,) if asked.searches else ())
    patterns = {_pattern_around(place, cwd, exactly=asked.searches) for place in places}
    if len(patterns) != 1 or None in patterns:
        return None
    return Rule(tool=tool, path=patterns.pop(), action=action)


def _pattern_around(place: Parts | None, cwd: Parts, *, exactly: bool) -> str | None:
    if not place or (not exactly and place == cwd):
        return None
    inside = place[: len(cwd)] == cwd
    parts = [globs.escape(part) for part in (place[len(cwd) :] if inside else place)]
    if not exactly:
        parts[-1] = "*"
    return "/".join(parts) or "." if inside else "/" + "/".join(parts)
