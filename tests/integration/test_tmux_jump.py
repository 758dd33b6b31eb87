"""Jumps, with real terminals that show real tmux servers."""

import sys
from collections.abc import Iterator

import pytest
from tmux_stage import Stage, Terminal, attached, shown_in, stage, until

from clawdforge.tmux.jumping import jump


@pytest.fixture
def tmux() -> Iterator[Stage]:
    with stage() as made:
        yield made


async def test_the_terminal_goes_to_another_window_and_pane(tmux: Stage) -> None:
    first = tmux.start("one", "my 'work' (a)")
    windows = [
        tmux.tmux("one", "new-window", "-d", "-P", "-F", "#{pane_id}", "cat") for _ in range(10)
    ]
    assert windows[0] == "%1"
    assert windows[-1] == "%10"
    lower = tmux.tmux("one", "split-window", "-d", "-t", "%10", "-P", "-F", "#{pane_id}", "cat")
    with attached(tmux, "one", "my 'work' (a)") as terminal:
        for target in (lower, "%1", "%10", first):
            done = await jump(await tmux.server("one").pane(target), tmux.inside("one", first))
            assert done.terminal == terminal.name
            assert shown_in(tmux, "one", terminal) == target


async def test_the_terminal_goes_to_another_session_and_no_other_terminal_moves(
    tmux: Stage,
) -> None:
    mine = tmux.start("one", "mine")
    hers = tmux.start("one", "hers")
    target = tmux.start("one", "the target; -x")
    with attached(tmux, "one", "mine") as my, attached(tmux, "one", "hers") as other:
        await jump(await tmux.server("one").pane(target), tmux.inside("one", mine))
        assert shown_in(tmux, "one", my) == target
        assert shown_in(tmux, "one", other) == hers


async def test_a_window_of_two_sessions_is_shown_in_the_own_one(tmux: Stage) -> None:
    mine = tmux.start("one", "mine")
    target = tmux.start("one", "other")
    tmux.tmux("one", "link-window", "-d", "-s", "other:", "-t", "mine:5")
    with attached(tmux, "one", "mine") as terminal:
        await jump(await tmux.server("one").pane(target), tmux.inside("one", mine))
        assert shown_in(tmux, "one", terminal) == target
        told = tmux.tmux("one", "list-clients", "-F", "#{session_name}")
        assert told == "mine"


async def test_a_zoomed_window_stays_zoomed_and_shows_the_pane(tmux: Stage) -> None:
    first = tmux.start("one", "work")
    target = tmux.tmux("one", "split-window", "-P", "-F", "#{pane_id}", "cat")
    tmux.tmux("one", "resize-pane", "-Z", "-t", first)
    with attached(tmux, "one", "work") as terminal:
        await jump(await tmux.server("one").pane(target), tmux.inside("one", first))
        assert shown_in(tmux, "one", terminal) == target
        told = tmux.tmux("one", "display-message", "-p", "-t", target, "#{window_zoomed_flag}")
        assert told == "1"


async def test_the_terminal_leaves_its_server_for_another_one(tmux: Stage) -> None:
    mine = tmux.start("one", "mine")
    target = tmux.start("two", "it's $HOME")
    with attached(tmux, "one", "mine") as terminal:
        done = await jump(await tmux.server("two").pane(target), tmux.inside("one", mine))
        assert done.terminal == terminal.name
        until(lambda: shown_in(tmux, "two", terminal) == target, "not there")
        assert shown_in(tmux, "one", terminal) == ""
        assert tmux.tmux("one", "list-panes", "-a", "-F", "#{pane_id}") == mine


async def test_outside_tmux_a_terminal_that_shows_it_does_or_is_to_be_opened(tmux: Stage) -> None:
    target = tmux.start("one", "work")
    pane = await tmux.server("one").pane(target)
    alone = await jump(pane, tmux.env)
    assert alone.terminal is None
    assert alone.attach[-3:] == ("attach-session", "-t", pane.session_id)
    with attached(tmux, "one", "work") as terminal:
        assert (await jump(pane, tmux.env)).terminal == terminal.name
        assert (await jump(pane, tmux.env, elsewhere=False)).attach == alone.attach


def test_the_command_says_what_to_do_without_a_terminal(tmux: Stage) -> None:
    target = tmux.start("one", "work")
    done = tmux.run("jump", target)
    assert done.returncode == 1
    assert "no terminal shows %0" in done.stderr
    assert "attach-session" in done.stderr
    with attached(tmux, "one", "work") as terminal:
        assert f"Jumped to %0 (work:0.0) in {terminal.name}" in tmux.run("jump", target).stderr


def test_the_command_attaches_in_a_terminal_outside_tmux(tmux: Stage) -> None:
    tmux.start("one", "work")
    target = tmux.tmux("one", "new-window", "-d", "-P", "-F", "#{pane_id}", "cat")
    with attached(tmux, "one", "work") as other:
        terminal = Terminal(tmux, sys.executable, "-m", "clawdforge", "jump", target)
        try:
            until(lambda: shown_in(tmux, "one", terminal) == target, "not there")
            assert shown_in(tmux, "one", other) == target  # the same session, seen twice
        finally:
            terminal.close()
