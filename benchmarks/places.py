"""Servers and programs under measurement, each in a clean environment of its own."""

import importlib.util
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil

START_SECS = 30.0
HERE = Path(__file__).parent

Figures = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A server that runs, and how to use it."""

    url: str
    token: str = field(repr=False)
    process: psutil.Process

    def cpu_secs(self) -> float:
        """What its process has used of the cores so far."""
        times = self.process.cpu_times()
        return float(times.user + times.system)

    def wait_for_children(self) -> None:
        """Return when no agent of the server lives any more."""
        while self.process.children():
            time.sleep(0.002)


def claude_program() -> str:
    """The real `claude` of the development environment."""
    spec = importlib.util.find_spec("claude_agent_sdk")
    if spec is None or not spec.submodule_search_locations:
        sys.exit("claude is missing: make bench installs it")
    return str(Path(spec.submodule_search_locations[0]) / "_bundled" / "claude")


def clean_environment(home: Path, more: Mapping[str, str] | None = None) -> dict[str, str]:
    """Nothing of this machine's own configuration."""
    home.mkdir(exist_ok=True)
    return {"PATH": os.environ["PATH"], "HOME": str(home), "LANG": "C.UTF-8", **(more or {})}


@contextmanager
def served(folder: Path, *argv: str, more: Mapping[str, str] | None = None) -> Iterator[Place]:
    """A server as a child process: `clawdforge serve`, or another command in `argv`."""
    data = folder / "data"
    environ = clean_environment(folder / "home", more) | {
        "CLAWDFORGE_DATA_DIR": str(data),
        "CLAWDFORGE_PORT": "0",
    }
    command = argv or (sys.executable, "-m", "clawdforge", "serve")
    # The log is written, as it is in use: a line for each request is part of its price.
    with (
        (folder / "log").open("ab") as log,
        subprocess.Popen(command, env=environ, stdout=subprocess.DEVNULL, stderr=log) as child,
    ):
        try:
            about = _announced(data / "server.json", child, time.perf_counter() + START_SECS)
            yield Place(
                url=about["url"],
                token=(data / "local-token").read_text(),
                process=psutil.Process(child.pid),
            )
        finally:
            child.terminate()
            try:
                child.wait(timeout=START_SECS)
            except subprocess.TimeoutExpired:
                child.kill()


def load(
    place: Place, request: bytes, *, connections: int, secs: float, rate: float = 0
) -> Figures:
    """Put load on a route, from a process of its own."""
    host, port = place.url.removeprefix("http://").split(":")
    command = [sys.executable, str(HERE / "load.py"), host, port, str(connections), str(secs)]
    command.append(str(rate))
    done = subprocess.run(command, input=request, capture_output=True, check=True)
    result: Figures = json.loads(done.stdout)
    statuses = result.pop("statuses")
    if set(statuses) != {"200"}:
        sys.exit(f"replies other than 200: {statuses}")
    return result


def percentile(values: Sequence[float], percent: int) -> float:
    """The value that so many percent of them do not exceed."""
    return sorted(values)[min(len(values) - 1, len(values) * percent // 100)]


def _announced(path: Path, child: "subprocess.Popen[bytes]", deadline: float) -> dict[str, str]:
    while time.perf_counter() < deadline:
        if child.poll() is not None:
            sys.exit("the server did not start")
        if path.exists():
            about: dict[str, str] = json.loads(path.read_text())
            return about
        time.sleep(0.002)
    sys.exit("the server did not start in time")
