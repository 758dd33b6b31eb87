"""What has to be told over the network: a file each (0600), so that a restart loses nothing.

And a short record of what became of it, for `clawdforge notify status`.

All of it blocks: call it in a thread.
"""

import logging
import os
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import msgspec

log = logging.getLogger(__name__)

MAX_WAITING: Final = 200
"""Messages of one target; the oldest give way."""
MAX_BODY_BYTES: Final = 512 * 1024
MAX_RECORDED: Final = 100
ID_PREFIX: Final = "msg_"


class Item(msgspec.Struct, kw_only=True):
    """A message that waits to be sent."""

    id: str
    """Also the `webhook-id`: the same in each attempt."""
    target: str
    made_at: float
    """Seconds since 1970, as all times here."""
    body: str
    session_id: str
    kind: str
    approval_id: str | None = None
    """What the reply may answer."""
    attempts: int = 0
    next_at: float = 0.0
    problem: str | None = None
    """Why the last attempt failed."""

    def __repr__(self) -> str:  # without the body
        return f"Item({self.id!r} for {self.target!r})"


class Delivery(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a message."""

    at: float
    target: str
    kind: str
    """`needs_you`, `finished` or `test`."""
    session_id: str
    result: str
    """`sent`, `failed`, `overtaken` (it is not true any more), or `answered` (the reply did)."""
    attempts: int = 1
    problem: str | None = None


def new_id() -> str:
    """A message's id."""
    return ID_PREFIX + secrets.token_urlsafe(18)


class Outbox:
    """The folder `notifications/` in the monitor's state folder."""

    def __init__(self, state: Path) -> None:
        self.folder = state / "notifications"
        self._waiting = self.folder / "waiting"
        self._record = self.folder / "recent.json"

    def put(self, item: Item) -> None:
        """Keep a message until it is removed; the same one again replaces it.

        Raises:
            OSError: it cannot be kept.
        """
        self._waiting.mkdir(parents=True, mode=0o700, exist_ok=True)
        _write(self._waiting / f"{item.id}.json", msgspec.json.encode(item))

    def remove(self, item: Item) -> None:
        """It is settled."""
        (self._waiting / f"{item.id}.json").unlink(missing_ok=True)

    def waiting(self) -> list[Item]:
        """All that wait, oldest first. What cannot be read is passed over."""
        found = [item for path in self._paths() if (item := _read_item(path)) is not None]
        return sorted(found, key=lambda item: item.made_at)

    def record(self, delivery: Delivery) -> None:
        """Remember what became of a message."""
        kept = [*self.recent(), delivery][-MAX_RECORDED:]
        try:
            self.folder.mkdir(parents=True, mode=0o700, exist_ok=True)
            _write(self._record, msgspec.json.encode(kept))
        except OSError as error:
            log.warning("a notice is not in the record", extra={"reason": str(error)})

    def recent(self) -> list[Delivery]:
        """What became of the last messages, oldest first."""
        try:
            return msgspec.json.decode(self._record.read_bytes(), type=list[Delivery])
        except (OSError, msgspec.DecodeError):
            return []

    def read(self, name: str) -> Any:
        """A small JSON file of the folder; None: there is none that makes sense."""
        try:
            return msgspec.json.decode((self.folder / name).read_bytes())
        except (OSError, msgspec.DecodeError):
            return None

    def write(self, name: str, value: Any) -> None:
        """Write a small JSON file of the folder, as well as that goes."""
        try:
            self.folder.mkdir(parents=True, mode=0o700, exist_ok=True)
            _write(self.folder / name, msgspec.json.encode(value))
        except OSError as error:
            log.warning("cannot be kept", extra={"file": name, "reason": str(error)})

    def _paths(self) -> Iterator[Path]:
        try:
            found = list(self._waiting.iterdir())
        except OSError:
            return
        yield from (path for path in found if path.suffix == ".json")


def _read_item(path: Path) -> Item | None:
    try:
        item = msgspec.json.decode(path.read_bytes(), type=Item)
    except (OSError, msgspec.DecodeError):
        log.warning("a message that waits cannot be read", extra={"file": str(path)})
        return None
    return item if path.stem == item.id else None


def _write(path: Path, data: bytes) -> None:
    draft = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        number = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        with os.fdopen(number, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(number)
        draft.replace(path)
    except OSError:
        draft.unlink(missing_ok=True)
        raise
