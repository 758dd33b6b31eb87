"""What is done with panes of another machine: a real tmux there, over a real ssh."""

import asyncio
import shutil
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from remote_stage import Lab, Machine, lab_in, why_not
from tui_terminal import terminal
from tui_world import view as made_view

from clawdforge.cli.remote_provider import OnlyHere, RemoteProvider
from clawdforge.core.observed.machines import as_stale, on_host
from clawdforge.core.observed.views import SessionView
from clawdforge.errors import ClawdforgeError
from clawdforge.remote.host import parse_host
from clawdforge.remote.machines import open_machines
from clawdforge.tui.providers import Interrupt, Jump, Kill, Provider, Send

WHY_NOT = why_not()
pytestmark = pytest.mark.skipif(WHY_NOT is not None, reason=WHY_NOT or "")

READER = """\
trap 'echo interrupted >>{file}' INT
echo ready; echo ready >>{file}
while :; do IFS= read -r line && printf '%s\\n' "$line" >>{file}; done
"""


class Pane:
    """A pane on another machine in which something writes down what is typed."""

    def __init__(self, box: Machine, server: str) -> None:
        self._box = box
        self._socket = f"/tmp/{server}"
        self._file = box.folder / "home" / f"{server}.typed"
        script = READER.format(file=f"/run/home/{server}.typed")
        self.tmux("-f", "/dev/null", "new-session", "-d", "-x", "80", "-y", "20", script)
        self.id, pid = self.tmux("display", "-p", "#{pane_id} #{pane_pid}").split()
        self.pid = int(pid)

    def tmux(self, *arguments: str, check: bool = True) -> str:
        return self._box.run("tmux", "-S", self._socket, *arguments, check=check).stdout

    @property
    def typed(self) -> list[str]:
        return self._file.read_text().splitlines() if self._file.exists() else []

    def view(self, **facts: Any) -> SessionView:
        given = {"tmux_pane": self.id, "pid": self.pid, "status": "working", **facts}
        return on_host(made_view("p1", **given), self._box.name)


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    folder = Path(tempfile.mkdtemp(prefix="cf-lab-"))
    try:
        with lab_in(folder) as made:
            yield made
    finally:
        shutil.rmtree(folder)


@pytest.fixture(scope="module")
def panes(lab: Lab) -> list[Pane]:
    """Two of the same id, on two tmux servers; that of the second would answer by default."""
    box = lab.machine("box")
    box.start_atmd()
    made = [Pane(box, "one"), Pane(box, "tmux-two")]
    box.hook("p1", prompt="by the hook", pid=made[0].pid, tmux_pane=made[0].id)
    return made


@asynccontextmanager
async def provider_of(lab: Lab, **environ: str) -> AsyncIterator[RemoteProvider]:
    async with open_machines([parse_host("box")], lab.environ) as (tunnel,):
        yield RemoteProvider(tunnel, lab.environ | environ)


async def until(condition: Callable[[], Any]) -> None:
    deadline = time.monotonic() + 40
    while not await asyncio.to_thread(condition):
        assert time.monotonic() < deadline
        await asyncio.sleep(0.02)


def _has(pane: Pane, text: str) -> bool:
    return text in pane.typed


TEXTS = [
    "plain",
    "-t %0 -X",
    "ends with ;",
    "'single' \"double\" `back` $HOME $(id) \\ !! #{pane_id} %1",
    "Enter",
    "grüße 🙂 日本",
]


async def test_a_text_is_typed_as_it_is_into_the_right_server(lab: Lab, panes: list[Pane]) -> None:
    one, two = panes
    assert one.id == two.id
    async with provider_of(lab) as provider:
        for text in TEXTS:
            assert await provider.do(Send(text), one.view()) == "said on box"
            await until(partial(_has, one, text))
    assert [line for line in one.typed if line != "ready"] == TEXTS
    assert two.typed in (["ready"], [])


async def test_its_screen_is_seen_with_colours(lab: Lab, panes: list[Pane]) -> None:
    one = panes[0]
    async with provider_of(lab) as provider:
        assert "screen" in provider.offers(one.view())
        screen = await provider.screen(one.view())
        assert screen is not None
        assert screen.startswith("ready\n")
        assert await provider.screen(as_stale(one.view())) is None


