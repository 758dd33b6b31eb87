"""What is sent over the network: the bodies of webhooks and of ntfy, and the replies that answer.

Pure.
"""

from typing import Any, Final, Literal

import msgspec

from clawdforge.core.observed.approval_answer import ApprovalAnswer
from clawdforge.core.observed.attention_values import Notice
from clawdforge.core.observed.attention_words import short_folder, words_of
from clawdforge.core.observed.formats import format_time
from clawdforge.monitor.notifying.targets import Ntfy

MAX_QUESTION_BYTES: Final = 128 * 1024
_TAGS: Final = {"needs_you": ["raised_hand"], "finished": ["white_check_mark"]}
FINISHED_PRIORITY: Final = 3


class About(msgspec.Struct, frozen=True, kw_only=True):
    """What a message says beside its notice."""

    at: float
    """Seconds since 1970."""
    host: str
    """This machine's name."""
    url: str | None = None
    """The session on the page."""
    question: dict[str, Any] | None = None
    """A row of `GET /monitor/approvals`."""

    def __repr__(self) -> str:
        return "About(...)"


class _Answer(msgspec.Struct, frozen=True, kw_only=True):
    """What the reply to a webhook may say; other keys are passed over.

    Nothing that would hold for longer than this once.
    """

    decision: Literal["allow", "deny"]
    message: str | None = None
    answers: dict[str, Any] | None = None
    mode: Literal["default", "acceptEdits"] | None = None


def webhook_body(notice: Notice, about: About, *, content: str, may_answer: bool) -> bytes:
    """The body of a webhook."""
    subject, is_full = notice.subject, content == "full"
    words = words_of(notice, brief=not is_full)
    question = _bounded(about.question) if is_full else None
    session = {
        "id": subject.session_id,
        "agent": subject.agent,
        "source": subject.source,
        "app": subject.app,
        "state": subject.state,
        "since": format_time(subject.since),
        "project": subject.project or short_folder(subject.cwd),
        "branch": subject.branch,
        "cwd": subject.cwd if is_full else None,
        "tmux_pane": subject.pane,
    }
    data = {
        "reason": notice.reason,
        "since": format_time(notice.since),
        "worked_secs": round(notice.worked_secs, 1) if notice.kind == "finished" else None,
        "title": words.title,
        "text": words.text,
        "host": about.host,
        "url": about.url,
        "session": session,
        "question": question,
        "may_answer": may_answer and question is not None,
    }
    return _event(f"session.{notice.kind}", about.at, data)


def test_body(about: About, name: str) -> bytes:
    """The body of a webhook that only shows that it gets there."""
    return _event("test", about.at, {"target": name, "host": about.host, "url": about.url})


def ntfy_body(channel: Ntfy, notice: Notice, about: About) -> bytes:
    """What an ntfy server is told: https://docs.ntfy.sh/publish/#publish-as-json."""
    words = words_of(notice, brief=channel.content == "brief")
    urgent = notice.kind == "needs_you"
    body: dict[str, Any] = {
        "topic": channel.topic,
        "title": words.title,
        "message": words.text or words.title,
        "priority": channel.priority if urgent else min(channel.priority, FINISHED_PRIORITY),
        "tags": _TAGS[notice.kind],
    }
    if about.url is not None:
        body["click"] = about.url
    return msgspec.json.encode(body)


def ntfy_test_body(channel: Ntfy, about: About) -> bytes:
    """The same, for a test."""
    text = f"This is a test from {about.host}: it gets here."
    return msgspec.json.encode(
        {"topic": channel.topic, "title": "clawdforge", "message": text, "priority": 3}
    )


def answer_in(body: bytes) -> ApprovalAnswer | None:
    """The answer in a webhook's reply; None: it has none.

    Raises:
        ValueError: it looks like one, and makes no sense.
    """
    try:
        told = msgspec.json.decode(body)
    except msgspec.DecodeError:
        return None  # "ok", a page of HTML: many receivers answer something
    if not isinstance(told, dict) or "decision" not in told:
        return None
    try:
        reply = msgspec.convert(told, _Answer)
        return msgspec.convert(msgspec.to_builtins(reply), ApprovalAnswer)
    except msgspec.ValidationError as error:
        raise ValueError(str(error)) from None


def _event(kind: str, at: float, data: dict[str, Any]) -> bytes:
    return msgspec.json.encode({"type": kind, "timestamp": format_time(at), "data": data})


def _bounded(question: dict[str, Any] | None) -> dict[str, Any] | None:
    if question is None or len(msgspec.json.encode(question)) <= MAX_QUESTION_BYTES:
        return question
    # It can then be denied only: nobody allows what he does not see.
    return {**question, "args": None, "suggestions": [], "options": [], "cut": True}
