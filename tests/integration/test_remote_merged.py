"""Several monitors as one feed: real `atmd`s, reached as those of other machines are."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from contextlib import aclosing, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from atm_client import Daemon, Peer

from clawdforge.client.hosts import HostsFeed, Way
from clawdforge.client.monitor import Connection, MonitorFeed, Patience
from clawdforge.client.monitor_news import Everything, Lost, Machine, News, Removed, Updated
from clawdforge.core.observed.views import SessionView
from clawdforge.errors import ClawdforgeError

QUICK = Patience(connect=20.0, silence=20.0, first_pause=0.05, longest_pause=0.1)
PATIENCE_SECS = 30.0


class Picture:
    """What somebody knows who listens to a feed."""

    def __init__(self, following: AsyncGenerator[list[News]]) -> None:
        self._following = following
        self.sessions: dict[str, SessionView] = {}
        self.machines: dict[str, Machine] = {}
        self.gone: list[str] = []
        self.lost = 0

    async def until(self, holds: Any) -> None:
        async with asyncio.timeout(PATIENCE_SECS):
            while not holds(self):
                for one in await anext(self._following):
                    self._take(one)

    def _take(self, one: News) -> None:
        match one:
            case Everything(views):
                self.sessions = {view.id: view for view in views}
            case Updated(view):
                self.sessions[view.id] = view
            case Removed(session_id):
                self.sessions.pop(session_id)
                self.gone.append(session_id)
            case Machine(name=name):
                self.machines[name] = one
            case Lost():
                self.lost += 1
            case _:
                pass


class Wires:
    """Ways to monitors that can be cut."""

    def __init__(self, *daemons: Daemon) -> None:
        self._daemons = {f"box-{number}": one for number, one in enumerate(daemons)}
        self.broken: ClawdforgeError | None = None
        self._writers: list[asyncio.StreamWriter] = []

    def ways(self) -> list[Way]:
        return [Way(name, self._connect_to(one.socket)) for name, one in self._daemons.items()]

    def _connect_to(self, path: Path) -> Any:
        async def connect() -> Connection:
            if self.broken is not None:
                raise self.broken
            reader, writer = await asyncio.open_unix_connection(path)
            self._writers.append(writer)
            return reader, writer

        return connect

    def cut(self, why: ClawdforgeError) -> None:
        self.broken = why
        for writer in self._writers:
            writer.transport.abort()
        self._writers.clear()


@pytest.fixture
def daemons(tmp_path: Path) -> Iterator[list[Daemon]]:
    made = []
    for name in ("here", "one", "two"):
        folder = tmp_path / name
        folder.mkdir()
        made.append(Daemon(folder).start())
    yield made
    for one in made:
        one.close()


def tell(daemon: Daemon, session: str, prompt: str) -> Peer:
    peer = daemon.peer()
    pid = 4_000_000 + sum(map(ord, session))
    data = {"session_id": session, "hook_event_name": "UserPromptSubmit", "prompt": prompt}
    peer.send("hook_event", data=data | {"pid": pid})
    assert peer.silent()
    return peer


@asynccontextmanager
async def watching(here: Daemon, wires: Wires) -> AsyncIterator[Picture]:
    feed = HostsFeed(MonitorFeed(here.socket), wires.ways(), patience=QUICK)
    async with aclosing(feed.follow()) as following:
        yield Picture(following)


async def test_sessions_of_all_machines_with_one_id_are_told_apart(daemons: list[Daemon]) -> None:
    for number, daemon in enumerate(daemons):
        await asyncio.to_thread(tell, daemon, "s1", f"number {number}")
    async with watching(daemons[0], Wires(*daemons[1:])) as picture:
        await picture.until(lambda it: len(it.sessions) == 3)
        hosts = {name: view.host for name, view in picture.sessions.items()}
        assert hosts == {"s1": None, "box-0/s1": "box-0", "box-1/s1": "box-1"}
        assert picture.sessions["box-1/s1"].first_prompt == "number 2"
        assert all(one.live and one.heard_at for one in picture.machines.values())


async def test_a_machine_that_goes_away_is_stale_then_fresh_and_what_ended_is_gone(
    daemons: list[Daemon],
) -> None:
    here, one, _ = daemons
    await asyncio.to_thread(tell, here, "h", "here")
    await asyncio.to_thread(tell, one, "a", "ends")
    wires = Wires(one)
    async with watching(here, wires) as picture:
        await picture.until(lambda it: {"h", "box-0/a"} <= it.sessions.keys())
        connected = picture.machines["box-0"].since
        wires.cut(ClawdforgeError("it cannot be reached", hint="is it on?"))
        await picture.until(lambda it: it.machines["box-0"].tries >= 3)
        away = picture.machines["box-0"]
        assert (away.live, away.reason, away.hint) == (
            False,
            "it cannot be reached",
            "is it on?",
        )
        assert away.since is not None
        assert connected is not None
        assert away.since >= connected
        assert away.retry_at is not None
        assert picture.sessions["box-0/a"].stale
        assert not picture.sessions["h"].stale
        await asyncio.to_thread(_end, one, "a")
        await asyncio.to_thread(tell, one, "c", "came meanwhile")
        wires.broken = None
        await picture.until(lambda it: it.machines["box-0"].live)
        await picture.until(lambda it: "box-0/c" in it.sessions)
        assert picture.gone == ["box-0/a"]
        assert not picture.sessions["box-0/c"].stale


async def test_this_machines_monitor_may_come_last(daemons: list[Daemon]) -> None:
    here, one, _ = daemons
    await asyncio.to_thread(tell, one, "a", "elsewhere")
    await asyncio.to_thread(here.stop)
    async with watching(here, Wires(one)) as picture:
        await picture.until(lambda it: it.lost and "box-0/a" in it.sessions)
        await asyncio.to_thread(here.start)
        await asyncio.to_thread(tell, here, "h", "here")
        await picture.until(lambda it: "h" in it.sessions)
        assert "box-0/a" in picture.sessions


async def test_where_nobody_answers_it_is_said_what_to_do(daemons: list[Daemon]) -> None:
    here, one, _ = daemons

    async def hung_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()

    path = one.folder / "nobody.sock"
    async with await asyncio.start_unix_server(hung_up, path):
        way = Way("box", lambda: asyncio.open_unix_connection(path))
        feed = HostsFeed(MonitorFeed(here.socket), [way], patience=QUICK)
        async with aclosing(feed.follow()) as following:
            picture = Picture(following)
            await picture.until(lambda it: "box" in it.machines and it.machines["box"].reason)
    assert picture.machines["box"].reason == "no monitor answers there"
    assert "atmd start -d" in (picture.machines["box"].hint or "")


def _end(daemon: Daemon, session: str) -> None:
    peer = daemon.peer()
    data = {"session_id": session, "hook_event_name": "SessionEnd", "reason": "exit"}
    peer.send("hook_event", data=data | {"pid": 4_000_000 + sum(map(ord, session))})
    assert peer.silent()
