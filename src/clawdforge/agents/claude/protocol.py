"""Claude Code's stream-json: lines to events, what we want to lines. Pure.

Measured with 2.1.316 to 2.1.329. A turn ends with a `result` line; whether it worked is in its
`is_error`, never in `subtype`: failed model calls come as `subtype: success`. Prompts and
system prompts go over stdin, so that they show in no process list.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from clawdforge.agents.claude.control import (
    INITIALIZE_ID,
    MODES,
    Asks,
    Reply,
    interrupt,
    models_of,
    reply_of,
    request_line,
)
from clawdforge.agents.claude.messages import Messages, results
from clawdforge.agents.claude.results import CANNOT_RESUME, Meter, context_of, ended
from clawdforge.agents.claude.turns import Prompt, Turns
from clawdforge.agents.claude.values import count, mapping, objects, strings, text
from clawdforge.agents.driver import Decision
from clawdforge.core.events import (
    Ask,
    AskWithdrawn,
    Background,
    Changed,
    Event,
    Note,
    Ready,
    Retry,
    Stop,
    TurnEnded,
    Unknown,
)
from clawdforge.wire.framing import json_object

_NOISE = frozenset(
    ("keep_alive", "tool_progress", "tool_use_summary", "prompt_suggestion", "transcript_mirror")
)
_TASK_NOISE = ("task_started", "task_updated", "task_progress", "task_notification")
_SYSTEM_NOISE = frozenset((*_TASK_NOISE, "thinking_tokens", "session_state_changed"))
"""What says nothing that other lines do not say as well."""


class Decoder:
    """Reads one process's output. Lines that are not JSON objects are counted and skipped.

    Args:
        session_id: The conversation's id, which `Ready` tells; None where it is not kept.
        resuming: An earlier conversation is to go on.
        asks: Permission may be asked for.
        kept: There may be many turns, and the cost is added up; otherwise it is the one turn's.
    """

    def __init__(
        self,
        *,
        session_id: str | None = None,
        resuming: bool = False,
        asks: bool = False,
        kept: bool = False,
    ) -> None:
        self.skipped = 0
        self._session_id = session_id
        self._resuming = resuming
        self._cannot_resume: str | None = None
        self._meter = Meter() if kept else None
        self._version: str | None = None
        self._mode: str | None = None
        self._background = False
        self._turns = Turns()
        self._messages = Messages()
        self._asks = Asks(may_ask=asks)
        self._requests = 0
        self._replies: dict[str, Reply | None] = {}
        self._output: list[bytes] = []

    # What we want

    def expect(self, turn_id: str) -> None:
        """A prompt is handed in: it will have an end."""
        self._turns.expect(turn_id)

    def cancel(self, turn_id: str) -> None:
        """The turn is to stop. Nothing happens when it has ended."""
        self._turns.cancel(turn_id)

    def answer(self, ask_id: str, decision: Decision) -> None:
        """A question is answered. Nothing happens when nobody waits for that."""
        self._output.append(self._asks.answered(ask_id, decision))

    def ask(self, request: Mapping[str, Any]) -> str:
        """Ask Claude Code for something: the id under which `reply` finds its answer."""
        request_id = self._request(request)
        self._replies[request_id] = None
        return request_id

    def reply(self, request_id: str) -> Reply | None:
        """The answer to a request; None while there is none."""
        return self._replies.get(request_id)

    def drop(self, request_id: str) -> None:
        """Nobody waits for that answer any more."""
        self._replies.pop(request_id, None)

    def take_output(self) -> bytes:
        """What is to be written to Claude Code now."""
        if self._turns.must_interrupt:
            self._turns.must_interrupt = False
            self._request(interrupt())
        output, self._output = b"".join(self._output), []
        return output

    def _request(self, request: Mapping[str, Any]) -> str:
        self._requests += 1
        request_id = f"clawdforge-{self._requests}"
        self._output.append(request_line(request_id, request))
        return request_id

    # What we hear

    @property
    def has_open_turn(self) -> bool:
        """Whether it has something to do: a prompt, a turn of its own, work in the background."""
        return self._turns.waiting or self._turns.own or self._background

    def lost(self) -> list[TurnEnded]:
        """The process ended: how the turns end that were still open."""
        return [
            self._not_resumed(turn_id) or TurnEnded(turn_id=turn_id, stop=Stop.LOST)
            for turn_id in self._turns.all_over()
        ]

    def feed(self, line: bytes) -> list[Event]:
        """The events of one line."""
        value = json_object(line)
        if value is None:
            self.skipped += bool(line.strip())
            return []
        return list(self._events(value))

    def _events(self, value: dict[str, Any]) -> Iterator[Event]:
        match value:
            case {"type": "stream_event"}:
                yield from self._messages.streamed(value)
            case {"type": "assistant"}:
                yield from self._messages.assistant(value)
            case {"type": "user"}:
                yield from results(value)
            case {"type": "result"}:
                yield from self._result(value)
            case {"type": "system", "subtype": str(subtype)}:
                yield from self._system(subtype, value)
            case {"type": "control_request"}:
                yield from self._asked(value)
            case {"type": "control_cancel_request"}:
                if self._asks.withdrawn(value.get("request_id")):
                    yield AskWithdrawn(ask_id=value["request_id"])
            case {"type": "control_response"}:
                yield from self._replied(value)
            case {"type": "command_lifecycle"}:
                yield from self._turns.told(value, self._messages.model)
                if value.get("state") == "cancelled":
                    yield from self._dropped(value.get("command_uuid"))
            case {"type": "conversation_reset"}:
                self._messages.forget_context()
                yield Note(kind="conversation_reset", text=text(value.get("trigger")) or "")
            case {"type": str(kind)} if kind in _NOISE:
                return
            case _:
                yield Unknown(raw=value)

    def _asked(self, value: Mapping[str, Any]) -> Iterator[Ask]:
        asked = self._asks.asked(value)
        if isinstance(asked, Ask):
            yield asked
        else:
            self._output.append(asked)

    def _replied(self, value: Mapping[str, Any]) -> Iterator[Event]:
        found = reply_of(value)
        if found is None:
            yield Unknown(raw=value)
            return
        request_id, reply = found
        if request_id == INITIALIZE_ID:
            yield self._ready(reply)
            return
        self._mode = text(reply.body.get("mode")) or self._mode  # we wanted it: not its own doing
        if request_id in self._replies:
            self._replies[request_id] = reply
        for turn_id in strings(reply.body.get("cancelled")):
            yield from self._dropped(turn_id)

    def _ready(self, reply: Reply) -> Ready:
        self._resuming = False
        self._version = text(reply.body.get("claude_code_version"))
        self._mode = text(reply.body.get("current_permission_mode"))
        return self._introduced(*models_of(reply.body))

    def _introduced(self, *models: str) -> Ready:
        return Ready(
            version=self._version, agent_session_id=self._session_id, models=models, modes=MODES
        )

    # Turns

    def _begun(self, init: Mapping[str, Any]) -> Iterator[Event]:
        session_id = text(init.get("session_id"))
        if self._session_id is not None and session_id not in {None, self._session_id}:
            self._session_id = session_id  # `/clear` began another conversation
            yield self._introduced()
        self._messages.model = text(init.get("model"))
        yield from self._turns.begun(init, self._messages.model)

    def _result(self, value: Mapping[str, Any]) -> Iterator[Event]:
        if self._resuming and value.get("is_error"):
            self._cannot_resume = ended(value, None).text or "it does not know the conversation"
            return  # it exits now, and `lost` tells the rest
        total_cost = None
        if self._meter is not None:
            total_cost = self._meter.total(value)
            yield from context_of(value, self._messages, total_cost)
        self._messages.forget_pieces()
        prompt = self._turns.ended_by(value)
        yield from self._withdrawn(prompt)
        yield ended(
            value,
            prompt.turn_id if prompt else None,
            cancelled=prompt is not None and prompt.cancelled,
            total_cost=total_cost,
        )

    def _dropped(self, turn_id: object) -> Iterator[Event]:
        prompt = self._turns.dropped(turn_id)
        if prompt is not None:
            yield from self._withdrawn(prompt)
            yield TurnEnded(turn_id=prompt.turn_id, stop=Stop.CANCELLED)

    def _withdrawn(self, prompt: Prompt | None) -> Iterator[AskWithdrawn]:
        if prompt is not None and prompt.cancelled:
            for ask_id in self._asks.withdraw_turn():
                yield AskWithdrawn(ask_id=ask_id)

    def _not_resumed(self, turn_id: str | None) -> TurnEnded | None:
        if self._cannot_resume is None:
            return None
        return TurnEnded(
            turn_id=turn_id, stop=Stop.FAILED, reason=CANNOT_RESUME, text=self._cannot_resume
        )

    # What else it tells

    def _system(self, subtype: str, value: Mapping[str, Any]) -> Iterator[Event]:
        match subtype:
            case "init":
                yield from self._begun(value)
            case "status":
                mode = text(value.get("permissionMode"))
                if mode is not None and mode != self._mode:
                    self._mode = mode
                    yield Changed(key="mode", value=mode)
            case "api_retry":
                yield _retry(value)
            case "background_tasks_changed":
                tasks = tuple(_task(each) for each in objects(value.get("tasks")))
                self._background = bool(tasks)
                yield Background(tasks=tasks)
            case "compact_boundary":
                self._messages.forget_context()
                yield Note(kind="compacted", text=_compaction(value))
            case _ if subtype not in _SYSTEM_NOISE:
                yield Unknown(raw=value)


def _retry(value: Mapping[str, Any]) -> Retry:
    return Retry(
        attempt=count(value.get("attempt")) or 0,
        max_attempts=count(value.get("max_retries")),
        delay_ms=count(value.get("retry_delay_ms")),
        status=count(value.get("error_status")),
    )


def _task(value: Mapping[str, Any]) -> str:
    return text(value.get("description")) or text(value.get("task_id")) or "a task"


def _compaction(value: Mapping[str, Any]) -> str:
    told = mapping(value.get("compact_metadata"))
    how, before = text(told.get("trigger")) or "", count(told.get("pre_tokens"))
    return f"{how}, from {before} tokens" if how and before is not None else how
