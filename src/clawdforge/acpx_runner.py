"""What code written for clawdforge 0.2 imports from here: helpers around `acpx`'s output.

They take and give raw ACP messages, as `acpx --format json` prints them. The driver itself is
`clawdforge.agents.acpx`; the events of a turn are made in `clawdforge.core.sdk_events`.
"""

import os
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from clawdforge.wire.framing import json_object


def _parse_ndjson(text: str) -> list[dict[str, Any]]:
    """The JSON objects of a text with one a line, in order; all other lines are skipped."""
    # Not splitlines: a JSON string may hold a line separator of Unicode's.
    lines = (line.encode("utf-8", "surrogatepass") for line in text.split("\n"))
    return [value for value in map(json_object, lines) if value is not None]


def _extract_stop_reason(events: Iterable[Mapping[str, Any]]) -> str | None:
    """The stop reason of the last answer that has one: those to `initialize` come before it."""
    found = None
    for event in events:
        match event:
            case {"result": {"stopReason": str(reason)}}:
                found = reason
    return found


def _format_prompt_with_files(prompt: str, paths: Sequence[str | os.PathLike[str]] | None) -> str:
    """The prompt, with where the attached files are before it; unchanged without any."""
    if not paths:
        return prompt
    listed = "\n".join(f"- {os.fspath(path)}" for path in paths)
    return f"Attached files:\n{listed}\n\n{prompt}"
