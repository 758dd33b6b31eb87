"""The questions of both kinds of sessions, as commands need them.

Those that a server drives, and those that were started by hand, which a monitor knows.
"""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from clawdforge.cli.connection import connected
from clawdforge.errors import ClawdforgeError, InputError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from clawdforge.client import PermissionInfo
    from clawdforge.client.approvals import ApprovalInfo

QUESTION_TOOL = "AskUserQuestion"
_SHOW = "`clawdforge permissions show ID`"
_HINTS = {
    "answers_missing": f"--answer TEXT for each question; {_SHOW} shows them",
    "mode_missing": "--mode acceptEdits, or --mode default to be asked before each edit",
    "mode_not_offered": f"{_SHOW} shows the modes that are offered",
    "always_not_offered": f"without --always it holds once; {_SHOW} shows what is offered",
    "not_shown": "answer it in its terminal, or deny it",
}


class Askers:
    """Where questions come from: this machine's monitor and server, or the server of `--url`."""

    def __init__(self, url: str | None, data_dir: Path | None) -> None:
        self._url = url
        self._data_dir = data_dir

    def all(self, *, every: bool, limit: int) -> "list[PermissionInfo]":
        """What both kinds ask, newest first.

        Raises:
            ClawdforgeError: neither can be asked.
        """
        found: list[PermissionInfo] = []
        problems: list[ClawdforgeError] = []
        for ask in (self._driven, self._by_hand):
            try:
                found += ask(every=every, limit=limit)
            except ClawdforgeError as error:
                if not _is_absent(error):
                    raise
                problems.append(error)
        if len(problems) == 2:
            raise problems[0]
        return sorted(found, key=lambda info: info.asked_at, reverse=True)[:limit]

    def approval(self, given: str) -> "ApprovalInfo | None":
        """The approval that an id, or its beginning, names; None: it names a permission.

        Raises:
            InputError: none fits, or more than one.
            ClawdforgeError: nobody can be asked.
        """
        from clawdforge.cli.ids import only
        from clawdforge.client.approvals import ID_PREFIX

        if not given.startswith(ID_PREFIX):
            return None
        known = {info.permission_id: info for info in self._by_hand(every=True, limit=200)}
        waiting = [name for name, info in known.items() if info.state == "pending"]
        fitting = [name for name in waiting if name.startswith(given)]
        if not fitting:
            fitting = [name for name in known if name.startswith(given)]
        return known[only(given, fitting, "waiting permission")]

    def answer(self, approval: "ApprovalInfo", **answer: Any) -> "ApprovalInfo":
        """Answer an approval.

        Raises:
            ClawdforgeError: see `give_answer`.
        """
        try:
            return self._give(approval.permission_id, answer)
        except ClawdforgeError as error:
            error.hint = error.hint or _HINTS.get(error.code)
            raise

    def _give(self, approval_id: str, answer: dict[str, Any]) -> "ApprovalInfo":
        from clawdforge.client.approvals import give_answer

        if self._url is None:
            return give_answer(approval_id, **answer)
        with connected(self._url, self._data_dir) as client:
            return client.answer_approval(approval_id, **answer)

    def _driven(self, *, every: bool, limit: int) -> "Sequence[PermissionInfo]":
        with connected(self._url, self._data_dir) as client:
            return client.permissions(state="all" if every else "pending", limit=limit)

    def _by_hand(self, *, every: bool, limit: int) -> "Sequence[ApprovalInfo]":
        from clawdforge.client.approvals import waiting_approvals

        if self._url is None:
            return waiting_approvals(every=every)[:limit]
        with connected(self._url, self._data_dir) as client:
            return client.approvals(state="all" if every else "pending", limit=limit)


def answers_of(args: Any, given: "Sequence[str]") -> dict[str, str]:
    """The answers to an agent's questions, in the order in which they were asked.

    Raises:
        InputError: there are more or fewer, or nothing was asked.
    """
    questions = list(_questions(args))
    if not questions:
        msg = "it asks no question"
        raise InputError(msg, hint="without --answer you allow what it wants to do")
    if len(questions) != len(given):
        msg = f"{len(questions)} questions are asked, and {len(given)} answers were given"
        raise InputError(msg, hint="--answer for each, in their order")
    asked = zip(questions, given, strict=True)
    return {question: _chosen(options, said) for (question, options), said in asked}


def approval_details(info: "ApprovalInfo") -> tuple[tuple[str, object], ...]:
    """What only a session in a terminal has."""
    return (
        *_choices(info.args),
        ("folder", info.cwd),
        ("tmux pane", info.tmux_pane),
        ("subagent", info.subagent_type or info.subagent),
        ("always", "; ".join(info.always) or None),
        ("modes", ", ".join(info.modes) or None),
        ("why", info.reason),
    )


def question_words(args: Any) -> str:
    """What is asked, in words; empty: it is no question."""
    return " ".join(question for question, _ in _questions(args))


def check_given(given: str) -> None:
    """Nothing is answered by accident: an empty variable names no question.

    Raises:
        InputError: it names none.
    """
    if any(prefix.startswith(given.strip()) for prefix in ("pm_", "ap_")):
        msg = f"{given!r} names no question"
        raise InputError(msg, hint="`clawdforge permissions` lists those that wait, with their ids")


def _choices(args: Any) -> "Iterator[tuple[str, object]]":
    """The questions, and the numbers of their options as `--answer` takes them."""
    for question, labels in _questions(args):
        numbered = (f"{number} {label}" for number, label in enumerate(labels, 1))
        yield "question", f"{question}  {'; '.join(numbered)}"


def _is_absent(error: ClawdforgeError) -> bool:
    """Whether there is nobody to ask, or nobody whom we may ask about such things."""
    from clawdforge.client.errors import TransportError

    absent = {"token_missing", "scope_missing", "no_monitor"}
    return isinstance(error, TransportError) or error.code in absent


def _questions(args: Any) -> "Iterator[tuple[str, list[str]]]":
    asked = args.get("questions") if isinstance(args, dict) else None
    for one in asked if isinstance(asked, list) else ():
        if isinstance(one, dict) and isinstance(one.get("question"), str):
            yield one["question"], list(_labels(one))


def _labels(question: "Mapping[str, Any]") -> "Iterator[str]":
    options = question.get("options")
    for option in options if isinstance(options, list) else ():
        if isinstance(option, dict) and isinstance(option.get("label"), str):
            yield option["label"]


def _chosen(options: "Sequence[str]", said: str) -> str:
    """The option that is meant by its number, or else what was said."""
    if said.isascii() and said.isdecimal() and said not in options:
        number = int(said)
        if not 1 <= number <= len(options):
            msg = f"there is no option {said}"
            raise InputError(msg, hint=f"1 to {len(options)}, or a text")
        return options[number - 1]
    return said
