"""Drivers called directly, without a server: what the gateway is compared with."""

import asyncio
import time
import uuid
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from clawdforge.agents.catalog import Catalog
from clawdforge.agents.driver import Driver, SessionSpec
from clawdforge.config import load_settings
from clawdforge.core.events import Event, Exited, TurnEnded
from clawdforge.processes.detect import detect
from clawdforge.processes.launcher import Processes

TURN_SECS = 120.0


@asynccontextmanager
async def drivers(environ: Mapping[str, str], **settings: Any) -> AsyncIterator[Catalog]:
    """All drivers, as a server with these settings has them."""
    effective = load_settings(flags=settings, environ=environ)
    folder = uuid.uuid4().hex
    async with Processes(await detect(), folder_id=folder, incarnation="bench") as processes:
        yield Catalog(effective.settings, environ, processes)


@asynccontextmanager
async def conversation(catalog: Catalog, agent: str, folder: Path) -> AsyncIterator[Driver]:
    """A conversation with an agent that was started."""
    cwd, tmp = folder / "cwd", folder / "tmp"
    for path in (folder, cwd, tmp):
        path.mkdir()
    driver = catalog.driver(agent)
    await driver.open(SessionSpec(cwd=cwd, tmp=tmp, streams=True, asks=True))
    try:
        yield driver
    finally:
        await driver.close()


async def turn(driver: Driver, prompt: str) -> float:
    """Take a turn; milliseconds until it has ended."""
    began = time.perf_counter()
    async for _ in until_ended(driver, prompt):
        pass
    return (time.perf_counter() - began) * 1000


async def until_ended(driver: Driver, prompt: str) -> AsyncIterator[Event]:
    """Take a turn; what the agent says until it has ended well."""
    turn_id = str(uuid.uuid4())
    await driver.prompt(turn_id, prompt)
    async with asyncio.timeout(TURN_SECS):
        while True:
            event = await driver.next_event()
            if isinstance(event, Exited) or event is None:
                msg = f"the agent has ended: {driver.stderr[-300:]}"
                raise RuntimeError(msg)
            yield event
            if isinstance(event, TurnEnded) and event.turn_id == turn_id:
                if event.stop.name != "DONE":
                    msg = f"the turn failed: {event.reason} {event.text}"
                    raise RuntimeError(msg)
                return
