"""What Claude Code writes down of a conversation, read as turns. Pure.

The lines of `projects/FOLDER/ID.jsonl` as 2.1.329 writes them, undocumented: what is not understood
is passed over. A prompt begins a turn, the next one ends it.
"""

from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from clawdforge.agents.claude.messages import SYNTHETIC, Messages, results
from clawdforge.agents.claude.values import cost, count, mapping, objects, text, tokens_of, usage
from clawdforge.core.events import Event, Note
from clawdforge.core.handover import Past, PastTurn
from clawdforge.core.session_records import TurnState
from clawdforge.core.usage import Usage, added

_INTERRUPTED = "[Request interrupted by user"
_NOT_SAID = ("<", _INTERRUPTED)
"""How texts begin that stand where prompts do, and are none: commands, their output."""
_ENDS = frozenset({"end_turn", "stop_sequence", "max_tokens", "refusal"})
_KILLED = "the agent ended in the middle of the turn; its outcome is unknown"


@dataclass(slots=True, kw_only=True)
class _Open:
    """A turn that is being read."""

    started_at: float
    prompt: str | None
    events: list[Event] = field(default_factory=list)
    usages: dict[str | None, Usage] = field(default_factory=dict)
    """By message: its lines repeat it."""
    model: str | None = None
    ended_at: float = 0.0
    duration_ms: int | None = None
    state: TurnState | None = None
    stop_reason: str | None = None
    error: str | None = None
    context_used: int | None = None
    total_microusd: int | None = None


class History:
    """Takes line by line, gives turns.

    Args:
        limit: How many turns are kept, the newest.
    """

    def __init__(self, limit: int) -> None:
        self._turns: deque[PastTurn] = deque(maxlen=limit)
        self._count = 0
        self._open: _Open | None = None
        self._messages = Messages()
        self._total: int | None = None

    def feed(self, line: Mapping[str, Any], begin: int) -> None:
        """One line, which begins at that offset."""
        if line.get("isSidechain") is True:
            return  # a subagent's
        match line.get("type"):
            case "user":
                self._user(line, begin)
            case "assistant":
                self._assistant(line)
            case "system":
                self._system(line)
            case "cost-state":
                self._cost(line)

    def past(self, end: int) -> Past:
        """All that was read, up to that offset."""
        self._conclude(end, last=True)
        return Past(
            turns=tuple(self._turns),
            skipped=self._count - len(self._turns),
            end=end,
            total_microusd=self._total,
        )

    def _user(self, line: Mapping[str, Any], begin: int) -> None:
        content = mapping(line.get("message")).get("content")
        said = _text_of(content)
        if _is_prompt(line, content, said):
            self._conclude(begin, last=False)
            by_person = line.get("isMeta") is not True and not said.startswith(_NOT_SAID)
            began = _seconds(line)
            self._open = _Open(started_at=began, ended_at=began, prompt=said if by_person else None)
            return
        turn = self._open
        if turn is None:
            return
        if said.startswith(_INTERRUPTED):
            turn.state, turn.stop_reason = TurnState.CANCELLED, "cancelled"
        told = {"message": line.get("message"), "tool_use_result": line.get("toolUseResult")}
        turn.events += results(told)
        turn.ended_at = max(turn.ended_at, _seconds(line))

    def _assistant(self, line: Mapping[str, Any]) -> None:
        turn = self._open
        if turn is None:
            return
        turn.ended_at = max(turn.ended_at, _seconds(line))
        message = mapping(line.get("message"))
        if line.get("isApiErrorMessage") is True:
            turn.state, turn.stop_reason = TurnState.FAILED, "error"
            turn.error = _text_of(message.get("content"))
            return
        if text(message.get("model")) not in {None, SYNTHETIC}:
            turn.model = text(message.get("model"))
            turn.usages[text(message.get("id"))] = usage(message.get("usage"))
            turn.context_used = tokens_of(message.get("usage"))
        if isinstance(message.get("content"), list):
            turn.events += self._messages.assistant({"message": message})
        reason = text(message.get("stop_reason"))
        if turn.state in {None, TurnState.FAILED, TurnState.DONE}:
            turn.state = TurnState.DONE if reason in _ENDS else None
            turn.stop_reason, turn.error = reason, None

    def _system(self, line: Mapping[str, Any]) -> None:
        turn = self._open
        if turn is None:
            return
        match line.get("subtype"):
            case "turn_duration":
                turn.duration_ms = count(line.get("durationMs"))
                turn.ended_at = max(turn.ended_at, _seconds(line))
                turn.state = turn.state or TurnState.DONE
            case "compact_boundary":
                turn.events.append(Note(kind="compacted"))

    def _cost(self, line: Mapping[str, Any]) -> None:
        self._total = cost(line.get("totalCostUSD"))
        if self._open is not None:
            self._open.total_microusd = self._total

    def _conclude(self, end: int, *, last: bool) -> None:
        turn, self._open = self._open, None
        if turn is None:
            return
        self._count += 1
        self._total = turn.total_microusd  # not that of turns before: more was spent since
        made = PastTurn(
            started_at=int(turn.started_at),
            ended_at=int(turn.ended_at),
            duration_ms=_millis(turn),
            model=turn.model,
            prompt=turn.prompt,
            events=tuple(turn.events),
            usage=_sum(turn.usages.values()),
            context_used=turn.context_used,
            end=end,
            total_microusd=turn.total_microusd,
        )
        self._turns.append(_ended(made, turn, last=last))


def _ended(made: PastTurn, turn: _Open, *, last: bool) -> PastTurn:
    """The turn with how it ended; one without an end was interrupted without a word."""
    if turn.state is None and last:
        return replace(made, state=TurnState.INTERRUPTED, stop_reason="interrupted", error=_KILLED)
    state = turn.state or TurnState.CANCELLED
    reason = turn.stop_reason if turn.state is not None else "cancelled"
    return replace(made, state=state, stop_reason=reason or "end_turn", error=turn.error)


def _is_prompt(line: Mapping[str, Any], content: object, said: str) -> bool:
    if line.get("isCompactSummary") is True or not said:
        return False
    if any(block.get("type") == "tool_result" for block in objects(content)):
        return False
    if line.get("promptSource") is not None:
        return True
    return line.get("isMeta") is not True and not said.startswith(_NOT_SAID)


def _text_of(content: object) -> str:
    if isinstance(content, str):
        return content
    return "\n".join(words for block in objects(content) if (words := text(block.get("text"))))


def _sum(usages: Iterable[Usage]) -> Usage:
    total = Usage()
    for one in usages:
        total = added(total, one)
    return total


def _millis(turn: _Open) -> int:
    if turn.duration_ms is not None:
        return turn.duration_ms
    return max(0, round((turn.ended_at - turn.started_at) * 1000))


def _seconds(line: Mapping[str, Any]) -> float:
    """The line's time; 0 where it has none."""
    try:
        told = datetime.fromisoformat(text(line.get("timestamp")) or "")
        return max(0.0, (told if told.tzinfo else told.replace(tzinfo=UTC)).timestamp())
    except (ValueError, OverflowError):
        return 0.0
