"""Texts of others, made harmless and short, before people see them."""

import json
from typing import Any

_TELLING = ("command", "cmd", "file_path", "path", "pattern", "url", "query", "prompt")


def harmless(text: str) -> str:
    """The text without what could steer a terminal, or hide what stands there."""
    if text.isprintable():
        return text
    return "".join(
        c if c.isprintable() or c in "\n\t" else "\N{REPLACEMENT CHARACTER}" for c in text
    )


def one_line(text: str, limit: int = 100) -> str:
    """A text of others as one harmless line of at most `limit` characters."""
    line = " ".join(harmless(text[: limit * 20]).split())
    return line if len(line) <= limit else line[: limit - 1] + "…"


def in_short(args: Any, limit: int = 100) -> str:
    """What a tool is called with (any JSON), as people would say it: its command, its file."""
    if isinstance(args, dict):
        for key in _TELLING:
            value = args.get(key)
            if isinstance(value, str) and value.strip():
                return one_line(value, limit)
    if args is None or args in ({}, [], ""):
        return ""
    if isinstance(args, str):
        return one_line(args, limit)
    text = json.dumps(args, ensure_ascii=False, separators=(",", ":"), default=str)
    return one_line(text, limit)
