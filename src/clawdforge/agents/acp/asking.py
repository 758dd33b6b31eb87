"""Permission requests of an ACP agent that wait for their answer. Pure."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from clawdforge.agents.driver import Decision
from clawdforge.core.events import Ask, Option
from clawdforge.wire import jsonrpc
from clawdforge.wire.jsonrpc import Id


@dataclass(frozen=True, slots=True, kw_only=True)
class _Asked:
    number: Id
    ask: Ask


class Asking:
    """The questions of one agent, by our name and by its number."""

    def __init__(self) -> None:
        self._asked: dict[str, _Asked] = {}
        self._count = 0

    def new_id(self) -> str:
        """A name for the next question."""
        self._count += 1
        return f"ask-{self._count}"

    def add(self, number: Id, ask: Ask) -> None:
        """The agent waits for the answer to its request of that number."""
        self._asked[ask.ask_id] = _Asked(number=number, ask=ask)

    def answer(self, ask_id: str, decision: Decision) -> bytes:
        """The line that answers; empty when nobody waits for it.

        ACP has no way to allow something else than what was asked: that is refused.
        """
        asked = self._asked.pop(ask_id, None)
        if asked is None:
            return b""
        return reply(asked.number, _chosen(asked.ask, decision))

    def withdraw(self, *, number: object = None) -> Iterator[tuple[str, bytes]]:
        """Take back the question of that number, or all: their names, and what to answer."""
        for ask_id, asked in list(self._asked.items()):
            if number is None or asked.number == number:
                del self._asked[ask_id]
                yield ask_id, reply(asked.number, None)


def reply(number: Id, option: Option | None) -> bytes:
    """The line that answers a request with an option; None: with a refusal of its own kind."""
    outcome = (
        {"outcome": "selected", "optionId": option.option_id}
        if option is not None
        else {"outcome": "cancelled"}
    )
    result: dict[str, Any] = {"outcome": outcome}
    return jsonrpc.answer(number, result)


def refusing(ask: Ask) -> Option | None:
    """The option that refuses; None when none does."""
    return _of_kind(ask, "reject_once") or _of_kind(ask, "reject_always")


def _chosen(ask: Ask, decision: Decision) -> Option | None:
    """The option that a decision means: the one it names, if it means the same; else by kind."""
    allow = decision.allow and (decision.args is None or decision.args == ask.args)
    kinds = {"allow_once", "allow_always"} if allow else {"reject_once", "reject_always"}
    for option in ask.options:
        if option.option_id == decision.option_id and option.kind in kinds:
            return option
    # Never `allow_always` unasked: agents write that down, for good.
    return _of_kind(ask, "allow_once") if allow else refusing(ask)


def _of_kind(ask: Ask, kind: str) -> Option | None:
    return next((option for option in ask.options if option.kind == kind), None)
