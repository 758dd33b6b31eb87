"""What `/run` adds to the same program called directly.

A program is timed to its answer, and to its end: `/run` replies at the answer and lets the process
end behind the reply. So only times to the answer are compared, with the same flags, environment,
kind of folder and bytes on stdin. Before each call the one before is gone altogether: an agent
that still ends takes its part of the cores.
"""

import statistics
import subprocess
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from clawdforge.agents.claude import driver as claude
from clawdforge.agents.claude import protocol as claude_protocol
from clawdforge.agents.claude.control import initialize, user_message
from clawdforge.agents.claude.launch import arguments
from clawdforge.agents.demo import driver as demo
from clawdforge.agents.demo import protocol as demo_protocol
from clawdforge.agents.driver import SessionSpec
from clawdforge.client import Client
from clawdforge.testing.model_api import Always, ModelApi, Say
from places import Figures, Place, claude_program, clean_environment, percentile, served

WARM_UPS = 2
RUN = "/run"
SAME = "directly, as the server calls it"
PLAIN = "directly, claude -p --output-format json"

Times = tuple[float, float]
"""Milliseconds to the answer, and to the end of the process."""


class Reading(Protocol):
    """The part of a driver's decoder that tells when the answer is there."""

    @property
    def has_open_turn(self) -> bool:
        """Whether the answer is still to come."""
        ...

    def feed(self, line: bytes) -> object:
        """The events of one line."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Direct:
    """A program, called without clawdforge."""

    argv: Sequence[str]
    env: Mapping[str, str] = field(repr=False)
    cwd: Path
    line: bytes
    decoder: Callable[[], Reading] | None = None
    """Makes what finds the answer; None: it is the first line."""
    ends_input: bool = False
    """Whether the program waits for the end of its input before it begins."""

    def __call__(self) -> Times:
        """Run the program once."""
        began = time.perf_counter()
        with subprocess.Popen(
            self.argv,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=self.env,
            cwd=self.cwd,
        ) as child:
            assert child.stdin is not None
            assert child.stdout is not None
            child.stdin.write(self.line)
            child.stdin.flush()
            if self.ends_input:
                child.stdin.close()
            decoder = self.decoder() if self.decoder else None
            while line := child.stdout.readline():
                if decoder is None:
                    break
                decoder.feed(line)
                if not decoder.has_open_turn:
                    break
            else:
                msg = f"{self.argv[0]} ended without an answer"
                raise RuntimeError(msg)
            answered = time.perf_counter()
            child.stdin.close()
            child.stdout.read()
        return (answered - began) * 1000, (time.perf_counter() - began) * 1000


def of_claude(folder: Path, rounds: int) -> Figures:
    """The real `claude` against the scripted model API."""
    program = claude_program()
    with ModelApi([Always(Say("Fine."))]) as api:
        secrets = {**api.environment(), "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1"}
        plain_env = clean_environment(folder / "direct-home", secrets)
        cwd = _empty(folder / "direct")
        turn_id = str(uuid.uuid4())

        def decoder() -> Reading:
            made = claude_protocol.Decoder()
            made.expect(turn_id)
            return made

        same = Direct(
            argv=[program, *arguments(SessionSpec(cwd=cwd, tmp=cwd, model="sonnet"))],
            env=claude.child_environment(plain_env),
            cwd=cwd,
            line=initialize(None, "append") + user_message(turn_id, "Hello"),
            decoder=decoder,
        )
        flags = ["-p", "--output-format", "json", "--no-session-persistence", "--model", "sonnet"]
        plain = Direct(
            argv=[program, *flags], env=plain_env, cwd=cwd, line=b"Hello", ends_input=True
        )
        with served(folder, more={**secrets, "CLAWDFORGE_CLAUDE_BIN": program}) as place:
            return _compare(place, "claude", "Hello", {SAME: same, PLAIN: plain}, rounds)


def of_demo(folder: Path, rounds: int) -> Figures:
    """The demo agent: a small Python program, so nearly nothing but what is added."""
    prompt = "/echo hello"

    def decoder() -> Reading:
        made = demo_protocol.Decoder()
        made.expect("turn", prompt)
        return made

    same = Direct(
        argv=demo.default_command(),
        env=demo.child_environment(clean_environment(folder / "direct-home")),
        cwd=_empty(folder / "direct"),
        line=demo_protocol.prompt_line(prompt),
        decoder=decoder,
    )
    with served(folder) as place:
        return _compare(place, "demo", prompt, {SAME: same}, rounds)


def _compare(
    place: Place, agent: str, prompt: str, direct: Mapping[str, Direct], rounds: int
) -> Figures:
    with Client(place.url, place.token) as client:

        def run() -> Times:
            began = time.perf_counter()
            client.run(prompt, agent=agent)
            answered = time.perf_counter()
            place.wait_for_children()
            return (answered - began) * 1000, (time.perf_counter() - began) * 1000

        ways: dict[str, Callable[[], Times]] = {**direct, RUN: run}
        times: dict[str, list[Times]] = {name: [] for name in ways}
        for number in range(rounds + WARM_UPS):
            # Each way follows each other one equally often.
            order = list(ways) if number % 2 else list(reversed(ways))
            for name in order:
                took = ways[name]()
                if number >= WARM_UPS:
                    times[name].append(took)
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


def _median(times: Sequence[Times], which: int) -> float:
    return statistics.median(took[which] for took in times)


def _empty(path: Path) -> Path:
    path.mkdir()
    return path
