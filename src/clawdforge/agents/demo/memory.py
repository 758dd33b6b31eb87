"""The demo agent's conversations on disk: small private files. Part of `program.py`."""

import contextlib
import json
import os
from typing import Any

FOLDER_VARIABLE = "CLAWDFORGE_DEMO_HOME"
FOLDER = ".clawdforge-demo"
MAX_TURNS = 200


class Memory:
    """The folder of conversations; without one nothing is kept, and nothing fails."""

    def __init__(self) -> None:
        environ = os.environ  # noqa: TID251 - a program of its own
        home = environ.get("HOME")
        self._folder = environ.get(FOLDER_VARIABLE) or (f"{home}/{FOLDER}" if home else None)

    def new_id(self) -> str:
        """A new conversation's name: a UUID."""
        text = os.urandom(16).hex()
        return f"{text[:8]}-{text[8:12]}-4{text[13:16]}-8{text[17:20]}-{text[20:]}"

    def load(self, session_id: str) -> dict[str, Any] | None:
        """A conversation; None when there is none of that name."""
        path = self._path(session_id)
        if path is None:
            return None
        try:
            with open(path, encoding="utf-8") as file:  # noqa: PTH123 - pathlib starts slower
                value = json.load(file)
            return {"words": list(value["words"]), "turns": list(value["turns"])}
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def save(self, session_id: str, value: dict[str, Any]) -> None:
        """Keep a conversation: all of it or nothing."""
        path = self._path(session_id)
        if path is None or self._folder is None:
            return
        value = {**value, "turns": value["turns"][-MAX_TURNS:]}
        with contextlib.suppress(OSError):
            with contextlib.suppress(FileExistsError):
                os.mkdir(self._folder, 0o700)  # noqa: PTH102 - and not the folders above it
            flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC
            with os.fdopen(os.open(f"{path}.new", flags, 0o600), "w", encoding="utf-8") as file:
                json.dump(value, file)
            os.replace(f"{path}.new", path)  # noqa: PTH105

    def remove(self, session_id: str) -> None:
        """Forget a conversation, and the folder with the last one."""
        path = self._path(session_id)
        if path is not None and self._folder is not None:
            with contextlib.suppress(OSError):
                os.unlink(path)  # noqa: PTH108
                os.rmdir(self._folder)  # noqa: PTH106

    def _path(self, session_id: str) -> str | None:
        if self._folder is None or not session_id or set(session_id) - set("0123456789abcdef-"):
            return None
        return f"{self._folder}/{session_id}.json"
