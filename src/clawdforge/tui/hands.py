"""Carries out what keys ask for."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from clawdforge.tui import filters, palettes
from clawdforge.tui.deciding import Decisions
from clawdforge.tui.dialogs import HelpScreen
from clawdforge.tui.keys import Command, Pressed
from clawdforge.tui.providers import Interrupt, Jump, Spawn

if TYPE_CHECKING:
    from clawdforge.tui.app import Dashboard

DETAIL_STEP = 3


class Hands:
    """What a person does."""

    def __init__(self, app: "Dashboard", decisions: Decisions) -> None:
        self._app = app
        self._board = app.board
        self._decisions = decisions
        self._moves: dict[Command, Callable[[int], None]] = {
            "down": lambda count: self._step(count),
            "up": lambda count: self._step(-count),
            "half_down": lambda count: self._step(count * self._half()),
            "half_up": lambda count: self._step(-count * self._half()),
            "details_down": lambda count: self._scroll(count * DETAIL_STEP),
            "details_up": lambda count: self._scroll(-count * DETAIL_STEP),
        }
        self._rest: dict[Command, Callable[[], object]] = {
            "next": self._hop,
            "previous": lambda: self._hop(back=True),
            "open": self._enter,
            "view": self.open,
            "back": self._back,
            "focus": self._focus,
            "fold_open": lambda: self._board.fold(closed=False),
            "fold_close": lambda: self._board.fold(closed=True),
            "fold_toggle": self._board.fold,
            "fold_all": lambda: self._board.fold_all(closed=True),
            "unfold_all": lambda: self._board.fold_all(closed=False),
            "search": self._search,
            "filter": self._filter,
            "quick_filter": self._quick_filter,
            "allow": decisions.allow,
            "allow_always": lambda: decisions.allow(always=True),
            "deny": decisions.deny,
            "deny_saying": decisions.deny_saying,
            "send": decisions.send,
            "interrupt": lambda: decisions.act(Interrupt(), "interrupt"),
            "jump": lambda: decisions.act(Jump(), "jump"),
            "kill": decisions.kill,
            "spawn": lambda: decisions.act(Spawn(), "spawn"),
            "spawn_left": lambda: decisions.act(Spawn("left"), "spawn"),
            "spawn_below": lambda: decisions.act(Spawn("below"), "spawn"),
            "spawn_above": lambda: decisions.act(Spawn("above"), "spawn"),
            "spawn_right": lambda: decisions.act(Spawn("right"), "spawn"),
            "discover": self._discover,
            "theme": lambda: self._app.use(palettes.next_name(self._app.palette.name)),
            "help": lambda: self._app.push_screen(HelpScreen(self._app.more_keys)),
            "quit": self._app.exit,
        }

    def do(self, pressed: Pressed) -> None:
        """Do what was asked for, and show it."""
        count = pressed.count
        match pressed.command:
            case "first" | "last" as which:
                self._end(which, count)
            case command if command in self._moves:
                self._moves[command](count or 1)
            case command:
                self._rest[command]()
        self._show()

    # Moving

    def _step(self, count: int) -> None:
        if self._app.in_details or self._app.alone:
            self._scroll(count)
        else:
            self._board.step(count)

    def _end(self, which: str, count: int | None) -> None:
        if self._app.in_details or self._app.alone:
            self._scroll(-1_000_000 if which == "first" else 1_000_000)
        elif count is not None:
            self._board.go(count - 1)
        else:
            self._board.go(0 if which == "first" else len(self._board.rows))

    def _half(self) -> int:
        widget = self._app.lines("story") if self._app.alone else self._app.treeview
        return max(1, widget.size.height // 2)

    def _scroll(self, count: int) -> None:
        """Scroll the transcript; before it the facts, where those do not fit."""
        facts, story = self._app.lines("facts"), self._app.lines("story")
        first, second = (facts, story) if count > 0 else (story, facts)
        if not first.scroll_lines(count):
            second.scroll_lines(count)

    def _hop(self, *, back: bool = False) -> None:
        if not self._board.hop(back=back):
            self._app.say("nothing is found" if self._board.search else "nobody needs you")

    def _enter(self) -> None:
        """To the pane of a session; without one to its details; a group folds."""
        view = self._board.chosen
        if view is not None and "jump" in self._decisions.offers(view):
            self._decisions.act(Jump(), "jump")
        else:
            self.open()

    def open(self) -> None:
        """The details of a session alone; of a group, the inside."""
        if self._board.chosen is None:
            self._board.fold()
        else:
            self._app.alone = not self._app.alone

    def _focus(self) -> None:
        self._app.in_details = not self._app.in_details

    def _back(self) -> None:
        """One step back: from the details, from a search, from a filter."""
        if self._app.alone or self._app.in_details:
            self._app.alone = self._app.in_details = False
        elif self._board.search:
            self._board.look_for("")
        elif not self._board.filter.is_empty:
            self._board.narrow("")

    # Finding

    def _search(self) -> None:
        def typed(text: str) -> None:
            self._board.look_for("")
            if not self._board.look_for(text):
                self._app.say("nothing is found", "warn")
            self._show()

        def done(text: str) -> None:
            if not text:
                self._board.look_for("")
            self._show()

        self._app.prompt.open("/", done, typed=typed, hint="part of a name, a prompt, a folder …")

    def _filter(self) -> None:
        def typed(text: str) -> None:
            self._board.narrow(text)
            self._show()

        hint = "web is:working !demo  (is:needs, is:idle, app:, model:, branch: …)"
        self._app.prompt.open(
            "only", lambda _: self._show(), typed=typed, text=self._board.filter.text, hint=hint
        )

    def _quick_filter(self) -> None:
        quick = filters.QUICK
        text = self._board.filter.text
        at = quick.index(text) if text in quick else 0
        self._board.narrow(quick[(at + 1) % len(quick)])

    def _discover(self) -> None:
        if self._app.feeds.source.discover():
            self._app.say("looking for agents …", "dim")
        else:
            self._app.say("there is no monitor", "warn")

    def _show(self) -> None:
        self._board.refresh()
        self._app.treeview.reveal()
        self._app.draw()
