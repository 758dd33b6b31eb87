"""All sessions in a few figures, and those in a line for a status bar. Pure.

The line's shape is a text with names in braces. `{waiting}` is a figure; `{waiting: and more}` is
there only when that figure is not 0, and may have figures of its own in it. What is none of these
stays as it is. The hook client writes the same line, in C (`monitor/hooks/client.c`).
"""

from collections.abc import Iterable

import msgspec

from clawdforge.core.observed.states import HIBERNATED
from clawdforge.core.observed.views import ATTENTION, WORKING, SessionView

MOST = 10**15 - 1
"""Micro-dollars that are told: a thousand million dollars."""
CENT = 10_000
"""Micro-dollars."""
DEFAULT_SHAPE = "{active}↑ {waiting:{waiting}! }${cost}"
"""As `atm status` of 0.2.2: `3↑ 1! $4.20`."""
QUIET = "-"
"""The line when no monitor answers."""
MAX_DEPTH = 8


class Figures(msgspec.Struct, frozen=True, kw_only=True):
    """All sessions, counted."""

    sessions: int = 0
    working: int = 0
    idle: int = 0
    """Those that wait for a prompt."""
    asleep: int = 0
    """Those without a process: their next turn wakes them."""
    waiting: int = 0
    """Those that wait for a person."""
    cost_microusd: int = 0

    @property
    def active(self) -> int:
        """Those that need nobody now, and have a process."""
        return self.working + self.idle

    @property
    def cost(self) -> str:
        """What all of them have cost, in dollars: `4.20`."""
        cents = (self.cost_microusd + CENT // 2) // CENT
        return f"{cents // 100}.{cents % 100:02d}"


NAMES = ("active", "waiting", "working", "idle", "asleep", "sessions", "cost")
"""What a line's shape may name."""


def figures_of(views: Iterable[SessionView]) -> Figures:
    """Count what is shown."""
    return counted(
        (
            view.status,
            view.state,
            round(view.cost_usd * 1e6) if view.cost_microusd is None else view.cost_microusd,
        )
        for view in views
    )


def counted(sessions: Iterable[tuple[str, str, int]]) -> Figures:
    """Count them: of each the word of the old wire, the finer state, and micro-dollars."""
    working = idle = asleep = waiting = cost = 0
    for status, state, micros in sessions:
        if status == ATTENTION:
            waiting += 1
        elif status == WORKING:
            working += 1
        elif state == HIBERNATED:
            asleep += 1
        else:
            idle += 1
        cost += micros
    return Figures(
        sessions=working + idle + asleep + waiting,
        working=working,
        idle=idle,
        asleep=asleep,
        waiting=waiting,
        cost_microusd=min(max(cost, 0), MOST),
    )


def status_line(figures: Figures, shape: str = DEFAULT_SHAPE) -> str:
    """The line."""
    return _filled(figures, shape, 0)


def _filled(figures: Figures, shape: str, depth: int) -> str:
    parts, at = [], 0
    while (begin := shape.find("{", at)) >= 0:
        parts.append(shape[at:begin])
        end = _end(shape, begin)
        name, colon, inner = shape[begin + 1 : end].partition(":")
        if end < 0 or depth >= MAX_DEPTH or name not in NAMES:
            parts.append("{")
            at = begin + 1
            continue
        value = str(getattr(figures, name))
        if not colon:
            parts.append(value)
        elif value not in {"0", "0.00"}:
            parts.append(_filled(figures, inner, depth + 1))
        at = end + 1
    return "".join(parts) + shape[at:]


def _end(shape: str, begin: int) -> int:
    """Where the brace that opens at `begin` is closed; -1: nowhere."""
    depth = 0
    for at in range(begin, len(shape)):
        if shape[at] == "{":
            depth += 1
        elif shape[at] == "}":
            depth -= 1
            if depth == 0:
                return at
    return -1
