"""Hundreds of sessions at work, each with a reader: how long words travel to it.

From the agent's write to the reader's read, alone and beside a reader that never reads, in turn;
the peer is the same agent under its driver, as many at once as the server lets work.
"""

import asyncio
import os
import socket
import statistics
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, closing
from pathlib import Path
from typing import Any

from clawdforge.agents.driver import Driver
from clawdforge.core.events import Text
from direct import conversation, drivers, until_ended
from places import Figures, Place, clean_environment, percentile, served
from wire import Wire

AGENTS = 8
PIECES = 20
PAUSE_MS = 25
PROMPT = f"/clock {PIECES} {PAUSE_MS}"
TURN_SECS = 600
SETTLE_SECS = 0.5
UNREAD_TURNS, UNREAD_BYTES = 16, 1_000_000
"""What the stalled reader leaves unread: more than all buffers between hold."""

DRIVER, ALONE, BESIDE = "the driver, called directly", "alone", "beside 1 stalled reader"


def of_busy_sessions(folder: Path, count: int, rounds: int) -> Figures:
    """The delays of each way, in milliseconds, and what was lost."""
    more = {
        "CLAWDFORGE_MONITOR": "off",
        "CLAWDFORGE_MAX_ACTIVE_AGENTS": str(AGENTS),
        "CLAWDFORGE_MAX_LINE_WAIT_SECS": str(TURN_SECS),
        "CLAWDFORGE_MAX_WAITING_RUNS": str(4 * count),
    }
    with served(folder, more=more) as place:
        return asyncio.run(_measured(place, folder, count, rounds))


async def _measured(place: Place, folder: Path, count: int, rounds: int) -> Figures:
    wire = Wire(place)
    unread = await _much_to_read(wire)
    taken: dict[str, list[list[float]]] = {DRIVER: [], ALONE: [], BESIDE: []}
    for number in range(rounds):
        taken[DRIVER].append(await _direct(folder / f"direct-{number}", count))
        for name in (ALONE, BESIDE) if number % 2 else (BESIDE, ALONE):
            async with AsyncExitStack() as stack:
                if name is BESIDE:
                    await stack.enter_async_context(_stalled(place, unread))
                taken[name].append(await _busy(wire, count, unread))
    wire.close()
    return {
        "count": count,
        "agents": AGENTS,
        "rounds": rounds,
        "load_average": os.getloadavg()[0],
        "ways": {name: _summary(found, count) for name, found in taken.items()},
    }


def _summary(rounds: list[list[float]], count: int) -> Figures:
    return {
        "p50_ms": statistics.median(statistics.median(delays) for delays in rounds),
        "p99_ms": statistics.median(percentile(delays, 99) for delays in rounds),
        "pieces": sum(map(len, rounds)),
        "lost": len(rounds) * count * PIECES - sum(map(len, rounds)),
    }


async def _busy(wire: Wire, count: int, also: str) -> list[float]:
    """The delays of all pieces of a turn of each of so many new sessions; one is taken beside."""
    made = [(await wire.call("POST", "/sessions", {}))["session_id"] for _ in range(count)]
    body = {"prompt": PROMPT, "timeout_secs": TURN_SECS}
    async with asyncio.TaskGroup() as group:
        readers = [group.create_task(_follow(wire, session_id)) for session_id in made]
        await asyncio.sleep(SETTLE_SECS)
        for session_id in (also, *made):
            group.create_task(wire.call("POST", f"/sessions/{session_id}/turn", body))
    for session_id in made:
        await wire.call("DELETE", f"/sessions/{session_id}")
    return [delay for reader in readers for delay in reader.result()]


async def _follow(wire: Wire, session_id: str) -> list[float]:
    """Milliseconds from each piece's writing to its reading, until the turn has ended."""
    delays: list[float] = []
    last = 0
    newest = 0
    async for event in wire.events(f"/sessions/{session_id}/events"):
        now = time.time_ns()
        if event["seq"] != last + 1:
            msg = f"event {event['seq']} after {last}"
            raise RuntimeError(msg)
        last = event["seq"]
        if event["type"] == "text":
            told = [int(word) for word in event["text"].split()]
            if told != sorted(told) or told[0] < newest:
                msg = f"the pieces of event {last} are not in their order"
                raise RuntimeError(msg)
            newest = told[-1]
            delays += [(now - one) / 1e6 for one in told]
        if event["type"] == "turn_ended":
            return delays
    return delays


async def _direct(folder: Path, count: int) -> list[float]:
    """The same without a server: so many turns, as many at once."""
    folder.mkdir()  # noqa: ASYNC240 - nothing else runs yet
    delays: list[float] = []
    left = iter(range(count))
    environ = clean_environment(folder / "home")
    async with drivers(environ) as catalog, asyncio.TaskGroup() as group:

        async def some() -> None:
            for number in left:
                async with conversation(catalog, "demo", folder / str(number)) as talk:
                    delays.extend(await _clock(talk))

        for _ in range(AGENTS):
            group.create_task(some())
    return delays


async def _clock(talk: Driver) -> list[float]:
    delays: list[float] = []
    async for event in until_ended(talk, PROMPT):
        if isinstance(event, Text):
            now = time.time_ns()
            delays += [(now - int(word)) / 1e6 for word in event.text.split()]
    return delays


async def _much_to_read(wire: Wire) -> str:
    """A session in which more was said than a reader's connection holds."""
    reply: dict[str, Any] = await wire.call("POST", "/sessions", {})
    session_id: str = reply["session_id"]
    for _ in range(UNREAD_TURNS):
        body = {"prompt": f"/flood {UNREAD_BYTES}", "timeout_secs": TURN_SECS}
        await wire.call("POST", f"/sessions/{session_id}/turn", body)
    return session_id


@asynccontextmanager
async def _stalled(place: Place, session_id: str) -> AsyncIterator[None]:
    """A reader that asks for the events of a session and then reads nothing."""
    host, port = place.url.removeprefix("http://").split(":")
    with closing(socket.socket()) as link:
        link.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        link.setblocking(False)  # noqa: FBT003 - the standard library's way
        loop = asyncio.get_running_loop()
        await loop.sock_connect(link, (host, int(port)))
        request = (
            f"GET /sessions/{session_id}/events HTTP/1.1\r\nHost: {host}:{port}\r\n"
            f"Authorization: Bearer {place.token}\r\nAccept: text/event-stream\r\n\r\n"
        )
        await loop.sock_sendall(link, request.encode())
        yield
