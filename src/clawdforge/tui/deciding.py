"""Carries out what a person decides: answers to questions, and what is done with sessions."""

from collections.abc import Awaitable, Collection, Sequence
from typing import TYPE_CHECKING

from clawdforge.client import PermissionInfo
from clawdforge.core.observed.views import SessionView
from clawdforge.core.texts import one_line
from clawdforge.errors import ClawdforgeError
from clawdforge.tasks import TaskOwner
from clawdforge.tui.dialogs import Answers, AnswerScreen, ConfirmScreen
from clawdforge.tui.providers import Act, Allow, Deny, Jump, Kill, Offer, Provider, Send
from clawdforge.tui.questions import (
    Choice,
    Question,
    answered_args,
    has_own_options,
    questions_of,
    ways_to_answer,
)
from clawdforge.tui.rows import title
from clawdforge.tui.tree import project_name

if TYPE_CHECKING:
    from clawdforge.tui.app import Dashboard

SEEN_SECS = 0.4
"""A question that has not been on the screen for so long is not answered: the key was pressed for
the one before."""
CANNOT: dict[Offer, str] = {
    "jump": "it runs in no pane that can be gone to",
    "kill": "it cannot be ended from here",
    "spawn": "agents can be started from here only inside tmux",
    "interrupt": "it cannot be interrupted from here",
}
JUMP_THERE = "inside tmux here, this opens a window for it; else: ssh -t {host} tmux attach"
NOTHING_ASKED = "it asks nothing that can be answered here"


