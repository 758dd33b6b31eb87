"""The table: where somebody is killed, how it comes to that, and what is to be then.

It has two halves, `server_table.py` and `agent_table.py`. By the ways that lead there (`ways.py`),
a row each: the place (see `places.py` for the server's, `witness.py` for the agent's), and what has
become of the turn (or the session, the question …) by the next look: the next server's where the
server is killed, the same server's where the agent is.

`#3` after a place: only the third time that it is passed. `; its launcher`: not who comes there
kills itself, but that one is killed from outside. `a or b`: both can be, because two things happen
there at the same time.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from crash_table.agent_table import AGENT
from crash_table.server_table import SERVER
from crash_table.ways import WAYS, Way


@dataclass(frozen=True)
class Row:
    """One kill."""

    number: int
    way: Way
    place: str
    nth: int
    victim: str
    """`itself` is who comes to the place; else who is killed from outside meanwhile."""
    then: str

    @property
    def name(self) -> str:
        """What prompts and keys of this row are called by."""
        return f"row-{self.number}"

    @property
    def is_of_agent(self) -> bool:
        """Whether the agent is killed; else the server is."""
        return self.place.startswith("agent ")

    def __str__(self) -> str:
        nth = "" if self.nth == 1 else f" #{self.nth}"
        victim = "" if self.victim == "itself" else f"; {self.victim}"
        place = self.place if self.is_of_agent else f"server {self.place}"
        return f"{self.way.name}: {place}{nth}{victim}"


def _rows() -> Iterator[Row]:
    lines = [
        (way, line, then)
        for half in (SERVER, AGENT)
        for way, places in half.items()
        for line, then in places.items()
    ]
    for number, (way, line, then) in enumerate(lines, 1):
        passed, _, victim = line.partition("; ")
        place, _, nth = passed.partition(" #")
        yield Row(number, WAYS[way], place, int(nth or 1), victim or "itself", then)


ROWS = tuple(_rows())
