"""What is done every minute: expired files go, the apps' last use is written down."""

import asyncio
import logging

from clawdforge.errors import ClawdforgeError
from clawdforge.gateway.apps import Apps
from clawdforge.gateway.files import Files

log = logging.getLogger(__name__)

SWEEP_SECS = 60.0


async def sweep_once(apps: Apps, files: Files) -> int:
    """One pass; how many files were removed."""
    await apps.save_last_used()
    return await files.sweep()


async def sweep_for_ever(apps: Apps, files: Files, *, every_secs: float = SWEEP_SECS) -> None:
    """Pass after pass until cancelled. A pass that fails is logged, and the next one tried."""
    while True:
        await asyncio.sleep(every_secs)
        try:
            removed = await sweep_once(apps, files)
        except (ClawdforgeError, OSError) as error:
            log.warning("a sweep failed", extra={"reason": str(error)})
        else:
            if removed:
                log.info("swept", extra={"files": removed})
