"""Where folders belong, as git told last."""

from collections.abc import Iterable

from clawdforge.core.observed.entry import Entry
from clawdforge.core.observed.signals import Place


class Places:
    """What is known of the folders of the sessions."""

    def __init__(self) -> None:
        self._known: dict[str, Place] = {}

    def of(self, cwd: str | None) -> Place | None:
        """What is known of a folder."""
        return None if cwd is None else self._known.get(cwd)

    def hear(self, cwd: str, place: Place, entries: Iterable[Entry]) -> list[Entry]:
        """Git says something of a folder. Returns the sessions there, if that is new."""
        if self._known.get(cwd) == place:
            return []
        entries = list(entries)
        there = [entry for entry in entries if entry.cwd == cwd]
        for entry in there:
            entry.place = place
        if there:
            self._known[cwd] = place
        if len(self._known) > 2 * len(entries) + 64:
            used = {entry.cwd for entry in entries}
            self._known = {key: one for key, one in self._known.items() if key in used}
        return there
