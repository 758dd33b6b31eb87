"""The control protocol beside the conversation: requests and answers, both ways. Pure.

We ask for the handshake, an interrupt, other settings; Claude Code asks for permission, and for
things that we do not offer, which are declined so that it never waits for us.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from clawdforge.agents.claude.tools import kind_of, paths_of, title_of
from clawdforge.agents.claude.values import line, mapping, text
from clawdforge.agents.driver import Decision, SettingName
from clawdforge.core.events import Ask, Option
from clawdforge.core.names import EFFORTS, SystemMode, is_model_name

INITIALIZE_ID = "initialize"
MODES = ("default", "acceptEdits", "plan", "dontAsk", "auto")
"""What `set_permission_mode` takes; `bypassPermissions` only where it was started with it."""
OPTIONS = (
    Option(option_id="allow_once", kind="allow_once", name="Allow"),
    Option(option_id="allow_always", kind="allow_always", name="Allow always"),
    Option(option_id="reject_once", kind="reject_once", name="Refuse"),
)
"""Ours: it offers none. To it, always is once: who asks for always must remember it."""
REFUSED = "This was refused."
NOT_ASKED = "Nobody can be asked here, so it was refused."


@dataclass(frozen=True, slots=True)
class Reply:
    """What Claude Code answered to a request of ours."""

    error: str | None
    """Why not; None when it did as it was told."""
    body: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class _Waiting:
    """A question of Claude Code's that has no answer yet."""

    args: Mapping[str, Any]
    by_subagent: bool


def initialize(system: str | None, mode: SystemMode) -> bytes:
    """The first line: the handshake, which also carries the system prompt."""
    request: dict[str, Any] = {"subtype": "initialize"}
    if system is not None:
        request["systemPrompt" if mode == "replace" else "appendSystemPrompt"] = system
    return request_line(INITIALIZE_ID, request)


def user_message(turn_id: str, prompt: str) -> bytes:
    """The line that hands in a prompt. `turn_id` is a UUID; Claude Code names the turn by it."""
    message = {"role": "user", "content": prompt}
    return line({"type": "user", "message": message, "uuid": turn_id, "parent_tool_use_id": None})


def interrupt() -> Mapping[str, Any]:
    """Stop the turn, and drop a prompt that is still in line; the receipt lists it then."""
    return {"subtype": "interrupt", "cancel_queued": True}


def setting(key: SettingName, value: str) -> Mapping[str, Any] | None:
    """The request that changes a setting; None for a value that cannot be right.

    Claude Code takes any effort and any model without a word, so that these are checked here.
    """
    if key == "mode":
        return {"subtype": "set_permission_mode", "mode": value}
    if key == "model" and is_model_name(value):
        return {"subtype": "set_model", "model": value}
    if key == "effort" and value in EFFORTS:
        return {"subtype": "apply_flag_settings", "settings": {"effortLevel": value}}
    return None


def request_line(request_id: str, request: Mapping[str, Any]) -> bytes:
    """A request of ours."""
    return line({"type": "control_request", "request_id": request_id, "request": request})


def reply_of(value: Mapping[str, Any]) -> tuple[str, Reply] | None:
    """The request that a `control_response` answers, and the answer."""
    response = mapping(value.get("response"))
    request_id = text(response.get("request_id"))
    if request_id is None:
        return None
    failed = response.get("subtype") == "error"
    error = (text(response.get("error")) or "it was refused") if failed else None
    return request_id, Reply(error, mapping(response.get("response")))


class Asks:
    """What Claude Code asks us, and waits for."""

    def __init__(self, *, may_ask: bool) -> None:
        self._may_ask = may_ask
        self._waiting: dict[str, _Waiting] = {}

    def asked(self, value: Mapping[str, Any]) -> Ask | bytes:
        """A `control_request`: a question for people, or our answer to it."""
        request_id = text(value.get("request_id")) or ""
        request = mapping(value.get("request"))
        tool = text(request.get("tool_name"))
        if request.get("subtype") != "can_use_tool":
            return _declined(request_id, request)
        if not self._may_ask or tool is None or not request_id:
            return _answer(request_id, {"behavior": "deny", "message": NOT_ASKED})
        args = mapping(request.get("input"))
        by_subagent = request.get("agent_id") is not None
        self._waiting[request_id] = _Waiting(args, by_subagent)
        return Ask(
            ask_id=request_id,
            tool=tool,
            kind=kind_of(tool),
            title=text(request.get("title")) or text(request.get("description")) or title_of(args),
            args=request.get("input"),
            paths=paths_of(args, request.get("blocked_path")),
            call_id=text(request.get("tool_use_id")),
            options=OPTIONS,
        )

    def answered(self, ask_id: str, decision: Decision) -> bytes:
        """What tells the answer; empty when nobody waits for it."""
        waiting = self._waiting.pop(ask_id, None)
        if waiting is None:
            return b""
        if not decision.allow:
            message = decision.message or REFUSED
            return _answer(ask_id, {"behavior": "deny", "message": message})
        args = decision.args if isinstance(decision.args, dict) else waiting.args
        return _answer(ask_id, {"behavior": "allow", "updatedInput": args})

    def withdrawn(self, ask_id: object) -> bool:
        """Claude Code does not wait for that answer any more; whether it had."""
        return isinstance(ask_id, str) and self._waiting.pop(ask_id, None) is not None

    def withdraw_turn(self) -> Iterator[str]:
        """The turn was cancelled: its questions, but not those of agents in the background."""
        for ask_id, waiting in list(self._waiting.items()):
            if not waiting.by_subagent:
                del self._waiting[ask_id]
                yield ask_id


_DECLINED: Mapping[str, Mapping[str, Any]] = {
    "elicitation": {"action": "decline"},
    "request_user_dialog": {"behavior": "cancelled"},
}


def _declined(request_id: str, request: Mapping[str, Any]) -> bytes:
    subtype = text(request.get("subtype")) or ""
    if subtype in _DECLINED:
        return _answer(request_id, _DECLINED[subtype])
    response = {"request_id": request_id, "error": "this client does not offer that"}
    return line({"type": "control_response", "response": {"subtype": "error", **response}})


def _answer(request_id: str, body: Mapping[str, Any]) -> bytes:
    response = {"subtype": "success", "request_id": request_id, "response": body}
    return line({"type": "control_response", "response": response})


def models_of(body: Mapping[str, Any]) -> Sequence[str]:
    """The models that the handshake names, by the names that `set_model` takes."""
    models = body.get("models")
    named = [mapping(each).get("value") for each in models] if isinstance(models, list) else []
    return [name for name in named if isinstance(name, str)]
