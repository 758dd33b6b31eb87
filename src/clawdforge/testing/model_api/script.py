"""What the scripted model does, in words of no vendor.

    step      what the model does with one request: `Say`, `CallTool`, `CallTools`, `Slow`,
              `Fail`, `Drop`, `Stall`
    script    steps in order; one request uses up one step, a repeated try included
    `Always`  the last step of a script, when it is to repeat for ever

A function `(Request) -> step` may stand for any step. It runs on the server's thread:
it looks at the request, returns at once, and never blocks.
How a step is said on the wire is the dialect's business; see `anthropic`, `openai_chat` ….
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

from clawdforge.testing.model_api.request import Request

Stop = Literal["end_turn", "max_tokens", "refusal"]

_FILLER = "This answer never ends well. "


class ScriptError(AssertionError):
    """The agent and the script disagree; the message lists how."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tokens:
    """What a reply costs, in tokens; the four counts never overlap."""

    input: int = 10
    """Read afresh: neither from the cache nor into it."""
    output: int = 5
    cache_read: int = 0
    cache_write: int = 0

    def __post_init__(self) -> None:
        _not_negative(
            input=self.input,
            output=self.output,
            cache_read=self.cache_read,
            cache_write=self.cache_write,
        )


@dataclass(frozen=True, slots=True)
class Say:
    """Answer with text and end the turn."""

    text: str
    chunks: int = field(default=1, kw_only=True)
    """Into how many pieces of about the same length a stream cuts the text."""
    thinking: str | None = field(default=None, kw_only=True)
    """What the model thinks before it speaks."""
    usage: Tokens = field(default_factory=Tokens, kw_only=True)
    stop: Stop = field(default="end_turn", kw_only=True)
    """Why the model stops. Claude Code asks again, up to three times, after `max_tokens`."""

    def __post_init__(self) -> None:
        _positive(chunks=self.chunks)


@dataclass(frozen=True, slots=True)
class CallTool:
    """Ask the agent to run one tool; `input` is what the tool's schema wants.

    `Bash`, `Write` and `Read` with the arguments of Claude Code go to every agent: see `tools`.
    """

    name: str
    input: Mapping[str, Any] = field(default_factory=dict)
    say: str | None = field(default=None, kw_only=True)
    """Text before the call."""
    thinking: str | None = field(default=None, kw_only=True)
    usage: Tokens = field(default_factory=Tokens, kw_only=True)


@dataclass(frozen=True, slots=True)
class CallTools:
    """Ask for several tools in one reply.

    `say`, `thinking` and `usage` of the single calls are not looked at: those of the
    whole reply count.
    """

    calls: Sequence[CallTool]
    say: str | None = field(default=None, kw_only=True)
    thinking: str | None = field(default=None, kw_only=True)
    usage: Tokens = field(default_factory=Tokens, kw_only=True)

    def __post_init__(self) -> None:
        if not self.calls:
            msg = "CallTools needs at least one call"
            raise ValueError(msg)


Answer: TypeAlias = Say | CallTool | CallTools
"""A reply that the model means."""


@dataclass(frozen=True, slots=True)
class Slow:
    """The same answer, with time in it. In seconds."""

    answer: Answer
    pause_secs: float = field(default=0.05, kw_only=True)
    """Before every piece of text after the first; see `Say.chunks`."""
    first_secs: float = field(default=0.0, kw_only=True)
    """Before the first byte of the reply."""

    def __post_init__(self) -> None:
        _not_negative(pause_secs=self.pause_secs, first_secs=self.first_secs)


@dataclass(frozen=True, slots=True, kw_only=True)
class Fail:
    """Refuse with an HTTP error, or break a stream off with an error event."""

    status: int = 529
    kind: str | None = None
    """The vendor's name of the error; by default the one that goes with the status."""
    message: str | None = None
    retry_after: float | None = None
    """Seconds, sent as the header `retry-after`."""
    headers: Mapping[str, str] = field(default_factory=dict)
    after_chars: int | None = None
    """With a number, a stream starts with 200 and fails after that many characters of `of`.

    A request that wants no stream is refused with `status` all the same.
    """
    of: Answer | None = None

    def __post_init__(self) -> None:
        if not 400 <= self.status <= 599:
            msg = f"not an error status: {self.status}"
            raise ValueError(msg)
        _not_negative(after_chars=self.after_chars, retry_after=self.retry_after)


@dataclass(frozen=True, slots=True, kw_only=True)
class Drop:
    """Reset the connection (TCP RST), as a crashed proxy does."""

    after_chars: int | None = None
    """After that many characters of text; `None`: before the first byte of the reply."""
    of: Answer | None = None
    """The answer that is cut; by default one that is long enough."""

    def __post_init__(self) -> None:
        _not_negative(after_chars=self.after_chars)


@dataclass(frozen=True, slots=True, kw_only=True)
class Stall:
    """Fall silent and keep the connection open until the agent or the test gives up."""

    after_chars: int | None = None
    """After that many characters of text; `None`: before the first byte of the reply."""
    of: Answer | None = None
    """The answer that is cut; by default one that is long enough."""

    def __post_init__(self) -> None:
        _not_negative(after_chars=self.after_chars)


Step: TypeAlias = Answer | Slow | Fail | Drop | Stall
Chooser: TypeAlias = Callable[[Request], Step]


@dataclass(frozen=True, slots=True)
class Always:
    """The last step of a script: it never runs out."""

    step: Step | Chooser


ScriptItem: TypeAlias = Step | Chooser | Always


def answer_of(step: Fail | Drop | Stall) -> Answer:
    """The answer that `step` cuts short, made up where the script does not give one."""
    if step.of is not None:
        return step.of
    wanted = (step.after_chars or 0) + 1
    return Say(_FILLER * (wanted // len(_FILLER) + 1))


def _not_negative(**values: float | None) -> None:
    for name, value in values.items():
        if value is not None and value < 0:
            msg = f"{name} is negative: {value}"
            raise ValueError(msg)


def _positive(**values: int) -> None:
    for name, value in values.items():
        if value < 1:
            msg = f"{name} is less than one: {value}"
            raise ValueError(msg)
