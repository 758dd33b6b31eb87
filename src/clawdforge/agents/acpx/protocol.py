"""What acpx prints, as events. Pure.

Measured with acpx 0.19.1: `--format json` is the raw ACP traffic of both directions, with ids
that collide, and nothing that says who speaks. A turn ends with the answer to `session/prompt`:
lines come after it, and the exit code says little (0 also for a cancelled turn, 5 for any denied
permission). The code counts only where there was no answer.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from clawdforge.agents.acpx.script import join_id
from clawdforge.core.events import (
    Event,
    Ready,
    Stop,
    Text,
    ToolCall,
    TurnEnded,
    TurnStarted,
    Unknown,
)
from clawdforge.wire.acp import Updates, failure_kind, failure_text, stop_of
from clawdforge.wire.framing import json_object
from clawdforge.wire.jsonrpc import Answer, Failure, Id, Notification, Request, message_of

CANNOT_RESUME = "cannot_resume"
"""The reason by which the core knows that a conversation is not there any more."""
NO_SESSION = 4
TIMED_OUT = 3
SIGNALLED = 128
"""Exit codes above this tell a signal: a shell's, or 130 for an interrupt."""

_UNKNOWN = "the agent does not know this conversation any more"
_ASKED_BY_AGENT = ("session/request_permission", "fs/", "terminal/", "elicitation/")


