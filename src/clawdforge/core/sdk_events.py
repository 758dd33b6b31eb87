"""A turn's stored events as the events of 0.2, which clients know: `text`, `thinking`, `tool_call`.

    {"type": "text", "content": str}
    {"type": "thinking", "content": str}
    {"type": "tool_call", "name": str, "args": any, "result": any}

Adjacent pieces are one event. Adjacent means: with nothing between them that is shown, so
neither a usage report nor the news of an earlier tool call cuts a text in two. A tool call is
shown once, where it first appeared, as it was in the end. A text with `replaces` stands for all
that was said since the last news of a tool call (see `core.turn`).
"""

from collections.abc import Iterable, Mapping
from typing import Any, Final, Literal

NAMELESS: Final = "tool"
"""The name of a tool call whose agent never gave it one."""

_NEWS = ("name", "title", "kind", "args", "result")


def sdk_events(bodies: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Fold the bodies of one turn's events, in their order, into what 0.2 answers."""
    fold = _Fold()
    for body in bodies:
        match body:
            case {"type": "text", "text": str(text)}:
                fold.text(text, replaces=body.get("replaces") is True)
            case {"type": "thinking", "text": str(text)}:
                fold.say("thinking", text)
            case {"type": "tool_call", "call_id": str(call_id)}:
                fold.call(call_id, body)
    return fold.events()


class _Piece:
    """A text or a thought that may still grow."""

    def __init__(self, kind: Literal["text", "thinking"]) -> None:
        self.kind = kind
        self.chunks: list[list[str]] = []

    def event(self) -> dict[str, Any] | None:
        content = "".join(text for chunk in self.chunks for text in chunk)
        return {"type": self.kind, "content": content} if content else None


class _Call:
    """A tool call, and what is known about it so far."""

    def __init__(self) -> None:
        self.known: dict[str, Any] = {}

    def learn(self, patch: Mapping[str, Any]) -> None:
        self.known |= {key: patch[key] for key in _NEWS if patch.get(key) is not None}

    def event(self) -> dict[str, Any] | None:
        known = self.known
        name = known.get("name") or known.get("title") or known.get("kind") or NAMELESS
        args, result = known.get("args"), known.get("result")
        return {"type": "tool_call", "name": name, "args": args, "result": result}


class _Fold:
    def __init__(self) -> None:
        self._shown: list[_Piece | _Call] = []
        self._calls: dict[str, _Call] = {}
        self._recent: list[list[str]] = []
        """The chunks of text since the last news of a tool call; emptied when replaced."""

    def text(self, text: str, *, replaces: bool) -> None:
        if replaces:
            for chunk in self._recent:
                chunk.clear()
            self._recent.clear()
            self._shown = [shown for shown in self._shown if shown.event() is not None]
        self._recent.append(self.say("text", text))

    def say(self, kind: Literal["text", "thinking"], text: str) -> list[str]:
        chunk = [text]
        if not text:
            return chunk
        last = self._shown[-1] if self._shown else None
        if not isinstance(last, _Piece) or last.kind != kind:
            last = _Piece(kind)
            self._shown.append(last)
        last.chunks.append(chunk)
        return chunk

    def call(self, call_id: str, patch: Mapping[str, Any]) -> None:
        self._recent.clear()
        call = self._calls.get(call_id)
        if call is None:
            call = self._calls[call_id] = _Call()
            self._shown.append(call)
        call.learn(patch)

    def events(self) -> list[dict[str, Any]]:
        found = (shown.event() for shown in self._shown)
        return [event for event in found if event is not None]
