"""What a check finds."""

from dataclasses import dataclass
from enum import StrEnum


class Level(StrEnum):
    """How bad it is."""

    OK = "ok"
    WARN = "warn"
    """It works, but not as well as it could."""
    FAIL = "fail"
    """It does not work."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the report."""

    check: str
    level: Level
    said: str
    mend: str | None = None
    """What to do about it; None when it is well."""


def ok(check: str, said: str) -> Finding:
    """It is well."""
    return Finding(check, Level.OK, said)


def warn(check: str, said: str, mend: str) -> Finding:
    """It works, but."""
    return Finding(check, Level.WARN, said, mend)


def fail(check: str, said: str, mend: str) -> Finding:
    """It does not work."""
    return Finding(check, Level.FAIL, said, mend)
