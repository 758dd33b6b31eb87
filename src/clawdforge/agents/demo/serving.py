"""The demo agent's half of ACP v1: what is asked of it, also while a turn runs.

Part of `program.py`. One thread reads and answers at once, the main thread takes turns, one
after the other. (Turns need the main thread: only there can signals be ignored.)
"""

import json
import os
import queue
import sys
import threading
from collections.abc import Callable
from typing import Any

from .commands import respond
from .memory import Memory
from .session import (
    BAD_PARAMS,
    FAILED,
    UNKNOWN_METHOD,
    UNKNOWN_SESSION,
    VERSION,
    Json,
    RefusedError,
    Session,
    string,
)
from .turns import Client, Turn


class Agent:
    """The process."""

    def __init__(self) -> None:
        self.exit_code = 0
        self._client = Client()
        self._memory = Memory()
        self._sessions: dict[str, Session] = {}
        self._running: list[Turn] = []
        self._todo: queue.SimpleQueue[tuple[Turn, Any] | None] = queue.SimpleQueue()
        self._methods: dict[str, Callable[[Json], Json]] = {
            "initialize": lambda _: _introduction(),
            "authenticate": lambda _: {},
            "session/new": self._new,
            "session/load": self._load,
            "session/resume": lambda params: self._open(params).told(),
            "session/fork": self._fork,
            "session/close": self._close,
            "session/delete": self._delete,
            "session/set_mode": self._set_mode,
            "session/set_config_option": self._set_option,
        }

    def read(self) -> None:
        """Take everything that comes in, until its end."""
        for line in sys.stdin.buffer:
            try:
                message = json.loads(line)
            except ValueError:
                continue
            if isinstance(message, dict):
                self._take(message)
        self._todo.put(None)

    def work(self) -> None:
        """Take turns until there are no more."""
        while (item := self._todo.get()) is not None:
            turn, number = item
            result = self._result(turn)
            self._running.remove(turn)
            self._client.emit({"id": number, **result})

    def _take(self, message: Json) -> None:
        method, number = message.get("method"), message.get("id")
        params = message.get("params") or {}
        if method is None:
            self._client.answered(number, message.get("result") or {})
        elif method == "session/cancel":
            for turn in list(self._running):
                if turn.session.id == params.get("sessionId"):
                    turn.cancel()
        elif number is not None:
            self._answer(number, method, params)

    def _answer(self, number: Any, method: str, params: Json) -> None:
        try:
            if method == "session/prompt":
                self._prompt(number, params)
                return
            handler = self._methods.get(method)
            if handler is None:
                raise RefusedError(UNKNOWN_METHOD, f"Method not found: {method}")
            self._client.emit({"id": number, "result": handler(params)})
        except RefusedError as refusal:
            error = {"code": refusal.code, "message": str(refusal)}
            self._client.emit({"id": number, "error": error})

    # Sessions

    def _new(self, params: Json) -> Json:
        if not os.path.isabs(string(params, "cwd")):  # noqa: PTH117 - pathlib starts slower
            raise RefusedError(BAD_PARAMS, "Invalid params: cwd must be an absolute path")
        return self._add(Session(self._memory.new_id(), params)).told()

    def _open(self, params: Json) -> Session:
        return self._add(Session(string(params, "sessionId"), params, self._kept(params)))

    def _load(self, params: Json) -> Json:
        session = self._open(params)
        for prompt, answer in session.turns:
            for kind, text in (("user_message_chunk", prompt), ("agent_message_chunk", answer)):
                self._client.update(session, kind, content={"type": "text", "text": text})
        return session.told()

    def _fork(self, params: Json) -> Json:
        return self._add(Session(self._memory.new_id(), params, self._kept(params))).told()

    def _close(self, params: Json) -> Json:
        self._sessions.pop(string(params, "sessionId"), None)
        return {}

    def _delete(self, params: Json) -> Json:
        self._memory.remove(string(params, "sessionId"))
        return self._close(params)

    def _set_mode(self, params: Json) -> Json:
        session = self._known(params)
        session.set("mode", string(params, "modeId"))
        mode = session.settings["mode"]
        self._client.update(session, "current_mode_update", currentModeId=mode)
        return {}

    def _set_option(self, params: Json) -> Json:
        session = self._known(params)
        session.set(string(params, "configId"), string(params, "value"))
        return {"configOptions": session.options()}

    def _add(self, session: Session) -> Session:
        self._sessions[session.id] = session
        return session

    def _kept(self, params: Json) -> Json:
        kept = self._memory.load(string(params, "sessionId"))
        if kept is None:
            raise RefusedError(UNKNOWN_SESSION, "Resource not found")
        return kept

    def _known(self, params: Json) -> Session:
        session = self._sessions.get(string(params, "sessionId"))
        if session is None:
            raise RefusedError(UNKNOWN_SESSION, "Resource not found")
        return session

    # Turns

    def _prompt(self, number: Any, params: Json) -> None:
        blocks = params.get("prompt") or []
        text = "\n\n".join(block["text"] for block in blocks if block.get("type") == "text")
        turn = Turn(self._client, self._known(params), text)
        self._running.append(turn)
        self._todo.put((turn, number))

    def _result(self, turn: Turn) -> Json:
        failure = respond(turn)
        self.exit_code = 1 if failure is not None else 0
        if failure is not None:
            sys.stderr.write("demo agent: the turn failed\n")
            return {"error": {"code": FAILED, "message": failure}}
        cancelled = turn.is_cancelled.is_set()
        if not cancelled:
            session = turn.session
            session.turns.append([turn.prompt[:1000], turn.said[:1000]])
            self._memory.save(session.id, session.to_keep())
        usage = {"inputTokens": len(turn.prompt.split()), "outputTokens": len(turn.said.split())}
        usage["totalTokens"] = sum(usage.values())
        return {"result": {"stopReason": "cancelled" if cancelled else "end_turn", "usage": usage}}


def _introduction() -> Json:
    offers: Json = {name: {} for name in ("resume", "fork", "close", "delete")}
    offers["systemPrompt"] = {"mode": {"override": {}}}
    return {
        "protocolVersion": 1,
        "agentInfo": {"name": "clawdforge-demo", "title": "Demo", "version": VERSION},
        "authMethods": [],
        "agentCapabilities": {
            "loadSession": True,
            "sessionCapabilities": offers,
            "mcpCapabilities": {"http": True},
        },
    }


def main() -> None:
    """Serve until the end of input; the exit code tells whether the last turn failed."""
    agent = Agent()
    threading.Thread(target=agent.read, daemon=True).start()
    try:
        agent.work()
    except Exception:  # noqa: BLE001 - a mistake of ours
        sys.excepthook(*sys.exc_info())
        agent.exit_code = 70
    sys.stderr.flush()
    os._exit(agent.exit_code)  # the other thread may hold standard input: it is not waited for
