"""What the demo agent says: messages, and the turn that they belong to. Part of `program.py`."""

import json
import os
import queue
import sys
import threading
from typing import Any

from .session import Json, Session

Answers = queue.SimpleQueue[Json | None]
"""Gives the answer to a question; None: the turn was cancelled."""


class CancelledError(Exception):
    """The client wants the turn to end."""


class Client:
    """The other side: who is told, and asked. Used by several threads."""

    def __init__(self) -> None:
        self._waiting: dict[int, Answers] = {}
        self._count = 0
        self._writing = threading.Lock()

    def write(self, data: bytes) -> None:
        """Write bytes in one piece."""
        with self._writing:
            try:
                sys.stdout.buffer.write(data)
                sys.stdout.buffer.flush()
            except BrokenPipeError:
                os._exit(0)

    def emit(self, message: Json) -> None:
        """Write one message."""
        self.write(json.dumps({"jsonrpc": "2.0", **message}).encode() + b"\n")

    def update(self, session: Session, what: str, /, **update: Any) -> None:
        """Tell something about a session."""
        params = {"sessionId": session.id, "update": {"sessionUpdate": what, **update}}
        self.emit({"method": "session/update", "params": params})

    def ask(self, method: str, params: Json, answers: Answers) -> int:
        """Ask; the answer is put into `answers`."""
        self._count += 1
        self._waiting[self._count] = answers
        self.emit({"id": self._count, "method": method, "params": params})
        return self._count

    def answered(self, number: Any, result: Json) -> None:
        """An answer came; nobody may be waiting for it any more."""
        answers = self._waiting.pop(number, None)
        if answers is not None:
            answers.put(result)

    def withdraw(self, number: int) -> None:
        """Do not wait for that answer any more."""
        self._waiting.pop(number, None)
        self.emit({"method": "$/cancel_request", "params": {"requestId": number}})


class Turn:
    """One prompt, and what is done about it."""

    def __init__(self, client: Client, session: Session, prompt: str) -> None:
        self.client = client
        self.session = session
        self.prompt = prompt
        self.said = ""
        self.is_cancelled = threading.Event()
        self._answers: Answers = queue.SimpleQueue()
        self._message_id = f"msg-{len(session.turns) + 1}"
        self._calls = 0

    def cancel(self) -> None:
        """Make it end: who waits in it gets `CancelledError`."""
        self.is_cancelled.set()
        self._answers.put(None)

    def wait(self, secs: float | None = None) -> None:
        """Let time pass; None: for ever.

        Raises:
            CancelledError: the client does not want to wait.
        """
        if self.is_cancelled.wait(secs):
            raise CancelledError

    def say(self, text: str) -> None:
        """A piece of the answer."""
        self.said += text
        self._chunk("agent_message_chunk", text)

    def think(self, text: str) -> None:
        """A piece of thinking."""
        self._chunk("agent_thought_chunk", text)

    def tell(self, what: str, /, **update: Any) -> None:
        """Any other update."""
        self.client.update(self.session, what, **update)

    def new_call(self) -> str:
        """A name for a tool call, unique in its conversation."""
        self._calls += 1
        return f"call-{len(self.session.turns) + 1}-{self._calls}"

    def ask(self, tool_call: Json, *, withdraw_after: float | None = None) -> bool:
        """Ask whether a tool may run.

        Args:
            tool_call: What it would do.
            withdraw_after: Seconds after which the agent does without an answer.

        Raises:
            CancelledError: the client ends the turn instead.
        """
        options = [
            {"optionId": "yes", "name": "Allow", "kind": "allow_once"},
            {"optionId": "yes-always", "name": "Always allow", "kind": "allow_always"},
            {"optionId": "no", "name": "Reject", "kind": "reject_once"},
        ]
        params = {"sessionId": self.session.id, "toolCall": tool_call, "options": options}
        number = self.client.ask("session/request_permission", params, self._answers)
        try:
            answer = self._answers.get(timeout=withdraw_after)
        except queue.Empty:
            self.client.withdraw(number)
            return False
        if answer is None:
            self.client.withdraw(number)
            raise CancelledError
        outcome = answer.get("outcome") or {}
        return outcome.get("optionId") in {"yes", "yes-always"}

    def _chunk(self, kind: str, text: str) -> None:
        content = {"type": "text", "text": text}
        self.tell(kind, content=content, messageId=self._message_id)
