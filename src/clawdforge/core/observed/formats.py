"""How numbers, times and paths of a session are shown: the formats of atmd 0.2.2."""

import functools
import math
from datetime import UTC, datetime

MICROS_PER_USD = 1_000_000
SHORT_ID_BYTES = 8
SHORT_PATH_BYTES = 30
_MAX_I64 = 2**63 - 1
_MAX_UTC = 253_402_300_799.0
"""The last second of the year 9999."""


def short_id(session_id: str) -> str:
    """The first 8 bytes, or all when there are fewer or a character is on the edge."""
    if session_id.isascii():
        return session_id[:SHORT_ID_BYTES]
    data = session_id.encode("utf-8", "replace")
    if len(data) < SHORT_ID_BYTES:
        return session_id
    try:
        return data[:SHORT_ID_BYTES].decode()
    except UnicodeDecodeError:
        return session_id


def short_path(path: str) -> str:
    """A path of at most 30 bytes: of a longer one the end, cut between characters."""
    if path.isascii():
        return path if len(path) <= SHORT_PATH_BYTES else "..." + path[3 - SHORT_PATH_BYTES :]
    data = path.encode("utf-8", "replace")
    if len(data) <= SHORT_PATH_BYTES:
        return path
    # What is left of a character that is cut is invalid, and dropped.
    return "..." + data[3 - SHORT_PATH_BYTES :].decode("utf-8", "ignore")


def format_tokens(count: int) -> str:
    """`999`, `5.0K`, `43K`, `1.5M`."""
    if count < 1000:
        return str(count)
    if count < 10_000:
        return f"{count / 1000:.1f}K"
    if count < 1_000_000:
        return f"{count // 1000}K"
    return f"{count / 1_000_000:.1f}M"


def format_money(usd: float) -> str:
    """`$0.0050`, `$0.35`, `$12.3`, `$150`."""
    if usd < 10:
        return f"${usd:.4f}" if 0 < usd < 0.01 else f"${usd:.2f}"
    return f"${usd:.1f}" if usd < 100 else f"${usd:.0f}"


def format_duration(milliseconds: int) -> str:
    """`35s`, `2m 15s`, `2m`, `1h 30m`, `1h`."""
    seconds = milliseconds // 1000
    if seconds < 60:
        return f"{seconds}s"
    minutes, seconds = divmod(seconds, 60)
    if minutes < 60:
        return f"{minutes}m {seconds}s" if seconds else f"{minutes}m"
    hours, minutes = divmod(minutes, 60)
    return f"{hours}h {minutes}m" if minutes else f"{hours}h"


def format_age(secs: float) -> str:
    """`now` (a time to come), `5s ago`, `12m ago`, `3h ago`, `2d ago`."""
    return _age(int(secs))


@functools.lru_cache(maxsize=4096)
def _age(seconds: int) -> str:
    if seconds < 0:
        return "now"
    if seconds < 60:
        return f"{seconds}s ago"
    if seconds < 3600:
        return f"{seconds // 60}m ago"
    return f"{seconds // 3600}h ago" if seconds < 86_400 else f"{seconds // 86_400}d ago"


@functools.lru_cache(maxsize=4096)
def format_time(utc: float) -> str:
    """RFC 3339 in UTC with microseconds: such texts sort as the times do."""
    second, micros = divmod(round(min(max(utc, 0.0), _MAX_UTC) * 1_000_000), 1_000_000)
    return f"{_second(second)}.{micros:06d}+00:00"


@functools.lru_cache(maxsize=4096)
def _second(utc: int) -> str:
    return datetime.fromtimestamp(utc, UTC).strftime("%Y-%m-%dT%H:%M:%S")


def microusd(usd: float) -> int:
    """Dollars as whole micro-dollars, halves away from zero; what does not fit is the largest."""
    micros = abs(usd) * MICROS_PER_USD
    if not micros < _MAX_I64:
        return 0 if math.isnan(micros) else int(math.copysign(_MAX_I64, usd))
    whole = int(micros)
    if micros - whole >= 0.5:
        whole += 1
    return whole if usd >= 0 else -whole
