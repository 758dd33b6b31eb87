"""The data folder of a running server: held by one server, with the credentials kept in it."""

import fcntl
import json
import os
import secrets
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from clawdforge.config.folders import (
    ADMIN_TOKEN_FILE,
    LEDGER_FILE,
    LOCAL_TOKEN_FILE,
    SERVER_FILE,
    make_private_folder,
    read_private_file,
    write_private_file,
)
from clawdforge.config.settings import Settings
from clawdforge.errors import ConfigError, StorageError

_LOCK_FILE = "lock"
_ID_FILE = "folder-id"
_LOGINS_FILE = "browser-logins.json"
_TOKEN_BYTES = 32


class DataFolder:
    """The folder of `settings.data_dir`, made when missing, with its parts.

    Raises:
        StorageError: it cannot be made or used.
    """

    def __init__(self, settings: Settings) -> None:
        self.path = make_private_folder(Path(settings.data_dir))
        self.ledger = self.path / LEDGER_FILE
        self.files = make_private_folder(self.path / "files")
        self.runs = make_private_folder(Path(settings.runs_dir))
        self.sessions = make_private_folder(self.path / "sessions")
        self._admin_token = settings.admin_token

    @contextmanager
    def held(self) -> Iterator[None]:
        """Be the only server on it: two on one ledger would end each other's runs.

        Raises:
            StorageError: another server holds it (`code` `folder_in_use`).
        """
        with ExitStack() as stack:
            stack.enter_context(_locked(self.path))
            if not self.runs.is_relative_to(self.path):
                stack.enter_context(_locked(self.runs))
            yield

    def admin_token(self) -> str:
        """The configured admin token, else the one kept here, made the first time."""
        return self._admin_token or self._kept(ADMIN_TOKEN_FILE, "cfa_")

    def local_token(self, prefix: str) -> str:
        """The token of this machine's own commands, made the first time."""
        return self._kept(LOCAL_TOKEN_FILE, prefix)

    def identity(self) -> str:
        """What names this folder, whatever its path."""
        return self._kept(_ID_FILE, "", size=12)

    def logins(self) -> str | None:
        """The browsers that are logged in, as `keep_logins` was last given them."""
        try:
            return read_private_file(self.path / _LOGINS_FILE)
        except ConfigError:
            return None  # they log in again

    def keep_logins(self, text: str) -> None:
        """Write down the browsers that are logged in; no secret of theirs is in it."""
        write_private_file(self.path / _LOGINS_FILE, text)

    @contextmanager
    def announced(self, url: str, version: str) -> Iterator[None]:
        """Tell this machine's own commands where the server is, while it is there."""
        path = self.path / SERVER_FILE
        about = {
            "url": url,
            "pid": os.getpid(),
            "version": version,
            "started_at": int(time.time()),
        }
        write_private_file(path, json.dumps(about))
        try:
            yield
        finally:
            path.unlink(missing_ok=True)

    def _kept(self, name: str, prefix: str, size: int = _TOKEN_BYTES) -> str:
        token = read_private_file(self.path / name)
        if not token:
            token = prefix + secrets.token_urlsafe(size)
            write_private_file(self.path / name, token)
        return token


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    path = folder / _LOCK_FILE
    try:
        lock = path.open("a+")
    except OSError as error:
        msg = f"cannot use {path}: {error.strerror or error}"
        raise StorageError(msg, hint="mend its permissions, or remove it") from error
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            msg = f"another clawdforge server uses the data folder {folder}"
            hint = "stop it, or choose another folder with --data-dir or CLAWDFORGE_DATA_DIR"
            raise StorageError(msg, code="folder_in_use", hint=hint) from error
        yield
