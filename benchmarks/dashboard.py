"""The dashboard under load: what it costs, and how soon it answers keys.

    python benchmarks/dashboard.py [--quick] [--json]

There are 1,000 sessions, and 1,000 changes a second. A monitor of ours tells, the real command
shows it in a terminal of ours. A key is answered when the details of the session that it chose
are on the screen.
"""

import argparse
import asyncio
import json
import os
import sys
import tempfile
import time
from pathlib import Path

import psutil

from dashboard_stage import RATE, SESSIONS, Screen, Telling, shown
from places import Figures, percentile

WARM_SECS = 2.0
KEY_PAUSE_SECS = 0.137
"""No part of the time between two frames."""
WIDE = (140, 40)
CASES: dict[str, tuple[Telling, tuple[int, int], tuple[str, ...]]] = {
    "140 x 40": (Telling(), WIDE, ()),
    "240 x 70": (Telling(), (240, 70), ()),
    "and 10 a second need somebody": (Telling(restless=True), WIDE, ()),
    "filtered": (Telling(), WIDE, ("--only", "project-1")),
    "nothing happens": (Telling(rate=0), WIDE, ()),
    "as many as it takes": (Telling(rate=None), WIDE, ()),
}


def dashboard(folder: Path, quick: bool = False) -> Figures:  # noqa: FBT001, FBT002
    """All figures of the dashboard, by case."""
    before = os.getloadavg()[0]
    secs, keys = (3.0, 20) if quick else (12.0, 60)
    cases = {}
    for name, (telling, size, options) in CASES.items():
        cases[name] = asyncio.run(_measured(folder, telling, size, options, secs, keys))
    load = (before, os.getloadavg()[0])
    return {"sessions": SESSIONS, "rate": RATE, "cases": cases, "load_average": load}


async def _measured(
    folder: Path,
    telling: Telling,
    size: tuple[int, int],
    options: tuple[str, ...],
    secs: float,
    keys: int,
) -> Figures:
    began = time.monotonic()
    async with shown(folder, telling, size, *options) as (screen, process):
        first = screen.ids[0][0] - began
        await asyncio.sleep(WARM_SECS)
        spent, wrote, told, since = _cpu_secs(process), screen.size, telling.told, time.monotonic()
        await asyncio.sleep(secs)
        took = time.monotonic() - since
        row: Figures = {
            "first_picture_secs": first,
            "cpu_share": (_cpu_secs(process) - spent) / took,
            "changes_per_second": (telling.told - told) / took,
            "kib_per_second": (screen.size - wrote) / took / 1024,
        }
        answers = await _keys(screen, keys)
        row["rss_mib"] = process.memory_info().rss / 2**20
    for name, value in (("p50", 50), ("p95", 95), ("max", 100)):
        row[f"key_{name}_ms"] = percentile(answers, value) * 1000
    return row


async def _keys(screen: Screen, count: int) -> list[float]:
    """How long each of some keys took."""
    known = len(screen.ids)
    os.write(screen.terminal, b"G")
    await screen.next(known)
    took = []
    for number in range(count):
        await asyncio.sleep(KEY_PAUSE_SECS)
        before, began = len(screen.ids), time.monotonic()
        os.write(screen.terminal, b"k" if number % 20 < 10 else b"j")
        took.append(await screen.next(before) - began)
    return took


def _cpu_secs(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)


def show_dashboard(figures: Figures) -> None:
    """Print the figures, for people."""
    before, after = figures["load_average"]
    print(
        f"\nthe dashboard, {figures['sessions']:,} sessions, {figures['rate']:,} changes a second "
        f"(aim: 30 % of a core, a key within 100 ms); load average {before:.1f} before, "
        f"{after:.1f} after"
    )
    for name, row in figures["cases"].items():
        print(
            f"    {name:32} a core {row['cpu_share']:5.1%}   "
            f"key p50 {row['key_p50_ms']:3.0f} ms  p95 {row['key_p95_ms']:3.0f}  "
            f"max {row['key_max_ms']:3.0f}   {row['changes_per_second']:6,.0f} changes/s   "
            f"{row['kib_per_second']:4.0f} KiB/s drawn   {row['rss_mib']:.0f} MiB   "
            f"first picture {row['first_picture_secs']:.1f} s"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer repetitions")
    parser.add_argument("--json", action="store_true", help="print the figures as JSON")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as root:
        figures = dashboard(Path(root), options.quick)
    if options.json:
        json.dump(figures, sys.stdout, indent=2)
    else:
        show_dashboard(figures)


if __name__ == "__main__":
    main()
