"""What the dashboard does with panes."""

import os
import stat
from collections.abc import Iterator
from typing import Any

import pytest
from made_views import made_view
from tmux_stage import Stage, attached, shown_in, stage, until

from clawdforge.cli.panes_provider import PaneNeighbours, PanesProvider
from clawdforge.core.observed.views import IDLE, WORKING, SessionView
from clawdforge.errors import ClawdforgeError, InputError
from clawdforge.tmux.errors import TmuxError
from clawdforge.tui.providers import Interrupt, Jump, Kill, Send, Spawn


@pytest.fixture
def tmux() -> Iterator[Stage]:
    with stage() as made:
        yield made


def pid_of(tmux: Stage, pane: str, server: str = "one") -> int:
    return int(tmux.tmux(server, "display-message", "-p", "-t", pane, "#{pane_pid}"))


def view(session_id: str = "a", **facts: Any) -> SessionView:
    told = {"status": WORKING, "started_at": 1.0, "last_activity": 1.0, "agent": "claude"} | facts
    return made_view(now=2.0, id=session_id, **told)


def test_only_what_can_be_done_is_offered(tmux: Stage) -> None:
    outside, inside = PanesProvider(tmux.env), PanesProvider(tmux.inside("one", "%0"))
    assert set(outside.offers(view(tmux_pane="%5"))) == {
        "jump", "send", "interrupt", "kill", "screen", "spawn",
    }  # fmt: skip
    assert "interrupt" not in outside.offers(view(tmux_pane="%5", status=IDLE))
    assert set(outside.offers(view())) == set()
    assert set(outside.offers(None)) == set()
    assert set(inside.offers(None)) == {"spawn"}


async def test_a_pane_is_shown_spoken_to_interrupted_and_ended(tmux: Stage) -> None:
    pane, kept = tmux.record("one", "work", "\\x1b[31mred\\x1b[0m ")
    tmux.start("two", "work")  # another %0
    ours = view(tmux_pane=pane, pid=pid_of(tmux, pane))
    provider = PanesProvider(tmux.env)
    shown = await provider.screen(ours)
    assert shown is not None
    assert shown.startswith("\x1b[31mred")
    assert shown.count("\n") == 24
    assert await provider.do(Send("-hi; 'x'\nC-c"), ours) == f"said in {pane}"
    assert await provider.do(Interrupt(), ours) == f"interrupted {pane}"
    want = b"-hi; 'x'\rC-c\r\x1b"
    until(lambda: kept.stat().st_size >= len(want))
    assert kept.read_bytes() == want
    with pytest.raises(TmuxError) as caught:
        await provider.do(Jump(), ours)
    assert caught.value.code == "no_terminal"
    with attached(tmux, "two", "work"), attached(tmux, "one", "work") as terminal:
        assert await provider.do(Jump(), ours) == f"jumped to {pane} in {terminal.name}"
    tmux.start("one", "other")
    assert await provider.do(Kill(), ours) == f"killed {pane}"
    assert await provider.screen(ours) is None
    with pytest.raises(ClawdforgeError):
        await provider.do(Send("x"), ours)
    await provider.close()


async def test_a_question_is_not_answered_by_saying_something(tmux: Stage) -> None:
    pane = tmux.ask("one", "work", "Yes", "No")
    ours = view(tmux_pane=pane, pid=pid_of(tmux, pane))
    with pytest.raises(TmuxError, match="waits for an answer"):
        await PanesProvider(tmux.env).do(Send("go on"), ours)


async def test_another_agent_is_started_beside_the_chosen_one(tmux: Stage) -> None:
    programs = tmux.folder / "bin"
    programs.mkdir()
    (programs / "claude").write_text("#!/bin/sh\npwd\nexec cat\n")
    (programs / "claude").chmod(stat.S_IRWXU)
    own = tmux.start("one", "work")
    below = tmux.tmux("one", "split-window", "-P", "-F", "#{pane_id}", "cat")
    env = {**tmux.inside("one", own), "PATH": f"{programs}{os.pathsep}{tmux.env['PATH']}"}
    provider = PanesProvider(env)
    ours = view(tmux_pane=below, pid=pid_of(tmux, below), cwd=str(programs))
    said = await provider.do(Spawn("right"), ours)
    new = said.rpartition(" ")[2]
    assert said == f"started claude in {new}"
    tmux.wait_for("one", new, str(programs)[:30])
    panes = {one.id: one for one in await tmux.server("one").panes()}
    assert (panes[new].top, panes[new].left > 0) == (panes[below].top, True)
    said = await provider.do(Spawn(), None)
    assert said.startswith("started claude in %")


async def test_the_sessions_of_one_tmux_session_are_told(tmux: Stage) -> None:
    first, second = tmux.start("one", "my work"), tmux.start("one", "other")
    views = [
        view("a", tmux_pane=first, pid=pid_of(tmux, first)),
        view("b", tmux_pane=second, pid=pid_of(tmux, second)),
        view("c", tmux_pane=first),
        view("d"),
    ]
    assert set(await PaneNeighbours("my work", tmux.env).inside(views)) == {"a", "c"}
    with pytest.raises(InputError, match="no tmux session 'none'"):
        await PaneNeighbours("none", tmux.env).inside(views)


async def test_the_terminal_of_the_dashboard_itself_jumps(tmux: Stage) -> None:
    own, target = tmux.start("one", "board"), tmux.start("one", "agents")
    ours = view(tmux_pane=target, pid=pid_of(tmux, target))
    with attached(tmux, "one", "board") as terminal:
        said = await PanesProvider(tmux.inside("one", own)).do(Jump(), ours)
        assert said == f"jumped to {target}"
        assert shown_in(tmux, "one", terminal) == target
