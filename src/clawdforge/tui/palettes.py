"""What the roles of texts look like: two palettes of our own, and the terminal's colours."""

import functools
from dataclasses import dataclass

from rich.style import Style
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

    @functools.lru_cache(maxsize=512)  # noqa: B019 - palettes live as long as the program
    def style(self, role: str) -> Style:
        """How a role looks, or several."""
        found = Style.null()
        for name in role.split(" "):
            found += Style.parse(self.roles.get(name, name))
        return found


def _roles(**colours: str) -> dict[str, str]:
    return {"strong": "bold", **colours}


DARK = Palette(
    name="dark",
    theme=Theme(
        name="dark",
        dark=True,
        primary="#7aa2d6",
        background="#15181e",
        surface="#15181e",
        panel="#1b1f27",
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
        chosen="on #2a3342",
        left="on #20262f",
        waiting="on #211e17",
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
PALETTES = {palette.name: palette for palette in (DARK, LIGHT, TERMINAL)}


def next_name(name: str) -> str:
    """The palette after this one."""
    names = list(PALETTES)
    return names[(names.index(name) + 1) % len(names)]
