"""The browsers that are logged in, kept in the data folder."""

import asyncio
import time

from clawdforge.config.datafolder import DataFolder
from clawdforge.gateway.apps import Apps
from clawdforge.http.browser_login import Logins


async def open_logins(apps: Apps, folder: DataFolder, identity: str) -> Logins:
    """Those that were logged in when the last server stopped still are."""
    kept = await asyncio.to_thread(folder.logins)
    return Logins(apps, identity=identity, kept=kept, keep=folder.keep_logins, clock=time.time)
