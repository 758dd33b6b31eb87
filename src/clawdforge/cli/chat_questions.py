"""Asks the person at the terminal what the agent may do."""

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING

from clawdforge.cli.chat_input import answer_line, forget_what_was_typed
from clawdforge.cli.screen import command_name, harmless, in_short, one_line, stderr
from clawdforge.client import Answer, ConflictError, events
from clawdforge.tasks import TaskOwner

if TYPE_CHECKING:
    from clawdforge.client import AsyncSession

CHOICES = "  [bold]y[/] once · [bold]a[/] always · [bold]n[/] no · [bold]e[/] explain > "
HELP = "y, a, n or e, then Enter; after n you may tell the agent why: n use the other file"
ENDS = {
    "allowed": "allowed elsewhere",
    "denied": "denied elsewhere",
    "expired": "too late: nobody answered in time",
    "withdrawn": "it does not matter any more",
}
"""What is said when a question goes away without an answer given here."""
YES = {"y", "yes"}
ALWAYS = {"a", "always"}
NO = {"n", "no"}
EXPLAIN = {"e", "explain", "?"}


def read_answer(line: str) -> Answer | None:
    """What a person typed, as an answer; None: it is none."""
    word, _, rest = line.strip().partition(" ")
    word, rest = word.lower().rstrip(":,"), rest.strip()
    if word in YES and not rest:
        return Answer(allow=True)
    if word in ALWAYS and not rest:
        return Answer(allow=True, scope="always")
    if word in NO:
        return Answer(allow=False, message=rest or None)
    return None


def what(request: events.PermissionRequest) -> str:
    """One line about what the agent wants to do."""
    about = in_short(request.args, 300) or one_line(request.title or "", 300)
    return f"{request.tool} {about}".rstrip()


class Questions:
    """The agent's open questions, asked one after the other.

    Args:
        session: Where the answers go.
        asks: Whether somebody is there to be asked; else it is told how to answer.
        server: Options that name the server, for commands that are shown.
        settled: Called when the last question is out of the way.
    """

    def __init__(
        self, session: "AsyncSession", *, asks: bool, server: str, settled: Callable[[], None]
    ) -> None:
        self._session = session
        self._asks = asks
        self._server = server
        self._settled = settled
        self._open: dict[str, events.PermissionRequest] = {}
        self._owner = TaskOwner()
        self._asking: asyncio.Task[None] | None = None
        self._at: str | None = None

    @property
    def pending(self) -> bool:
        """Whether one is on the screen."""
        return self._asking is not None

    def ask(self, request: events.PermissionRequest) -> None:
        """Put a question to the person."""
        if not self._asks:
            self._say(f"? {what(request)}", style="bold yellow")
            self._say(f"  {self._how(request)}")
            return
        self._open[request.permission_id] = request
        self._next()

    def resolved(self, event: events.PermissionResolved) -> None:
        """A question was answered, by whom it may be, or is not asked any more."""
        if event.permission_id is None or self._open.pop(event.permission_id, None) is None:
            return
        if self._at == event.permission_id and self._asking is not None:
            self._asking.cancel()
            self._say(f"\n  {ENDS.get(event.state, event.state)}")

    async def drop(self) -> None:
        """Ask nothing more."""
        self._open.clear()
        await self._owner.cancel()
        self._asking = None

    def _next(self) -> None:
        if self._asking is None and self._open:
            request = next(iter(self._open.values()))
            self._at = request.permission_id
            self._asking = self._owner.start(self._put(request), name="question", awaited=True)
            self._asking.add_done_callback(self._asked)

    def _asked(self, task: asyncio.Task[None]) -> None:
        self._asking = None
        if self._at is not None:
            self._open.pop(self._at, None)
        if not task.cancelled() and (error := task.exception()) is not None:
            self._say(f"  {error}", style="red")
        self._next()
        if self._asking is None:
            self._settled()

    async def _put(self, request: events.PermissionRequest) -> None:
        forget_what_was_typed()
        self._say(f"? may I: {what(request)}", style="bold yellow")
        if what(request).endswith("…"):
            self._explain(request)  # nobody is to agree to what was not shown
        while True:
            stderr().print(CHOICES, end="")
            line = await answer_line()
            if line is None:
                self._say(f"\n  not answered; {self._how(request)}")
                return
            answer = read_answer(line)
            if answer is not None:
                break
            if line.lower() in EXPLAIN:
                self._explain(request)
            else:
                self._say(f"  {HELP}")
        self._open.pop(request.permission_id, None)  # from here on its answer is ours
        try:
            await self._session.answer_permission(
                request.permission_id,
                allow=answer.allow,
                scope=answer.scope,
                message=answer.message,
            )
        except ConflictError:
            self._say("  it was answered already")

    def _how(self, request: events.PermissionRequest) -> str:
        """The command with which it can be answered from elsewhere."""
        return (
            f"to answer: {command_name()} approve {request.permission_id}{self._server} (or deny)"
        )

    def _explain(self, request: events.PermissionRequest) -> None:
        import msgspec

        told = {
            "tool": request.tool,
            "kind": request.kind,
            "about": request.title,
            "files": ", ".join(request.paths),
            "the agent offers": ", ".join(option.name for option in request.options),
        }
        for name, text in told.items():
            if text:
                self._say(f"  {name:<17} {text}")
        args = msgspec.json.format(msgspec.json.encode(request.args), indent=2).decode()
        self._say("  exactly:\n    " + args.replace("\n", "\n    "))

    def _say(self, text: str, style: str = "") -> None:
        stderr().print(harmless(text), style=style, markup=False)
