"""The monitor under load: what it takes in, what it hands on, how late, and what it costs.

    python benchmarks/monitor.py [--quick] [--json]

When the Rust atmd 0.2.2 is on the PATH (`cargo install atmd --version 0.2.2 --locked`), the same
load runs against it, in turn with ours, and ratios are printed. It takes 10 followers and 100
sessions at most; beyond that there is only ours.
"""

import argparse
import contextlib
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import monitor_load
from clawdforge.monitor.hooks.building import build
from monitor_places import OURS, Daemon, commands, daemon, worker
from monitor_table import show
from places import Figures, clean_environment, percentile

SESSIONS = 80
"""atmd 0.2.2 takes 100, and may find some that really run."""
FOLLOWERS = 10
RATE = 1000
MANY = 1000
FOLDERS = 50
SETTLE_SECS = 2.0


def monitor(folder: Path, quick: bool = False) -> Figures:  # noqa: FBT001, FBT002
    """All figures of the monitor: by what was measured, by monitor."""
    rounds = 1 if quick else 3
    before = os.getloadavg()[0]
    figures: Figures = {"sessions": SESSIONS, "rate": RATE}
    steps: dict[str, Callable[[], Figures]] = {
        "ingest": lambda: _ingest(folder, rounds, 0.3 if quick else 0.7),
        "deliveries": lambda: _deliveries(folder, rounds, 0.3 if quick else 0.6),
        "latency": lambda: _latency(folder, rounds, 0.5 if quick else 1.5),
        "idle": lambda: _idle(folder, 1.0 if quick else 6.0),
        "start": lambda: _starts(folder, 3 if quick else 7),
        "hook": lambda: _hooks(folder, 20 if quick else 200),
    }
    for name, step in steps.items():
        figures[name] = step()
    figures["load_average"] = (before, os.getloadavg()[0])
    return figures


def _ingest(folder: Path, rounds: int, secs: float) -> Figures:
    found: Figures = {}
    cases = {
        "1 connection": {"connections": 1, "long": True},
        "20 connections": {"connections": 20, "long": True},
        "1 connection, short lines": {"connections": 1, "long": False},
    }
    for _ in range(rounds):
        for name, case in cases.items():
            for whose, command in commands().items():
                with daemon(folder, command) as it:
                    before = it.cpu_secs()
                    with worker("flood", it.path, sessions=SESSIONS, secs=secs, **case) as load:
                        load.go()
                        row = load.figures()
                    row["cpu_us"] = (it.cpu_secs() - before) / row["lines"] * 1e6
                _add(found, name, whose, row)
    return found


def _deliveries(folder: Path, rounds: int, secs: float) -> Figures:
    found: Figures = {}
    for _ in range(rounds):
        for followers in (1, FOLLOWERS, 100):
            for whose, command in commands().items():
                if whose == OURS or followers <= FOLLOWERS:
                    with daemon(folder, command) as it:
                        row = _in_step(it, followers, secs)
                    _add(found, f"{followers}, in step", whose, row)
                    with daemon(folder, command) as it:
                        row = _flooded(it, followers, secs)
                    _add(found, f"{followers}, flooded", whose, row)
    return found


def _in_step(it: Daemon, followers: int, secs: float) -> Figures:
    """Each line reaches everybody before the next of its session is sent."""
    with contextlib.ExitStack() as stack:
        load = stack.enter_context(worker("in_step", it.path, secs=secs, sessions=SESSIONS))
        others = None
        if followers > 1:
            others = stack.enter_context(
                worker("follow", it.path, followers=followers - 1, stalled=0, first=1, stamps=False)
            )
            others.go()
        load.go()
        row = load.figures()
        deliveries = row["lines"]
        if others is not None:
            deliveries += others.figures()["deliveries"]
    row["whole"] = deliveries / (row["lines"] * followers)
    row["per_second"] *= followers * row["whole"]
    return row


def _flooded(it: Daemon, followers: int, secs: float) -> Figures:
    """Lines as fast as they are taken in: how many views come out."""
    with (
        worker("flood", it.path, connections=1, sessions=SESSIONS, secs=secs, long=False) as load,
        worker("follow", it.path, followers=followers, stalled=0, first=0, stamps=False) as others,
    ):
        others.go()
        load.go()
        told, row = load.figures(), others.figures()
    row["whole"] = row["deliveries"] / (told["lines"] * followers)
    row["per_second"] = row["deliveries"] / (row["last"] - row["began"])
    row["lines_per_second"] = told["per_second"]
    return row


def _latency(folder: Path, rounds: int, secs: float) -> Figures:
    found: Figures = {}
    cases = [(FOLLOWERS, 0), (FOLLOWERS - 1, 1), (100, 0), (100, 10)]
    found_both = len(commands()) > 1
    for _ in range(rounds):
        for followers, stalled in cases if found_both else cases[2:]:
            for whose, command in commands().items():
                if whose == OURS or followers <= FOLLOWERS:
                    with daemon(folder, command) as it:
                        row = _paced(it, followers, stalled, secs)
                    _add(found, f"{followers} followers, {stalled} more stalled", whose, row)
    return found


