"""Reading Claude Code's JSON: whatever a field holds, a value of the type that is wanted. Pure."""

import json
import math
from collections.abc import Mapping
from typing import Any

from clawdforge.core.money import MICROS_PER_USD, micro_usd
from clawdforge.core.usage import Usage

MAX_COUNT = 2**53
"""A larger count is a mistake, and more than the ledger takes."""


def line(value: Mapping[str, Any]) -> bytes:
    """A message as the line that says it."""
    return json.dumps(value, separators=(",", ":")).encode() + b"\n"


def text(value: object) -> str | None:
    """A string, else None."""
    return value if isinstance(value, str) else None


def mapping(value: object) -> Mapping[str, Any]:
    """An object, else an empty one."""
    return value if isinstance(value, dict) else {}


def objects(value: object) -> list[Mapping[str, Any]]:
    """The objects of an array; nothing when it is none."""
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []


def strings(value: object) -> list[str]:
    """The strings of an array; nothing when it is none."""
    return [each for each in value if isinstance(each, str)] if isinstance(value, list) else []


def count(value: object) -> int | None:
    """A count that can be meant, else None."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return int(value) if 0 <= value <= MAX_COUNT else None  # neither of NaN and infinity is


def dollars(value: object) -> float:
    """An amount of money, in dollars; nothing where it makes no sense."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return 0.0
    sound = 0 <= value <= MAX_COUNT / MICROS_PER_USD and math.isfinite(value)
    return float(value) if sound else 0.0


def cost(value: object) -> int | None:
    """An amount of money in dollars, as micro-dollars; None where it makes no sense."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        return micro_usd(value)
    except ValueError:
        return None


def usage(value: object, *, cost_microusd: int | None = None) -> Usage:
    """The counts of an object `usage`."""
    counts = mapping(value)
    return Usage(
        input_tokens=count(counts.get("input_tokens")),
        output_tokens=count(counts.get("output_tokens")),
        cache_read_tokens=count(counts.get("cache_read_input_tokens")),
        cache_write_tokens=count(counts.get("cache_creation_input_tokens")),
        cost_microusd=cost_microusd,
    )


def tokens_of(value: object) -> int | None:
    """How many tokens a model call had in its context, its answer included."""
    found = usage(value)
    counts = (
        found.input_tokens,
        found.cache_read_tokens,
        found.cache_write_tokens,
        found.output_tokens,
    )
    told = [each for each in counts if each is not None]
    return sum(told) if told else None
