"""Where `notifications.toml` is, and whether it has changed. Light: it is loaded in any case."""

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Final

FILE_VARIABLE: Final = "CLAWDFORGE_NOTIFICATIONS"
FILE_NAME: Final = "notifications.toml"

Stamp = tuple[int, int, int]
"""Changes whenever a file does."""


def notifications_file(environ: Mapping[str, str]) -> Path:
    """The file: beside `config.toml`, or where `CLAWDFORGE_NOTIFICATIONS` says."""
    named = environ.get(FILE_VARIABLE)
    if named:
        return Path(named).expanduser()
    home = Path(environ.get("HOME") or "~").expanduser()
    if sys.platform == "darwin":
        return home / "Library" / "Application Support" / "clawdforge" / FILE_NAME
    base = environ.get("XDG_CONFIG_HOME", "")
    folder = Path(base) if base.startswith("/") else home / ".config"
    return folder / "clawdforge" / FILE_NAME


def stamp_of(path: Path) -> Stamp | None:
    """What changes when the file does; None: there is none. Blocks."""
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_mtime_ns, status.st_size, status.st_ino
