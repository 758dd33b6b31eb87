"""What the roles of texts look like: two palettes of our own, and the terminal's colours."""

import functools
from dataclasses import dataclass

from rich.style import Style
from rich.terminal_theme import TerminalTheme
from textual.theme import Theme


@dataclass(frozen=True)
class Palette:
    """The looks of one theme."""

    name: str
    theme: Theme
    roles: dict[str, str]
    """By role. `chosen` is the row that is chosen, `left` the same while the keys go elsewhere,
    `waiting` a row among those that need a person."""

    def __hash__(self) -> int:
        return hash(self.name)

    @functools.lru_cache(maxsize=2048)  # noqa: B019 - palettes live as long as the program
    def style(self, role: str) -> Style:
        """How a role looks, or several; what is none is a style of Rich, with `+` for blanks."""
        found = Style.null()
        for name in role.split(" "):
            found += Style.parse(self.roles.get(name) or name.replace("+", " "))
        return found


def _roles(**colours: str) -> dict[str, str]:
    return {"strong": "bold", **colours}


# The backgrounds are greys, almost: in 256 colours they become greys too, and not black and teal.
DARK = Palette(
    name="dark",
    theme=Theme(
        name="dark",
        dark=True,
        primary="#7aa2d6",
        background="#16181d",
        surface="#16181d",
        panel="#1c1f25",
        foreground="#ccd2da",
        accent="#a99bd6",
        warning="#e0af55",
        error="#e5787b",
        success="#8fbf8a",
    ),
    roles=_roles(
        dim="#8a94a3",
        faint="#596273",
        work="#79b0ea",
        need="#f0b952",
        bad="#ec7f80",
        warn="#dcae62",
        good="#8dbf92",
        rest="#8a94a3",
        accent="#b3a5e0",
        key="#c9b98a",
        found="black on #e6c878",
        chosen="on #2d323b",
        left="on #22262d",
        waiting="on #22201b",
    ),
)
LIGHT = Palette(
    name="light",
    theme=Theme(
        name="light",
        dark=False,
        primary="#2d66a8",
        background="#fbfaf7",
        surface="#fbfaf7",
        panel="#f1efe9",
        foreground="#2b2f36",
        accent="#6a54ad",
        warning="#8f5f00",
        error="#b3313a",
        success="#2f7a3c",
    ),
    roles=_roles(
        dim="#626a75",
        faint="#8e96a1",
        work="#1c62b0",
        need="#9a5b00",
        bad="#b8323b",
        warn="#8a6000",
        good="#2e7d3f",
        rest="#626a75",
        accent="#6a54ad",
        key="#7a5a12",
        found="black on #f3dc8b",
        chosen="on #dfe6ef",
        left="on #ebe9e3",
        waiting="on #fcf1d8",
    ),
)
TERMINAL = Palette(
    name="terminal",
    theme=Theme(
        name="terminal",
        ansi=True,
        dark=True,
        primary="ansi_blue",
        secondary="ansi_cyan",
        warning="ansi_yellow",
        error="ansi_red",
        success="ansi_green",
        accent="ansi_magenta",
        foreground="ansi_default",
        background="ansi_default",
        surface="ansi_default",
        panel="ansi_default",
        boost="ansi_default",
        variables={
            "ansi-background": "ansi_default",
            "ansi-foreground": "ansi_default",
            "border-blurred": "ansi_default",
            "input-cursor-background": "ansi_default",
            "input-cursor-foreground": "ansi_default",
            "input-cursor-text-style": "reverse",
        },
    ),
    # No yellow and no bright colours: some cannot be read on white.
    roles=_roles(
        dim="dim",
        faint="dim",
        work="blue",
        need="bold magenta",
        bad="red",
        warn="magenta",
        good="green",
        rest="dim",
        accent="cyan",
        key="bold",
        found="reverse",
        chosen="reverse",
        left="underline",
        waiting="none",
    ),
)


def _rgb(colours: str) -> list[tuple[int, int, int]]:
    found = (bytes.fromhex(one) for one in colours.split())
    return [(red, green, blue) for red, green, blue in found]


ANSI_DARK = TerminalTheme(
    (22, 24, 29),
    (204, 210, 218),
    _rgb("2d323b e5787b 8fbf8a dcae62 7aa2d6 a99bd6 6ebebe ccd2da"),
    _rgb("7a8494 f08e8e a5d19f f0c46e 96bcec beb0e6 8cd4d4 f0f4f8"),
)
ANSI_LIGHT = TerminalTheme(
    (251, 250, 247),
    (43, 47, 54),
    _rgb("2b2f36 b3313a 2e7d3f 8a6000 1c62b0 6a54ad 0f7272 8e96a1"),
    _rgb("626a75 c2444c 3b8f4d 9a6c00 2d73c4 7c66bf 178484 b8bec6"),
)
"""What the sixteen colours of a pane look like, where the palette is not the terminal's own."""

PALETTES = {palette.name: palette for palette in (DARK, LIGHT, TERMINAL)}


def next_name(name: str) -> str:
    """The palette after this one."""
    names = list(PALETTES)
    return names[(names.index(name) + 1) % len(names)]
