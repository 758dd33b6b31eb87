"""What a turn used, as the agent reports it."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """Tokens and cost of one turn. `None` means that the agent did not say."""

    input_tokens: int | None = None
    output_tokens: int | None = None
    cache_read_tokens: int | None = None
    cache_write_tokens: int | None = None
    cost_microusd: int | None = None


def added(first: Usage, second: Usage) -> Usage:
    """The sum; what neither tells stays unknown."""

    def both(name: str) -> int | None:
        counts = [c for c in (getattr(first, name), getattr(second, name)) if c is not None]
        return sum(counts) if counts else None

    return Usage(**{name: both(name) for name in Usage.__dataclass_fields__})
