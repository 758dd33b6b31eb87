"""Claude Code's stream-json: lines to events, prompts to lines. Pure.

Measured with 2.1.316 to 2.1.329. A turn ends with a `result` line; whether it worked is in its
`is_error`, never in `subtype`: failed model calls come as `subtype: success`. Prompts and
system prompts go over stdin, so that they show in no process list.
"""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from clawdforge.core.events import Event, Ready, Retry, Stop, Text, TurnEnded, TurnStarted, Unknown
from clawdforge.core.money import micro_usd
from clawdforge.core.names import Effort, SystemMode
from clawdforge.core.usage import Usage
from clawdforge.wire.framing import json_object

INITIALIZE_ID = "initialize"
MAX_COUNT = 2**53
"""A larger count is a mistake, and more than the ledger takes."""

_STOPS = {
    "max_tokens": Stop.MAX_TOKENS,
    "refusal": Stop.REFUSED,
    "error_max_turns": Stop.MAX_TURNS,
}


def arguments(*, model: str | None, effort: Effort | None) -> list[str]:
    """The flags of a conversation that is not kept. Values must have been checked."""
    flags = ["-p", "--verbose", "--input-format", "stream-json", "--output-format", "stream-json"]
    flags += ["--no-session-persistence", "--setting-sources", "user"]
    if model is not None:
        flags += ["--model", model]
    if effort is not None:
        flags += ["--effort", effort]
    return flags


def initialize(system: str | None, mode: SystemMode) -> bytes:
    """The first line: the handshake, which also carries the system prompt."""
    request: dict[str, Any] = {"subtype": "initialize"}
    if system is not None:
        request["systemPrompt" if mode == "replace" else "appendSystemPrompt"] = system
    return _line({"type": "control_request", "request_id": INITIALIZE_ID, "request": request})


def user_message(turn_id: str, text: str) -> bytes:
    """The line that hands in a prompt. `turn_id` is a UUID; Claude Code names the turn by it."""
    message = {"role": "user", "content": text}
    return _line({"type": "user", "message": message, "uuid": turn_id, "parent_tool_use_id": None})


def _line(value: Mapping[str, Any]) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode() + b"\n"


class Decoder:
    """Reads one process's output. Lines that are not JSON objects are counted and skipped."""

    def __init__(self) -> None:
        self.skipped = 0
        self._prompts: list[str] = []

    def expect(self, turn_id: str) -> None:
        """A prompt was handed in: the next result that is not the agent's own ends it."""
        self._prompts.append(turn_id)

    def lost(self) -> list[TurnEnded]:
        """The process ended: how the turns end that were still open."""
        open_turns, self._prompts = self._prompts, []
        return [TurnEnded(turn_id=turn_id, stop=Stop.LOST) for turn_id in open_turns]

    @property
    def has_open_turn(self) -> bool:
        """Whether a prompt waits for its result."""
        return bool(self._prompts)

    def feed(self, line: bytes) -> list[Event]:
        """The events of one line."""
        value = json_object(line)
        if value is None:
            self.skipped += bool(line.strip())
            return []
        return list(self._events(value))

    def _events(self, value: dict[str, Any]) -> Iterator[Event]:
        match value:
            case {"type": "result"}:
                yield self._turn_ended(value)
            case {"type": "assistant", "message": {"content": [*blocks], **message}}:
                yield from _texts(blocks, message.get("id"))
            case {"type": "system", "subtype": "init"}:
                turn_id = self._prompts[0] if self._prompts else None
                yield TurnStarted(turn_id=turn_id, model=_text(value.get("model")))
            case {"type": "system", "subtype": "api_retry"}:
                yield _retry(value)
            case {"type": "control_response", "response": {"request_id": "initialize", **answer}}:
                yield Ready(version=_version(answer.get("response")))
            case _:
                yield Unknown(raw=value)

    def _turn_ended(self, value: dict[str, Any]) -> TurnEnded:
        # A turn that the agent started by itself, after background work, has an origin.
        ours = not isinstance(value.get("origin"), dict) and self._prompts
        text = _text(value.get("result"))
        reason = _text(value.get("stop_reason"))
        return TurnEnded(
            turn_id=self._prompts.pop(0) if ours else None,
            stop=_stop(value, reason),
            reason=reason,
            text=text if text is not None else _errors(value),
            usage=_usage(value),
        )


def _stop(value: Mapping[str, Any], reason: str | None) -> Stop:
    subtype = value.get("subtype")
    for word in (subtype, reason):
        if isinstance(word, str) and word in _STOPS:
            return _STOPS[word]
    if value.get("is_error") or subtype != "success":
        return Stop.FAILED
    return Stop.DONE


def _errors(value: Mapping[str, Any]) -> str | None:
    """What a result without an answer says about its failure."""
    errors = value.get("errors")
    if isinstance(errors, list) and errors:
        return "; ".join(str(error) for error in errors)
    return _text(value.get("terminal_reason")) or _text(value.get("subtype"))


def _usage(value: Mapping[str, Any]) -> Usage:
    usage = value.get("usage")
    counts = usage if isinstance(usage, dict) else {}
    return Usage(
        input_tokens=_count(counts.get("input_tokens")),
        output_tokens=_count(counts.get("output_tokens")),
        cache_read_tokens=_count(counts.get("cache_read_input_tokens")),
        cache_write_tokens=_count(counts.get("cache_creation_input_tokens")),
        cost_microusd=_cost(value.get("total_cost_usd")),
    )


def _texts(blocks: list[Any], message_id: Any) -> Iterator[Text]:
    for block in blocks:
        match block:
            case {"type": "text", "text": str(text)}:
                yield Text(text=text, message_id=_text(message_id))


def _retry(value: Mapping[str, Any]) -> Retry:
    return Retry(
        attempt=_count(value.get("attempt")) or 0,
        max_attempts=_count(value.get("max_retries")),
        delay_ms=_count(value.get("retry_delay_ms")),
        status=_count(value.get("error_status")),
    )


def _version(answer: object) -> str | None:
    return _text(answer.get("claude_code_version")) if isinstance(answer, dict) else None


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) else None


def _count(value: Any) -> int | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return int(value) if 0 <= value <= MAX_COUNT else None  # neither of NaN and infinity is


def _cost(value: Any) -> int | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        return micro_usd(value)
    except ValueError:
        return None
