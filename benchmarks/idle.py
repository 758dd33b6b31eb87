"""What a server costs that nobody asks anything: the time to its first reply, and memory."""

import statistics
import sys
import time
from pathlib import Path

import httpx

from places import Figures, Place, served

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
draft = folder / "draft"
draft.write_text(json.dumps({"url": f"http://127.0.0.1:{listener.getsockname()[1]}"}))
draft.replace(folder / "server.json")
asyncio.run(uvicorn.Server(uvicorn.Config(app, log_level="error")).serve(sockets=[listener]))
"""

NEW, KNOWN, PEER = "clawdforge, new folder", "clawdforge, its folder there", "bare FastAPI"


def idle(folder: Path, starts: int) -> Figures:
    """Starts of clawdforge, with a new folder and once more with it, and of the peer, in turn."""
    measured: dict[str, list[tuple[float, float, float]]] = {NEW: [], KNOWN: [], PEER: []}
    with httpx.Client(timeout=5) as client:
        for number in range(starts):
            ours, bare = folder / f"ours-{number}", folder / f"bare-{number}"
            ours.mkdir()
            bare.mkdir()
            for name, its, argv in (
                (NEW, ours, ()),
                (KNOWN, ours, ()),
                (PEER, bare, (sys.executable, "-c", BARE)),
            ):
                began = time.perf_counter()
                with served(its, *argv) as place:
                    first = _first_reply(client, place, began)
                    memory = place.process.memory_full_info()
                    measured[name].append((first, memory.rss / 2**20, memory.pss / 2**20))
    return {
        name: dict(
            zip(
                ("first_reply_s", "rss_mib", "pss_mib"),
                (statistics.median(values) for values in zip(*found, strict=True)),
                strict=True,
            )
        )
        for name, found in measured.items()
    }


def _first_reply(client: httpx.Client, place: Place, began: float) -> float:
    while True:
        try:
            client.get(f"{place.url}/healthz").raise_for_status()
        except httpx.ConnectError:
            continue
        return time.perf_counter() - began
