"""`make bench`: the figures of docs/performance.md, each beside a peer or a limit of this run.

Every server is a child process with a folder and a HOME of its own; the load comes from another.
Nothing here passes or fails: these figures are for reading.
"""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx

from clawdforge.agents.demo.driver import default_command
from clawdforge.client import Client
from clawdforge.testing.model_api import Always, ModelApi, Say
from places import HERE, Place, claude_program, clean_environment, load, served

Figures = dict[str, Any]

BARE = """
import asyncio, json, os, pathlib, socket, uvicorn
from fastapi import FastAPI
app = FastAPI()
@app.get("/healthz")
async def healthz() -> dict[str, bool]:
    return {"ok": True}
listener = socket.create_server(("127.0.0.1", 0))
folder = pathlib.Path(os.environ["CLAWDFORGE_DATA_DIR"]); folder.mkdir()
(folder / "local-token").write_text("-")
(folder / "server.json").write_text(
    json.dumps({"url": f"http://127.0.0.1:{listener.getsockname()[1]}"}))
asyncio.run(uvicorn.Server(uvicorn.Config(app, log_level="error")).serve(sockets=[listener]))
"""


def added_by_run(
    place: Place, agent: str, direct: Callable[[], None], pairs: int, prompt: str
) -> Figures:
    """`/run` and the same program called directly, in turn; what the former adds."""
    added, direct_ms, run_ms = [], [], []
    with Client(place.url, place.token) as client:
        for number in range(pairs + 2):
            began = time.perf_counter()
            direct()
            between = time.perf_counter()
            client.run(prompt, agent=agent)
            ended = time.perf_counter()
            if number >= 2:  # the first two warm up
                direct_ms.append((between - began) * 1000)
                run_ms.append((ended - between) * 1000)
                added.append(run_ms[-1] - direct_ms[-1])
    return {
        "pairs": pairs,
        "direct_median_ms": statistics.median(direct_ms),
        "run_median_ms": statistics.median(run_ms),
        "added_median_ms": statistics.median(added),
        "added_p99_ms": sorted(added)[int(len(added) * 0.99)],
        "ratio": statistics.median(run_ms) / statistics.median(direct_ms),
    }


def of_claude(folder: Path, pairs: int) -> Figures:
    program = claude_program()
    with ModelApi([Always(Say("Fine."))]) as api:
        secrets = {**api.environment(), "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1"}
        environ = clean_environment(folder / "direct-home", secrets)
        command = [program, "-p", "--output-format", "json", "--no-session-persistence"]
        command += ["--model", "sonnet"]

        def direct() -> None:
            subprocess.run(command, input=b"Hello", env=environ, capture_output=True, check=True)

        more = {**secrets, "CLAWDFORGE_CLAUDE_BIN": program}
        with served(folder, more=more) as place:
            return added_by_run(place, "claude", direct, pairs, "Hello")


def of_demo(folder: Path, pairs: int) -> Figures:
    environ = clean_environment(folder / "direct-home")
    line = json.dumps({"type": "prompt", "text": "/echo hello"}).encode() + b"\n"

    def direct() -> None:
        subprocess.run(default_command(), input=line, env=environ, capture_output=True, check=True)

    with served(folder) as place:
        return added_by_run(place, "demo", direct, pairs, "/echo hello")


def requests(place: Place) -> dict[str, bytes]:
    """What the load generator sends, by the name of the row."""
    head = f"Host: 127.0.0.1\r\nAuthorization: Bearer {place.token}\r\n"
    form = (
        b'--b\r\nContent-Disposition: form-data; name="file"; filename="a.bin"\r\n\r\n'
        + b"x" * 1024
        + b"\r\n--b--\r\n"
    )
    upload = f"Content-Type: multipart/form-data; boundary=b\r\nContent-Length: {len(form)}\r\n"
    return {
        "GET /runs (a read)": f"GET /runs?limit=1 HTTP/1.1\r\n{head}\r\n".encode(),
        "POST /files 1 KB (a durable write)": (
            f"POST /files HTTP/1.1\r\n{head}{upload}\r\n".encode() + form
        ),
    }


