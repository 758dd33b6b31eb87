"""The turns of a conversation with an ACP agent: those it is asked for, and its own. Pure."""

from dataclasses import dataclass
from typing import Any

from clawdforge.agents.acp.asking import Asking, refusing, reply
from clawdforge.agents.acp.calls import Calls
from clawdforge.agents.acp.opening import Opened
from clawdforge.agents.driver import Decision
from clawdforge.core.events import (
    Ask,
    AskWithdrawn,
    Event,
    Plan,
    Retry,
    Stop,
    Text,
    Thought,
    ToolCall,
    TurnEnded,
    TurnStarted,
)
from clawdforge.wire import jsonrpc
from clawdforge.wire.acp import UNKNOWN_SESSION, Updates, failure_kind, failure_text, stop_of
from clawdforge.wire.jsonrpc import Answer, Failure, Request

_WORK = (Text, Thought, ToolCall, Plan, Ask)
"""Events that only a turn has."""


@dataclass(slots=True, kw_only=True)
class _Turn:
    turn_id: str
    text: str
    sent: bool = False
    cancelled: bool = False


class Turns:
    """What is asked of the agent, what it answers, and what it does by itself.

    Args:
        calls: Where lines to the agent go.
    """

    def __init__(self, calls: Calls) -> None:
        self.updates = Updates()
        self.events: list[Event] = []
        """What happened; whoever takes it empties it."""
        self.session_lost = False
        """The agent has said that it does not know the session any more."""
        self._calls = calls
        self._asking = Asking()
        self._turn: _Turn | None = None
        self._by_itself = False
        self._retries = 0

    @property
    def is_open(self) -> bool:
        """Whether a prompt waits for its end."""
        return self._turn is not None

    # What is asked of the agent

    def expect(self, turn_id: str, text: str) -> None:
        """A prompt, which is sent by `begin`."""
        self._turn = _Turn(turn_id=turn_id, text=text)

    def begin(self, opened: Opened, blocks: list[dict[str, Any]] | None) -> None:
        """Send the prompt, if there is one: as `blocks`, or its text alone."""
        turn = self._turn
        if turn is None:
            return
        if self._by_itself:
            self._end_own()
        self.updates.begin_turn()
        self._retries = 0
        turn.sent = True
        self.events.append(TurnStarted(turn_id=turn.turn_id))
        prompt = blocks or [{"type": "text", "text": turn.text}]
        params = {"sessionId": opened.session_id, "prompt": prompt}
        self._calls.call("session/prompt", params, self._prompted)

    @property
    def text(self) -> str | None:
        """The prompt that was handed in last; None: there is none."""
        return self._turn.text if self._turn is not None else None

    def cancel(self, turn_id: str, session_id: str | None) -> None:
        """Stop working on that turn."""
        turn = self._turn
        if turn is None or turn.turn_id != turn_id:
            return
        if not turn.sent:
            self._end(TurnEnded(turn_id=turn_id, stop=Stop.CANCELLED))
            return
        turn.cancelled = True
        # First, so that the agent takes the answers that follow for what they are.
        self._calls.say(jsonrpc.notification("session/cancel", {"sessionId": session_id}))
        self.withdraw()

    def answer(self, ask_id: str, decision: Decision) -> None:
        """Answer a question."""
        self._calls.say(self._asking.answer(ask_id, decision))

    # What the agent says

    def tell(self, event: Event) -> None:
        """An event of a turn: outside of one the agent has begun its own."""
        idle = self._turn is None or not self._turn.sent
        if isinstance(event, _WORK) and idle and not self._by_itself:
            self._by_itself = True
            self.events.append(TurnStarted(turn_id=None))
        self.events.append(event)

    def notice_end(self, update: dict[str, Any]) -> None:
        """Claude's adapter tells at the end of each turn who began it, and what it has cost."""
        match update:
            case {"sessionUpdate": "usage_update", "_meta": {"_claude/origin": {"kind": kind}}}:
                if self._by_itself and kind != "human":
                    self._end_own()

    def retry(self) -> None:
        """The agent asks its model once more."""
        self._retries += 1
        self.events.append(Retry(attempt=self._retries))

    def permission(self, request: Request, *, asks: bool) -> None:
        """The agent wants to know whether it may; without `asks` it may not."""
        *patches, ask = self.updates.asked(self._asking.new_id(), request.params)
        assert isinstance(ask, Ask)
        if self._turn is not None and self._turn.cancelled:
            self._calls.say(reply(request.id, None))
            return
        for patch in patches:
            self.tell(patch)
        if asks:
            self._asking.add(request.id, ask)
            self.tell(ask)
        else:
            self._calls.say(reply(request.id, refusing(ask)))

    def withdraw(self, number: object = None) -> None:
        """Nobody waits for the answer to that question any more; None: to none of them."""
        for ask_id, line in self._asking.withdraw(number=number):
            self._calls.say(line)
            self.events.append(AskWithdrawn(ask_id=ask_id))

    # How turns end

    def fail(self, reason: str, text: str) -> None:
        """The prompt, if there is one, comes to nothing."""
        if self._turn is not None:
            turn_id = self._turn.turn_id
            self._end(TurnEnded(turn_id=turn_id, stop=Stop.FAILED, reason=reason, text=text))

    def lost(self) -> list[TurnEnded]:
        """The process ended: how the turns end that were still open."""
        ends = [TurnEnded(turn_id=None, stop=Stop.LOST)] if self._by_itself else []
        if self._turn is not None:
            ends.append(TurnEnded(turn_id=self._turn.turn_id, stop=Stop.LOST))
        self._by_itself, self._turn = False, None
        return ends

    def _prompted(self, message: Answer | Failure) -> None:
        turn = self._turn
        if turn is None:
            return
        result = message.result if isinstance(message, Answer) else None
        reason = result.get("stopReason") if isinstance(result, dict) else None
        if turn.cancelled:
            stop = Stop.CANCELLED
        elif isinstance(message, Answer) and self.updates.faults.reason is not None:
            self.fail("error", self.updates.faults.reason)
            return
        elif isinstance(message, Answer):
            stop = stop_of(reason)
        elif message.code == jsonrpc.REQUEST_CANCELLED:
            stop = Stop.CANCELLED
        else:
            self.fail(*_failed(message))
            self.session_lost = message.code == UNKNOWN_SESSION
            return
        self._end(
            TurnEnded(
                turn_id=turn.turn_id,
                stop=stop,
                reason=reason if isinstance(reason, str) else None,
                usage=self.updates.usage(result),
                total_cost_microusd=self.updates.cost_microusd,
            )
        )

    def _end(self, end: TurnEnded) -> None:
        self.withdraw()
        self._turn = None
        self.events.append(end)

    def _end_own(self) -> None:
        self._by_itself = False
        cost = self.updates.cost_microusd
        self.events.append(TurnEnded(turn_id=None, stop=Stop.DONE, total_cost_microusd=cost))


def _failed(message: Failure) -> tuple[str, str]:
    """Reason and text of a prompt that the agent answered with an error."""
    text = failure_text(message.message, message.data)
    if message.code == UNKNOWN_SESSION:
        return "session_lost", f"the agent does not know this conversation any more: {text}"
    return failure_kind(message.data) or "error", text
