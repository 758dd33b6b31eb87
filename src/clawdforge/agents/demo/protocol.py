"""The demo agent's lines: to events, from prompts. Pure."""

import json
from collections.abc import Mapping
from typing import Any

from clawdforge.core.events import Event, Ready, Stop, Text, TurnEnded, Unknown
from clawdforge.core.usage import Usage

VERSION = "1"


def prompt_line(text: str) -> bytes:
    """The line that hands in a prompt."""
    return json.dumps({"text": text}).encode() + b"\n"


class Decoder:
    """Reads one process's output. Lines that are not JSON objects are counted and skipped."""

    def __init__(self) -> None:
        self.skipped = 0
        self._turn_id: str | None = None

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
        try:
            value = json.loads(line)
        except (ValueError, RecursionError):
            value = None
        if not isinstance(value, dict):
            self.skipped += bool(line.strip())
            return []
        return [self._event(value)]

    def _event(self, value: dict[str, Any]) -> Event:
        match value:
            case {"type": "ready"}:
                return Ready(version=VERSION)
            case {"type": "text", "text": str(text)}:
                return Text(text=text)
            case {"type": "result", "text": str(text)} if self._turn_id is not None:
                return self._ended(Stop.DONE, text, value)
            case {"type": "error", "message": str(text)} if self._turn_id is not None:
                return self._ended(Stop.FAILED, text, value)
        return Unknown(raw=value)

    def _ended(self, stop: Stop, text: str, value: Mapping[str, Any]) -> TurnEnded:
        turn_id, self._turn_id = self._turn_id, None
        reason = value.get("stop_reason")
        words = value.get("usage", {}).get("output_tokens")
        return TurnEnded(
            turn_id=turn_id,
            stop=stop,
            reason=reason if isinstance(reason, str) else None,
            text=text,
            usage=Usage(input_tokens=self._input_tokens, output_tokens=words, cost_microusd=0),
        )
