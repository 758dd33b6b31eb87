"""What is found wrong, by what it is."""

from collections import Counter
from dataclasses import dataclass, field


@dataclass
class Findings:
    """What a row has brought to light."""

    counts: Counter[str] = field(default_factory=Counter)
    said: list[str] = field(default_factory=list)

    def loss(self, what: str) -> None:
        """Something that was acknowledged is gone, or is another."""
        self._add("losses", what)

    def duplicate(self, what: str) -> None:
        """Something happened twice."""
        self._add("duplicates", what)

    def orphan(self, what: str) -> None:
        """Something was left behind."""
        self._add("orphans", what)

    def wrong(self, what: str) -> None:
        """Anything else that is not as it has to be."""
        self._add("wrong", what)

    def expect(self, what: str, found: object, wanted: object) -> None:
        """Compare."""
        if found != wanted:
            self.wrong(f"{what}: {found!r}, not {wanted!r}")

    def _add(self, kind: str, what: str) -> None:
        self.counts[kind] += 1
        self.said.append(f"{kind}: {what}")
