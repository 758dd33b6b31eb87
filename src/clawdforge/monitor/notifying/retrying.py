"""When a message that was not taken is tried again. Pure: the dice are passed in."""

from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Final

FIRST_SECS: Final = 2.0
FACTOR: Final = 3.0
LONGEST_SECS: Final = 600.0
JITTER: Final = 0.25
LONGEST_ASKED_SECS: Final = 3600.0
_AGAIN: Final = frozenset({408, 425, 429})


def is_taken(status: int) -> bool:
    """Whether a reply says that the message was taken."""
    return 200 <= status < 300


def may_go_well(status: int) -> bool:
    """Whether the same message may be taken another time."""
    return status >= 500 or status in _AGAIN


def pause_secs(attempts: int, dice: float) -> float:
    """How long to wait after so many attempts; `dice` is between 0 and 1."""
    pause = min(FIRST_SECS * FACTOR ** min(attempts - 1, 20), LONGEST_SECS)
    return pause * (1 - JITTER + 2 * JITTER * dice)


def asked_pause_secs(retry_after: str | None, now: float) -> float:
    """How long a server asks to wait: seconds, or a date (RFC 9110, 10.2.3); bounded."""
    if not retry_after:
        return 0.0
    text = retry_after.strip()
    if text.isascii() and text.isdecimal():
        return min(float(text[:9]), LONGEST_ASKED_SECS)
    try:
        when = parsedate_to_datetime(text)
    except ValueError:
        return 0.0
    if when.tzinfo is None:
        when = when.replace(tzinfo=UTC)
    return min(
        max(0.0, (when - datetime.fromtimestamp(now, UTC)).total_seconds()), LONGEST_ASKED_SECS
    )
