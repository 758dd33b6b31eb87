"""Claude Code's settings file: found, read, and replaced as a whole."""

import os
from collections.abc import Mapping
from pathlib import Path

from clawdforge.errors import ConfigError

SETTINGS = "settings.json"
BACKUP_SUFFIX = ".before-clawdforge"
MAX_BYTES = 16 * 1024 * 1024


def settings_file(environ: Mapping[str, str]) -> Path:
    """The user's settings file; it need not exist.

    Raises:
        ConfigError: the environment names no home.
    """
    folder = environ.get("CLAUDE_CONFIG_DIR")
    if folder:
        return Path(folder) / SETTINGS
    home = environ.get("HOME")
    if not home:
        msg = "there is no home folder: HOME is not set"
        raise ConfigError(msg, hint="set HOME or CLAUDE_CONFIG_DIR")
    return Path(home) / ".claude" / SETTINGS


def read(path: Path) -> str:
    """The text of the file; empty when there is none.

    Raises:
        ConfigError: it cannot be read.
    """
    try:
        with path.open("rb") as file:
            return file.read(MAX_BYTES).decode()
    except FileNotFoundError:
        return ""
    except (OSError, UnicodeDecodeError) as error:
        msg = f"{path} cannot be read: {error}"
        raise ConfigError(msg, hint="nothing was changed") from None


def replace(path: Path, text: str) -> Path | None:
    """Replace the file in one step, and keep what it was; where that is kept.

    A link stays one: what it leads to is replaced. The file keeps its mode.

    Raises:
        ConfigError: it cannot be written; it is as it was.
    """
    path = path.resolve()
    made = path.with_name(f".{path.name}.{os.getpid()}")
    backup = path.with_name(path.name + BACKUP_SUFFIX)
    try:
        path.parent.mkdir(parents=True, mode=0o700, exist_ok=True)
        mode = path.stat().st_mode & 0o777 if path.exists() else 0o600
        if path.exists():
            _write(backup, path.read_bytes(), mode)
        _write(made, text.encode(), mode)
        made.replace(path)
    except OSError as error:
        made.unlink(missing_ok=True)
        msg = f"{path} cannot be written: {error.strerror or error}"
        raise ConfigError(msg, hint="nothing was changed") from None
    return backup if backup.exists() else None


def _write(path: Path, data: bytes, mode: int) -> None:
    path.unlink(missing_ok=True)
    number = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, mode)
    with os.fdopen(number, "wb") as file:
        file.write(data)
        file.flush()
        os.fchmod(number, mode)
        os.fsync(number)