class Decisions:
    """What a person decides about the chosen session."""

    def __init__(self, app: "Dashboard", providers: Sequence[Provider]) -> None:
        self._app = app
        self._providers = providers
        self._owner = TaskOwner()

    async def close(self) -> None:
        """Give up what is under way."""
        await self._owner.cancel()

    def offers(self, view: SessionView | None) -> Collection[Offer]:
        """What can be done with a session."""
        found = {offer for provider in self._providers for offer in provider.offers(view)}
        asked = self._asked(view) if view is not None else None
        return found if asked is None else found | ways_to_answer(asked)

    # Questions

    def allow(self, *, always: bool = False) -> None:
        """Say yes to what the chosen session asks, or choose among its answers."""
        asked = self._question()
        if asked is None:
            return
        if found := questions_of(asked):
            self._choose(asked, found)
        elif has_own_options(asked) and not always:
            self._offer(asked)
        else:
            self._answer(asked, Allow(question=asked, always=always))

    def deny(self) -> None:
        """Say no."""
        if (asked := self._question()) is not None:
            self._answer(asked, Deny(question=asked))

    def deny_saying(self) -> None:
        """Say no, and why."""
        asked = self._question()
        if asked is None:
            return

        def done(text: str) -> None:
            self._answer(asked, Deny(question=asked, message=text.strip() or None))

        self._app.prompt.open("deny, because", done, hint="told to the agent, where it listens")

    def _asked(self, view: SessionView) -> PermissionInfo | None:
        return next(iter(self._app.feeds.questions.of(view)), None)

    def _question(self) -> PermissionInfo | None:
        """What the chosen session asks, if a person can have read it."""
        view = self._app.board.chosen
        asked = self._asked(view) if view is not None else None
        if asked is None:
            self._app.say(NOTHING_ASKED, "warn")
            return None
        shown = self._app.drawing.question
        if shown is None:
            self._app.alone = True
            self._app.say("this is what it asks; now once more", "warn")
            return None
        if shown[0] != asked.permission_id or self._app.clock() - shown[1] < SEEN_SECS:
            self._app.say("it asks this only just now; look, then once more", "warn")
            return None
        return asked

    def _choose(self, asked: PermissionInfo, found: Sequence[Question]) -> None:
        def taken(answers: Answers | None) -> None:
            if answers is not None:
                self._answer(asked, Allow(question=asked, args=answered_args(asked, answers)))

        self._app.push_screen(AnswerScreen(found, one_line(found[0].header, 40) or "Answer"), taken)

    def _offer(self, asked: PermissionInfo) -> None:
        """Choose among the answers that the agent itself offers."""
        names = tuple(Choice(option.name or option.option_id) for option in asked.options)
        question = Question(one_line(asked.title or asked.tool, 300), names)

        def taken(answers: Answers | None) -> None:
            if answers is None:
                return
            option = asked.options[answers[0][0]]
            if (option.kind or "").startswith("reject"):
                self._answer(asked, Deny(question=asked, option_id=option.option_id))
            else:
                self._answer(asked, Allow(question=asked, option_id=option.option_id))

        self._app.push_screen(AnswerScreen((question,), one_line(asked.tool, 40)), taken)

    def _answer(self, asked: PermissionInfo, act: Allow | Deny) -> None:
        provider = self._app.feeds.asked_by.get(asked.permission_id)
        view = next(
            (
                v
                for v in self._app.board.sessions.values()
                if asked in self._app.feeds.questions.of(v)
            ),
            None,
        )
        if provider is None or view is None:
            self._app.say("it does not wait for an answer any more", "warn")
            return
        self._start(provider, act, view)

    # Sessions

    def send(self) -> None:
        """Say something to the chosen session."""
        view = self._app.board.chosen
        provider = self._offering("send")
        if view is None or provider is None:
            self._app.say("nothing can be said to it from here", "warn")
            return

        def done(text: str) -> None:
            if text.strip():
                self._start(provider, Send(text), view)

        self._app.prompt.open("say", done, hint="a prompt for it")

    def act(self, act: Act, offer: Offer) -> None:
        """Do something with the chosen session."""
        view = self._app.board.chosen
        provider = self._offering(offer)
        if provider is None:
            self._app.say(why_not(offer, view), "warn")
        else:
            self._start(provider, act, view)

    def kill(self) -> None:
        """End the chosen session, when the person has said so twice."""
        view = self._app.board.chosen
        provider = self._offering("kill")
        if view is None or provider is None:
            self._app.say(why_not("kill", view), "warn")
            return

        def said(answer: object) -> None:
            if answer is True:
                self._start(provider, Kill(), view)

        driven = view.session is not None
        what = "It is closed; what it said is kept." if driven else "Its pane is closed with it."
        texts = (f"{project_name(view)}  {title(view)}", what)
        self._app.push_screen(ConfirmScreen("End this session?", texts), said)

    def _offering(self, offer: Offer) -> Provider | None:
        view = self._app.board.chosen
        return next((one for one in self._providers if offer in one.offers(view)), None)

    def _start(self, provider: Provider, act: Act, view: SessionView | None) -> None:
        self._owner.start(self._carry_out(provider.do(act, view), act), name="dashboard-act")

    async def _carry_out(self, work: Awaitable[str], act: Act) -> None:
        try:
            said = await work
        except ClawdforgeError as error:
            self._app.say(one_line(error.message, 300), "bad")
        else:
            self._app.say(one_line(said, 300), "good")
            if isinstance(act, Jump) and self._app.pick:
                self._app.exit()
        if isinstance(act, Allow | Deny):
            self._app.feeds.questions.drop(act.question.permission_id)
        self._app.feeds.ask_now()
        self._app.feeds.pane.look_now()
        self._app.changed()


def why_not(offer: Offer, view: SessionView | None) -> str:
    """Why something cannot be done with a session."""
    if view is not None and view.host is not None:
        if view.stale:
            return f"{one_line(view.host, 60)} is not heard of now"
        if offer == "jump" and view.tmux_pane:
            return JUMP_THERE.format(host=one_line(view.host, 60))
        if view.source == "gateway":
            return f"a server on {one_line(view.host, 60)} drives it: that is done there"
    return CANNOT.get(offer, "that cannot be done with it from here")
