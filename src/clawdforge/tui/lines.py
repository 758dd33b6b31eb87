"""A widget that shows lines of styled text, and scrolls. Only what is seen is drawn."""

from collections.abc import Sequence
from typing import Protocol, cast

from rich.segment import Segment
from textual.geometry import Region, Size
from textual.scroll_view import ScrollView
from textual.strip import Strip

from clawdforge.tui.palettes import Palette
from clawdforge.tui.spans import Line, Span, width_of

MOST_DRAWN = 2000


class Painted(Protocol):
    """An app that has a palette, and draws when it is told to."""

    palette: Palette

    def changed(self) -> None:
        """There is something new to draw."""
        ...


class Lines(ScrollView, can_focus=False, inherit_bindings=False):
    """Lines that somebody gives, with the last one kept in sight where that is wanted."""

    DEFAULT_CSS = """
    Lines { overflow-x: hidden; scrollbar-size-vertical: 1; background: $background;
            scrollbar-background: $background; scrollbar-background-hover: $background;
            scrollbar-background-active: $background; scrollbar-color: $panel-lighten-2;
            scrollbar-color-hover: $primary; scrollbar-color-active: $primary; }
    Lines:ansi { scrollbar-color: ansi_bright_black; }
    """

    def __init__(self, *, id: str, follows: bool = False) -> None:  # noqa: A002 - Textual's name
        super().__init__(id=id)
        self._lines: Sequence[Line] = ()
        self._follows = follows
        self._at_end = True
        """Whether the last line was in sight when somebody last scrolled."""
        self._drawn: dict[int, tuple[Line, str]] = {}
        """By line: what stands on the screen."""

    @property
    def palette(self) -> Palette:
        """How roles look now."""
        return cast("Painted", self.app).palette

    @property
    def room(self) -> int:
        """How many columns there are for text."""
        return self.scrollable_content_region.width

    def show(self, lines: Sequence[Line]) -> None:
        """Show these from now on."""
        at_end = self._at_end
        self._lines = lines
        self.resize_to(len(lines))
        self._keep_end(at_end=at_end)
        self.sync()

    def _keep_end(self, *, at_end: bool) -> None:
        if self._follows and at_end:
            self.jump_to(self.max_scroll_y)
            self._at_end = True

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        """Somebody has scrolled."""
        super().watch_scroll_y(old_value, new_value)
        self._at_end = new_value >= self.max_scroll_y

    def sync(self) -> None:
        """Draw what is not as it was drawn."""
        top, width = self.scroll_offset.y, self.room
        visible = range(top, top + self.scrollable_content_region.height)
        now = {y: self.line_at(y) for y in visible}
        stale = [Region(0, y - top, width, 1) for y in visible if self._drawn.get(y) != now[y]]
        if stale:
            self.refresh(*stale)

    def on_resize(self) -> None:
        """Another width: what it shows was made for the one before."""
        self._keep_end(at_end=self._at_end)
        cast("Painted", self.app).changed()

    def resize_to(self, count: int) -> None:
        """There are so many lines now."""
        size = Size(0, count)
        if self.virtual_size != size:
            self.virtual_size = size

    def jump_to(self, y: int) -> None:
        """Scroll to a line at once."""
        self.scroll_to(y=y, animate=False, immediate=True, force=True)

    def scroll_lines(self, count: int) -> bool:
        """Scroll down, or up; whether there was anything to scroll."""
        before = self.scroll_offset.y
        self.jump_to(max(0, min(before + count, self.max_scroll_y)))
        return self.scroll_offset.y != before

    def line_at(self, y: int) -> tuple[Line, str]:
        """A line and the style of all of it."""
        return (self._lines[y] if y < len(self._lines) else ()), ""

    def render_line(self, y: int) -> Strip:
        """One line of the screen."""
        number = self.scroll_offset.y + y
        if len(self._drawn) > MOST_DRAWN:
            self._drawn.clear()
        line, over = self._drawn[number] = self.line_at(number)
        palette, base = self.palette, self.rich_style
        whole = base + palette.style(over) if over else base
        if whole.reverse:
            line = [Span(text, "strong" if "strong" in role else "") for text, role in line]
        segments = [Segment(text, whole + palette.style(role)) for text, role in line]
        return Strip(segments, width_of(line)).adjust_cell_length(self.room, whole)
