"""`clawdforge layout` in a real tmux: the panes are where they belong, and agents run in them."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from layout_stage import Stage, stage

from clawdforge.tmux.layouts import BUILT_IN, leaves

ODD_NAMES = (
    "with blanks",
    "it's; \"quoted\" 'twice' $HOME `id`",
    "-dash",
    "#{pid} #(touch x) %H",
    "größe 🐙;",
    "=equals;",
)
ODD_FOLDER = "a 'b' \"c\" $d #{pid} ;"


@pytest.fixture
def at(tmp_path: Path) -> Iterator[Stage]:
    with stage(tmp_path) as made:
        yield made


@pytest.mark.parametrize("name", BUILT_IN)
def test_a_layout_is_a_new_window_with_agents_at_work(at: Stage, name: str) -> None:
    mine = at.session()
    before = at.panes()[mine]
    done = at("layout", name, "--model", "opus", inside=mine)
    assert done.returncode == 0, done.stderr
    told = dict(line.split(": ") for line in done.stdout.splitlines())
    panes = at.panes()
    new = {pane_id: pane for pane_id, pane in panes.items() if pane_id != mine}
    assert {one for ids in told.values() for one in ids.split(", ")} == set(new)
    roles = [leaf.role.capitalize() for leaf in leaves(BUILT_IN[name].root)]
    assert {role: len(ids.split(", ")) for role, ids in told.items()} == {
        role: roles.count(role) for role in roles
    }
    for pane_id in told["Agent"].split(", "):
        at.see(pane_id, "agent claude", f"in {at.work}", "<--model>", "<opus>")
    for pane in new.values():
        assert pane.is_panel == (pane.id in told.get("Panel", ""))
        assert not pane.is_panel or (20 <= pane.columns <= 40 and pane.lines == 50)
    # What was there is as it was.
    assert (panes[mine].pid, panes[mine].columns) == (before.pid, before.columns)


def test_panes_stand_as_the_layout_says(at: Stage) -> None:
    mine = at.session()
    built = at.json("layout", "squad", inside=mine)
    panes = at.panes()
    first, second, third, panel = (panes[one["pane"]] for one in built["panes"])
    assert [one["role"] for one in built["panes"]] == ["agent"] * 3 + ["panel"]
    assert (first.left, first.top) == (0, 0)
    assert second.left == first.columns + 1
    assert second.top == 0
    assert third.left == 0
    assert third.top == first.lines + 1
    assert third.columns == first.columns + second.columns + 1
    assert panel.left == third.columns + 1
    assert panel.left + panel.columns == 200
    active = at.tmux("display-message", "-p", "-t", built["window_id"], "#{pane_id}")
    assert active == first.id
    at.see(panel.id, "0")  # the dashboard's header


@pytest.mark.parametrize("name", ODD_NAMES)
def test_a_session_may_have_any_name(at: Stage, name: str) -> None:
    folder = at.work / ODD_FOLDER
    folder.mkdir()
    built = at.json("layout", "pair", "--session", name, "--dir", str(folder))
    assert built["session"] == name.replace("$HOME", "\\$HOME")  # as tmux calls it
    assert at.tmux("list-sessions", "-F", "#{session_name}") == built["session"]
    for one in built["panes"]:
        if one["role"] == "agent":
            at.see(one["pane"], f"in {folder}")
    again = at("layout", "pair", "--session", name)
    assert again.returncode == 2
    assert "already" in again.stderr
    assert not list(at.folder.rglob("x"))  # nothing of the name was run


def test_when_an_agent_ends_its_pane_has_a_shell_in_the_same_folder(at: Stage) -> None:
    mine = at.session()
    [agent] = at.json("layout", "solo", inside=mine)["panes"]
    pane = agent["pane"]
    at.see(pane, "agent claude")
    at.tmux("send-keys", "-t", pane, "C-c")
    at.see(pane, "bye")
    at.tmux("send-keys", "-t", pane, "-l", 'echo "still in $(pwd)"')
    at.tmux("send-keys", "-t", pane, "Enter")
    at.see(pane, f"still in {at.work}")


def test_in_place_the_first_agent_takes_over_the_shell_and_gives_it_back(at: Stage) -> None:
    mine = at.session()
    pid = at.panes()[mine].pid
    at.tmux("send-keys", "-t", mine, "-l", "clawdforge layout workspace --in-place --agent codex")
    at.tmux("send-keys", "-t", mine, "Enter")
    at.until(lambda: len(at.panes()) == 3)
    panes = at.panes()
    assert panes[mine].pid == pid
    at.until(lambda: at.panes()[mine].is_panel)
    at.until(lambda: at.panes()[mine].columns == 32)
    other = next(pane for pane in panes.values() if pane.id != mine and pane.top == 0)
    at.see(other.id, "agent codex")
    at.see(mine, "?")  # the dashboard's footer
    at.tmux("send-keys", "-t", mine, "q")
    assert at.json("workspace", "leave")["panes"] == []  # it was there before
    at.until(lambda: "$" in at.screen_of(mine).strip()[-2:], lambda: at.screen_of(mine))


def test_nothing_is_made_when_it_cannot_be_whole(at: Stage) -> None:
    mine = at.session(columns=60, lines=10)
    before = set(at.panes())
    cases = {
        ("layout", "grid", "--agent", "gemini"): "gemini is not installed",
        ("layout", "grid", "--agent", "nobody"): "there is no agent 'nobody'",
        ("layout", "grd"): "there is no layout 'grd'",
        ("layout", "workspace-editor"): "does not fit into 60 columns and 10 lines",
        ("layout", "pair", "--dir", "/nowhere"): "there is no folder /nowhere",
        ("layout", "pair", "--session", "x", "--in-place"): "different places",
        ("layout", "pair", "--to", "nobody"): "there is no tmux session 'nobody'",
        ("layout", "pair", "--in-place"): "here is no terminal",
        ("layout", "pair", "--model", "-x"): "'-x' is no model",
    }
    for arguments, said in cases.items():
        done = at(*arguments, inside=mine)
        assert done.returncode == 2, (arguments, done.stderr)
        assert said in done.stderr
        assert set(at.panes()) == before, arguments
    outside = at("layout", "pair")
    assert outside.returncode == 2
    assert "--session NAME" in outside.stderr


def test_a_dry_run_shows_the_tree_and_makes_nothing(at: Stage) -> None:
    done = at("layout", "squad", "--dry-run", "--model", "opus", "--session", "x")
    assert done.returncode == 0
    assert f"squad, in {at.work}" in done.stdout
    assert "│ │ ├ agent: claude (opus)" in done.stdout
    assert not (at.folder / "tmux-0" / "default").exists()
    rows = json.loads(at("layout", "pair", "--dry-run", "--json").stdout)
    assert [one["role"] for one in rows["panes"]] == ["agent", "agent", "panel"]


def test_a_projects_layout_and_ones_own_are_found(at: Stage) -> None:
    mine = at.session()
    (at.work / "api").mkdir()
    (at.work / ".atm").mkdir()
    (at.work / ".git").mkdir()
    (at.work / ".atm" / "layout.toml").write_text(
        """
        [layout]
        name = "team"
        about = "two of them"
        [layout.root]
        direction = "horizontal"
        children = [
          {role = "agent", agent = "goose", cwd = "api"},
          {role = "agent", model = "haiku", size = 60, focus = true},
          {role = "atm_panel", size = "50%"},
        ]
        """
    )
    config = at.home / ".config" / "clawdforge"
    config.mkdir(parents=True)
    (config / "layout.toml").write_text(
        '[layouts.pair.root]\nrole = "shell"\ncommand = ["my-editor", "a b;", "$HOME"]\n'
    )
    shown = at("layout").stdout
    assert "two of them" in shown
    assert str(at.work / ".atm" / "layout.toml") in shown
    built = at.json("layout", "team", "--dir", str(at.work / "api"), inside=mine)
    goose, claude, panel = (at.panes()[one["pane"]] for one in built["panes"])
    at.see(goose.id, "agent goose", f"in {at.work / 'api'}", "<session>")
    at.see(claude.id, "<haiku>")
    assert claude.columns == 60
    assert panel.columns == 40
    assert at.tmux("display-message", "-p", "-t", built["window_id"], "#{pane_id}") == claude.id
    [editor] = at.json("layout", "pair", inside=mine)["panes"]
    at.see(editor["pane"], "agent my-editor", "<a b;>", "<$HOME>")
    (config / "layout.toml").write_text("[layouts.pair.root]\nrole = 'boss'\n")
    wrong = at("layout", "solo", inside=mine)
    assert wrong.returncode == 2
    assert "layouts.pair.root.role: there is no role 'boss'" in wrong.stderr
