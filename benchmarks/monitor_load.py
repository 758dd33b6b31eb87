"""Load for a monitor's socket, in a process of its own: who tells, and who follows.

    python benchmarks/monitor_load.py JOB

JOB is JSON with the key `job`, a function's name of this file, and its arguments. It prints
`ready` once everybody is connected, waits for a line on stdin, works, and prints its figures as
JSON. All lines are made beforehand; what is received is counted, not parsed. Times of different
processes are compared by the clock that all of them have (CLOCK_MONOTONIC).
"""

import gc
import json
import random
import re
import select
import socket
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

Figures = dict[str, Any]

HEAD = b'{"protocol_version":{"major":1,"minor":0},"type":'
FIRST_PID = 5_000_000
"""Beyond what a kernel gives out: of processes that cannot be looked at."""
MIN_STAMP = 1_000_000
"""Smaller ones are no times at which something was sent."""
BLOCK = 1000
"""Lines that are sent again and again."""
PIECE_BYTES = 1024 * 1024
QUIET_SECS = 0.3
"""Nothing came for so long: all has come."""
LOST_SECS = 2.0
"""What has not come by then is lost."""
PATIENCE_SECS = 30.0
# As Claude Code 2.1 writes it, and the hook client passes it on.
LONG = (
    '{"session_id":"%(id)s","pid":%(pid)d,"tmux_pane":"%%%(number)d","transcript_path":"/home/dev/'
    '.claude/projects/-home-dev-project/%(id)s.jsonl","cwd":"%(cwd)s","prompt_id":"74fcf5c0-33df-'
    '4407-8b35-2811db283667","effort":{"level":"medium"},"model":{"id":"claude-opus-5-5",'
    '"display_name":"Opus 5.5"},"workspace":{"current_dir":"/home/dev/project","project_dir":'
    '"/home/dev/project","added_dirs":[]},"version":"2.1.329","output_style":{"name":"default"},'
    '"cost":{"total_cost_usd":%(cost).5f,"total_duration_ms":%(stamp)s,"total_api_duration_ms":126,'
    '"total_lines_added":0,"total_lines_removed":0},"context_window":{"total_input_tokens":16060,'
    '"total_output_tokens":12,"context_window_size":1000000,"current_usage":{"input_tokens":60,'
    '"output_tokens":12,"cache_creation_input_tokens":0,"cache_read_input_tokens":%(tokens)d},'
    '"used_percentage":2,"remaining_percentage":98},"exceeds_200k_tokens":false,"prompt_cache":'
    '{"warm":true,"caching_observed":true,"ttl":"5m","expires_at":1795225862,"requests":2,'
    '"misses":0,"expected_rebuilds":0,"hit_ratio":0.9699624530663329,"cache_write_tokens":0,'
    '"miss_recache_tokens":0,"last_miss_at":null,"last_miss_cause":null,"miss_causes":{},'
    '"recache_tokens_if_cold":16060},"fast_mode":false,"thinking":{"enabled":true}}'
)
# As the clients of atmd 0.2.2 were written for.
SHORT = (
    '{"session_id":"%(id)s","pid":%(pid)d,"model":{"id":"claude-opus-4-6","display_name":'
    '"Opus 4.6"},"cwd":"%(cwd)s","cost":{"total_cost_usd":%(cost).5f,"total_duration_ms":'
    '%(stamp)s},"context_window":{"total_input_tokens":50000,"context_window_size":200000,'
    '"current_usage":{"input_tokens":1000,"cache_creation_input_tokens":2000,'
    '"cache_read_input_tokens":%(tokens)d}}}'
)
_STAMP = re.compile(rb'"duration_seconds":([0-9.]+),')


