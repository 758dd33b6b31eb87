"""`clawdforge workspace` in a real tmux and a real terminal: sidebars that keep their width."""

import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest
from layout_stage import Pane, Screen, Stage, stage

NAME = 'it\'s; my "work" #{pid} 🐙'


@pytest.fixture
def at(tmp_path: Path) -> Iterator[Stage]:
    with stage(tmp_path) as made:
        yield made


def panels(at: Stage, server: str = "default") -> list[Pane]:
    return [pane for pane in at.panes(server).values() if pane.is_panel]


def wide(columns: int) -> int:
    """What a sidebar takes of so many columns."""
    return min(max(columns * 16 // 100, 20), 40)


def wait_for_width(at: Stage, columns: int, lines: int, count: int = 1) -> None:
    """Wait until the terminal has that size, and each sidebar the width that belongs to it."""

    def fits() -> bool:
        found = panels(at)
        right = [(pane.columns, pane.lines) == (wide(columns), lines - 1) for pane in found]
        return len(right) == count and all(right)

    at.until(fits)


def wait_for_columns(at: Stage, pane_id: str, columns: int) -> None:
    at.until(lambda: at.panes()[pane_id].columns == columns)


@pytest.fixture
def screen(at: Stage) -> Screen:
    """A terminal in which a workspace was created, with an odd name, and is shown."""
    made = at.terminal(columns=160, lines=45)
    made.command(f"cd {at.work} && clawdforge workspace create --name {shlex.quote(NAME)} -m opus")
    made.see("agent claude", "<opus>", "[it's; my")
    return made


def test_the_sidebar_keeps_its_width_whatever_the_terminal_does(at: Stage, screen: Screen) -> None:
    assert at.tmux("list-sessions", "-F", "#{session_name}") == NAME
    screen.see("? help")  # the dashboard runs, for this session alone
    wait_for_width(at, 160, 45)
    for columns, lines in ((80, 24), (300, 60), (70, 20), (125, 40), (251, 50), (160, 45)):
        screen.resize(columns, lines)
        wait_for_width(at, columns, lines)
    agent, shell = (pane for pane in at.panes().values() if not pane.is_panel)
    assert (agent.left, agent.top) == (26, 0)
    assert (shell.left, shell.columns) == (26, 134)
    assert agent.columns == 134


def test_each_new_window_gets_a_sidebar_and_the_keys_stay_where_they_were(
    at: Stage, screen: Screen
) -> None:
    new = at.tmux("new-window", "-P", "-F", "#{pane_id}")
    wait_for_width(at, 160, 45, count=2)
    assert at.tmux("display-message", "-p", "#{pane_id}") == new
    hidden = at.tmux("new-window", "-d", "-P", "-F", "#{window_id}")
    wait_for_width(at, 160, 45, count=3)
    assert at.tmux("display-message", "-p", "#{pane_id}") == new
    assert [pane.window for pane in panels(at)][-1] == hidden
    built = at.json("layout", "pair", inside=new)  # no second sidebar
    assert [one["role"] for one in built["panes"]] == ["agent", "agent"]
    wait_for_width(at, 160, 45, count=4)
    other = at.session("other")
    at.tmux("new-window", "-t", "other:")
    assert not any(pane.is_panel for pane in at.panes(target="other").values())
    assert other in at.panes()
    screen.resize(100, 30)
    for pane in panels(at):  # tmux makes a window as large as the terminal when it is shown
        at.tmux("select-window", "-t", pane.window)
        wait_for_columns(at, pane.id, 20)


def test_a_window_that_one_pane_fills_is_left_alone_until_it_does_no_more(
    at: Stage, screen: Screen
) -> None:
    at.tmux("resize-pane", "-Z")
    screen.resize(90, 30)
    at.until(lambda: at.tmux("display-message", "-p", "#{pane_width}") == "90")
    assert at.tmux("display-message", "-p", "#{window_zoomed_flag}") == "1"
    at.tmux("resize-pane", "-Z")
    wait_for_width(at, 90, 30)


def test_a_sidebar_does_not_keep_a_window_by_itself(at: Stage, screen: Screen) -> None:
    new = at.tmux("new-window", "-P", "-F", "#{pane_id}", "exec cat")
    wait_for_width(at, 160, 45, count=2)
    at.tmux("send-keys", "-t", new, "C-d")
    at.until(lambda: len(panels(at)) == 1)
    assert len(at.panes()) == 3
    screen.see("agent claude")


def test_it_can_have_an_editor_and_a_server_of_its_own(at: Stage) -> None:
    screen = at.terminal()
    screen.command(f"cd {at.work} && clawdforge workspace create --editor --isolate --name 'a b'")
    screen.see("[a b]")
    server = "clawdforge-a_b"
    at.until(lambda: "clawdforge" in at.tmux("list-keys", "-T", "prefix", server=server))
    panel, editor, agent, shell = sorted(
        at.panes(server).values(), key=lambda pane: (pane.top, pane.left)
    )
    at.see(editor.id, "agent my-editor", "<-w>", server=server)
    at.see(agent.id, "agent claude", server=server)
    assert panel.is_panel
    assert editor.columns in range(agent.columns - 1, agent.columns + 2)
    assert shell.columns == editor.columns + agent.columns + 1
    assert at.tmux("display-message", "-p", "#{pane_id}", server=server) == agent.id
    assert "jump to the next" in at.tmux("list-keys", "-N", "-T", "clawdforge", server=server)
    screen.press("C-b", "d")
    screen.see("[detached")
    screen.command("clear; clawdforge workspace attach --isolate 'a b'")
    screen.see("[a b]")
    assert len(panels(at, server)) == 1
    missing = at("workspace", "attach", "--isolate")
    assert missing.returncode == 2
    assert "say which workspace" in missing.stderr


def test_an_old_session_gets_sidebars_and_loses_them_again(at: Stage) -> None:
    first = at.session("old one")
    at.tmux("set-hook", "-g", "after-new-window", "set-option -g @mine yes")
    at.tmux("set-hook", "-g", "window-resized", "set-option -g @resized yes")
    second = at.tmux("new-window", "-P", "-F", "#{pane_id}")
    at.tmux("split-window", "-h")
    at.tmux("resize-pane", "-Z")
    narrow = at.tmux("new-window", "-P", "-F", "#{window_id}")
    at.tmux("resize-window", "-t", narrow, "-x", "50")
    before = at.panes()
    told = at.json("workspace", "attach", "old one")
    assert told["session"] == "old one"
    assert len(told["windows"]) == 2
    assert [pane.window for pane in panels(at)] == told["windows"]
    zoomed = at.tmux("display-message", "-p", "-t", second, "#{window_zoomed_flag}")
    assert zoomed == "1"
    at.tmux("resize-pane", "-Z", "-t", second)
    assert [pane.columns for pane in panels(at)] == [32, 32]
    assert at.json("workspace", "attach", "old one")["windows"] == []
    at.tmux("new-window")
    at.until(lambda: len(panels(at)) == 3)
    assert at.tmux("show-options", "-gv", "@mine") == "yes"
    ended = at.json("workspace", "leave", "old one")
    assert len(ended["panes"]) == 3
    after = at.panes()
    assert {pane: after[pane].pid for pane in before} == {
        pane: one.pid for pane, one in before.items()
    }
    assert after[first].columns == 200
    at.tmux("new-window")
    assert not panels(at)
    hooks = at.tmux("show-hooks", "-g") + at.tmux("show-hooks", "-gw")
    assert "1917" not in hooks
    assert "@mine" in hooks
    assert "@resized" in hooks


def test_without_a_name_it_is_the_session_that_was_used_last(at: Stage) -> None:
    for name in ("one", "two", "three"):
        at.session(name)
    screen = at.terminal()
    screen.command("tmux -f /dev/null attach -t two")
    screen.see("[two]")
    screen.press("C-b", "d")
    screen.see("[detached")
    assert at.json("workspace", "attach")["session"] == "two"
    screen.command("clawdforge workspace attach")
    screen.see("[two]", "? help")


def test_from_within_tmux_the_terminal_goes_over(at: Stage) -> None:
    at.session("here")
    screen = at.terminal()
    screen.command("tmux -f /dev/null attach -t here")
    screen.see("[here]")
    screen.command(f"clawdforge workspace create --name there --dir {at.work}")
    screen.see("[there]", "agent claude")


def test_what_cannot_be_is_told_and_leaves_nothing(at: Stage) -> None:
    at.session("taken")
    before = set(at.panes())
    cases = {
        ("create", "--name", "taken"): "there is a tmux session 'taken' already",
        ("create", "--name", " "): "cannot be the name of a session",
        ("create", "--name", "x", "--agent", "gemini"): "gemini is not installed",
        ("create", "--name", "x", "--layout", "grid", "--editor"): "give one of them",
        ("attach", "nobody"): "there is no tmux session 'nobody'",
        ("leave", "nobody"): "there are taken",
    }
    for arguments, said in cases.items():
        done = at("workspace", *arguments)
        assert done.returncode == 2, (arguments, done.stderr)
        assert said in done.stderr.replace("\n", " ")
    assert set(at.panes()) == before


def test_without_a_terminal_it_says_how_to_see_it(at: Stage) -> None:
    (at.work / "some.project").mkdir()
    done = at("workspace", "create", "--dir", str(at.work / "some.project"))
    assert done.returncode == 0, done.stderr
    assert "tmux attach -t =some_project" in done.stderr
    shown = at("workspace", "create", "--dry-run", "--editor").stdout
    assert "editor 50%: my-editor" in shown
