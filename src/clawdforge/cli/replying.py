"""Answers by the agent's protocol: to those who drive it, or to the monitor that asks for it."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from clawdforge.errors import InputError

if TYPE_CHECKING:
    from clawdforge.cli.targets import Target
    from clawdforge.client import PermissionInfo
    from clawdforge.wire.forge_sessions import PermissionOption


def by_protocol(
    target: "Target",
    *,
    yes: bool,
    no: bool,
    option: int | None,
    url: str | None,
    data_dir: Path | None,
) -> str | None:
    """Answer the oldest question of a session, and say what was answered.

    Returns:
        None: there is no such way, and the keys of its pane are to be used.

    Raises:
        InputError: it asks for nothing, or this is no answer to it.
        ClawdforgeError: the server or the monitor cannot take it.
    """
    if target.driven is not None and target.pane is None:
        return _driven(target, target.driven, (yes, no, option), url, data_dir)
    if target.view is None or target.view.approval_id is None:
        return None
    return _approval(target.view.approval_id, (yes, no, option), url, data_dir)


def _driven(
    target: "Target",
    session_id: str,
    answer: tuple[bool, bool, int | None],
    url: str | None,
    data_dir: Path | None,
) -> str:
    from clawdforge.cli.approvals import QUESTION_TOOL, answers_of
    from clawdforge.cli.connection import connected

    _, no, option = answer
    with connected(url, data_dir) as client:
        waiting = [
            one for one in client.session(session_id).permissions() if one.state == "pending"
        ]
        if not waiting:
            msg = f"{target.name} asks for nothing"
            raise InputError(
                msg, code="no_question", hint="`clawdforge permissions` shows who does"
            )
        asked = min(waiting, key=lambda one: one.asked_at)
        args: dict[str, Any] | None = None
        taken = None
        if asked.tool == QUESTION_TOOL and not no:
            args = {**asked.args, "answers": answers_of(asked.args, [_number(option)])}
        elif option is not None:
            taken = _offered(asked, option)
        refuses = no or (taken is not None and (taken.kind or "").startswith("reject"))
        info = client.answer_permission(
            asked.permission_id,
            allow=not refuses,
            option_id=None if taken is None else taken.option_id,
            args=args,
        )
    return _told(info)


def _approval(
    approval_id: str, answer: tuple[bool, bool, int | None], url: str | None, data_dir: Path | None
) -> str | None:
    from clawdforge.cli.approvals import QUESTION_TOOL, Askers, answers_of

    yes, no, option = answer
    askers = Askers(url, data_dir)
    approval = askers.approval(approval_id)
    if approval is None or approval.state != "pending":
        return None
    if no:
        return _told(askers.answer(approval, allow=False))
    if approval.tool == QUESTION_TOOL and option is not None:
        answers = answers_of(approval.args, [str(option)])
        return _told(askers.answer(approval, allow=True, answers=answers))
    if yes and approval.tool != QUESTION_TOOL:
        return _told(askers.answer(approval, allow=True))
    return None  # an option of its dialog, which only its pane knows


def _number(option: int | None) -> str:
    if option is None:
        msg = "it asks a question that has no yes"
        raise InputError(msg, code="no_option", hint="--option N; `clawdforge permissions show ID`")
    return str(option)


def _offered(asked: "PermissionInfo", option: int) -> "PermissionOption":
    if not 1 <= option <= len(asked.options):
        offers = ", ".join(
            f"{number} {one.name or one.option_id}"
            for number, one in enumerate(asked.options, start=1)
        )
        msg = f"this question has no option {option}"
        raise InputError(
            msg, code="no_option", hint=f"its options: {offers}" if offers else "--yes or --no"
        )
    return asked.options[option - 1]


def _waits(asked: "PermissionInfo") -> bool:
    return asked.state == "pending"


def _told(info: "PermissionInfo") -> str:
    from clawdforge.cli.screen import in_short, one_line

    about = in_short(info.args, 60) or one_line(info.title or "", 60)
    return f"{info.state}: {info.tool} {about}".rstrip()
