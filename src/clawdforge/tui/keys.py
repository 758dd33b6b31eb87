"""What keys mean: counts, prefixes and commands, as in vi and in atm. Pure.

The same table tells people in the help, so that it cannot lie.
"""

from dataclasses import dataclass
from typing import Literal

Command = Literal[
    "down",
    "up",
    "first",
    "last",
    "half_down",
    "half_up",
    "page_down",
    "page_up",
    "next",
    "previous",
    "open",
    "view",
    "back",
    "focus",
    "details_down",
    "details_up",
    "fold_open",
    "fold_close",
    "fold_toggle",
    "fold_all",
    "unfold_all",
    "search",
    "filter",
    "quick_filter",
    "allow",
    "allow_always",
    "deny",
    "deny_saying",
    "send",
    "interrupt",
    "discover",
    "jump",
    "kill",
    "spawn",
    "spawn_left",
    "spawn_below",
    "spawn_above",
    "spawn_right",
    "theme",
    "help",
    "quit",
]
MAX_COUNT = 9999


@dataclass(frozen=True, slots=True)
class Pressed:
    """What was asked for."""

    command: Command
    count: int | None = None
    """The number that was typed before."""


@dataclass(frozen=True, slots=True)
class Binding:
    """Some keys for one command."""

    keys: tuple[str, ...]
    command: Command
    words: str = ""
    """What it does, for the help; empty: the one before it says it for both."""


SECTIONS: dict[str, tuple[Binding, ...]] = {
    "Move": (
        Binding(("j", "down"), "down", "down, up; a number before it: so many"),
        Binding(("k", "up"), "up"),
        Binding(("g g", "home", "0"), "first", "to the first, to the last; 7G: to row 7"),
        Binding(("G", "end"), "last"),
        Binding(("ctrl+d", "pagedown"), "half_down", "half a page"),
        Binding(("ctrl+u", "pageup"), "half_up"),
        Binding(("n",), "next", "next, previous: what is searched for, else who needs you"),
        Binding(("N",), "previous"),
    ),
    "Decide": (
        Binding(("a",), "allow", "allow what it asks for; answer its question"),
        Binding(("A",), "allow_always", "allow it, and the like of it in this session"),
        Binding(("D",), "deny", "deny it"),
        Binding(("m",), "deny_saying", "deny it, and say why"),
        Binding(("i",), "send", "say something to it: a prompt"),
        Binding(("I",), "interrupt", "interrupt it"),
        Binding(("d d", "x"), "kill", "end it; asks first"),
    ),
    "Look": (
        Binding(("enter",), "open", "to its pane; without one as v"),
        Binding(("v",), "view", "its details alone, and back; a group folds"),
        Binding(("tab",), "focus", "to the details and back; there the same keys scroll"),
        Binding(("J", "shift+down"), "details_down", "scroll the details from the list"),
        Binding(("K", "shift+up"), "details_up"),
        Binding(("slash",), "search", "search"),
        Binding(("f",), "filter", "show only what fits: web is:working !demo"),
        Binding(("F",), "quick_filter", "all, who needs you, who works, who is idle"),
        Binding(("r", "R"), "discover", "look for agents that run"),
        Binding(("t",), "theme", "dark, light, the terminal's own colours"),
    ),
    "Fold": (
        Binding(("h", "left", "z c"), "fold_close", "close, or go to what it is in"),
        Binding(("l", "right", "z o"), "fold_open", "open"),
        Binding(("z a", "space"), "fold_toggle", "the other of both"),
        Binding(("z M",), "fold_all", "close all, open all"),
        Binding(("z R",), "unfold_all"),
    ),
    "Else": (
        Binding(("question_mark",), "help", "this help"),
        Binding(("escape",), "back", "back"),
        Binding(("q", "Q", "ctrl+c"), "quit", "quit"),
    ),
}
TERMINAL: tuple[Binding, ...] = (
    Binding(("o o", "o j"), "spawn_below", "start an agent below, left, above, right of it"),
    Binding(("o h",), "spawn_left"),
    Binding(("o k",), "spawn_above"),
    Binding(("o l",), "spawn_right"),
)
"""Where something controls the terminal that the dashboard runs in."""

NAMES = {
    "question_mark": "?",
    "slash": "/",
    "escape": "Esc",
    "enter": "Enter",
    "tab": "Tab",
    "space": "Space",
    "up": "↑",
    "down": "↓",
    "left": "←",
    "right": "→",
    "shift+up": "⇧↑",
    "shift+down": "⇧↓",
    "pagedown": "PgDn",
    "pageup": "PgUp",
    "home": "Home",
    "end": "End",
}
"""Keys as people know them."""


def shown(keys: str) -> str:
    """A key, or two after each other, as people write it."""
    names = [NAMES.get(key, key.replace("ctrl+", "^")) for key in keys.split(" ")]
    return "".join(names)


class KeyReader:
    """Turns keys into commands, one after another. Unknown keys end what was begun."""

    def __init__(self, more: tuple[Binding, ...] = ()) -> None:
        bindings = [binding for section in SECTIONS.values() for binding in section]
        self._commands = {keys: one.command for one in (*bindings, *more) for keys in one.keys}
        self._prefixes = {keys.split(" ")[0] for keys in self._commands if " " in keys}
        self._count = ""
        self._prefix = ""

    @property
    def begun(self) -> str:
        """What was typed of a command that is not whole."""
        return self._count + shown(self._prefix)

    def reset(self) -> bool:
        """Forget what was begun; whether there was anything."""
        begun = bool(self._count or self._prefix)
        self._count = self._prefix = ""
        return begun

    def feed(self, key: str) -> Pressed | None:
        """Take a key (`j`, `G`, `ctrl+d`, `question_mark`); None: it is no command, or not yet."""
        if not self._prefix and key.isdecimal() and len(key) == 1 and (key != "0" or self._count):
            self._count = str(min(int(self._count + key), MAX_COUNT))
            return None
        whole = f"{self._prefix} {key}" if self._prefix else key
        command = self._commands.get(whole)
        if command is None and not self._prefix and key in self._prefixes:
            self._prefix = key
            return None
        count = int(self._count) if self._count else None
        self.reset()
        return Pressed(command, count) if command is not None else None
