"""A turn: what the agent says in it becomes facts, and its end an outcome. Pure.

Pieces of text are held back until something else comes, or `flush` is called: a fact costs a row
in the ledger, a token should not.
"""

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from clawdforge.core.events import (
    Background,
    Changed,
    Context,
    Event,
    Note,
    Plan,
    Retry,
    Stop,
    Text,
    Thought,
    ToolCall,
    TurnEnded,
    Unknown,
)
from clawdforge.core.session_effects import Fact, TurnOutcome
from clawdforge.core.session_inputs import TurnRequest
from clawdforge.core.session_records import TurnEnd, TurnState
from clawdforge.core.usage import Usage

MAX_HELD_CHARS = 8192
MAX_ERROR_CHARS = 500
MAX_REASON_CHARS = 100
SESSION_LOST = "session_lost"
"""`TurnEnded.reason` of a driver whose agent has lost the conversation, but wrote it down."""
CANNOT_RESUME = "cannot_resume"
"""`TurnEnded.reason` of a driver whose agent does not know the conversation any more."""

_NO_REASON = "the turn failed, and the agent gave no reason"
_FOLDED = frozenset(("text", "thinking", "tool_call"))
_REASONS = {
    Stop.MAX_TOKENS: "max_tokens",
    Stop.MAX_TURNS: "max_turn_requests",
    Stop.REFUSED: "refusal",
    Stop.CANCELLED: "cancelled",
    Stop.FAILED: "error",
    Stop.LOST: "error",
}
_STATES = {Stop.CANCELLED: TurnState.CANCELLED, Stop.FAILED: TurnState.FAILED}
_ENDINGS = {
    TurnState.TIMEOUT: "timeout",
    TurnState.CANCELLED: "cancelled",
    TurnState.INTERRUPTED: "interrupted",
}


@dataclass(slots=True, kw_only=True)
class OpenTurn:
    """The turn that runs."""

    turn: int
    turn_id: str | None
    """The driver's name for it; None: the agent began it by itself."""
    request: TurnRequest | None
    began: float
    """Monotonic seconds."""
    ending: TurnState | None = None
    """We are ending it, and so it will be called, whatever the agent says."""
    error: str | None = None
    """Why, for people."""
    lost: TurnEnded | None = None
    """Its process ended; how is told next."""
    resend: bool = False
    """Its prompt is to be handed to a new process."""
    bodies: list[Mapping[str, Any]] = field(default_factory=list, repr=False)
    """What the reply is folded from."""
    _held: list[str] = field(default_factory=list, repr=False)
    _held_as: tuple[str, str | None] = ("text", None)
    _held_chars: int = 0
    _tried_again: bool = False
    """Since the last tool call a model call was repeated: what was said may be doubled."""

    @property
    def holds(self) -> bool:
        """Whether text is held back."""
        return bool(self._held)

    @property
    def by_agent(self) -> bool:
        """Whether the agent began it by itself."""
        return self.request is None

    def fact(self, kind: str, body: Mapping[str, Any]) -> Fact:
        """A fact of this turn."""
        if kind in _FOLDED:
            self.bodies.append({"type": kind, **body})
        return Fact(type=kind, body=body, turn=self.turn)

    def feed(self, event: Event) -> Iterator[Fact]:
        """The facts of an event; text may be held back."""
        if isinstance(event, Text | Thought):
            yield from self._hold(event)
            return
        if isinstance(event, Retry | ToolCall):
            self._tried_again = isinstance(event, Retry)
        found = fact_of(event)
        if found is not None:
            yield from self.flush()
            yield self.fact(*found)

    def flush(self) -> Iterator[Fact]:
        """What was held back."""
        if self._held:
            kind, message_id = self._held_as
            text = "".join(self._held)
            self._held.clear()
            self._held_chars = 0
            name = {"message_id": message_id} if message_id else {}
            yield self.fact(kind, {"text": text, **name})

    def _hold(self, event: Text | Thought) -> Iterator[Fact]:
        if not event.text:
            return
        this = ("text" if isinstance(event, Text) else "thinking", event.message_id)
        if self._held and this != self._held_as:
            yield from self.flush()
        self._held_as = this
        self._held.append(event.text)
        self._held_chars += len(event.text)
        if self._held_chars >= MAX_HELD_CHARS:
            yield from self.flush()

    def final_text(self, text: str | None) -> Iterator[Fact]:
        """The whole answer as the agent gives it at the end, where the pieces are not that.

        Pieces may be missing (the agent did not stream), or doubled (it streamed again after a
        broken connection): then what follows the last tool call is replaced.
        """
        yield from self.flush()
        if not text:
            return
        said = ""
        for body in reversed(self.bodies):
            if body["type"] == "tool_call":
                break
            if body["type"] == "text":
                said = body["text"] + said
        if not said:
            yield self.fact("text", {"text": text})
        elif said != text and (self._tried_again or not said.endswith(text)):
            yield self.fact("text", {"text": text, "replaces": True})

    def outcome(self, event: TurnEnded | None, *, usage: Usage, mono: float) -> TurnOutcome:
        """What came of it: as we wanted it to end, else as the agent says."""
        stop = event.stop if event is not None else Stop.LOST
        if self.ending is not None:
            state, reason = self.ending, _ENDINGS.get(self.ending, "error")
            error = self.error
        else:
            state = _STATES.get(stop, TurnState.FAILED if stop is Stop.LOST else TurnState.DONE)
            reason = _REASONS.get(stop) or (event.reason if event else None) or "end_turn"
            error = self.error or (event.text if event is not None else None)
        failed = state not in {TurnState.DONE, TurnState.CANCELLED}
        return TurnOutcome(
            turn=self.turn,
            state=state,
            stop_reason=reason[:MAX_REASON_CHARS],
            duration_ms=max(0, round((mono - self.began) * 1000)),
            error=(error or _NO_REASON)[:MAX_ERROR_CHARS] if failed else None,
            usage=usage,
            bodies=tuple(self.bodies),
        )


def fact_of(event: Event) -> tuple[str, Mapping[str, Any]] | None:
    """Type and body of what an event says; None for those that say nothing to others."""
    match event:
        case ToolCall():
            return "tool_call", {k: v for k, v in asdict(event).items() if v is not None}
        case Plan(entries=entries):
            return "plan", {"entries": [asdict(entry) for entry in entries]}
        case Context(used=used, size=size):
            return "usage", {"context_used": used, "context_size": size}
        case Retry():
            return "retry", asdict(event)
        case Background(tasks=tasks):
            return "background", {"tasks": list(tasks)}
        case Changed(key=key, value=value):
            return "setting_changed", {"key": key, "value": value}
        case Note(kind=kind, text=text):
            return "note", {"kind": kind, "text": text}
        case Unknown(raw=raw):
            return "unknown", {"raw": raw}
    return None


def ended_body(end: TurnEnd) -> Mapping[str, Any]:
    """What is told of a turn's end."""
    return {
        "state": end.state.value,
        "stop_reason": end.stop_reason,
        "error": end.error,
        "duration_ms": end.duration_ms,
        "usage": asdict(end.usage),
    }
