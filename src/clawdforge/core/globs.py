r"""Patterns of names, commands and paths: `*`, `?`, in paths also `**`; `\` takes a mark literally.

Patterns come from callers, so none may be slow: no backtracking, the time grows at most with the
pattern's length times the text's.
"""

import re
from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

ANY_PARTS = "**"
_MARKS = frozenset("*?\\()")
"""Escaped by `escape`: parentheses because they end the pattern of a tool's name."""
_TOKEN = re.compile(r"\\(.)|(\*+)|(.)", re.DOTALL)


class _Chunk(NamedTuple):
    """What stands between two `*`: text, or with `?` in it an expression of fixed length."""

    text: str | None
    expression: re.Pattern[str]
    length: int

    def stands_at(self, text: str, at: int) -> bool:
        if self.text is not None:
            return text.startswith(self.text, at)
        return self.expression.match(text, at) is not None

    def find(self, text: str, at: int) -> int:
        if self.text is not None:
            return text.find(self.text, at)
        found = self.expression.search(text, at)
        return found.start() if found else -1


def escape(text: str) -> str:
    """The pattern that matches exactly `text`."""
    return "".join(f"\\{char}" if char in _MARKS else char for char in text)


def literal(pattern: str) -> str | None:
    """The only text that the pattern matches; None when there are several."""
    chunks = _chunks(pattern)
    return chunks[0].text if len(chunks) == 1 else None


def matches(pattern: str, text: str) -> bool:
    """Whether the pattern fits the whole text."""
    first, *others = _chunks(pattern)
    if not first.stands_at(text, 0):
        return False
    at = first.length
    if not others:
        return at == len(text)
    *between, last = others
    for chunk in between:
        found = chunk.find(text, at)
        if found < 0:
            return False
        at = found + chunk.length
    end = len(text) - last.length
    return end >= at and last.stands_at(text, end)


def matches_path(pattern: Sequence[str], path: Sequence[str]) -> bool:
    """Whether the pattern's parts fit the path's parts; `**` stands for any number of parts."""
    at = here = taken = 0
    star = -1
    while here < len(path):
        if at < len(pattern) and pattern[at] == ANY_PARTS:
            star, taken = at, here
            at += 1
        elif at < len(pattern) and matches(pattern[at], path[here]):
            at += 1
            here += 1
        elif star >= 0:  # the newest `**` takes one more: an earlier one need never
            taken += 1
            at, here = star + 1, taken
        else:
            return False
    return all(part == ANY_PARTS for part in pattern[at:])


@lru_cache(maxsize=4096)
def _chunks(pattern: str) -> tuple[_Chunk, ...]:
    chunks: list[_Chunk] = []
    tokens: list[str | None] = []  # None: any character
    for escaped, stars, plain in _TOKEN.findall(pattern):
        if stars:
            chunks.append(_chunk(tokens))
            tokens = []
        else:
            tokens.append(None if plain == "?" else escaped or plain)
    return (*chunks, _chunk(tokens))


def _chunk(tokens: Sequence[str | None]) -> _Chunk:
    known = [token for token in tokens if token is not None]
    expression = "".join("." if token is None else re.escape(token) for token in tokens)
    return _Chunk(
        text="".join(known) if len(known) == len(tokens) else None,
        expression=re.compile(expression, re.DOTALL),
        length=len(tokens),
    )
