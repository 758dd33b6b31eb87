"""What a driver reports about a conversation, in the order in which it happened.

ACP's words where it has one (https://agentclientprotocol.com): tool call, plan, permission
option. What an agent says beyond this vocabulary is kept as `Unknown`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Literal

from clawdforge.core.usage import Usage


class Stop(StrEnum):
    """Why a turn ended, in our words; the agent's own word is `TurnEnded.reason`."""

    DONE = "done"
    MAX_TOKENS = "max_tokens"
    MAX_TURNS = "max_turns"
    REFUSED = "refused"
    CANCELLED = "cancelled"
    FAILED = "failed"
    LOST = "lost"
    """The agent's process ended in the middle: the outcome is unknown."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ready:
    """The agent takes prompts."""

    version: str | None = None
    agent_session_id: str | None = None
    """The agent's own name for the conversation: what `SessionSpec.resume_id` takes later."""
    models: tuple[str, ...] = ()
    modes: tuple[str, ...] = ()
    """What `Driver.set` takes for `model` and `mode`, as far as the agent tells."""


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
class Thought:
    """A piece of the agent's thinking."""

    text: str
    message_id: str | None = None


ToolStatus = Literal["pending", "in_progress", "completed", "failed"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Diff:
    """A change of a file that a tool call makes, or is about to make."""

    path: str
    old_text: str | None
    """None: the file is new."""
    new_text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolCall:
    """What is known about a tool call: a patch, to be laid over what was known by `call_id`.

    None says nothing new. The first patch of a call need not be complete.
    """

    call_id: str
    name: str | None = None
    """The tool's name where the agent tells it (`Bash`), else its title."""
    title: str | None = None
    kind: str | None = None
    """ACP's kind: `read`, `edit`, `execute` …"""
    args: Any = None
    """What it is called with: any JSON value."""
    status: ToolStatus | None = None
    result: Any = None
    """What came of it: any JSON value, mostly text."""
    diffs: tuple[Diff, ...] | None = None
    """What it changes, as far as the agent tells."""
    paths: tuple[str, ...] | None = None
    """The files that it is about, as far as the agent tells."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanEntry:
    """A step of the agent's plan."""

    content: str
    status: str = "pending"
    priority: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """The agent's plan; each replaces the one before."""

    entries: tuple[PlanEntry, ...]


OptionKind = Literal["allow_once", "allow_always", "reject_once", "reject_always"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Option:
    """An answer that the agent offers. Chosen by kind, never by position."""

    option_id: str
    kind: OptionKind | None
    """None: a kind that this version does not know."""
    name: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """The agent asks whether it may do something, and waits."""

    ask_id: str
    """Unique in the driver's lifetime."""
    tool: str
    """The tool's name (`Bash`), else its kind or title."""
    kind: str | None = None
    """ACP's kind of tool: `read`, `edit`, `execute`, `fetch`, `switch_mode` …"""
    title: str | None = None
    args: Any = None
    """What exactly would be done: the tool's input, any JSON value."""
    paths: tuple[str, ...] = ()
    """The files that it is about, as far as the agent tells."""
    call_id: str | None = None
    options: tuple[Option, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class AskWithdrawn:
    """The agent does not wait for that answer any more."""

    ask_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """How full the context is, in tokens, and what the conversation has cost so far."""

    used: int | None = None
    size: int | None = None
    cost_microusd: int | None = None
    """Of the process since it was started, as the agent adds it up."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Retry:
    """The agent's model call failed and is tried again."""

    attempt: int
    max_attempts: int | None = None
    delay_ms: int | None = None
    status: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Background:
    """What the agent has running in the background; empty: nothing. It must not hibernate then."""

    tasks: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Changed:
    """A setting of the conversation is now this, because we asked or by the agent's own doing."""

    key: Literal["model", "mode", "effort", "title"]
    value: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Note:
    """Something for people: the context was compacted, the agent gave a warning."""

    kind: str
    text: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class TurnEnded:
    """The turn is over: exactly one for every prompt that was accepted.

    With `turn_id` None it ends a turn that the agent had started by itself.
    """

    turn_id: str | None
    stop: Stop
    reason: str | None = None
    """The agent's own stop reason, passed on unchanged."""
    text: str | None = None
    """The whole final answer, where the agent gives one; for a failure what it says about it."""
    usage: Usage = field(default_factory=Usage)
    """Of this turn. A cost that the agent adds up over its process is not here: see
    `total_cost_microusd`."""
    total_cost_microusd: int | None = None
    """What the agent's process has cost since it was started."""


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


Event = (
    Ready
    | TurnStarted
    | Text
    | Thought
    | ToolCall
    | Plan
    | Ask
    | AskWithdrawn
    | Context
    | Retry
    | Background
    | Changed
    | Note
    | TurnEnded
    | Unknown
    | Exited
)
Events = Sequence[Event]
