"""What `/run` adds to the same driver called directly, and to the program by itself.

Each is timed to its answer and to its end: `/run` replies at the answer and lets the process end
behind the reply. Before each call the one before is gone altogether: an agent that still ends
takes its part of the cores.
"""

import asyncio
import statistics
import subprocess
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from pathlib import Path

from clawdforge.client import Client
from clawdforge.testing.model_api import Always, ModelApi, Say
from direct import conversation, drivers, turn
from places import Figures, Place, claude_program, clean_environment, percentile, served

WARM_UPS = 2
RUN = "/run"
SAME = "the driver, called directly"
PLAIN = "claude -p --output-format json, directly"

Times = tuple[float, float]
"""Milliseconds to the answer, and to the end of the process."""
Way = Callable[[int], Awaitable[Times]]


def of_claude(folder: Path, rounds: int) -> Figures:
    """The real `claude` against the scripted model API."""
    program = claude_program()
    with ModelApi([Always(Say("Fine."))]) as api:
        more = {
            **api.environment(),
            "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
            "CLAWDFORGE_CLAUDE_BIN": program,
            "CLAWDFORGE_MONITOR": "off",
        }
        environ = clean_environment(folder / "direct-home", more)
        cwd = folder / "plain"
        cwd.mkdir()
        flags = ["-p", "--output-format", "json", "--no-session-persistence", "--model", "sonnet"]

        async def plain(_: int) -> Times:
            return await asyncio.to_thread(_program, [program, *flags], environ, cwd)

        with served(folder, more=more) as place:
            return _compare(place, "claude", "Hello", environ, {PLAIN: plain}, rounds, folder)


def of_demo(folder: Path, rounds: int) -> Figures:
    """The demo agent: a small Python program, so nearly nothing but what is added."""
    environ = clean_environment(folder / "direct-home")
    with served(folder, more={"CLAWDFORGE_MONITOR": "off"}) as place:
        return _compare(place, "demo", "/echo hello", environ, {}, rounds, folder)


def _compare(
    place: Place,
    agent: str,
    prompt: str,
    environ: Mapping[str, str],
    more: Mapping[str, Way],
    rounds: int,
    folder: Path,
) -> Figures:
    async def measured() -> dict[str, list[Times]]:
        async with AsyncExitStack() as stack:
            catalog = await stack.enter_async_context(drivers(environ))
            client = stack.enter_context(Client(place.url, place.token))

            async def same(number: int) -> Times:
                began = time.perf_counter()
                async with conversation(catalog, agent, folder / f"direct-{number}") as talk:
                    await turn(talk, prompt)
                    answered = time.perf_counter()
                return (answered - began) * 1000, (time.perf_counter() - began) * 1000

            async def run(_: int) -> Times:
                return await asyncio.to_thread(_run, place, client, agent, prompt)

            return await _times({SAME: same, **more, RUN: run}, rounds)

    times = asyncio.run(measured())
    added = [run[0] - same[0] for run, same in zip(times[RUN], times[SAME], strict=True)]
    return {
        "rounds": rounds,
        "added_median_ms": statistics.median(added),
        "added_p99_ms": percentile(added, 99),
        "ratio": _median(times[RUN], 0) / _median(times[SAME], 0),
        "ways": {
            name: {"answer_ms": _median(taken, 0), "gone_ms": _median(taken, 1)}
            for name, taken in times.items()
        },
    }


async def _times(ways: Mapping[str, Way], rounds: int) -> dict[str, list[Times]]:
    times: dict[str, list[Times]] = {name: [] for name in ways}
    for number in range(rounds + WARM_UPS):
        # Each way follows each other one equally often.
        order = list(ways)[:: 1 if number % 2 else -1]
        for name in order:
            took = await ways[name](number)
            if number >= WARM_UPS:
                times[name].append(took)
    return times


def _run(place: Place, client: Client, agent: str, prompt: str) -> Times:
    began = time.perf_counter()
    client.run(prompt, agent=agent)
    answered = time.perf_counter()
    place.wait_for_children()
    return (answered - began) * 1000, (time.perf_counter() - began) * 1000


def _program(argv: Sequence[str], environ: Mapping[str, str], cwd: Path) -> Times:
    """Run a program that waits for the end of its input and then writes one line."""
    began = time.perf_counter()
    with subprocess.Popen(
        argv,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=environ,
        cwd=cwd,
    ) as child:
        assert child.stdin is not None
        assert child.stdout is not None
        child.stdin.write(b"Hello")
        child.stdin.close()
        if not child.stdout.readline():
            msg = f"{argv[0]} ended without an answer"
            raise RuntimeError(msg)
        answered = time.perf_counter()
        child.stdout.read()
    return (answered - began) * 1000, (time.perf_counter() - began) * 1000


def _median(times: Sequence[Times], which: int) -> float:
    return statistics.median(took[which] for took in times)
