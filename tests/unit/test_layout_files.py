"""Layouts of one's own: what the files may say, and how wrong ones are told."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clawdforge.errors import ConfigError
from clawdforge.tmux.layout_files import chosen, read_layouts
from clawdforge.tmux.layouts import BUILT_IN, Branch, Cells, Layout, Leaf, Share, leaves

ATM = """
[layout]
name = "my-standard"

[layout.root]
role = "shell"
direction = "horizontal"
size = "100%"

[[layout.root.children]]
role = "shell"
direction = "vertical"
size = "75%"

  [[layout.root.children.children]]
  role = "editor"
  size = "70%"
  direction = "horizontal"

  [[layout.root.children.children]]
  role = "agent"
  size = "30%"
  direction = "horizontal"
  count = 1

[[layout.root.children]]
role = "atm_panel"
direction = "vertical"
size = "25%"

[theme]
colour = "what atm has besides is not ours"
"""


def only(text: str, *, trusted: bool = True) -> Layout:
    [found] = read_layouts(text, "/x/layout.toml", trusted=trusted)
    return found


def test_a_file_of_atm_is_read() -> None:
    assert only(ATM, trusted=False) == Layout(
        name="my-standard",
        origin="/x/layout.toml",
        root=Branch(
            direction="horizontal",
            size=Share(100),
            children=(
                Branch(
                    direction="vertical",
                    size=Share(75),
                    children=(
                        Leaf(role="editor", size=Share(70)),
                        Leaf(role="agent", size=Share(30)),
                    ),
                ),
                Leaf(role="panel", size=Share(25)),
            ),
        ),
    )


def test_a_slot_may_say_who_works_in_it() -> None:
    found = only(
        """
        [layout.root]
        children = [
          {role = "agent", agent = "codex", model = "gpt-5", args = ["--search"], cwd = "api"},
          {role = "agent", focus = true, size = 20},
          {role = "shell", command = ["htop", "-d", "10"]},
        ]
        """
    )
    assert list(leaves(found.root)) == [
        Leaf(role="agent", agent="codex", model="gpt-5", args=("--search",), cwd="api"),
        Leaf(role="agent", focus=True, size=Cells(20)),
        Leaf(role="shell", command=("htop", "-d", "10")),
    ]
    assert found.name == "custom"


def test_count_makes_several_of_a_slot() -> None:
    found = only('[layout.root]\nrole = "agent"\ncount = 3\ndirection = "horizontal"\nsize = "50%"')
    assert found.root == Branch(
        direction="horizontal", children=(Leaf(role="agent"),) * 3, size=Share(50)
    )


def test_several_layouts_may_stand_in_one_file() -> None:
    text = '[layouts.a.root]\nrole = "agent"\n[layouts.b.root]\nrole = "shell"\n'
    assert [one.name for one in read_layouts(text, "f", trusted=True)] == ["a", "b"]
    assert read_layouts("[theme]\nx = 1\n", "f", trusted=True) == []


def test_one_of_ones_own_comes_before_what_is_built_in() -> None:
    mine = Layout(name="pair", root=Leaf(role="agent"), origin="mine")
    other = Layout(name="pair", root=Leaf(role="shell"), origin="other")
    assert chosen("pair", [mine, other]) is mine
    assert chosen("grid", [mine]) is BUILT_IN["grid"]
    with pytest.raises(ConfigError, match="there is no layout 'pare'") as told:
        chosen("pare", [mine])
    assert "solo, pair, squad, grid" in (told.value.hint or "")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[layout", "it is not valid TOML"),
        ("layout = 3", "layout: it is no table"),
        ("layouts = 3", "layouts: it is no table"),
        ('[layout]\nname = "x"', "layout: it has no root"),
        ('[layout]\nroot = "agent"', "layout.root: it is no table"),
        ('[layout.root]\nrole = "boss"', "layout.root.role: there is no role 'boss'"),
        ('[layout.root]\nrole = "agent"\nsize = "75"', None),
        ('[layout.root]\nrole = "agent"\nsize = "120%"', "layout.root.size: '120%' is neither"),
        ('[layout.root]\nrole = "agent"\nsize = true', "layout.root.size: True is neither"),
        ('[layout.root]\nrole = "agent"\nsize = 0', "layout.root.size: 0 is neither"),
        ('[layout.root]\nrole = "agent"\ncount = 0', "layout.root.count: 0 is no number"),
        ('[layout.root]\nrole = "agent"\ncount = 99', "layout.root.count: 99 is no number"),
        ('[layout.root]\ndirection = "up"', "layout.root.direction: there is no 'up'"),
        ('[layout.root]\nchildren = [{role = "agnt"}]', "layout.root.children[0].role"),
        ('[layout.root]\nchildren = "x"', "layout.root.children: it is no list"),
        ('[layout.root]\nmodle = "x"', "layout.root.modle: there is no such setting"),
        ('[layout.root]\nrole = "shell"\nmodel = "x"', "layout.root.model: only a slot with an"),
        ('[layout.root]\nrole = "agent"\nagent = "cloud"', "there is no agent 'cloud'"),
        ('[layout.root]\nrole = "shell"\ncommand = "vim x"', "layout.root.command: it is no list"),
        ('[layout.root]\nrole = "shell"\ncommand = ["a\\u0000"]', "no program can be given a zero"),
        ('[layout.root]\nrole = "shell"\nfocus = 1', "layout.root.focus: it is neither"),
        ('[layout.root]\nrole = "shell"\ncwd = "a\\nb"', "layout.root.cwd: it is no text"),
        (
            '[layout.root]\nchildren = [{}, {size = "60%"}, {size = "50%"}]',
            "layout.root: 110% for the others",
        ),
        (
            "[layout.root]\nchildren = [" + '{role = "agent", count = 20},' * 2 + "]",
            "layout: it has more than 32 panes",
        ),
    ],
)
def test_what_is_wrong_is_told_with_its_place(text: str, said: str | None) -> None:
    if said is None:
        assert read_layouts(text, "f", trusted=True)
        return
    with pytest.raises(ConfigError) as told:
        read_layouts(text, "/x/layout.toml", trusted=True)
    assert str(told.value.message).startswith("/x/layout.toml: ")
    assert said in told.value.message


def test_a_projects_file_may_not_name_programs_or_their_options() -> None:
    for setting in ('role = "shell"\ncommand = ["sh"]', 'role = "agent"\nargs = ["--yolo"]'):
        text = f"[layout.root]\n{setting}"
        assert only(text).name == "custom"
        with pytest.raises(ConfigError, match="a project's file may not") as told:
            read_layouts(text, "p/layout.toml", trusted=False)
        assert "~/.config/clawdforge/layout.toml" in (told.value.hint or "")


def test_a_tree_without_end_is_refused() -> None:
    deep = "{children = [" * 20 + "{}" + "]}" * 20
    with pytest.raises(ConfigError, match="too deep"):
        read_layouts(f"layout = {{root = {deep}}}", "f", trusted=True)


@given(st.text(st.sampled_from('[]{}layoutr.="\n%0123456789chidensz,# '), max_size=80))
def test_no_text_does_more_than_be_refused(text: str) -> None:
    with contextlib.suppress(ConfigError):
        read_layouts(text, "f", trusted=False)
