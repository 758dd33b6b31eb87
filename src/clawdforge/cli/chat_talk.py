"""The course of a chat: a line, a turn, the next line."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from clawdforge.cli import faults
from clawdforge.cli.chat_input import Lines, hear_no_more_interrupts, on_interrupt
from clawdforge.cli.chat_questions import Questions
from clawdforge.cli.chat_screen import JsonLines, Screen, Terminal
from clawdforge.cli.screen import command_name, harmless, print_json_line, stderr, usage_line
from clawdforge.client import ClosedSession, ForgeError, TransportError, TurnFailure, events
from clawdforge.tasks import TaskOwner

if TYPE_CHECKING:
    from clawdforge.client import AsyncEventStream, AsyncSession, AsyncTurnStream

AGAIN_SECS = 2.0
"""Within this time a second Ctrl-C leaves the chat."""
LEAVE_SECS = 1.0
"""How long a request to cancel may take when the chat is left."""
HELP = """\
/cancel        stop what the agent is doing
/model [NAME]  use another model, or say which it is
/mode [NAME]   the same for the agent's mode, such as plan
/cost          tokens and cost of this session
/quit          leave; the session stays open
//…            send a line that begins with / to the agent
A line that ends with \\ goes on in the next one. Ctrl-C cancels a turn, Ctrl-D leaves."""


class Talk:
    """A chat in one session.

    Args:
        session: The session.
        lines: Where the prompts come from.
        screen: Where it is shown.
        server: Options that name the server, for commands that are shown.
    """

    def __init__(
        self, session: "AsyncSession", *, lines: Lines, screen: Screen, server: str
    ) -> None:
        self.turns = 0
        """How many were taken here."""
        self._session = session
        self._lines = lines
        self._screen = screen
        self._server = server
        self._failed = False
        self._after = 0
        self._owner = TaskOwner()
        self._interrupted_at = float("-inf")
        self._held: list[events.Event] = []
        self._begun = asyncio.Event()
        self._is_over = True
        self._main: asyncio.Task[object] | None = None
        self._commands: dict[str, Callable[[str], Awaitable[None]]] = {
            "/help": self._help,
            "/cancel": self._cancel_now,
            "/model": self._model,
            "/mode": self._mode,
            "/cost": self._cost,
        }

    async def _greet(self, *, is_new: bool) -> None:
        """Say who answers; show a turn that still runs to its end."""
        state = await self._session.state()
        self._after = state.last_seq or 0
        if isinstance(self._screen, JsonLines):
            told = {"type": "session", "session_id": state.session_id, "agent": state.agent}
            print_json_line({**told, "model": state.model, "turn_count": state.turn_count})
        if isinstance(self._screen, Terminal):
            who = state.agent + (f" ({state.model})" if state.model else "")
            turns = "" if is_new else f", {state.turn_count} turns so far"
            self._say(f"Talking with {who} in session {state.session_id}{turns}.")
            if self._lines.asks:
                self._say("Ctrl-C cancels a turn, Ctrl-D leaves, /help tells more.")
        if state.turn is not None:
            self._say(f"Turn {state.turn} still runs.")
            async with self._under_way(), self._session.events(self._after) as stream:
                await self._watch(stream, until=state.turn)

    async def run(self, *, is_new: bool) -> int:
        """Talk until there is nothing more to be said; the exit code.

        Ctrl-C cancels the turn, a second one the task that runs this.
        """
        self._main = asyncio.current_task()
        with on_interrupt(self._interrupted):
            await self._greet(is_new=is_new)
            return await self._talk()

    async def _talk(self) -> int:
        warned = False
        while True:
            try:
                line = self._lines.next()
            except KeyboardInterrupt:
                if warned or not self._lines.asks:
                    self._say("")
                    return faults.OK if self._lines.asks else faults.INTERRUPTED
                warned = True
                self._say("\n(Ctrl-C again, Ctrl-D or /quit leaves)")
                continue
            warned = False
            if line is None or line.strip() in {"/quit", "/exit"}:
                break
            if line.strip():
                async with self._under_way():
                    await self._do(line)
        return faults.FAILED if self._failed and not self._lines.asks else faults.OK

    def say_how_to_come_back(self) -> None:
        """The command that goes on with this session."""
        if isinstance(self._screen, Terminal):
            come_back = f"{command_name()} chat --session {self._session.id}{self._server}"
            self._say(f"The session stays open. To go on with it: {come_back}")

    async def _do(self, line: str) -> None:
        try:
            await self._show_what_happened_meanwhile()
            try:
                await self._obey(line)
            except ClosedSession:  # nobody had said anything for a long time
                await self._session.resume()
                self._say("The session had been closed meanwhile; it goes on.")
                await self._obey(line)
        except TurnFailure as failure:  # it did not even begin
            self._failed = True
            faults.report(failure)
        except ForgeError as error:
            if not self._lines.asks:
                raise
            faults.report(error)
            if isinstance(error, TransportError):
                self._say("Nothing is lost: when the server is there again, go on here.")

    async def _obey(self, line: str) -> None:
        name, _, argument = line.strip().partition(" ")
        command = self._commands.get(name)
        if command is not None:
            await command(argument.strip())
        else:
            await self._turn(line[1:] if line.startswith("//") else line)

    async def _turn(self, prompt: str) -> None:
        self.turns += 1
        self._screen.begin()
        async with self._session.stream(prompt) as stream:
            await self._watch(stream)
        ended = stream.ended
        self._failed |= ended is not None and ended.state not in {"done", "cancelled"}

    async def _watch(
        self, stream: "AsyncEventStream | AsyncTurnStream", until: int | None = None
    ) -> None:
        """Show a turn to its end."""
        questions = Questions(
            self._session,
            asks=self._lines.asks,
            server=self._server,
            settled=self._show_held,
        )
        try:
            async for event in stream:
                self._begun.set()
                self._after = event.seq
                self._see(event, questions)
                if isinstance(event, events.TurnEnded) and event.turn == until:
                    break
        finally:
            await questions.drop()
            self._show_held()
            self._screen.end()

    @asynccontextmanager
    async def _under_way(self) -> AsyncIterator[None]:
        """Meanwhile there is something that Ctrl-C can cancel."""
        self._begun.clear()
        self._is_over = False
        self._interrupted_at = float("-inf")
        try:
            yield
        finally:
            self._is_over = True
            self._begun.set()
            # Who leaves in the middle of a turn wants it to end: the request must get there.
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(LEAVE_SECS):
                    await self._owner.wait()
            await self._owner.cancel()

    def _see(self, event: events.Event, questions: Questions) -> None:
        if isinstance(event, events.PermissionResolved):
            questions.resolved(event)
        if questions.pending and not isinstance(event, events.PermissionRequest):
            self._held.append(event)  # the question stands on the screen
            return
        self._screen.show(event)
        if isinstance(event, events.PermissionRequest):
            self._screen.end_line()
            questions.ask(event)

    def _show_held(self) -> None:
        held, self._held = self._held, []
        for event in held:
            self._screen.show(event)

    def _interrupted(self) -> None:
        now = time.monotonic()
        if self._is_over:
            return
        if now - self._interrupted_at < AGAIN_SECS:
            if self._main is not None:
                hear_no_more_interrupts()
                self._main.cancel()
            return
        self._interrupted_at = now
        if isinstance(self._screen, Terminal):
            self._screen.echoed()
        self._say("(cancelling the turn; Ctrl-C again leaves)")
        self._owner.start(self._cancel(), name="cancel-turn")

    async def _cancel(self) -> None:
        """Cancel the turn; one that waits in line, as soon as it begins."""
        while not self._is_over:
            try:
                if (await self._session.cancel()).cancelled:
                    return
            except ForgeError as error:
                faults.report(error)
                return
            if self._begun.is_set():
                return
            await self._begun.wait()

    async def _show_what_happened_meanwhile(self) -> None:
        """What the agent did by itself since the last turn."""
        while True:
            page = await self._session.event_page(self._after)
            for event in page.events:
                self._after = event.seq
                self._screen.show(event)
            if page.next is None:
                self._screen.end()
                return

    async def _help(self, _: str) -> None:
        self._say(HELP)

    async def _cancel_now(self, _: str) -> None:
        done = await self._session.cancel()
        self._say(
            f"turn {done.turn_index} is cancelled" if done.cancelled else "nothing is running"
        )

    async def _model(self, name: str) -> None:
        info = await (self._session.set(model=name) if name else self._session.state())
        self._say(f"model: {info.model or 'the default of the agent'}")

    async def _mode(self, name: str) -> None:
        info = await (self._session.set(mode=name) if name else self._session.state())
        self._say(f"mode: {info.options.get('mode') or 'the default of the agent'}")

    async def _cost(self, _: str) -> None:
        info = await self._session.state()
        usage = info.usage
        self._say(usage_line(usage) or "the agent has not told")
        if usage.context_used is not None:
            size = f" of {usage.context_size:,}" if usage.context_size else ""
            self._say(f"context: {usage.context_used:,}{size} tokens")

    def _say(self, text: str) -> None:
        if isinstance(self._screen, Terminal):
            self._screen.note(text)
        else:
            stderr().print(harmless(text), markup=False)
