"""`make bench`: the figures of docs/performance.md, each beside a peer or a limit of this run.

Every server is a child process with a folder and a HOME of its own; the load comes from another.
Nothing here passes or fails: these figures are for reading.
"""

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from added import of_claude, of_demo
from busy import of_busy_sessions
from dashboard import dashboard, show_dashboard
from events import of_events
from idle import idle
from monitor import monitor
from monitor_table import show as show_monitor
from page import page
from page import show as show_page
from places import Figures
from routes import routes
from sessions import of_open_sessions
from status_line import show as show_status_line
from status_line import status_line
from table import show
from turn import of_turns


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer repetitions")
    parser.add_argument("--json", action="store_true", help="print the figures as JSON")
    options = parser.parse_args()
    quick = options.quick
    steps: dict[str, Callable[[Path], Figures]] = {
        "claude": lambda folder: of_claude(folder, 6 if quick else 40),
        "demo": lambda folder: of_demo(folder, 30 if quick else 300),
        "routes": lambda folder: routes(folder, rounds=1 if quick else 3, secs=1 if quick else 1.5),
        "turns": lambda folder: of_turns(folder, 20 if quick else 100, 2 if quick else 10),
        "open sessions": lambda folder: of_open_sessions(folder, 1000 if quick else 10_000),
        "busy sessions": lambda folder: of_busy_sessions(
            folder, 30 if quick else 200, rounds=1 if quick else 2
        ),
        "events": lambda folder: of_events(folder, rounds=1 if quick else 3, secs=1.0),
        "idle": lambda folder: idle(folder, 2 if quick else 7),
        "monitor": lambda folder: monitor(folder, quick),
        "status line": lambda folder: status_line(folder, quick),
        "dashboard": lambda folder: dashboard(folder, quick),
        "page": lambda folder: page(folder, quick),
    }
    figures: Figures = {}
    with tempfile.TemporaryDirectory() as root:
        for name, step in steps.items():
            began = time.perf_counter()
            print(f"measuring {name} … ", end="", file=sys.stderr, flush=True)
            folder = Path(root, name)
            folder.mkdir()
            figures[name] = step(folder)
            print(f"{time.perf_counter() - began:.0f} s", file=sys.stderr, flush=True)
    if options.json:
        print(json.dumps(figures, indent=2))
    else:
        show(figures)
        show_monitor(figures["monitor"])
        show_status_line(figures["status line"])
        show_dashboard(figures["dashboard"])
        show_page(figures["page"])


if __name__ == "__main__":
    main()
