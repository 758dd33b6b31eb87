"""Moments and lengths of time, as the dashboard shows them. Pure."""

import functools
from datetime import datetime

MINUTE, HOUR, DAY = 60, 3600, 86_400


@functools.lru_cache(maxsize=16_384)
def moment(text: str) -> float | None:
    """A time of a view (RFC 3339) as seconds since 1970; None: there is none."""
    if not text:
        return None
    try:
        return datetime.fromisoformat(text).timestamp()
    except ValueError:
        return None


def since(text: str, now: float) -> float | None:
    """How many seconds ago that was, never less than none."""
    at = moment(text)
    return None if at is None else max(0.0, now - at)


def lasting(secs: float | None) -> str:
    """A length of time in at most four characters: `5s`, `12m`, `3h`, `1h05`, `4d`."""
    if secs is None:
        return ""
    whole = int(secs)
    if whole < MINUTE:
        return f"{whole}s"
    if whole < HOUR:
        return f"{whole // MINUTE}m"
    if whole < 10 * HOUR:
        hours, minutes = whole // HOUR, whole % HOUR // MINUTE
        return f"{hours}h{minutes:02}" if minutes else f"{hours}h"
    return f"{whole // HOUR}h" if whole < 2 * DAY else f"{min(whole // DAY, 999)}d"
