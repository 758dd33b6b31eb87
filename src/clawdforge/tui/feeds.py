"""Where the dashboard's news come from: the monitor, open questions, the chosen transcript.

Each is followed by a task of its own, which comes back after any failure. No Textual here.
"""

import asyncio
import contextlib
from collections import OrderedDict
from collections.abc import AsyncGenerator, Callable, Sequence
from typing import Protocol

from clawdforge.client import PermissionInfo
from clawdforge.client.monitor_news import News
from clawdforge.core.observed.views import SessionView
from clawdforge.errors import ClawdforgeError
from clawdforge.tasks import TaskOwner
from clawdforge.tui.asked import Questions
from clawdforge.tui.board import Board
from clawdforge.tui.looks import needs_person
from clawdforge.tui.nearby import Nearby
from clawdforge.tui.providers import Neighbours, Provider
from clawdforge.tui.story import Story
from clawdforge.tui.watching import PaneWatch

ASK_AGAIN_SECS = 10.0
"""How often questions are asked for while a session needs a person and nothing changes."""
SETTLE_SECS = 0.05
AROUND_SECS = 3.0
"""How often it is asked which sessions are in the place that is shown."""
CHOSEN_SECS = 0.12
"""How long the cursor has to rest on a session before its transcript is fetched."""
RETRY_SECS = 2.0
"""How soon a server that did not answer is asked again: it may start again just now."""
MAX_STORIES = 8


class Source(Protocol):
    """What tells of sessions; `MonitorFeed` is one."""

    def follow(self) -> AsyncGenerator[list[News]]:
        """What happens, for ever."""
        ...

    def discover(self) -> bool:
        """Have it look for agents that run; whether it can."""
        ...


class Feeds:
    """Everything that comes from outside.

    Args:
        board: Told of what the monitor tells.
        source: The monitor.
        providers: Whose questions and transcripts there are.
        clock: Seconds since 1970.
        changed: Called when there is something new to see.
        neighbours: Only those of which these know; None: all sessions.
    """

    def __init__(
        self,
        board: Board,
        source: Source,
        providers: Sequence[Provider],
        *,
        clock: Callable[[], float],
        changed: Callable[[], None],
        neighbours: Neighbours | None = None,
    ) -> None:
        self.questions = Questions()
        self.asked_by: dict[str, Provider] = {}
        """By the question's id: who knows of it, and can answer."""
        self.story = Story()
        """The transcript of the chosen session."""
        self.story_problem = ""
        """Why it is not followed; empty: it is, or there is none."""
        self.source = source
        self._board = board
        self._providers = providers
        self._clock = clock
        self._changed = changed
        self._neighbours = neighbours
        self._nearby = Nearby() if neighbours is not None else None
        self._stir = asyncio.Event()
        self._owner = TaskOwner()
        self.pane = PaneWatch(lambda: board.sessions, providers, self._owner, changed)
        """The screen of the chosen session, where it has a pane and nothing tells its story."""
        self._poke = asyncio.Event()
        self._ask_failed = False
        self._needing: frozenset[tuple[str, str, str | None]] = frozenset()
        self._stories: OrderedDict[str, Story] = OrderedDict()
        self._chosen: str | None = None
        self._following: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin."""
        self._owner.start(self._follow(), name="dashboard-monitor")
        self._owner.start(self._ask(), name="dashboard-questions")
        if self._neighbours is not None and self._nearby is not None:
            work = self._look_around(self._neighbours, self._nearby)
            self._owner.start(work, name="dashboard-neighbours")

    async def close(self) -> None:
        """End it all."""
        await self._owner.cancel()
        for provider in self._providers:
            await provider.close()

    def ask_now(self) -> None:
        """Look at once what is asked."""
        self._poke.set()

    # The monitor

    async def _follow(self) -> None:
        async with contextlib.aclosing(self.source.follow()) as following:
            async for news in following:
                if self._nearby is not None:
                    news = self._nearby.take(news)
                    if self._nearby.is_stale:
                        self._stir.set()
                self._board.take(news, self._clock())
                self._changed()

    async def _look_around(self, neighbours: Neighbours, nearby: Nearby) -> None:
        problem = ""
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(AROUND_SECS):
                    await self._stir.wait()
            await asyncio.sleep(SETTLE_SECS)
            self._stir.clear()
            nearby.is_stale = False
            try:
                inside = await neighbours.inside(nearby.everybody)
            except ClawdforgeError as error:
                if error.message != problem:
                    problem = self._board.found = error.message
                    self._changed()
                continue
            problem = ""
            self._board.take(nearby.settle(inside), self._clock())
            self._changed()

    def notice(self) -> None:
        """Ask what is asked, when somebody begins or ceases to wait; to be called at times."""
        views = self._board.sessions.values()
        needing = frozenset((v.id, v.state_since, v.approval_id) for v in views if needs_person(v))
        if needing != self._needing:
            self._needing = needing
            self._poke.set()

    # Questions

    async def _ask(self) -> None:
        while True:
            again = RETRY_SECS if self._ask_failed else ASK_AGAIN_SECS
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(again if self._needing else None):
                    await self._poke.wait()
            await asyncio.sleep(SETTLE_SECS)
            self._poke.clear()
            self._ask_failed = False
            found: list[tuple[PermissionInfo, Provider]] = []
            for provider in self._providers:
                try:
                    found += [(one, provider) for one in await provider.questions()]
                except ClawdforgeError:
                    self._ask_failed = True
            self.questions.replace(one for one, _ in found)
            self.asked_by = {one.permission_id: provider for one, provider in found}
            self._changed()

    # Transcripts

    def choose(self, view: SessionView | None, *, shown: bool) -> None:
        """Follow what happens in this session, and in no other.

        `shown` says whether there is room for it: what nobody sees is not looked at.
        """
        told = view is not None and self._teller(view) is not None
        self.pane.show(view if shown and not told else None)
        name = view.id if view is not None else None
        if name == self._chosen:
            return
        self._chosen = name
        self.story, self.story_problem = Story(), ""
        if self._following is not None:
            self._following.cancel()
            self._following = None
        found = self._teller(view) if view is not None else None
        if view is None or found is None:
            return
        self.story = self._stories.setdefault(view.id, self.story)
        self._stories.move_to_end(view.id)
        if len(self._stories) > MAX_STORIES:
            self._stories.popitem(last=False)
        self._following = self._owner.start(
            self._tell(*found, self.story), name="dashboard-transcript"
        )

    def _teller(self, view: SessionView) -> tuple[Provider, str] | None:
        for provider in self._providers:
            if (name := provider.follows(view)) is not None:
                return provider, name
        return None

    async def _tell(self, provider: Provider, name: str, story: Story) -> None:
        await asyncio.sleep(CHOSEN_SECS)
        while True:
            try:
                async with contextlib.aclosing(provider.events(name, story.newest)) as following:
                    async for event in following:
                        story.add(event)
                        self.story_problem = ""
                        self._changed()
            except ClawdforgeError as error:
                self.story_problem = error.message
                self._changed()
                if error.code in {"not_found", "scope_missing"}:
                    return  # another app's
            await asyncio.sleep(RETRY_SECS)
