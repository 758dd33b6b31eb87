"""The screen of the chosen session's pane, looked at again and again while it is shown."""

import asyncio
from collections.abc import Callable, Mapping, Sequence

from clawdforge.core.observed.views import SessionView
from clawdforge.errors import ClawdforgeError
from clawdforge.tasks import TaskOwner
from clawdforge.tui.pane import screen_lines
from clawdforge.tui.providers import Provider
from clawdforge.tui.spans import Line

SETTLE_SECS = 0.12
"""How long the cursor has to rest on a session before its pane is looked at."""
AGAIN_SECS = 1.0
AFTER_ACT_SECS = 0.15


class PaneWatch:
    """Looks at one pane at a time.

    Args:
        sessions: All sessions, by id, as they are now.
        providers: Who can look.
        owner: Of the task.
        changed: Called when there is something new to see.
    """

    def __init__(
        self,
        sessions: Callable[[], Mapping[str, SessionView]],
        providers: Sequence[Provider],
        owner: TaskOwner,
        changed: Callable[[], None],
    ) -> None:
        self.lines: Sequence[Line] | None = None
        """What is in it; None: nothing is known, or there is no pane."""
        self.problem = ""
        self._sessions = sessions
        self._providers = providers
        self._owner = owner
        self._changed = changed
        self._text: str | None = None
        self._name: str | None = None
        self._task: asyncio.Task[None] | None = None
        self._poke = asyncio.Event()

    def show(self, view: SessionView | None) -> None:
        """Look at this session's pane from now on; None: at none."""
        if view is not None and self._looker(view) is None:
            view = None
        name = view.id if view is not None else None
        if name == self._name:
            return
        self._name = name
        self._text = self.lines = None
        self.problem = ""
        if self._task is not None:
            self._task.cancel()
            self._task = None
        if name is not None:
            self._task = self._owner.start(self._watch(name), name="dashboard-pane")

    def look_now(self) -> None:
        """Something was done to it: look soon."""
        self._poke.set()

    def _looker(self, view: SessionView) -> Provider | None:
        return next((one for one in self._providers if "screen" in one.offers(view)), None)

    async def _watch(self, name: str) -> None:
        await asyncio.sleep(SETTLE_SECS)
        while True:
            view = self._sessions().get(name)
            looker = self._looker(view) if view is not None else None
            if view is not None and looker is not None:
                await self._look(looker, view)
            try:
                async with asyncio.timeout(AGAIN_SECS):
                    await self._poke.wait()
            except TimeoutError:
                continue
            self._poke.clear()
            await asyncio.sleep(AFTER_ACT_SECS)

    async def _look(self, looker: Provider, view: SessionView) -> None:
        before = self._text, self.problem
        try:
            self._text, self.problem = await looker.screen(view), ""
        except ClawdforgeError as error:
            self.problem = error.message
        if (self._text, self.problem) != before:
            self.lines = screen_lines(self._text) if self._text is not None else None
            self._changed()
