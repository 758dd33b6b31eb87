"""From a step to a reply, the same way in every dialect; the words are those of a `Voice`."""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Protocol

from clawdforge.testing.model_api.exchange import Ending, Exchange, Piece
from clawdforge.testing.model_api.request import Request
from clawdforge.testing.model_api.script import (
    Answer,
    Drop,
    Fail,
    Slow,
    Stall,
    Step,
    answer_of,
)


@dataclass(frozen=True, slots=True)
class Event:
    """One server-sent event of a stream."""

    data: Mapping[str, Any] | str
    """An object is sent as JSON."""
    name: str | None = None
    paced: bool = False
    """Whether a slow model lets time pass before it."""

    def encode(self) -> bytes:
        """The event's bytes on the wire."""
        head = "" if self.name is None else f"event: {self.name}\n"
        data = self.data if isinstance(self.data, str) else json.dumps(self.data)
        return f"{head}data: {data}\n\n".encode()


class Voice(Protocol):
    """What a dialect says differently from the others. Pure."""

    def whole(self, answer: Answer, request: Request, serial: str) -> Mapping[str, Any]:
        """The body of a reply that is no stream."""

    def stream(
        self, answer: Answer, request: Request, serial: str, *, limit: int | None = None
    ) -> Iterator[Event]:
        """The answer as events; with `limit`, only up to that many characters of text.

        A limited stream has no end, even if the answer is shorter than the limit.
        """

    def error(self, step: Fail, serial: str) -> Mapping[str, Any]:
        """The body of an error reply."""

    def broken(self, step: Fail, request: Request, serial: str) -> Event:
        """The event that ends a stream which has failed."""

    def headers(self, serial: str) -> Mapping[str, str]:
        """Headers that every reply to a request has."""


def render(voice: Voice, request: Request, step: Step, serial: str) -> Exchange:
    """Put a step into words; see `Dialect.render`."""
    if isinstance(step, Fail):
        return _failure(voice, request, step, serial)
    if isinstance(step, Drop):
        return _cut_short(voice, request, step, serial, Ending.RESET)
    if isinstance(step, Stall):
        return _cut_short(voice, request, step, serial, Ending.STALL)
    if isinstance(step, Slow):
        reply = _reply(voice, request, step.answer, serial, pause_secs=step.pause_secs)
        return replace(reply, wait_secs=step.first_secs)
    return _reply(voice, request, step, serial)


def json_reply(
    body: Mapping[str, Any], *, status: int = 200, headers: Mapping[str, str] | None = None
) -> Exchange:
    """A reply in one piece."""
    return Exchange(
        status=status,
        headers={"content-type": "application/json", **(headers or {})},
        pieces=(Piece(json.dumps(body).encode()),),
    )


def _reply(
    voice: Voice, request: Request, answer: Answer, serial: str, *, pause_secs: float = 0.0
) -> Exchange:
    if not request.stream:
        return json_reply(voice.whole(answer, request, serial), headers=voice.headers(serial))
    return _sse(voice, voice.stream(answer, request, serial), serial, pause_secs=pause_secs)


def _failure(voice: Voice, request: Request, step: Fail, serial: str) -> Exchange:
    if step.after_chars is not None and request.stream:
        begun = voice.stream(answer_of(step), request, serial, limit=step.after_chars)
        return _sse(voice, [*begun, voice.broken(step, request, serial)], serial)
    headers = {**voice.headers(serial), **step.headers}
    if step.retry_after is not None:
        headers["retry-after"] = f"{step.retry_after:g}"
    return json_reply(voice.error(step, serial), status=step.status, headers=headers)


def _cut_short(
    voice: Voice, request: Request, step: Drop | Stall, serial: str, ending: Ending
) -> Exchange:
    if step.after_chars is None:
        return Exchange(silent=True, ending=ending)
    answer = answer_of(step)
    if request.stream:
        events = voice.stream(answer, request, serial, limit=step.after_chars)
        return replace(_sse(voice, events, serial), ending=ending)
    whole = json_reply(voice.whole(answer, request, serial), headers=voice.headers(serial))
    # A reply in one piece has its text deep inside: half of the body is as good a place.
    body = whole.pieces[0].data
    return replace(whole, pieces=(Piece(body[: len(body) // 2]),), ending=ending)


def _sse(
    voice: Voice, events: Iterable[Event], serial: str, *, pause_secs: float = 0.0
) -> Exchange:
    pieces = [Piece(each.encode(), pause_secs if each.paced else 0.0) for each in events]
    return Exchange(
        headers={
            "content-type": "text/event-stream; charset=utf-8",
            "cache-control": "no-cache",
            **voice.headers(serial),
        },
        pieces=tuple(pieces),
    )
