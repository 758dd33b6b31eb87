"""The line `result`, with which a turn ends: how it ended, what it used, what it cost. Pure."""

from collections.abc import Iterator, Mapping
from typing import Any

from clawdforge.agents.claude.messages import Messages
from clawdforge.agents.claude.values import cost, count, dollars, mapping, text, usage
from clawdforge.core.events import Context, Stop, TurnEnded

CANNOT_RESUME = "cannot_resume"
"""`TurnEnded.reason` when Claude Code does not know the conversation that is to go on."""

_STOPS = {
    "max_tokens": Stop.MAX_TOKENS,
    "refusal": Stop.REFUSED,
    "error_max_turns": Stop.MAX_TURNS,
}
_SINCE = "model_usage_since_last_result"


class Meter:
    """Adds up what the process has cost.

    `total_cost_usd` is the conversation's: it goes on after `--resume`, and begins anew after
    `/clear` (2.1.329). What came since the last result is told beside it, and is added up here.
    """

    def __init__(self) -> None:
        self._dollars = 0.0

    def total(self, value: Mapping[str, Any]) -> int | None:
        """The cost up to this result, in micro-dollars."""
        since = value.get(_SINCE)
        if not isinstance(since, dict):
            return cost(value.get("total_cost_usd"))
        self._dollars += sum(dollars(mapping(each).get("costUSD")) for each in since.values())
        return cost(self._dollars)


def ended(
    value: Mapping[str, Any],
    turn_id: str | None,
    *,
    cancelled: bool = False,
    total_cost: int | None = None,
) -> TurnEnded:
    """The end of a turn.

    Args:
        value: The line.
        turn_id: Whose turn it was; None: Claude Code's own.
        cancelled: We had cancelled it.
        total_cost: What the process has cost; None: it is the only turn, and its cost its own.
    """
    reason, answer = text(value.get("stop_reason")), text(value.get("result"))
    own_cost = cost(value.get("total_cost_usd")) if total_cost is None else None
    stop = Stop.CANCELLED if cancelled else _stop(value, reason)
    if answer is None and stop not in {Stop.CANCELLED, Stop.DONE}:
        answer = _errors(value)
    return TurnEnded(
        turn_id=turn_id,
        stop=stop,
        reason=reason,
        text=answer,
        usage=usage(value.get("usage"), cost_microusd=own_cost),
        total_cost_microusd=total_cost,
    )


def context_of(
    value: Mapping[str, Any], messages: Messages, total_cost: int | None
) -> Iterator[Context]:
    """How full the context is, as far as the result and the messages before it tell."""
    models = mapping(value.get("modelUsage"))
    told: object = models.get(messages.model or "") or next(iter(models.values()), None)
    size = count(mapping(told).get("contextWindow"))
    if messages.context_used is not None or size is not None:
        yield Context(used=messages.context_used, size=size, cost_microusd=total_cost)


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
    return text(value.get("terminal_reason")) or text(value.get("subtype"))
