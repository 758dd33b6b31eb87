"""`RunResult`, where code written for clawdforge 0.2 imports it from."""

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class RunResult:
    """What came of a one-shot run, in the words of 0.2. Its texts are not in its repr."""

    ok: bool
    result: Any = field(repr=False)
    """The answer, any JSON value; None when there is none."""
    raw_stdout: str = field(repr=False)
    """What the agent's program wrote to standard output."""
    raw_stderr: str = field(repr=False)
    duration_ms: int
    stop_reason: str | None
    """The agent's own word for why it stopped, as `end_turn`."""
    error: str | None = None
    """What went wrong, for people; None when nothing did."""
