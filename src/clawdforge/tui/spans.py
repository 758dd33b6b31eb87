"""Lines of styled text, before anybody knows colours: pieces of text with a role each. Pure.

A role is a word, or several (`"need strong"`); `palettes` says what they look like.
"""

from collections.abc import Iterable, Sequence
from typing import NamedTuple, TypeAlias

from rich.cells import cell_len, set_cell_size

ELLIPSIS = "…"


class Span(NamedTuple):
    """A piece of a line."""

    text: str
    role: str = ""


Line: TypeAlias = Sequence[Span]
"""What stands in one line of the screen. Its texts hold no control characters."""

EMPTY: Line = ()


def line(text: str, role: str = "") -> Line:
    """A line of one piece."""
    return (Span(text, role),)


def width_of(pieces: Iterable[Span]) -> int:
    """How many cells a line takes."""
    return sum(cell_len(piece.text) for piece in pieces)


def cut(text: str, cells: int) -> str:
    """The text in at most so many cells; what is cut ends with an ellipsis."""
    if len(text) * 2 <= cells or cell_len(text) <= cells:
        return text
    if cells <= 1:
        return ELLIPSIS[:cells]
    kept = text[: cells - 1] if text.isascii() else set_cell_size(text, cells - 1)
    return kept.rstrip() + ELLIPSIS


def cut_start(text: str, cells: int) -> str:
    """The text in at most so many cells; of a longer one the end, which tells more of a path."""
    if cell_len(text) <= cells:
        return text
    if cells <= 0:
        return ""
    kept = text[-cells:]
    while cell_len(kept) > cells - 1:
        kept = kept[1:]
    return ELLIPSIS + kept


def padded(text: str, cells: int, *, right: bool = False) -> str:
    """The text in exactly so many cells."""
    text = cut(text, cells)
    blank = " " * (cells - cell_len(text))
    return blank + text if right else text + blank


def fitted(pieces: Line, cells: int) -> Line:
    """The line in at most so many cells."""
    room = cells
    kept: list[Span] = []
    for piece in pieces:
        size = cell_len(piece.text)
        if size > room:
            if room > 0:
                kept.append(Span(cut(piece.text, room), piece.role))
            return kept
        kept.append(piece)
        room -= size
    return kept


def spread(left: Line, right: Line, cells: int, *, gap: int = 1) -> Line:
    """A line with something at either end. The right end is whole, the left one gives way."""
    room = cells - width_of(right)
    if room <= 0:
        return fitted(right, cells)
    kept = fitted(left, max(0, room - gap))
    return [*kept, Span(" " * (room - width_of(kept))), *right]


def rule(title: str, cells: int) -> Line:
    """A line across, with a title in it."""
    head = cut(f" ─ {title} ", cells)
    return [Span(head, "faint"), Span("─" * max(0, cells - cell_len(head) - 2), "faint")]


def wrapped(text: str, cells: int) -> list[str]:
    """The text in lines of at most so many cells, broken at blanks where there are some."""
    cells = max(cells, 1)
    lines: list[str] = []
    for paragraph in text.split("\n"):
        paragraph = paragraph.expandtabs(4).rstrip()
        if cell_len(paragraph) <= cells:
            lines.append(paragraph)
        else:
            lines += _broken(paragraph, cells)
    return lines


def _broken(paragraph: str, cells: int) -> list[str]:
    indent = paragraph[: len(paragraph) - len(paragraph.lstrip())][: cells // 2]
    lines: list[str] = []
    current = indent
    for word in paragraph.split(" ") if not indent else paragraph.lstrip().split(" "):
        started = current.strip()
        longer = f"{current} {word}" if started else current + word
        if cell_len(longer) <= cells:
            current = longer
            continue
        if started:
            lines.append(current)
        *whole, current = _pieces(indent + word, cells)
        lines += whole
    return [*lines, current]


def _pieces(word: str, cells: int) -> list[str]:
    """A word that may be too long for a line."""
    pieces = []
    while cell_len(word) > cells:
        end = len(word)
        if end > cells:
            end = cells
        while end > 1 and cell_len(word[:end]) > cells:
            end -= 1
        pieces.append(word[:end])
        word = word[end:]
    return [*pieces, word]
