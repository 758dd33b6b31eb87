"""What an agent asked of the model, in words of no vendor."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpCall:
    """One HTTP request as it came in."""

    method: str
    target: str
    """Path and query, as sent."""
    headers: Mapping[str, str]
    """Names in lower case; of a repeated header the last value."""
    body: bytes = b""

    @property
    def path(self) -> str:
        """The target without its query."""
        return self.target.partition("?")[0]


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolResult:
    """What a tool answered to an earlier `CallTool`."""

    call_id: str
    name: str
    """The tool's name; empty when the conversation does not tell."""
    text: str
    """The text parts, joined by newlines; images and the like leave no trace."""
    is_error: bool = False
    """Always False in OpenAI's dialects: there only the text tells."""


@dataclass(frozen=True, slots=True)
class Message:
    """What one side said, without what the agent wrapped around it."""

    role: Literal["user", "assistant"]
    text: str
    """Empty when it only calls tools, or brings their results."""

    @property
    def is_prompt(self) -> bool:
        """Whether the user says something with it."""
        return self.role == "user" and bool(self.text)


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One request to the model."""

    prompt: str
    """What the user last said, without what the agent wrapped around it.

    A request that only carries tool results repeats the prompt that led to them.
    """
    tool_results: tuple[ToolResult, ...] = ()
    """Of the last message only: what is new in this request.

    In the agent's order, which need not be that of the calls.
    """
    messages: tuple[Message, ...] = ()
    """The whole conversation as text, oldest first; without system prompts."""
    system: str = ""
    """The system prompt; its blocks are joined by blank lines."""
    model: str = ""
    effort: str | None = None
    max_tokens: int | None = None
    tools: tuple[str, ...] = ()
    """Names of the tools that the model may call."""
    tool_schemas: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """The JSON schema of each tool's arguments, by name; tools that take a text have none."""
    stream: bool = False
    side: str | None = None
    """For a call that the agent makes beside the conversation: `title`, `suggestion`,
    `quota`, `router` or `count_tokens`."""
    headers: Mapping[str, str] = field(default_factory=dict)
    """Names in lower case."""
    path: str = ""
    raw: Mapping[str, Any] = field(default_factory=dict)
    """The whole body."""
