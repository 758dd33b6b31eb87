"""The dashboard: puts the parts on the screen, and draws them when there is something new.

Nothing is drawn that nobody sees: news wait for the next frame, at most `FRAMES` a second, and
without news there is one a second, for the clocks.
"""

import contextlib
import time
import traceback
from collections.abc import Callable, Sequence

from rich.text import Text
from textual import events
from textual.app import App, ComposeResult
from textual.containers import Container, Vertical
from textual.css.query import NoMatches
from textual.screen import Screen
from textual.timer import Timer

from clawdforge.tui.board import Board
from clawdforge.tui.deciding import Decisions
from clawdforge.tui.drawing import Drawing
from clawdforge.tui.feeds import Feeds, Source
from clawdforge.tui.hands import Hands
from clawdforge.tui.keys import TERMINAL, KeyReader
from clawdforge.tui.lines import Lines
from clawdforge.tui.palettes import ANSI_DARK, ANSI_LIGHT, DARK, PALETTES, Palette
from clawdforge.tui.prompts import PromptLine
from clawdforge.tui.providers import Neighbours, Provider
from clawdforge.tui.spans import Line, Span
from clawdforge.tui.treeview import TreeView

FRAMES = 8.0
"""At most so many a second for news; keys are answered at once."""
SAID_SECS = 6.0


class Plain(Screen[None], inherit_bindings=False):
    """The screen, without the keys that Textual gives it."""


