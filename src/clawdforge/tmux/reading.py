"""Finds the question that stands open on an agent's screen. Pure.

Only what stands at the very bottom is open: a menu with a cursor, perhaps with hints on its keys
below, or a line that ends with `(y/n)`. What looks like one further up is a transcript. Tested
with screens of claude 2.1.329; the marks of other agents are known too.
"""

import re
from collections.abc import Sequence

from clawdforge.tmux.questions import CURSORS, POINTERS, OpenQuestion, Option

TAIL_LINES = 15
"""How much is shown of a screen on which no question is found."""
MAX_LINES = 100
MAX_GAP = 6
"""How far below an option the next may stand: wrapped labels, descriptions, separators."""
_NUMBERED = re.compile(
    rf"^\s*(?P<cursor>[{CURSORS}])?\s*(?P<number>\d{{1,2}})[.)]\s+(?P<label>\S.*)$"
)
_POINTED = re.compile(rf"^\s*[{POINTERS}]\s+(?P<label>\S.*)$")
_TICK = re.compile(r"^\[(?P<mark>.)\]\s+")
_HINT = re.compile(
    r"\b(esc|enter|tab|ctrl|shift|arrow)\b|[←→↑↓]/[←→↑↓]|\bto navigate\b", re.IGNORECASE
)
_ENTER = re.compile(r"\benter to (confirm|select|continue)\b", re.IGNORECASE)
_ESCAPE = re.compile(r"\besc(ape)?\b", re.IGNORECASE)
_YES_OR_NO = re.compile(
    r"(\(y/n\)|\[y/n\]|\(yes/no\)|\[yes/no\]|\(y\)es\b.{0,60}\(n\)o\b)(.{0,60}[]:?)>])?\s*$",
    re.IGNORECASE,
)
_RULE = re.compile(r"^\s*[─━▔═]{8,}\s*$")
_TOP = ("╭", "┌")
_BOTTOM = ("╰", "└")


def open_question(screen: str) -> OpenQuestion | None:
    """The question that stands open; None: there is none that is known.

    Args:
        screen: The visible lines of the pane, without colours.
    """
    lines = [_unframed(line) for line in screen.rstrip().split("\n")][-MAX_LINES:]
    if not lines[-1].strip() and len(lines) == 1:
        return None
    return _menu(lines) or _unnumbered(lines) or _yes_or_no(lines)


def last_lines(screen: str, count: int = TAIL_LINES) -> str:
    """The last lines: what is shown when no question is found."""
    return "\n".join(screen.rstrip().split("\n")[-count:])


# --- menus with numbers -----------------------------------------------------------------------


def _menu(lines: Sequence[str]) -> OpenQuestion | None:
    end = _last_option(lines)
    places = _options_up(lines, end) if end is not None else []
    if end is None or len(places) < 2:
        return None  # one alone is a prompt that begins with a number
    pointed = [at for at in places if _numbered(lines[at])[0]]
    steps = _steps(lines, places)
    on_button = any(_is_button(lines[at]) and _POINTED.match(lines[at]) for at in steps)
    if len(pointed) + on_button != 1:
        return None  # a list, no menu
    return OpenQuestion(
        kind="menu",
        lines=_block(lines, places[0]),
        options=tuple(_option(*_numbered(lines[at])[1:]) for at in places),
        cursor=_numbered(lines[pointed[0]])[1] if pointed else None,
        steps=tuple(0 if _is_button(lines[at]) else _numbered(lines[at])[1] for at in steps),
        cancels=any(_ESCAPE.search(line) for line in lines[end + 1 :]),
    )


def _last_option(lines: Sequence[str]) -> int | None:
    """Where the last option stands; None: something else is at the bottom."""
    for at in range(len(lines) - 1, max(-1, len(lines) - 1 - 2 * MAX_GAP), -1):
        if _NUMBERED.match(lines[at]):
            column = _column(lines[at]) or 0
            return at if all(_may_follow(line, column) for line in lines[at + 1 :]) else None
        if _is_input_box(lines, at):
            return None
    return None


def _may_follow(line: str, column: int) -> bool:
    """Whether a line may stand below the last option: more of it, a hint, a border."""
    if not line.strip() or _RULE.match(line) or _starts(line, _BOTTOM) or _HINT.search(line):
        return True
    return (_column(line) or 0) > column