async def test_it_is_interrupted_by_the_keys_of_its_agent(lab: Lab, panes: list[Pane]) -> None:
    one = panes[0]
    async with provider_of(lab) as provider:
        done = await provider.do(Interrupt(), one.view(agent="aider"))  # which wants Ctrl-C
        assert done == "interrupted on box"
        await until(lambda: "interrupted" in one.typed)


async def test_a_pane_that_is_not_its_own_any_more_is_left_alone(
    lab: Lab, panes: list[Pane]
) -> None:
    one = panes[0]
    before = one.typed
    async with provider_of(lab) as provider:
        for wrong, words in (
            (one.view(tmux_pane="%77"), "not in that pane"),
            (one.view(pid=4_194_000), "has ended"),
            (one.view(tmux_pane="%0;kill-server"), "no tmux pane"),
        ):
            with pytest.raises(ClawdforgeError, match=words):
                await provider.do(Send("rm -rf /"), wrong)
    assert one.typed == before


async def test_what_is_offered(lab: Lab, panes: list[Pane]) -> None:
    one = panes[0]
    async with provider_of(lab, TMUX="") as provider:
        assert set(provider.offers(one.view())) == {"send", "interrupt", "kill", "screen"}
        assert set(provider.offers(one.view(status="idle"))) == {"send", "kill", "screen"}
        assert set(provider.offers(one.view(source="gateway"))) == {"kill", "screen"}
        assert provider.offers(as_stale(one.view())) == ()
        assert provider.offers(one.view(tmux_pane=None)) == ()
        assert provider.offers(made_view("here", tmux_pane="%0")) == ()
        assert provider.offers(None) == ()
    async with provider_of(lab, TMUX="/tmp/no/tmux,1,0") as provider:
        assert "jump" in provider.offers(one.view())
        with pytest.raises(ClawdforgeError, match="opens no window") as error:
            await provider.do(Jump(), one.view())
        assert "ssh -t box 'tmux attach'" in (error.value.hint or "")


def test_in_the_dashboard_its_pane_is_shown_spoken_to_and_gone_to(
    lab: Lab, panes: list[Pane]
) -> None:
    one = panes[0]
    with terminal(lab.environ, columns=140, lines=40) as screen:
        screen.command("clawdforge top --host box")
        screen.see("by the hook", "its pane %0", "ready")
        screen.press("i")
        screen.type("it's said; from afar")
        screen.press("Enter")
        screen.see("said on box")
        assert "it's said; from afar" in one.typed
        screen.press("Enter")
        screen.see("it's said; from afar", "[")  # the status line of the tmux there
        screen.until(lambda it: "clawdforge" not in it.splitlines()[0])
        windows = screen.run("list-windows", "-F", "#{window_name} #{window_active}")
        assert "box 1" in windows
        screen.run("kill-window", "-t", ":box")
        screen.see("is in a new window")
        screen.press("q")


async def test_what_is_of_this_machine_does_nothing_to_others(lab: Lab, panes: list[Pane]) -> None:
    class Eager(Provider):
        def offers(self, view: SessionView | None) -> tuple[Any, ...]:
            return ("send", "kill", "jump", "screen")

        def follows(self, view: SessionView) -> str | None:
            return "s-1"

        async def screen(self, view: SessionView) -> str | None:
            return "mine"

        async def do(self, act: object, view: SessionView | None) -> str:
            return "done"

    here, far = OnlyHere(Eager()), panes[0].view()
    own = made_view("here")
    assert (here.offers(far), here.follows(far), await here.screen(far)) == ((), None, None)
    assert (here.offers(own), here.follows(own)) != ((), None)
    assert await here.screen(own) == "mine"
    with pytest.raises(ClawdforgeError):
        await here.do(Kill(), far)
    assert await here.do(Kill(), own) == "done"


async def test_a_pane_is_closed(lab: Lab, panes: list[Pane]) -> None:
    one, two = panes
    async with provider_of(lab) as provider:
        assert await provider.do(Kill(), one.view()) == "its pane on box is closed"
    assert one.tmux("list-panes", check=False) == ""
    assert two.tmux("list-panes") != ""
