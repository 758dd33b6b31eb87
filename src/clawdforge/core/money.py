"""Money is an integer of micro-dollars (1 USD = 1,000,000)."""

import math
from decimal import ROUND_HALF_EVEN, Decimal

MICROS_PER_USD = 1_000_000
MAX_MICROS = 2**53
"""More is a mistake; the ledger and JSON take no more without loss."""


def micro_usd(usd: float | str | Decimal) -> int:
    """Convert dollars, as agents report them, to micro-dollars.

    Raises:
        ValueError: the amount is negative, not finite, absurdly large, or not a number.
    """
    if isinstance(usd, float) and not math.isfinite(usd):
        msg = f"not an amount of money: {usd!r}"
        raise ValueError(msg)
    try:
        micros = (Decimal(str(usd)) * MICROS_PER_USD).to_integral_value(ROUND_HALF_EVEN)
    except ArithmeticError:
        msg = f"not an amount of money: {usd!r}"
        raise ValueError(msg) from None
    if not micros.is_finite() or not 0 <= micros <= MAX_MICROS:
        msg = f"not an amount of money: {usd!r}"
        raise ValueError(msg)
    return int(micros)


def format_usd(micros: int) -> str:
    """Show micro-dollars to people: two decimals, more where the amount is tiny."""
    usd = Decimal(micros) / MICROS_PER_USD
    return f"${usd:.2f}" if micros >= MICROS_PER_USD or micros == 0 else f"${usd:.4f}"
