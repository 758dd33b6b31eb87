"""What stands in `notifications.toml`, and where the page is. All of it blocks."""

import json
import os
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from clawdforge.monitor.notifying.targets import Configured, read_targets

MAX_BYTES: Final = 1024 * 1024


def read_file(path: Path) -> Configured:
    """What is configured; a file that is not there configures nothing."""
    try:
        # Not blocking: a FIFO in its place must not hang us.
        number = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        with os.fdopen(number, "rb") as file:
            if not stat.S_ISREG(os.fstat(number).st_mode):
                return Configured(problems=(f"{path}: not a regular file",))
            text = file.read(MAX_BYTES).decode()
    except FileNotFoundError:
        return Configured()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not UTF-8"
        return Configured(problems=(f"{path}: cannot be read: {reason}",))
    return read_targets(text, str(path))


def page_of(configured: Configured, environ: Mapping[str, str]) -> str | None:
    """Where the page is: as configured, else of the server that runs on this machine."""
    if configured.page_url is not None:
        return configured.page_url
    from clawdforge.config.folders import SERVER_FILE, default_data_dir

    named = environ.get("CLAWDFORGE_DATA_DIR")
    folder = Path(named).expanduser() if named else default_data_dir()
    try:
        url = json.loads((folder / SERVER_FILE).read_bytes())["url"]
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return url.rstrip("/") if isinstance(url, str) else None
