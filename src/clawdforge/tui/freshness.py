"""How fresh the picture of each machine is, in words. Pure."""

from clawdforge.client.monitor_news import Machine
from clawdforge.core.texts import one_line
from clawdforge.tui.spans import EMPTY, Line, Span, wrapped
from clawdforge.tui.times import lasting

SILENT_SECS = 15.0
"""A machine that lives is heard of more often, if only by the answer to a question."""
REASON_CHARS = 200


def freshness(machine: Machine, now: float, *, plain: bool = False) -> Span:
    """A machine's state in a few words."""
    full, half, empty = ("*", "~", "o") if plain else ("●", "◐", "○")
    if machine.live:
        age = None if machine.heard_at is None else now - machine.heard_at
        if age is None or age < SILENT_SECS:
            return Span(f"{full} live", "good")
        return Span(f"{half} heard of {lasting(age)} ago", "warn")
    if not machine.reason:
        return Span(f"{empty} connecting", "warn")
    words = one_line(machine.reason, REASON_CHARS)
    if machine.heard_at is not None:
        words = f"away for {lasting(max(0.0, now - machine.heard_at))}: {words}"
    return Span(f"{empty} {words}{_again(machine, now)}", "bad")


def away_lines(machine: Machine, now: float, width: int, *, plain: bool = False) -> list[Line]:
    """All about it, with what to do."""
    state = freshness(machine, now, plain=plain)
    room = max(width - 2, 8)
    lines: list[Line] = [[Span(f" {part}", state.role)] for part in wrapped(state.text, room)]
    if machine.live and machine.since is not None:
        lines.append([Span(f" connected for {lasting(max(0.0, now - machine.since))}", "dim")])
    if not machine.live and machine.hint:
        hint = wrapped(one_line(machine.hint, 2 * REASON_CHARS), room)
        lines += [EMPTY, *([Span(f" {part}", "")] for part in hint)]
    if machine.tries > 1:
        text = f"Tried {machine.tries:,} times in a row. R tries it now."
        lines += [EMPTY, [Span(f" {text}", "dim")]]
    return lines


def away_count(machines: dict[str, Machine]) -> int:
    """How many are not heard of."""
    return sum(not machine.live for machine in machines.values())


def _again(machine: Machine, now: float) -> str:
    if machine.retry_at is None:
        return ""
    wait = machine.retry_at - now
    return ", trying again" if wait <= 0 else f", again in {lasting(wait + 0.99)}"
