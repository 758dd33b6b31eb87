"""The line for tmux's status bar: what one call costs, beside `true` in the same run.

    python benchmarks/status_line.py [--quick] [--json]

Aim: under 20 ms a call.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import monitor_load
from clawdforge.monitor.hooks.building import Form, build
from monitor_places import OURS, Daemon, commands, daemon
from places import Figures, clean_environment, percentile

SESSIONS = (3, 1000)
TRUE = "/bin/true instead"
AIM_MS = 20.0


def status_line(folder: Path, quick: bool = False) -> Figures:  # noqa: FBT001, FBT002
    """By the number of sessions, by what is called: p50, p99, and how often that of `true`."""
    programs = {form: folder / form.value for form in (Form.NATIVE, Form.PYTHON)}
    for form, path in programs.items():
        build(path, os.environ, form)
    before = os.getloadavg()[0]
    figures: Figures = {"aim_ms": AIM_MS, "sessions": {}}
    for sessions in SESSIONS:
        with daemon(folder, commands()[OURS]) as it:
            _introduce(it, sessions)
            figures["sessions"][str(sessions)] = _calls(
                folder, programs, it.path, 30 if quick else 300, 3 if quick else 15
            )
    figures["load_average"] = (before, os.getloadavg()[0])
    return figures


def _introduce(it: Daemon, sessions: int) -> None:
    link = monitor_load.connected(it.path, "sessions")
    for number in range(sessions):
        link.sendall(monitor_load.status_line(number))
    link.sendall(monitor_load.HEAD + b'"ping","seq":1}\n')
    monitor_load.read_line(link, b'"pong"')
    link.close()


def _calls(folder: Path, programs: dict[Form, Path], path: str, times: int, few: int) -> Figures:
    told = clean_environment(folder / "home", {"ATM_SOCKET": path})
    alone = told | {"ATM_SOCKET": str(folder / "nobody")}
    native = [str(programs[Form.NATIVE]), "--bar"]
    cases = {
        TRUE: (["/bin/true"], told, times),
        "native": (native, told, times),
        "native, no monitor": (native, alone, times),
        "python": ([str(programs[Form.PYTHON]), "--bar"], told, times),
        "clawdforge status": ([sys.executable, "-m", "clawdforge", "status"], told, few),
    }
    took: dict[str, list[float]] = {name: [] for name in cases}
    quiet = dict.fromkeys(cases, 0)
    for turn in range(times):
        for name, (argv, environ, wanted) in cases.items():
            if turn < wanted:
                began = time.perf_counter()
                done = subprocess.run(argv, env=environ, stdout=subprocess.PIPE, check=True)
                took[name].append((time.perf_counter() - began) * 1000)
                quiet[name] += done.stdout == b"-\n"
    floor = percentile(took[TRUE], 50)
    return {
        name: {
            "p50_ms": percentile(values, 50),
            "p99_ms": percentile(values, 99),
            "ratio": percentile(values, 50) / floor,
            "quiet": quiet[name],  # the monitor did not answer in time
            "calls": len(values),
        }
        for name, values in took.items()
    }


def show(figures: Figures) -> None:
    """Print them."""
    print(f"\na line for the status bar (aim: {figures['aim_ms']:.0f} ms a call)")
    for sessions, rows in figures["sessions"].items():
        print(f"  {int(sessions):,} sessions")
        for name, row in rows.items():
            print(
                f"    {name:24} p50 {row['p50_ms']:7.2f} ms   p99 {row['p99_ms']:7.2f} ms   "
                f"ratio {row['ratio']:.1f}   {row['quiet']} of {row['calls']} quiet"
            )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer repetitions")
    parser.add_argument("--json", action="store_true", help="print the figures as JSON")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        figures = status_line(Path(folder), options.quick)
    print(json.dumps(figures, indent=2)) if options.json else show(figures)


if __name__ == "__main__":
    main()