def _paced(it: Daemon, followers: int, stalled: int, secs: float) -> Figures:
    with (
        worker("paced", it.path, sessions=SESSIONS, secs=secs, rate=RATE) as load,
        worker(
            "follow", it.path, followers=followers, stalled=stalled, first=0, stamps=True
        ) as others,
    ):
        before = it.cpu_secs()
        others.go()
        load.go()
        told, row = load.figures(), others.figures()
        row["cpu_share"] = (it.cpu_secs() - before) / (row["last"] - row["began"])
    row["whole"] = row["deliveries"] / (told["lines"] * followers)
    row["late_p99_ms"] = told["late_p99_ms"]
    return row


def _idle(folder: Path, secs: float) -> Figures:
    """Sessions of living processes, in folders of git repositories, that say nothing."""
    found: Figures = {}
    for whose, command in commands().items():
        for sessions in (0, MANY if whose == OURS else SESSIONS):
            with _sleepers(sessions) as pids, daemon(folder, command) as it:
                _introduce(it, pids, _repositories(folder))
                time.sleep(SETTLE_SECS)
                before, began = it.cpu_secs(), time.monotonic()
                time.sleep(secs)
                share = (it.cpu_secs() - before) / (time.monotonic() - began)
                row = {
                    "rss_mib": it.memory_mib("Rss"),
                    "pss_mib": it.memory_mib("Pss"),
                    "cpu_share": share,
                }
            _add(found, f"{sessions} sessions", whose, row)
    return found


def _introduce(it: Daemon, pids: list[int], folders: list[Path]) -> None:
    link = monitor_load.connected(it.path, "sessions")
    for number, pid in enumerate(pids):
        cwd = str(folders[number % len(folders)])
        link.sendall(monitor_load.status_line(number, pid=pid, cwd=cwd))
    link.sendall(monitor_load.HEAD + b'"ping","seq":1}\n')
    monitor_load.read_line(link, b'"pong"')
    link.close()


@contextlib.contextmanager
def _sleepers(count: int) -> Iterator[list[int]]:
    """Processes that do nothing; they end with their parent's stdin."""
    script = 'i=0; while [ $i -lt "$1" ]; do sleep 600 & echo $!; i=$((i+1)); done; echo; read _;'
    script += " kill $(jobs -p); wait"
    with subprocess.Popen(
        ["/bin/bash", "-c", script, "sleepers", str(count)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as shell:
        assert shell.stdout is not None
        assert shell.stdin is not None
        try:
            yield [int(line) for line in iter(shell.stdout.readline, "\n")]
        finally:
            shell.stdin.close()


def _repositories(folder: Path) -> list[Path]:
    made = []
    for number in range(FOLDERS):
        path = folder / "repositories" / f"r{number}"
        (path / ".git").mkdir(parents=True, exist_ok=True)
        (path / ".git" / "HEAD").write_text("ref: refs/heads/main\n")
        made.append(path)
    return made


def _starts(folder: Path, times: int) -> Figures:
    found: Figures = {}
    for _ in range(times):
        for whose, command in commands().items():
            with daemon(folder, command) as it:
                row = {"start_ms": it.start_ms}
            _add(found, "start", whose, row)
    return found


def _hooks(folder: Path, times: int) -> Figures:
    """One hook of Claude Code, from the start of the client to its end; and of `true`."""
    client = folder / "client"
    form = build(client, os.environ)
    payload = json.dumps(
        {
            "session_id": "4d3eca8c-e620-47be-9e11-000000000000",
            "transcript_path": "/home/dev/.claude/projects/p/4d3eca8c.jsonl",
            "cwd": "/home/dev/project",
            "permission_mode": "default",
            "hook_event_name": "PostToolUse",
            "tool_name": "Read",
            "tool_input": {"file_path": "/home/dev/project/README.md"},
            "tool_response": {"type": "text", "file": {"content": "word " * 2000}},
            "tool_use_id": "toolu_01",
        }
    ).encode()
    with daemon(folder, commands()[OURS]) as it:
        told = clean_environment(folder / "hook-home", {"ATM_SOCKET": it.path})
        alone = told | {"ATM_SOCKET": str(folder / "nobody")}
        cases = {
            "told": ([str(client)], told),
            "kept in a file: no monitor": ([str(client)], alone),
            "/bin/true instead": (["/bin/true"], told),
        }
        took: dict[str, list[float]] = {name: [] for name in cases}
        for _ in range(times):
            for name, (argv, environ) in cases.items():
                began = time.perf_counter()
                subprocess.run(argv, input=payload, env=environ, check=True)
                took[name].append((time.perf_counter() - began) * 1000)
    return {
        "form": form.value,
        "cases": {
            name: {"p50_ms": percentile(values, 50), "p99_ms": percentile(values, 99)}
            for name, values in took.items()
        },
    }


def _add(found: Figures, name: str, whose: str, row: Figures) -> None:
    found.setdefault(name, {}).setdefault(whose, []).append(row)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer repetitions")
    parser.add_argument("--json", action="store_true", help="print the figures as JSON")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as root:
        figures = monitor(Path(root), options.quick)
    if options.json:
        json.dump(figures, sys.stdout, indent=2)
    else:
        show(figures)


if __name__ == "__main__":
    main()
