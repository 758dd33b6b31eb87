"""The data folder: where it is, who may read it, and the small files in it."""

import contextlib
import os
import secrets
import stat
from pathlib import Path

import platformdirs

from clawdforge.errors import ConfigError, StorageError

SERVER_FILE = "server.json"
"""Written while a server runs: `url`, `pid`, `version`, `started_at`."""
ADMIN_TOKEN_FILE = "admin-token"  # noqa: S105 - a file's name
LOCAL_TOKEN_FILE = "local-token"  # noqa: S105 - a file's name
LEDGER_FILE = "ledger.sqlite3"

_MAX_CREDENTIAL_BYTES = 64 * 1024


def default_data_dir() -> Path:
    """Where this system keeps a user's application data."""
    return Path(platformdirs.user_data_dir("clawdforge", appauthor=False))


def default_config_file() -> Path:
    """Where the TOML file is looked for."""
    return Path(platformdirs.user_config_dir("clawdforge", appauthor=False)) / "config.toml"


def make_private_folder(path: Path) -> Path:
    """Make sure that `path` is a folder of ours which only we can enter (0700).

    Raises:
        StorageError: it cannot be made or used; `hint` says what to do.
    """
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        status = path.stat()
        if stat.S_IMODE(status.st_mode) & 0o077 and status.st_uid == os.geteuid():
            path.chmod(0o700)
        if not os.access(path, os.R_OK | os.W_OK | os.X_OK):
            raise PermissionError(13, "Permission denied")
    except OSError as error:
        msg = f"cannot use the folder {path}: {error.strerror or error}"
        hint = "choose another with --data-dir or CLAWDFORGE_DATA_DIR, or mend its permissions"
        raise StorageError(msg, hint=hint) from error
    return path


def write_private_file(path: Path, text: str) -> None:
    """Put `text` into `path` with mode 0600, whole or not at all, also across a power cut."""
    draft = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
    except OSError as error:
        with contextlib.suppress(OSError):
            draft.unlink(missing_ok=True)
        msg = f"cannot write {path}: {error.strerror or error}"
        raise StorageError(msg, hint="free some space or mend the permissions") from error


def read_private_file(path: Path) -> str | None:
    """The text of a credential file; None when there is none.

    Raises:
        ConfigError: others can read it, it is not ours, or it is not a small file of text.
    """
    try:
        # Not blocking: a FIFO in its place must not hang us. Checked after opening, not before.
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise _unreadable(path, error.strerror or str(error)) from error
    try:
        _check_private(path, os.fstat(descriptor))
        return os.read(descriptor, _MAX_CREDENTIAL_BYTES).decode("utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise _unreadable(path, str(error)) from error
    finally:
        os.close(descriptor)


def _check_private(path: Path, status: os.stat_result) -> None:
    if not stat.S_ISREG(status.st_mode):
        raise _unreadable(path, "not a regular file")
    if status.st_uid != os.geteuid():
        msg = f"{path} belongs to another user"
        raise ConfigError(msg, hint="run the command as the user who runs the server")
    if stat.S_IMODE(status.st_mode) & 0o077:
        msg = f"{path} can be read by others"
        raise ConfigError(msg, hint=f"chmod 600 {path}")


def _unreadable(path: Path, reason: str) -> ConfigError:
    return ConfigError(f"cannot read {path}: {reason}")