class Decoder:
    """Reads what the calls of one conversation print."""

    def __init__(self) -> None:
        self.skipped = 0
        self.record: str | None = None
        """acpx's name of the session, once it is known."""
        self.broken = False
        """The conversation cannot go on as it was: its process is to be ended."""
        self._name = ""
        self._version: str | None = None
        self._open: str | None = None
        self._cancelled = False
        self._proven = False
        self._prompt: Id | None = None
        self._asked: set[Id] = set()
        self._said: list[str] = []
        self._error: Failure | None = None
        self._updates = Updates()

    def begin(
        self,
        name: str,
        record: str | None,
        *,
        resumed: bool,
        version: str | None = None,
        spent_microusd: int = 0,
    ) -> None:
        """A conversation begins, or goes on: then acpx must not make it anew."""
        self._name, self.record, self._proven = name, record, resumed
        self._version = version
        self._updates.spent_before = spent_microusd if resumed else 0

    def expect(self, turn_id: str) -> None:
        """A prompt is handed in."""
        self._open, self._cancelled, self._prompt = turn_id, False, None

    def cancel(self, turn_id: str) -> bool:
        """The turn is to be cancelled; whether it is open."""
        if self._open != turn_id:
            return False
        self._cancelled = True
        return True

    @property
    def has_open_turn(self) -> bool:
        """Whether a prompt waits for its end."""
        return self._open is not None

    def lost(self) -> list[TurnEnded]:
        """The process ended: how the turn ends that was still open."""
        return list(self._end(Stop.LOST))

    def feed(self, line: bytes) -> list[Event]:
        """The events of one line."""
        value = json_object(line)
        if value is None:
            self.skipped += bool(line.strip())
            return []
        return list(self._events(value))

    def _events(self, value: dict[str, Any]) -> Iterator[Event]:
        match value:
            case {"clawdforge": str(call), "id": str(number), "exit": int(code)}:
                yield from self._call_ended(call, number, code)
                return
            case {"action": "session_ensured", "acpxRecordId": str(record)}:
                self.record = record
                return
            case {"action": str()}:
                return
        match message_of(value):
            case Notification() as told:
                yield from self._told(told, value)
            case Request() as asked:
                yield from self._requested(asked)
            case Answer() as answer:
                yield from self._answered(answer)
            case Failure() as failure:
                yield from self._failed(failure)
            case None:
                yield Unknown(raw=value)

    # What the agent says

    def _told(self, told: Notification, raw: Mapping[str, Any]) -> Iterator[Event]:
        if told.method == "session/update":
            update = told.params.get("update")
            # Older acpx documents the update directly in `params`.
            for event in self._updates.feed(update if isinstance(update, dict) else told.params):
                self._remember(event)
                yield event
        elif told.method != "session/cancel" and not told.method.startswith(("_", "$/")):
            yield Unknown(raw=raw)

    def _remember(self, event: Event) -> None:
        """ACP has no final answer: it is what was said after the last tool call."""
        if isinstance(event, Text):
            self._said.append(event.text)
        elif isinstance(event, ToolCall):
            self._said.clear()

    def _requested(self, asked: Request) -> Iterator[Event]:
        """A request of either side: who makes it can only be told by its name."""
        if asked.method == "session/prompt":
            self._prompt = asked.id
            self._asked.clear()
            self._said.clear()
            self._updates.begin_turn()
            if self._open is not None:
                yield TurnStarted(turn_id=self._open)
        elif asked.method == "session/new" and self._proven:
            # acpx falls back on a new conversation without a word; nobody asked for that.
            self.broken = True
            yield from self._end(Stop.FAILED, reason=CANNOT_RESUME, text=_UNKNOWN)
        elif asked.method.startswith(_ASKED_BY_AGENT):
            self._asked.add(asked.id)
            if asked.method == "session/request_permission":
                told = self._updates.asked(str(asked.id), asked.params)
                yield from (event for event in told if isinstance(event, ToolCall))

    # How turns end

    def _answered(self, answer: Answer) -> Iterator[Event]:
        match answer.result:
            case {"stopReason": str(reason)} if answer.id == self._prompt:
                self._proven = True
                yield from self._end(stop_of(reason), reason=reason, answer=answer.result)
            case _ if answer.id in self._asked:
                self._asked.discard(answer.id)
            case _:
                self._updates.adopt(answer.result)

    def _failed(self, failure: Failure) -> Iterator[Event]:
        if failure.id is None:
            self._error = failure
        elif failure.id in self._asked:
            self._asked.discard(failure.id)
        elif failure.id == self._prompt:
            text = failure_text(failure.message, failure.data)
            yield from self._end(Stop.FAILED, reason=failure_kind(failure.data), text=text)

    def _call_ended(self, call: str, number: str, code: int) -> Iterator[Event]:
        if call == "prompt":
            if number == self._open:
                yield from self._ended_without_answer(code)
        elif code == 0:
            known_as = join_id(self._name, self.record)
            yield Ready(version=self._version, agent_session_id=known_as)
        else:
            yield from self._end(Stop.FAILED, text=self._reason_of(code))
        self._error = None

    def _ended_without_answer(self, code: int) -> Iterator[Event]:
        if code > SIGNALLED or _is_unknown(self._error):
            self.broken = True
            yield from self._end(Stop.LOST, text=self._reason_of(code))
        elif code == NO_SESSION:
            yield from self._end(Stop.FAILED, reason=CANNOT_RESUME, text=_UNKNOWN)
        elif code == TIMED_OUT:
            yield from self._end(Stop.FAILED, reason="timeout", text=self._reason_of(code))
        else:
            yield from self._end(Stop.FAILED, text=self._reason_of(code))

    def _reason_of(self, code: int) -> str:
        if self._error is not None:
            return failure_text(self._error.message, self._error.data)
        return f"acpx ended without an answer (exit {code})"

    def _end(
        self, stop: Stop, *, reason: str | None = None, text: str | None = None, answer: Any = None
    ) -> Iterator[TurnEnded]:
        """The end of the open turn, if there is one."""
        turn_id, self._open, self._prompt = self._open, None, None
        if turn_id is None:
            return
        if self._cancelled and stop is not Stop.LOST:
            stop = Stop.CANCELLED
        yield TurnEnded(
            turn_id=turn_id,
            stop=stop,
            reason=reason,
            text="".join(self._said) if text is None and stop is not Stop.LOST else text,
            usage=self._updates.usage(answer),
            total_cost_microusd=self._updates.cost_microusd,
        )


def _is_unknown(error: Failure | None) -> bool:
    """Whether acpx lost the agent, or its own owner of the session: the turn may go on there."""
    match error.data if error is not None else None:
        case {"origin": "queue"} | {"detailCode": "AGENT_DISCONNECTED"}:
            return True
    return False
