"""Many sessions: ten thousand that are open, and two hundred that are at work."""

import asyncio
import statistics
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from places import Figures, Place, percentile, served
from wire import Wire

AT_ONCE = 32
TIMED = 30
PIECES = 40
PAUSE_MS = 25


def of_open_sessions(folder: Path, count: int) -> Figures:
    """What open sessions cost that do nothing."""
    more = {"CLAWDFORGE_MONITOR": "off", "CLAWDFORGE_MAX_LIVE_SESSIONS": str(2 * count)}
    with served(folder, more=more) as place:
        return asyncio.run(_open(place, count))


async def _open(place: Place, count: int) -> Figures:
    wire = Wire(place)
    await _make(wire, 20)
    empty = place.process.memory_info().rss
    began = time.perf_counter()
    made = await _make(wire, count)
    took = time.perf_counter() - began
    full = place.process.memory_info().rss
    first = await wire.call("GET", "/sessions?limit=50")
    deep = first
    for _ in range(count // 500 - 1):
        deep = await wire.call("GET", f"/sessions?limit=500&before={deep['next']}")
    figures = {
        "count": count,
        "made_per_second": count / took,
        "rss_empty_mib": empty / 2**20,
        "rss_full_mib": full / 2**20,
        "kib_each": (full - empty) / count / 1024,
        "first_page_ms": await _median(lambda: wire.call("GET", "/sessions?limit=50")),
        "deep_page_ms": await _median(
            lambda: wire.call("GET", f"/sessions?limit=50&before={deep['next']}")
        ),
        "wake_ms": await _median_wake(wire, made),
        "warm_turn_ms": await _median(
            lambda: wire.call("POST", f"/sessions/{made[0]}/turn", {"prompt": "/echo hi"})
        ),
    }
    wire.close()
    return figures


async def _make(wire: Wire, count: int) -> list[str]:
    made: list[str] = []
    left = iter(range(count))

    async def some() -> None:
        for _ in left:
            reply = await wire.call("POST", "/sessions", {})
            made.append(reply["session_id"])

    async with asyncio.TaskGroup() as group:
        for _ in range(AT_ONCE):
            group.create_task(some())
    return made


async def _median_wake(wire: Wire, made: list[str]) -> float:
    times = []
    for session_id in made[: TIMED + 1]:
        began = time.perf_counter()
        await wire.call("POST", f"/sessions/{session_id}/turn", {"prompt": "/echo hi"})
        times.append((time.perf_counter() - began) * 1000)
    return statistics.median(times[1:])


async def _median(call: Callable[[], Awaitable[Any]]) -> float:
    times = []
    for _ in range(TIMED):
        began = time.perf_counter()
        await call()
        times.append((time.perf_counter() - began) * 1000)
    return statistics.median(times)


def of_busy_sessions(folder: Path, count: int) -> Figures:
    """Turns of many sessions at once, each with a reader: alone, and beside one that is stalled."""
    more = {
        "CLAWDFORGE_MONITOR": "off",
        "CLAWDFORGE_MAX_LINE_WAIT_SECS": "600",
        "CLAWDFORGE_MAX_WAITING_RUNS": str(4 * count),
    }
    figures: Figures = {"count": count, "pieces": PIECES}
    for name, stalled in (("alone", 0), ("beside 1 stalled reader", 1)):
        place_folder = folder / name.split()[0]
        place_folder.mkdir()
        with served(place_folder, more=more) as place:
            figures[name] = asyncio.run(_busy(place, count, stalled))
    return figures


async def _busy(place: Place, count: int, stalled: int) -> Figures:
    wire = Wire(place)
    made = await _make(wire, count)
    async with asyncio.TaskGroup() as stalling:
        asleep = [
            stalling.create_task(_never_read(wire, session_id)) for session_id in made[:stalled]
        ]
        async with asyncio.TaskGroup() as group:
            readers = [group.create_task(_follow(wire, session_id)) for session_id in made]
            await asyncio.sleep(0.5)
            began = time.perf_counter()
            prompt = {"prompt": f"/clock {PIECES} {PAUSE_MS}", "timeout_secs": 600}
            for session_id in made:
                group.create_task(wire.call("POST", f"/sessions/{session_id}/turn", prompt))
        took = time.perf_counter() - began
        for task in asleep:
            task.cancel()
    delays = [delay for reader in readers for delay in reader.result()]
    wire.close()
    return {
        "p50_ms": statistics.median(delays),
        "p99_ms": percentile(delays, 99),
        "pieces_read": len(delays),
        "lost": count * PIECES - len(delays),
        "secs": took,
    }


async def _follow(wire: Wire, session_id: str) -> list[float]:
    """Milliseconds from each piece's writing to its reading, until the turn has ended."""
    delays: list[float] = []
    last = 0
    async for event in wire.events(f"/sessions/{session_id}/events"):
        now = time.time_ns()
        if event["seq"] != last + 1:
            msg = f"event {event['seq']} after {last}"
            raise RuntimeError(msg)
        last = event["seq"]
        if event["type"] == "text":
            delays += [(now - int(told)) / 1e6 for told in event["text"].split()]
        if event["type"] == "turn_ended":
            return delays
    return delays


async def _never_read(wire: Wire, session_id: str) -> None:
    async for _ in wire.events(f"/sessions/{session_id}/events", reads=False):
        pass
