"""Monitors under measurement, ours and atmd 0.2.2, each in a clean environment of its own."""

import contextlib
import functools
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import monitor_load
from places import Figures, clean_environment

START_SECS = 10.0
STOP_SECS = 5.0
LOAD = Path(monitor_load.__file__)
OURS = "ours"
THEIRS = "atmd 0.2.2"


@dataclass(frozen=True, slots=True, kw_only=True)
class Daemon:
    """A monitor that runs."""

    path: str
    """Of its socket."""
    pid: int
    start_ms: float
    """From the start of the process to the reply to the first connection."""

    def cpu_secs(self) -> float:
        """What it has used of the cores so far, to the nanosecond."""
        total = 0
        for task in Path(f"/proc/{self.pid}/task").iterdir():
            with contextlib.suppress(OSError):
                total += int((task / "schedstat").read_text().split()[0])
        return total / 1e9

    def memory_mib(self, kind: str) -> float:
        """`Rss` or `Pss`."""
        lines = Path(f"/proc/{self.pid}/smaps_rollup").read_text().splitlines()
        found = next(line for line in lines if line.startswith(f"{kind}:"))
        return int(found.split()[1]) / 1024


@functools.cache
def commands() -> dict[str, list[str]]:
    """The monitors that there are: ours, and the Rust atmd 0.2.2 when it is on the PATH."""
    found = {OURS: [str(Path(sys.executable).with_name("atmd")), "start"]}
    for folder in os.environ["PATH"].split(os.pathsep):
        program = shutil.which("atmd", path=folder)
        if program is not None and "atmd 0.2.2" in _version(program):
            found[THEIRS] = [program, "start"]
            break
    return found


def _version(program: str) -> str:
    done = subprocess.run([program, "--version"], capture_output=True, text=True, check=False)
    return done.stdout


@contextmanager
def daemon(folder: Path, command: Sequence[str]) -> Iterator[Daemon]:
    """A monitor with files of its own, for the length of a block."""
    home = Path(tempfile.mkdtemp(dir=folder))
    path = str(home / "atm.sock")
    environ = clean_environment(home, {"ATM_SOCKET": path, "TMUX_TMPDIR": str(home)})
    environ["XDG_STATE_HOME"] = str(home / "state")
    with (home / "log").open("ab") as log:
        began = time.perf_counter()
        with subprocess.Popen(command, env=environ, stdout=log, stderr=log) as child:
            try:
                _reached(path, child)
                took = time.perf_counter() - began
                yield Daemon(path=path, pid=child.pid, start_ms=took * 1000)
            finally:
                child.terminate()
                try:
                    child.wait(STOP_SECS)
                except subprocess.TimeoutExpired:
                    child.kill()  # atmd 0.2.2, after somebody has stalled


def _reached(path: str, child: "subprocess.Popen[bytes]") -> None:
    deadline = time.perf_counter() + START_SECS
    while time.perf_counter() < deadline:
        try:
            monitor_load.connected(path, "first").close()
        except OSError:
            if child.poll() is not None:
                sys.exit("the monitor did not start")
            time.sleep(0.001)
        else:
            return
    sys.exit("the monitor did not start in time")


@dataclass(frozen=True, slots=True)
class Worker:
    """A load that is ready, and works when it is told to."""

    process: "subprocess.Popen[bytes]"

    def go(self) -> None:
        """Begin."""
        assert self.process.stdin is not None
        self.process.stdin.write(b"go\n")
        self.process.stdin.flush()

    def figures(self) -> Figures:
        """What it found, once it is done."""
        assert self.process.stdout is not None
        found: Figures = json.loads(self.process.stdout.read() or b"{}")
        if not found:
            sys.exit("a load failed")
        return found


@contextmanager
def worker(job: str, path: str, **arguments: object) -> Iterator[Worker]:
    """A load in a process of its own, ready."""
    told = json.dumps({"job": job, "path": path, **arguments})
    with subprocess.Popen(
        [sys.executable, str(LOAD), told], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        try:
            if process.stdout.readline() != b"ready\n":
                sys.exit("a load could not begin")
            yield Worker(process)
        finally:
            if process.poll() is None:
                process.kill()
