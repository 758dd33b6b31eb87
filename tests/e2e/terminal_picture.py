"""What a terminal shows, as an SVG: for the docs, and for people who look whether it is good."""

import re

from rich.color import ColorSystem
from rich.console import Console
from rich.terminal_theme import TerminalTheme
from rich.text import Text

_DARK = "282c34 e5787b 8fbf8a e0af55 7aa2d6 a99bd6 6ebebe ccd2da"
_BRIGHT = "596273 ec7f80 a0d09b f0c46e 96bcec beb0e6 8cd4d4 f0f4f8"


def _rgb(colours: str) -> list[tuple[int, int, int]]:
    found = (bytes.fromhex(one) for one in colours.split())
    return [(red, green, blue) for red, green, blue in found]


THEME = TerminalTheme((22, 24, 29), (204, 210, 218), _rgb(_DARK), _rgb(_BRIGHT))
"""The colours of a terminal like many."""


def picture(coloured: str, columns: int, title: str) -> str:
    """An SVG of what `tmux capture-pane -e -p` gave."""
    console = Console(width=columns, record=True, file=open("/dev/null", "w"))  # noqa: SIM115, PTH123
    console._color_system = ColorSystem.TRUECOLOR
    for line in coloured.rstrip("\n").split("\n"):
        console.print(Text.from_ansi(line), no_wrap=True, crop=True, soft_wrap=False)
    svg = console.export_svg(title=title, theme=THEME, unique_id="terminal")
    svg = re.sub(r"\s*@font-face \{.*?\}", "", svg, flags=re.DOTALL)
    return svg.replace("Fira Code", "DejaVu Sans Mono")
