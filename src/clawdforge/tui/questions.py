"""What an agent asks, exactly, and how it can be answered. Pure."""

import difflib
import json
from collections.abc import Iterable, Sequence
from typing import Any

import msgspec

from clawdforge.client import PermissionInfo
from clawdforge.client.approvals import ApprovalInfo
from clawdforge.core.texts import harmless, one_line
from clawdforge.tui.looks import ASK_TOOL
from clawdforge.tui.providers import Offer
from clawdforge.tui.spans import Line, Span, fitted, wrapped
from clawdforge.tui.times import lasting

COMMAND_KEYS = ("command", "cmd")
OLD_KEYS, NEW_KEYS = ("old_string", "old_text"), ("new_string", "new_text", "content")
MAX_LINES = 200
"""Of what would be done; the rest is counted."""
LAST_SECS = 15.0
_USUAL = {"allow_once", "allow_always", "reject_once", "reject_always"}


class Choice(msgspec.Struct, frozen=True):
    """One of the answers to a question."""

    label: str
    description: str = ""


class Question(msgspec.Struct, frozen=True):
    """A question of an agent to the user, with its answers."""

    question: str
    options: tuple[Choice, ...] = ()
    header: str = ""
    multi_select: bool = msgspec.field(default=False, name="multiSelect")


def questions_of(asked: PermissionInfo) -> tuple[Question, ...]:
    """The questions to the user in what is asked; none: it is only about yes or no."""
    if asked.tool != ASK_TOOL or not isinstance(asked.args, dict):
        return ()
    try:
        found = msgspec.convert(asked.args.get("questions"), tuple[Question, ...])
    except msgspec.ValidationError:
        return ()
    return found if all(question.options for question in found) else ()


def answered_args(asked: PermissionInfo, answers: Sequence[Sequence[int]]) -> dict[str, Any]:
    """The tool's input with the answers in it: for each question, which options were chosen."""
    told = {
        question.question: ", ".join(question.options[index].label for index in chosen)
        for question, chosen in zip(questions_of(asked), answers, strict=True)
    }
    return {**asked.args, "answers": told}


def has_own_options(asked: PermissionInfo) -> bool:
    """Whether the agent offers other answers than yes and no, once and always."""
    kinds = [option.kind for option in asked.options]
    return any(kind not in _USUAL for kind in kinds) or len(kinds) != len(set(kinds))


def ways_to_answer(asked: PermissionInfo) -> set[Offer]:
    """What can be said to it."""
    if questions_of(asked):
        return {"answer", "deny"}
    if isinstance(asked, ApprovalInfo) and not asked.always:
        return {"allow", "deny"}
    return {"allow", "allow_always", "deny"}


def question_lines(asked: PermissionInfo, *, width: int, now: float) -> list[Line]:
    """What is asked: which tool, what exactly it would do, how long there is time."""
    room = max(width - 5, 10)
    about = one_line(asked.title or "", 300)
    head = [Span(" ▌ ", "need"), Span(_heading(asked), "need strong")]
    if asked.expires_at is not None:
        left = max(0.0, asked.expires_at - now)
        head.append(Span(f"  {lasting(left)} left", "warn" if left < LAST_SECS else "dim"))
    if about and about not in _exactly_text(asked):
        head.append(Span(f"  {about}", "dim"))
    lines: list[Line] = [head]
    body = [*_body(asked, room)]
    if isinstance(asked, ApprovalInfo):
        body += _of_approval(asked, room)
    lines += [[Span(" ▌ ", "need"), *one] for one in body[:MAX_LINES]]
    if len(body) > MAX_LINES:
        rest = f"… {len(body) - MAX_LINES} lines more: clawdforge permissions show"
        lines.append([Span(" ▌ ", "need"), Span(rest, "dim")])
    return [fitted(one, width) for one in lines]


def _heading(asked: PermissionInfo) -> str:
    if questions_of(asked):
        return "asks you"
    return f"wants to use {one_line(asked.tool, 60)}"


def _body(asked: PermissionInfo, room: int) -> Iterable[Line]:
    if found := questions_of(asked):
        for question in found:
            yield from _texts(harmless(question.question), room, "strong")
            for number, choice in enumerate(question.options, 1):
                said = f"{number} {one_line(choice.label, 200)}"
                yield [Span(said), Span(f"  {one_line(choice.description, 300)}", "dim")]
        return
    args = asked.args if isinstance(asked.args, dict) else {}
    command = _first(args, COMMAND_KEYS)
    if command is not None:
        yield from _texts(harmless(command), room, "")
        args = {key: value for key, value in args.items() if key not in COMMAND_KEYS}
    elif (new := _first(args, NEW_KEYS)) is not None:
        for path in asked.paths:
            yield [Span(one_line(path, 500), "strong")]
        yield from change_lines(_first(args, OLD_KEYS) or "", new, room)
        args = {key: v for key, v in args.items() if key not in {*OLD_KEYS, *NEW_KEYS}}
        args.pop("file_path", None)
    for key, value in args.items():
        if value == asked.title:
            continue  # it stands above
        text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
        yield from _texts(harmless(f"{key}: {text}"), room, "dim")
    if asked.args is not None and not isinstance(asked.args, dict):
        yield from _texts(harmless(json.dumps(asked.args, ensure_ascii=False)), room, "")


def _of_approval(asked: ApprovalInfo, room: int) -> Iterable[Line]:
    """What only those in a terminal have: what `always` would mean, and that some is left out."""
    if asked.cut:
        yield from _texts("This is not all of it: look in its terminal.", room, "warn")
    for text in asked.always:
        yield from _texts(f"always: {one_line(text, 300)}", room, "dim")


def change_lines(old: str, new: str, room: int) -> Iterable[Line]:
    """What a change of a file takes away and adds."""
    before, after = old.splitlines(), new.splitlines()
    if len(before) + len(after) > 2 * MAX_LINES:
        yield [Span(f"{len(before)} lines become {len(after)}", "dim")]
        before, after = before[:MAX_LINES], after[:MAX_LINES]
    for text in difflib.unified_diff(before, after, lineterm="", n=2):
        if text.startswith(("---", "+++", "@@")):
            continue
        role = {"-": "bad", "+": "good"}.get(text[:1], "dim")
        yield from _texts(harmless(text), room, role)


def _exactly_text(asked: PermissionInfo) -> str:
    args = asked.args if isinstance(asked.args, dict) else {}
    return one_line(_first(args, COMMAND_KEYS) or "", 300)


def _texts(text: str, room: int, role: str) -> Iterable[Line]:
    for part in wrapped(text, room):
        yield [Span(part, role)]


def _first(args: dict[str, Any], keys: Iterable[str]) -> str | None:
    return next((args[key] for key in keys if isinstance(args.get(key), str)), None)