class Dashboard(App[None], inherit_bindings=False):
    """`clawdforge top`.

    Args:
        source: The monitor.
        providers: What can be done with sessions, and how.
        path: Where the monitor is, for people.
        clock: Seconds since 1970.
        compact: For a sidebar.
        palette: The name of a palette.
        plain: Only ASCII characters.
        only: A filter to begin with.
        terminal: Whether a provider controls the terminal, so that its keys are shown.
        pick: To choose one session: it ends after the jump there.
        neighbours: Only sessions that these know are shown; None: all.
    """

    ENABLE_COMMAND_PALETTE = False
    TITLE = "clawdforge top"
    CSS = """
    Plain { layout: vertical; background: $background; color: $foreground; }
    #head, #heading, #foot { height: 1; overflow: hidden; }
    #body { height: 1fr; layout: horizontal; }
    #tree { width: 1fr; height: 1fr; }
    #side { width: 1fr; height: 1fr; display: none; }
    #facts { height: auto; overflow-y: auto; }
    #story { height: 1fr; }
    #body.-wide #side { display: block; width: 46%; border-left: solid $panel; }
    #body.-stacked { layout: vertical; }
    #body.-stacked #side { display: block; height: 45%; border-top: solid $panel; }
    #body.-compact { layout: vertical; }
    #body.-compact #side { display: block; height: auto; max-height: 60%;
                           border-top: solid $panel; }
    #body.-compact #story { display: none; }
    #body.-wide #side:ansi { border-left: solid ansi_bright_black; }
    #body.-stacked #side:ansi, #body.-compact #side:ansi { border-top: solid ansi_bright_black; }
    #body.-alone #tree { display: none; }
    #body.-alone #side { display: block; }
    """

    def __init__(
        self,
        source: Source,
        providers: Sequence[Provider] = (),
        *,
        path: str = "",
        clock: Callable[[], float] = time.time,
        compact: bool = False,
        palette: str = DARK.name,
        plain: bool = False,
        only: str = "",
        terminal: bool = False,
        pick: bool = False,
        neighbours: Neighbours | None = None,
    ) -> None:
        super().__init__(ansi_color=True if palette == "terminal" else None)
        self.ansi_theme_dark, self.ansi_theme_light = ANSI_DARK, ANSI_LIGHT
        for one in PALETTES.values():
            self.register_theme(one.theme)
        self.palette: Palette = PALETTES[palette]
        self.board = Board()
        self.board.narrow(only)
        self.feeds = Feeds(
            self.board, source, providers, clock=clock, changed=self.changed, neighbours=neighbours
        )
        self.pick = pick
        self.decisions = Decisions(self, providers)
        self.hands = Hands(self, self.decisions)
        self.alone = False
        """Whether the details have all the room."""
        self.in_details = False
        """Whether the keys scroll the details."""
        self.more_keys = TERMINAL if terminal else ()
        self.clock = clock
        self.path = path
        self.compact = compact
        self.plain = plain
        self.drawing = Drawing(self)
        self._reader = KeyReader(self.more_keys)
        self._said: tuple[Line, float] = ((), 0.0)
        self._timer: Timer | None = None
        self._drawn_at = 0.0
        self._began = False

    def get_default_screen(self) -> Screen[None]:
        """See `Plain`."""
        return Plain(id="_default")

    def compose(self) -> ComposeResult:
        """The parts, from top to bottom."""
        yield Lines(id="head")
        yield Lines(id="heading")
        with Container(id="body"):
            yield TreeView(self.board, self.clock, plain=self.plain, id="tree")
            with Vertical(id="side"):
                yield Lines(id="facts")
                yield Lines(id="story", follows=True)
        yield Lines(id="foot")
        yield PromptLine(id="prompt")

    def on_mount(self) -> None:
        """Begin."""
        self.theme = self.palette.name
        self.feeds.start()
        self.set_interval(1.0, self.changed)
        self._began = True
        self.draw()

    async def on_unmount(self) -> None:
        """End."""
        await self.feeds.close()
        await self.decisions.close()

    def _fatal_error(self) -> None:
        """Textual's: what is printed when there is a fault. Without values: some are secret."""
        self._exit_renderables.append(Text(traceback.format_exc()))
        self._close_messages_no_wait()

    # Drawing

    @property
    def base(self) -> Screen[object]:
        """The screen under all windows."""
        return self.screen_stack[0]

    @property
    def treeview(self) -> TreeView:
        """The tree."""
        return self.base.query_one("#tree", TreeView)

    @property
    def prompt(self) -> PromptLine:
        """The line where a person types."""
        return self.base.query_one("#prompt", PromptLine)

    def lines(self, name: str) -> Lines:
        """One of the other parts."""
        return self.base.query_one(f"#{name}", Lines)

    def changed(self) -> None:
        """There is something new: draw soon."""
        if self._timer is None and self.is_running:
            wait = self._drawn_at + 1 / FRAMES - time.monotonic()
            self._timer = self.set_timer(max(wait, 0.001), self._frame)

    def _frame(self) -> None:
        self._timer = None
        # While the app is taken down there is nothing left to draw on.
        with contextlib.suppress(NoMatches):
            if self.screen_stack:
                self.draw()

    def draw(self) -> None:
        """Show everything as it is now."""
        self._drawn_at = time.monotonic()
        self.feeds.notice()
        if self.board.found is not None:
            said, self.board.found = self.board.found, None
            self._said = ([Span(said, "accent")], time.monotonic() + SAID_SECS)
        self.drawing.draw()
        self.draw_foot()

    def draw_foot(self) -> None:
        """Show what was said last, or the keys that are of use."""
        line, until = self._said
        offers = self.decisions.offers(self.board.chosen)
        said = line if time.monotonic() < until else ()
        self.drawing.foot(offers, begun=self._reader.begun, said=said)

    def say(self, text: str, role: str = "accent") -> None:
        """Tell the person something, for a while."""
        self._said = ([Span(text, role)], time.monotonic() + SAID_SECS)
        self.changed()

    # Input

    async def on_event(self, event: events.Event) -> None:
        """Take keys here and now, one after another, before any widget has them.

        By way of the widgets a key is handled later than the next one is sent on: what is typed
        quickly would not yet go to the line that the key before has opened.
        """
        is_ours = isinstance(event, events.Key) and not event.is_forwarded
        if is_ours and self._began and len(self.screen_stack) == 1 and not self.prompt.is_open:
            assert isinstance(event, events.Key)
            self._take_key(event.key)
        else:
            await super().on_event(event)

    def _take_key(self, key: str) -> None:
        if key == "escape" and self._reader.reset():
            self.draw_foot()
            return
        self._said = ((), 0.0)
        pressed = self._reader.feed(key)
        if pressed is None:
            self.draw_foot()
        else:
            self.hands.do(pressed)

    def on_tree_view_picked(self, message: TreeView.Picked) -> None:
        """A row was clicked."""
        self.in_details = False
        if message.twice:
            self.hands.open()
        self.draw()

    def on_resize(self) -> None:
        """Another size."""
        self.call_after_refresh(self.draw)

    def use(self, name: str) -> None:
        """Take another palette."""
        self.palette = PALETTES[name]
        self.ansi_color = name == "terminal"
        self.theme = name
        self.drawing.forget()
        self.refresh_css(animate=False)
        self.draw()
