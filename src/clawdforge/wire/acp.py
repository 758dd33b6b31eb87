"""ACP v1 (https://agentclientprotocol.com): what an agent says, as events of ours. Pure.

`Updates` reads the updates of one session and remembers what later ones build on: a tool call
is told in patches, a setting as the list of all of them. What is not known becomes `Unknown`;
what makes no sense is left out; nothing raises.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from clawdforge.core.events import (
    Ask,
    Changed,
    Context,
    Event,
    Note,
    Option,
    OptionKind,
    Plan,
    PlanEntry,
    Stop,
    Text,
    Thought,
    Unknown,
)
from clawdforge.core.money import micro_usd
from clawdforge.core.usage import Usage
from clawdforge.wire.acp_faults import Faults
from clawdforge.wire.acp_settings import SettingKey, settings_of
from clawdforge.wire.acp_tools import ToolCalls, paths_of, text_of

MAX_COUNT = 2**53
"""A larger count is a mistake, and more than the ledger takes."""
UNKNOWN_SESSION = -32002
AUTH_REQUIRED = -32000

_STOPS = {
    "end_turn": Stop.DONE,
    "max_tokens": Stop.MAX_TOKENS,
    "max_turn_requests": Stop.MAX_TURNS,
    "refusal": Stop.REFUSED,
    "cancelled": Stop.CANCELLED,
}
_DULL = {"available_commands_update", "user_message_chunk"}
"""Slash commands of the agent's own interface, and echoes of what we sent."""
_OPTION_KINDS: dict[str, OptionKind] = {
    "allow_once": "allow_once",
    "allow_always": "allow_always",
    "reject_once": "reject_once",
    "reject_always": "reject_always",
}


class Updates:
    """Reads what an agent says in one session."""

    def __init__(self) -> None:
        self.cost_microusd: int | None = None
        self.spent_before = 0
        """What it had cost before this process: Claude's adapter goes on from there."""
        """What the conversation has cost so far, as the agent adds it up."""
        self.faults = Faults()
        """Of the turn that runs."""
        self._tools = ToolCalls()
        self._settings: dict[str, str] = {}
        self._counted = Usage()

    def begin_turn(self) -> None:
        """A turn begins: tool calls and counts of the one before are over."""
        self.faults = Faults()
        self._tools = ToolCalls()
        self._counted = Usage()

    def feed(self, update: Mapping[str, Any]) -> list[Event]:
        """The events of a `session/update` (its `params.update`)."""
        return list(self._events(update))

    def asked(self, ask_id: str, params: Mapping[str, Any]) -> list[Event]:
        """The events of a `session/request_permission`: what is new about the call, and `Ask`."""
        tool_call = params.get("toolCall")
        about = tool_call if isinstance(tool_call, dict) else {}
        patch = self._tools.patch(about)
        known = self._tools.known(about)
        kind, title = known.kind, known.title
        ask = Ask(
            ask_id=ask_id,
            tool=known.told_name or kind or title or "tool",
            kind=kind,
            title=title,
            args=known.args,
            paths=paths_of(known),
            call_id=_text(about.get("toolCallId")),
            options=tuple(options_of(params)),
        )
        return [patch, ask] if patch is not None else [ask]

    def adopt(self, answer: Any) -> None:
        """Take the settings of an answer (`session/new` …) as those that are known."""
        for key, value in settings_of(answer).items():
            self._settings[key] = value

    def changes(self, answer: Any) -> list[Event]:
        """What an answer or an update says about settings that was not known."""
        return [
            change
            for key, value in settings_of(answer).items()
            for change in self.change(key, value)
        ]

    def change(self, key: SettingKey, value: str) -> list[Event]:
        """A setting is this now: an event unless that was known."""
        if self._settings.get(key) == value:
            return []
        self._settings[key] = value
        return [Changed(key=key, value=value)]

    def usage(self, answer: Any) -> Usage:
        """What the turn used: as the prompt's answer says, else as was told in between."""
        told = usage_of(answer)
        return told if told != Usage() else self._counted

    def _events(self, update: Mapping[str, Any]) -> Iterator[Event]:
        match update.get("sessionUpdate"):
            case "agent_message_chunk" | "agent_thought_chunk" as kind:
                yield from self._chunk(kind, update)
            case "tool_call" | "tool_call_update":
                yield from self._tool(update)
            case "plan":
                yield from _plan(update)
            case "usage_update":
                yield from self._context(update)
            case "current_mode_update":
                if (mode := _text(update.get("currentModeId"))) is not None:
                    yield from self.change("mode", mode)
            case "config_option_update":
                yield from self.changes(update)
            case "session_info_update":
                if (retry := self.faults.retry(update)) is not None:
                    yield retry
                yield from self._title(update)
            case "notice" | "compaction_update" as kind:
                yield Note(kind=kind.removesuffix("_update"), text=_note_text(update))
            case str(kind) if kind in _DULL:
                return
            case _:
                yield Unknown(raw=update)

    def _chunk(self, kind: str, update: Mapping[str, Any]) -> Iterator[Event]:
        self._count(update)
        content = update.get("content")
        text = text_of(content)
        if text is None:
            yield Unknown(raw=update)
        elif not text:
            return
        elif kind == "agent_thought_chunk":
            yield Thought(text=text, message_id=_text(update.get("messageId")))
        elif (level := _notice_level(update)) is not None:
            yield Note(kind=level, text=text)
        elif not self.faults.takes(update, text):
            yield Text(text=text, message_id=_text(update.get("messageId")))

    def _tool(self, update: Mapping[str, Any]) -> Iterator[Event]:
        if _text(update.get("toolCallId")) is None:
            yield Unknown(raw=update)
            return
        patch = self._tools.patch(update)
        if patch is not None:
            yield patch

    def _context(self, update: Mapping[str, Any]) -> Iterator[Event]:
        used, size = count(update.get("used")), count(update.get("size"))
        cost = _cost(update.get("cost"))
        if cost is not None:
            if cost >= self.spent_before:
                cost -= self.spent_before
            self.cost_microusd = cost
        if (used, size, cost) != (None, None, None):
            yield Context(used=used, size=size, cost_microusd=cost)

    def _title(self, update: Mapping[str, Any]) -> Iterator[Event]:
        title = _text(update.get("title"))
        if title and self._settings.get("title") != title:
            self._settings["title"] = title
            yield Changed(key="title", value=title)

    def _count(self, update: Mapping[str, Any]) -> None:
        """Qwen tells what each model call used with an empty chunk, and nothing at the end."""
        meta = update.get("_meta")
        if isinstance(meta, dict) and isinstance(meta.get("usage"), dict):
            self._counted = _sum(self._counted, usage_of(meta))


