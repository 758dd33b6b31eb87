"""Following the monitor, and asking it once: against the real `atmd`."""

import asyncio
import contextlib
import os
import signal
import socket
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
from atm_client import Daemon, daemon

from clawdforge.client import monitor
from clawdforge.client.errors import ProtocolError, TransportError
from clawdforge.client.monitor import (
    Discovered,
    Everything,
    Lost,
    MonitorFeed,
    News,
    Removed,
    Updated,
    monitor_path,
    monitor_sessions,
)
from clawdforge.client.monitor_news import Reading
from clawdforge.wire import atm

PATIENCE_SECS = 20.0
LINE = {
    "session_id": "5b0e1c2d-0000-4000-8000-00000000000a",
    "model": {"id": "claude-opus-5-5", "display_name": "Opus 5.5"},
    "cost": {"total_cost_usd": 0.35, "total_duration_ms": 135_000},
}


@pytest.fixture
def atmd(tmp_path: Path) -> Iterator[Daemon]:
    with daemon(tmp_path) as running:
        yield running


class Following:
    """Takes news one by one."""

    def __init__(self, feed: MonitorFeed) -> None:
        self.feed = feed
        self._generator = feed.follow()
        self._ready: list[News] = []

    async def next(self, kind: type[Any]) -> Any:
        """The next news of a kind; others are passed over."""
        async with asyncio.timeout(PATIENCE_SECS):
            while True:
                while self._ready:
                    found = self._ready.pop(0)
                    if isinstance(found, kind):
                        return found
                self._ready = list(await anext(self._generator))

    async def close(self) -> None:
        await self._generator.aclose()


@contextlib.asynccontextmanager
async def following(path: Path) -> AsyncIterator[Following]:
    made = Following(MonitorFeed(path))
    try:
        yield made
    finally:
        await made.close()


def tell(atmd: Daemon, **facts: Any) -> None:
    peer = atmd.peer()
    peer.send("status_update", data={**LINE, "pid": 4_000_001, **facts})
    assert peer.silent()


async def test_all_sessions_come_first_and_then_what_changes(atmd: Daemon) -> None:
    await asyncio.to_thread(tell, atmd)
    async with following(atmd.socket) as told:
        first = await told.next(Everything)
        assert [one.id for one in first.sessions] == [LINE["session_id"]]
        assert first.sessions[0].model == "Opus 5.5"
        await asyncio.to_thread(tell, atmd, session_id="renamed")
        removed = await told.next(Removed)
        assert removed.session_id == LINE["session_id"]
        updated = await told.next(Updated)
        assert updated.session.id == "renamed"


async def test_a_monitor_that_comes_later_is_found(tmp_path: Path) -> None:
    running = Daemon(tmp_path)
    try:
        async with following(running.socket) as told:
            lost = await told.next(Lost)
            assert lost.reason == "none runs"
            assert lost.tries == 1
            await asyncio.to_thread(running.start)
            await told.next(Everything)
    finally:
        await asyncio.to_thread(running.close)


async def test_a_monitor_that_starts_again_is_followed_again(atmd: Daemon) -> None:
    await asyncio.to_thread(tell, atmd)
    async with following(atmd.socket) as told:
        await told.next(Everything)
        await asyncio.to_thread(atmd.stop)
        lost = await told.next(Lost)
        assert lost.reason == "the monitor has gone"
        await asyncio.to_thread(atmd.start)
        await told.next(Everything)


async def test_agents_are_looked_for_on_request(atmd: Daemon) -> None:
    async with following(atmd.socket) as told:
        assert not told.feed.discover()
        await told.next(Everything)
        assert told.feed.discover()
        found = await told.next(Discovered)
        assert found.found >= 0


async def test_a_monitor_that_hangs_is_given_up(
    atmd: Daemon, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(monitor, "SILENCE_SECS", 0.3)
    async with following(atmd.socket) as told:
        await told.next(Everything)
        os.kill(atmd.pid, signal.SIGSTOP)
        try:
            lost = await told.next(Lost)
            assert lost.reason == "the monitor does not answer"
        finally:
            os.kill(atmd.pid, signal.SIGCONT)
        await told.next(Everything)


async def test_a_monitor_that_is_only_quiet_is_not_given_up(
    atmd: Daemon, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(monitor, "SILENCE_SECS", 0.1)
    async with following(atmd.socket) as told:
        await told.next(Everything)
        waiting = asyncio.ensure_future(told.next(Updated | Lost))  # type: ignore[arg-type]
        await asyncio.wait({waiting}, timeout=1.0)
        assert not waiting.done()
        await asyncio.to_thread(tell, atmd)
        assert isinstance(await waiting, Updated)


async def test_one_that_refuses_us_is_tried_again_later(tmp_path: Path) -> None:
    path = tmp_path / "atm.sock"

    async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readline()
        writer.write(atm.encode_rejected("too old"))
        writer.close()

    server = await asyncio.start_unix_server(refuse, path)
    async with server, following(path) as told:
        lost = [await told.next(Lost) for _ in range(3)]
    assert {one.reason for one in lost} == {"the monitor refuses us: too old"}
    assert [one.tries for one in lost] == [1, 2, 3]
    assert lost[0].retry_secs < lost[1].retry_secs < lost[2].retry_secs


def test_asking_once_needs_no_loop(atmd: Daemon) -> None:
    tell(atmd)
    assert [one.id for one in monitor_sessions(atmd.socket)] == [LINE["session_id"]]


def test_asking_where_nobody_is_says_how_to_start_one(tmp_path: Path) -> None:
    with pytest.raises(TransportError) as caught:
        monitor_sessions(tmp_path / "atm.sock")
    assert "none runs" in caught.value.message
    assert "atmd start -d" in (caught.value.hint or "")
    left = tmp_path / "left.sock"
    with socket.socket(socket.AF_UNIX) as old:
        old.bind(str(left))
    with pytest.raises(TransportError, match="refused"):
        monitor_sessions(left)


def test_the_path_is_that_of_all_clients() -> None:
    assert monitor_path({}) == Path("/tmp/atm.sock")
    assert monitor_path({"ATM_SOCKET": "/run/x"}) == Path("/run/x")
    assert monitor_path({"ATM_SOCKET": ""}) == Path("/tmp/atm.sock")


def test_what_is_not_understood_is_passed_over() -> None:
    reading = Reading()
    lines = b'{"type":"brand_new"}\nnonsense\n{"type":"session_removed","session_id":"a","x":1}\n'
    assert reading.feed(lines[:7]) == []
    assert reading.feed(lines[7:]) == [Removed("a")]
    with pytest.raises(ProtocolError):
        reading.feed(atm.encode_rejected("no"))
