"""The tree of sessions as a widget: draws the rows that are in sight, and takes the mouse."""

from collections.abc import Callable, Mapping, Sequence

from textual import events
from textual.message import Message

from clawdforge.tui.board import Board
from clawdforge.tui.lines import Lines
from clawdforge.tui.rows import Paper, row_line
from clawdforge.tui.spans import Line

MARGIN = 2
"""So many rows stay in sight above and below the cursor."""


class TreeView(Lines, inherit_bindings=False):
    """The rows of a board."""

    class Picked(Message):
        """A row was clicked."""

        def __init__(self, *, twice: bool) -> None:
            super().__init__()
            self.twice = twice

    def __init__(self, board: Board, clock: Callable[[], float], *, plain: bool, id: str) -> None:  # noqa: A002 - Textual's name
        super().__init__(id=id)
        self.active = True
        """Whether the keys go here."""
        self.asks: Mapping[str, str] = {}
        """By session: the tool that it asks for."""
        self._board = board
        self._clock = clock
        self._plain = plain
        self._empty: Sequence[Line] = ()

    def update(self, *, empty: Sequence[Line]) -> None:
        """Show the board as it is now; `empty` is shown where it has no rows."""
        was_seen = self._is_seen()
        moved = self._board.refresh()
        self._empty = empty
        rows = self._board.rows
        self.resize_to(len(rows) or len(empty))
        if moved and self.scroll_offset.y:
            self.jump_to(max(0, self.scroll_offset.y + moved))
        if moved is not None and was_seen:
            self.reveal()
        self.sync()

    def _is_seen(self) -> bool:
        """Whether the cursor is in sight; it is not when somebody has turned the wheel."""
        top = self.scroll_offset.y
        return top <= self._board.cursor < top + max(1, self.size.height)

    def reveal(self) -> None:
        """Scroll so that the cursor is in sight."""
        cursor, height = self._board.cursor, self.size.height
        if height <= 0:
            return
        margin = min(MARGIN, (height - 1) // 2)
        top = self.scroll_offset.y
        lowest = cursor - margin if cursor > 1 else 0
        if top > lowest:
            self.jump_to(max(0, lowest))
        elif top < cursor + margin - height + 1:
            self.jump_to(cursor + margin - height + 1)

    def line_at(self, y: int) -> tuple[Line, str]:
        """A row, and whether it is the chosen one."""
        rows = self._board.rows
        if y >= len(rows):
            return (self._empty[y] if not rows and y < len(self._empty) else ()), ""
        row = rows[y]
        paper = Paper(
            width=self.room,
            now=self._clock(),
            plain=self._plain,
            asks=self.asks,
            search=self._board.search,
            machines=self._board.machines,
        )
        line = row_line(row, self._board.sessions, paper)
        if y == self._board.cursor:
            return line, "chosen" if self.active else "left"
        return line, "waiting" if row.key[0] == "need" else ""

    def on_click(self, event: events.Click) -> None:
        """Choose the row, or fold the group that is chosen."""
        y = self.scroll_offset.y + event.y
        if y < len(self._board.rows):
            was = self._board.cursor
            self._board.go(y)
            row = self._board.row
            if row is not None and row.is_group and was == y:
                self._board.fold()
            self.post_message(self.Picked(twice=event.chain > 1))

    def on_resize(self) -> None:
        """Keep the cursor in sight."""
        super().on_resize()
        self.reveal()
