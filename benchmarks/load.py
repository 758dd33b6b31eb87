"""A cheap load generator: keep-alive HTTP/1.1 over raw sockets, in a process of its own.

    python benchmarks/load.py HOST PORT CONNECTIONS SECONDS RATE < request

Sends the bytes of `request` again and again on each connection, RATE times a second in all (0: as
fast as replies come), and prints, as JSON, how many replies came, their statuses, percentiles of
their times in milliseconds, and which share of a core the generator itself took.
"""

import asyncio
import json
import sys
import time
from collections import Counter


async def one_connection(
    host: str,
    port: int,
    request: bytes,
    first: float,
    until: float,
    every_secs: float,
    times: list[float],
    statuses: Counter[str],
) -> None:
    reader, writer = await asyncio.open_connection(host, port)
    due = first
    while (began := time.perf_counter()) < until:
        if every_secs:
            await asyncio.sleep(max(0.0, due - began))
            # Late counts: the time runs from when the request should have gone out.
            began, due = due, due + every_secs
        writer.write(request)
        head = await reader.readuntil(b"\r\n\r\n")
        length = next(
            int(line[15:])
            for line in head.lower().split(b"\r\n")
            if line[:15] == b"content-length:"
        )
        await reader.readexactly(length)
        times.append((time.perf_counter() - began) * 1000)
        statuses[head[9:12].decode()] += 1
    writer.close()
    await writer.wait_closed()


async def load(
    host: str, port: int, connections: int, secs: float, rate: float, request: bytes
) -> None:
    times: list[float] = []
    statuses: Counter[str] = Counter()
    began = time.perf_counter()
    async with asyncio.TaskGroup() as group:
        for number in range(connections):
            every = connections / rate if rate else 0.0
            first = began + every * number / connections
            group.create_task(
                one_connection(host, port, request, first, began + secs, every, times, statuses)
            )
    took = time.perf_counter() - began
    times.sort()
    print(
        json.dumps(
            {
                "replies": len(times),
                "per_second": len(times) / took,
                "load_cpu_share": time.process_time() / took,
                "p50_ms": times[len(times) // 2],
                "p99_ms": times[int(len(times) * 0.99)],
                "statuses": statuses,
            }
        )
    )


if __name__ == "__main__":
    host, port, connections, secs, rate = sys.argv[1:]
    body = sys.stdin.buffer.read()
    asyncio.run(load(host, int(port), int(connections), float(secs), float(rate), body))
