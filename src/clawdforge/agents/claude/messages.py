"""What the model and its tools say: messages, whole or in pieces, to events. Pure.

With `--include-partial-messages` each message comes twice: in pieces (`stream_event`) and, block
by block, whole (`assistant`). Text counts once: whole only where no piece of that message came.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from clawdforge.agents.claude.tools import (
    change_of,
    changed_by,
    kind_of,
    paths_of,
    plan_of,
    title_of,
)
from clawdforge.agents.claude.values import mapping, objects, text, tokens_of
from clawdforge.core.events import Event, Plan, Text, Thought, ToolCall, Unknown

SYNTHETIC = "<synthetic>"
"""The model of messages that Claude Code makes up, as for a failed model call."""


class Messages:
    """Reads the messages of one conversation."""

    def __init__(self) -> None:
        self._usage: Mapping[str, Any] = {}
        self.model: str | None = None
        """Which model answered it."""
        self._current: str | None = None
        self._streamed: set[tuple[str | None, str]] = set()

    @property
    def context_used(self) -> int | None:
        """Tokens of the latest model call: how full the context is."""
        return tokens_of(self._usage)

    def forget_context(self) -> None:
        """The context was emptied: nobody knows how full it is."""
        self._usage = {}

    def forget_pieces(self) -> None:
        """A turn has ended: what came in pieces will not come again."""
        self._current = None
        self._streamed.clear()

    def streamed(self, value: Mapping[str, Any]) -> Iterator[Event]:
        """The events of a `stream_event`."""
        if value.get("parent_tool_use_id") is not None:
            return  # a subagent's: not part of the answer
        event = mapping(value.get("event"))
        match event:
            case {"type": "message_start"}:
                self._current = text(mapping(event.get("message")).get("id"))
            case {
                "type": "content_block_delta",
                "delta": {"type": "text_delta", "text": str(piece)},
            }:
                yield Text(text=piece, message_id=self._piece_of(value, "text"))
            case {
                "type": "content_block_delta",
                "delta": {"type": "thinking_delta", "thinking": str(piece)},
            }:
                yield Thought(text=piece, message_id=self._piece_of(value, "thinking"))
            case {"type": "message_delta"}:
                told = mapping(event.get("usage"))  # older versions leave out what is known
                self._usage = {**self._usage, **{k: v for k, v in told.items() if v is not None}}

    def assistant(self, value: Mapping[str, Any]) -> Iterator[Event]:
        """The events of an `assistant` line: blocks of a message, each once."""
        message = mapping(value.get("message"))
        if not isinstance(message.get("content"), list):
            yield Unknown(raw=value)
            return
        ours = value.get("parent_tool_use_id") is None
        if ours and text(message.get("model")) not in {None, SYNTHETIC}:
            self.model = text(message.get("model"))
            self._usage = mapping(message.get("usage"))
        message_id = text(message.get("id"))
        for block in objects(message["content"]):
            match block:
                case {"type": "text", "text": str(words)} if ours:
                    if (message_id, "text") not in self._streamed:
                        yield Text(text=words, message_id=message_id)
                case {"type": "thinking", "thinking": str(words)} if ours:
                    if words and (message_id, "thinking") not in self._streamed:
                        yield Thought(text=words, message_id=message_id)
                case {"type": "tool_use" | "server_tool_use", "id": str(call_id)}:
                    yield from _called(call_id, block)

    def _piece_of(self, value: Mapping[str, Any], kind: str) -> str | None:
        message_id = text(value.get("api_message_id")) or self._current
        self._streamed.add((message_id, kind))
        return message_id


def results(value: Mapping[str, Any]) -> Iterator[ToolCall]:
    """What came of tool calls: the events of a `user` line. Other such lines say nothing new."""
    outcomes = [
        block
        for block in objects(mapping(value.get("message")).get("content"))
        if block.get("type") == "tool_result" and isinstance(block.get("tool_use_id"), str)
    ]
    told = mapping(value.get("tool_use_result")) if len(outcomes) == 1 else {}
    for block in outcomes:
        yield ToolCall(
            call_id=block["tool_use_id"],
            status="failed" if block.get("is_error") is True else "completed",
            result=_said(block.get("content")),
            diffs=changed_by(told),
        )


def _called(call_id: str, block: Mapping[str, Any]) -> Iterator[Event]:
    name = text(block.get("name"))
    args = mapping(block.get("input"))
    yield ToolCall(
        call_id=call_id,
        name=name,
        title=title_of(args),
        kind=kind_of(name),
        args=block.get("input"),
        status="pending",
        paths=paths_of(args) or None,
        diffs=change_of(name or "", args),
    )
    entries = plan_of(name or "", args)
    if entries is not None:
        yield Plan(entries=entries)


def _said(content: object) -> Any:
    """A result's content: as text where it is nothing else."""
    blocks = objects(content)
    texts = [block["text"] for block in blocks if isinstance(block.get("text"), str)]
    if isinstance(content, list) and blocks and len(texts) == len(content):
        return "\n".join(texts)
    return content
