"""The dashboard with sessions in panes: jump, look, say, end, start."""

from collections.abc import Collection, Sequence

import pytest
from tui_app import Screen, dashboard
from tui_world import (
    DRIVEN,
    Everything,
    FakeMonitor,
    FakePanes,
    FakeServer,
    Updated,
    story,
    view,
    world,
)

from clawdforge.core.observed.views import SessionView
from clawdforge.errors import InputError
from clawdforge.tui.providers import Act, Interrupt, Jump, Kill, Send, Spawn

SHOP = ("slash", "c", "a", "r", "t", "enter")
"""To the one in pane %5."""


@pytest.fixture
def monitor() -> FakeMonitor:
    return FakeMonitor(Everything(tuple(world())))


async def done(screen: Screen, panes: FakePanes, *acts: tuple[Act, str]) -> None:
    await screen.until(lambda: len(panes.done) >= len(acts))
    assert panes.done == list(acts)


# --- the live pane ----------------------------------------------------------------------------


async def test_the_pane_of_the_chosen_session_is_shown_and_goes_on(monitor: FakeMonitor) -> None:
    panes = FakePanes()
    async with dashboard(monitor, panes) as screen:
        await screen.press(*SHOP)
        await screen.see("its pane %5")
        await screen.see("41 passed, 2 failed")
        panes.screens["%5"] = "43 passed\n"
        await screen.see("43 passed")
        del panes.screens["%5"]
        await screen.until(lambda: "43 passed" not in screen.text)
        await screen.see("first prompt")


async def test_the_colours_of_a_pane_are_kept(monitor: FakeMonitor) -> None:
    async with dashboard(monitor, FakePanes()) as screen:
        await screen.press(*SHOP)
        await screen.see("41 passed")
        strips = screen.app.screen._compositor.render_strips()
        found = [segment for strip in strips for segment in strip if "41 passed" in segment.text]
        assert found[0].style is not None
        assert found[0].style.color is not None
        assert found[0].style.color != screen.app.palette.style("").color


async def test_only_what_is_seen_is_looked_at(monitor: FakeMonitor) -> None:
    panes = FakePanes()
    async with dashboard(monitor, panes, FakeServer(told=story()), size=(80, 12)) as screen:
        await screen.press(*SHOP)
        await screen.settle()
        assert not panes.looked  # there is room for the tree alone
        await screen.press("v")
        await screen.see("return total.quantize")
        await screen.press("escape", "slash", "e", "0", "0", "enter", "v")
        assert screen.chosen == DRIVEN
        await screen.see("push the branch")  # what tells more than a pane is shown instead
        assert set(panes.looked) == {"%5"}


async def test_a_pane_that_cannot_be_looked_at_says_why(monitor: FakeMonitor) -> None:
    class Broken(FakePanes):
        async def screen(self, view: SessionView) -> str | None:
            msg = f"{view.tmux_pane}: its tmux is gone"
            raise InputError(msg)

    async with dashboard(monitor, Broken()) as screen:
        await screen.press(*SHOP)
        await screen.see("%5: its tmux is gone")


async def test_what_was_done_to_it_is_seen_soon(monitor: FakeMonitor) -> None:
    panes = FakePanes()
    async with dashboard(monitor, panes) as screen:
        await screen.press(*SHOP)
        await screen.see("41 passed")
        await screen.press("i")
        await screen.type("- it's; Enter")
        await screen.press("enter", "I")
        await done(screen, panes, (Send("- it's; Enter"), "%5"), (Interrupt(), "%5"))


# --- jump -------------------------------------------------------------------------------------


async def test_enter_jumps_and_v_shows_the_details(monitor: FakeMonitor) -> None:
    panes = FakePanes()
    async with dashboard(monitor, panes) as screen:
        await screen.press(*SHOP)
        await screen.see("⏎ jump")
        await screen.press("v")
        await screen.until(lambda: "SESSION" not in screen.text)
        await screen.press("v")
        await screen.see("SESSION")
        await screen.press("enter")
        await done(screen, panes, (Jump(), "%5"))
        assert screen.app.is_running
        await screen.press("G", "enter")  # it has no pane
        assert screen.app.alone


