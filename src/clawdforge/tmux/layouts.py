"""Layouts: what a window is divided into, and what each part is for. Pure.

A layout is a tree. A *leaf* becomes a pane; a *branch* stands its children side by side
(`horizontal`) or one above the other (`vertical`). The shapes of `BUILT_IN` are those of atm 0.2.2,
and so is the file that a layout of one's own comes from (`layout_files.py`).
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Literal, TypeAlias

Role = Literal["agent", "shell", "editor", "panel"]
Direction = Literal["horizontal", "vertical"]
"""Side by side; one above the other."""
NAMES: Mapping[str, Role] = {
    "agent": "agent",
    "shell": "shell",
    "editor": "editor",
    "panel": "panel",
    "sidebar": "panel",
    "atm_panel": "panel",
    "atm-panel": "panel",
}
"""How roles may be called."""
NARROWEST, WIDEST = 20, 40
"""Columns of a panel at the side of a window: the dashboard in its compact form is made for it."""
PANEL_PERCENT = 16
"""What a panel takes of its window's columns, between these."""


@dataclass(frozen=True, slots=True)
class Share:
    """A size: so many of a hundred of the branch."""

    percent: float


@dataclass(frozen=True, slots=True)
class Cells:
    """A size: so many columns or lines."""

    count: int


Size: TypeAlias = Share | Cells


@dataclass(frozen=True, slots=True, kw_only=True)
class Leaf:
    """One pane."""

    role: Role
    size: Size | None = None
    """Of its branch; None: an equal part of what the others leave."""
    agent: str | None = None
    """Which agent; None: the one that the command names."""
    model: str | None = None
    args: tuple[str, ...] = field(default=(), repr=False)
    """Further arguments for the agent."""
    command: tuple[str, ...] = field(default=(), repr=False)
    """What runs in it, in place of what its role says."""
    cwd: str | None = None
    """The folder, from the layout's own."""
    focus: bool = False
    """It has the keys at first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Branch:
    """Several parts."""

    direction: Direction
    children: tuple["Node", ...]
    size: Size | None = None


Node: TypeAlias = Leaf | Branch


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """A window's division."""

    name: str
    root: Node
    about: str = ""
    """In a few words, for people."""
    origin: str = ""
    """The file that it comes from; empty: built in."""


def leaves(node: Node) -> Iterator[Leaf]:
    """The panes of a part, in the order in which `layout_steps` numbers them."""
    if isinstance(node, Leaf):
        yield node
        return
    for child in node.children:
        yield from leaves(child)


def without_panels(node: Node) -> Node | None:
    """The same without panels, for a window that has one already; None: nothing is left."""
    if isinstance(node, Leaf):
        return None if node.role == "panel" else node
    kept = tuple(one for child in node.children if (one := without_panels(child)) is not None)
    if not kept:
        return None
    if len(kept) == len(node.children):
        return replace(node, children=kept)
    if len(kept) == 1:
        return replace(kept[0], size=node.size)
    return replace(node, children=kept)


def _row(*children: Node, size: Size | None = None) -> Branch:
    return Branch(direction="horizontal", children=children, size=size)


def _column(*children: Node, size: Size | None = None) -> Branch:
    return Branch(direction="vertical", children=children, size=size)


_AGENT = Leaf(role="agent")
_PANEL = Leaf(role="panel")
_SHELL = Leaf(role="shell", size=Share(20))
_MAIN = Leaf(role="agent", focus=True)

BUILT_IN: Mapping[str, Layout] = {
    one.name: one
    for one in (
        Layout(name="solo", root=_AGENT, about="one agent"),
        Layout(
            name="pair",
            root=_row(_column(_AGENT, _AGENT), _PANEL),
            about="two agents, one above the other, and a sidebar",
        ),
        Layout(
            name="squad",
            root=_row(_column(_row(_AGENT, _AGENT, size=Share(66)), _AGENT), _PANEL),
            about="two agents above a third, and a sidebar",
        ),
        Layout(
            name="grid",
            root=_column(_row(_AGENT, _AGENT), _row(_AGENT, _AGENT)),
            about="four agents",
        ),
        Layout(
            name="workspace",
            root=_row(_PANEL, _column(_MAIN, _SHELL)),
            about="a sidebar, an agent, and a shell below it",
        ),
        Layout(
            name="workspace-editor",
            root=_row(_PANEL, _column(_row(Leaf(role="editor", size=Share(50)), _MAIN), _SHELL)),
            about="the same with an editor beside the agent",
        ),
    )
}
