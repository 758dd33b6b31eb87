"""The dashboard in a test: without a terminal, with a clock that moves when it is told to."""

import contextlib
import re
from collections.abc import AsyncIterator, Callable
from typing import Any

from textual import events
from textual.pilot import Pilot
from textual.widgets import Input
from tui_world import NOW, FakeMonitor

from clawdforge.tui.app import Dashboard
from clawdforge.tui.providers import Provider

TURNS = 500
_FONTS = re.compile(r"\s*@font-face \{.*?\}", re.DOTALL)
_HASH = re.compile(r"terminal-\d+")


class Clock:
    """A clock that stands still."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> float:
        return self.now


class Screen:
    """What a person has before them."""

    def __init__(self, app: Dashboard, pilot: Pilot[None], clock: Clock) -> None:
        self.app = app
        self.clock = clock
        self._pilot = pilot

    @property
    def text(self) -> str:
        """All of it."""
        strips = self.app.screen._compositor.render_strips()
        return "\n".join("".join(segment.text for segment in strip) for strip in strips)

    @property
    def chosen(self) -> str | None:
        """The session under the cursor."""
        view = self.app.board.chosen
        return view.id if view is not None else None

    async def press(self, *keys: str) -> None:
        """Press keys; what they change is on the screen afterwards."""
        await self._pilot.press(*keys)

    async def read(self) -> None:
        """Look at what is shown for a second."""
        await self.settle()
        self.clock.now += 1
        self.app.draw()

    async def type(self, text: str) -> None:
        """Type a text into the line that is open."""
        line = self.app.prompt.query_one(Input)
        whole = line.value + text
        self.type_ahead(text)
        await self.until(lambda: line.value == whole)

    def type_ahead(self, text: str) -> None:
        """Type all of it at once, before anything of it is looked at; `\\r` is Enter."""
        for letter in text:
            key = "enter" if letter == "\r" else letter
            self.app.post_message(events.Key(key, letter))

    async def click(self, **where: Any) -> None:
        """Click somewhere in the tree."""
        await self._pilot.click("#tree", **where)

    async def resize(self, width: int, height: int) -> None:
        """Give the terminal another size."""
        await self._pilot.resize_terminal(width, height)
        await self.settle()

    async def settle(self) -> None:
        """Draw what is new."""
        await self._pilot.pause()
        self.app.draw()
        await self._pilot.pause()
        self.app.draw()

    async def until(self, holds: Callable[[], object]) -> None:
        """Wait until something holds."""
        for _ in range(TURNS):
            if holds():
                return
            await self._pilot.pause(0.01)
            self.app.draw()
        raise AssertionError(self.text)

    async def see(self, text: str) -> None:
        """Wait until a text is on the screen."""
        await self.until(lambda: text in self.text)

    def picture(self) -> str:
        """The screen as SVG, without fonts of others and without names that change."""
        svg = self.app.export_screenshot(title="clawdforge top")
        plain = _HASH.sub("terminal", _FONTS.sub("", svg)).replace("Fira Code", "DejaVu Sans Mono")
        return re.sub(r"[ \t]+\n", "\n", plain).strip() + "\n"


@contextlib.asynccontextmanager
async def dashboard(
    monitor: FakeMonitor,
    *servers: Provider,
    size: tuple[int, int] = (140, 40),
    **how: Any,
) -> AsyncIterator[Screen]:
    """A dashboard that runs for the length of a block."""
    clock = Clock()
    app = Dashboard(monitor, servers, clock=clock, path="/tmp/atm.sock", **how)
    async with app.run_test(size=size) as pilot:
        screen = Screen(app, pilot, clock)
        await screen.until(lambda: app.board.link.live or app.board.link.tries)
        await screen.settle()
        yield screen
