"""What a driver reports about a conversation, in the order in which it happened."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from clawdforge.core.usage import Usage


class Stop(StrEnum):
    """Why a turn ended, in our words; the agent's own word is `TurnEnded.reason`."""

    DONE = "done"
    MAX_TOKENS = "max_tokens"
    MAX_TURNS = "max_turns"
    REFUSED = "refused"
    FAILED = "failed"
    LOST = "lost"
    """The agent's process ended in the middle: the outcome is unknown."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ready:
    """The agent takes prompts."""

    version: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TurnStarted:
    """The agent works on a prompt, or on something of its own (`turn_id` None)."""

    turn_id: str | None
    model: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Text:
    """A piece of the answer."""

    text: str
    message_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Retry:
    """The agent's model call failed and is tried again."""

    attempt: int
    max_attempts: int | None = None
    delay_ms: int | None = None
    status: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TurnEnded:
    """The turn is over: exactly one for every prompt that was accepted."""

    turn_id: str | None
    stop: Stop
    reason: str | None = None
    """The agent's own stop reason, passed on unchanged."""
    text: str | None = None
    """The whole final answer, where the agent gives one; for a failure what it says about it."""
    usage: Usage = field(default_factory=Usage)


@dataclass(frozen=True, slots=True, kw_only=True)
class Unknown:
    """Something this version does not know: kept, never a reason to fail."""

    raw: Mapping[str, Any] = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Exited:
    """The agent's process ended. The last event of a conversation."""

    code: int | None = None
    signal: int | None = None

    def __str__(self) -> str:
        return f"signal {self.signal}" if self.signal is not None else f"exit {self.code}"


Event = Ready | TurnStarted | Text | Retry | TurnEnded | Unknown | Exited
