"""What is done every minute: expired files go, idle sessions are closed, old ones deleted."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping

from clawdforge.errors import ClawdforgeError
from clawdforge.gateway.apps import Apps
from clawdforge.gateway.files import Files
from clawdforge.gateway.sessions.sweep import SessionSweeper

log = logging.getLogger(__name__)

SWEEP_SECS = 60.0


async def sweep_once(apps: Apps, files: Files, sessions: SessionSweeper) -> Mapping[str, int]:
    """One pass; how much of what was removed."""
    await apps.save_last_used()
    swept = await sessions.sweep()
    return {
        "files": await files.sweep(),
        "soft_closed": swept.soft_closed,
        "hard_deleted": swept.hard_deleted,
    }


async def sweep_for_ever(
    sweep: Callable[[], Awaitable[Mapping[str, int]]], *, every_secs: float = SWEEP_SECS
) -> None:
    """Pass after pass until cancelled. A pass that fails is logged, and the next one tried."""
    while True:
        await asyncio.sleep(every_secs)
        try:
            swept = await sweep()
        except (ClawdforgeError, OSError) as error:
            log.warning("a sweep failed", extra={"reason": str(error)})
        else:
            if any(swept.values()):
                log.info("swept", extra=dict(swept))
