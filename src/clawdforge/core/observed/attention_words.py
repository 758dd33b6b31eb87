"""A notice in words: for a bell's message, a desktop, a phone. Pure."""

import msgspec

from clawdforge.core.observed.attention_values import Notice
from clawdforge.core.texts import one_line

MAX_TITLE = 120
MAX_TEXT = 400
_REASONS = {
    "permission": "asks for permission",
    "question": "asks you something",
    "error": "stopped with an error",
    "died": "ended in the middle of its work",
    "done": "has finished",
}


class Words(msgspec.Struct, frozen=True, kw_only=True):
    """What is said."""

    title: str
    text: str

    def __repr__(self) -> str:
        return "Words(...)"


def words_of(notice: Notice, *, brief: bool) -> Words:
    """A notice in words.

    Args:
        notice: What happened.
        brief: Where others may read it: without what is asked.
    """
    subject = notice.subject
    agent = subject.agent or "agent"
    where = subject.project or short_folder(subject.cwd) or subject.session_id[:8]
    title = one_line(f"{agent} in {where} {_REASONS[notice.reason]}", MAX_TITLE)
    return Words(title=title, text=one_line(_text(notice, brief=brief), MAX_TEXT))


def short_folder(path: str | None) -> str | None:
    """The last part of a path."""
    return (path or "").rstrip("/").rpartition("/")[2] or None


def lasting(secs: float) -> str:
    """A duration as people say it."""
    if secs < 90:
        return f"{secs:.0f} s"
    minutes = round(secs / 60)
    return f"{minutes} min" if minutes < 90 else f"{minutes // 60} h {minutes % 60} min"


def _text(notice: Notice, *, brief: bool) -> str:
    subject = notice.subject
    parts = []
    if notice.kind == "finished":
        parts.append(f"after {lasting(notice.worked_secs)} of work")
    elif subject.asked and not brief:
        parts.append(subject.asked)
    elif subject.asked:
        parts.append(subject.asked.partition(":")[0])
    if subject.branch:
        parts.append(subject.branch)
    if subject.pane:
        parts.append(f"pane {subject.pane}")
    return " · ".join(parts)