def stop_of(reason: Any) -> Stop:
    """Our word for a `stopReason`; one that is not known is an end like any other."""
    return _STOPS.get(reason, Stop.DONE) if isinstance(reason, str) else Stop.DONE


def usage_of(answer: Any) -> Usage:
    """The usage in a prompt's answer: ACP's, else Gemini's."""
    if not isinstance(answer, dict):
        return Usage()
    if isinstance(usage := answer.get("usage"), dict):
        return Usage(
            input_tokens=count(usage.get("inputTokens")),
            output_tokens=count(usage.get("outputTokens")),
            cache_read_tokens=count(usage.get("cachedReadTokens")),
            cache_write_tokens=count(usage.get("cachedWriteTokens")),
        )
    match answer:
        case {"_meta": {"quota": {"token_count": {**counts}}}}:
            return Usage(
                input_tokens=count(counts.get("input_tokens")),
                output_tokens=count(counts.get("output_tokens")),
            )
    return Usage()


def options_of(params: Mapping[str, Any]) -> Iterator[Option]:
    """The answers that a permission request offers."""
    offered = params.get("options")
    for option in offered if isinstance(offered, list) else ():
        match option:
            case {"optionId": str(option_id)}:
                kind = _text(option.get("kind"))
                yield Option(
                    option_id=option_id,
                    kind=_OPTION_KINDS.get(kind) if kind else None,
                    name=_text(option.get("name")) or "",
                )


def failure_text(message: str, data: Any) -> str:
    """What an error answer says, for people: some agents put the reason into `data` only."""
    details = _text(data.get("details")) if isinstance(data, dict) else _text(data)
    return f"{message}: {details}" if details and details not in message else message


def failure_kind(data: Any) -> str | None:
    """The agent's word for the kind of an error."""
    kind = _text(data.get("errorKind")) if isinstance(data, dict) else None
    return kind if kind != "unknown" else None


def count(value: Any) -> int | None:
    """A number of tokens; None for what cannot be one."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return int(value) if 0 <= value <= MAX_COUNT else None  # neither of NaN and infinity is


def _plan(update: Mapping[str, Any]) -> Iterator[Event]:
    entries = update.get("entries")
    if not isinstance(entries, list):
        yield Unknown(raw=update)
        return
    yield Plan(
        entries=tuple(
            PlanEntry(
                content=entry["content"],
                status=_text(entry.get("status")) or "pending",
                priority=_text(entry.get("priority")),
            )
            for entry in entries
            if isinstance(entry, dict) and isinstance(entry.get("content"), str)
        )
    )


def _cost(value: Any) -> int | None:
    match value:
        case {"amount": int() | float() as amount, "currency": "USD"} if not isinstance(
            amount, bool
        ):
            try:
                return micro_usd(amount)
            except ValueError:
                return None
    return None


def _sum(one: Usage, other: Usage) -> Usage:
    def both(a: int | None, b: int | None) -> int | None:
        return a if b is None else b if a is None else min(a + b, MAX_COUNT)

    return Usage(
        input_tokens=both(one.input_tokens, other.input_tokens),
        output_tokens=both(one.output_tokens, other.output_tokens),
        cache_read_tokens=both(one.cache_read_tokens, other.cache_read_tokens),
        cache_write_tokens=both(one.cache_write_tokens, other.cache_write_tokens),
    )


def _notice_level(update: Mapping[str, Any]) -> str | None:
    """Claude's adapter puts notices of Claude Code among the pieces of the answer."""
    match update:
        case {"_meta": {"claudeCode": {"kind": "informational", **more}}}:
            return _text(more.get("level")) or "notice"
    return None


def _note_text(update: Mapping[str, Any]) -> str:
    for key in ("content", "message", "text", "title", "status"):
        if text := text_of(update.get(key)):
            return text
    return ""


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) else None
