"""From a layout and a window's size to the splits that make it. Pure."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from clawdforge.errors import InputError
from clawdforge.tmux.layouts import (
    NARROWEST,
    PANEL_PERCENT,
    WIDEST,
    Branch,
    Cells,
    Direction,
    Layout,
    Leaf,
    Node,
    Share,
    leaves,
)

MIN_COLUMNS, MIN_LINES = 10, 3
"""Of a pane. tmux itself would go down to 2 and 1, which is of no use."""
_PANEL_OF_NARROW = 40
"""Percent of a window in which even the narrowest panel would take more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Split:
    """Split a pane: the new one is right of it or below it.

    Panes are numbered: 0 is the window's first, and each split makes the next number.
    """

    of: int
    direction: Direction
    cells: int
    """Columns or lines of the new pane."""
    leaf: int
    """Which leaf of the layout the new pane is; they are numbered in their order."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """How a window is divided."""

    splits: tuple[Split, ...]
    leaves: tuple[Leaf, ...]
    panes: tuple[int, ...]
    """By leaf: the number of its pane."""
    widths: tuple[str | None, ...]
    """By leaf: of a panel the format of its columns, after the window has another size; empty: the
    usual one."""

    @property
    def focus(self) -> int:
        """The pane that has the keys at first: the layout's, else the first agent's."""
        wanted = [number for number, leaf in enumerate(self.leaves) if leaf.focus]
        agents = [number for number, leaf in enumerate(self.leaves) if leaf.role == "agent"]
        return self.panes[next(iter([*wanted, *agents]), 0)]


Area: TypeAlias = tuple[int, int]
"""Columns and lines."""


def plan(layout: Layout, columns: int, lines: int) -> Plan:
    """The splits that make a layout in a window of so many columns and lines.

    Raises:
        InputError: the window is too small for it (`no_room`).
    """
    try:
        splits = tuple(_splits(layout.root, (columns, lines), 0, 0, [0]))
    except _NoRoomError:
        msg = f"the layout {layout.name!r} does not fit into {columns} columns and {lines} lines"
        hint = "make the terminal larger, or choose a layout with fewer panes"
        raise InputError(msg, code="no_room", hint=hint) from None
    panes = {0: 0} | {split.leaf: number for number, split in enumerate(splits, 1)}
    found = tuple(leaves(layout.root))
    return Plan(
        splits=splits,
        leaves=found,
        panes=tuple(panes[number] for number in range(len(found))),
        widths=tuple(_widths(layout.root, "vertical")),
    )


def panel_columns(columns: int, percent: float = PANEL_PERCENT) -> int:
    """How wide a panel at the side of a window of so many columns is."""
    wanted = min(max(int(columns * percent) // 100, NARROWEST), WIDEST)
    return min(wanted, columns * _PANEL_OF_NARROW // 100)


def panel_format(percent: float = PANEL_PERCENT) -> str:
    """`panel_columns` of a window, as tmux calculates it."""
    share = f"#{{e|/:#{{e|*:#{{window_width}},{round(percent)}}},100}}"
    narrow = f"#{{e|/:#{{e|*:#{{window_width}},{_PANEL_OF_NARROW}}},100}}"
    most = _less(share, WIDEST)
    wanted = f"#{{?#{{e|<:{most},{NARROWEST}}},{NARROWEST},{most}}}"
    return f"#{{?#{{e|<:{narrow},{wanted}}},{narrow},{wanted}}}"


def _less(one: str, other: int) -> str:
    return f"#{{?#{{e|<:{one},{other}}},{one},{other}}}"


class _NoRoomError(Exception):
    """A pane would be too small."""


def _splits(node: Node, area: Area, pane: int, leaf: int, made: list[int]) -> Iterator[Split]:
    """Divide a pane; `leaf` is the first of the part, `made` counts the panes that there are."""
    if isinstance(node, Leaf):
        if area[0] < MIN_COLUMNS or area[1] < MIN_LINES:
            raise _NoRoomError
        return
    sizes = divided(node, area[0] if node.direction == "horizontal" else area[1])
    numbers = [pane]
    firsts = [leaf]
    for child in node.children[:-1]:
        firsts.append(firsts[-1] + sum(1 for _ in leaves(child)))
    # Each split leaves its part in the old pane and puts all that follow into the new one.
    for at in range(1, len(sizes)):
        rest = sum(sizes[at:]) + len(sizes) - at - 1
        made[0] += 1
        yield Split(of=numbers[-1], direction=node.direction, cells=rest, leaf=firsts[at])
        numbers.append(made[0])
    for child, size, number, first in zip(node.children, sizes, numbers, firsts, strict=True):
        inner = (size, area[1]) if node.direction == "horizontal" else (area[0], size)
        yield from _splits(child, inner, number, first, made)


def divided(branch: Branch, cells: int) -> list[int]:
    """The sizes of a branch's parts; between each two there is a line that tmux draws.

    What does not add up is the first part's: it gets what the others leave, as in atm.
    """
    free = cells - (len(branch.children) - 1)
    sizes = [_wanted(child, branch.direction, cells, free) for child in branch.children]
    open_ = [number for number, size in enumerate(sizes) if size is None]
    left = free - sum(size or 0 for size in sizes)
    if open_ and left < len(open_):
        raise _NoRoomError
    for count, number in enumerate(open_):
        sizes[number] = left // len(open_) + (1 if count < left % len(open_) else 0)
    found = [size or 0 for size in sizes]
    found[0] += free - sum(found)
    if min(found) < 1:
        raise _NoRoomError
    return found


def _wanted(child: Node, direction: Direction, cells: int, free: int) -> int | None:
    is_panel = isinstance(child, Leaf) and child.role == "panel" and direction == "horizontal"
    match child.size:
        case Cells(count):
            return count
        case Share() if is_panel:
            # Whatever share of a wide window was meant: a dashboard of 80 columns is a waste.
            return panel_columns(cells, child.size.percent)
        case Share(percent):
            return round(free * percent / 100)
        case None:
            return panel_columns(cells) if is_panel else None


def _widths(node: Node, direction: Direction) -> Iterator[str | None]:
    if isinstance(node, Branch):
        for child in node.children:
            yield from _widths(child, node.direction)
    elif node.role != "panel":
        yield None
    elif direction == "vertical":
        yield "#{pane_width}"  # as wide as what it stands above or below
    elif isinstance(node.size, Cells):
        yield str(node.size.count)
    else:
        yield "" if node.size is None else panel_format(node.size.percent)


def sketch(layout: Layout, shown: Sequence[str]) -> str:
    """The layout as a tree of lines; `shown` says what runs in each leaf."""
    texts = iter(shown)
    return "\n".join(_lines(layout.root, "", "", texts))


def _lines(node: Node, lead: str, below: str, texts: Iterator[str]) -> Iterator[str]:
    match node.size:
        case Share(percent):
            size = f" {percent:g}%"
        case Cells(count):
            size = f" {count}"
        case None:
            size = ""
    if isinstance(node, Leaf):
        yield f"{lead}{node.role}{size}: {next(texts)}"
        return
    yield f"{lead}{'side by side' if node.direction == 'horizontal' else 'stacked'}{size}"
    for number, child in enumerate(node.children, 1):
        last = number == len(node.children)
        yield from _lines(
            child, below + ("└ " if last else "├ "), below + ("  " if last else "│ "), texts
        )
