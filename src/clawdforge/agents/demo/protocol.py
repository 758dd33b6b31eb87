"""The demo agent's lines: to events, from prompts. Pure."""

import json
from collections.abc import Mapping
from typing import Any

from clawdforge.core.events import Event, Ready, Stop, Text, TurnEnded, Unknown
from clawdforge.core.usage import Usage
from clawdforge.wire.framing import json_object

VERSION = "1"
MAX_COUNT = 2**53
"""A larger count is a mistake, and more than the ledger takes."""


def prompt_line(text: str, *, model: str | None = None, system: str | None = None) -> bytes:
    """The line that hands in a prompt."""
    message = {"type": "prompt", "text": text, "model": model, "system": system}
    return json.dumps(message).encode() + b"\n"


class Decoder:
    """Reads one process's output. Lines that are not JSON objects are counted and skipped."""

    def __init__(self) -> None:
        self.skipped = 0
        self._turn_id: str | None = None
        self._input_tokens = 0

    def expect(self, turn_id: str, text: str) -> None:
        """A prompt was handed in: the next result ends it."""
        self._turn_id = turn_id
        self._input_tokens = len(text.split())

    @property
    def has_open_turn(self) -> bool:
        """Whether a prompt waits for its result."""
        return self._turn_id is not None

    def lost(self) -> list[TurnEnded]:
        """The process ended: how the turn ends that was still open."""
        turn_id, self._turn_id = self._turn_id, None
        return [TurnEnded(turn_id=turn_id, stop=Stop.LOST)] if turn_id is not None else []

    def feed(self, line: bytes) -> list[Event]:
        """The events of one line."""
        value = json_object(line)
        if value is None:
            self.skipped += bool(line.strip())
            return []
        return [self._event(value)]

    def _event(self, value: dict[str, Any]) -> Event:
        match value:
            case {"type": "ready", "version": str(version)}:
                return Ready(version=version)
            case {"type": "text", "text": str(text)}:
                return Text(text=text)
            case {"type": "result", "text": str(text)} if self._turn_id is not None:
                return self._ended(Stop.DONE, _text(value.get("stop_reason")), text, value)
            case {"type": "error", "message": str(text)} if self._turn_id is not None:
                return self._ended(Stop.FAILED, "error", text, value)
        return Unknown(raw=value)

    def _ended(
        self, stop: Stop, reason: str | None, text: str, value: Mapping[str, Any]
    ) -> TurnEnded:
        turn_id, self._turn_id = self._turn_id, None
        usage = Usage(
            input_tokens=self._input_tokens,
            output_tokens=_output_tokens(value.get("usage")),
            cost_microusd=0,
        )
        return TurnEnded(turn_id=turn_id, stop=stop, reason=reason, text=text, usage=usage)


def _output_tokens(usage: Any) -> int | None:
    match usage:
        case {"output_tokens": int(count)} if 0 <= count <= MAX_COUNT:
            return count
    return None


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) else None