def throughput(folder: Path, secs: float) -> Figures:
    figures: Figures = {}
    kinds = {
        "sqlite": (),
        "memory": (sys.executable, str(HERE / "without_ledger.py")),
    }
    for kind, argv in kinds.items():
        place_folder = folder / kind
        place_folder.mkdir()
        with served(place_folder, *argv) as place:
            for name, request in requests(place).items():
                for connections in (1, 16, 64):
                    row = load(place, request, connections=connections, secs=secs)
                    figures.setdefault(f"{name}, {connections} connections", {})[kind] = row
                row = load(place, request, connections=16, secs=2 * secs, rate=200)
                figures.setdefault(f"{name}, 200 a second", {})[kind] = row
    return figures


def idle(folder: Path, starts: int) -> Figures:
    figures: Figures = {}
    for name, argv in (("clawdforge", ()), ("bare FastAPI", (sys.executable, "-c", BARE))):
        first, rss, pss = [], [], []
        for number in range(starts):
            place_folder = folder / f"{len(name)}-{number}"
            place_folder.mkdir()
            began = time.perf_counter()
            with served(place_folder, *argv) as place:
                while True:
                    try:
                        httpx.get(f"{place.url}/healthz", timeout=5).raise_for_status()
                        break
                    except httpx.ConnectError:
                        continue
                first.append(time.perf_counter() - began)
                memory = place.process.memory_full_info()
                rss.append(memory.rss / 2**20)
                pss.append(memory.pss / 2**20)
        figures[name] = {
            "first_reply_s": statistics.median(first),
            "rss_mib": statistics.median(rss),
            "pss_mib": statistics.median(pss),
        }
    return figures


def show(figures: Figures) -> None:
    for title, key, limit in (
        ("/run over the real claude, called directly", "claude", 10),
        ("/run over the demo agent, called directly", "demo", 10),
    ):
        row = figures[key]
        print(f"\n{title} ({row['pairs']} pairs)")
        print(
            f"  directly {row['direct_median_ms']:8.1f} ms    "
            f"through /run {row['run_median_ms']:8.1f} ms"
        )
        print(
            f"  added    {row['added_median_ms']:8.1f} ms median, {row['added_p99_ms']:.1f} ms p99"
            f"   (aim: {limit} ms median)   ratio {row['ratio']:.2f}"
        )
    print("\nauthenticated requests, with the ledger and without (aim: 1,000/s)")
    for name, row in figures["throughput"].items():
        with_, without = row["sqlite"], row["memory"]
        print(
            f"  {name:52} {with_['per_second']:6.0f}/s p50 {with_['p50_ms']:6.2f} "
            f"p99 {with_['p99_ms']:6.2f} ms   without {without['per_second']:6.0f}/s "
            f"p99 {without['p99_ms']:6.2f} ms   ratio "
            f"{with_['per_second'] / without['per_second']:.2f}"
        )
    print("\nthe idle server (aims: 120 MB, 1.5 s to the first reply)")
    for name, row in figures["idle"].items():
        print(
            f"  {name:14} first reply {row['first_reply_s']:.2f} s   "
            f"RSS {row['rss_mib']:.0f} MiB   PSS {row['pss_mib']:.0f} MiB"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer repetitions")
    parser.add_argument("--json", action="store_true", help="print the figures as JSON")
    options = parser.parse_args()
    quick = options.quick
    steps: dict[str, Callable[[Path], Figures]] = {
        "claude": lambda folder: of_claude(folder, 8 if quick else 40),
        "demo": lambda folder: of_demo(folder, 30 if quick else 300),
        "throughput": lambda folder: throughput(folder, 1 if quick else 4),
        "idle": lambda folder: idle(folder, 2 if quick else 7),
    }
    figures: Figures = {}
    with tempfile.TemporaryDirectory() as root:
        for name, step in steps.items():
            print(f"measuring {name} …", file=sys.stderr, flush=True)
            folder = Path(root, name)
            folder.mkdir()
            figures[name] = step(folder)
    if options.json:
        print(json.dumps(figures, indent=2))
    else:
        show(figures)


if __name__ == "__main__":
    main()
