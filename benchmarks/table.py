"""The figures, for people."""

from added import PLAIN, RUN, SAME
from idle import NEW, PEER
from places import Figures


def show(figures: Figures) -> None:
    """Print everything that was measured."""
    for key, title in (("claude", "the real claude"), ("demo", "the demo agent")):
        _added(title, figures[key])
    _turns(figures["turns"])
    _open(figures["open sessions"])
    _busy(figures["busy sessions"])
    _events(figures["events"])
    _routes(figures["routes"])
    _idle(figures["idle"])


def _added(title: str, row: Figures) -> None:
    print(f"\n{title}: /run and directly, in turn, {row['rounds']} rounds; medians")
    for name in (SAME, RUN, PLAIN):
        if name in row["ways"]:
            way = row["ways"][name]
            print(f"  {name:42} answer {way['answer_ms']:7.1f} ms   gone {way['gone_ms']:7.1f} ms")
    print(
        f"  added to the answer: {row['added_median_ms']:.1f} ms median (aim: 10 ms), "
        f"{row['added_p99_ms']:.1f} ms p99   ratio {row['ratio']:.2f}"
    )


def _turns(figures: Figures) -> None:
    print(
        f"\na warm turn, {figures['rounds']} rounds ({figures['acpx_rounds']} beside acpx); "
        f"{_noise(figures)}"
    )
    for name, way in figures["ways"].items():
        print(f"  {name:48} median {way['median_ms']:7.1f} ms   p99 {way['p99_ms']:7.1f} ms")
    added = ", ".join(f"{agent} {ms:+.1f} ms" for agent, ms in figures["added_ms"].items())
    print(f"  added by HTTP and the ledger, median of pairs (aim: 5 ms): {added}")
    less = figures["times_less_than_acpx"]
    print(
        "  times less than a turn through acpx (aim: 10): "
        + ", ".join(f"{agent} {times:.0f}" for agent, times in less.items())
    )


def _open(figures: Figures) -> None:
    print(f"\n{figures['count']:,} open sessions without an agent; {_noise(figures)}")
    print(
        f"  RSS {figures['rss_full_mib']:.0f} MiB, with a hundred {figures['rss_empty_mib']:.0f} "
        f"MiB: {figures['kib_each']:.2f} KiB each   made {figures['made_per_second']:.0f}/s"
    )
    print(
        f"  a page of 50: of a hundred {figures['page_of_few_ms']:.1f} ms, of all the first "
        f"{figures['first_page_ms']:.1f} ms, the last {figures['deep_page_ms']:.1f} ms   "
        f"ratio {figures['deep_page_ms'] / figures['page_of_few_ms']:.2f}"
    )
    print(
        f"  a turn that wakes one {figures['wake_ms']:.1f} ms, its driver called directly "
        f"{figures['start_of_driver_ms']:.1f} ms   "
        f"ratio {figures['wake_ms'] / figures['start_of_driver_ms']:.2f}   "
        f"a warm turn {figures['warm_turn_ms']:.1f} ms"
    )


def _busy(figures: Figures) -> None:
    count, agents = figures["count"], figures["agents"]
    print(f"\n{count} turns at once, {agents} agents, a reader for each; {_noise(figures)}")
    for name, row in figures["ways"].items():
        print(
            f"  {name:42} agent's write to reader's read: p50 {row['p50_ms']:5.1f} ms, "
            f"p99 {row['p99_ms']:6.1f} ms (aim: 20)   {row['pieces']} read, {row['lost']} lost"
        )


def _events(figures: Figures) -> None:
    print(
        f"\nevents stored and published, {figures['sessions']} sessions with a follower each "
        f"(aim: 20,000/s); {_noise(figures)}"
    )
    for batch in (1, 10):
        row = figures[f"by_{batch}"]
        print(
            f"  {batch:2} an append: {row['per_second']:7,.0f}/s with {row['cores']:.1f} cores; "
            f"bare rows, one thread: {row['limit_per_second']:7,.0f}/s   "
            f"ratio {row['per_second'] / row['limit_per_second']:.2f}"
        )


def _noise(figures: Figures) -> str:
    return f"load average {figures['load_average']:.1f}"


def _routes(figures: Figures) -> None:
    print("\nauthenticated requests over SQLite and over memory (aim: 1,000/s); medians")
    print(
        f"  {'':38} {'req/s':>6} {'memory':>6} {'ratio':>5}   p50, p99 ms    p99 of memory", end=""
    )
    print("   CPU ms each   load's core")
    for name, row in figures["rows"].items():
        ours, peer = row["sqlite"], row["memory"]
        print(
            f"  {name:38} {ours['per_second']:6.0f} {peer['per_second']:6.0f} "
            f"{ours['per_second'] / peer['per_second']:5.2f}  {ours['p50_ms']:6.2f} "
            f"{ours['p99_ms']:7.2f}  {peer['p99_ms']:7.2f} ({ours['p99_ms'] - peer['p99_ms']:+.1f})"
            f"  {ours['cpu_ms']:6.2f} : {peer['cpu_ms']:.2f}   {ours['load_cpu_share']:8.0%}"
        )
    limit = figures["writes_per_second_of_the_disk"]
    print(f"  one thread that only writes 1 KB files durably: {limit:.0f}/s")


def _idle(figures: Figures) -> None:
    print("\nthe idle server (limits: 120 MB, 1.5 s to the first reply); medians")
    for name, row in figures.items():
        print(
            f"  {name:30} first reply {row['first_reply_s']:.2f} s   "
            f"RSS {row['rss_mib']:.0f} MiB   PSS {row['pss_mib']:.0f} MiB"
        )
    ours, peer = figures[NEW], figures[PEER]
    print(
        "  ratio to the bare app: "
        f"first reply {ours['first_reply_s'] / peer['first_reply_s']:.1f}, "
        f"RSS {ours['rss_mib'] / peer['rss_mib']:.1f}"
    )