async def test_who_came_to_pick_one_is_let_go_after_the_jump(monitor: FakeMonitor) -> None:
    panes = FakePanes()
    async with dashboard(monitor, panes, pick=True) as screen:
        await screen.press(*SHOP, "enter")
        await screen.until(lambda: not screen.app.is_running)
        assert panes.done == [(Jump(), "%5")]


# --- end --------------------------------------------------------------------------------------


@pytest.mark.parametrize("keys", [("x",), ("d", "d")])
async def test_a_session_is_ended_when_one_says_so_twice(
    monitor: FakeMonitor, keys: tuple[str, ...]
) -> None:
    panes = FakePanes()
    async with dashboard(monitor, panes) as screen:
        await screen.press(*SHOP, *keys)
        await screen.see("End this session?")
        await screen.see("make the cart tests pass")
        for no in ("escape", "n", "enter", "x"):
            await screen.press(no)
            await screen.until(lambda: "End this session?" not in screen.text)
            await screen.press(*keys)
            await screen.see("End this session?")
        assert not panes.done
        await screen.press("y")
        await done(screen, panes, (Kill(), "%5"))


async def test_the_one_that_was_asked_about_is_ended_whatever_comes_between(
    monitor: FakeMonitor,
) -> None:
    panes = FakePanes()
    async with dashboard(monitor, panes) as screen:
        await screen.press(*SHOP, "x")
        await screen.see("End this session?")
        screen.app.board.go(1)
        await screen.press("y")
        await done(screen, panes, (Kill(), "%5"))


async def test_what_cannot_be_ended_says_so(monitor: FakeMonitor) -> None:
    async with dashboard(monitor, FakePanes()) as screen:
        await screen.press("G", "x")
        await screen.see("it cannot be ended from here")


# --- start ------------------------------------------------------------------------------------


async def test_agents_are_started_on_each_side(monitor: FakeMonitor) -> None:
    panes = FakePanes()
    async with dashboard(monitor, panes, terminal=True) as screen:
        await screen.press(*SHOP)
        for key in "ohjkl":
            await screen.press("o", key)
        sides = (Spawn("below"), Spawn("left"), Spawn("below"), Spawn("above"), Spawn("right"))
        await done(screen, panes, *((side, "%5") for side in sides))


async def test_one_can_be_started_where_there_is_none() -> None:
    panes = FakePanes()
    async with dashboard(FakeMonitor(Everything(())), panes, terminal=True) as screen:
        await screen.see("oo starts one here")
        await screen.press("o", "o")
        await done(screen, panes, (Spawn(), ""))


async def test_without_a_terminal_nothing_is_started(monitor: FakeMonitor) -> None:
    panes = FakePanes()
    async with dashboard(monitor, panes) as screen:
        await screen.press("o", "o")
        await screen.settle()
        assert not panes.done


# --- neighbours -------------------------------------------------------------------------------


class Window:
    """Says who is in it."""

    def __init__(self, *names: str) -> None:
        self.names = set(names)
        self.asked = 0

    async def inside(self, views: Sequence[SessionView]) -> Collection[str]:
        self.asked += 1
        return self.names & {view.id for view in views}


async def test_only_those_of_one_place_are_shown(monitor: FakeMonitor) -> None:
    handbook = "a2b4c6d8-dddd-4000-8000-00000000000d"
    window = Window(handbook)
    async with dashboard(monitor, neighbours=window) as screen:
        await screen.see("1 session")
        assert screen.chosen == handbook
        window.names.add("newcomer")
        monitor.say(Updated(view("newcomer", first_prompt="just come", tmux_pane="%77")))
        await screen.see("just come")
        window.names.discard(handbook)
        monitor.say(Updated(view("newcomer", first_prompt="just come", tmux_pane="%78")))
        await screen.until(lambda: "handbook" not in screen.text)
