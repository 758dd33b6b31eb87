"""The web page in a real Chromium, while 1,000 sessions change 1,000 times a second.

    python benchmarks/page.py [--quick] [--json]

A server runs as users run it; its monitor is told by hooks, as they tell of sessions at work.
Chromium (without a screen, so that pictures are painted by the processor) shows the page.
Measured: what of a core the page's own process takes, and all of the browser's together; and how
long after a key the picture that it changed was painted.
"""

import argparse
import json
import os
import secrets
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import httpx
import psutil
from playwright.sync_api import Page, sync_playwright

from places import Figures, Place, served

SESSIONS = 1000
RATE = 1000
KEYS = ("j", "j", "k")
CHROMIUM = ("chromium", "chromium-browser", "google-chrome")
LOAD = Path(__file__).parent / "page_load.py"
MARK = "CLAWDFORGE_BENCH_BROWSER"
SETTLE_SECS = 3.0
KEY_EVERY_MS = 120
PATIENCE_MS = 60_000
ALL_JS = "(count) => document.querySelector('[aria-setsize]')?.ariaSetSize > count"
COUNT_JS = """async () => {
    const { onChange } = await import("/page/live.js");
    window.changes = 0;
    window.stopCounting?.();
    window.stopCounting = onChange((ids) => { window.changes += ids.size; });
}"""
# From the press of a key until the picture after it is with the compositor.
KEYS_JS = """() => {
    if (window.keyTimes) return void (window.keyTimes = []);
    window.keyTimes = [];
    addEventListener("keydown", ({ timeStamp }) => requestAnimationFrame(() => {
        const { port1, port2 } = new MessageChannel();
        port1.onmessage = () => window.keyTimes.push(performance.now() - timeStamp);
        port2.postMessage(null);
    }), true);
}"""


def page(folder: Path, quick: bool = False) -> Figures:  # noqa: FBT001, FBT002
    """All figures of the page: at rest, and under load, on a desktop and on a phone."""
    program = next(filter(None, map(shutil.which, CHROMIUM)), None)
    if program is None:
        return {"missing": "no Chromium on the PATH"}
    secs = 4.0 if quick else 12.0
    socket = str(folder / "atm.sock")
    figures: Figures = {"sessions": SESSIONS, "rate": RATE, "cases": {}}
    with served(folder, more={"ATM_SOCKET": socket}) as place, told(socket) as set_rate:
        for name, size in {"desktop": (1280, 820), "phone": (390, 844)}.items():
            with opened(program, _link(place, folder / "data"), size) as (shown, mark):
                shown.wait_for_function(ALL_JS, arg=SESSIONS)
                for rate in (0, RATE):
                    set_rate(rate)
                    figures["cases"][f"{name}, {rate:,} a second"] = measured(shown, mark, secs)
                set_rate(0)
    return figures


@contextmanager
def opened(program: str, link: str, size: tuple[int, int]) -> Iterator[tuple[Page, str]]:
    """A browser of its own that shows the page; and how its processes are known."""
    mark = secrets.token_hex(8)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=program,
            args=["--no-sandbox", "--disable-dev-shm-usage"],
            env={**os.environ, MARK: mark},
        )
        try:
            shown = browser.new_page(viewport={"width": size[0], "height": size[1]})
            shown.set_default_timeout(PATIENCE_MS)
            shown.goto(link)
            shown.get_by_role("status").filter(has_text="Live").wait_for()
            yield shown, mark
        finally:
            browser.close()


def _link(place: Place, data: Path) -> str:
    """A link, as `clawdforge open` makes it."""
    headers = {"Authorization": f"Bearer {place.token}"}
    admin = (data / "admin-token").read_text()
    body = {"tokens": [place.token, admin]}
    reply = httpx.post(f"{place.url}/login/codes", headers=headers, json=body)
    return place.url + str(reply.raise_for_status().json()["path"])


@contextmanager
def told(socket: str) -> Iterator[Callable[[float], None]]:
    """Sessions that are told of; and how their rate is set."""
    with subprocess.Popen(
        [sys.executable, str(LOAD), socket, str(SESSIONS)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as load:
        assert load.stdin is not None
        assert load.stdout is not None
        if load.stdout.readline() != "ready\n":
            sys.exit("the load could not begin")

        def set_rate(rate: float) -> None:
            print(rate, file=load.stdin, flush=True)

        yield set_rate


def measured(shown: Page, mark: str, secs: float) -> Figures:
    """The page as it is now."""
    time.sleep(SETTLE_SECS)  # what came all at once is over
    shown.evaluate(COUNT_JS)
    row = _cpu(mark, secs)
    row["changes_per_second"] = shown.evaluate("window.changes") / secs
    shown.evaluate(KEYS_JS)
    for at in range(len(KEYS) * 8):
        shown.keyboard.press(KEYS[at % len(KEYS)])
        shown.wait_for_timeout(KEY_EVERY_MS)
    keys = shown.evaluate("window.keyTimes")
    row["key_ms"] = {"p50": statistics.median(keys), "max": max(keys), "keys": len(keys)}
    row["heap_mb"] = shown.evaluate("performance.memory.usedJSHeapSize / 1e6")
    row["rows_drawn"] = shown.locator(".row").count()
    return row


def _cpu(mark: str, secs: float) -> Figures:
    """Shares of a core: of the page's process, and of all."""
    processes = _family(mark)
    before, began = _times(processes), time.monotonic()
    time.sleep(secs)
    took = time.monotonic() - began
    shares = {pid: (secs - before[pid]) / took for pid, secs in _times(processes).items()}
    renderers = [one.pid for one in processes if "--type=renderer" in one.cmdline()]
    return {
        "page": max((shares.get(pid, 0.0) for pid in renderers), default=float("nan")),
        "browser": sum(shares.values()),
    }


def _times(processes: list[psutil.Process]) -> dict[int, float]:
    found = {}
    for process in processes:
        with suppress(psutil.Error):
            used = process.cpu_times()
            found[process.pid] = used.user + used.system
    return found


def _family(mark: str) -> list[psutil.Process]:
    """All processes of a browser; some of them write over what their environment was."""
    found: set[psutil.Process] = set()
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            if process.environ().get(MARK) == mark:
                found |= {process, *process.children(recursive=True)}
    return list(found)


def show(figures: Figures) -> None:
    """Print everything that was measured."""
    if "missing" in figures:
        print(f"\nthe page: {figures['missing']}")
        return
    sessions = figures["sessions"]
    print(f"\nthe page in Chromium, {sessions:,} sessions (aim: 30 % of a core, keys in 100 ms)")
    for name, row in figures["cases"].items():
        keys = row["key_ms"]
        print(
            f"  {name:24} its process {row['page']:5.1%} of a core, all of the browser "
            f"{row['browser']:5.1%}, for {row['changes_per_second']:,.0f} changes a second\n"
            f"  {'':24} key to picture {keys['p50']:.0f} ms (max {keys['max']:.0f} of "
            f"{keys['keys']}); {row['heap_mb']:.0f} MB of scripts; {row['rows_drawn']} rows drawn"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="shorter")
    parser.add_argument("--json", action="store_true", help="print the figures as JSON")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as root:
        figures = page(Path(root), options.quick)
    if options.json:
        print(json.dumps(figures, indent=2))
    else:
        show(figures)


if __name__ == "__main__":
    main()
