"""A run: what is asked, what comes of it, and how an agent's text becomes a JSON result."""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from clawdforge.core.names import Effort, SystemMode
from clawdforge.core.records import RunState
from clawdforge.core.usage import Usage

MAX_RESULT_DEPTH = 64
"""Deeper JSON stays text: clients need not fear for their parser's stack."""

# Both in time that grows with the length only: the text may be anything, and have megabytes.
_FENCE = re.compile(r"(`{3,}|~{3,})[^\n`]*\n")
_OPENERS = re.compile(r'"(?:[^"\\]|\\.)*+(?:"|\\?\Z)|[\[{]|[\]}]', re.DOTALL)


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRequest:
    """What an app asks for; None leaves the choice to the server."""

    prompt: str = field(repr=False)
    agent: str | None = None
    model: str | None = None
    system: str | None = field(default=None, repr=False)
    system_mode: SystemMode = "append"
    effort: Effort | None = None
    files: Sequence[str] = field(default=(), repr=False)
    """File tokens."""
    timeout_secs: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RunOutcome:
    """What came of a run that was started."""

    run_id: str
    state: RunState
    duration_ms: int
    result: Any = field(default=None, repr=False)
    """Any JSON value; only meaningful when `state` is `done`."""
    stop_reason: str | None = None
    error: str | None = None
    stderr: str = field(default="", repr=False)
    usage: Usage = field(default_factory=Usage)

    @property
    def ok(self) -> bool:
        """Whether there is a result."""
        return self.state is RunState.DONE


def strip_fence(text: str) -> str:
    """The text without a code fence around all of it, if there is one."""
    bare = text.strip()
    opening = _FENCE.match(bare)
    if opening is None:
        return text
    fence = opening[1]
    inside = bare[opening.end() :]
    body = inside.rstrip(fence[0])
    if len(inside) - len(body) < len(fence):
        return text
    body = body.rstrip(" \t").removesuffix("\n")
    if any(line.lstrip().startswith(fence) for line in body.splitlines()):
        return text
    return body


def whole_text(text: str) -> str:
    """The text with a mark for each half of a surrogate pair, which neither JSON nor SQLite takes.

    Agents write such halves where they cut a text in the middle of a character.
    """
    return text.encode("utf-8", "replace").decode()


def parse_result(text: str) -> Any:
    """An agent's final text as the JSON value it holds, else as text, a code fence removed."""
    bare = strip_fence(text)
    if _depth(bare) > MAX_RESULT_DEPTH:
        return bare
    try:
        value = json.loads(bare, parse_constant=_refuse, parse_float=_finite)
        json.dumps(value, ensure_ascii=False).encode()
    except (ValueError, RecursionError):
        return bare
    return value


def with_attachments(prompt: str, names: Sequence[str]) -> str:
    """The prompt, followed by where the attached files are; unchanged without any."""
    if not names:
        return prompt
    listed = "\n".join(f"- {name}" for name in names)
    return f"{prompt}\n\nAttached files, in the current folder:\n{listed}\n"


def attachment_name(number: int, original_name: str) -> str:
    """The name under which attachment `number` (from 1) stands in the working folder.

    Only the extension comes from the caller, and only if it is a plain one.
    """
    match = re.search(r"\.([A-Za-z0-9]{1,16})\Z", original_name)
    return f"attachment-{number}.{match[1].lower()}" if match else f"attachment-{number}"


def _refuse(constant: str) -> Any:
    raise ValueError(constant)


def _finite(digits: str) -> float:
    number = float(digits)
    if number in (float("inf"), float("-inf")):
        raise ValueError(digits)
    return number


def _depth(text: str) -> int:
    level = deepest = 0
    for match in _OPENERS.finditer(text):
        mark = match.group()[0]
        if mark in "[{":
            level += 1
            deepest = max(deepest, level)
        elif mark in "]}":
            level -= 1
    return deepest
