"""The trap: a file that says where the next process is to kill itself. Standard library only.

The test writes it, the server and its agents look at it whenever they come past a place that has
a name. Who comes to the place that the trap is set for says so in another file, and is dead.
"""

import contextlib
import json
import os
import signal
import threading
from pathlib import Path
from typing import Any

TRAP = "trap.json"
SPRUNG = "sprung-{}"


class Trap:
    """As a process of the stage sees it.

    Args:
        home: The HOME of the stage.
    """

    def __init__(self, home: str) -> None:
        self._home = home
        self._passed: dict[str, int] = {}
        self._lock = threading.Lock()

    def is_set(self, place: str, session: str | None) -> bool:
        """Whether it is set for this place and this session.

        Args:
            place: Its name, as the rows of the table call it.
            session: Whose business it is; None: nobody's, or it is not known here.
        """
        armed = self._look()
        if armed is None or armed["place"] != place:
            return False
        return session is None or armed["session"] in {None, session}

    def reached(self, place: str, session: str | None) -> None:
        """Die here, if it is set for this place and this session."""
        armed = self._look()
        if armed is None or not self.is_set(place, session):
            return
        with self._lock:
            name = armed["name"]
            self._passed[name] = self._passed.get(name, 0) + 1
            if self._passed[name] != armed["nth"]:
                return
            try:
                flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL
                os.close(os.open(f"{self._home}/{SPRUNG.format(name)}", flags))
            except FileExistsError:
                return  # it was another process's death
            if armed["dies"]:
                os.kill(os.getpid(), signal.SIGKILL)
            threading.Event().wait()  # until somebody else kills it

    def _look(self) -> dict[str, Any] | None:
        try:
            with open(f"{self._home}/{TRAP}", encoding="utf-8") as file:  # noqa: PTH123
                armed: dict[str, Any] = json.load(file)
        except FileNotFoundError:
            return None
        return armed


def arm(home: Path, **armed: Any) -> None:
    """Set the trap: `name`, `place`, `session`, `nth`, and whether who comes `dies` by itself."""
    fresh = home / f"{TRAP}.new"
    fresh.write_text(json.dumps(armed), encoding="utf-8")
    fresh.replace(home / TRAP)


def disarm(home: Path) -> None:
    """Take the trap away."""
    with contextlib.suppress(FileNotFoundError):
        (home / TRAP).unlink()


def is_sprung(home: Path, name: str) -> bool:
    """Whether somebody came to the place of that trap."""
    return (home / SPRUNG.format(name)).exists()