def status_line(
    number: int,
    stamp: int | str = 3107,
    *,
    turn: int = 0,
    form: str = LONG,
    pid: int | None = None,
    cwd: str = "/home/dev/project",
) -> bytes:
    """The status line of one session; the stamp comes back in its view's `duration_seconds`."""
    told = form % {
        "id": uuid.UUID(int=random.Random(number).getrandbits(128), version=4),
        "cost": 0.01148 + 0.0137 * turn,
        "tokens": 16_000 + number + 731 * (turn // 5),  # 5 of 27 recorded lines tell of new ones
        "pid": FIRST_PID + number if pid is None else pid,
        "number": number,
        "stamp": stamp,
        "cwd": cwd,
    }
    return HEAD + b'"status_update","data":' + told.encode() + b"}\n"


def connected(path: str, client_id: str) -> socket.socket:
    """A connection that has shaken hands."""
    link = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    link.settimeout(PATIENCE_SECS)
    link.connect(path)
    link.sendall(HEAD + b'"connect","client_id":"' + client_id.encode() + b'"}\n')
    read_line(link, b'"connected"')
    return link


def subscribed(path: str, client_id: str) -> socket.socket:
    """A connection that follows all sessions, and has had the list."""
    link = connected(path, client_id)
    link.sendall(HEAD + b'"subscribe"}\n')
    read_line(link, b'"session_list"')
    return link


def read_line(link: socket.socket, kind: bytes) -> None:
    """Read up to a line of this kind; byte by byte after it would be nothing: it is the last."""
    data = b""
    while not (data.endswith(b"\n") and kind in data):
        piece = link.recv(PIECE_BYTES)
        if not piece:
            raise ConnectionError(data)
        data += piece


# Who tells


def flood(path: str, connections: int, sessions: int, secs: float, *, long: bool) -> Figures:
    """Status lines as fast as they are taken: how many, until all were answered for."""
    form = LONG if long else SHORT
    links = [connected(path, f"flood-{number}") for number in range(connections)]
    blocks = []
    for number in range(connections):
        mine = range(number, sessions, connections)
        turns = BLOCK // len(mine)
        blocks.append(
            [
                status_line(one, 3107 * turn, turn=turn, form=form)
                for turn in range(turns)
                for one in mine
            ]
        )
    joined = [memoryview(b"".join(block)) for block in blocks]
    # Every session is there before the time runs.
    for link, block in zip(links, blocks, strict=True):
        link.sendall(b"".join(block[:sessions]) + HEAD + b'"ping","seq":1}\n')
        read_line(link, b'"pong"')
    with _measured() as began:
        until = began["at"] + secs
        lines = _pour(links, joined, [len(block) for block in blocks], until)
    return {"lines": lines, "per_second": lines / began["took"], "load_cpu_share": began["cpu"]}


def _pour(
    links: list[socket.socket], blocks: list[memoryview], counts: list[int], until: float
) -> int:
    """Write the blocks again and again until the time is over; then wait for all pongs."""
    ping = memoryview(HEAD + b'"ping","seq":2}\n')
    poll = select.poll()
    left: dict[int, memoryview] = {}
    which = {link.fileno(): number for number, link in enumerate(links)}
    pinged: set[int] = set()
    sent = 0
    for link in links:
        link.settimeout(0)
        poll.register(link, select.POLLOUT)
    waiting = set(which)
    while waiting:
        for descriptor, _ in poll.poll(PATIENCE_SECS * 1000):
            number = which[descriptor]
            link = links[number]
            if descriptor in pinged and not left.get(descriptor):
                told = link.recv(PIECE_BYTES)
                if b'"error"' in told:
                    raise ConnectionError(told[:200])
                if b'"pong"' in told:
                    waiting.discard(descriptor)
                    poll.unregister(link)
                continue
            rest = left.get(descriptor)
            if not rest:
                if time.monotonic() < until:
                    rest = blocks[number]
                    sent += counts[number]
                else:
                    rest = ping
                    pinged.add(descriptor)
            left[descriptor] = rest[link.send(rest) :]
            if descriptor in pinged and not left[descriptor]:
                poll.modify(link, select.POLLIN)
    return sent


def paced(path: str, sessions: int, secs: float, rate: float) -> Figures:
    """Status lines at a steady rate, each with the time at which it was sent."""
    link = connected(path, "paced")
    halves = [status_line(number, "@").split(b"@") for number in range(sessions)]
    for number in range(sessions):
        link.sendall(status_line(number))
    link.sendall(HEAD + b'"ping","seq":1}\n')
    read_line(link, b'"pong"')
    total = int(secs * rate)
    late = []
    with _measured() as began:
        for number in range(total):
            due = began["at"] + number / rate
            while (moment := time.monotonic()) < due:
                time.sleep(due - moment)
            late.append(moment - due)
            head, tail = halves[number % sessions]
            link.sendall(head + b"%d" % (moment * 1e6) + tail)
    late.sort()
    return {
        "lines": total,
        "late_p99_ms": late[int(total * 0.99)] * 1000,
        "load_cpu_share": began["cpu"],
    }


def in_step(path: str, secs: float, sessions: int) -> Figures:
    """Status lines as fast as they come back: of each session one is under way."""
    link = connected(path, "in-step")
    own = subscribed(path, "follower-0")
    turns = BLOCK // sessions
    lines = [
        status_line(number, 3107 * turn, turn=turn, form=SHORT)
        for turn in range(turns)
        for number in range(sessions)
    ]
    link.sendall(b"".join(lines[:sessions]))
    while select.select([own], [], [], QUIET_SECS)[0]:
        own.recv(PIECE_BYTES)
    own.settimeout(LOST_SECS)
    sent = come = 0
    with _measured() as began:
        until = began["at"] + secs
        room = sessions
        while room or come < sent:
            if room:
                first = sent % len(lines)
                part = lines[first : first + room]
                link.sendall(b"".join(part))
                sent += len(part)
            try:
                come += own.recv(PIECE_BYTES).count(b"\n")
            except TimeoutError:
                break  # some were lost
            room = max(sessions - (sent - come), 0) if time.monotonic() < until else 0
    took = began["took"] - (LOST_SECS if come < sent else 0)
    return {"lines": come, "per_second": come / took, "load_cpu_share": began["cpu"]}


# Who follows


def follow(path: str, followers: int, stalled: int, first: int, *, stamps: bool) -> Figures:
    """Count what comes to each, until nothing more does; with stamps, also how old it was."""
    links = [subscribed(path, f"follower-{first + number}") for number in range(followers)]
    stuck = [subscribed(path, f"stalled-{number}") for number in range(stalled)]
    by_number = {link.fileno(): link for link in links}
    counts = dict.fromkeys(by_number, 0)
    found: list[tuple[float, list[bytes]]] = []
    poll = select.epoll()
    for link in links:
        poll.register(link, select.EPOLLIN)
    buffer = bytearray(PIECE_BYTES)
    with _measured() as began:
        last = began["at"]
        while (ready := poll.poll(QUIET_SECS)) or _may_come(counts, last):
            for descriptor, _ in ready:
                size = by_number[descriptor].recv_into(buffer)
                last = time.monotonic()
                if not size:
                    poll.unregister(descriptor)
                    continue
                counts[descriptor] += buffer.count(b"\n", 0, size)
                if stamps:
                    found.append((last, _STAMP.findall(buffer, 0, size)))
    for link in stuck:
        link.close()
    ages = sorted(_ages(found))
    return {
        "began": began["at"],
        "last": last,
        "deliveries": sum(counts.values()),
        "least": min(counts.values()),
        "most": max(counts.values()),
        "load_cpu_share": began["cpu"] * began["took"] / max(last - began["at"], 0.001),
        "p50_ms": ages[len(ages) // 2] if ages else None,
        "p99_ms": ages[int(len(ages) * 0.99)] if ages else None,
        "max_ms": ages[-1] if ages else None,
    }


def _may_come(counts: dict[int, int], last: float) -> bool:
    """Whether it has not begun yet."""
    return not any(counts.values()) and time.monotonic() - last < PATIENCE_SECS / 5


def _ages(found: list[tuple[float, list[bytes]]]) -> Iterator[float]:
    """How old each view was, in milliseconds. Stamps that a read cut in two were passed over."""
    for at, stamps in found:
        for stamp in stamps:
            sent = float(stamp)
            if sent > MIN_STAMP:
                yield at * 1000 - sent


@contextmanager
def _measured() -> Iterator[dict[str, float]]:
    """Wait for the word; then the clock runs."""
    print("ready", flush=True)
    sys.stdin.readline()
    cpu = time.process_time()
    figures = {"at": time.monotonic(), "took": 0.0, "cpu": 0.0}
    yield figures
    figures["took"] = time.monotonic() - figures["at"]
    figures["cpu"] = (time.process_time() - cpu) / figures["took"]


JOBS: dict[str, Callable[..., Figures]] = {
    one.__name__: one for one in (flood, paced, in_step, follow)
}

if __name__ == "__main__":
    gc.disable()  # its pauses would be taken for the monitor's
    arguments = json.loads(sys.argv[1])
    print(json.dumps(JOBS[arguments.pop("job")](**arguments)))
