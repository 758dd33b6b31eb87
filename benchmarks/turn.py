"""What a warm turn costs over HTTP, with the same driver called directly, and through acpx.

All in one run, in turn: each way follows each other equally often. Beside acpx each turn waits a
moment: what an acpx command leaves behind takes its part of the cores.
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
from places import Figures, Place, claude_program, clean_environment, percentile, served

WARM_UPS = 3
IDLE_SECS = 2.0
ROOT = Path(__file__).parent.parent
PROGRAMS = ROOT / ".agents" / "node_modules" / ".bin"
PROMPTS = {"demo": "/echo hello", "claude": "Hello", "claude-acp": "Hello"}
REST_SECS = 0.5
ACPX = "acpx with claude-agent-acp, one command a turn"

Way = Callable[[], Awaitable[float]]


def of_turns(folder: Path, rounds: int, acpx_rounds: int) -> Figures:
    """Medians and p99 of all ways, in milliseconds."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{PROGRAMS}{os.pathsep}{os.environ['PATH']}"
    with ModelApi([Always(Say("Fine."))]) as api:
        more = {
            **api.environment(),
            "PATH": path,
            "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
            "CLAWDFORGE_CLAUDE_BIN": claude_program(),
        }
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

        short: dict[str, Way] = {}
        for agent, prompt in PROMPTS.items():
            short[f"{agent}, driver"] = await direct(agent, prompt)
            short[f"{agent}, HTTP"] = over_http(agent, prompt)
        times = await _times(short, rounds, rest_secs=0)
        rested = {f"{agent} beside acpx, HTTP": short[f"{agent}, HTTP"] for agent in PROMPTS}
        acpx = {ACPX: await direct("acpx", "Hello"), **rested}
        times |= await _times(acpx, acpx_rounds, rest_secs=REST_SECS)
    medians = {name: statistics.median(taken) for name, taken in times.items()}
    return {
        "rounds": rounds,
        "acpx_rounds": acpx_rounds,
        "load_average": os.getloadavg()[0],
        "ways": {
            name: {"median_ms": medians[name], "p99_ms": percentile(taken, 99)}
            for name, taken in times.items()
        },
        "added_ms": {agent: statistics.median(_added(times, agent)) for agent in PROMPTS},
        "times_less_than_acpx": {
            agent: medians[ACPX] / medians[f"{agent} beside acpx, HTTP"] for agent in PROMPTS
        },
    }


def _added(times: dict[str, list[float]], agent: str) -> list[float]:
    pairs = zip(times[f"{agent}, HTTP"], times[f"{agent}, driver"], strict=True)
    return [ours - same for ours, same in pairs]


async def _times(ways: dict[str, Way], rounds: int, rest_secs: float) -> dict[str, list[float]]:
    times: dict[str, list[float]] = {name: [] for name in ways}
    for number in range(rounds + WARM_UPS):
        order: Sequence[str] = list(ways) if number % 2 else list(reversed(ways))
        for name in order:
            await asyncio.sleep(rest_secs)
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
