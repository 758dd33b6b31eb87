"""How a session's state is shown: a sign, a colour's role, a few words. Pure.

Each state differs by its sign and its words, not by colour alone.
"""

from dataclasses import dataclass, replace

from clawdforge.core.observed.views import ATTENTION, IDLE, WORKING, SessionView
from clawdforge.core.texts import one_line
from clawdforge.tui.times import since

SILENT_SECS = 60.0
"""Work without any sign of life for so long is said to be silent: a retry, or a hang."""
DETAIL_CHARS = 40
ASK_TOOL = "AskUserQuestion"
"""Claude Code's tool that asks the user; its input has the answers to choose from."""
CONTEXT_FULL, CONTEXT_FILLING = 90.0, 50.0


@dataclass(frozen=True, slots=True)
class Look:
    """How one state looks."""

    sign: str
    plain: str
    """The sign where there are only ASCII characters."""
    role: str
    words: str


_UNKNOWN = Look("·", ".", "rest", "")
_LOOKS = {
    "permission": Look("!", "!", "need", "asks"),
    "input": Look("?", "?", "need", "asks you"),
    ATTENTION: Look("!", "!", "need", "needs you"),
    "working": Look("●", "*", "work", "works"),
    "tool": Look("●", "*", "work", "tool"),
    "compacting": Look("●", "*", "work", "compacts"),
    "background": Look("◐", "~", "work", "background"),
    "starting": Look("◌", "o", "rest", "starts"),
    "idle": Look("○", "o", "rest", "idle"),
    "scheduled": Look("○", "o", "rest", "scheduled"),
    "interrupted": Look("○", "o", "rest", "interrupted"),
    "error": Look("✗", "x", "bad", "failed"),
    "hibernated": Look("·", ".", "faint", "asleep"),
    "ended": Look("·", ".", "faint", "ended"),
}
ALL_STATES = frozenset(_LOOKS) - {ATTENTION}
_BY_STATUS = {ATTENTION: ATTENTION, WORKING: "working", IDLE: "idle"}
_TELLING = {"Thinking": "thinks", "ExitPlanMode": "has a plan", "MCP Input": "has a form"}
"""Details that say it better than the state, in words of ours."""


def state_of(view: SessionView) -> str:
    """The finer state; of a daemon that tells none, what its three words say."""
    return view.state or _BY_STATUS.get(view.status, view.status)


def look(view: SessionView) -> Look:
    """How a session looks."""
    found = _LOOKS.get(state_of(view), _UNKNOWN)
    return replace(found, role="faint") if view.stale else found


def needs_person(view: SessionView) -> bool:
    """Whether somebody has to do something for it to go on. A full context is no reason.

    What a machine asked that is not heard of any more, nobody can answer.
    """
    return view.status == ATTENTION and not view.stale


def is_working(view: SessionView) -> bool:
    """Whether it is at work."""
    return view.status == WORKING and not view.stale


def doing(view: SessionView, asks_for: str | None = None) -> str:
    """What it does, in a word or two; `asks_for` is the tool that it wants to use, where known."""
    state = state_of(view)
    words = look(view).words or one_line(state, DETAIL_CHARS)
    detail = one_line(view.activity_detail or "", DETAIL_CHARS)
    if state == "tool" and detail:
        return detail
    if asks_for == ASK_TOOL:
        return _LOOKS["input"].words
    if asks_for and needs_person(view):
        return f"{words}: {one_line(asks_for, DETAIL_CHARS)}"
    return _TELLING.get(detail, words) if state in {"working", "input"} else words


def silent_secs(view: SessionView, now: float) -> float | None:
    """How long a session that works has been silent; None: it is not silent, or does not work.

    Of one that a server drives, not everything is heard, so its silence says nothing.
    """
    driven = view.session is not None or view.source == "gateway"
    if driven or not is_working(view) or state_of(view) != "working":
        return None
    secs = since(view.last_activity, now)
    return secs if secs is not None and secs >= SILENT_SECS else None


def context_role(percentage: float) -> str:
    """How a context is coloured that is so full."""
    if percentage >= CONTEXT_FULL:
        return "bad"
    return "warn" if percentage >= CONTEXT_FILLING else "good"
