"""Ten thousand open sessions that do nothing: what they cost, and how soon one is awake."""

import asyncio
import os
import statistics
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from direct import conversation, drivers, turn
from places import Figures, Place, clean_environment, served
from wire import Wire

AT_ONCE = 32
TIMED = 30
PAGE = 50
STRIDE = 500
PROMPT = "/echo hi"


def of_open_sessions(folder: Path, count: int) -> Figures:
    """What open sessions cost that do nothing."""
    more = {"CLAWDFORGE_MONITOR": "off", "CLAWDFORGE_MAX_LIVE_SESSIONS": str(2 * count)}
    with served(folder, more=more) as place:
        return asyncio.run(_open(place, folder, count))


async def _open(place: Place, folder: Path, count: int) -> Figures:
    wire = Wire(place)
    await make(wire, 2 * PAGE)
    empty = place.process.memory_info().rss
    few = await _median(lambda: wire.call("GET", f"/sessions?limit={PAGE}"))
    began = time.perf_counter()
    made = await make(wire, count)
    took = time.perf_counter() - began
    full = place.process.memory_info().rss
    deep = await wire.call("GET", f"/sessions?limit={PAGE}")
    for _ in range(count // STRIDE - 1):
        deep = await wire.call("GET", f"/sessions?limit={STRIDE}&before={deep['next']}")
    path = f"/sessions?limit={PAGE}&before={deep['next']}"
    figures = {
        "count": count,
        "made_per_second": count / took,
        "rss_empty_mib": empty / 2**20,
        "rss_full_mib": full / 2**20,
        "kib_each": (full - empty) / count / 1024,
        "page_of_few_ms": few,
        "first_page_ms": await _median(lambda: wire.call("GET", f"/sessions?limit={PAGE}")),
        "deep_page_ms": await _median(lambda: wire.call("GET", path)),
        **await _waking(place, wire, folder, made),
        "warm_turn_ms": await _median(
            lambda: wire.call("POST", f"/sessions/{made[0]}/turn", {"prompt": PROMPT})
        ),
        "load_average": os.getloadavg()[0],
    }
    wire.close()
    return figures


async def make(wire: Wire, count: int) -> list[str]:
    """So many new sessions, made at the same time."""
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


async def _waking(place: Place, wire: Wire, folder: Path, made: list[str]) -> Figures:
    """The first turn of a sleeping session, and of a new agent under its driver, in turn.

    Each agent is gone before the next starts: what ends takes its part of the cores.
    """
    ours, direct = [], []
    environ = clean_environment(folder / "direct-home")
    async with drivers(environ) as catalog:
        for number, session_id in enumerate(made[1 : TIMED + 2]):
            began = time.perf_counter()
            await wire.call("POST", f"/sessions/{session_id}/turn", {"prompt": PROMPT})
            ours.append((time.perf_counter() - began) * 1000)
            await wire.call("DELETE", f"/sessions/{session_id}")
            await asyncio.to_thread(place.wait_for_children)
            began = time.perf_counter()
            async with conversation(catalog, "demo", folder / f"direct-{number}") as talk:
                await turn(talk, PROMPT)
                direct.append((time.perf_counter() - began) * 1000)
    return {
        "wake_ms": statistics.median(ours[1:]),
        "start_of_driver_ms": statistics.median(direct[1:]),
    }


async def _median(call: Callable[[], Awaitable[Any]]) -> float:
    times = []
    for _ in range(TIMED):
        began = time.perf_counter()
        await call()
        times.append((time.perf_counter() - began) * 1000)
    return statistics.median(times)
