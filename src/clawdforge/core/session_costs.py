"""What turns cost: some agents tell it for each, some add it up since they were started. Pure."""

from dataclasses import replace

from clawdforge.core.events import TurnEnded
from clawdforge.core.usage import Usage


class Costs:
    """Tells the cost of each turn from sums. All in millionths of a dollar.

    Args:
        spent: What the session has cost before.
    """

    def __init__(self, spent: int) -> None:
        self.spent = spent
        """What the session has cost so far."""
        self._seen = 0
        self._told: int | None = None

    def start(self) -> None:
        """A new process counts from zero."""
        self._seen, self._told = 0, None

    def tell(self, total: int) -> None:
        """The agent says what its process has cost so far."""
        self._told = total

    def of_turn(self, event: TurnEnded | None) -> Usage:
        """What the turn used that ends now; None: its end was not told."""
        usage = event.usage if event is not None else Usage()
        total = event.total_cost_microusd if event is not None else None
        total = self._told if total is None else total
        if usage.cost_microusd is None and total is not None:
            usage = replace(usage, cost_microusd=max(0, total - self._seen))
            self._seen = max(self._seen, total)
        self.spent += usage.cost_microusd or 0
        return usage
