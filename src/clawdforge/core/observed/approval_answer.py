"""An answer to what a session asks, checked, and as Claude Code's hook wants it. Pure.

Nothing is allowed by accident: an answer that is not whole and unambiguous is refused.
"""

from collections.abc import Mapping
from typing import Annotated, Any, Final, Literal

import msgspec
from msgspec import Meta

from clawdforge.core.observed.approval import (
    PLAN,
    QUESTION,
    ApprovalRequest,
    Described,
    questions_in,
)
from clawdforge.core.observed.mind import INPUT_TOOLS
from clawdforge.errors import InputError

MAX_MESSAGE_CHARS: Final = 4000
MAX_ANSWER_CHARS: Final = 4000
_MODE_OPTION: Final = "mode:"


class ApprovalAnswer(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a person decides."""

    decision: Literal["allow", "deny"]
    scope: Literal["once", "always"] = "once"
    """`always`: also what the agent suggested, so that it need not ask again."""
    option_id: str | None = None
    """One of those that were offered."""
    message: Annotated[str, Meta(max_length=MAX_MESSAGE_CHARS)] | None = None
    """With a no: told to the agent."""
    args: dict[str, Any] | None = None
    """To a question: the tool's whole input, with `answers` in it."""
    answers: dict[str, Any] | None = None
    """To a question: by its text, what is chosen or said."""
    mode: str | None = None
    """With a yes: what the session is switched to."""
    interrupt: bool = False
    """With a no: the turn ends."""

    def __repr__(self) -> str:  # what is said is nobody's business
        return f"ApprovalAnswer({self.decision!r}, {self.scope!r})"


class Decided(msgspec.Struct, frozen=True, kw_only=True):
    """An answer that can be given."""

    output: dict[str, Any]
    """What the hook prints."""
    answer: dict[str, Any]
    """What is kept and shown of it."""
    allows: bool

    def __repr__(self) -> str:
        return f"Decided(allows={self.allows})"


def decide(request: ApprovalRequest, described: Described, answer: ApprovalAnswer) -> Decided:
    """What is to be done with an answer.

    Raises:
        InputError: it does not fit what was asked; `code` says why.
    """
    answer = _chosen(described, answer)
    if answer.decision == "deny":
        return _denied(answer)
    _check_allowed(request, described, answer)
    decision: dict[str, Any] = {"behavior": "allow"}
    if request.tool_name == QUESTION:
        decision["updatedInput"] = _answered(request, answer)
    elif request.tool_name in INPUT_TOOLS:
        # Claude Code takes a yes to these only with an input (seen with 2.1.329).
        decision["updatedInput"] = request.args
    updates = request.lasting if answer.scope == "always" else []
    if answer.mode is not None:
        switch = {"type": "setMode", "mode": answer.mode, "destination": "session"}
        updates = [one for one in updates if one.get("type") != "setMode"] + [switch]
    if updates:
        decision["updatedPermissions"] = updates
    shown = {"decision": "allow", "scope": answer.scope, "mode": answer.mode}
    if request.tool_name == QUESTION:
        shown["answers"] = decision["updatedInput"]["answers"]
    return _decided(decision, shown, allows=True)


def _chosen(described: Described, answer: ApprovalAnswer) -> ApprovalAnswer:
    """The answer with what its option says put into it."""
    given = answer.option_id
    if given is None:
        return answer
    kinds = {option["option_id"]: option["kind"] or "allow" for option in described.options}
    if given not in kinds:
        raise _refused("option_id: that was not offered", "unknown_option")
    if kinds[given].startswith("reject") == (answer.decision == "allow"):
        msg = "option_id: that option means the opposite of the decision"
        raise _refused(msg, "option_mismatch")
    changes: dict[str, Any] = {}
    if kinds[given] == "allow_always":
        changes["scope"] = "always"
    elif answer.scope == "always":
        raise _refused("scope: that option holds once", "option_mismatch")
    if given.startswith(_MODE_OPTION):
        mode = given.removeprefix(_MODE_OPTION)
        if answer.mode not in {None, mode}:
            raise _refused("mode: that option means another", "option_mismatch")
        changes["mode"] = mode
    return msgspec.structs.replace(answer, **changes)


def _denied(answer: ApprovalAnswer) -> Decided:
    for name in ("args", "answers", "mode"):
        if getattr(answer, name) is not None:
            raise _refused(f"{name}: goes with a yes only", f"{name}_not_taken")
    if answer.scope == "always":
        raise _refused("scope: a no holds once", "always_not_offered")
    decision: dict[str, Any] = {"behavior": "deny"}
    if answer.message:
        decision["message"] = answer.message
    if answer.interrupt:
        decision["interrupt"] = True
    shown = {
        "decision": "deny",
        "scope": "once",
        "message": answer.message,
        "interrupt": answer.interrupt or None,
    }
    return _decided(decision, shown, allows=False)


def _check_allowed(request: ApprovalRequest, described: Described, answer: ApprovalAnswer) -> None:
    if answer.message is not None:
        raise _refused("message: goes with a no only", "message_not_taken")
    if answer.interrupt:
        raise _refused("interrupt: goes with a no only", "interrupt_not_taken")
    if not request.is_shown or (request.cut and request.tool_name in INPUT_TOOLS):
        msg = "it is too long to be shown here, so it can be allowed in its terminal only"
        raise _refused(msg, "not_shown")
    if answer.scope == "always" and not described.always:
        msg = (
            "scope: what was asked is not shown as a whole"
            if request.cut
            else ("scope: the agent offers nothing that would hold from now on")
        )
        raise _refused(msg, "always_not_offered")
    if answer.mode is not None and answer.mode not in described.modes:
        raise _refused("mode: that was not offered", "mode_not_offered")
    if request.tool_name == PLAN and answer.mode is None:
        modes = ", ".join(described.modes)
        raise _refused(f"mode: a plan needs to know how to go on: {modes}", "mode_missing")
    if request.tool_name != QUESTION and (answer.args is not None or answer.answers is not None):
        msg = "args: the agent does what it asked for or nothing; it takes no other input"
        raise _refused(msg, "args_not_taken")


def _answered(request: ApprovalRequest, answer: ApprovalAnswer) -> dict[str, Any]:
    """The input of a question, with all of its answers."""
    asked = request.args
    if not isinstance(asked, dict):
        raise _refused("answers: nothing was asked", "answers_missing")
    answers = answer.answers
    if answer.args is not None:
        others = {key: value for key, value in answer.args.items() if key != "answers"}
        if others != {key: value for key, value in asked.items() if key != "answers"}:
            raise _refused("args: that is not what was asked", "args_not_taken")
        if answers is not None and answers != answer.args.get("answers"):
            raise _refused("answers: there are two", "args_not_taken")
        answers = answer.args.get("answers")
    questions = questions_in(asked)
    if not questions or not isinstance(answers, Mapping) or not answers:
        raise _refused("answers: each question needs one", "answers_missing")
    told: dict[str, str] = {}
    for question in questions:
        said = answers.get(question)
        if not isinstance(said, str) or not said.strip() or len(said) > MAX_ANSWER_CHARS:
            raise _refused("answers: each question needs one, as a text", "answers_missing")
        told[question] = said
    if set(answers) != set(told):
        raise _refused("answers: one is to a question that was not asked", "args_not_taken")
    return {**asked, "answers": told}


def _decided(decision: dict[str, Any], shown: dict[str, Any], *, allows: bool) -> Decided:
    output = {"hookSpecificOutput": {"hookEventName": "PermissionRequest", "decision": decision}}
    kept = {key: value for key, value in shown.items() if value is not None}
    return Decided(output=output, answer=kept, allows=allows)


def _refused(message: str, code: str) -> InputError:
    return InputError(message, code=code)
