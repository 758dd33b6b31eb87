"""A question that stands open on an agent's screen, and what its answers are. Pure."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

POINTERS = "\N{HEAVY RIGHT-POINTING ANGLE QUOTATION MARK ORNAMENT}\u203a\u25b6"
CURSORS = f"{POINTERS}\u2192\u25cf>"
"""What agents put before the option that Enter takes."""
_CURSOR = re.compile(rf"(?m)^(\s*)[{CURSORS}](?=\s)")
_TICK = re.compile(r"(?m)^(\s*\S?\s*\d{1,2}[.)]\s+)\[.\]")


@dataclass(frozen=True, slots=True, kw_only=True)
class Option:
    """One of the answers that a question offers."""

    number: int
    label: str
    ticked: bool | None = None
    """Where several may be taken: whether this one is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenQuestion:
    """What an agent asks now, and how it is answered."""

    kind: Literal["menu", "yes_no"]
    """`menu`: with the arrow keys and Enter; `yes_no`: by typing `y` or `n` and Enter."""
    lines: tuple[str, ...] = field(repr=False)
    """All of it, as it stands there, without blank lines at its ends."""
    options: tuple[Option, ...] = ()
    cursor: int | None = None
    """The number of the option that Enter would take; None: it is on something else."""
    steps: tuple[int, ...] = ()
    """Where the arrow keys stop, top to bottom: numbers of options; 0 is a button without one."""
    cancels: bool = False
    """It says that Escape refuses it."""

    @property
    def text(self) -> str:
        """All of it."""
        return "\n".join(self.lines)

    @property
    def topic(self) -> str:
        """What makes it this question and no other: all but the cursor, the ticks and the hints."""
        until = next((at for at, line in enumerate(self.lines) if _is_hint(line)), len(self.lines))
        text = _CURSOR.sub(r"\1 ", "\n".join(self.lines[:until]))
        return _TICK.sub(r"\1[ ]", text)

    def option(self, number: int) -> Option | None:
        """The option with this number."""
        return next((one for one in self.options if one.number == number), None)

    def meaning(self, *, yes: bool) -> Option | None:
        """The first option that says yes, or the last that says no; None: none does."""
        word = "yes" if yes else "no"
        found = [one for one in self.options if _first_word(one.label) == word]
        return (found[0] if yes else found[-1]) if found else None

    def way(self, number: int) -> int | None:
        """How often to press Down (negative: Up) to be on an option; None: that is not known."""
        here = self.cursor or 0
        if here not in self.steps or number not in self.steps:
            return None
        return self.steps.index(number) - self.steps.index(here)


def options_line(options: Sequence[Option]) -> str:
    """The options as one line, for messages."""
    return ", ".join(f"{one.number} {one.label}" for one in options)


def _is_hint(line: str) -> bool:
    return re.match(r"\s*(esc|enter|tab)\b.{0,20}\bto\b", line, re.IGNORECASE) is not None


def _first_word(label: str) -> str:
    return re.split(r"\W", label.strip().lower(), maxsplit=1)[0]
