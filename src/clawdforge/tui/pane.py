"""The screen of a pane as lines of the dashboard: as it looks, its colours kept. Pure.

Takes what `tmux capture-pane -e -p` gives: text with SGR sequences (ECMA-48, 8.3.117; colours as
xterm has them), and SO/SI around characters of the VT100's line drawing set. Any other sequence,
and whatever else could steer a terminal, is taken out.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace

from clawdforge.core.texts import harmless
from clawdforge.tui.spans import EMPTY, Line, Span

MAX_LINES, MAX_CHARS = 500, 4000
"""Of a screen and of one of its lines (with its sequences); no terminal shows more."""

_CODES = re.compile(
    r"\x1b\[([0-9;:]*)m"  # SGR
    r"|\x1b\[[0-?]*[ -/]*[@-~]"  # another control sequence
    r"|\x1b[\]PX^_][^\x07\x1b]*(?:\x07|\x1b\\)?"  # a title, a link
    r"|\x1b[ -/]*[0-~]?"  # a shorter one
    r"|[\x0e\x0f]"  # SO, SI
)
_DRAWING = str.maketrans("jklmnqtuvwxaf`~oshyz{|}g", "┘┐┌└┼─├┤┴┬│▒°◆·⎺⎽▒≤≥π≠£±")
_BLANKS = {0x3000: "  ", **dict.fromkeys((0xA0, *range(0x2000, 0x200B), 0x202F, 0x205F), " ")}
"""Blanks of other kinds (Unicode's category Zs): agents write them, and they do no harm."""
_SET = {1: "b", 2: "d", 3: "i", 4: "u", 7: "r", 9: "s"}
"""By code: the attribute, in one letter as Rich knows it: palettes have roles named in words."""
_UNSET = {22: "bd", 23: "i", 24: "u", 27: "r", 29: "s"}


@dataclass(frozen=True, slots=True)
class _Pen:
    """How what follows is written."""

    fore: str = ""
    back: str = ""
    attributes: str = ""
    draws: bool = False
    """Whether letters stand for lines."""

    @property
    def role(self) -> str:
        """As a role of a span: words that no palette has, so they are taken as they are."""
        back = f"on+{self.back}" if self.back else ""
        return " ".join(word for word in (*self.attributes, self.fore, back) if word)


def screen_lines(text: str) -> list[Line]:
    """A screen, without the blank lines at its end."""
    pen = _Pen()
    lines: list[Line] = []
    for raw in text.split("\n")[:MAX_LINES]:
        line, pen = _line(raw[:MAX_CHARS], pen)
        lines.append(line)
    while lines and not "".join(span.text for span in lines[-1]).strip():
        lines.pop()
    return lines


def _line(raw: str, pen: _Pen) -> tuple[Line, _Pen]:
    spans: list[Span] = []
    for piece, codes in _pieces(raw):
        if piece:
            piece = harmless(piece.expandtabs(8).translate(_BLANKS))
            spans.append(Span(piece.translate(_DRAWING) if pen.draws else piece, pen.role))
        if codes in {"\x0e", "\x0f"}:
            pen = replace(pen, draws=codes == "\x0e")
        elif codes is not None:
            pen = _changed(pen, codes)
    if spans and not spans[-1].text.strip() and "on+" not in spans[-1].role:
        spans.pop()
    return spans or EMPTY, pen


def _pieces(raw: str) -> Iterator[tuple[str, str | None]]:
    """Texts, each with the codes after it."""
    at = 0
    for found in _CODES.finditer(raw):
        codes = found[0] if found[0] in {"\x0e", "\x0f"} else found[1]
        yield raw[at : found.start()], codes
        at = found.end()
    yield raw[at:], None


def _changed(pen: _Pen, codes: str) -> _Pen:
    """The pen after an SGR sequence."""
    # "4:3" is a kind of underline, "38:2::1:2:3" another way to write a colour.
    numbers = iter([part.split(":") for part in codes.split(";")])
    for parts in numbers:
        code = _number(parts[0])
        match code:
            case 0:
                pen = _Pen(draws=pen.draws)
            case _ if code in _SET:
                off = code == 4 and parts[1:] == ["0"]
                pen = replace(pen, attributes=_without(pen, _SET[code]) + _SET[code] * (not off))
            case _ if code in _UNSET:
                pen = replace(pen, attributes=_without(pen, _UNSET[code]))
            case 38 | 48 | 58:
                colour = _long_colour(parts[1:] or None, numbers)
                pen = _coloured(pen, code, colour)
            case 39:
                pen = replace(pen, fore="")
            case 49:
                pen = replace(pen, back="")
            case _ if 30 <= code <= 37 or 90 <= code <= 97:
                pen = replace(pen, fore=_indexed(code % 10 + (8 if code >= 90 else 0)))
            case _ if 40 <= code <= 47 or 100 <= code <= 107:
                pen = replace(pen, back=_indexed(code % 10 + (8 if code >= 100 else 0)))
            case _:
                pass
    return pen


def _coloured(pen: _Pen, code: int, colour: str) -> _Pen:
    if code == 58:  # an underline's own colour: not shown
        return pen
    return replace(pen, fore=colour) if code == 38 else replace(pen, back=colour)


def _long_colour(given: list[str] | None, rest: Iterator[list[str]]) -> str:
    """A colour of 256 (`5;n`), or any (`2;r;g;b`); empty: it is none."""
    if given is not None:
        kind, values = _number(given[0]), [_number(part) for part in given[1:] if part]
        values = values[-3:] if kind == 2 else values
    else:
        kind = _number(next(rest, ["0"])[0])
        values = [_number(next(rest, ["0"])[0]) for _ in range({5: 1, 2: 3}.get(kind, 0))]
    if kind == 5 and values and values[0] <= 255:
        return _indexed(values[0])
    if kind == 2 and len(values) == 3 and max(values) <= 255:
        return "#{:02x}{:02x}{:02x}".format(*values)
    return ""


def _indexed(number: int) -> str:
    return f"color({number})"


def _without(pen: _Pen, letters: str) -> str:
    return "".join(letter for letter in pen.attributes if letter not in letters)


def _number(text: str) -> int:
    return int(text[:6]) if text.isascii() and text[:6].isdecimal() else 0