def _options_up(lines: Sequence[str], end: int) -> list[int]:
    """Where the options stand, top to bottom, from 1 to the one at `end`; empty: they do not."""
    places = [end]
    at = end
    while (number := _numbered(lines[places[0]])[1]) > 1:
        at -= 1
        if at < 0 or places[0] - at > MAX_GAP:
            return []
        if _NUMBERED.match(lines[at]) and _numbered(lines[at])[1] == number - 1:
            places.insert(0, at)
    return places if number == 1 else []


def _steps(lines: Sequence[str], places: Sequence[int]) -> list[int]:
    """Where the cursor stops: at options, and at a button among them."""
    between = range(places[0], places[-1] + 1)
    return [at for at in between if at in places or _is_button(lines[at])]


def _is_button(line: str) -> bool:
    """`Submit`, below the options of a question with several answers."""
    return line.strip(f" {POINTERS}") == "Submit"


def _numbered(line: str) -> tuple[bool, int, str]:
    match = _NUMBERED.match(line)
    assert match is not None
    return bool(match["cursor"]), int(match["number"]), match["label"]


def _option(number: int, label: str) -> Option:
    tick = _TICK.match(label)
    if tick is None:
        return Option(number=number, label=label.strip())
    is_ticked = bool(tick["mark"].strip())
    return Option(number=number, label=label[tick.end() :].strip(), ticked=is_ticked)


# --- menus without numbers --------------------------------------------------------------------


def _unnumbered(lines: Sequence[str]) -> OpenQuestion | None:
    """A menu whose options have no numbers: right above a hint which says that it is one."""
    end = len(lines) - 1
    if _ENTER.search(lines[end]) is None:
        return None
    last = end - 1
    while last > 0 and not lines[last].strip():
        last -= 1
    near = range(last, max(-1, last - 2 * MAX_GAP), -1)
    pointed = next((at for at in near if _POINTED.match(lines[at])), None)
    if pointed is None:
        return None
    match = _POINTED.match(lines[pointed])
    assert match is not None
    column = match.start("label")
    if any(_column(lines[at]) != column for at in range(pointed + 1, last + 1)):
        return None
    first = pointed
    while first > 0 and _column(lines[first - 1]) == column:
        first -= 1
    labels = [lines[at][column:] for at in range(first, last + 1)]
    options = tuple(_option(number, label) for number, label in enumerate(labels, start=1))
    return OpenQuestion(
        kind="menu",
        lines=_block(lines, first),
        options=options,
        cursor=pointed - first + 1,
        steps=tuple(one.number for one in options),
        cancels=_ESCAPE.search(lines[end]) is not None,
    )


def _column(line: str) -> int | None:
    return len(line) - len(line.lstrip()) if line.strip() else None


# --- yes or no --------------------------------------------------------------------------------


def _yes_or_no(lines: Sequence[str]) -> OpenQuestion | None:
    if _YES_OR_NO.search(lines[-1]) is None:
        return None
    first = len(lines) - 1
    while first > 0 and lines[first - 1].strip() and len(lines) - first < TAIL_LINES:
        first -= 1
    options = (Option(number=1, label="yes"), Option(number=2, label="no"))
    return OpenQuestion(kind="yes_no", lines=tuple(lines[first:]), options=options)


# --- what belongs to it -----------------------------------------------------------------------


def _block(lines: Sequence[str], first: int) -> tuple[str, ...]:
    """The question with everything that belongs to it: from the rule above it on."""
    tops = (
        at for at in range(first - 1, -1, -1) if _RULE.match(lines[at]) or _starts(lines[at], _TOP)
    )
    top = next(tops, max(0, first - TAIL_LINES) - 1)
    kept = [line for line in lines[top + 1 :] if not _starts(line, _BOTTOM)]
    while kept and not kept[0].strip():
        kept.pop(0)
    while kept and not kept[-1].strip():
        kept.pop()
    return tuple(kept)


def _is_input_box(lines: Sequence[str], at: int) -> bool:
    """Whether a prompt is typed there: then nothing above it is open."""
    if lines[at].strip()[:1] not in {*POINTERS, ">"}:
        return False
    around = [*lines[max(0, at - 1) : at], *lines[at + 1 : at + 2]]
    return any(_RULE.match(line) or _starts(line, (*_TOP, *_BOTTOM)) for line in around)


def _starts(line: str, signs: Sequence[str]) -> bool:
    return line.strip()[:1] in signs


def _unframed(line: str) -> str:
    """A line without the sides of a frame around it."""
    line = line.rstrip()
    if line.lstrip()[:1] not in {"│", "┃"}:
        return line
    return re.sub(r"\s*[│┃]$", "", re.sub(r"^(\s*)[│┃]", r"\1 ", line))
