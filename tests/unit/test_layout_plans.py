"""Layouts become splits: sizes that add up, panels of a useful width, nothing too small."""

import pytest
from hypothesis import given, reject
from hypothesis import strategies as st

from clawdforge.errors import InputError
from clawdforge.tmux.layout_steps import (
    MIN_COLUMNS,
    MIN_LINES,
    Plan,
    panel_columns,
    plan,
    sketch,
)
from clawdforge.tmux.layouts import (
    BUILT_IN,
    Branch,
    Cells,
    Layout,
    Leaf,
    Node,
    Share,
    leaves,
    without_panels,
)

LEAVES = st.builds(
    Leaf,
    role=st.sampled_from(["agent", "shell", "panel", "editor"]),
    size=st.one_of(
        st.none(),
        st.builds(Share, st.integers(1, 60)),
        st.builds(Cells, st.integers(3, 60)),
    ),
)
NODES: st.SearchStrategy[Node] = st.recursive(
    LEAVES,
    lambda inner: st.builds(
        Branch,
        direction=st.sampled_from(["horizontal", "vertical"]),
        children=st.lists(inner, min_size=1, max_size=4).map(tuple),
        size=st.one_of(st.none(), st.builds(Share, st.integers(1, 60))),
    ),
    max_leaves=8,
)


def areas(found: Plan, columns: int, lines: int) -> list[tuple[int, int]]:
    """Columns and lines of each leaf's pane, when the splits are done as tmux does them."""
    panes = [(columns, lines)]
    for split in found.splits:
        width, height = panes[split.of]
        if split.direction == "horizontal":
            panes[split.of] = (width - split.cells - 1, height)
            panes.append((split.cells, height))
        else:
            panes[split.of] = (width, height - split.cells - 1)
            panes.append((width, split.cells))
    return [panes[number] for number in found.panes]


@given(NODES, st.integers(20, 400), st.integers(6, 120))
def test_every_leaf_gets_a_pane_that_is_large_enough(node: Node, columns: int, lines: int) -> None:
    layout = Layout(name="any", root=node)
    try:
        found = plan(layout, columns, lines)
    except InputError:
        reject()
    sizes = areas(found, columns, lines)
    count = sum(1 for _ in leaves(node))
    assert len(sizes) == len(found.leaves) == len(found.widths) == count
    assert len(found.splits) == count - 1
    assert sorted(found.panes) == list(range(count))
    assert all(width >= MIN_COLUMNS and height >= MIN_LINES for width, height in sizes)
    # Each split draws a line, so that exactly that much is left for the panes.
    drawn = sum(
        1 * (sizes_before[1] if split.direction == "horizontal" else sizes_before[0])
        for split, sizes_before in zip(
            found.splits, split_areas(found, columns, lines), strict=True
        )
    )
    assert sum(width * height for width, height in sizes) == columns * lines - drawn


def split_areas(found: Plan, columns: int, lines: int) -> list[tuple[int, int]]:
    """What each split found before it."""
    panes, before = [(columns, lines)], []
    for split in found.splits:
        width, height = panes[split.of]
        before.append((width, height))
        if split.direction == "horizontal":
            panes[split.of] = (width - split.cells - 1, height)
            panes.append((split.cells, height))
        else:
            panes[split.of] = (width, height - split.cells - 1)
            panes.append((width, split.cells))
    return before


@pytest.mark.parametrize("name", BUILT_IN)
@pytest.mark.parametrize(("columns", "lines"), [(80, 24), (120, 40), (200, 50), (500, 120)])
def test_what_is_built_in_fits_every_terminal(name: str, columns: int, lines: int) -> None:
    found = plan(BUILT_IN[name], columns, lines)
    sizes = areas(found, columns, lines)
    for leaf, (width, height) in zip(found.leaves, sizes, strict=True):
        if leaf.role == "panel":
            assert 20 <= width <= 40
            assert height == lines
    agents = [size for leaf, size in zip(found.leaves, sizes, strict=True) if leaf.role == "agent"]
    if name != "squad":
        widths, heights = zip(*agents, strict=True)
        assert max(widths) - min(widths) <= 1
        assert max(heights) - min(heights) <= 1


def test_the_first_agent_has_the_keys_or_who_is_said_to() -> None:
    for layout in BUILT_IN.values():
        found = plan(layout, 120, 40)
        assert found.leaves[found.panes.index(found.focus)].role == "agent"
    root = Branch(
        direction="vertical", children=(Leaf(role="agent"), Leaf(role="shell", focus=True))
    )
    assert plan(Layout(name="x", root=root), 80, 24).focus == 1


@pytest.mark.parametrize(
    ("columns", "wide"), [(45, 18), (50, 20), (100, 20), (130, 20), (200, 32), (251, 40), (900, 40)]
)
def test_a_panel_is_between_20_and_40_columns(columns: int, wide: int) -> None:
    assert panel_columns(columns) == wide


def test_what_does_not_fit_is_told() -> None:
    with pytest.raises(InputError, match="'grid' does not fit into 18 columns and 50 lines"):
        plan(BUILT_IN["grid"], 18, 50)
    with pytest.raises(InputError, match="does not fit"):
        plan(BUILT_IN["workspace"], 80, 6)


def test_shares_of_the_others_are_kept_and_the_first_takes_the_rest() -> None:
    children = (Leaf(role="agent", size=Share(100)), Leaf(role="agent", size=Share(85)))
    found = plan(Layout(name="x", root=Branch(direction="horizontal", children=children)), 201, 50)
    assert areas(found, 201, 50) == [(30, 50), (170, 50)]


def test_a_layout_loses_its_panels_where_there_is_one_already() -> None:
    root = without_panels(BUILT_IN["pair"].root)
    assert root is not None
    assert [leaf.role for leaf in leaves(root)] == ["agent", "agent"]
    assert isinstance(root, Branch)
    assert root.direction == "vertical"
    assert without_panels(Leaf(role="panel")) is None
    grid = BUILT_IN["grid"].root
    assert without_panels(grid) == grid


def test_a_layout_is_shown_as_a_tree() -> None:
    shown = sketch(BUILT_IN["squad"], ["one", "two", "three", "the board"])
    assert shown.splitlines() == [
        "side by side",
        "├ stacked",
        "│ ├ side by side 66%",
        "│ │ ├ agent: one",
        "│ │ └ agent: two",
        "│ └ agent: three",
        "└ panel: the board",
    ]
