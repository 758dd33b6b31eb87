"""An answer in its parts, as every dialect sends them: thoughts, then text, then calls."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from clawdforge.testing.model_api.script import Answer, CallTool, CallTools, Say


@dataclass(frozen=True, slots=True)
class Thinking:
    """What the model thinks before it speaks."""

    text: str


@dataclass(frozen=True, slots=True)
class Text:
    """What it says."""

    pieces: tuple[str, ...]
    """As a stream brings it."""
    is_whole: bool = True
    """The connection is not cut in the middle of it."""

    @property
    def text(self) -> str:
        """All of it."""
        return "".join(self.pieces)


@dataclass(frozen=True, slots=True)
class Call:
    """A tool that it asks for."""

    number: int
    """From 1, within the answer."""
    name: str
    input: Mapping[str, Any]


Part: TypeAlias = Thinking | Text | Call


def parts(answer: Answer, limit: int | None = None) -> Iterator[Part]:
    """The parts in order; with `limit`, only up to that many characters of text.

    Nothing comes after the text that reaches the limit: there the connection is cut.
    """
    if limit == 0:
        return
    if answer.thinking is not None:
        yield Thinking(answer.thinking)
    said = answer.text if isinstance(answer, Say) else answer.say
    if said is not None:
        chunks = answer.chunks if isinstance(answer, Say) else 1
        text = _limited(cut(said, chunks), limit)
        yield text
        if not text.is_whole:
            return
    for number, call in enumerate(_calls(answer), start=1):
        yield Call(number, call.name, dict(call.input))


def cut(text: str, pieces: int) -> list[str]:
    """Cut `text` into at most `pieces` pieces of about the same length, none of them empty."""
    size = max(1, -(-len(text) // pieces))
    return [text[at : at + size] for at in range(0, len(text), size)]


def _limited(pieces: list[str], limit: int | None) -> Text:
    if limit is None:
        return Text(tuple(pieces))
    shown: list[str] = []
    left = limit
    for piece in pieces:
        shown.append(piece[:left])
        left -= len(shown[-1])
        if left == 0:
            return Text(tuple(shown), is_whole=False)
    return Text(tuple(shown))


def _calls(answer: Answer) -> tuple[CallTool, ...]:
    if isinstance(answer, CallTools):
        return tuple(answer.calls)
    return (answer,) if isinstance(answer, CallTool) else ()
