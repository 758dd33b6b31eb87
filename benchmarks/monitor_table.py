"""The figures of the monitor, for people."""

import statistics

from monitor_places import OURS, THEIRS
from places import Figures


def show(figures: Figures) -> None:
    """Print everything that was measured."""
    before, after = figures["load_average"]
    print(f"\nthe monitor; medians (best); load average {before:.1f} before, {after:.1f} after")
    sessions, rate = figures["sessions"], figures["rate"]
    print(f"  status lines taken in, {sessions} sessions (aim: 100,000/s, twice atmd 0.2.2)")
    for name, rows in figures["ingest"].items():
        cpu = _median(rows[OURS], "cpu_us")
        _rates(name, rows, "per_second", f"daemon {cpu:.1f} us a line")
    print("  deliveries; in step: each line reaches everybody; flooded: as many as come out")
    for name, rows in figures["deliveries"].items():
        _rates(name, rows, "per_second", f"{_median(rows[OURS], 'whole'):.0%} of all")
    print(f"  from sending to receiving at {rate:,} lines a second (aim: p99 under 5 ms)")
    for name, rows in figures["latency"].items():
        for whose, measured in rows.items():
            print(
                f"    {name:32} {whose:10} p50 {_median(measured, 'p50_ms'):7.2f} ms   "
                f"p99 {_median(measured, 'p99_ms'):7.2f} ({_best(measured, 'p99_ms'):.2f})   "
                f"{_median(measured, 'whole'):5.0%} came   "
                f"a core {_median(measured, 'cpu_share'):.0%}; "
                f"the sender itself {_median(measured, 'late_p99_ms'):.1f} late"
            )
    print("  silent sessions of living processes (aim: 1,000 in 100 MB and 1 % of a core)")
    for name, rows in figures["idle"].items():
        for whose, measured in rows.items():
            print(
                f"    {name:32} {whose:10} RSS {_median(measured, 'rss_mib'):5.1f} MiB   "
                f"PSS {_median(measured, 'pss_mib'):5.1f}   "
                f"a core {_median(measured, 'cpu_share'):.2%}"
            )
    for whose, measured in figures["start"]["start"].items():
        print(
            f"  start to the first reply, {whose}: {_median(measured, 'start_ms'):.0f} ms "
            f"({_best(measured, 'start_ms'):.0f})"
        )
    print(f"  one hook ({figures['hook']['form']}; aim: 10 ms), from its start to its end")
    for name, row in figures["hook"]["cases"].items():
        print(f"    {name:32} p50 {row['p50_ms']:.1f} ms   p99 {row['p99_ms']:.1f}")


def _rates(name: str, rows: Figures, key: str, more: str) -> None:
    ours = _median(rows[OURS], key)
    best = max(row[key] for row in rows[OURS])
    text = f"    {name:32} {ours:10,.0f}/s ({best:,.0f})"
    if THEIRS in rows:
        theirs = _median(rows[THEIRS], key)
        their_best = max(row[key] for row in rows[THEIRS])
        text += f"   {THEIRS}: {theirs:,.0f}/s ({their_best:,.0f})"
        text += f"   ratio {ours / theirs:.1f} ({best / their_best:.1f})"
    load = max(row["load_cpu_share"] for row in rows[OURS])
    print(f"{text}   {more}; load's core {load:.0%}")


def _median(rows: list[Figures], key: str) -> float:
    values = [row[key] for row in rows if row[key] is not None]
    return statistics.median(values) if values else float("nan")


def _best(rows: list[Figures], key: str) -> float:
    return min((row[key] for row in rows if row[key] is not None), default=float("nan"))
