"""Answers the question that stands open in a pane, with keys, and looks at what they do.

Nothing is pressed blindly: an option is chosen with the arrow keys, and Enter only follows when
the cursor is seen on it and the question is still the same one.
"""

import asyncio
from dataclasses import dataclass

from clawdforge.tmux.errors import TmuxError
from clawdforge.tmux.questions import OpenQuestion, Option, options_line
from clawdforge.tmux.reading import open_question
from clawdforge.tmux.server import TmuxServer

LOOK_SECS = 0.03
SETTLE_SECS = 0.5
"""How long a question must have stood there before it is answered. Claude Code 2.1.329 takes no
keys in the first 0.15 s of a dialog; and one that is about to change should not be answered."""
PRESS_AGAIN_SECS = 0.7
"""A dialog that has just appeared may not take the first keys."""
CHOOSE_SECS = 5.0
REACT_SECS = 5.0
_LIST = "`clawdforge peek --prompt` shows it"


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered:
    """What was answered."""

    question: OpenQuestion
    option: Option | None
    """None: it was refused with Escape."""
    reacted: bool
    """The question has gone, or changed."""


async def asked_in(server: TmuxServer, pane_id: str) -> OpenQuestion | None:
    """The question that stands open in a pane; None: none that is known.

    Raises:
        TmuxError: as `TmuxServer.run`.
    """
    return open_question(await server.capture(pane_id))


async def say_yes(server: TmuxServer, pane_id: str) -> Answered:
    """Answer with the first option that says yes.

    Raises:
        TmuxError: nothing is asked (`no_question`), it has no such option (`no_option`), or it
            has changed meanwhile (`question_changed`).
    """
    question = await _asked(server, pane_id)
    option = question.meaning(yes=True)
    if option is None:
        msg = "this question has no yes"
        raise TmuxError(msg, code="no_option", hint=_choices(question))
    return await _take(server, pane_id, question, option)


async def say_no(server: TmuxServer, pane_id: str) -> Answered:
    """Refuse: with Escape where that does, else with the last option that says no.

    Raises:
        TmuxError: as `say_yes`.
    """
    question = await _asked(server, pane_id)
    option = question.meaning(yes=False)
    if question.kind == "menu" and (question.cancels or option is None):
        await server.send_keys(pane_id, "Escape")
        reacted = await _reacts(server, pane_id, question)
        return Answered(question=question, option=None, reacted=reacted)
    assert option is not None
    return await _take(server, pane_id, question, option)


async def choose(server: TmuxServer, pane_id: str, number: int) -> Answered:
    """Answer with an option, by its number.

    Raises:
        TmuxError: as `say_yes`.
    """
    question = await _asked(server, pane_id)
    option = question.option(number)
    if option is None:
        msg = f"this question has no option {number}"
        raise TmuxError(msg, code="no_option", hint=_choices(question))
    return await _take(server, pane_id, question, option)


async def accept(server: TmuxServer, pane_id: str) -> Answered:
    """Answer with the option that the cursor is on.

    Raises:
        TmuxError: as `say_yes`.
    """
    question = await _asked(server, pane_id)
    option = question.option(question.cursor or 0)
    if option is None:
        msg = "the cursor is on no option"
        raise TmuxError(msg, code="no_option", hint=_choices(question))
    return await _take(server, pane_id, question, option)


async def _asked(server: TmuxServer, pane_id: str) -> OpenQuestion:
    """The question, once it has stood there for a moment."""
    loop = asyncio.get_running_loop()
    question = await asked_in(server, pane_id)
    since = loop.time()
    deadline = since + CHOOSE_SECS
    while question is not None and loop.time() < since + SETTLE_SECS:
        if loop.time() > deadline:
            msg = f"what {pane_id} asks changes all the time: nothing was answered"
            raise TmuxError(msg, code="question_changed", hint=_LIST)
        await asyncio.sleep(LOOK_SECS)
        now = await asked_in(server, pane_id)
        if now is None or now.topic != question.topic:
            since = loop.time()
        question = now
    if question is None:
        msg = f"nothing is asked in {pane_id} that can be answered with keys"
        raise TmuxError(msg, code="no_question", hint="`clawdforge peek` shows what stands there")
    return question


async def _take(
    server: TmuxServer, pane_id: str, question: OpenQuestion, option: Option
) -> Answered:
    if question.kind == "yes_no":
        await server.send_text(pane_id, option.label[0], enter=True)
    else:
        question = await _point_at(server, pane_id, question, option.number)
        await server.send_keys(pane_id, "Enter")
    reacted = await _reacts(server, pane_id, question)
    return Answered(question=question, option=option, reacted=reacted)


async def _point_at(
    server: TmuxServer, pane_id: str, question: OpenQuestion, number: int
) -> OpenQuestion:
    """Move the cursor to an option, and see it there."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + CHOOSE_SECS
    now: OpenQuestion | None = question
    while loop.time() < deadline:
        if now is None or now.topic != question.topic:
            msg = "the question has changed meanwhile: nothing was answered"
            raise TmuxError(msg, code="question_changed", hint=_LIST)
        if now.cursor == number:
            return now
        way = now.way(number)
        if way is None:
            break
        await server.send_keys(pane_id, *(["Down" if way > 0 else "Up"] * abs(way)))
        again = loop.time() + PRESS_AGAIN_SECS
        while loop.time() < again:
            now = await asked_in(server, pane_id)
            if now is None or now.topic != question.topic or now.cursor == number:
                break
            await asyncio.sleep(LOOK_SECS)
    msg = f"the cursor does not go to option {number}: nothing was answered"
    raise TmuxError(msg, code="no_option", hint=_LIST)


async def _reacts(server: TmuxServer, pane_id: str, question: OpenQuestion) -> bool:
    """Whether the question goes, or becomes another, or gets a tick."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + REACT_SECS
    while loop.time() < deadline:
        try:
            if await asked_in(server, pane_id) != question:
                return True
        except TmuxError as error:
            if error.code == "pane_gone":
                return True
            raise
        await asyncio.sleep(LOOK_SECS)
    return False


def _choices(question: OpenQuestion) -> str:
    return f"its options: {options_line(question.options)} (--option N)"
