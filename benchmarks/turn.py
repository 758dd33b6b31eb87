"""What a warm turn costs over HTTP, with the same driver called directly, and through acpx.

All in one run, in turn: each way follows each other equally often.
"""

import asyncio
import http.client
import json
import os
import statistics
import sys
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

from clawdforge.testing.model_api import Always, ModelApi, Say
from direct import conversation, drivers, turn
from places import Figures, Place, clean_environment, percentile, served

WARM_UPS = 3
IDLE_SECS = 2.0
ROOT = Path(__file__).parent.parent
PROGRAMS = ROOT / ".agents" / "node_modules" / ".bin"
DEMO_PROMPT = "/echo hello"

Way = Callable[[], Awaitable[float]]


def of_turns(folder: Path, rounds: int, acpx_rounds: int) -> Figures:
    """Medians and p99 of all ways, in milliseconds."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{PROGRAMS}{os.pathsep}{os.environ['PATH']}"
    with ModelApi([Always(Say("Fine."))]) as api:
        more = {**api.environment(), "PATH": path, "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1"}
        config = folder / "config.toml"
        config.write_text(
            f'[agents.acpx]\ndriver = "acpx"\ncommand = {json.dumps([str(PROGRAMS / "acpx")])}\n'
        )
        more |= {"CLAWDFORGE_CONFIG": str(config), "CLAWDFORGE_MONITOR": "off"}
        with served(folder, more=more) as place:
            return asyncio.run(_measured(place, folder, more, rounds, acpx_rounds))


async def _measured(
    place: Place, folder: Path, more: dict[str, str], rounds: int, acpx_rounds: int
) -> Figures:
    environ = clean_environment(folder / "direct-home", more)
    async with AsyncExitStack() as stack:
        catalog = await stack.enter_async_context(drivers(environ))

        async def direct(agent: str, prompt: str) -> Way:
            place = folder / f"direct-{agent}"
            talk = await stack.enter_async_context(conversation(catalog, agent, place))
            return lambda: turn(talk, prompt)

        def over_http(agent: str, prompt: str) -> Way:
            session = Conversation(place, agent)
            stack.callback(session.close)
            return lambda: asyncio.to_thread(session.turn, prompt)

        short = {
            "demo, driver": await direct("demo", DEMO_PROMPT),
            "demo, HTTP": over_http("demo", DEMO_PROMPT),
            "claude-acp, driver": await direct("claude-acp", "Hello"),
            "claude-acp, HTTP": over_http("claude-acp", "Hello"),
        }
        times = await _times(short, rounds)
        acpx = {
            "acpx": await direct("acpx", "Hello"),
            "claude-acp beside it, HTTP": short["claude-acp, HTTP"],
        }
        times |= await _times(acpx, acpx_rounds)
    return {
        "rounds": rounds,
        "acpx_rounds": acpx_rounds,
        "ways": {
            name: {"median_ms": statistics.median(taken), "p99_ms": percentile(taken, 99)}
            for name, taken in times.items()
        },
        "added_ms": {
            agent: statistics.median(_added(times, agent)) for agent in ("demo", "claude-acp")
        },
        "times_less_than_acpx": statistics.median(times["acpx"])
        / statistics.median(times["claude-acp beside it, HTTP"]),
    }


def _added(times: dict[str, list[float]], agent: str) -> list[float]:
    pairs = zip(times[f"{agent}, HTTP"], times[f"{agent}, driver"], strict=True)
    return [ours - same for ours, same in pairs]


async def _times(ways: dict[str, Way], rounds: int) -> dict[str, list[float]]:
    times: dict[str, list[float]] = {name: [] for name in ways}
    for number in range(rounds + WARM_UPS):
        order: Sequence[str] = list(ways) if number % 2 else list(reversed(ways))
        for name in order:
            took = await ways[name]()
            if number >= WARM_UPS:
                times[name].append(took)
    return times


class Conversation:
    """A session over one kept connection."""

    def __init__(self, place: Place, agent: str) -> None:
        host, port = place.url.removeprefix("http://").split(":")
        self._link = http.client.HTTPConnection(host, int(port), timeout=120)
        self._headers = {
            "Authorization": f"Bearer {place.token}",
            "Content-Type": "application/json",
        }
        self._used_at = time.perf_counter()
        self._id = self._call("/sessions", {"agent": agent})["session_id"]

    def turn(self, prompt: str) -> float:
        """Take a turn; milliseconds until it is answered."""
        if time.perf_counter() - self._used_at > IDLE_SECS:
            self._link.close()  # the server has, or is about to
            self._link.connect()
        began = time.perf_counter()
        reply = self._call(f"/sessions/{self._id}/turn", {"prompt": prompt})
        took = (time.perf_counter() - began) * 1000
        if not reply.get("ok"):
            raise RuntimeError(reply)
        return took

    def close(self) -> None:
        """Close the connection."""
        self._link.close()

    def _call(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        self._link.request("POST", path, json.dumps(body), self._headers)
        found: dict[str, Any] = json.loads(self._link.getresponse().read())
        self._used_at = time.perf_counter()
        return found
