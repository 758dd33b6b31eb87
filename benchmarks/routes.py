"""Requests a second and their times: the server over SQLite beside the same over memory.

Both servers are up at the same time, in their default configuration, and take turns under load;
the one that is not asked is idle. Medians of the rounds.
"""

import os
import statistics
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

from clawdforge.client import Client
from places import HERE, Figures, Place, load, served

CONNECTIONS = (1, 16, 64)
STEADY_RATE = 200
SEEDED_RUNS = 20

LEDGERS: dict[str, tuple[str, ...]] = {
    "sqlite": (),
    "memory": (sys.executable, str(HERE / "without_ledger.py")),
}


def routes(folder: Path, *, rounds: int, secs: float) -> Figures:
    """Every route with every number of connections, and at a steady rate."""
    with ExitStack() as stack:
        places: dict[str, Place] = {}
        for name, argv in LEDGERS.items():
            its = folder / name
            its.mkdir()
            places[name] = stack.enter_context(served(its, *argv))
            _seed(places[name])
        figures: Figures = {"writes_per_second_of_the_disk": disk_limit(folder, secs)}
        figures["rows"] = rows = {}
        for title, path, connections, rate in _cases():
            taken: dict[str, list[Figures]] = {name: [] for name in places}
            for number in range(rounds):
                order = list(places) if number % 2 else list(reversed(places))
                for name in order:
                    place = places[name]
                    request = requests(place)[path]
                    longer = 2 * secs if rate else secs
                    before = place.cpu_secs()
                    row = load(place, request, connections=connections, secs=longer, rate=rate)
                    row["cpu_ms"] = (place.cpu_secs() - before) * 1000 / row["replies"]
                    taken[name].append(row)
            rows[title] = {name: _medians(found) for name, found in taken.items()}
    return figures


def requests(place: Place) -> dict[str, bytes]:
    """What the load generator sends, by route."""
    head = f"Host: 127.0.0.1\r\nAuthorization: Bearer {place.token}\r\n"
    form = (
        b'--b\r\nContent-Disposition: form-data; name="file"; filename="a.bin"\r\n\r\n'
        + b"x" * 1024
        + b"\r\n--b--\r\n"
    )
    upload = f"Content-Type: multipart/form-data; boundary=b\r\nContent-Length: {len(form)}\r\n"
    return {
        "GET /runs?limit=1": f"GET /runs?limit=1 HTTP/1.1\r\n{head}\r\n".encode(),
        "POST /files, 1 KB": f"POST /files HTTP/1.1\r\n{head}{upload}\r\n".encode() + form,
    }


def disk_limit(folder: Path, secs: float) -> float:
    """How many files of 1 KB one thread makes durable a second: the limit of a lone uploader."""
    began = time.perf_counter()
    count = 0
    while (took := time.perf_counter() - began) < secs:
        path = folder / f"limit-{count}"
        with path.open("wb") as file:
            file.write(b"x" * 1024)
            file.flush()
            os.fsync(file.fileno())
        count += 1
    return count / took


def _cases() -> Iterator[tuple[str, str, int, float]]:
    for path in ("GET /runs?limit=1", "POST /files, 1 KB"):
        for connections in CONNECTIONS:
            yield f"{path}, {connections} connections", path, connections, 0
        yield f"{path}, {STEADY_RATE} a second", path, 16, STEADY_RATE


def _seed(place: Place) -> None:
    """Runs to be read: a ledger without rows answers sooner than any real one."""
    with Client(place.url, place.token) as client:
        for _ in range(SEEDED_RUNS):
            client.run("/echo hello", agent="demo")
        assert client.runs(limit=1).runs


def _medians(rows: list[Figures]) -> Figures:
    return {key: statistics.median(row[key] for row in rows) for key in rows[0]}
